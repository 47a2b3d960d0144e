//! The records at given positions of a topic.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kafka::{Client, client::ClientError};
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::OwnedMessage,
};

/// How long all the positions together are waited for.
const BOUND: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(200);

/// The first record at or after each position (partition, offset) of a topic, by partition. A partition that has
/// none from there on, or that does not exist, is not in the answer. Blocks.
///
/// # Errors
/// When the brokers cannot be asked or do not answer in time.
pub(crate) fn first_records(
    client: &Client,
    topic: &str,
    positions: &[(i32, i64)],
) -> anyhow::Result<BTreeMap<i32, OwnedMessage>> {
    let mut found = BTreeMap::new();
    if positions.is_empty() {
        return Ok(found);
    }
    let consumer: BaseConsumer = client
        .config()
        .set("group.id", client.prefixed("reader"))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        // One record of each partition is wanted, not all that fits.
        .set("fetch.message.max.bytes", "65536")
        .set("queued.max.messages.kbytes", "1024")
        .set("fetch.wait.max.ms", "100")
        .create()
        .map_err(ClientError::Refused)?;
    let mut list = TopicPartitionList::new();
    for (partition, offset) in positions {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    consumer.assign(&list)?;
    let mut wanted: Vec<i32> = positions.iter().map(|(partition, _)| *partition).collect();
    let begun = Instant::now();
    while !wanted.is_empty() {
        anyhow::ensure!(begun.elapsed() < BOUND, "{topic}: the brokers did not hand out the records within {BOUND:?}");
        match consumer.poll(LOOK) {
            Some(Ok(message)) => {
                let partition = message.partition();
                wanted.retain(|other| *other != partition);
                found.entry(partition).or_insert_with(|| message.detach());
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => wanted.retain(|other| *other != partition),
            // A missing partition is reported once and without its number; the others of the topic still answer.
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownPartition))) if wanted.len() == 1 => break,
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
    Ok(found)
}
