use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use deadpool_postgres::{Client, Manager, ManagerConfig, RecyclingMethod, Runtime};
use prometheus::{
    IntGaugeVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use service::settings::Postgres;
use tokio_postgres::NoTls;

use crate::{Error, session};

/// Longest wait for a free connection of the pool.
const WAIT: Duration = Duration::from_secs(5);
/// Longest check of a connection before it is handed out again.
const CHECK: Duration = Duration::from_secs(5);
/// Pauses between tries; a random part of up to the same length comes on top.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A bounded number of connections, made when they are needed and checked before each use. Clones share them.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: deadpool_postgres::Pool,
    /// How long one try may take as a whole.
    bound: Duration,
}

impl Pool {
    /// A pool within the bounds of the settings. Does not connect yet.
    ///
    /// # Errors
    /// [`Error::Stop`] when the connection URL is not one.
    pub fn new(settings: &Postgres) -> Result<Self, Error> {
        let manager = Manager::from_config(
            session::config(settings)?,
            NoTls,
            ManagerConfig { recycling_method: RecyclingMethod::Verified },
        );
        let inner = deadpool_postgres::Pool::builder(manager)
            .max_size(settings.connections.max(1))
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(session::CONNECT))
            .recycle_timeout(Some(CHECK))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Stop(error.to_string()))?;
        // The server cancels a slow statement by itself. This bound is for a server that does not answer at all.
        let bound = Duration::from_secs(settings.statement_timeout_seconds * 2) + WAIT;
        Ok(Self { inner, bound })
    }

    /// A connection, which goes back to the pool when it is dropped.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Retry`] too when none is free in time.
    pub async fn get(&self) -> Result<Client, Error> {
        Ok(self.inner.get().await?)
    }

    /// Does the work on a connection and tries again while that may help, with growing, jittered
    /// pauses: an outage is waited out, however long it takes. `what` is for the log. The work must
    /// do no harm when it is done twice, because a commit may have arrived although its answer did not.
    ///
    /// Dropping the future ends the waiting.
    ///
    /// # Errors
    /// Never [`Error::Retry`].
    pub async fn wait_out<T, F: Future<Output = Result<T, Error>>>(
        &self,
        what: &'static str,
        mut work: impl FnMut(Client) -> F,
    ) -> Result<T, Error> {
        let growing = ExponentialBuilder::new().with_min_delay(TRY_AGAIN.0).with_max_delay(TRY_AGAIN.1);
        let mut pauses = growing.without_max_times().with_jitter().build();
        loop {
            let tried = tokio::time::timeout(self.bound, async { work(self.get().await?).await }).await;
            match tried.unwrap_or_else(|_| Err(Error::Retry("no answer in time".to_owned()))) {
                Err(Error::Retry(problem)) => {
                    let pause = pauses.next().unwrap_or(TRY_AGAIN.1);
                    tracing::warn!(what, problem, pause_ms = pause.as_millis(), "waiting for PostgreSQL");
                    tokio::time::sleep(pause).await;
                }
                done => return done,
            }
        }
    }
}

/// The pool's use and bound, read when metrics are asked for.
struct Meter {
    pool: deadpool_postgres::Pool,
    connections: IntGaugeVec,
}

impl Pool {
    /// Shows the pool's connections in the metrics.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        let help = "Connections to PostgreSQL: bound, open, in use, and tasks that wait for one.";
        let connections = IntGaugeVec::new(Opts::new("kassaflow_postgres_connections", help), &["state"])?;
        registry.register(Box::new(Meter { pool: self.inner.clone(), connections }))
    }
}

impl Collector for Meter {
    fn desc(&self) -> Vec<&Desc> {
        self.connections.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let status = self.pool.status();
        let in_use = status.size.saturating_sub(status.available);
        for (state, count) in
            [("bound", status.max_size), ("open", status.size), ("in_use", in_use), ("waiting", status.waiting)]
        {
            self.connections.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.connections.collect()
    }
}
