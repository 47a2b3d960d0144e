//! The interface is what its description says.

use std::collections::BTreeSet;

use hub_ingest::problem::Kind;
use serde_json::Value;

use crate::support::{answer, hub, problem};

fn description() -> Value {
    serde_saphyr::from_str(include_str!("../../openapi.yaml")).unwrap()
}

#[test]
fn every_answer_of_the_code_is_described() {
    let description = description();
    let described: BTreeSet<&str> = ["/v1/registers/{register_id}/documents", "/v1/documents"]
        .iter()
        .flat_map(|path| description["paths"][path]["post"]["responses"].as_object().unwrap().keys())
        .map(String::as_str)
        .collect();
    // The two of the router belong to no route.
    let of_a_route = |kind: &&Kind| !matches!(kind, Kind::UnknownPath | Kind::UnknownMethod);
    let mut answered: BTreeSet<String> =
        Kind::ALL.iter().filter(of_a_route).map(|kind| kind.status().as_str().to_owned()).collect();
    answered.insert("200".to_owned());
    assert_eq!(described, answered.iter().map(String::as_str).collect());
    let types = description["components"]["schemas"]["Problem"]["properties"]["type"]["enum"].as_array().unwrap();
    let types: Vec<&str> = types.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(types, Kind::ALL.map(Kind::uri));
}

#[test]
fn every_format_is_described() {
    let description = description();
    let formats = description["components"]["parameters"]["format"]["schema"]["enum"].as_array().unwrap();
    let formats: Vec<&str> = formats.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(formats, formats::FAMILIES.iter().map(|family| family.name).collect::<Vec<_>>());
    let content = description["components"]["requestBodies"]["Documents"]["content"].as_object().unwrap();
    for media_type in formats::FAMILIES.iter().flat_map(|family| family.media_types) {
        assert!(content.contains_key(media_type.name), "{}", media_type.name);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(root: &Value, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(target)) = fields.get("$ref") {
                    assert!(root.pointer(target.trim_start_matches('#')).is_some(), "{target}");
                }
                fields.values().for_each(|field| check(root, field));
            }
            Value::Array(items) => items.iter().for_each(|item| check(root, item)),
            _ => {}
        }
    }
    let description = description();
    check(&description, &description);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_serves_its_description_and_refuses_what_is_not_in_it() {
    let hub = hub().await;
    let served = hub.http().get(hub.url("/openapi.yaml")).send().await.unwrap();
    assert_eq!(
        (served.status().as_u16(), served.text().await.unwrap()),
        (200, include_str!("../../openapi.yaml").to_owned())
    );
    let (status, body) = answer(hub.http().get(hub.url("/metrics")).send().await.unwrap()).await;
    assert_eq!((status, problem(&body)), (404, "unknown-path"));
    let refused = hub.http().get(hub.url("/v1/registers/till-1/documents")).send().await.unwrap();
    assert_eq!(refused.headers()["allow"], "POST");
    let (status, body) = answer(refused).await;
    assert_eq!((status, problem(&body)), (405, "unknown-method"));
}
