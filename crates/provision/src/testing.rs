//! For integration tests: an installation of one's own on the servers of the test run.

use std::time::{Duration, Instant};

use canonical::TokenKeys;
use kafka::{Client, Reader, Start};
use local_servers::{
    Endpoints,
    testing::{BOUND, unique, until},
};
use rdkafka::{
    Message as _,
    producer::{FutureProducer, FutureRecord},
};
use schemas::{Message, avro, catalogue::Catalogue, registry::Registry, wire};
use service::settings;
use tokio::task::JoinHandle;

use crate::{Enrolment, Installation};

/// The token key of test installations, as in the setting `KASSAFLOW_TOKEN_KEYS`.
pub const TOKEN_KEYS: &str = "1:6b617373616f666c6f772d746573742d6b65792d6e6f742d612d736563726574";
/// How long one question for records takes.
const LOOK: Duration = Duration::from_millis(100);

/// An installation that no other test sees: its own topic prefix and databases.
pub struct TestInstallation {
    /// Settings of Kafka and the registry for a service under test.
    pub kafka: settings::Kafka,
    /// Settings of PostgreSQL for a service under test; the tables are there.
    pub postgres: settings::Postgres,
    /// Settings of MongoDB for a service under test; the database is empty.
    pub mongodb: settings::Mongodb,
    /// The tenant of [`TestInstallation::enrol`], also unique.
    pub tenant: String,
    installation: Installation,
    producer: FutureProducer,
}

impl std::fmt::Debug for TestInstallation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestInstallation").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Connections to a new database with the tables of `schemas/postgres`.
///
/// # Panics
/// If there is none.
pub async fn tables() -> postgres::Pool {
    let settings = migrated(&local_servers::testing::endpoints()).await;
    or_panic(postgres::Pool::new(&settings::Postgres { connections: 8, ..settings }))
}

/// A new database with the tables.
async fn migrated(endpoints: &Endpoints) -> settings::Postgres {
    let url = local_servers::testing::postgres_database(endpoints).await;
    or_panic(crate::db_migrate(&url).await);
    settings::Postgres { url, ..or_panic(settings::defaults()) }
}

/// Waits until so many sessions of the client's database wait for locks, or `task` ends, which then waits for none.
///
/// # Panics
/// If the database does not answer, or neither comes in time.
pub async fn until_blocked<T>(client: &postgres::Client, sessions: i64, task: &JoinHandle<T>) {
    let waiting = "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database()";
    until(&format!("{sessions} sessions wait for locks"), async || {
        task.is_finished() || or_panic(client.query_one(waiting, &[]).await).get::<_, i64>(0) >= sessions
    })
    .await;
}

/// A record that was read from a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key, empty when there is none.
    pub key: Vec<u8>,
    /// Value; `None` for a tombstone.
    pub payload: Option<Vec<u8>>,
}

impl Consumed {
    /// The value as a message of the newest schema version.
    ///
    /// # Panics
    /// If it is not one.
    #[must_use]
    pub fn decode<'a, T: Message<'a>>(&'a self) -> T {
        let Some((_, body)) = self.payload.as_deref().and_then(wire::split) else { panic!("no message: {self:?}") };
        match avro::from_slice(body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {self:?}"),
        }
    }

    /// The key as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    pub fn key(&self) -> &str {
        match std::str::from_utf8(&self.key) {
            Ok(key) => key,
            Err(error) => panic!("{error}: {self:?}"),
        }
    }
}

/// Makes an installation on these servers: topics (at most `partitions` each), schemas, a migrated PostgreSQL
/// database, an empty MongoDB database.
///
/// # Panics
/// If a server does not answer or refuses.
pub async fn install(endpoints: &Endpoints, partitions: i32) -> TestInstallation {
    let tenant = unique("t");
    let kafka = settings::Kafka {
        brokers: endpoints.kafka.clone(),
        topic_prefix: format!("{tenant}."),
        client_file: None,
        registry_url: endpoints.registry.clone(),
    };
    let installation = or_panic(Installation::new(&kafka));
    let catalogue = or_panic(Catalogue::load()).with_at_most(partitions);
    or_panic(installation.topics_apply(&catalogue, 1).await);
    or_panic(installation.schemas_apply().await);
    let mut config = installation.client().config();
    config.set("partitioner", "murmur2_random").set("enable.idempotence", "true").set("linger.ms", "1");
    TestInstallation {
        postgres: migrated(endpoints).await,
        mongodb: settings::Mongodb { uri: endpoints.mongodb.clone(), database: tenant.clone() },
        producer: or_panic(config.create()),
        kafka,
        tenant,
        installation,
    }
}

impl TestInstallation {
    /// The installation itself.
    #[must_use]
    pub const fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The settings of Kafka clients.
    #[must_use]
    pub const fn client(&self) -> &Client {
        self.installation.client()
    }

    /// The schema registry.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        self.installation.registry()
    }

    /// Settings of a service's frame: any free admin port, quiet logs.
    ///
    /// # Panics
    /// Never, unless the defaults are broken.
    #[must_use]
    pub fn common(&self) -> settings::Common {
        settings::Common {
            admin_listen: "127.0.0.1:0".to_owned(),
            log: "warn".to_owned(),
            log_format: "human".to_owned(),
            ..or_panic(settings::defaults())
        }
    }

    /// Enrols a register of [`TestInstallation::tenant`] (shop `shop-1`, Moscow, both families) and returns its token.
    ///
    /// # Panics
    /// If the directory cannot be written.
    pub async fn enrol(&self, register: &str) -> String {
        self.enrol_as(&Enrolment {
            tenant: self.tenant.clone(),
            register: register.to_owned(),
            shop: "shop-1".to_owned(),
            time_zone: "Europe/Moscow".to_owned(),
            families: vec!["dreamkas".to_owned(), "ffd-tlv".to_owned()],
            ..Enrolment::default()
        })
        .await
    }

    /// Enrols any register and returns its token.
    ///
    /// # Panics
    /// If the directory cannot be written.
    pub async fn enrol_as(&self, enrolment: &Enrolment) -> String {
        let keys = or_panic(TokenKeys::parse(TOKEN_KEYS));
        let mut enrolled =
            or_panic(self.installation.registers_enrol(&keys, std::slice::from_ref(enrolment), None).await);
        enrolled.remove(0).token
    }

    /// Writes messages to a topic (named without prefix) in the wire format, and returns when they are acknowledged.
    ///
    /// # Panics
    /// If they are not acknowledged.
    pub async fn produce<'a, T: Message<'a>>(&self, topic: &str, records: &[(&str, T)]) {
        let schema_id = or_panic(self.registry().ids(topic).await).newest;
        let mut payloads = Vec::with_capacity(records.len());
        for (key, value) in records {
            let mut payload = Vec::new();
            wire::write(schema_id, value, &mut payload);
            payloads.push((key.as_bytes(), payload));
        }
        self.produce_bytes(topic, &payloads).await;
    }

    /// Records that a group has not finished; `None` while the brokers cannot tell.
    pub async fn unread(&self, group: &str) -> Option<i64> {
        let catalogue = or_panic(Catalogue::load());
        let lags = kafka::admin::lag(self.client(), &catalogue).await.ok()?;
        Some(lags.iter().filter(|lag| lag.group == group).map(kafka::admin::Lag::records).sum())
    }

    /// Waits until the group has finished everything that is on its topics.
    ///
    /// # Panics
    /// If it has not within a minute.
    pub async fn until_read(&self, group: &str) {
        until(&format!("{group} has finished its topics"), async || self.unread(group).await == Some(0)).await;
    }

    /// Writes bytes that need not be a message, and returns when they are acknowledged.
    ///
    /// # Panics
    /// If they are not acknowledged.
    pub async fn produce_bytes(&self, topic: &str, records: &[(&[u8], Vec<u8>)]) {
        let topic = self.client().prefixed(topic);
        let mut deliveries = Vec::with_capacity(records.len());
        for (key, payload) in records {
            match self.producer.send_result(FutureRecord::to(&topic).key(*key).payload(payload)) {
                Ok(delivery) => deliveries.push(delivery),
                Err((error, _)) => panic!("{topic}: {error}"),
            }
        }
        for delivery in deliveries {
            if let Err((error, _)) = or_panic(delivery.await) {
                panic!("{topic}: {error}");
            }
        }
    }

    /// Reads a topic (named without prefix) from its beginning until `enough` says so, then returns all that was
    /// read, in the order of each partition. Gives up after a minute.
    ///
    /// # Panics
    /// If it is not enough in time; the message shows `what` was waited for.
    pub async fn wait_for(
        &self,
        topic: &str,
        what: &str,
        enough: impl Fn(&[Consumed]) -> bool + Send + 'static,
    ) -> Vec<Consumed> {
        let (client, topic, what) = (self.client().clone(), self.client().prefixed(topic), what.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let mut reader = or_panic(Reader::open(&client, &topic, None, Start::Beginning));
            let mut records = Vec::new();
            let begun = Instant::now();
            while !enough(&records) {
                assert!(begun.elapsed() < BOUND, "{topic}: no {what} within {BOUND:?}, but {records:?}");
                records.extend(next(&mut reader));
            }
            records
        });
        or_panic(read.await)
    }

    /// Everything that is in a topic (named without prefix) now.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn read_all(&self, topic: &str) -> Vec<Consumed> {
        let (client, topic) = (self.client().clone(), self.client().prefixed(topic));
        let read = tokio::task::spawn_blocking(move || {
            let mut reader = or_panic(Reader::open(&client, &topic, None, Start::Beginning));
            let mut records = Vec::new();
            while !reader.caught_up() {
                records.extend(next(&mut reader));
            }
            records
        });
        or_panic(read.await)
    }
}

fn next(reader: &mut Reader) -> Option<Consumed> {
    or_panic(reader.next(LOOK)).map(|message| Consumed {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().unwrap_or_default().to_vec(),
        payload: message.payload().map(<[u8]>::to_vec),
    })
}

/// `unwrap`, with the error as a person reads it.
fn or_panic<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
