//! normalizer: consumes `registers.raw.v1` and `registers.raw-bulk.v1` and sends, for each document, exactly one of:
//! a receipt, a shift, an event, or a dead letter.
//!
//! It is a pure function of the raw record plus a memory of what it lately sent ([`window`]), which
//! drops most repeats. A raw record's offset moves only after its output was acknowledged.
//!
//! The bulk topic has a consumer of its own behind a gate ([`lag_gate`]), so that imports never hold up what registers
//! send now.

mod handler;
mod lag_gate;
mod output;
mod warm_up;
mod window;

use std::{sync::Arc, time::Duration};

use confique::Config;
use kafka::{Client, ConsumerSettings, DeadLetters, Gate, Producer, ProducerSettings};
use schemas::registry::{Registry, Resolver};
use service::{Context, Fatal, ServiceSettings, settings};

use crate::{handler::Normalizer, warm_up::Memory};

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
    /// Most items, payments or other repeated elements of one document; one with more, or with more than its size has room for, becomes a dead letter.
    #[config(env = "KASSAFLOW_NORMALIZER_MAX_ELEMENTS", default = 8000)]
    pub max_elements: usize,
    /// Records of the bulk topic (imports, and what exceeds a tenant's quota) are read only while every consumer group on raw, receipts, shifts and events is behind by fewer records than this. product-upserter is behind by up to 10,000 on purpose.
    #[config(env = "KASSAFLOW_NORMALIZER_BULK_LAG_BOUND", default = 20000)]
    pub bulk_lag_bound: usize,
    /// Milliseconds between two looks at how far the groups are behind. In between, each replica reads at most as many bulk records as were missing to the bound.
    #[config(env = "KASSAFLOW_NORMALIZER_BULK_LOOK_MS", default = 500)]
    pub bulk_look_ms: u64,
}

impl ServiceSettings for Settings {
    fn common(&self) -> &settings::Common {
        &self.common
    }

    fn check(&self) -> Result<(), String> {
        if self.normalizer.bulk_look_ms == 0 {
            return Err("normalizer.bulk_look_ms (KASSAFLOW_NORMALIZER_BULK_LOOK_MS): must be at least 1".to_owned());
        }
        kafka::check(&self.kafka)
    }
}

/// Time between commits of offsets: after a crash, at most so much is read again.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// How long an output record waits for others to share a request with.
pub const LINGER: Duration = Duration::from_millis(50);
/// The bulk lane may have this share of the bounds in flight, beside those of raw.
const BULK_SHARE: usize = 4;

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
    formats::set_most_elements(bounds.max_elements);
    let bulk_bounds = NormalizerSettings {
        in_flight_records: bounds.in_flight_records.div_ceil(BULK_SHARE),
        in_flight_bytes: bounds.in_flight_bytes.div_ceil(BULK_SHARE),
        ..bounds.clone()
    };
    let queue = ProducerSettings {
        linger: LINGER,
        // An outage is waited out; only an error that no retry mends is reported.
        message_timeout: None,
        // One output for each raw record in flight: librdkafka counts it a while longer, until all that were acknowledged
        // with it are reported. And a canonical record can be larger than its document.
        queue_records: (bounds.in_flight_records + bulk_bounds.in_flight_records) * 2,
        queue_bytes: (bounds.in_flight_bytes + bulk_bounds.in_flight_bytes) * 2,
    };
    let [raw, bulk] = normalizers(&context, &client, registry, ids, &queue, bounds.repeat_window)?;
    let gate = Gate::default();
    let watch = lag_gate::Watch::new(client.clone(), bounds, gate.clone(), &context.metrics)?;
    let consumer = |group, topic, bounds: &NormalizerSettings, gate| ConsumerSettings {
        group,
        topics: vec![topic],
        in_flight_records: bounds.in_flight_records,
        in_flight_bytes: bounds.in_flight_bytes,
        commit_interval: COMMIT_INTERVAL,
        drain_bound: Duration::from_secs(settings.common.shutdown_timeout_seconds / 2),
        gate,
    };
    let raw_consumer = consumer("normalizer", raw.topic, bounds, None);
    let bulk_consumer = consumer("normalizer-bulk", bulk.topic, &bulk_bounds, Some(gate));
    tokio::try_join!(
        kafka::consumer::run(client.clone(), raw_consumer, raw, context.clone()),
        kafka::consumer::run(client, bulk_consumer, bulk, context.clone()),
        watch.run(context.shutdown.clone()),
    )?;
    Ok(())
}

/// One for each lane; they share the producers.
fn normalizers(
    context: &Context,
    client: &Client,
    registry: Registry,
    ids: output::Ids,
    queue: &ProducerSettings,
    repeat_window: usize,
) -> Result<[Normalizer; 2], Fatal> {
    let producer = Producer::new(client, queue, context.fatal.clone())?;
    let dead_letters =
        DeadLetters::new(client, ids.dead_letters, "normalizer", &context.metrics, context.fatal.clone())?;
    let bulk = Normalizer {
        topic: schemas::raw_bulk::TOPIC,
        versions: Resolver::new(registry.clone(), schemas::raw_bulk::TOPIC, ids.raw_bulk.clone())?,
        runtime: tokio::runtime::Handle::current(),
        memory: Memory::new(None, repeat_window),
        output: output::Output::new(client, &ids, Arc::new(producer), context.fatal.clone()),
        dead_letters: Arc::new(dead_letters),
        meters: handler::Meters::register(&context.metrics)?,
    };
    let raw = Normalizer {
        topic: schemas::raw::TOPIC,
        versions: Resolver::new(registry, schemas::raw::TOPIC, ids.raw.clone())?,
        runtime: bulk.runtime.clone(),
        memory: Memory::new(Some((client.clone(), ids)), repeat_window),
        output: bulk.output.clone(),
        dead_letters: Arc::clone(&bulk.dead_letters),
        meters: bulk.meters.clone(),
    };
    Ok([raw, bulk])
}
