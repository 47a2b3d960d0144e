use serde::{Deserialize, Serialize};

use crate::Kind;

/// Where the four servers are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Kafka's bootstrap address, `host:port`.
    pub kafka: String,
    /// The registry's Confluent-compatible base URL, with its path `/apis/ccompat/v7`.
    pub registry: String,
    /// MongoDB's connection string, with `replicaSet`.
    pub mongodb: String,
    /// PostgreSQL's URL: user, address and database.
    pub postgres: String,
}

/// The variables in which tests look for their servers: Kafka, registry, MongoDB, PostgreSQL.
const TEST_NAMES: [&str; 4] =
    ["KASSAFLOW_TEST_KAFKA", "KASSAFLOW_TEST_REGISTRY", "KASSAFLOW_TEST_MONGODB", "KASSAFLOW_TEST_POSTGRES"];

/// The services' own settings, in the same order.
const SERVICE_NAMES: [&str; 4] =
    ["KASSAFLOW_KAFKA_BROKERS", "KASSAFLOW_REGISTRY_URL", "KASSAFLOW_MONGODB_URI", "KASSAFLOW_POSTGRES_URL"];

impl Endpoints {
    /// The environment in which integration tests find these servers (`KASSAFLOW_TEST_...`).
    pub fn test_env(&self) -> [(&'static str, String); 4] {
        self.named(TEST_NAMES)
    }

    /// The environment that makes a service use these servers (`KASSAFLOW_...`).
    pub fn service_env(&self) -> [(&'static str, String); 4] {
        self.named(SERVICE_NAMES)
    }

    /// The part of [`Endpoints::service_env`] that a service must be told, because a usual port was taken.
    pub fn unusual_service_env(&self) -> impl Iterator<Item = (&'static str, String)> {
        Kind::ALL.into_iter().zip(self.service_env()).filter_map(|(kind, (name, address))| {
            let usual = kind.usual_port().to_string();
            address.split([':', '/']).all(|part| part != usual).then_some((name, address))
        })
    }

    /// The endpoints of [`Endpoints::test_env`], read back by `variable`; `None` if one is unset or empty.
    pub(crate) fn from_test_env(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let [kafka, registry, mongodb, postgres] =
            TEST_NAMES.map(|name| variable(name).filter(|value| !value.is_empty()));
        Some(Self { kafka: kafka?, registry: registry?, mongodb: mongodb?, postgres: postgres? })
    }

    fn named(&self, names: [&'static str; 4]) -> [(&'static str, String); 4] {
        let [kafka, registry, mongodb, postgres] = names;
        [
            (kafka, self.kafka.clone()),
            (registry, self.registry.clone()),
            (mongodb, self.mongodb.clone()),
            (postgres, self.postgres.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints() -> Endpoints {
        Endpoints {
            kafka: "127.0.0.1:1".into(),
            registry: "http://127.0.0.1:2/apis/ccompat/v7".into(),
            mongodb: "mongodb://127.0.0.1:3/?replicaSet=rs0".into(),
            postgres: "postgres://kassaflow@127.0.0.1:4/kassaflow".into(),
        }
    }

    #[test]
    fn the_test_environment_is_read_back_as_it_was_written() {
        let env = endpoints().test_env();
        let read = Endpoints::from_test_env(|name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone()));
        assert_eq!(read, Some(endpoints()));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(Endpoints::from_test_env(|_| Some(String::new())), None);
    }

    #[test]
    fn services_get_their_own_names() {
        let env = endpoints().service_env();
        assert_eq!(env[0], ("KASSAFLOW_KAFKA_BROKERS", "127.0.0.1:1".to_owned()));
        assert_eq!(env[3].0, "KASSAFLOW_POSTGRES_URL");
    }

    #[test]
    fn services_are_told_of_unusual_ports_alone() {
        let mut endpoints = Endpoints {
            kafka: "127.0.0.1:9092".into(),
            registry: "http://127.0.0.1:8081/apis/ccompat/v7".into(),
            mongodb: "mongodb://127.0.0.1:27017/?replicaSet=rs0".into(),
            postgres: "postgres://kassaflow@127.0.0.1:5432/kassaflow".into(),
        };
        assert_eq!(endpoints.unusual_service_env().count(), 0);
        endpoints.kafka = "127.0.0.1:19092".into();
        let told: Vec<_> = endpoints.unusual_service_env().collect();
        assert_eq!(told, [("KASSAFLOW_KAFKA_BROKERS", "127.0.0.1:19092".to_owned())]);
    }
}
