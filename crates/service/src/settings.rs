//! Settings: defaults in the code, a TOML file over them, environment variables over both.

use std::{fs, net::ToSocketAddrs as _, path::Path};

use confique::{
    Config,
    meta::{FieldKind, Meta},
};

use crate::reference::leaves;

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
    #[error("settings: {0}")]
    Unreadable(String),
    /// The named file does not exist.
    #[error("settings: the file {0} does not exist")]
    NoFile(String),
    /// The file sets something that does not exist.
    #[error("settings: {file} sets {name}, which does not exist")]
    Unknown {
        /// The file.
        file: String,
        /// The setting.
        name: String,
    },
    /// A setting cannot be used, or two of them contradict each other.
    #[error("settings: {0}")]
    Unusable(String),
}

/// Reads and checks the settings of a service.
///
/// # Errors
/// When they are missing, unreadable or unusable.
pub fn load<S: ServiceSettings>(file: Option<&Path>) -> Result<S, SettingsError> {
    let settings: S = read(file)?;
    if let Some(file) = file {
        look_for_unknown(&S::META, file)?;
    }
    listen_address("common.admin_listen (KASSAFLOW_ADMIN_LISTEN)", &settings.common().admin_listen)
        .and_then(|()| settings.check())
        .map_err(SettingsError::Unusable)?;
    Ok(settings)
}

/// Reads settings: the defaults, the file over them, the environment over both.
///
/// # Errors
/// When they are missing or unreadable.
pub fn read<S: Config>(file: Option<&Path>) -> Result<S, SettingsError> {
    let mut builder = S::builder().env();
    if let Some(file) = file {
        if !file.exists() {
            return Err(SettingsError::NoFile(file.display().to_string()));
        }
        builder = builder.file(file);
    }
    builder.load().map_err(unreadable::<S>)
}

/// confique names a setting by its path. Who sets it may need its variable.
fn unreadable<S: Config>(error: confique::Error) -> SettingsError {
    let text = format!("{error:#}");
    let named = leaves(S::META.fields, "").into_iter().find(|leaf| text.contains(&format!("'{}'", leaf.path)));
    SettingsError::Unreadable(match named.and_then(|leaf| leaf.env) {
        Some(variable) if !text.contains(variable) => format!("{text} ({variable})"),
        _ => text,
    })
}

/// Whether an address can be listened on, for [`ServiceSettings::check`]. It may still be taken.
///
/// # Errors
/// That it cannot, in words that begin with `setting`.
pub fn listen_address(setting: &str, address: &str) -> Result<(), String> {
    let resolved = address.to_socket_addrs();
    resolved.map(drop).map_err(|error| format!("{setting}: `{address}` is no address and port: {error}"))
}

/// Finds a misspelt setting. One file may serve several programs, so only the tables that this one reads are looked at.
fn look_for_unknown(meta: &Meta, file: &Path) -> Result<(), SettingsError> {
    let unreadable = |error: String| SettingsError::Unusable(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| unreadable(error.to_string()))?;
    let unknown = table.iter().find_map(|(name, value)| {
        let field = meta.fields.iter().find(|field| field.name == name)?;
        let (FieldKind::Nested { meta }, Some(group)) = (&field.kind, value.as_table()) else { return None };
        let key = group.keys().find(|key| meta.fields.iter().all(|field| field.name != key.as_str()))?;
        Some(format!("{name}.{key}"))
    });
    match unknown {
        Some(name) => Err(SettingsError::Unknown { file: file.display().to_string(), name }),
        None => Ok(()),
    }
}

/// The defaults alone, for a service that is started inside a test: no file, no environment.
///
/// # Errors
/// When a setting has no default.
pub fn defaults<S: Config>() -> Result<S, SettingsError> {
    S::builder().load().map_err(unreadable::<S>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Config)]
    struct Example {
        #[config(nested)]
        common: Common,
        #[config(nested)]
        kafka: Kafka,
    }

    impl ServiceSettings for Example {
        fn common(&self) -> &Common {
            &self.common
        }
    }

    fn load_text(text: &str) -> Result<Example, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        fs::write(&file, text).unwrap();
        load(Some(&file))
    }

    #[test]
    fn a_file_may_hold_what_other_programs_read() {
        let settings = load_text("[kafka]\nbrokers = \"broker:1\"\n[upserter]\nbatch_rows = 1\n").unwrap();
        assert_eq!(settings.kafka.brokers, "broker:1");
    }

    #[test]
    fn a_misspelt_setting_is_found() {
        let error = load_text("[kafka]\nbroker = \"broker:1\"\n").unwrap_err().to_string();
        assert!(error.ends_with("sets kafka.broker, which does not exist"), "{error}");
    }

    #[test]
    fn an_address_that_cannot_be_listened_on_is_found() {
        let error = load_text("[common]\nadmin_listen = \"9100\"\n").unwrap_err().to_string();
        assert!(error.contains("KASSAFLOW_ADMIN_LISTEN"), "{error}");
    }
}
