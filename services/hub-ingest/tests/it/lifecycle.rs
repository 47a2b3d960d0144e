//! The beginning and the end of a hub.

use std::time::Duration;

use local_servers::testing::{endpoints, until};
use provision::testing::install;
use schemas::raw::TOPIC;
use service::Context;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{PARTITIONS, hub, settings_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_ends_finishes_what_it_has_begun() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let idle = TcpStream::connect(hub.address).await.unwrap();
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let head = format!(
        "POST /v1/registers/till-1/documents HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: application/vnd.kassaflow.dreamkas+json\r\nContent-Length: 2\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    until("the request is being worked on", async || hub.metric("kassaflow_hub_requests_in_flight") == 1.0).await;
    hub.context.shutdown.cancel();
    until("nobody new is let in", async || TcpStream::connect(hub.address).await.is_err()).await;
    stream.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    tokio::time::timeout(Duration::from_secs(20), hub.task).await.unwrap().unwrap().unwrap();
    assert_eq!(hub.installation.read_all(TOPIC).await.len(), 1);
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_registry_is_away_waits_and_is_not_ready() {
    let installation = install(&endpoints(), PARTITIONS).await;
    let mut settings = settings_of(&installation);
    // Nobody listens on a port that was just given back.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    settings.kafka.registry_url = format!("http://{nobody}");
    let context = Context::detached();
    let running = tokio::spawn(hub_ingest::run(context.clone(), settings));
    until("the hub says what it waits for", async || {
        context.health.reasons().iter().any(|reason| reason.starts_with("schemas"))
    })
    .await;
    assert!(!running.is_finished());
    context.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_is_ready_when_it_serves() {
    let hub = hub().await;
    until("the hub is ready", async || hub.context.health.reasons().is_empty()).await;
}
