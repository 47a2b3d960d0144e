//! From settings to a hub that serves.

use std::{net::SocketAddr, sync::Arc, thread, time::Duration};

use axum::{
    Router,
    response::IntoResponse as _,
    routing::{get, post, put},
};
use canonical::TokenKeys;
use kafka::{Client, Producer, ProducerSettings};
use prometheus::Registry as Metrics;
use schemas::{
    dead_letters, directory, raw, raw_bulk,
    registry::{Registry, Resolver, SchemaIds},
};
use service::{Context, Fatal};
use tokio::{net::TcpSocket, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tower::Layer as _;

use crate::{
    Settings,
    admission::Admission,
    clouds,
    directory::{Directory, Follower},
    documents::{self, Hub},
    door::DoorLayer,
    intake::{Outlet, Topic},
    meters::{Live, Meters},
    openapi,
    problem::{Kind, Problem},
    quotas::Quotas,
    retry_after::RetryAfter,
    server::{self, Server},
    settings::ProducerBounds,
    watch,
};

/// File descriptors that are not connections of registers: brokers, the admin port, libraries.
const OTHER_FILES: u64 = 256;
/// What remains of the time to end for telling the broker's last answers apart from none.
const FLUSH: Duration = Duration::from_secs(2);

/// A hub that is ready to serve.
#[derive(Debug)]
pub struct Running {
    hub: Arc<Hub>,
    socket: TcpSocket,
    settings: Settings,
    context: Context,
    fatal: CancellationToken,
}

/// Runs the hub until it is asked to end.
///
/// # Errors
/// What it cannot go on without: settings, the port, the meaning of the schemas, the producer.
pub async fn run(context: Context, settings: Settings) -> Result<(), Fatal> {
    let shutdown = context.shutdown.clone();
    let running = tokio::select! {
        biased;
        () = shutdown.cancelled() => return Ok(()),
        running = start(context, settings) => running?,
    };
    running.serve().await
}

/// Gets everything that a request needs: the schemas' ids, the directory, the producer. Waits while the registry or the brokers are away.
///
/// # Errors
/// As [`run`].
pub async fn start(context: Context, settings: Settings) -> Result<Running, Fatal> {
    let keys = TokenKeys::parse(&settings.tokens.keys)?;
    warn_of_few_files(settings.http.max_connections);
    let listen = &settings.http.listen;
    let socket = server::bind(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}; KASSAFLOW_HTTP_LISTEN names another address"))?;
    let client = Client::new(&settings.kafka)?;
    let (ids, resolver) = schemas(&context, &settings).await?;
    let directory = read_directory(&context, &client, resolver).await?;
    let fatal = CancellationToken::new();
    let outlet = Outlet {
        raw: Topic { name: client.prefixed(raw::TOPIC), schema: ids.raw.newest },
        bulk: Topic { name: client.prefixed(raw_bulk::TOPIC), schema: ids.bulk.newest },
        dead_letters: Topic { name: client.prefixed(dead_letters::TOPIC), schema: ids.dead_letters.newest },
        producer: Producer::new(&client, &producer_settings(&settings), fatal.clone())?,
        queued: Arc::default(),
    };
    let hub = Arc::new(Hub {
        keys,
        directory,
        admission: Arc::new(Admission::new(&settings.admission)),
        quotas: Quotas::new(settings.quotas),
        outlet,
        limits: settings.limits.clone(),
        timeouts: settings.timeouts.clone(),
        retry_after: RetryAfter::around(settings.admission.retry_after_seconds),
        heavy: Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, usize::from))),
        meters: Meters::new(&context.metrics)?,
    });
    show_use(&context.metrics, &hub, &settings)?;
    Ok(Running { hub, socket, settings, context, fatal })
}

impl Running {
    /// The address that registers talk to.
    ///
    /// # Errors
    /// When the operating system cannot say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until the context's shutdown, then lets requests finish.
    ///
    /// # Errors
    /// When the port cannot listen or the producer can never work again.
    pub async fn serve(self) -> Result<(), Fatal> {
        let Self { hub, socket, settings, context, fatal } = self;
        let stall = Duration::from_secs(settings.producer.stall_seconds);
        let watch = watch::producer(Arc::clone(&hub), stall, context.health.component("producer"));
        let admission = Arc::clone(&hub.admission);
        let door = DoorLayer::new(admission, hub.retry_after.clone(), |refusal| hub.meters.refused(refusal));
        let service = door.layer(routes(Arc::clone(&hub)));
        let server = Server { service, settings: settings.http, connections: hub.meters.connections.clone() };
        let bound = Duration::from_secs(settings.common.shutdown_timeout_seconds)
            .saturating_sub(FLUSH + Duration::from_secs(1));
        tracing::info!(address = %socket.local_addr()?, registers = hub.directory.len(), "serving registers");
        let finished = tokio::select! {
            finished = server.serve(socket, context.shutdown, bound) => finished?,
            () = watch => true,
            () = fatal.cancelled() => return Err("the Kafka producer can never work again".into()),
        };
        if !finished {
            tracing::warn!("requests did not finish in time; their documents will be sent again");
        }
        flush(hub).await;
        Ok(())
    }
}

async fn flush(hub: Arc<Hub>) {
    let flushed = tokio::task::spawn_blocking(move || hub.outlet.producer.flush(FLUSH)).await;
    if let Ok(Err(error)) = flushed {
        tracing::warn!(%error, "documents without an acknowledgement are left; nobody was told that they are stored");
    }
}

fn routes(hub: Arc<Hub>) -> Router {
    let not_found = || async { Problem::new(Kind::UnknownPath, "See /openapi.yaml.").into_response() };
    let not_allowed = || async { Problem::new(Kind::UnknownMethod, "See /openapi.yaml.").into_response() };
    Router::new()
        .route("/v1/registers/{register_id}/documents", post(documents::of_register))
        .route("/v1/documents", post(documents::of_source))
        .route("/api/v1/inventories/stores/{store_id}/documents", put(clouds::evotor))
        .route("/api/v2/receipts", post(clouds::evotor))
        .route("/v1/callbacks/atol-online", post(clouds::atol_online))
        .route("/v1/callbacks/dreamkas", post(clouds::dreamkas))
        .route("/openapi.yaml", get(openapi::get))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .with_state(hub)
}

/// The ids of the schemas that the hub writes.
struct Ids {
    raw: SchemaIds,
    bulk: SchemaIds,
    dead_letters: SchemaIds,
}

/// The ids of the schemas that the hub writes, and a reader of the directory's.
async fn schemas(context: &Context, settings: &Settings) -> Result<(Ids, Resolver), Fatal> {
    let health = context.health.component("schemas");
    let registry = Registry::new(&settings.kafka.registry_url, &settings.kafka.topic_prefix)?;
    let raw = registry.wait_for_ids(raw::TOPIC).await?;
    let bulk = registry.wait_for_ids(raw_bulk::TOPIC).await?;
    let dead_letters = registry.wait_for_ids(dead_letters::TOPIC).await?;
    let directory_ids = registry.wait_for_ids(directory::TOPIC).await?;
    let resolver = Resolver::new(registry, directory::TOPIC, directory_ids)?;
    health.ready();
    Ok((Ids { raw, bulk, dead_letters }, resolver))
}

async fn read_directory(context: &Context, client: &Client, resolver: Resolver) -> Result<Directory, Fatal> {
    let directory = Directory::default();
    let follower = Follower {
        client: client.clone(),
        directory: directory.clone(),
        resolver,
        health: context.health.component("directory"),
        shutdown: context.shutdown.clone(),
    };
    follower.start()?.await.map_err(|_| "the directory's thread ended")?;
    Ok(directory)
}

fn producer_settings(settings: &Settings) -> ProducerSettings {
    let ProducerBounds { linger_milliseconds, queue_records, queue_bytes, .. } = settings.producer;
    ProducerSettings {
        linger: Duration::from_millis(linger_milliseconds),
        message_timeout: Some(settings.timeouts.message()),
        queue_records,
        queue_bytes,
    }
}

/// Every bound beside its use.
fn show_use(metrics: &Metrics, hub: &Arc<Hub>, settings: &Settings) -> prometheus::Result<()> {
    let mut live = Live::new();
    let mut show = |name: &str, what: &str, bound: usize, used: fn(&Hub) -> usize| {
        let hub = Arc::clone(hub);
        live.show_bound(&format!("kassaflow_hub_{name}"), what, bound, move || used(&hub))
    };
    let Settings { http, admission, producer, .. } = settings;
    show("requests_in_flight", "Requests that are worked on.", admission.max_requests_in_flight, |hub| {
        hub.admission.requests_in_flight()
    })?;
    show("bytes_in_flight", "Bytes of bodies that are held.", admission.max_bytes_in_flight, |hub| {
        hub.admission.bytes_in_flight()
    })?;
    show("producer_queue_records", "Records without an acknowledgement.", producer.queue_records, |hub| {
        hub.outlet.producer.in_flight()
    })?;
    show("producer_queue_bytes", "Bytes of records without an acknowledgement.", producer.queue_bytes, |hub| {
        hub.outlet.queued.now()
    })?;
    show("connections", "Open connections.", http.max_connections, |hub| {
        usize::try_from(hub.meters.connections.get()).unwrap_or(0)
    })?;
    let directory = hub.directory.clone();
    live.show("kassaflow_hub_registers", "Registers and sources in the directory.", move || directory.len())?;
    metrics.register(Box::new(live))
}

fn warn_of_few_files(connections: usize) {
    let files = server::raise_file_limit();
    if files < OTHER_FILES.saturating_add(connections as u64) {
        tracing::warn!(files, connections, "the process may open fewer files than http.max_connections needs");
    }
}
