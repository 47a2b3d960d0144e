//! The broker goes away and comes back. Each test has a broker of its own.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use local_servers::{
    Home, Kind, Server,
    testing::{endpoints, until},
};
use provision::testing::install;
use schemas::raw::{RawDocument, TOPIC};

use crate::support::{PARTITIONS, TestHub, start, statuses};

async fn hub_with_own_broker() -> (Server, TestHub) {
    let kafka = Server::start_new(&Home::find().unwrap(), Kind::Kafka).await.unwrap();
    let endpoints = local_servers::Endpoints { kafka: kafka.url(), ..endpoints() };
    let hub = start(install(&endpoints, PARTITIONS).await, |settings| {
        settings.timeouts.message_timeout_seconds = 2;
        settings.timeouts.request_timeout_seconds = 3;
        settings.producer.stall_seconds = 1;
    })
    .await;
    (kafka, hub)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_every_answer_is_503_within_the_bound_and_with_it_200_again() {
    let (mut kafka, hub) = hub_with_own_broker().await;
    let token = hub.enrol("till-1").await;
    assert_eq!(hub.send_json("till-1", &token, r#"{"number":0}"#).await.0, 200);
    kafka.kill().await;
    let mut with_verdicts = 0;
    for _ in 0..3 {
        let send = || hub.send_json("till-1", &token, r#"[{"number":-1},{"number":-2}]"#);
        let answers = tokio::time::timeout(Duration::from_secs(5), join_all((0..5).map(|_| send()))).await.unwrap();
        for (status, body) in answers {
            assert_eq!(status, 503, "{body}");
            if body["results"].is_array() {
                assert_eq!(statuses(&body), ["retry", "retry"]);
                with_verdicts += 1;
            }
        }
    }
    assert!(with_verdicts > 0, "the door was closed before the first verdict");
    kafka.start().await.unwrap();
    until("the hub accepts again", async || hub.send_json("till-1", &token, r#"{"number":1}"#).await.0 == 200).await;
    until("the hub is ready", async || hub.context.health.reasons().is_empty()).await;
    let records = hub.installation.read_all(TOPIC).await;
    let numbers: Vec<String> =
        records.iter().map(|r| String::from_utf8(r.decode::<RawDocument<'_>>().body.into_owned()).unwrap()).collect();
    assert!(
        numbers.contains(&r#"{"number":0}"#.to_owned()) && numbers.contains(&r#"{"number":1}"#.to_owned()),
        "{numbers:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_is_no_acknowledgement() {
    let (kafka, hub) = hub_with_own_broker().await;
    let token = hub.enrol("till-1").await;
    assert_eq!(hub.send_json("till-1", &token, "{}").await.0, 200);
    let pid = rustix::process::Pid::from_raw(i32::try_from(kafka.pid().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // The first request waits for the broker, and is told that nobody knows.
    let begun = Instant::now();
    let (status, body) = hub.send_json("till-1", &token, "{}").await;
    assert_eq!((status, statuses(&body)), (503, vec!["retry"]));
    assert!(begun.elapsed() >= Duration::from_secs(1), "answered after {:?} without having waited", begun.elapsed());
    // Meanwhile the hub has noticed that nothing is acknowledged, and says so.
    let request = tokio::spawn({
        let request =
            hub.post("till-1", &token).header("content-type", "application/vnd.kassaflow.dreamkas+json").body("{}");
        async move { request.send().await.unwrap().status().as_u16() }
    });
    until("the hub is not ready", async || {
        hub.context.health.reasons().iter().any(|reason| reason.starts_with("producer: no acknowledgement"))
    })
    .await;
    assert_eq!(request.await.unwrap(), 503);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    until("the hub accepts again", async || hub.send_json("till-1", &token, "{}").await.0 == 200).await;
    until("the hub is ready", async || hub.context.health.reasons().is_empty()).await;
}
