//! What all Kafka clients of a process share: brokers, security, topic prefix.

use std::path::Path;

use rdkafka::{ClientConfig, error::KafkaError};
use service::settings::Kafka;

/// Addresses and security of the cluster, and the installation's prefix.
#[derive(Debug, Clone)]
pub struct Client {
    base: ClientConfig,
    prefix: String,
}

/// Why clients cannot be set up. The service must not start.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file with librdkafka settings is unreadable.
    #[error("the file with Kafka client settings {file}: {problem}")]
    File {
        /// Its path.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A metric could not be registered, a mistake in the program.
    #[error("metrics: {0}")]
    Metrics(String),
    /// librdkafka refused the settings.
    #[error("Kafka client: {0}")]
    Refused(#[from] KafkaError),
    /// The thread that reports deliveries could not be started.
    #[error("starting a thread for deliveries: {0}")]
    Thread(std::io::Error),
}

impl Client {
    /// Reads the client file, if one is set.
    ///
    /// # Errors
    /// When the file is unreadable or a line is not `name=value`.
    pub fn new(settings: &Kafka) -> Result<Self, ClientError> {
        let mut base = ClientConfig::new();
        base.set("bootstrap.servers", &settings.brokers).set("client.id", "kassaflow");
        // librdkafka waits up to 10 s between attempts; a broker that is back should be used at once.
        base.set("reconnect.backoff.max.ms", "1000");
        if let Some(file) = &settings.client_file {
            read_properties(Path::new(file), &mut base)?;
        }
        Ok(Self { base, prefix: settings.topic_prefix.clone() })
    }

    /// The name of a topic, group, subject or transactional id in this installation.
    #[must_use]
    pub fn prefixed(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The prefix of this installation.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A configuration to add a client's own settings to.
    #[must_use]
    pub fn config(&self) -> ClientConfig {
        self.base.clone()
    }
}

fn read_properties(path: &Path, config: &mut ClientConfig) -> Result<(), ClientError> {
    let error = |problem: String| ClientError::File { file: path.display().to_string(), problem };
    let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) =
            line.split_once('=').ok_or_else(|| error(format!("line {}: not `name=value`", index + 1)))?;
        config.set(name.trim(), value.trim());
    }
    Ok(())
}
