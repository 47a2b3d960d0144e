//! Settings: defaults in the code, a TOML file over them, environment variables over both.

use std::path::Path;

use confique::Config;

/// What every service is told.
#[derive(Debug, Clone, Config)]
pub struct Common {
    /// Address of the admin port: /livez, /readyz and /metrics.
    #[config(env = "KASSAFLOW_ADMIN_LISTEN", default = "127.0.0.1:9100")]
    pub admin_listen: String,
    /// `json` for machines, `human` for a terminal.
    #[config(env = "KASSAFLOW_LOG_FORMAT", default = "json")]
    pub log_format: String,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,normalizer=debug`.
    #[config(env = "KASSAFLOW_LOG", default = "info")]
    pub log: String,
    /// Seconds between SIGTERM and the end of the process at the latest. The chart's grace period is longer.
    #[config(env = "KASSAFLOW_SHUTDOWN_TIMEOUT_SECONDS", default = 20)]
    pub shutdown_timeout_seconds: u64,
}

/// How the Kafka cluster and the schema registry are reached.
#[derive(Debug, Clone, Config)]
pub struct Kafka {
    /// Addresses of the brokers, separated by commas.
    #[config(env = "KASSAFLOW_KAFKA_BROKERS", default = "127.0.0.1:9092")]
    pub brokers: String,
    /// Put before the name of every topic, consumer group, transactional id and registry subject, so that several installations share a cluster.
    #[config(env = "KASSAFLOW_TOPIC_PREFIX", default = "")]
    pub topic_prefix: String,
    /// File with further librdkafka settings, one `name=value` a line, for example TLS and SASL. Mounted from a secret.
    #[config(env = "KASSAFLOW_KAFKA_CLIENT_FILE")]
    pub client_file: Option<String>,
    /// URL of the schema registry's Confluent-compatible interface.
    #[config(env = "KASSAFLOW_REGISTRY_URL", default = "http://127.0.0.1:8081/apis/ccompat/v7")]
    pub registry_url: String,
}

/// How PostgreSQL is reached.
#[derive(Clone, Config)]
pub struct Postgres {
    /// Connection URL of PostgreSQL; a secret.
    #[config(env = "KASSAFLOW_POSTGRES_URL", default = "postgres://kassaflow@127.0.0.1:5432/kassaflow")]
    pub url: String,
    /// Most connections of this process. All replicas together must stay below the server's limit.
    #[config(env = "KASSAFLOW_POSTGRES_CONNECTIONS", default = 4)]
    pub connections: usize,
    /// Seconds after which PostgreSQL cancels a statement.
    #[config(env = "KASSAFLOW_POSTGRES_STATEMENT_TIMEOUT_SECONDS", default = 30)]
    pub statement_timeout_seconds: u64,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("url", &"(secret)")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// How MongoDB is reached.
#[derive(Clone, Config)]
pub struct Mongodb {
    /// Connection URI of MongoDB; a secret.
    #[config(env = "KASSAFLOW_MONGODB_URI", default = "mongodb://127.0.0.1:27017/?replicaSet=rs0")]
    pub uri: String,
    /// Database that holds the collections `receipts` and `shifts`.
    #[config(env = "KASSAFLOW_MONGODB_DATABASE", default = "kassaflow")]
    pub database: String,
}

impl std::fmt::Debug for Mongodb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mongodb").field("uri", &"(secret)").field("database", &self.database).finish()
    }
}

/// The settings of one service.
pub trait ServiceSettings: Config {
    /// The part that the frame itself uses.
    fn common(&self) -> &Common;

    /// Rules between settings, checked at start.
    ///
    /// # Errors
    /// The broken rule, in words that name the settings.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Why the settings are unusable. The service must not start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file or a variable is missing, unreadable or of the wrong type.
    #[error("settings: {0:#}")]
    Unreadable(#[from] confique::Error),
    /// The named file does not exist.
    #[error("settings: the file {0} does not exist")]
    NoFile(String),
    /// Two settings contradict each other.
    #[error("settings: {0}")]
    Contradiction(String),
}

/// Reads and checks the settings.
///
/// # Errors
/// When they are missing, unreadable or contradict each other.
pub fn load<S: ServiceSettings>(file: Option<&Path>) -> Result<S, SettingsError> {
    let mut builder = S::builder().env();
    if let Some(file) = file {
        if !file.exists() {
            return Err(SettingsError::NoFile(file.display().to_string()));
        }
        builder = builder.file(file);
    }
    let settings = builder.load()?;
    settings.check().map_err(SettingsError::Contradiction)?;
    Ok(settings)
}

/// The defaults alone, for a service that is started inside a test: no file, no environment.
///
/// # Errors
/// When a setting has no default.
pub fn defaults<S: Config>() -> Result<S, SettingsError> {
    Ok(S::builder().load()?)
}
