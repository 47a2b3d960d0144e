//! `kassactl tap`, `lag` and `dead-letters` on real servers.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::process::Stdio;

use common::{Ended, command, installation, kassactl};
use kafka::Client;
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    topic_partition_list::Offset,
};
use schemas::{
    Decimal, LocalTimestamp, Timestamp, dead_letters,
    dead_letters::DeadLetter,
    receipts,
    receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind, VatRate, VatSum},
};
use tokio::io::{AsyncBufReadExt as _, BufReader};

fn receipt(number: i64, good: &'static str) -> Receipt<'static> {
    Receipt {
        receipt_id: format!("acme/9999078900000001/{number:010}").into(),
        tenant: "acme".into(),
        register: "till-7".into(),
        source: "dreamkas".into(),
        kind: ReceiptKind::Receipt,
        operation: Operation::Sell,
        document_number: Some(number),
        received_at: Timestamp(1_795_542_723_000_000),
        local_time: Some(LocalTimestamp(1_795_553_522_000_000)),
        total_kopecks: 5_792,
        payments: vec![Payment { kind: PaymentKind::Card, amount_kopecks: 5_792 }],
        vat_sums: vec![VatSum { rate: VatRate::Vat10, sum_kopecks: 527 }],
        items: vec![Item {
            name: Some(good.into()),
            quantity: Decimal::from_unscaled(1_350_000),
            price_kopecks: Some(4_290),
            sum_kopecks: Some(5_792),
            vat_rate: Some(VatRate::Vat10),
            ..Item::default()
        }],
        cashier_name: Some("Петрова А. И.".into()),
        ..Receipt::default()
    }
}

#[tokio::test]
async fn tap_shows_receipts_that_a_shop_owner_recognises() {
    let test = installation().await;
    test.produce(receipts::TOPIC, &[("acme/till-7", receipt(132, "Картофель молодой, кг"))]).await;
    let shown = kassactl(&test, &["tap", receipts::TOPIC, "--json"]).await.json_lines();
    assert_eq!(shown.len(), 1);
    assert_eq!((&shown[0]["key"], &shown[0]["offset"]), (&"acme/till-7".into(), &0.into()));
    let value = &shown[0]["value"];
    assert_eq!(value["local_time"], "2026-11-24T20:52:02");
    assert_eq!(value["received_at"], "2026-11-24T17:52:03Z");
    assert_eq!(value["cashier_name"], "Петрова А. И.");
    assert_eq!(value["vat_sums"][0], serde_json::json!({"rate": "VAT_10", "sum_kopecks": 527}));
    let item = serde_json::json!({"name": "Картофель молодой, кг", "quantity": "1.35", "price_kopecks": 4290, "sum_kopecks": 5792, "vat_rate": "VAT_10"});
    assert_eq!(value["items"][0], item);
    let paper = kassactl(&test, &["tap", receipts::TOPIC]).await.fine();
    for part in [
        "Картофель молодой, кг",
        "1.35 × 42.90",
        "57.92",
        "VAT 10 %",
        "card 57.92",
        "Петрова А. И.",
        "2026-11-24 20:52:02",
    ] {
        assert!(paper.contains(part), "{part} in {paper}");
    }
}

#[tokio::test]
async fn tap_shows_what_is_asked_for() {
    let test = installation().await;
    let records: Vec<_> =
        (1..=6).map(|n| ("acme/till-7", receipt(n, if n % 2 == 0 { "Хлеб" } else { "Молоко" }))).collect();
    test.produce(receipts::TOPIC, &records).await;
    let numbers = async |more: &[&str]| -> Vec<i64> {
        let lines = kassactl(&test, &[&["tap", receipts::TOPIC, "--json"], more].concat()).await.json_lines();
        lines.iter().map(|line| line["value"]["document_number"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers(&["--from", "2"]).await, [5, 6]);
    assert_eq!(numbers(&["--count", "3"]).await, [1, 2, 3]);
    assert_eq!(numbers(&["--filter", "items.name=Хлеб"]).await, [2, 4, 6]);
    assert_eq!(numbers(&["--filter", "молоко", "--filter", "document_number=3"]).await, [3]);
    assert!(numbers(&["--filter", "items.name=Хле"]).await.is_empty());
    let unknown = kassactl(&test, &["tap", "registers.receipts.v9"]).await;
    assert_eq!(unknown.status, 1);
    assert!(unknown.stderr.contains("registers.receipts.v9 does not exist"), "{}", unknown.stderr);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_shown_with_the_reason_and_does_not_stop_the_others() {
    let test = installation().await;
    let key = b"acme/till-7".as_slice();
    test.produce_bytes(receipts::TOPIC, &[(key, b"{}".to_vec()), (key, vec![0, 0xFF, 0xFF, 0xFF, 0xFF, 1])]).await;
    test.produce(receipts::TOPIC, &[("acme/till-7", receipt(1, "Хлеб"))]).await;
    let shown = kassactl(&test, &["tap", receipts::TOPIC, "--json"]).await.json_lines();
    assert!(shown[0]["problem"].as_str().unwrap().contains("wire format"), "{}", shown[0]);
    assert_eq!(shown[0]["bytes"], "{}");
    assert!(shown[1]["problem"].as_str().unwrap().contains("does not know the schema"), "{}", shown[1]);
    assert_eq!(shown[2]["value"]["document_number"], 1);
}

#[tokio::test]
async fn tap_follows_and_ends_quietly_when_nobody_reads_any_more() {
    let test = installation().await;
    test.produce(receipts::TOPIC, &[("acme/till-7", receipt(1, "Хлеб"))]).await;
    let mut tap = command(&test, &["tap", receipts::TOPIC, "--json", "--follow"]);
    let mut tap = tap.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tap.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().contains("\"document_number\":1"));
    test.produce(receipts::TOPIC, &[("acme/till-7", receipt(2, "Молоко"))]).await;
    assert!(lines.next_line().await.unwrap().unwrap().contains("\"document_number\":2"));
    drop(lines);
    test.produce(receipts::TOPIC, &[("acme/till-7", receipt(3, "Чай"))]).await;
    let ended = tap.wait_with_output().await.unwrap();
    assert_eq!((ended.status.code(), &*String::from_utf8(ended.stderr).unwrap()), (Some(0), ""));
}

/// Says that the group has finished everything before the offset.
fn commit(client: &Client, group: &str, topic: &str, partition: i32, offset: i64) {
    let consumer: BaseConsumer = client.config().set("group.id", client.prefixed(group)).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&client.prefixed(topic), partition, Offset::Offset(offset)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

#[tokio::test]
async fn lag_tells_how_far_each_group_is_behind() {
    let test = installation().await;
    let records: Vec<_> = (1..=5).map(|n| ("acme/till-7", receipt(n, "Хлеб"))).collect();
    test.produce(receipts::TOPIC, &records).await;
    let partition = test.read_all(receipts::TOPIC).await[0].partition;
    let client = test.client().clone();
    tokio::task::spawn_blocking(move || commit(&client, "receipt-writer", receipts::TOPIC, partition, 3))
        .await
        .unwrap();
    let lag = kassactl(&test, &["lag", "--json"]).await.json();
    let topic = test.client().prefixed(receipts::TOPIC);
    let of = |group: &str| {
        lag.as_array().unwrap().iter().find(|row| row["group"] == group && row["topic"] == *topic).unwrap()
    };
    assert_eq!((&of("receipt-writer")["lag"], &of("product-upserter")["lag"]), (&2.into(), &5.into()));
    assert_eq!(
        (&of("receipt-writer")["partitions"], &of("receipt-writer")["partitions_behind"]),
        (&3.into(), &1.into())
    );
    assert!((0..60).contains(&of("receipt-writer")["oldest_seconds"].as_i64().unwrap()), "{lag}");
    let table = kassactl(&test, &["lag"]).await.fine();
    assert!(table.contains("receipt-writer") && table.contains("1 of 3"), "{table}");
}

fn letter(class: &'static str, body: &'static [u8]) -> DeadLetter<'static> {
    DeadLetter {
        tenant: Some("acme".into()),
        register: Some("till-7".into()),
        stage: "normalizer".into(),
        error_class: class.into(),
        error_text: "the total is missing".into(),
        error_place: Some("$.amount".into()),
        source_topic: "registers.raw.v1".into(),
        source_partition: 2,
        source_offset: 77,
        format: Some("dreamkas".into()),
        failed_at: Timestamp(1_795_542_723_000_000),
        body_hash: "00ff".into(),
        body: Some(body.into()),
        ..DeadLetter::default()
    }
}

#[tokio::test]
async fn dead_letters_are_listed_and_shown_with_their_bytes() {
    let test = installation().await;
    let none = kassactl(&test, &["dead-letters", "list"]).await.fine();
    assert_eq!(none, "none\n");
    let newer =
        DeadLetter { failed_at: Timestamp(1_795_542_724_000_000), ..letter("undecodable", &[0x03, 0x00, 0xFF]) };
    let letters = [("acme/till-7", letter("invalid", b"{\"type\":\"SALE\"}")), ("acme/till-7", newer)];
    test.produce(dead_letters::TOPIC, &letters).await;
    let listed = kassactl(&test, &["dead-letters", "list", "--json"]).await.json();
    assert_eq!([&listed[0]["error_class"], &listed[1]["error_class"]], ["undecodable", "invalid"]);
    let invalid = kassactl(&test, &["dead-letters", "list", "--json", "--filter", "error_class=invalid"]).await.json();
    assert_eq!(invalid.as_array().unwrap().len(), 1);
    let (text, binary) = (listed[1]["id"].as_str().unwrap(), listed[0]["id"].as_str().unwrap());
    let shown = kassactl(&test, &["dead-letters", "show", text]).await.fine();
    for part in
        ["normalizer", "invalid: the total is missing", "$.amount", "partition 2, offset 77", "{\"type\":\"SALE\"}"]
    {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let shown = kassactl(&test, &["dead-letters", "show", binary]).await.fine();
    assert!(shown.contains("00000000  03 00 ff"), "{shown}");
    let json = kassactl(&test, &["dead-letters", "show", binary, "--json"]).await.json();
    assert_eq!((&json["body"], &json["source_offset"]), (&"hex:0300ff".into(), &77.into()));
    let bytes = kassactl(&test, &["dead-letters", "show", text, "--bytes"]).await.fine();
    assert_eq!(bytes, "{\"type\":\"SALE\"}");
}

#[tokio::test]
async fn a_dead_letter_that_is_not_there_is_said_so() {
    let test = installation().await;
    for id in ["0-99", "77-0"] {
        let Ended { status, stderr, .. } = kassactl(&test, &["dead-letters", "show", id]).await;
        assert_eq!(status, 1);
        assert!(stderr.contains(&format!("there is no dead letter {id}")), "{stderr}");
    }
}
