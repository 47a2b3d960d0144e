//! `POST /v1/documents`: gateways and back offices that send for many registers.

use local_servers::testing::until;
use provision::SourceId;
use reqwest::header::CONTENT_TYPE;
use schemas::{
    raw::{self, RawDocument, TOPIC},
    raw_bulk,
};
use serde_json::Value;

use crate::support::{TestHub, answer, hub, hub_with, problem, statuses};

async fn send(hub: &TestHub, query: &str, token: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    answer(hub.source_post(query, token).body(body).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_document_goes_to_the_register_that_it_names() {
    let hub = hub().await;
    hub.enrol_with("till-1", &["dreamkas"], &["9999078900000001"]).await;
    hub.enrol_with("till-2", &["dreamkas"], &["device-2"]).await;
    let token = hub.add_source("office", &["dreamkas"]).await;
    let body = r#"[{"fnNumber":"9999078900000001"},{"deviceId":"DEVICE-2"},{"deviceId":"other"},{}]"#;
    let (status, body) = send(&hub, "", &token, body).await;
    assert_eq!((status, statuses(&body)), (200, vec!["accepted", "accepted", "rejected", "rejected"]));
    let reason = |index: usize| body["results"][index]["reason"].as_str().unwrap().to_owned();
    assert!(reason(2).contains("has the device other"), "{}", reason(2));
    assert!(reason(3).contains("?register="), "{}", reason(3));
    assert_eq!(body["results"][2]["place"], "byte 57");
    assert_eq!([2, 3].map(|index: usize| body["results"][index]["class"].clone()), ["unknown-register"; 2]);
    let records = hub.installation.read_all(TOPIC).await;
    let mut registers: Vec<String> =
        records.iter().map(|record| record.decode::<RawDocument<'_>>().register.into_owned()).collect();
    registers.sort_unstable();
    assert_eq!(registers, ["till-1", "till-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_registers_that_nobody_knows_are_to_be_kept() {
    let hub = hub().await;
    let token = hub.add_source("office", &["dreamkas"]).await;
    let (status, unknown) = send(&hub, "?format=dreamkas", &token, r#"[{"deviceId":"other"}]"#).await;
    assert_eq!((status, problem(&unknown)), (422, "all-rejected"));
    assert!(unknown["detail"].as_str().unwrap().starts_with("Keep these documents"), "{unknown}");
    // One that is none will never be one.
    let (_, mixed) = send(&hub, "?format=dreamkas", &token, r#"[{"deviceId":"other"},7]"#).await;
    assert!(mixed["detail"].as_str().unwrap().starts_with("Do not send"), "{mixed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_at_the_path_of_a_register_is_told_its_own() {
    let hub = hub().await;
    hub.enrol("till-1").await;
    let token = hub.add_source("office", &["dreamkas"]).await;
    let (status, body) = hub.send_json("till-1", &token, "{}").await;
    assert_eq!(status, 401);
    assert!(body["detail"].as_str().unwrap().contains("/v1/documents"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_file_may_be_of_one_register() {
    let hub = hub().await;
    hub.enrol_with("till-1", &["frontol"], &[]).await;
    let token = hub.add_source("office", &["frontol", "set-retail"]).await;
    let file = include_bytes!("../../../../crates/formats/documents/frontol/sales.txt");
    let (status, body) = send(&hub, "?register=till-1&format=frontol", &token, &file[..]).await;
    assert_eq!(status, 200, "{body}");
    assert!(statuses(&body).iter().all(|status| *status == "accepted"), "{body}");
    let (status, body) = send(&hub, "?register=till-9&format=frontol", &token, &file[..]).await;
    assert_eq!((status, problem(&body)), (403, "unknown-register"));
    // A source is no register, however it is spelled.
    for name in ["source/office", "source%2Foffice", ""] {
        let (status, body) = send(&hub, &format!("?register={name}&format=frontol"), &token, &file[..]).await;
        assert_eq!((status, problem(&body)), (400, "bad-parameter"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_may_tell_their_format_themselves() {
    let hub = hub().await;
    hub.enrol_with("till-1", &["ffd-tlv"], &["9999078900001234"]).await;
    let token = hub.add_source("office", &["ffd-tlv", "dreamkas"]).await;
    let sale = include_str!("../../../../crates/formats/documents/dreamkas/sale.json");
    let (status, body) = send(&hub, "", &token, sale).await;
    assert_eq!((status, statuses(&body)), (200, vec!["accepted"]), "{body}");
    let tlv = include_bytes!("../../../../crates/formats/documents/ffd-tlv/receipt.tlv");
    let (status, body) = send(&hub, "", &token, &tlv[..]).await;
    assert_eq!((status, statuses(&body)), (200, vec!["accepted"]), "{body}");
    let formats: Vec<String> = hub
        .installation
        .read_all(TOPIC)
        .await
        .iter()
        .map(|record| record.decode::<RawDocument<'_>>().format.into_owned())
        .collect();
    assert_eq!(formats, ["dreamkas", "ffd-tlv"]);
    let (status, body) = send(&hub, "", &token, "{}").await;
    assert_eq!((status, problem(&body)), (415, "unknown-format"));
    assert!(body["detail"].as_str().unwrap().contains("none of those that are known reads"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_sources_and_registers_open_their_own_doors_only() {
    let hub = hub().await;
    let register = hub.enrol_with("till-1", &["dreamkas"], &["d-1"]).await;
    let source = hub.add_source("office", &["dreamkas"]).await;
    assert_eq!(send(&hub, "", &register, "{}").await.0, 401);
    assert_eq!(hub.send_json("till-1", &source, "{}").await.0, 401);
    let forged = source.replace(&hub.installation.tenant, "other");
    assert_eq!(send(&hub, "", &forged, "{}").await.0, 401);
    let id = || SourceId { tenant: hub.installation.tenant.clone(), source: "office".to_owned() };
    let installation = hub.installation.installation();
    let next = installation.sources_rotate(id()).await.unwrap().token;
    until("the new token is valid", async || send(&hub, "", &next, "{}").await.0 == 422).await;
    assert_eq!(send(&hub, "", &source, "{}").await.0, 422, "the one before it, too");
    installation.sources_revoke(id()).await.unwrap();
    until("no token is valid", async || send(&hub, "", &next, "{}").await.0 == 401).await;
    assert_eq!(send(&hub, "", &source, "{}").await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_whose_entry_cannot_be_read_is_asked_for_later() {
    let hub = hub().await;
    hub.enrol_with("till-1", &["dreamkas"], &["d-1"]).await;
    let token = hub.add_source("office", &["dreamkas"]).await;
    let document = r#"{"deviceId":"d-1"}"#;
    assert_eq!(send(&hub, "", &token, document).await.0, 200);
    let key = format!("{}/till-1", hub.installation.tenant);
    let unreadable = [(key.as_bytes(), b"from another world".to_vec())];
    hub.installation.produce_bytes(schemas::directory::TOPIC, &unreadable).await;
    until("the hub cannot tell", async || {
        let request = hub.source_post("", &token).header(CONTENT_TYPE, "application/json").body(document);
        request.send().await.unwrap().status() == 503
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_and_what_exceeds_a_quota_take_the_bulk_lane() {
    let hub = hub_with(|settings| {
        settings.quotas.documents_per_second = Some(10);
        settings.quotas.bulk_documents_per_second = Some(100);
    })
    .await;
    let token = hub.installation.enrol("till-1").await;
    let post = async |query: &str, documents: usize| {
        let url = hub.url(&format!("/v1/registers/till-1/documents?format=dreamkas{query}"));
        let body = format!("[{}{{}}]", "{},".repeat(documents - 1));
        answer(hub.http().post(url).bearer_auth(&token).body(body).send().await.unwrap()).await
    };
    let lanes = async || {
        let count = async |topic| hub.installation.read_all(topic).await.len();
        (count(raw::TOPIC).await, count(raw_bulk::TOPIC).await)
    };
    until("the hub knows the register", async || post("&lane=slow", 1).await.0 == 400).await;
    assert_eq!((post("&lane=bulk", 1).await.0, lanes().await), (200, (0, 1)), "an import");
    let rejected = format!("[{}0]", "0,".repeat(999));
    let url = hub.url("/v1/registers/till-1/documents?format=dreamkas");
    let refused = hub.http().post(url).bearer_auth(&token).body(rejected).send().await.unwrap();
    assert_eq!(refused.status(), 422, "what is rejected uses nothing up");
    // So many that the debt outlasts the test.
    assert_eq!((post("", 2_000).await.0, lanes().await), (200, (2_000, 1)), "what was let in is let in whole");
    assert_eq!((post("", 9_000).await.0, lanes().await), (200, (2_000, 9_001)), "beyond the quota");
    let (status, body) = post("", 1).await;
    assert_eq!((status, problem(&body), lanes().await), (429, "over-quota", (2_000, 9_001)), "{body}");
}
