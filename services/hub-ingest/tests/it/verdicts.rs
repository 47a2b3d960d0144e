//! Every document has its own verdict, and one bad document never costs the others.

use canonical::document_hash;
use reqwest::header::CONTENT_TYPE;
use schemas::raw::{RawDocument, TOPIC};
use serde_json::{Value, json};

use crate::support::{TestHub, answer, hub, hub_with, problem, statuses, tlv_receipt};

const LINES: &str = "application/vnd.kassaflow.dreamkas+ndjson";

async fn bodies(hub: &TestHub) -> Vec<Vec<u8>> {
    let records = hub.installation.read_all(TOPIC).await;
    records.iter().map(|record| record.decode::<RawDocument<'_>>().body.to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_answered_with_its_hash() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let document = r#"{"type":"SALE","number":17}"#;
    let (status, body) = hub.send_json("till-1", &token, document).await;
    let expected = json!({
        "results": [{"index": 0, "id": document_hash(document.as_bytes()), "status": "accepted"}],
        "unread_from": null, "pending": 0, "next_poll_after": 60,
    });
    assert_eq!((status, body), (200, expected));
    assert_eq!(bodies(&hub).await, [document.as_bytes()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_go_on_after_a_bad_one() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let lines = "{\"number\":1}\n{\"number\":2,}\n[3]\n\n{\"number\":4}\n";
    let request = hub.post("till-1", &token).header(CONTENT_TYPE, LINES).body(lines);
    let (status, body) = answer(request.send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(statuses(&body), ["accepted", "rejected", "rejected", "accepted"]);
    let place = body["results"][1]["place"].as_str().unwrap();
    assert!(place.starts_with("line 2, byte "), "{place}");
    assert!(!body["results"][1]["reason"].as_str().unwrap().is_empty());
    assert_eq!(body["unread_from"], Value::Null);
    assert_eq!(bodies(&hub).await, [r#"{"number":1}"#.as_bytes(), br#"{"number":4}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_taken_up_to_its_bad_document() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let array = r#"[{"number":1}, {"number":2}, {"number":3,}, {"number":4}]"#;
    let (status, body) = hub.send_json("till-1", &token, array).await;
    assert_eq!(status, 200);
    assert_eq!(statuses(&body), ["accepted", "accepted", "rejected"]);
    assert_eq!(body["unread_from"], json!(array.find("{\"number\":3").unwrap()));
    assert_eq!(bodies(&hub).await, [r#"{"number":1}"#.as_bytes(), br#"{"number":2}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_tlv_is_taken_up_to_its_bad_document() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let (first, second) = (tlv_receipt(5), tlv_receipt(6));
    let stream = [&first[..], &second, &[0xFF; 20], &first].concat();
    let request = hub.post_as("ffd-tlv", "till-1", &token).header(CONTENT_TYPE, "application/octet-stream");
    let (status, body) = answer(request.body(stream).send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(statuses(&body), ["accepted", "accepted", "rejected"]);
    assert_eq!(body["unread_from"], json!(first.len() * 2));
    assert_eq!(bodies(&hub).await, [first, second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_document_rejected_nothing_is_stored() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    for (body, unread_from) in
        [("{broken", json!(null)), ("[{broken, {}]", json!(1)), ("17", json!(null)), (" ", json!(null))]
    {
        let (status, answer) = hub.send_json("till-1", &token, body).await;
        assert_eq!((status, problem(&answer)), (422, "all-rejected"), "{body}");
        assert_eq!((statuses(&answer), &answer["unread_from"]), (vec!["rejected"], &unread_from), "{body}");
    }
    assert!(bodies(&hub).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_above_the_bound_is_rejected_alone() {
    let hub = hub_with(|settings| settings.limits.max_document_bytes = 100).await;
    let token = hub.enrol("till-1").await;
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(100));
    let (status, body) = hub.send_json("till-1", &token, format!(r#"[{{"number":1}},{large},{{"number":3}}]"#)).await;
    assert_eq!(status, 200);
    assert_eq!(statuses(&body), ["accepted", "rejected", "accepted"]);
    assert!(body["results"][1]["reason"].as_str().unwrap().contains("at most 100"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_above_the_number_of_documents_is_not_read() {
    let hub = hub_with(|settings| settings.limits.max_documents_per_request = 2).await;
    let token = hub.enrol("till-1").await;
    let array = r#"[{"number":1},{"number":2},{"number":3}]"#;
    let (status, body) = hub.send_json("till-1", &token, array).await;
    assert_eq!((status, statuses(&body)), (200, vec!["accepted", "accepted"]));
    assert_eq!(body["unread_from"], json!(array.find("{\"number\":3").unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_without_a_number_needs_an_id_beside_it() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let check = "<CheckPackage><Parameters OperationType=\"1\"/></CheckPackage>";
    let send = async |parameters: &str, body: String| {
        let path = format!("/v1/registers/till-1/documents?format=xml-1c{parameters}");
        let request = hub.http().post(hub.url(&path)).bearer_auth(&token).header(CONTENT_TYPE, "text/xml");
        answer(request.body(body).send().await.unwrap()).await
    };
    let (status, body) = send("", check.to_owned()).await;
    assert_eq!((status, statuses(&body)), (422, vec!["rejected"]));
    assert!(body["results"][0]["reason"].as_str().unwrap().contains("?document_id="), "{body}");
    let (status, _) = send("&document_id=%20", check.to_owned()).await;
    assert_eq!(status, 422);
    let (status, body) = send("&document_id=%D0%90%2F17", format!("<all>{check}{check}</all>")).await;
    assert_eq!((status, statuses(&body)), (200, vec!["accepted", "rejected"]));
    let records = hub.installation.read_all(schemas::raw::TOPIC).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.decode::<schemas::raw::RawDocument<'_>>().document_id.as_deref(), Some("А/17"));
    // What is not UTF-8 stays as it is spelled; what the body declares is kept beside a part of it.
    let declared = format!("<?xml version=\"1.0\" encoding=\"windows-1251\"?><all>{check}</all>");
    assert_eq!(send("&document_id=%C0%C0-1", declared).await.0, 200);
    let records = hub.installation.read_all(schemas::raw::TOPIC).await;
    let raw = records[1].decode::<schemas::raw::RawDocument<'_>>();
    assert_eq!(raw.document_id.as_deref(), Some("%C0%C0-1"));
    assert_eq!(raw.content_type.as_deref(), Some("text/xml; charset=windows-1251"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_format_is_answered_with_the_list() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    for (format, content_type) in
        [(Some("punch-cards"), "application/json"), (None, "application/json"), (None, "text/html")]
    {
        let request = match format {
            Some(format) => hub.post_as(format, "till-1", &token),
            None => hub.post("till-1", &token),
        };
        let (status, body) = answer(request.header(CONTENT_TYPE, content_type).body("{}").send().await.unwrap()).await;
        assert_eq!((status, problem(&body)), (415, "unknown-format"));
        let named: Vec<&str> =
            body["formats"].as_array().unwrap().iter().map(|format| format["format"].as_str().unwrap()).collect();
        assert_eq!(named, formats::FAMILIES.iter().map(|family| family.name).collect::<Vec<_>>());
        let tlv = named.iter().position(|format| *format == "ffd-tlv").unwrap();
        assert!(
            body["formats"][tlv]["content_types"]
                .as_array()
                .unwrap()
                .contains(&json!("application/vnd.kassaflow.ffd-tlv"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_many_documents_is_one_request() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let lines: String =
        (0..3_000).map(|number| format!("{{\"number\":{number},\"name\":\"{}\"}}\n", "хлеб ".repeat(20))).collect();
    let request = hub.post("till-1", &token).header(CONTENT_TYPE, LINES).body(lines.clone());
    let (status, body) = answer(request.send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(statuses(&body), vec!["accepted"; 3_000]);
    // In one partition, in the order in which they were sent.
    let stored: Vec<Vec<u8>> = bodies(&hub).await;
    let sent: Vec<Vec<u8>> = lines.lines().map(|line| line.as_bytes().to_vec()).collect();
    assert_eq!(stored, sent);
}
