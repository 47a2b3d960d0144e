//! What the relay promises, on a real PostgreSQL and a real Kafka.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kafka::{Client, Reader, Start, admin};
use local_servers::{
    Home, Kind, Server,
    testing::{self, until},
};
use rdkafka::Message;
use relay::{Outgoing, Published, Relay};
use schemas::catalogue::Catalogue;
use service::{Context, settings};
use tokio_postgres::Row;

const TABLE: &str = "
    CREATE TABLE things (
        tenant text NOT NULL, id text NOT NULL, value text NOT NULL,
        version bigint NOT NULL DEFAULT 1, PRIMARY KEY (tenant, id));
    CREATE TABLE things_dirty (
        tenant text NOT NULL, id text NOT NULL, version bigint NOT NULL, PRIMARY KEY (tenant, id));
    CREATE TABLE marks (rows bigint NOT NULL)";
const READ: &str = "SELECT tenant, id, t.version, value FROM things_dirty JOIN things t USING (tenant, id)
      WHERE (tenant, id) > ($2, $3) ORDER BY 1, 2 LIMIT $1";

fn record(row: &Row) -> Result<Outgoing, tokio_postgres::Error> {
    let (tenant, id, version): (String, String, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let value: String = row.try_get(3)?;
    let key = format!("{tenant}/{id}");
    Ok(Outgoing { key, payload: format!("{version}:{value}").into_bytes(), tenant, id, version })
}

/// Things, published as `version:value`.
struct Things;

impl Published for Things {
    const TOPIC: &'static str = "catalog.products.v1";
    const READ: &'static str = READ;
    // The second table counts transactions.
    const MARK: &'static str = "
        WITH counted AS (INSERT INTO marks SELECT cardinality($1::text[]))
        DELETE FROM things_dirty d
        USING unnest($1::text[], $2::text[], $3::bigint[]) AS sent (tenant, id, version)
        WHERE d.tenant = sent.tenant AND d.id = sent.id AND d.version <= sent.version";

    fn record(&self, row: &Row) -> Result<Outgoing, tokio_postgres::Error> {
        record(row)
    }
}

/// The same, but it never gets past the commit: the mark hangs.
struct DiesBeforeTheMark;

impl Published for DiesBeforeTheMark {
    const TOPIC: &'static str = Things::TOPIC;
    const READ: &'static str = READ;
    const MARK: &'static str = "SELECT pg_sleep(600), $1::text[], $2::text[], $3::bigint[]";

    fn record(&self, row: &Row) -> Result<Outgoing, tokio_postgres::Error> {
        record(row)
    }
}

/// The same, but the rows of one tenant change again before each mark, without end.
struct Restless;

impl Published for Restless {
    const TOPIC: &'static str = Things::TOPIC;
    const READ: &'static str = READ;
    const MARK: &'static str = "
        DELETE FROM things_dirty d
         USING unnest($1::text[], $2::text[], $3::bigint[]) AS sent (tenant, id, version)
         WHERE d.tenant = sent.tenant AND d.id = sent.id AND d.version <= sent.version AND d.tenant <> 'acme'";

    fn record(&self, row: &Row) -> Result<Outgoing, tokio_postgres::Error> {
        record(row)
    }
}

/// The same, but between reading and publishing it stands still until it is let go.
struct Late {
    has_read: Arc<AtomicBool>,
    let_go: Arc<AtomicBool>,
}

impl Published for Late {
    const TOPIC: &'static str = Things::TOPIC;
    const READ: &'static str = READ;
    const MARK: &'static str = Things::MARK;

    fn record(&self, row: &Row) -> Result<Outgoing, tokio_postgres::Error> {
        self.has_read.store(true, Ordering::SeqCst);
        tokio::task::block_in_place(|| {
            let deadline = Instant::now() + Duration::from_secs(60);
            while !self.let_go.load(Ordering::SeqCst) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        record(row)
    }
}

/// One installation: a topic and a database of its own.
struct Place {
    client: Client,
    postgres: settings::Postgres,
    database: postgres::Client,
}

impl Place {
    async fn new() -> Self {
        Self::on(&testing::endpoints().kafka).await
    }

    async fn on(brokers: &str) -> Self {
        let mut kafka: settings::Kafka = settings::defaults().unwrap();
        kafka.brokers = brokers.to_owned();
        kafka.topic_prefix = testing::unique("relay") + ".";
        let client = Client::new(&kafka).unwrap();
        let mut catalogue = Catalogue::load().unwrap().with_at_most(3);
        catalogue.topics.retain(|name, _| name == Things::TOPIC);
        admin::apply_topics(&client, &catalogue, 1).await.unwrap();
        let mut postgres: settings::Postgres = settings::defaults().unwrap();
        postgres.url = testing::postgres_database(&testing::endpoints()).await;
        let database = postgres::Pool::new(&postgres).unwrap().get().await.unwrap();
        database.batch_execute(TABLE).await.unwrap();
        Self { client, postgres, database }
    }

    fn relay<P: Published>(&self, published: P) -> Running {
        let context = Context::detached();
        let relay = Relay::new(&self.client, &self.postgres, published, &context.metrics).unwrap();
        Running { task: tokio::spawn(relay.run(context.clone())), context }
    }

    async fn change(&self, id: &str, value: &str) {
        let upsert = "WITH changed AS (
                INSERT INTO things (tenant, id, value) VALUES ('acme', $1, $2) ON CONFLICT (tenant, id)
                DO UPDATE SET value = excluded.value, version = things.version + 1 RETURNING tenant, id, version)
            INSERT INTO things_dirty SELECT * FROM changed
                ON CONFLICT (tenant, id) DO UPDATE SET version = excluded.version";
        self.database.execute(upsert, &[&id, &value]).await.unwrap();
    }

    async fn count(&self, question: &str) -> i64 {
        self.database.query_one(question, &[]).await.unwrap().get(0)
    }

    async fn until_clean(&self) {
        until("nothing is dirty", async || self.count("SELECT count(*) FROM things_dirty").await == 0).await;
    }

    /// Every committed record, by key, in order.
    async fn records(&self) -> BTreeMap<String, Vec<String>> {
        let client = self.client.clone();
        tokio::task::spawn_blocking(move || {
            let topic = client.prefixed(Things::TOPIC);
            let mut reader = Reader::open(&client, &topic, None, Start::Beginning).unwrap();
            let mut records: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let deadline = Instant::now() + Duration::from_secs(30);
            while !reader.caught_up() {
                assert!(Instant::now() < deadline, "the end of the topic did not come");
                if let Some(message) = reader.next(Duration::from_millis(100)).unwrap() {
                    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
                    records.entry(text(message.key())).or_default().push(text(message.payload()));
                }
            }
            records
        })
        .await
        .unwrap()
    }
}

struct Running {
    task: tokio::task::JoinHandle<Result<(), service::Fatal>>,
    context: Context,
}

impl Running {
    fn metric(&self, name: &str) -> f64 {
        self.context.metric(name).unwrap()
    }

    async fn end(self) {
        self.context.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task).await.unwrap().unwrap().unwrap();
    }
}

fn last(records: &BTreeMap<String, Vec<String>>, key: &str) -> String {
    records[key].last().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_state_of_every_changed_row_reaches_the_topic() {
    let place = Place::new().await;
    let fill = "INSERT INTO things (tenant, id, value) SELECT 'acme', n, 'first' FROM generate_series(0, 1499) n;
        INSERT INTO things_dirty SELECT tenant, id, version FROM things";
    place.database.batch_execute(fill).await.unwrap();
    let relay = place.relay(Things);
    place.until_clean().await;
    for round in ["second", "third"] {
        for id in 0..20 {
            place.change(&id.to_string(), round).await;
        }
    }
    place.until_clean().await;
    let records = place.records().await;
    assert_eq!(records.len(), 1500);
    for id in 0..20 {
        assert_eq!(last(&records, &format!("acme/{id}")), "3:third");
    }
    assert_eq!(records["acme/777"], ["1:first"]);
    assert!(relay.metric("kassaflow_relay_rows_total") >= 1520.0);
    assert!(relay.metric("kassaflow_relay_active") == 1.0);
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_change_without_end_keep_no_other_row_waiting() {
    let place = Place::new().await;
    // More than one transaction takes.
    let fill = "INSERT INTO things (tenant, id, value) SELECT 'acme', n, 'first' FROM generate_series(1, 5001) n;
        INSERT INTO things (tenant, id, value) VALUES ('zoo', '1', 'first');
        INSERT INTO things_dirty SELECT tenant, id, version FROM things";
    place.database.batch_execute(fill).await.unwrap();
    let relay = place.relay(Restless);
    until("the zoo is clean", async || {
        place.count("SELECT count(*) FROM things_dirty WHERE tenant = 'zoo'").await == 0
    })
    .await;
    assert_eq!(place.records().await["zoo/1"], ["1:first"]);
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_dirty_means_nothing_written() {
    let place = Place::new().await;
    let relay = place.relay(Things);
    place.change("1", "first").await;
    place.until_clean().await;
    let transactions = place.count("SELECT count(*) FROM marks").await;
    // The age falls with every look: wait until it has looked again, several times, and found nothing.
    for _ in 0..3 {
        until("the relay is behind", async || relay.metric("kassaflow_relay_behind_seconds") > 0.5).await;
        until("the relay has caught up", async || relay.metric("kassaflow_relay_behind_seconds") < 0.5).await;
    }
    assert_eq!(place.count("SELECT count(*) FROM marks").await, transactions);
    assert_eq!(place.records().await["acme/1"], ["1:first"]);
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waker_is_faster_than_the_look() {
    let place = Place::new().await;
    let context = Context::detached();
    let relay = Relay::new(&place.client, &place.postgres, Things, &context.metrics).unwrap();
    let waker = relay.waker();
    let relay = Running { task: tokio::spawn(relay.run(context.clone())), context };
    place.change("0", "first").await;
    place.until_clean().await;
    let mut fastest = Duration::MAX;
    for round in 1..=5 {
        let begun = Instant::now();
        place.change("1", &round.to_string()).await;
        waker.wake();
        place.until_clean().await;
        fastest = fastest.min(begun.elapsed());
    }
    assert!(fastest < Duration::from_millis(900), "{fastest:?}");
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_commit_and_mark_repeats_and_loses_nothing() {
    let place = Place::new().await;
    place.change("1", "first").await;
    let dying = place.relay(DiesBeforeTheMark);
    until("the record is there", async || place.records().await.contains_key("acme/1")).await;
    // As SIGKILL would: nothing is finished, the connections just end.
    dying.task.abort();
    place.change("1", "second").await;
    place.change("2", "first").await;
    let relay = place.relay(Things);
    place.until_clean().await;
    let records = place.records().await;
    assert_eq!(records["acme/1"], ["1:first", "2:second"]);
    assert_eq!(records["acme/2"], ["1:first"]);
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_the_worst_that_a_crash_does() {
    let place = Place::new().await;
    place.change("1", "first").await;
    let dying = place.relay(DiesBeforeTheMark);
    until("the record is there", async || place.records().await.contains_key("acme/1")).await;
    dying.task.abort();
    let relay = place.relay(Things);
    place.until_clean().await;
    assert_eq!(place.records().await["acme/1"], ["1:first", "1:first"]);
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_relay_waits_and_takes_over() {
    let place = Place::new().await;
    let first = place.relay(Things);
    until("the first relay is active", async || first.metric("kassaflow_relay_active") == 1.0).await;
    let second = place.relay(Things);
    for id in 0..50 {
        place.change(&id.to_string(), "first").await;
    }
    place.until_clean().await;
    assert!(second.metric("kassaflow_relay_active") == 0.0);
    let records = place.records().await;
    assert!(records.values().all(|states| states.len() == 1), "published twice: {records:?}");
    first.end().await;
    place.change("0", "second").await;
    place.until_clean().await;
    assert!(second.metric("kassaflow_relay_active") == 1.0);
    assert_eq!(place.records().await["acme/0"], ["1:first", "2:second"]);
    second.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_late_relay_overwrites_nothing() {
    let place = Place::new().await;
    place.change("1", "first").await;
    let (has_read, let_go) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let late = place.relay(Late { has_read: Arc::clone(&has_read), let_go: Arc::clone(&let_go) });
    until("the relay has read", async || has_read.load(Ordering::SeqCst)).await;
    // Its session ends, as after a break of the network, and with it the lock.
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(place.count(kill).await, 1);
    place.change("1", "second").await;
    let relay = place.relay(Things);
    place.until_clean().await;
    let_go.store(true, Ordering::SeqCst);
    until("the late relay fails", async || late.metric("kassaflow_relay_failures_total") >= 1.0).await;
    assert_eq!(place.records().await["acme/1"], ["2:second"]);
    relay.end().await;
    late.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_fits_into_no_record_stops_nothing() {
    let place = Place::new().await;
    let relay = place.relay(Things);
    place.change("1", "small").await;
    place.until_clean().await;
    place.change("1", &"x".repeat(3_000_000)).await;
    place.change("2", "small").await;
    place.until_clean().await;
    let records = place.records().await;
    assert_eq!(records["acme/1"], ["1:small"]);
    assert_eq!(records["acme/2"], ["1:small"]);
    place.change("1", "small again").await;
    place.until_clean().await;
    assert_eq!(last(&place.records().await, "acme/1"), "3:small again");
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_are_waited_for() {
    let mut brokers = Server::start_new(&Home::find().unwrap(), Kind::Kafka).await.unwrap();
    let place = Place::on(&brokers.url()).await;
    let relay = place.relay(Things);
    place.change("1", "first").await;
    place.until_clean().await;
    brokers.kill().await;
    place.change("1", "second").await;
    until("the relay fails", async || relay.metric("kassaflow_relay_failures_total") >= 1.0).await;
    assert_eq!(place.count("SELECT count(*) FROM things_dirty").await, 1);
    assert!(relay.metric("kassaflow_relay_behind_seconds") > 1.0);
    brokers.start().await.unwrap();
    place.until_clean().await;
    assert_eq!(last(&place.records().await, "acme/1"), "2:second");
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_ends_the_service() {
    let place = Place::new().await;
    place.database.batch_execute("DROP TABLE things").await.unwrap();
    let relay = place.relay(Things);
    let error = tokio::time::timeout(Duration::from_secs(30), relay.task).await.unwrap().unwrap().unwrap_err();
    assert!(error.to_string().contains("kassactl db migrate"), "{error}");
}
