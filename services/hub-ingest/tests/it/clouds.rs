//! What vendors' clouds push, to paths and in shapes of their own.

use provision::testing::Consumed;
use schemas::{dead_letters, dead_letters::DeadLetter, raw, raw::RawDocument};
use serde_json::{Value, json};

use crate::support::{TestHub, answer, hub, hub_with, statuses};

const STORE: &str = "/api/v1/inventories/stores/20260101-92E7-4012-80D2-C5CDAF90F275/documents";

/// A sale of Evotor's version 2.
fn sale(number: i64, device: &str) -> Value {
    let document = include_str!("../../../../crates/formats/documents/evotor/v2-sell.json");
    let mut document: Value = serde_json::from_str(document).unwrap();
    document["number"] = number.into();
    document["device_id"] = device.into();
    document["id"] = format!("id-{number}").into();
    document
}

async fn push(hub: &TestHub, token: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    answer(hub.http().put(hub.url(STORE)).bearer_auth(token).body(body).send().await.unwrap()).await
}

async fn raw_records(hub: &TestHub) -> Vec<Consumed> {
    hub.installation.read_all(raw::TOPIC).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_push_every_document_is_kept_and_has_its_verdict() {
    let hub = hub().await;
    hub.enrol_with("till-1", &["evotor"], &["20260101-D1", "9999078900001234"]).await;
    hub.enrol_with("till-2", &["evotor"], &["20260101-d2"]).await;
    let token = hub.add_source("evotor-cloud", &["evotor"]).await;
    let mut documents: Vec<Value> =
        (0..500).map(|number| sale(number, if number % 2 == 0 { "20260101-D1" } else { "20260101-D2" })).collect();
    documents[7] = json!("no document");
    documents[8] = json!(null);
    documents[9] = serde_json::from_str(&format!("{{\"deep\":{}{}}}", "[".repeat(70), "]".repeat(70))).unwrap();
    documents[499] = sale(499, "nobodys");
    documents[499]["body"]["pos_print_results"] = json!([]);
    let (status, body) = push(&hub, &token, serde_json::to_vec(&documents).unwrap()).await;
    assert_eq!((status, statuses(&body).len()), (200, 500), "{body}");
    for (index, status) in statuses(&body).into_iter().enumerate() {
        let bad = [7, 8, 9, 499].contains(&index);
        assert_eq!(status, if bad { "dead-letter" } else { "accepted" }, "{}", body["results"][index]);
    }
    assert_eq!(body["results"][7]["reason"], "a document must be an object");
    let unknown = body["results"][499]["reason"].as_str().unwrap();
    assert!(unknown.contains("has the device nobodys"), "{unknown}");

    let records = raw_records(&hub).await;
    assert_eq!(records.len(), 496);
    let tenant = &hub.installation.tenant;
    for record in &records {
        let document: RawDocument<'_> = record.decode();
        let number = serde_json::from_slice::<Value>(&document.body).unwrap()["number"].as_i64().unwrap();
        let register = if number % 2 == 0 { "till-1" } else { "till-2" };
        assert_eq!((&*document.register, record.key()), (register, &*format!("{tenant}/{register}")));
        assert_eq!((&*document.format, document.shop.as_deref()), ("evotor", Some("shop-1")));
    }
    let letters = hub.installation.read_all(dead_letters::TOPIC).await;
    let letters: Vec<DeadLetter<'_>> = letters.iter().map(Consumed::decode).collect();
    let mut classes: Vec<&str> = letters.iter().map(|letter| &*letter.error_class).collect();
    classes.sort_unstable();
    assert_eq!(classes, ["malformed", "malformed", "too-deep", "unknown-register"]);
    for letter in &letters {
        assert_eq!((letter.tenant.as_deref(), letter.register.as_deref()), (Some(&**tenant), None));
        assert_eq!((&*letter.stage, letter.format.as_deref()), ("hub-ingest", Some("evotor")));
        assert!(letter.body.is_some() && letter.error_place.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_kept_so_that_it_is_not_sent_for_ever() {
    let hub = hub_with(|settings| settings.limits.max_documents_per_request = 3).await;
    hub.enrol_with("till-1", &["evotor"], &["d-1"]).await;
    let token = hub.add_source("evotor-cloud", &["evotor"]).await;
    let one = sale(1, "d-1").to_string();
    let cases = [
        (format!("[{one},{{broken"), vec!["accepted", "dead-letter"]),
        // The last that a request may have: what is broken is kept once.
        (format!("[{one},{one},{{broken"), vec!["accepted", "accepted", "dead-letter"]),
        ("this is not JSON".to_owned(), vec!["dead-letter"]),
        ("[]".to_owned(), vec![]),
        (format!("[{one},{one},{one},{one},{one}]"), vec!["accepted", "accepted", "accepted", "dead-letter"]),
    ];
    for (sent, expected) in cases {
        let (status, body) = push(&hub, &token, sent.clone()).await;
        assert_eq!((status, statuses(&body), &body["unread_from"]), (200, expected, &Value::Null), "{sent:.80}");
    }
    let letters = hub.installation.read_all(dead_letters::TOPIC).await;
    let bodies: Vec<Vec<u8>> =
        letters.iter().map(|letter| letter.decode::<DeadLetter<'_>>().body.unwrap().into_owned()).collect();
    for rest in ["{broken".to_owned(), "this is not JSON".to_owned(), format!("{one},{one}]")] {
        assert!(bodies.iter().any(|body| *body == rest.as_bytes()), "{rest:.80}");
    }
}

/// Puts the bodies of the dead letters together again, in the order in which they were sent.
async fn kept(hub: &TestHub) -> String {
    let letters = hub.installation.read_all(dead_letters::TOPIC).await;
    letters
        .iter()
        .map(|letter| String::from_utf8(letter.decode::<DeadLetter<'_>>().body.unwrap().into()).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_a_dead_letter_is_kept_in_parts() {
    let hub = hub().await;
    let token = hub.add_source("evotor-cloud", &["evotor"]).await;
    let rest = format!("{{broken,{}]", "0123456789".repeat(420_000));
    let (status, body) = push(&hub, &token, format!("[{rest}")).await;
    assert_eq!((status, statuses(&body)), (200, vec!["dead-letter"; 3]));
    assert!(body["results"][2]["reason"].as_str().unwrap().ends_with("(part 3 of 3)"), "{}", body["results"][2]);
    assert!(kept(&hub).await == rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_behind_or_beside_the_documents_is_kept() {
    let hub = hub().await;
    hub.enrol_with("till-1", &["evotor"], &["d-1"]).await;
    let token = hub.add_source("evotor-cloud", &["evotor"]).await;
    let one = sale(1, "d-1").to_string();
    let with_list = one.replacen('{', r#"{"items":[],"#, 1);
    let list_last = format!(
        r#"{},"items":[]}}"#,
        one.trim_end_matches('}').to_owned() + &"}".repeat(one.len() - one.trim_end_matches('}').len() - 1)
    );
    let cases = [
        (format!("[{one}] [{one}]"), vec!["accepted", "dead-letter"]),
        (format!("[{one}]\n{one}"), vec!["accepted", "dead-letter"]),
        (with_list.clone(), vec!["dead-letter"]),
        (list_last, vec!["accepted"]),
        (format!(r#"{{"items":[{one}],"paging":{{"next":1}}}}"#), vec!["accepted"]),
    ];
    for (sent, expected) in cases {
        let (status, body) = push(&hub, &token, sent.clone()).await;
        assert_eq!((status, statuses(&body)), (200, expected), "{sent:.200}");
    }
    let kept = kept(&hub).await;
    for rest in [format!("[{one}]"), one.clone(), with_list] {
        assert!(kept.contains(&rest), "{rest:.80}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cloud_has_its_path_and_may_show_its_token_in_the_address() {
    let hub = hub().await;
    hub.enrol_with("till-1", &["evotor"], &["20260101-8698-409A-8002-A0C67CCF7B3F"]).await;
    hub.enrol_with("till-2", &["atol-online"], &["KSR13.00-3-11"]).await;
    hub.enrol_with("till-3", &["dreamkas"], &["9999078900001234"]).await;
    let token = hub.add_source("clouds", &["evotor", "atol-online", "dreamkas"]).await;
    let cases = [
        ("/api/v2/receipts", include_str!("../../../../crates/formats/documents/evotor/webhook.json")),
        ("/v1/callbacks/atol-online", include_str!("../../../../crates/formats/documents/atol-online/callback.json")),
        ("/v1/callbacks/dreamkas", include_str!("../../../../crates/formats/documents/dreamkas/sale.json")),
    ];
    for (path, document) in cases {
        let url = hub.url(&format!("{path}?token={token}"));
        let (status, body) = answer(hub.http().post(url).body(document).send().await.unwrap()).await;
        assert_eq!((status, statuses(&body)), (200, vec!["accepted"]), "{path}: {body}");
        let wrong = answer(hub.http().post(hub.url(path)).body(document).send().await.unwrap()).await;
        assert_eq!(wrong.0, 401, "{path}");
    }
    let mut registers: Vec<String> =
        raw_records(&hub).await.iter().map(|record| record.decode::<RawDocument<'_>>().register.into_owned()).collect();
    registers.sort_unstable();
    assert_eq!(registers, ["till-1", "till-2", "till-3"]);
}
