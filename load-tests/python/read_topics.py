#!/usr/bin/env python3
"""Reads kassaflow's topics with a client that is not ours, from the beginning to the end at the start.

Writes what it found into a folder:
  receipts.txt, shifts.txt   the id of each record, one a line, repeats and all
  events.jsonl               each event
  dead-letters.jsonl         each dead letter, without its body
and prints a summary as JSON: for each topic the records, the different keys or ids, and the repeats.
How far it is stands on standard error, every few seconds.
"""

import argparse
import datetime
import json
import pathlib
import sys
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

EPOCH = datetime.datetime(1970, 1, 1)

# Seconds without a record before the broker counts as gone.
SILENCE = 60

# Seconds between two lines about how far it is.
PROGRESS = 10


def milliseconds(moment):
    """Milliseconds since 1970; a local time is counted as if it were UTC."""
    if moment is None:
        return None
    return (moment.replace(tzinfo=None) - EPOCH) // datetime.timedelta(milliseconds=1)


def records(brokers, topic):
    """Every record of a topic, in the order of each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "read-topics",  # never joined: the partitions are assigned by hand
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": False,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        left = {}
        for partition in partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
            if high > low:
                left[partition] = (low, high)
        consumer.assign([TopicPartition(topic, partition, low) for partition, (low, _) in left.items()])
        ends = {partition: high for partition, (_, high) in left.items()}
        total, read = sum(high - low for low, high in left.values()), 0
        heard = told = time.monotonic()
        while ends:
            batch = consumer.consume(10_000, timeout=1.0)
            if batch:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE:
                sys.exit(f"{topic}: nothing for {SILENCE} s, with partitions {sorted(ends)} not read to the end; is the broker up?")
            for message in batch:
                if message.error():
                    raise KafkaException(message.error())
                if message.partition() in ends:
                    read += 1
                    yield message
            if time.monotonic() - told > PROGRESS:
                told = time.monotonic()
                print(f"  {topic}: {read:,} of {total:,} records", file=sys.stderr, flush=True)
            # Markers and compaction leave holes: the position says more than the last record.
            for position in consumer.position([TopicPartition(topic, partition) for partition in list(ends)]):
                if position.offset >= ends[position.partition]:
                    del ends[position.partition]
    finally:
        consumer.close()


class Reader:
    def __init__(self, arguments):
        self.arguments = arguments
        self.registry = SchemaRegistryClient({"url": arguments.registry})
        self.summary = {}

    def decoded(self, name):
        """Key and value of every record of a topic."""
        topic = self.arguments.prefix + name
        decode = AvroDeserializer(self.registry)
        context = SerializationContext(topic, MessageField.VALUE)
        for message in records(self.arguments.brokers, topic):
            value = message.value()
            yield message.key(), None if value is None else decode(value, context)

    def ids(self, name, field, file):
        """Writes the ids of a topic and counts repeats."""
        seen, count = set(), 0
        with (self.arguments.out / file).open("w", encoding="utf-8") as out:
            for _, value in self.decoded(name):
                count += 1
                seen.add(value[field])
                print(value[field], file=out)
        self.summary[name] = {"records": count, "distinct": len(seen), "repeats": count - len(seen)}

    def events(self, name):
        seen, count = set(), 0
        with (self.arguments.out / "events.jsonl").open("w", encoding="utf-8") as out:
            for _, value in self.decoded(name):
                count += 1
                seen.add(value["event_id"])
                event = {
                    field: value[field]
                    for field in (
                        "event_id", "tenant", "shop", "register", "source", "kind", "device",
                        "shift_number", "amount_kopecks", "cashier_name", "cashier_inn",
                    )
                }
                event["local_ms"] = milliseconds(value["local_time"])
                event["utc_ms"] = milliseconds(value["utc_time"])
                print(json.dumps(event, ensure_ascii=False), file=out)
        self.summary[name] = {"records": count, "distinct": len(seen), "repeats": count - len(seen)}

    def dead_letters(self, name):
        count = 0
        with (self.arguments.out / "dead-letters.jsonl").open("w", encoding="utf-8") as out:
            for _, value in self.decoded(name):
                count += 1
                fields = ("tenant", "register", "stage", "error_class", "error_text", "error_place")
                print(json.dumps({field: value[field] for field in fields}, ensure_ascii=False), file=out)
        self.summary[name] = {"records": count}

    def compacted(self, name):
        newest, count = {}, 0
        for key, value in self.decoded(name):
            count += 1
            newest[key] = value is not None
        self.summary[name] = {"records": count, "distinct": sum(newest.values())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--registry", required=True, help="URL of the registry's Confluent-compatible interface")
    parser.add_argument("--prefix", default="", help="what stands before every topic's name")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for the files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    reader = Reader(arguments)
    reader.ids("registers.receipts.v1", "receipt_id", "receipts.txt")
    reader.ids("registers.shifts.v1", "shift_document_id", "shifts.txt")
    reader.events("registers.events.v1")
    reader.dead_letters("registers.dead-letters.v1")
    reader.compacted("catalog.products.v1")
    reader.compacted("restaurants.stop-lists.v1")
    json.dump(reader.summary, sys.stdout)


if __name__ == "__main__":
    main()
