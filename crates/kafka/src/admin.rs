//! Topics, first offsets and lag.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    topic_partition_list::{Offset, TopicPartitionListElem},
};
use schemas::catalogue::{Catalogue, Cleanup, Topic};

use crate::client::{Client, ClientError, Unreachable};

/// How long one question to the brokers may take.
const BOUND: Duration = Duration::from_secs(30);

/// Why an administrative step failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The client settings are unusable.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No broker answers.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The brokers refuse, or were lost on the way.
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// The brokers refused one topic.
    #[error("the topic {topic}: {code}")]
    Topic {
        /// Its full name.
        topic: String,
        /// The brokers' reason.
        code: RDKafkaErrorCode,
    },
    /// The partition count of a keyed topic is fixed: another one would send the same key elsewhere.
    #[error(
        "the topic {topic} has {found} partitions, the catalogue says {expected}; the number is fixed at creation: make a new topic version instead"
    )]
    Partitions {
        /// Its full name.
        topic: String,
        /// As the brokers say.
        found: usize,
        /// As the catalogue says.
        expected: i32,
    },
}

/// What `apply_topics` did with one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Full name.
    pub topic: String,
    /// Number of partitions.
    pub partitions: i32,
    /// False when it was there before.
    pub created: bool,
}

/// Creates the missing topics of the catalogue and commits the beginning for every group that has
/// no offset yet. Running it again changes nothing.
///
/// # Errors
/// When the brokers refuse, or a topic exists with another number of partitions.
pub async fn apply_topics(
    client: &Client,
    catalogue: &Catalogue,
    replication: i32,
) -> Result<Vec<Applied>, AdminError> {
    let existing = partition_counts(client).await?;
    let mut applied = Vec::new();
    for (name, topic) in &catalogue.topics {
        let full = client.prefixed(name);
        let found = existing.get(&full).copied();
        if let Some(found) = found.filter(|found| i32::try_from(*found) != Ok(topic.partitions)) {
            return Err(AdminError::Partitions { topic: full, found, expected: topic.partitions });
        }
        applied.push(Applied { topic: full, partitions: topic.partitions, created: found.is_none() });
    }
    create(client, catalogue, &applied, replication).await?;
    let (client, catalogue) = (client.clone(), catalogue.clone());
    blocking(move || first_offsets(&client, &catalogue)).await?;
    Ok(applied)
}

async fn create(
    client: &Client,
    catalogue: &Catalogue,
    applied: &[Applied],
    replication: i32,
) -> Result<(), AdminError> {
    let missing = || applied.iter().zip(catalogue.topics.values()).filter(|(applied, _)| applied.created);
    let settings: Vec<_> = missing().map(|(_, topic)| topic_settings(topic)).collect();
    let new: Vec<NewTopic<'_>> = missing()
        .zip(&settings)
        .map(|((applied, topic), settings)| {
            let new = NewTopic::new(&applied.topic, topic.partitions, TopicReplication::Fixed(replication));
            settings.iter().fold(new, |new, (name, value)| new.set(name, value))
        })
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let admin: AdminClient<DefaultClientContext> = client.config().create().map_err(ClientError::Refused)?;
    let results = admin.create_topics(&new, &AdminOptions::new().operation_timeout(Some(BOUND))).await?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(AdminError::Topic { topic, code }),
        }
    }
    Ok(())
}

fn topic_settings(topic: &Topic) -> [(&'static str, String); 3] {
    const DAY_MS: i64 = 86_400_000;
    let cleanup = match topic.cleanup {
        Cleanup::Delete => "delete",
        Cleanup::Compact => "compact",
    };
    let retention = topic.retention_days.map_or(-1, |days| days * DAY_MS);
    [
        ("cleanup.policy", cleanup.to_owned()),
        ("retention.ms", retention.to_string()),
        ("max.message.bytes", topic.max_message_bytes.to_string()),
    ]
}

/// The number of partitions of every topic of the cluster, by full name.
///
/// # Errors
/// When the brokers cannot be asked.
pub async fn partition_counts(client: &Client) -> Result<BTreeMap<String, usize>, AdminError> {
    let client = client.clone();
    blocking(move || partitions_of_all(&client)).await
}

fn partitions_of_all(client: &Client) -> Result<BTreeMap<String, usize>, AdminError> {
    let consumer: BaseConsumer = client.config().create().map_err(ClientError::Refused)?;
    let metadata = client.metadata(&consumer, None)?;
    Ok(metadata.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len())).collect())
}

/// Commits the beginning wherever a group has no offset: services refuse to guess where to start.
fn first_offsets(client: &Client, catalogue: &Catalogue) -> Result<(), AdminError> {
    for (group, topics) in groups(catalogue) {
        let consumer = group_member(client, group)?;
        let committed = committed(&consumer, client, &topics)?;
        let mut missing = TopicPartitionList::new();
        for element in committed.elements().iter().filter(|e| !matches!(e.offset(), Offset::Offset(_))) {
            let (low, _) = watermarks(&consumer, element.topic(), element.partition())?;
            missing.add_partition_offset(element.topic(), element.partition(), Offset::Offset(low))?;
        }
        if missing.count() > 0 {
            patiently(|| consumer.commit(&missing, CommitMode::Sync))?;
        }
    }
    Ok(())
}

/// First and next offset of a partition.
fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
    patiently(|| consumer.fetch_watermarks(topic, partition, BOUND))
}

/// Asks again for a while: a partition that was just created has no leader for a moment, and on a
/// new broker a group has no coordinator until the topic of its offsets is there.
fn patiently<T>(ask: impl Fn() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let begun = Instant::now();
    loop {
        match ask() {
            Err(_) if begun.elapsed() < BOUND => std::thread::sleep(Duration::from_millis(100)),
            done => return done,
        }
    }
}

fn groups(catalogue: &Catalogue) -> BTreeMap<&str, Vec<(&str, &Topic)>> {
    let mut groups: BTreeMap<&str, Vec<(&str, &Topic)>> = BTreeMap::new();
    for (name, topic) in &catalogue.topics {
        for group in &topic.groups {
            groups.entry(group).or_default().push((name, topic));
        }
    }
    groups
}

fn group_member(client: &Client, group: &str) -> Result<BaseConsumer, AdminError> {
    let mut config = client.config();
    config.set("group.id", client.prefixed(group)).set("enable.auto.commit", "false");
    Ok(config.create().map_err(ClientError::Refused)?)
}

fn committed(
    consumer: &BaseConsumer,
    client: &Client,
    topics: &[(&str, &Topic)],
) -> Result<TopicPartitionList, AdminError> {
    let mut all = TopicPartitionList::new();
    for (name, topic) in topics {
        for partition in 0..topic.partitions {
            all.add_partition(&client.prefixed(name), partition);
        }
    }
    Ok(patiently(|| consumer.committed_offsets(all.clone(), BOUND))?)
}

/// How far a group is behind on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// Consumer group, without prefix.
    pub group: String,
    /// Full name of the topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Next offset that the group reads; `None` before its first commit.
    pub committed: Option<i64>,
    /// Offset after the last record.
    pub end: i64,
}

impl Lag {
    /// Records that the group has not finished.
    #[must_use]
    pub fn records(&self) -> i64 {
        self.end - self.committed.unwrap_or(0)
    }
}

/// The lag of every group of the catalogue on every partition. Partition counts come from the brokers.
///
/// # Errors
/// When the brokers cannot be asked.
pub async fn lag(client: &Client, catalogue: &Catalogue) -> Result<Vec<Lag>, AdminError> {
    let (client, catalogue) = (client.clone(), catalogue.clone());
    blocking(move || LagReader::open(&client, &catalogue)?.read()).await
}

/// Reads lags again and again, with two questions for each group. Blocks.
pub struct LagReader {
    groups: Vec<GroupReader>,
}

struct GroupReader {
    group: String,
    consumer: BaseConsumer,
    partitions: TopicPartitionList,
}

impl std::fmt::Debug for LagReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LagReader").field("groups", &self.groups.len()).finish()
    }
}

impl LagReader {
    /// Connects. Partition counts come from the brokers, once; of a topic that is not there no lag is told.
    ///
    /// # Errors
    /// When the brokers cannot be asked.
    pub fn open(client: &Client, catalogue: &Catalogue) -> Result<Self, AdminError> {
        let existing = partitions_of_all(client)?;
        let mut readers = Vec::new();
        for (group, topics) in groups(catalogue) {
            let mut partitions = TopicPartitionList::new();
            for topic in topics.iter().map(|(name, _)| client.prefixed(name)) {
                let count = existing.get(&topic).copied().unwrap_or(0);
                for partition in 0..i32::try_from(count).unwrap_or(i32::MAX) {
                    partitions.add_partition(&topic, partition);
                }
            }
            // librdkafka refuses questions about nothing.
            if partitions.count() > 0 {
                let consumer = group_member(client, group)?;
                readers.push(GroupReader { group: group.to_owned(), consumer, partitions });
            }
        }
        Ok(Self { groups: readers })
    }

    /// The lag of every group on every partition.
    ///
    /// # Errors
    /// When the brokers cannot be asked.
    pub fn read(&self) -> Result<Vec<Lag>, AdminError> {
        let mut lags = Vec::new();
        for GroupReader { group, consumer, partitions } in &self.groups {
            let committed = patiently(|| consumer.committed_offsets(partitions.clone(), BOUND))?;
            let ends = patiently(|| ends(consumer, partitions))?;
            for (committed, end) in committed.elements().iter().zip(ends) {
                committed.error()?;
                lags.push(Lag {
                    group: group.clone(),
                    topic: committed.topic().to_owned(),
                    partition: committed.partition(),
                    committed: if let Offset::Offset(offset) = committed.offset() { Some(offset) } else { None },
                    end,
                });
            }
        }
        Ok(lags)
    }
}

/// The end of each of the partitions, with one question to each broker.
///
/// # Errors
/// When a broker cannot be asked.
pub fn ends(consumer: &BaseConsumer, partitions: &TopicPartitionList) -> Result<Vec<i64>, KafkaError> {
    let mut ends = partitions.clone();
    // The end as a "time" is the end.
    ends.set_all_offsets(Offset::End)?;
    let ends = consumer.offsets_for_times(ends, BOUND)?;
    let end = |element: TopicPartitionListElem<'_>| match element.offset() {
        Offset::Offset(end) => element.error().map(|()| end),
        _ => Err(element.error().err().unwrap_or(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset))),
    };
    ends.elements().into_iter().map(end).collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AdminError> + Send + 'static,
) -> Result<T, AdminError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(AdminError::Kafka(KafkaError::Canceled)),
    }
}
