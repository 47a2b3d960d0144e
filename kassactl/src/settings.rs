//! Where the servers are: the settings that the services take too, or the local servers.

use std::{env, path::Path};

use confique::Config;
use local_servers::{Home, running};
use provision::Installation;
use service::settings::{Kafka, SettingsError};

/// What kassactl is told. All settings but the hub's URL are those of the services.
#[derive(Clone, Config)]
pub(crate) struct Settings {
    /// The brokers and the schema registry.
    #[config(nested)]
    pub kafka: Kafka,
    /// PostgreSQL.
    #[config(nested)]
    pub postgres: Postgres,
    /// The keys that tokens are made with.
    #[config(nested)]
    pub tokens: Tokens,
    /// The hub that documents are sent to.
    #[config(nested)]
    pub hub: Hub,
}

/// How PostgreSQL is reached.
#[derive(Clone, Config)]
pub(crate) struct Postgres {
    /// Connection URL of PostgreSQL; a secret.
    #[config(env = "KASSAFLOW_POSTGRES_URL", default = "postgres://kassaflow@127.0.0.1:5432/kassaflow")]
    pub url: String,
}

/// The keys that tokens are made with.
#[derive(Clone, Config)]
pub(crate) struct Tokens {
    /// Keys that the tokens of registers are made with, `VERSION:HEX`, separated by commas; new tokens get the newest. A secret, and the same as hub-ingest's.
    #[config(env = "KASSAFLOW_TOKEN_KEYS")]
    pub keys: Option<String>,
}

/// The hub that documents are sent to.
#[derive(Clone, Config)]
pub(crate) struct Hub {
    /// URL of hub-ingest, for `kassactl send`.
    #[config(env = "KASSAFLOW_HUB_URL", default = "http://127.0.0.1:8080")]
    pub url: String,
}

/// Where the addresses of the servers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file or a variable.
    Named,
    /// Nobody named any, and the servers of `kassactl up` run.
    LocalServers,
    /// Nobody named any, and there are no local servers.
    Defaults,
}

/// The variables that name a server: one of them is enough to leave the local servers aside, because a mixture of
/// theirs and others would be worse than an error.
const SERVERS: [&str; 3] = ["KASSAFLOW_KAFKA_BROKERS", "KASSAFLOW_REGISTRY_URL", "KASSAFLOW_POSTGRES_URL"];

impl Settings {
    /// Reads the file and the variables; where neither names a server, takes the running local servers.
    ///
    /// # Errors
    /// When a setting is unreadable.
    pub fn load(file: Option<&Path>) -> Result<(Self, Origin), SettingsError> {
        let mut settings: Self = service::settings::read(file)?;
        if file.is_some() || SERVERS.iter().any(|name| env::var_os(name).is_some()) {
            return Ok((settings, Origin::Named));
        }
        // Outside of the repository there are no local servers, and that is no error.
        let Some(local) = Home::find().ok().and_then(|home| running(&home).ok().flatten()) else {
            return Ok((settings, Origin::Defaults));
        };
        settings.kafka.brokers = local.kafka;
        settings.kafka.registry_url = local.registry;
        settings.postgres.url = local.postgres;
        Ok((settings, Origin::LocalServers))
    }

    /// The installation that they lead to.
    ///
    /// # Errors
    /// When the settings are unusable.
    pub fn installation(&self) -> Result<Installation, provision::Error> {
        Installation::new(&self.kafka)
    }

    /// The keys of tokens.
    ///
    /// # Errors
    /// When there are none, or they are malformed.
    pub fn token_keys(&self) -> Result<canonical::TokenKeys, SettingsError> {
        let unusable = |problem: String| SettingsError::Unusable(format!("KASSAFLOW_TOKEN_KEYS: {problem}"));
        let keys = self.tokens.keys.as_deref().ok_or_else(|| {
            unusable(
                "not set: kassactl and hub-ingest need the same keys. If they are in a file, read it first \
                 (`. .local/environment`). For new ones run \
                 `export KASSAFLOW_TOKEN_KEYS=1:$(openssl rand -hex 32)`, and keep them: tokens die with them"
                    .to_owned(),
            )
        })?;
        canonical::TokenKeys::parse(keys).map_err(|error| unusable(error.to_string()))
    }
}

/// A Markdown table of kassactl's settings, as `docs/settings.md` shows it beside those of the services.
#[must_use]
pub fn reference() -> String {
    service::reference::markdown::<Settings>("kassactl")
}
