//! A loop that only forwards bytes, as one writes it with rust-rdkafka and nothing of ours: one thread, at least once,
//! offsets committed behind the delivery reports.
//!
//! `bench-normalizer` starts it and compares the normalizer with it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use confique::Config;
use kafka::{Client, frontier::Frontier};
use load_tests::forwarded;
use normalizer::{COMMIT_INTERVAL, LINGER};
use rdkafka::{
    ClientContext, TopicPartitionList,
    config::ClientConfig,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, DeliveryResult, Message as _},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
    topic_partition_list::Offset,
};
use service::{Context, Fatal, ServiceSettings, settings};

const ABOUT: &str = "Sends every raw record to another topic, as it is.";

/// Records between two looks at what was delivered.
const LOOK_AFTER: usize = 500;
const POLL: Duration = Duration::from_millis(10);

/// Where the brokers are.
#[derive(Debug, Clone, Config)]
struct Settings {
    #[config(nested)]
    common: settings::Common,
    #[config(nested)]
    kafka: settings::Kafka,
}

impl ServiceSettings for Settings {
    fn common(&self) -> &settings::Common {
        &self.common
    }
}

/// A record on its way: partition and number in it.
type Sent = (i32, u64);

/// What was delivered since somebody looked.
#[derive(Default)]
struct Deliveries(Mutex<Vec<Result<Sent, KafkaError>>>);

impl Deliveries {
    fn take(&self) -> Vec<Result<Sent, KafkaError>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        let result = result.as_ref().map(|_| *sent).map_err(|(error, _)| error.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(result);
    }
}

struct Forward {
    consumer: BaseConsumer,
    producer: BaseProducer<Deliveries>,
    from: String,
    to: String,
    partitions: Vec<Frontier>,
}

impl Forward {
    fn new(client: &Client) -> Result<Self, KafkaError> {
        let linger = LINGER.as_millis().to_string();
        let config = |settings: &[(&str, &str)]| -> ClientConfig {
            let mut config = client.config();
            settings.iter().for_each(|(name, value)| {
                config.set(*name, *value);
            });
            config
        };
        let group = client.prefixed(forwarded::GROUP);
        let consumer = config(&[("group.id", &group), ("enable.auto.commit", "false"), ("auto.offset.reset", "error")]);
        let producer = config(&[
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("compression.type", "lz4"),
            ("linger.ms", &linger),
        ]);
        Ok(Self {
            consumer: consumer.create()?,
            producer: producer.create_with_context(Deliveries::default())?,
            from: client.prefixed(schemas::raw::TOPIC),
            to: client.prefixed(forwarded::TOPIC),
            partitions: Vec::new(),
        })
    }

    fn run(mut self, context: &Context) -> Result<(), Fatal> {
        self.consumer.subscribe(&[&self.from])?;
        context.health.component("forward").ready();
        let (mut last_commit, mut sent) = (Instant::now(), 0);
        while !context.shutdown.is_cancelled() {
            let polled = self.consumer.poll(POLL).transpose()?;
            let is_idle = polled.is_none();
            if let Some(message) = polled {
                // The message lends from the consumer, and so does all of this loop.
                let (partition, offset) = (message.partition(), message.offset());
                let number = Self::number(&mut self.partitions, partition, offset)?;
                Self::send(&self.producer, &mut self.partitions, &self.to, &message, (partition, number))?;
                sent += 1;
            }
            if is_idle || sent % LOOK_AFTER == 0 {
                self.producer.poll(Duration::ZERO);
                Self::finish(&mut self.partitions, self.producer.context().take())?;
                if last_commit.elapsed() >= COMMIT_INTERVAL {
                    self.commit()?;
                    last_commit = Instant::now();
                }
            }
        }
        Ok(())
    }

    fn number(partitions: &mut Vec<Frontier>, partition: i32, offset: i64) -> Result<u64, Fatal> {
        let index = usize::try_from(partition)?;
        if partitions.len() <= index {
            partitions.resize_with(index + 1, Frontier::default);
        }
        Ok(partitions[index].deliver(offset))
    }

    fn send(
        producer: &BaseProducer<Deliveries>,
        partitions: &mut [Frontier],
        topic: &str,
        message: &BorrowedMessage<'_>,
        sent: Sent,
    ) -> Result<(), Fatal> {
        let (key, payload) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(sent)).key(key).payload(payload);
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(1));
            Self::finish(partitions, producer.context().take())?;
            record = back;
        }
        Ok(())
    }

    fn finish(partitions: &mut [Frontier], delivered: Vec<Result<Sent, KafkaError>>) -> Result<(), Fatal> {
        for sent in delivered {
            let (partition, number) = sent?;
            partitions[usize::try_from(partition)?].finish(number);
        }
        Ok(())
    }

    fn commit(&self) -> Result<(), Fatal> {
        let mut list = TopicPartitionList::new();
        for (partition, frontier) in (0..).zip(&self.partitions) {
            if let Some(position) = frontier.position() {
                list.add_partition_offset(&self.from, partition, Offset::Offset(position))?;
            }
        }
        if list.count() > 0 {
            self.consumer.commit(&list, CommitMode::Async)?;
        }
        Ok(())
    }
}

async fn run(context: Context, settings: Settings) -> Result<(), Fatal> {
    let forward = Forward::new(&Client::new(&settings.kafka)?)?;
    tokio::task::spawn_blocking(move || forward.run(&context)).await?
}

fn main() -> std::process::ExitCode {
    service::main("forward", ABOUT, run)
}
