//! What all Kafka clients of a process share: brokers, security, topic prefix.

use std::{path::Path, time::Duration};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    metadata::Metadata,
};
use schemas::registry::Registry;
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

/// No broker answers. Check the address, or start the brokers.
#[derive(Debug, thiserror::Error)]
#[error("Kafka at {brokers} does not answer: {problem}")]
pub struct Unreachable {
    brokers: String,
    problem: KafkaError,
}

/// Longest wait for an answer about topics.
const METADATA_BOUND: Duration = Duration::from_secs(10);
/// Longest prefix; a topic's name has at most 249 bytes.
const LONGEST_PREFIX: usize = 150;

/// Checks the settings before anything uses them. Whether somebody answers is not asked.
///
/// # Errors
/// What is wrong, in words that name the setting.
pub fn check(settings: &Kafka) -> Result<(), String> {
    let Kafka { brokers, topic_prefix, client_file, registry_url } = settings;
    if brokers.split(',').any(|broker| broker.trim().is_empty()) {
        return Err(format!("kafka.brokers (KASSAFLOW_KAFKA_BROKERS): `{brokers}` is no list of host:port"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if topic_prefix.len() > LONGEST_PREFIX || !topic_prefix.chars().all(legal) {
        return Err(format!(
            "kafka.topic_prefix (KASSAFLOW_TOPIC_PREFIX): `{topic_prefix}` must be at most {LONGEST_PREFIX} of a-z A-Z 0-9 . _ -"
        ));
    }
    Registry::new(registry_url, topic_prefix)
        .map_err(|error| format!("kafka.registry_url (KASSAFLOW_REGISTRY_URL): {error}"))?;
    // Only librdkafka itself knows its settings, and whether the files that they name can be read.
    Client::new(settings).and_then(|client| Ok(client.config().create::<BaseConsumer>()?)).map(drop).map_err(|error| {
        let file = client_file.as_deref().unwrap_or("not set");
        format!("kafka.client_file (KASSAFLOW_KAFKA_CLIENT_FILE, {file}): {error}")
    })
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

    /// What the brokers say about a topic, or about all.
    pub(crate) fn metadata<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        topic: Option<&str>,
    ) -> Result<Metadata, Unreachable> {
        consumer.fetch_metadata(topic, METADATA_BOUND).map_err(|problem| {
            let brokers = self.base.get("bootstrap.servers").unwrap_or_default().to_owned();
            Unreachable { brokers, problem }
        })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn problem(change: impl FnOnce(&mut Kafka)) -> Option<String> {
        let mut settings: Kafka = service::settings::defaults().unwrap();
        change(&mut settings);
        check(&settings).err()
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert_eq!(problem(|_| {}), None);
        assert!(problem(|kafka| kafka.brokers = String::new()).unwrap().contains("KASSAFLOW_KAFKA_BROKERS"));
        assert!(problem(|kafka| kafka.topic_prefix = "my shop.".into()).unwrap().contains("KASSAFLOW_TOPIC_PREFIX"));
        for url in ["", "registry:8081", "notaurl", "ftp://registry"] {
            assert!(problem(|kafka| kafka.registry_url = url.into()).unwrap().contains("KASSAFLOW_REGISTRY_URL"));
        }
    }

    #[test]
    fn what_librdkafka_does_not_take_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.properties");
        for (text, part) in [
            ("foo.bar=1", "foo.bar"),
            ("no equals sign", "line 1"),
            ("security.protocol=ssl\nssl.ca.location=/nowhere/ca.pem", "ssl.ca.location"),
        ] {
            fs::write(&file, text).unwrap();
            let problem = problem(|kafka| kafka.client_file = Some(file.display().to_string())).unwrap();
            assert!(problem.contains("KASSAFLOW_KAFKA_CLIENT_FILE") && problem.contains(part), "{problem}");
        }
        let missing = problem(|kafka| kafka.client_file = Some("/nowhere/client.properties".into())).unwrap();
        assert!(missing.contains("/nowhere/client.properties"), "{missing}");
    }
}
