//! Reads one topic without a consumer group: the directory, tails, what people want to look at.

use std::{collections::HashSet, time::Duration};

use rdkafka::{
    ClientContext, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    message::BorrowedMessage,
    topic_partition_list::Offset,
    types::RDKafkaErrorCode,
};

use crate::{
    client::{Client, ClientError, Unreachable},
    complaints::Complaints,
};

/// Logs what librdkafka reports, except the end of a partition: a reader waits for it.
struct Quiet(Complaints);

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        if !is_end(&error) {
            self.0.warn(&error, reason);
        }
    }
}

impl ConsumerContext for Quiet {}

/// A consumer's context is told of it as a global error, whoever polls as an end with its partition.
fn is_end(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF)
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest record.
    Beginning,
    /// So many offsets before the end of each partition.
    Tail(i64),
    /// What is written from now on.
    End,
}

/// A reader of all, or of some, partitions of one topic.
pub struct Reader {
    consumer: BaseConsumer<Quiet>,
    partitions: usize,
    /// Partitions whose end was reached.
    ended: HashSet<i32>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("partitions", &self.partitions)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Why a topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The settings are unusable.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No broker answers.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The brokers refuse, or were lost on the way: try again later.
    #[error("reading {topic}: {error}")]
    Kafka {
        /// The topic.
        topic: String,
        /// What librdkafka said.
        error: KafkaError,
    },
    /// There is no such topic.
    #[error(
        "the topic {0} does not exist; `kassactl topics list` names those of kassaflow, `kassactl topics apply` creates them"
    )]
    NoTopic(String),
}

impl Reader {
    /// Starts reading; `topic` is the full name. `partitions` limits it to some. Blocks for one question to the brokers.
    ///
    /// # Errors
    /// When the brokers cannot be asked or the topic does not exist.
    pub fn open(client: &Client, topic: &str, partitions: Option<&[i32]>, start: Start) -> Result<Self, ReadError> {
        let failed = |error| ReadError::Kafka { topic: topic.to_owned(), error };
        let consumer: BaseConsumer<Quiet> = client
            .config()
            .set("group.id", client.prefixed("reader"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.wait.max.ms", "100")
            .create_with_context(Quiet(Complaints::new("Kafka reader")))
            .map_err(ClientError::Refused)?;
        let wanted: Vec<i32> = match partitions {
            Some(some) => some.to_vec(),
            None => {
                let metadata = client.metadata(&consumer, Some(topic))?;
                metadata.topics().iter().flat_map(|t| t.partitions()).map(|p| p.id()).collect()
            }
        };
        if wanted.is_empty() {
            return Err(ReadError::NoTopic(topic.to_owned()));
        }
        let mut list = TopicPartitionList::new();
        for partition in &wanted {
            let offset = match start {
                Start::Beginning => Offset::Beginning,
                Start::Tail(count) => Offset::OffsetTail(count),
                Start::End => Offset::End,
            };
            list.add_partition_offset(topic, *partition, offset).map_err(failed)?;
        }
        consumer.assign(&list).map_err(failed)?;
        Ok(Self { consumer, partitions: wanted.len(), ended: HashSet::new() })
    }

    /// The next record, or `None` when nothing came within `timeout`.
    ///
    /// # Errors
    /// What librdkafka reports; reading may go on after it.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<BorrowedMessage<'_>>, KafkaError> {
        match self.consumer.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.ended.insert(partition);
                Ok(None)
            }
            Some(Err(error)) => Err(error),
        }
    }

    /// Whether the end of every partition was reached at some time: everything that was there when
    /// reading began was read.
    #[must_use]
    pub fn caught_up(&self) -> bool {
        self.ended.len() == self.partitions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_partition_is_not_logged() {
        assert!(is_end(&KafkaError::Global(RDKafkaErrorCode::PartitionEOF)));
        assert!(!is_end(&KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure)));
    }
}
