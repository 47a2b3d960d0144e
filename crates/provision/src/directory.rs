//! The topic of the directory: read whole, written by one writer at a time.
//!
//! All writers have the same transactional id. One that starts makes the brokers refuse whatever earlier writers
//! still want to write (it fences them), and only then reads. So whoever commits has seen all that was committed
//! before, and who was fenced has written nothing and starts over.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kafka::{Client, Reader, Start, client::ClientError, reader::ReadError};
use rand::RngExt as _;
use rdkafka::{
    Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};
use schemas::{
    Timestamp,
    directory::{DirectoryEntry, EntryKind, TOPIC},
    registry::{ResolveError, Resolver},
    wire,
};
use tokio::runtime::Handle;

use crate::{
    Change, Entry, Error, Installation, blocking,
    change::{Entries, Plan, key_of, plan},
};

/// Part of the transactional id that all writers share.
const WRITER: &str = "registers-directory-writer";
/// Most times that a writer starts over because another one came in between.
const ATTEMPTS: u32 = 12;
/// Middle of the first pause before starting over; it doubles up to the second one.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));
/// How long one step of a transaction may take.
const STEP_BOUND: Duration = Duration::from_secs(30);
/// How long the directory may bring nothing new while it is being read.
const SILENCE_BOUND: Duration = Duration::from_secs(30);
/// How long a change that is committed is waited for until readers see it.
const VISIBLE_BOUND: Duration = Duration::from_secs(10);
/// How long one question for records takes at most.
const LOOK: Duration = Duration::from_millis(200);

/// The entries of that kind, in the order of their keys.
pub(crate) async fn list(installation: &Installation, is_wanted: fn(EntryKind) -> bool) -> Result<Vec<Entry>, Error> {
    let directory = Directory::new(installation).await?;
    let entries = blocking(move |runtime| Ok(directory.read(&runtime)?.0)).await?;
    Ok(entries.into_values().filter(|entry| is_wanted(entry.kind)).collect())
}

pub(crate) async fn change(installation: &Installation, changes: &[Change]) -> Result<Vec<Entry>, Error> {
    let mut pause = PAUSE.0;
    for _ in 0..ATTEMPTS {
        let directory = Directory::new(installation).await?;
        let changes = changes.to_vec();
        match blocking(move |runtime| directory.change(&runtime, &changes)).await? {
            Attempt::Done(entries) => return Ok(entries),
            Attempt::Fenced => {
                let jitter = rand::rng().random_range(0.5..1.5);
                tokio::time::sleep(pause.mul_f64(jitter)).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
    Err(Error::Contended)
}

enum Attempt {
    Done(Vec<Entry>),
    /// Another writer started after this one. Nothing was written.
    Fenced,
}

struct Directory {
    client: Client,
    topic: String,
    schema_id: wire::SchemaId,
    resolver: Resolver,
}

impl Directory {
    async fn new(installation: &Installation) -> Result<Self, Error> {
        let ids = installation.registry().ids(TOPIC).await?;
        Ok(Self {
            client: installation.client().clone(),
            topic: installation.client().prefixed(TOPIC),
            schema_id: ids.newest,
            resolver: Resolver::new(installation.registry().clone(), TOPIC, ids)?,
        })
    }

    fn change(mut self, runtime: &Handle, changes: &[Change]) -> Result<Attempt, Error> {
        let writer = self.writer()?;
        if let Err(error) = writer.init_transactions(STEP_BOUND) {
            return fenced_or_failed(error);
        }
        let (entries, reader) = self.read_on(runtime)?;
        let Plan { results, to_write } = plan(&entries, changes, Timestamp::now()).map_err(Error::Rejected)?;
        let records: Vec<(String, Vec<u8>)> = to_write.iter().map(|entry| self.record(entry)).collect();
        if !records.is_empty() {
            if let Err(error) = write(&writer, &self.topic, &records) {
                return fenced_or_failed(error);
            }
            wait_until_visible(reader, &records);
        }
        Ok(Attempt::Done(results))
    }

    fn writer(&self) -> Result<ThreadedProducer<DefaultProducerContext>, Error> {
        let mut config = self.client.config();
        config
            .set("transactional.id", self.client.prefixed(WRITER))
            .set("transaction.timeout.ms", "60000")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "20");
        Ok(config.create().map_err(ClientError::Refused)?)
    }

    fn record(&self, entry: &Entry) -> (String, Vec<u8>) {
        let mut payload = Vec::with_capacity(128);
        wire::write(self.schema_id, entry, &mut payload);
        (key_of(entry), payload)
    }

    fn read(mut self, runtime: &Handle) -> Result<(Entries, Reader), Error> {
        self.read_on(runtime)
    }

    /// Reads the whole topic. The reader that is returned stands at its end.
    fn read_on(&mut self, runtime: &Handle) -> Result<(Entries, Reader), Error> {
        let mut reader = Reader::open(&self.client, &self.topic, None, Start::Beginning)?;
        let mut entries = Entries::new();
        let mut last_record = Instant::now();
        while !reader.caught_up() {
            let next = reader.next(LOOK);
            let next = next.map_err(|error| ReadError::Kafka { topic: self.topic.clone(), error })?;
            if let Some(message) = next {
                last_record = Instant::now();
                let unreadable = |problem: String| Error::Unreadable { offset: message.offset(), problem };
                // Nobody writes records without a value; what has none says nothing.
                let Some(payload) = message.payload() else { continue };
                let (id, body) = wire::split(payload).ok_or_else(|| unreadable("not in the wire format".to_owned()))?;
                let entry: DirectoryEntry<'_> =
                    self.resolver.read_blocking(runtime, id, body).map_err(|error| match error {
                        ResolveError::Undecodable(error) => unreadable(error.to_string()),
                        error => error.into(),
                    })?;
                let entry = entry.into_owned();
                entries.insert(key_of(&entry), entry);
            } else if last_record.elapsed() > SILENCE_BOUND {
                return Err(Error::Slow(SILENCE_BOUND.as_secs()));
            }
        }
        Ok((entries, reader))
    }
}

/// Writes all records, or none.
fn write(
    writer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    records: &[(String, Vec<u8>)],
) -> Result<(), KafkaError> {
    writer.begin_transaction()?;
    for (key, payload) in records {
        let mut record = BaseRecord::to(topic).key(key).payload(payload);
        while let Err((error, handed_back)) = writer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(20));
            record = handed_back;
        }
    }
    writer.commit_transaction(STEP_BOUND)
}

fn fenced_or_failed(error: KafkaError) -> Result<Attempt, Error> {
    // Which of them is seen depends on the step in which the other writer came in between.
    let fenced = matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::InvalidProducerEpoch
                | RDKafkaErrorCode::ConcurrentTransactions
                // A commit that meets another writer's fencing: the coordinator of Kafka 4.3.1 throws an
                // IllegalStateException then, and its answer names no reason.
                | RDKafkaErrorCode::Unknown
        )
    );
    if fenced { Ok(Attempt::Fenced) } else { Err(Error::Unwritten(error)) }
}

/// A commit is answered before readers see it: whoever reads the directory next must find what was enrolled.
fn wait_until_visible(mut reader: Reader, records: &[(String, Vec<u8>)]) {
    let mut unseen: HashMap<&[u8], &[u8]> = records.iter().map(|(key, value)| (key.as_bytes(), &**value)).collect();
    let begun = Instant::now();
    // It is committed in any case, so trouble with reading is no failure.
    while !unseen.is_empty() && begun.elapsed() < VISIBLE_BOUND {
        if let Ok(Some(message)) = reader.next(LOOK)
            && let Some(key) = message.key()
            && unseen.get(key).copied() == message.payload()
        {
            unseen.remove(key);
        }
    }
}
