//! For integration tests: a hub inside the test's own process.

use service::settings::{Common, Kafka, SettingsError, defaults};

use crate::settings::{Http, Settings, Tokens};

/// Defaults on any free port of this machine.
///
/// # Errors
/// When a setting has no default.
pub fn settings(common: Common, kafka: Kafka, token_keys: &str) -> Result<Settings, SettingsError> {
    Ok(Settings {
        common,
        kafka,
        http: Http { listen: "127.0.0.1:0".to_owned(), ..defaults()? },
        tokens: Tokens { keys: token_keys.to_owned() },
        admission: defaults()?,
        quotas: defaults()?,
        limits: defaults()?,
        producer: defaults()?,
        timeouts: defaults()?,
    })
}
