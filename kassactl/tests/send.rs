//! `kassactl send` to a hub on real servers.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{Ended, command, ended, hub, installation, kassactl};
use provision::testing::TestInstallation;
use schemas::raw::{self, RawDocument};

async fn send(test: &TestInstallation, file: &str, more: &[&str]) -> Ended {
    let path = format!("{}/../examples/{file}", env!("CARGO_MANIFEST_DIR"));
    kassactl(test, &[&["send", &path], more].concat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_are_accepted_and_stored_byte_for_byte() {
    let test = installation().await;
    let token = test.enrol("till-7").await;
    let url = hub(&test).await;
    let by_token = send(&test, "dreamkas-receipt.json", &["--url", &url, "--token", &token]).await.fine();
    assert!(by_token.contains("accepted"), "{by_token}");
    let id = format!("{}/till-7", test.tenant);
    let batch = send(&test, "dreamkas-batch.ndjson", &["--url", &url, "--register", &id, "--json"]).await.json();
    let verdicts: Vec<_> = batch["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!(verdicts, ["accepted"; 4]);
    send(&test, "ffd-tlv-receipt.hex", &["--url", &url, "--register", "till-7", "--token", &token]).await.fine();
    let records = test.wait_for(raw::TOPIC, "six documents", |records| records.len() >= 6).await;
    let documents: Vec<RawDocument<'_>> = records.iter().map(|record| record.decode()).collect();
    let receipt = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/dreamkas-receipt.json")).unwrap();
    assert_eq!(&*documents[0].body, receipt.trim_ascii());
    assert_eq!((&*documents[5].format, &documents[5].body[..2]), ("ffd-tlv", &[3, 0][..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_shown_with_their_reason() {
    let test = installation().await;
    let token = test.enrol("till-7").await;
    let url = hub(&test).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mixed.ndjson");
    std::fs::write(&file, "{\"type\":\"SALE\"}\n{broken\n").unwrap();
    let mixed =
        kassactl(&test, &["send", file.to_str().unwrap(), "--format", "dreamkas", "--url", &url, "--token", &token])
            .await;
    assert_eq!(mixed.status, 1);
    assert!(mixed.stdout.contains("accepted") && mixed.stdout.contains("rejected"), "{}", mixed.stdout);
    let stranger = send(&test, "dreamkas-receipt.json", &["--url", &url, "--register", "stranger/till-1"]).await;
    assert_eq!(stranger.status, 1);
    assert!(stranger.stdout.contains("403"), "{}", stranger.stdout);
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_named() {
    let test = installation().await;
    let begun = Instant::now();
    let mut send = command(&test, &["send", concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/dreamkas-receipt.json")]);
    send.args(["--register", "acme/till-7"]).env("KASSAFLOW_HUB_URL", "http://127.0.0.1:1");
    let ended = ended(send).await;
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("is hub-ingest running there?"), "{}", ended.stderr);
    assert!(begun.elapsed() < Duration::from_secs(30));
}
