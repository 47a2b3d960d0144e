//! The bulk lane: read while nobody is behind, and never in front of what registers send now.

use std::collections::HashSet;

use kafka::admin;
use local_servers::testing::{endpoints, until};
use normalizer::NormalizerSettings;
use provision::testing::{Consumed, TestInstallation, install};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    topic_partition_list::Offset,
};
use schemas::{catalogue::Catalogue, dead_letters::DeadLetter, raw, raw_bulk, receipts, receipts::Receipt};
use service::settings;

use crate::support::{Service, dreamkas_receipt, raw, send, send_to, start_with};

const SINKS: [&str; 2] = ["receipt-writer", "product-upserter"];
/// Records that a sink may be behind.
const LAG_BOUND: usize = 50;

fn start(installation: &TestInstallation) -> Service {
    start_with(installation, NormalizerSettings { bulk_lag_bound: LAG_BOUND, ..settings::defaults().unwrap() })
}

/// What the sinks do when they keep up: commits the ends of their topics.
async fn sinks_catch_up(installation: &TestInstallation) {
    let lags = admin::lag(installation.client(), &Catalogue::load().unwrap()).await.unwrap();
    let client = installation.client().clone();
    tokio::task::spawn_blocking(move || {
        for group in SINKS {
            let mut config = client.config();
            let sink: BaseConsumer = config.set("group.id", client.prefixed(group)).create().unwrap();
            let mut ends = TopicPartitionList::new();
            for lag in lags.iter().filter(|lag| lag.group == group) {
                ends.add_partition_offset(&lag.topic, lag.partition, Offset::Offset(lag.end)).unwrap();
            }
            sink.commit(&ends, CommitMode::Sync).unwrap();
        }
    })
    .await
    .unwrap();
}

async fn receipts_of(installation: &TestInstallation, topic: &str) -> HashSet<String> {
    let receipts = installation.read_all(receipts::TOPIC).await;
    let receipts: Vec<Receipt<'_>> = receipts.iter().map(Consumed::decode).collect();
    receipts.iter().filter(|receipt| receipt.raw_topic == topic).map(|receipt| receipt.receipt_id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_waits_while_a_sink_is_behind_and_what_is_fresh_passes() {
    let installation = install(&endpoints(), 2).await;
    let documents = |range: std::ops::Range<u32>| -> Vec<_> {
        range.map(|n| raw(&installation, "dreamkas", dreamkas_receipt(n))).collect()
    };
    // The sinks are as far behind as the bound lets them.
    send(&installation, documents(1..101)).await;
    let service = start(&installation);
    installation.until_read("normalizer").await;
    until("the gate is closed", async || service.context.metric("kassaflow_normalizer_bulk_lag") == Some(100.0)).await;
    send_to(&installation, raw_bulk::TOPIC, documents(1001..1501)).await;
    send(&installation, documents(101..121)).await;
    installation.until_read("normalizer").await;
    until("a look saw them", async || service.context.metric("kassaflow_normalizer_bulk_lag") == Some(120.0)).await;
    assert_eq!(service.context.metric("kassaflow_normalizer_bulk_open"), Some(0.0));
    assert_eq!(receipts_of(&installation, raw::TOPIC).await.len(), 120);
    assert_eq!(installation.unread("normalizer-bulk").await, Some(500));

    // They catch up once: what comes through puts them behind again. A look or two may not see it yet.
    sinks_catch_up(&installation).await;
    until("the gate is closed again", async || {
        service.context.metric("kassaflow_normalizer_documents_total").is_some_and(|sent| sent >= 170.0)
            && service.context.metric("kassaflow_normalizer_bulk_open") == Some(0.0)
    })
    .await;
    let passed = receipts_of(&installation, raw_bulk::TOPIC).await.len();
    assert!((LAG_BOUND..=4 * LAG_BOUND).contains(&passed), "{passed} passed");

    until("all of bulk is read", async || {
        sinks_catch_up(&installation).await;
        installation.unread("normalizer-bulk").await == Some(0)
    })
    .await;
    service.stop().await;
    assert_eq!(receipts_of(&installation, raw_bulk::TOPIC).await.len(), 500);
    assert!(installation.read_all("registers.dead-letters.v1").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_by_which_lane_it_came_and_so_does_a_dead_letter() {
    let installation = install(&endpoints(), 1).await;
    let document = |n| raw(&installation, "dreamkas", dreamkas_receipt(n));
    send_to(&installation, raw_bulk::TOPIC, vec![document(1), raw(&installation, "no-such-format", b"?".to_vec())])
        .await;
    let service = start(&installation);
    installation.until_read("normalizer-bulk").await;
    send_to(&installation, raw_bulk::TOPIC, vec![document(1)]).await;
    installation.until_read("normalizer-bulk").await;
    service.stop().await;

    let receipts = installation.read_all(receipts::TOPIC).await;
    assert_eq!(receipts.len(), 1, "a repeat within the lane is dropped");
    let receipt: Receipt<'_> = receipts[0].decode();
    assert_eq!((&*receipt.raw_topic, receipt.raw_partition, receipt.raw_offset), (raw_bulk::TOPIC, 0, 0));
    let letters = installation.read_all("registers.dead-letters.v1").await;
    let letter: DeadLetter<'_> = letters[0].decode();
    let topic = installation.client().prefixed(raw_bulk::TOPIC);
    assert_eq!((letters.len(), &*letter.source_topic, letter.source_offset), (1, &*topic, 1));
}
