//! What the crate promises, on a real PostgreSQL.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use local_servers::{Home, Kind, Server, testing};
use postgres::{Error, Pool, Session, Timestamptz};
use service::settings::{Postgres, defaults};

async fn database() -> Postgres {
    let mut settings: Postgres = defaults().unwrap();
    settings.url = testing::postgres_database(&testing::endpoints()).await;
    settings
}

#[tokio::test]
async fn migrations_that_run_at_the_same_time_are_applied_once() {
    let settings = database().await;
    let runs = [(); 4].map(|()| postgres::migrate(&settings.url));
    let [one, two, three, four] = runs;
    let (one, two, three, four) = tokio::try_join!(one, two, three, four).unwrap();
    let mut applied = [one, two, three, four].concat();
    let count = applied.len();
    applied.sort();
    applied.dedup();
    assert_eq!(applied.len(), count, "applied twice");
    assert!(applied.contains(&"V1__products".to_owned()), "{applied:?}");
    assert!(postgres::migrate(&settings.url).await.unwrap().is_empty());
}

#[tokio::test]
async fn errors_tell_the_caller_what_to_do() {
    let pool = Pool::new(&database().await).unwrap();
    let client = pool.get().await.unwrap();
    client.batch_execute("CREATE TABLE one (n int PRIMARY KEY CHECK (n > 0))").await.unwrap();
    let error = |sql: &'static str| {
        let client = &client;
        async move { Error::from(client.batch_execute(sql).await.unwrap_err()) }
    };
    assert!(matches!(error("INSERT INTO one VALUES (-1)").await, Error::Reject(_)));
    assert!(matches!(error("INSERT INTO one VALUES (99999999999999)").await, Error::Reject(_)));
    let Error::Stop(text) = error("SELECT * FROM two").await else { panic!("no table is not waited for") };
    assert!(text.contains("kassactl db migrate"), "{text}");
}

#[tokio::test]
async fn a_statement_beyond_its_time_is_cancelled_by_the_server() {
    let mut settings = database().await;
    settings.statement_timeout_seconds = 1;
    let client = Pool::new(&settings).unwrap().get().await.unwrap();
    let error: Error = client.batch_execute("SELECT pg_sleep(60)").await.unwrap_err().into();
    assert!(error.is_retry(), "{error}");
    assert!(error.to_string().contains("57014"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let mut server = Server::start_new(&Home::find().unwrap(), Kind::Postgres).await.unwrap();
    let mut settings: Postgres = defaults().unwrap();
    settings.url = server.url();
    let pool = Pool::new(&settings).unwrap();
    let ask = async |client: postgres::Client| Ok(client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0));
    assert_eq!(pool.wait_out("asking", ask).await.unwrap(), 1);
    server.stop().await;
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.wait_out("asking", ask).await }
    });
    assert!(pool.get().await.unwrap_err().is_retry());
    assert!(!waiting.is_finished());
    server.start().await.unwrap();
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_full_pool_is_waited_for_within_a_bound_and_shown() {
    let mut settings = database().await;
    settings.connections = 1;
    let pool = Pool::new(&settings).unwrap();
    let registry = prometheus::Registry::new();
    pool.register(&registry).unwrap();
    let held = pool.get().await.unwrap();
    let shown = format!("{:?}", registry.gather());
    assert!(shown.contains("kassaflow_postgres_connections") && shown.contains("in_use"), "{shown}");
    assert!(pool.get().await.unwrap_err().is_retry());
    drop(held);
    drop(pool.get().await.unwrap());
}

#[tokio::test]
async fn a_session_tells_when_it_ends() {
    let settings = database().await;
    let session = Session::connect(&settings).await.unwrap();
    let ended = session.ended();
    let id: i32 = session.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let killer = Pool::new(&settings).unwrap().get().await.unwrap();
    killer.execute("SELECT pg_terminate_backend($1)", &[&id]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), ended.cancelled()).await.unwrap();
    assert!(Error::from(session.query_one("SELECT 1", &[]).await.unwrap_err()).is_retry());
}

#[tokio::test]
async fn moments_come_back_as_they_went() {
    let client = Pool::new(&database().await).unwrap().get().await.unwrap();
    for moment in [0, 1, -1, 1_700_000_000_123_456, 4_102_444_800_000_000] {
        let row = client.query_one("SELECT $1::timestamptz", &[&Timestamptz(moment)]).await.unwrap();
        assert_eq!(row.get::<_, Timestamptz>(0), Timestamptz(moment));
    }
    for moment in [i64::MIN, i64::MAX] {
        let row = client.query_one("SELECT $1::timestamptz::text, $1", &[&Timestamptz(moment)]).await.unwrap();
        assert!(!row.get::<_, String>(0).is_empty());
    }
}
