//! normalizer: consumes `registers.raw.v1` and sends, for each document, exactly one of: a receipt,
//! a shift, an event, or a dead letter.
//!
//! It is a pure function of the raw record plus a memory of what it lately sent ([`window`]), which
//! drops most repeats. A raw record's offset moves only after its output was acknowledged.

mod handler;
mod output;
mod warm_up;
mod window;

use std::time::Duration;

use confique::Config;
use kafka::{Client, ConsumerSettings, DeadLetters, Producer, ProducerSettings};
use schemas::registry::{Registry, Resolver};
use service::{Context, Fatal, ServiceSettings, settings};

/// One line about the service, for `--help`.
pub const ABOUT: &str = "Turns raw documents of registers into canonical receipts, shifts and events.";

/// Settings of normalizer.
#[derive(Debug, Clone, Config)]
pub struct Settings {
    /// What every service is told.
    #[config(nested)]
    pub common: settings::Common,
    /// Kafka and the schema registry.
    #[config(nested)]
    pub kafka: settings::Kafka,
    /// Bounds of the work.
    #[config(nested)]
    pub normalizer: NormalizerSettings,
}

/// Bounds of the work.
#[derive(Debug, Clone, Config)]
pub struct NormalizerSettings {
    /// Most raw records that are read and whose output is not acknowledged yet.
    #[config(env = "KASSAFLOW_NORMALIZER_IN_FLIGHT_RECORDS", default = 20000)]
    pub in_flight_records: usize,
    /// Most bytes of raw records that are read and whose output is not acknowledged yet.
    #[config(env = "KASSAFLOW_NORMALIZER_IN_FLIGHT_BYTES", default = 33554432)]
    pub in_flight_bytes: usize,
    /// Documents of each partition that are remembered, so that a repeat is dropped.
    #[config(env = "KASSAFLOW_NORMALIZER_REPEAT_WINDOW", default = 4096)]
    pub repeat_window: usize,
}

impl ServiceSettings for Settings {
    fn common(&self) -> &settings::Common {
        &self.common
    }

    fn check(&self) -> Result<(), String> {
        kafka::check(&self.kafka)
    }
}

/// Time between commits of offsets: after a crash, at most so much is read again.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// How long an output record waits for others to share a request with.
const LINGER: Duration = Duration::from_millis(50);

/// Runs the service until shutdown.
///
/// # Errors
/// When it cannot go on; see [`service::main`].
pub async fn run(context: Context, settings: Settings) -> Result<(), Fatal> {
    let client = Client::new(&settings.kafka)?;
    let registry = Registry::new(&settings.kafka.registry_url, &settings.kafka.topic_prefix)?;
    let Some(ids) = context.shutdown.run_until_cancelled(output::Ids::wait(&registry)).await else { return Ok(()) };
    let ids = ids?;
    let bounds = &settings.normalizer;
    let producer = Producer::new(
        &client,
        &ProducerSettings {
            linger: LINGER,
            // An outage is waited out; only an error that no retry mends is reported.
            message_timeout: None,
            // One output for each raw record in flight, and a canonical record can be larger than its document.
            queue_records: bounds.in_flight_records + 1,
            queue_bytes: bounds.in_flight_bytes * 2,
        },
        context.fatal.clone(),
    )?;
    let dead_letters =
        DeadLetters::new(&client, ids.dead_letters, "normalizer", &context.metrics, context.fatal.clone())?;
    let handler = handler::Normalizer {
        versions: Resolver::new(registry, schemas::raw::TOPIC, ids.raw)?,
        runtime: tokio::runtime::Handle::current(),
        memory: warm_up::Memory::new(client.clone(), ids.clone(), bounds.repeat_window),
        output: output::Output::new(&client, ids, producer, context.fatal.clone()),
        dead_letters,
        meters: handler::Meters::register(&context.metrics)?,
    };
    let consumer = ConsumerSettings {
        group: "normalizer",
        topics: vec![schemas::raw::TOPIC],
        in_flight_records: bounds.in_flight_records,
        in_flight_bytes: bounds.in_flight_bytes,
        commit_interval: COMMIT_INTERVAL,
        drain_bound: Duration::from_secs(settings.common.shutdown_timeout_seconds / 2),
    };
    kafka::consumer::run(client, consumer, handler, context).await
}
