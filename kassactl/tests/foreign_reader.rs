//! A client that is not ours reads what registers sent: `examples/read_receipts.py`, with `confluent-kafka`,
//! its own Avro decoder and the registry.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{path::Path, process::Command};

use common::{hub, installation, kassactl};
use provision::testing::TestInstallation;
use serde_json::{Value, json};
use service::Context;

/// What Python reads: so many receipts, ordered by source.
fn read_by_python(test: &TestInstallation, count: usize) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(root.join(".local/venv/bin/python"))
        .arg(root.join("examples/read_receipts.py"))
        .args(["--brokers", &test.kafka.brokers, "--registry", &test.kafka.registry_url])
        .args(["--prefix", &test.kafka.topic_prefix, "--count", &count.to_string(), "--patience", "60"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n(`make setup` installs the Python packages)");
    let mut receipts: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    receipts.sort_by_key(|receipt| receipt["source"].as_str().map(str::to_owned));
    receipts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_reads_the_values_that_registers_sent_through_the_hub() {
    let test = installation().await;
    let token = test.enrol("till-7").await;
    let url = hub(&test).await;
    let context = Context::detached();
    let settings = normalizer::Settings {
        common: test.common(),
        kafka: test.kafka.clone(),
        normalizer: service::settings::defaults().unwrap(),
    };
    let normalizer = tokio::spawn(normalizer::run(context.clone(), settings));
    // The first is sent twice, as registers do.
    for file in ["dreamkas-receipt.json", "dreamkas-receipt.json", "ffd-tlv-receipt.hex"] {
        let path = format!("{}/../examples/{file}", env!("CARGO_MANIFEST_DIR"));
        kassactl(&test, &["send", &path, "--url", &url, "--token", &token]).await.fine();
    }
    let (test, receipts) = tokio::task::spawn_blocking(move || {
        let receipts = read_by_python(&test, 2);
        (test, receipts)
    })
    .await
    .unwrap();

    let [dreamkas, tlv] = &receipts[..] else { panic!("{receipts:#?}") };
    assert_eq!(dreamkas["receipt_id"], format!("{}/9999078900000001/0000000132", test.tenant));
    assert_eq!((&dreamkas["tenant"], &dreamkas["shop"]), (&json!(test.tenant), &json!("shop-1")));
    assert_eq!((&dreamkas["register"], &dreamkas["source"]), (&json!("till-7"), &json!("dreamkas")));
    assert_eq!((&dreamkas["operation"], &dreamkas["total_kopecks"]), (&json!("SELL"), &json!(33_182)));
    assert_eq!(dreamkas["fiscal_sign"], 1_310_000_132_i64);
    assert_eq!(dreamkas["cashier_name"], "Петрова А. И.");
    assert_eq!(dreamkas["local_time"], "2026-11-23T12:41:07");
    assert_eq!(dreamkas["utc_time"], "2026-11-23T09:41:07+00:00");
    assert_eq!(dreamkas["payments"], json!([{"kind": "CARD", "amount_kopecks": 33_182}]));
    let potatoes = &dreamkas["items"][2];
    assert_eq!(potatoes["name"], "Картофель молодой, кг");
    assert_eq!((&potatoes["quantity"], &potatoes["price_kopecks"]), (&json!("1.350000"), &json!(5_490)));
    assert_eq!((&potatoes["vat_rate"], &potatoes["gtin"]), (&json!("VAT_10"), &Value::Null));
    assert_eq!(dreamkas["items"][0]["gtin"], "04600000000015");

    assert_eq!(tlv["receipt_id"], format!("{}/9999078900000002/0000000058", test.tenant));
    assert_eq!((&tlv["source"], &tlv["total_kopecks"]), (&json!("ffd-tlv"), &json!(42_802)));
    assert_eq!(tlv["items"].as_array().map(Vec::len), Some(3));

    context.shutdown.cancel();
    normalizer.await.unwrap().unwrap();
}
