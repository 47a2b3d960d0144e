//! product-upserter: consumes `registers.receipts.v1`, keeps the newest state of each product and
//! the newest observed price of each product in each shop in PostgreSQL, and publishes changed
//! products to `catalog.products.v1`.
//!
//! A record's offset moves only after the transaction that holds its effects is committed. "Newest"
//! is a total order (see `observation`), in the process and in PostgreSQL alike, so the tables end the
//! same whatever the order of arrival, and a receipt that is delivered again changes nothing.
//!
//! One writer carries a country. More replicas are correct but not faster: they lock the same rows.

#[cfg(test)]
mod any_order;
mod confirming;
mod handler;
mod known;
mod meters;
mod observation;
mod published;
mod sift;
mod store;
mod writer;

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use confique::Config;
use kafka::{Client, ConsumerSettings, DeadLetters};
use postgres::Pool;
use relay::Relay;
use schemas::{
    registry::{Registry, RegistryError, Resolver, SchemaIds},
    wire::SchemaId,
};
use service::{Context, Fatal, ServiceSettings, settings};
use tokio::task::JoinSet;

/// One line about the service, for `--help`.
pub const ABOUT: &str = "Keeps products and observed prices in PostgreSQL and publishes the changed ones.";

/// Bytes of messages that share one piece of memory while they wait.
const SPACE: usize = 64 * 1024;

/// Settings of product-upserter.
#[derive(Debug, Clone, Config)]
pub struct Settings {
    /// What every service is told.
    #[config(nested)]
    pub common: settings::Common,
    /// Kafka and the schema registry.
    #[config(nested)]
    pub kafka: settings::Kafka,
    /// PostgreSQL.
    #[config(nested)]
    pub postgres: settings::Postgres,
    /// Bounds of the writing.
    #[config(nested)]
    pub upserter: UpserterSettings,
}

/// Bounds of the writing.
#[derive(Debug, Clone, Config)]
pub struct UpserterSettings {
    /// Receipts are taken into a transaction until their rows are so many. Bigger ones cost less a row and hold more repeats of a product.
    #[config(env = "KASSAFLOW_UPSERTER_BATCH_ROWS", default = 20000)]
    pub batch_rows: usize,
    /// Milliseconds that a new or changed product or price waits for others.
    #[config(env = "KASSAFLOW_UPSERTER_BATCH_WAIT_MS", default = 250)]
    pub batch_wait_ms: u64,
    /// Milliseconds that what only confirms a product or price waits for others that confirm it, too: one row is written for all of them. It ends when no receipt has come for 250 ms, or when half of what may be in flight waits. At most 30000.
    #[config(env = "KASSAFLOW_UPSERTER_CONFIRMATION_WAIT_MS", default = 5000)]
    pub confirmation_wait_ms: u64,
    /// Products and prices whose last state is remembered, at about 100 bytes each.
    #[config(env = "KASSAFLOW_UPSERTER_KNOWN_ENTRIES", default = 1000000)]
    pub known_entries: usize,
    /// Most receipts that are read and not yet written; half of them may wait with confirmations.
    #[config(env = "KASSAFLOW_UPSERTER_IN_FLIGHT_RECORDS", default = 50000)]
    pub in_flight_records: usize,
    /// Most bytes of receipts that are read and not yet written; half of them may wait with confirmations.
    #[config(env = "KASSAFLOW_UPSERTER_IN_FLIGHT_BYTES", default = 50331648)]
    pub in_flight_bytes: usize,
}

impl ServiceSettings for Settings {
    fn common(&self) -> &settings::Common {
        &self.common
    }

    fn check(&self) -> Result<(), String> {
        kafka::check(&self.kafka)?;
        postgres::check(&self.postgres)?;
        let upserter = &self.upserter;
        if upserter.batch_rows == 0 || upserter.in_flight_records == 0 || upserter.in_flight_bytes == 0 {
            return Err("upserter.batch_rows, in_flight_records and in_flight_bytes must be at least 1".into());
        }
        if upserter.confirmation_wait_ms > MOST_CONFIRMATION_WAIT_MS {
            return Err(format!("upserter.confirmation_wait_ms must be at most {MOST_CONFIRMATION_WAIT_MS}"));
        }
        if self.postgres.connections < 2 {
            return Err("postgres.connections must be at least 2: one to write with, one for the relay".into());
        }
        Ok(())
    }
}

/// Half of the time without a finished record after which a consumer is no longer ready.
const MOST_CONFIRMATION_WAIT_MS: u64 = 30_000;
/// Time between commits of offsets: after a crash, so much is read again, and what waited to be confirmed.
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
    // The relay's session is one of the connections.
    let connections = settings.postgres.connections - 1;
    let pool = Pool::new(&settings::Postgres { connections, ..settings.postgres.clone() })?;
    pool.register(&context.metrics)?;
    let products = published::Products { schema_id: ids.products };
    let relay = Relay::new(&client, &settings.postgres, products, &context.metrics)?;
    let meters = meters::Meters::register(&context.metrics, settings.upserter.known_entries)?;
    let dead_letters =
        Arc::new(DeadLetters::new(&client, ids.dead_letters, handler::STAGE, &context.metrics, context.fatal.clone())?);
    let parts = writer::Parts {
        pool,
        relay: relay.waker(),
        dead_letters: Arc::clone(&dead_letters),
        topic: client.prefixed(schemas::receipts::TOPIC),
        meters: meters.clone(),
    };
    let (sender, writer) = writer::new(parts, &settings.upserter);
    let handler = handler::Handler {
        versions: Resolver::new(registry, schemas::receipts::TOPIC, ids.receipts)?,
        runtime: tokio::runtime::Handle::current(),
        known: known::Known::new(settings.upserter.known_entries),
        dead_letters,
        space: BytesMut::with_capacity(SPACE),
        writer: sender,
        meters,
    };
    let consumer = ConsumerSettings {
        group: "product-upserter",
        topics: vec![schemas::receipts::TOPIC],
        in_flight_records: settings.upserter.in_flight_records,
        in_flight_bytes: settings.upserter.in_flight_bytes,
        commit_interval: COMMIT_INTERVAL,
        drain_bound: Duration::from_secs(settings.common.shutdown_timeout_seconds / 2),
        gate: None,
    };
    let mut parts = JoinSet::new();
    parts.spawn(writer.run());
    parts.spawn(relay.run(context.clone()));
    tokio::select! {
        // It has waited for what could be finished; what the writer still holds will be read again.
        result = kafka::consumer::run(client, consumer, handler, context) => result,
        error = first_error(&mut parts) => Err(error),
    }
}

async fn first_error(parts: &mut JoinSet<Result<(), Fatal>>) -> Fatal {
    while let Some(ended) = parts.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error,
            Err(panic) => return panic.into(),
        }
    }
    std::future::pending().await
}

struct Ids {
    receipts: SchemaIds,
    products: SchemaId,
    dead_letters: SchemaId,
}

impl Ids {
    async fn wait(registry: &Registry) -> Result<Self, RegistryError> {
        Ok(Self {
            receipts: registry.wait_for_ids(schemas::receipts::TOPIC).await?,
            products: registry.wait_for_ids(schemas::products::TOPIC).await?.newest,
            dead_letters: registry.wait_for_ids(schemas::dead_letters::TOPIC).await?.newest,
        })
    }
}
