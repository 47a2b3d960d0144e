//! How far each stage is behind: committed offsets against the ends of the topics.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};

/// Groups and the topics that they read.
const STAGES: [(&str, &[&str]); 3] = [
    ("normalizer", &["registers.raw.v1"]),
    ("receipt-writer", &["registers.receipts.v1", "registers.shifts.v1"]),
    ("product-upserter", &["registers.receipts.v1"]),
];
const BETWEEN: Duration = Duration::from_millis(200);
const BOUND: Duration = Duration::from_secs(5);

/// Records that each stage has not finished.
#[derive(Debug, Clone, Copy)]
pub struct Lags {
    /// Of the normalizer, the receipt-writer and the product-upserter.
    pub records: [i64; 3],
    /// When they were read.
    pub at: Instant,
}

impl Lags {
    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> i64 {
        self.records.iter().sum()
    }

    /// That of one service; 0 for one that reads no topic.
    #[must_use]
    pub fn of(&self, service: &str) -> i64 {
        STAGES.iter().zip(self.records).find(|((group, _), _)| *group == service).map_or(0, |(_, lag)| lag)
    }
}

/// Reads the lags again and again on a thread of its own: Kafka's client blocks.
#[derive(Debug)]
pub struct LagWatch {
    newest: Arc<Mutex<Lags>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LagWatch {
    /// Starts reading.
    ///
    /// # Errors
    /// When the client cannot be made or the brokers do not answer.
    pub fn start(brokers: &str) -> anyhow::Result<Self> {
        let stages =
            STAGES.iter().map(|(group, topics)| Stage::new(brokers, group, topics)).collect::<Result<Vec<_>, _>>()?;
        let newest = Arc::new(Mutex::new(Lags { records: [0; 3], at: Instant::now() }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shown, stopped) = (newest.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("lags".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let mut lags = Lags { records: [0; 3], at: Instant::now() };
                let read: Result<(), KafkaError> = stages.iter().zip(&mut lags.records).try_for_each(|(stage, lag)| {
                    *lag = stage.lag()?;
                    Ok(())
                });
                // A broker that does not answer for a moment leaves the figures as they were; their age shows it.
                if read.is_ok() {
                    *shown.lock().unwrap_or_else(PoisonError::into_inner) = lags;
                }
                std::thread::sleep(BETWEEN);
            }
        })?;
        Ok(Self { newest, stop, thread: Some(thread) })
    }

    /// The newest figures.
    #[must_use]
    pub fn now(&self) -> Lags {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LagWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed; there is nothing to add.
            thread.join().unwrap_or_default();
        }
    }
}

struct Stage {
    consumer: BaseConsumer,
    partitions: TopicPartitionList,
}

impl Stage {
    fn new(brokers: &str, group: &str, topics: &[&str]) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .create()?;
        let mut partitions = TopicPartitionList::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), BOUND)?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                partitions.add_partition(topic, partition.id());
            }
        }
        Ok(Self { consumer, partitions })
    }

    fn lag(&self) -> Result<i64, KafkaError> {
        let committed = self.consumer.committed_offsets(self.partitions.clone(), BOUND)?;
        // The end as a "time" gives the ends of all partitions in one question.
        let mut ends = self.partitions.clone();
        ends.set_all_offsets(Offset::End)?;
        let ends = self.consumer.offsets_for_times(ends, BOUND)?;
        let lag = ends.elements().into_iter().filter_map(|end| {
            let done = committed.find_partition(end.topic(), end.partition())?.offset().to_raw()?.max(0);
            Some((end.offset().to_raw()? - done).max(0))
        });
        Ok(lag.sum())
    }
}
