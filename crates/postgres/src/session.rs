use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use service::settings::Postgres;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};
use tokio_util::sync::CancellationToken;

use crate::Error;

/// Longest wait for a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// An idle peer is asked after this time whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// The same for the server's side; the last one is for a session in the middle of a statement.
const GONE: &str = "-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 \
                    -c client_connection_check_interval=2000";
/// Every statement is planned for the arrays and the tables that it meets. A plan that is kept from a moment when a
/// table of notes was nearly empty reads that table from end to end, again and again, when it is not. Compiling a
/// plan or starting workers for it takes longer than any statement of ours.
const PLANS: &str = "-c plan_cache_mode=force_custom_plan -c jit=off -c max_parallel_workers_per_gather=0";
/// A peer that acknowledges nothing for so long is gone.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// One connection outside the pool, for what belongs to a session, such as an advisory lock.
/// Dropping it ends the session, and with it everything that it holds.
#[derive(Debug)]
pub struct Session {
    client: Client,
    connection: JoinHandle<()>,
    ended: CancellationToken,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn connect(settings: &Postgres) -> Result<Self, Error> {
        Self::open(&config(settings)?).await
    }

    pub(crate) async fn open(config: &Config) -> Result<Self, Error> {
        // The time limit in the settings covers the socket only, not a server that does not answer.
        let connected = tokio::time::timeout(CONNECT, config.connect(NoTls)).await;
        let (client, connection) = connected.map_err(|_| Error::Retry("no connection in time".to_owned()))??;
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        let connection = tokio::spawn(async move {
            let _cancelled_on_drop = guard;
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a connection to PostgreSQL broke");
            }
        });
        Ok(Self { client, connection, ended })
    }

    /// Cancelled as soon as the connection is known to have ended, whoever ended it.
    #[must_use]
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Checks the settings before anything uses them. Whether somebody answers is not asked.
///
/// # Errors
/// What is wrong, in words that name the setting.
pub fn check(settings: &Postgres) -> Result<(), String> {
    if settings.connections == 0 || settings.statement_timeout_seconds == 0 {
        return Err("postgres.connections and postgres.statement_timeout_seconds must be at least 1".to_owned());
    }
    config(settings).map(drop).map_err(|error| format!("postgres.url (KASSAFLOW_POSTGRES_URL): {error}"))
}

/// The connection URL with every bound that it does not set itself.
pub(crate) fn config(settings: &Postgres) -> Result<Config, Error> {
    let mut config = unbounded(&settings.url)?;
    let statement = settings.statement_timeout_seconds * 1000;
    let own = config.get_options().unwrap_or_default();
    // A session that idles in a transaction holds locks and keeps dead rows from being removed: the
    // server ends it. Likewise one whose machine is gone: by default the server would notice only
    // after two hours, and its advisory locks would be held as long.
    let ours =
        format!("-c statement_timeout={statement} -c idle_in_transaction_session_timeout={statement} {PLANS} {GONE}");
    // What the URL says comes last and wins.
    config.options(format!("{ours} {own}").trim_end().to_owned());
    Ok(config)
}

/// The connection URL without a limit on statements.
pub(crate) fn unbounded(url: &str) -> Result<Config, Error> {
    let mut config: Config = url.parse()?;
    if config.get_application_name().is_none() {
        config.application_name("kassaflow");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    config.keepalives_idle(KEEPALIVE);
    Ok(config)
}
