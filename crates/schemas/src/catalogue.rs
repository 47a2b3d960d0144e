//! The catalogue of topics, `schemas/topics.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

const TEXT: &str = include_str!("../../../schemas/topics.toml");

/// What happens to old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cleanup {
    /// Deleted after `retention_days`.
    Delete,
    /// The newest record of each key is kept.
    Compact,
}

/// One topic of the catalogue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// What it is for.
    pub about: String,
    /// Parts of the key, for people.
    pub key: String,
    /// Number of partitions; fixed when the topic is created.
    pub partitions: i32,
    /// What happens to old records.
    pub cleanup: Cleanup,
    /// Days a record is kept, for [`Cleanup::Delete`].
    pub retention_days: Option<i64>,
    /// Largest record batch that the broker takes, bytes.
    pub max_message_bytes: i32,
    /// Consumer groups that read it.
    pub groups: Vec<String>,
    /// Topics that must have the same key and partition count.
    pub with: Vec<String>,
}

/// All topics by name (without prefix).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Topics by name.
    pub topics: BTreeMap<String, Topic>,
}

/// The catalogue contradicts itself; the text says where.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not readable.
    #[error("schemas/topics.toml: {0}")]
    Unreadable(#[from] toml::de::Error),
    /// A rule between topics is broken.
    #[error("schemas/topics.toml: {topic}: {problem}")]
    Contradiction {
        /// The topic.
        topic: String,
        /// The broken rule.
        problem: String,
    },
}

impl Catalogue {
    /// The catalogue that this program was built with.
    ///
    /// # Errors
    /// When the file contradicts itself; a test makes sure that it does not.
    pub fn load() -> Result<Self, CatalogueError> {
        let catalogue: Self = toml::from_str(TEXT)?;
        catalogue.check()?;
        Ok(catalogue)
    }

    /// The same catalogue with at most `partitions` for each topic, for small machines and tests.
    #[must_use]
    pub fn with_at_most(mut self, partitions: i32) -> Self {
        for topic in self.topics.values_mut() {
            topic.partitions = topic.partitions.min(partitions);
        }
        self
    }

    fn check(&self) -> Result<(), CatalogueError> {
        for (name, topic) in &self.topics {
            let contradiction = |problem: String| CatalogueError::Contradiction { topic: name.clone(), problem };
            if !topic.key.starts_with("tenant/") {
                return Err(contradiction("the key must start with the tenant".into()));
            }
            if (topic.cleanup == Cleanup::Delete) != topic.retention_days.is_some() {
                return Err(contradiction("retention_days belongs to cleanup = \"delete\"".into()));
            }
            for other in &topic.with {
                let same =
                    self.topics.get(other).is_some_and(|o| o.key == topic.key && o.partitions == topic.partitions);
                if !same {
                    return Err(contradiction(format!("{other} must have the same key and partitions")));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_keeps_its_own_rules() {
        let catalogue = Catalogue::load().unwrap();
        assert!(catalogue.topics.contains_key("registers.raw.v1"));
    }

    #[test]
    fn every_topic_has_a_schema_and_every_schema_a_topic() {
        let catalogue = Catalogue::load().unwrap();
        let topics: Vec<&str> = catalogue.topics.keys().map(String::as_str).collect();
        let schemas: Vec<&str> = crate::TOPIC_SCHEMAS.iter().map(|s| s.topic).collect();
        assert_eq!(topics, schemas);
    }

    #[test]
    fn topics_that_belong_together_must_have_the_same_partitions() {
        let mut catalogue = Catalogue::load().unwrap();
        catalogue.topics.get_mut("registers.shifts.v1").unwrap().partitions = 12;
        assert!(catalogue.check().unwrap_err().to_string().contains("same key and partitions"));
    }
}
