//! `?validate=true`.

use local_servers::testing::until;
use schemas::{dead_letters, raw};
use serde_json::Value;

use crate::support::{TestHub, answer, hub, problem};

async fn validate(hub: &TestHub, token: &str, query: &str, body: &str) -> (u16, Value) {
    let url = hub.url(&format!("/v1/registers/till-1/documents?{query}"));
    answer(hub.http().post(url).bearer_auth(token).body(body.to_owned()).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_what_would_become_of_its_documents_and_nothing_is_stored() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let sale = include_str!("../../../../crates/formats/documents/dreamkas/sale.json").trim();
    let body = format!(r#"[{sale},{{"type":"SALE"}},7]"#);
    let (status, answer) = validate(&hub, &token, "validate=true&format=dreamkas", &body).await;
    assert_eq!((status, &answer["unread_from"]), (200, &Value::Null), "{answer}");
    let becomes: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|result| result["becomes"].as_str().unwrap()).collect();
    assert_eq!(becomes, ["receipt", "dead-letter", "rejected"]);
    let receipt = &answer["results"][0];
    let tenant = &hub.installation.tenant;
    assert!(receipt["value"]["receipt_id"].as_str().unwrap().starts_with(&format!("{tenant}/")), "{receipt}");
    assert_eq!((&receipt["value"]["shop"], &receipt["value"]["register"]), (&"shop-1".into(), &"till-1".into()));
    assert_eq!(receipt["paths"]["total_kopecks"], "$.amount");
    assert!(answer["results"][1]["reason"].is_string() && answer["results"][1]["place"].is_string(), "{answer}");
    assert_eq!(answer["results"][2]["reason"], "a document must be an object");
    for topic in [raw::TOPIC, dead_letters::TOPIC] {
        assert!(hub.installation.read_all(topic).await.is_empty(), "{topic}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_much_is_looked_at() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let body = format!("[{}{{}}]", "{},".repeat(149));
    let (status, answer) = validate(&hub, &token, "validate=true&format=dreamkas", &body).await;
    assert_eq!((status, answer["results"].as_array().unwrap().len(), &answer["unread_from"]), (200, 100, &301.into()));
    let (status, answer) = validate(&hub, &token, "validate=true&format=dreamkas", &" ".repeat(1_100_000)).await;
    assert_eq!((status, problem(&answer)), (413, "too-large"));
    let (status, answer) = validate(&hub, &token, "validate&format=dreamkas", "{}").await;
    assert_eq!((status, &answer["results"][0]["becomes"]), (200, &"dead-letter".into()), "{answer}");
    let (status, answer) = validate(&hub, &token, "validate=perhaps&format=dreamkas", "{}").await;
    assert_eq!((status, problem(&answer)), (400, "bad-parameter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_what_would_not_count() {
    let hub = hub().await;
    let file = include_str!("../../../../crates/formats/documents/set-retail/purchases.xml");
    for (families, becomes) in [(["evotor", "set-retail"], "not-counted"), (["set-retail", "evotor"], "receipt")] {
        let token = hub.enrol_with("till-1", &families, &[]).await;
        let told =
            async || validate(&hub, &token, "validate=true&format=set-retail", file).await.1["results"][0].clone();
        until("the hub knows the families", async || told().await["becomes"] == becomes).await;
        let result = told().await;
        if becomes == "not-counted" {
            assert_eq!(result["class"], "not-primary");
            assert!(result["reason"].as_str().unwrap().contains("primary source, which is evotor"), "{result}");
            // It can be looked at before anybody decides.
            assert!(result["value"]["total_kopecks"].is_i64() && result["paths"].is_object(), "{result}");
        }
    }
}
