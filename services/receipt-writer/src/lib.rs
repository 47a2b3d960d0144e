//! receipt-writer: consumes `registers.receipts.v1` and `registers.shifts.v1` and writes MongoDB's
//! `receipts` and `shifts`, one document each, with the natural key as `_id`.
//!
//! A record's offset moves only after a majority of the replica set has the document in its
//! journal. Writing twice is writing once: a second insert of an `_id` is refused by MongoDB, and
//! [`settle`] then says which of the copies counts.

mod copies;
mod handler;
mod settle;
mod store;
mod writer;

use std::time::Duration;

use confique::Config;
use kafka::{Client, ConsumerSettings, DeadLetters};
use mongodb::options::ConnectionString;
use schemas::registry::{Registry, Resolver, SchemaIds};
use service::{Context, Fatal, ServiceSettings, settings};

/// One line about the service, for `--help`.
pub const ABOUT: &str = "Writes receipts and shifts to MongoDB.";

/// Settings of receipt-writer.
#[derive(Debug, Clone, Config)]
pub struct Settings {
    /// What every service is told.
    #[config(nested)]
    pub common: settings::Common,
    /// Kafka and the schema registry.
    #[config(nested)]
    pub kafka: settings::Kafka,
    /// MongoDB.
    #[config(nested)]
    pub mongodb: settings::Mongodb,
    /// Bounds of the writing.
    #[config(nested)]
    pub writer: WriterSettings,
}

/// Bounds of the writing.
#[derive(Debug, Clone, Config)]
pub struct WriterSettings {
    /// Most documents in one insert.
    #[config(env = "KASSAFLOW_WRITER_BATCH_DOCUMENTS", default = 1000)]
    pub batch_documents: usize,
    /// Milliseconds that the first document of a batch waits for others.
    #[config(env = "KASSAFLOW_WRITER_BATCH_WAIT_MS", default = 100)]
    pub batch_wait_ms: u64,
    /// Inserts that run at the same time. Each may use eight connections to MongoDB, if it has to settle second copies.
    #[config(env = "KASSAFLOW_WRITER_WRITES_IN_FLIGHT", default = 2)]
    pub writes_in_flight: usize,
    /// Most records that are read and not yet written.
    #[config(env = "KASSAFLOW_WRITER_IN_FLIGHT_RECORDS", default = 20000)]
    pub in_flight_records: usize,
    /// Most bytes of records that are read and not yet written.
    #[config(env = "KASSAFLOW_WRITER_IN_FLIGHT_BYTES", default = 33554432)]
    pub in_flight_bytes: usize,
}

impl ServiceSettings for Settings {
    fn common(&self) -> &settings::Common {
        &self.common
    }

    fn check(&self) -> Result<(), String> {
        kafka::check(&self.kafka)?;
        ConnectionString::parse(&self.mongodb.uri)
            .map_err(|error| format!("mongodb.uri (KASSAFLOW_MONGODB_URI): {error}"))?;
        let writer = &self.writer;
        if writer.batch_documents == 0 || writer.writes_in_flight == 0 {
            return Err("writer.batch_documents and writer.writes_in_flight must be at least 1".into());
        }
        if writer.in_flight_records < writer.batch_documents * writer.writes_in_flight {
            return Err("writer.in_flight_records must hold batch_documents x writes_in_flight".into());
        }
        Ok(())
    }
}

/// Time between commits of offsets: after a crash, at most so much is written again.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);

/// Runs the service until shutdown.
///
/// # Errors
/// When it cannot go on; see [`service::main`].
pub async fn run(context: Context, settings: Settings) -> Result<(), Fatal> {
    let client = Client::new(&settings.kafka)?;
    let registry = Registry::new(&settings.kafka.registry_url, &settings.kafka.topic_prefix)?;
    let Some(ids) = context.shutdown.run_until_cancelled(Ids::wait(&registry)).await else { return Ok(()) };
    let ids = ids?;
    let Some(store) = context.shutdown.run_until_cancelled(store::Store::open(&settings)).await else { return Ok(()) };
    let dead_letters =
        DeadLetters::new(&client, ids.dead_letters, "receipt-writer", &context.metrics, context.fatal.clone())?;
    let meters = writer::Meters::register(&context.metrics)?;
    let (writer, writing) = writer::start(store?, dead_letters, settings.writer.clone(), meters);
    let handler = handler::Handler {
        receipts: client.prefixed(schemas::receipts::TOPIC),
        receipt_versions: Resolver::new(registry.clone(), schemas::receipts::TOPIC, ids.receipts)?,
        shift_versions: Resolver::new(registry, schemas::shifts::TOPIC, ids.shifts)?,
        runtime: tokio::runtime::Handle::current(),
        writer,
    };
    let consumer = ConsumerSettings {
        group: "receipt-writer",
        topics: vec![schemas::receipts::TOPIC, schemas::shifts::TOPIC],
        in_flight_records: settings.writer.in_flight_records,
        in_flight_bytes: settings.writer.in_flight_bytes,
        commit_interval: COMMIT_INTERVAL,
        drain_bound: Duration::from_secs(settings.common.shutdown_timeout_seconds / 2),
        gate: None,
    };
    let result = kafka::consumer::run(client, consumer, handler, context).await;
    writing.abort(); // the consumer waited for what could be finished
    result
}

struct Ids {
    receipts: SchemaIds,
    shifts: SchemaIds,
    dead_letters: schemas::wire::SchemaId,
}

impl Ids {
    async fn wait(registry: &Registry) -> Result<Self, Fatal> {
        Ok(Self {
            receipts: registry.wait_for_ids(schemas::receipts::TOPIC).await?,
            shifts: registry.wait_for_ids(schemas::shifts::TOPIC).await?,
            dead_letters: registry.wait_for_ids(schemas::dead_letters::TOPIC).await?.newest,
        })
    }
}
