use std::{
    pin::pin,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::TryStreamExt;
use kafka::Client;
use postgres::Session;
use schemas::catalogue::{Catalogue, CatalogueError};
use service::{Context, Fatal, settings::Postgres};
use tokio_postgres::{Statement, types::ToSql};
use tokio_util::sync::CancellationToken;

use crate::{
    Outgoing, Published, Waker,
    meters::{CAUSES, Meters},
    transactions::{TransactionError, Transactions},
};

/// Most rows of one transaction.
const BATCH_ROWS: usize = 5000;
/// Rows are read until their records have so many bytes together.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Shortest time between two transactions that are not full: each costs a marker on every partition
/// that it touches and two requests, however few its records.
const GATHER: Duration = Duration::from_millis(500);
/// How often the relay looks for dirty rows if nobody wakes it.
const LOOK: Duration = Duration::from_secs(1);
/// How often a relay that waits for its turn asks for the lock.
const ASK: Duration = Duration::from_secs(1);
/// Longest wait for an answer of PostgreSQL beyond the statement's own limit.
const ANSWER: Duration = Duration::from_secs(10);
/// Pauses before starting over.
const AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));
/// How long the transaction at hand may take when the service ends.
const LAST: Duration = Duration::from_secs(5);
/// What a record takes beside its key and value: headers of the record and of its batch.
const OVERHEAD: usize = 1024;

/// Why a relay cannot be made. The service must not start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The topic is not in the catalogue.
    #[error("the catalogue has no topic {0}")]
    NoTopic(&'static str),
    /// The catalogue contradicts itself.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A metric's name is taken, a mistake in the program.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// What ended the relay's turn.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    #[error("PostgreSQL did not answer in time")]
    NoAnswer,
    #[error("the connection that held the lock broke")]
    LockLost,
    #[error(transparent)]
    Transaction(#[from] TransactionError),
}

impl From<tokio_postgres::Error> for Ended {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error.into())
    }
}

impl Ended {
    const fn cause(&self) -> &'static str {
        let [postgres, lock, kafka] = CAUSES;
        match self {
            Self::Postgres(_) | Self::NoAnswer => postgres,
            Self::LockLost | Self::Transaction(TransactionError::LockLost) => lock,
            Self::Transaction(_) => kafka,
        }
    }
}

/// Publishes one table. See the crate's documentation.
#[derive(Debug)]
pub struct Relay<P> {
    published: P,
    client: Client,
    postgres: Postgres,
    /// Name of the lock, and the transactional id.
    id: String,
    topic: String,
    most_bytes: usize,
    waker: Waker,
    meters: Meters,
}

impl<P: Published> Relay<P> {
    /// A relay that takes a connection of its own, beside any pool's. Does not connect yet.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub fn new(
        client: &Client,
        postgres: &Postgres,
        published: P,
        metrics: &prometheus::Registry,
    ) -> Result<Self, RelayError> {
        let catalogue = Catalogue::load()?;
        let topic = catalogue.topics.get(P::TOPIC).ok_or(RelayError::NoTopic(P::TOPIC))?;
        Ok(Self {
            published,
            client: client.clone(),
            postgres: postgres.clone(),
            id: client.prefixed(&format!("relay.{}", P::TOPIC)),
            topic: client.prefixed(P::TOPIC),
            most_bytes: usize::try_from(topic.max_message_bytes).unwrap_or_default().saturating_sub(OVERHEAD),
            waker: Waker::default(),
            meters: Meters::register(metrics)?,
        })
    }

    /// A handle to wake this relay with.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Publishes until shutdown, which the transaction at hand may outlast by a few seconds.
    ///
    /// # Errors
    /// When only a person can help, for example because the table is missing.
    pub async fn run(self, context: Context) -> Result<(), Fatal> {
        let cut = async {
            context.shutdown.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        let result = tokio::select! {
            result = self.turns(&context.shutdown) => result,
            () = cut => Ok(()),
        };
        self.meters.active.set(0);
        result.map_err(Into::into)
    }

    async fn turns(&self, shutdown: &CancellationToken) -> Result<(), postgres::Error> {
        let growing = ExponentialBuilder::new().with_min_delay(AGAIN.0).with_max_delay(AGAIN.1);
        let growing = growing.without_max_times().with_jitter();
        let mut pauses = growing.build();
        loop {
            let begun = Instant::now();
            let ended = match self.turn(shutdown).await {
                Ok(()) => return Ok(()),
                Err(Ended::Postgres(error)) if !error.is_retry() => return Err(error),
                Err(ended) => ended,
            };
            self.meters.active.set(0);
            self.meters.failures.with_label_values(&[ended.cause()]).inc();
            if begun.elapsed() > AGAIN.1 * 10 {
                pauses = growing.build();
            }
            let pause = pauses.next().unwrap_or(AGAIN.1);
            tracing::warn!(error = %ended, topic = self.topic, pause_ms = pause.as_millis(), "the relay starts over");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// From the lock to the first error, or to shutdown.
    async fn turn(&self, shutdown: &CancellationToken) -> Result<(), Ended> {
        let session = Session::connect(&self.postgres).await?;
        if !self.lock(&session, shutdown).await? {
            return Ok(());
        }
        // Only after the lock: the epoch that this takes ends the one of a relay that had it before.
        let transactions = Transactions::start(&self.client, &self.id, &self.topic).await?;
        self.meters.active.set(1);
        tracing::info!(topic = self.topic, "relaying");
        let read = self.answer(session.prepare(P::READ)).await?;
        let mark = self.answer(session.prepare(P::MARK)).await?;
        while !shutdown.is_cancelled() {
            let begun = Instant::now();
            if self.pass(&session, (&read, &mark), &transactions, shutdown).await? {
                self.meters.clean_since(begun);
            }
            tokio::select! {
                () = self.rest(begun) => {}
                () = session.ended().cancelled_owned() => return Err(Ended::LockLost),
                () = shutdown.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Goes through the dirty rows once, batch by batch. False when shutdown came first.
    async fn pass(
        &self,
        session: &Session,
        (read, mark): (&Statement, &Statement),
        transactions: &Transactions,
        shutdown: &CancellationToken,
    ) -> Result<bool, Ended> {
        let mut after = (String::new(), String::new());
        while !shutdown.is_cancelled() {
            let (rows, all) = self.answer(self.read(session, read, &after)).await?;
            if let Some(last) = rows.last() {
                after = (last.tenant.clone(), last.id.clone());
                self.publish(session, mark, transactions, rows).await?;
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits for the lock. False when shutdown came first.
    async fn lock(&self, session: &Session, shutdown: &CancellationToken) -> Result<bool, Ended> {
        let ask = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        loop {
            if self.answer(session.query_one(ask, &[&self.id])).await?.get(0) {
                return Ok(true);
            }
            // Whoever has the lock answers for what is dirty.
            self.meters.clean_since(Instant::now());
            tokio::select! {
                () = tokio::time::sleep(ASK) => {}
                () = shutdown.cancelled() => return Ok(false),
            }
        }
    }

    /// Until there may be something to do.
    async fn rest(&self, begun: Instant) {
        // A call that came while we published is answered at once, but for the time to gather.
        let called = tokio::time::timeout(LOOK, self.waker.called()).await;
        if called.is_ok() {
            tokio::time::sleep_until((begun + GATHER).into()).await;
        }
    }

    /// Dirty rows behind one, and whether that was all of them.
    async fn read(
        &self,
        session: &Session,
        read: &Statement,
        (tenant, id): &(String, String),
    ) -> Result<(Vec<Outgoing>, bool), tokio_postgres::Error> {
        let limit = i64::try_from(BATCH_ROWS).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 3] = [&limit, tenant, id];
        let mut rows = pin!(session.query_raw(read, parameters).await?);
        let mut records = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES {
            let Some(row) = rows.try_next().await? else {
                let all = records.len() < BATCH_ROWS;
                return Ok((records, all));
            };
            let record = self.published.record(&row)?;
            bytes += record.payload.len();
            records.push(record);
        }
        Ok((records, false))
    }

    async fn publish(
        &self,
        session: &Session,
        mark: &Statement,
        transactions: &Transactions,
        rows: Vec<Outgoing>,
    ) -> Result<(), Ended> {
        let (mut rows, too_large): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.key.len() + row.payload.len() <= self.most_bytes);
        for row in &too_large {
            let Outgoing { key, version, payload, .. } = row;
            tracing::error!(
                topic = self.topic,
                key,
                version,
                bytes = payload.len(),
                "a row does not fit into a record; the topic keeps its last state that did"
            );
        }
        if !rows.is_empty() {
            rows = transactions.publish(rows, session.ended()).await?;
        }
        let published = rows.len();
        let skipped = too_large.len();
        rows.extend(too_large);
        let tenants: Vec<&str> = rows.iter().map(|row| row.tenant.as_str()).collect();
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
        self.answer(session.execute(mark, &[&tenants, &ids, &versions])).await?;
        self.meters.published.inc_by(published as u64);
        self.meters.too_large.inc_by(skipped as u64);
        #[allow(clippy::cast_precision_loss)] // a batch is small
        self.meters.batches.observe(published as f64);
        Ok(())
    }

    /// Bounds the wait for a server that does not answer at all; a slow statement it cancels itself.
    async fn answer<T>(&self, question: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Ended> {
        let bound = Duration::from_secs(self.postgres.statement_timeout_seconds) + ANSWER;
        Ok(tokio::time::timeout(bound, question).await.map_err(|_| Ended::NoAnswer)??)
    }
}
