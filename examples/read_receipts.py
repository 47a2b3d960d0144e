#!/usr/bin/env python3
"""Prints receipts from registers.receipts.v1 as JSON, one a line, each once.

  pip install "confluent-kafka[avro,schemaregistry]"
  examples/read_receipts.py --count 10

It shows what a reader of the topics has to do: the schema comes from the registry, and a repeat is told
by receipt_id + fiscal_sign + source + revision.
"""

import argparse
import datetime
import decimal
import json
import os
import sys
import time

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


def readable(value):
    """Quantities as decimal text, so that nothing is rounded; times in ISO 8601; bytes in hex."""
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"no JSON for {type(value).__name__}")


def receipts(arguments):
    """Every receipt of the topic, from its beginning, until nothing came for `--patience` seconds."""
    topic = arguments.prefix + "registers.receipts.v1"
    decode = AvroDeserializer(SchemaRegistryClient({"url": arguments.registry}))
    context = SerializationContext(topic, MessageField.VALUE)
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.brokers,
            "group.id": arguments.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    seen = set()
    give_up = time.monotonic() + arguments.patience
    try:
        while time.monotonic() < give_up:
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                raise SystemExit(f"{topic}: {message.error()}")
            receipt = decode(message.value(), context)
            identity = tuple(receipt[field] for field in ("receipt_id", "fiscal_sign", "source", "revision"))
            if identity not in seen:  # a report over months would ask its own database instead
                seen.add(identity)
                yield receipt
                give_up = time.monotonic() + arguments.patience
    finally:
        consumer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    setting = os.environ.get
    parser.add_argument("--brokers", default=setting("KASSAFLOW_KAFKA_BROKERS", "127.0.0.1:9092"))
    parser.add_argument("--registry", default=setting("KASSAFLOW_REGISTRY_URL", "http://127.0.0.1:8081/apis/ccompat/v7"))
    parser.add_argument("--prefix", default=setting("KASSAFLOW_TOPIC_PREFIX", ""), help="what stands before the topic's name")
    parser.add_argument("--group", default="my-report", help="consumer group")
    parser.add_argument("--count", type=int, help="end after so many receipts")
    parser.add_argument("--patience", type=float, default=30, help="end when nothing came for so many seconds (default: %(default)g)")
    arguments = parser.parse_args()
    for number, receipt in enumerate(receipts(arguments), start=1):
        print(json.dumps(receipt, ensure_ascii=False, default=readable), flush=True)
        if number == arguments.count:
            return
    if arguments.count:
        sys.exit(f"nothing more came for {arguments.patience:.0f} s")


if __name__ == "__main__":
    main()
