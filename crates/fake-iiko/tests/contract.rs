//! The fake keeps to iiko's published interface: a client that we did not write reads it, and what
//! that client does not notice is checked here.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::{path::Path, process::Stdio, time::Duration};

use fake_iiko::{APP_ID, CLIENT_SECRET, FakeIiko, ListedItem, Scenario};
use serde_json::{Value, json};

async fn start() -> FakeIiko {
    let fake = FakeIiko::start(Scenario { seed: 11, organizations: 3, groups: 2, items: 25, ..Scenario::default() });
    let fake = fake.await.unwrap();
    fake.mutate(20);
    let (organization, groups) = &fake.organizations()[0];
    assert!(fake.set_stop_list(*organization, groups[0], vec![]), "one emptied list");
    fake
}

fn python_item(item: &ListedItem) -> Value {
    json!([item.product_id, item.size_id, item.balance_millionths, item.sku, item.added_at_millis])
}

fn truth(fake: &FakeIiko) -> Value {
    let organization = |groups: &std::collections::BTreeMap<uuid::Uuid, Vec<ListedItem>>| {
        groups
            .iter()
            .map(|(id, items)| (id.to_string(), items.iter().map(python_item).collect()))
            .collect::<serde_json::Map<_, _>>()
    };
    fake.stop_lists().iter().map(|(id, groups)| (id.to_string(), Value::Object(organization(groups)))).collect()
}

#[tokio::test]
async fn a_public_python_client_reads_the_same_values() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".local/venv/bin/python");
    assert!(python.exists(), "run `make setup`");
    let fake = start().await;
    let child = tokio::process::Command::new(python)
        .arg("tests/independent_client.py")
        .args([&fake.base_url(), "demo-login", &APP_ID.to_string(), CLIENT_SECRET])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), child).await.expect("the client ends").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(found["v1"], found["v2"], "both versions of a login see the same");
    assert_eq!(found["v2"]["stop_lists"], truth(&fake));
    let organizations = fake.organizations();
    let ids = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut expected: Vec<_> = organizations.iter().map(|(id, _)| id.to_string()).collect();
    expected.sort();
    assert_eq!(ids(&found["v2"]["organizations"]), expected);
    assert!(
        found["v2"]["organizations"]
            .as_object()
            .unwrap()
            .values()
            .all(|name| name.as_str().unwrap().starts_with("Кафе"))
    );
    for (organization, groups) in &organizations {
        for group in groups {
            let shown = &found["v2"]["groups"][group.to_string()];
            assert_eq!((&shown[0], &shown[2]), (&json!(organization), &json!("Europe/Moscow")));
        }
    }
    assert_eq!(found["v2"]["asleep"], json!([]));
    assert_eq!(found["wrong_login"], json!(["Unauthorized", 401, null]));
    assert_eq!(found["wrong_secret"], json!(["Unauthorized", 401, null]));
    assert_eq!(found["foreign"], json!(["BadRequest", 400, null]));
}

/// One call of the truth's raw form over a plain socket, without any client's leniency.
async fn post(fake: &FakeIiko, path: &str, token: &str, body: Value) -> (u16, Value) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = fake.base_url().trim_start_matches("http://").to_owned();
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

async fn token(fake: &FakeIiko) -> String {
    let (status, answer) = post(fake, "/api/1/access_token", "", json!({ "apiLogin": "demo-login" })).await;
    assert_eq!(status, 200);
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn dates_have_neither_t_nor_zone_and_every_group_says_its_id() {
    let fake = start().await;
    let ids: Vec<_> = fake.organizations().into_iter().map(|(id, _)| id).collect();
    let body = json!({ "organizationIds": ids, "returnSize": true });
    let (status, answer) = post(&fake, "/api/1/stop_lists", &token(&fake).await, body).await;
    assert_eq!(status, 200);
    assert!(answer["correlationId"].is_string());
    let parts = answer["terminalGroupStopLists"].as_array().unwrap();
    let groups: Vec<_> = parts.iter().flat_map(|part| part["items"].as_array().unwrap()).collect();
    assert_eq!((parts.len(), groups.len()), (3, 6));
    assert!(groups.iter().all(|group| group["terminalGroupId"].is_string()));
    let items: Vec<_> = groups.iter().flat_map(|group| group["items"].as_array().unwrap()).collect();
    assert!(items.len() > 100);
    for item in items {
        assert!(item["balance"].is_f64(), "a double, as iiko writes it: {item}");
        let date = item["dateAdd"].as_str().unwrap();
        let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00 00:00:00.000");
    }
}

#[tokio::test]
async fn refusals_have_the_published_error_body() {
    let fake = start().await;
    let token = token(&fake).await;
    let (status, answer) = post(&fake, "/api/1/stop_lists", &token, json!({})).await;
    assert_eq!((status, &answer["error"]), (400, &json!("INVALID_BODY_JSON_FORMAT")));
    assert_eq!(answer["errorDescription"], "Value cannot be null. (Parameter 'organizationIds')");
    let (status, answer) = post(&fake, "/api/1/stop_lists", &token, json!({ "organizationIds": ["borsch"] })).await;
    assert_eq!((status, &answer["error"]), (400, &json!("INVALID_BODY_JSON_FORMAT")));
    let (status, answer) = post(&fake, "/api/1/organizations", "old", json!({})).await;
    assert_eq!(status, 401);
    assert!(answer["correlationId"].is_string() && answer["errorDescription"].is_string());
    fake.revoke_tokens();
    assert_eq!(post(&fake, "/api/1/organizations", &token, json!({})).await.0, 401);
}

#[tokio::test]
async fn a_token_ends_and_a_login_sees_only_its_own_organisations() {
    let logins = vec!["demo-login".to_owned(), "other-login".to_owned()];
    let fake = FakeIiko::start(Scenario {
        organizations: 3,
        logins,
        token_life: Duration::from_millis(400),
        ..Scenario::default()
    });
    let fake = fake.await.unwrap();
    let token = token(&fake).await;
    let (_, answer) = post(&fake, "/api/1/organizations", &token, json!({})).await;
    assert_eq!(answer["organizations"].as_array().unwrap().len(), 2);
    let foreign = fake.organizations()[1].0;
    let (status, answer) = post(&fake, "/api/1/stop_lists", &token, json!({ "organizationIds": [foreign] })).await;
    assert_eq!(status, 400);
    assert!(answer["errorDescription"].as_str().unwrap().contains("doesn't belong to your api login"));
    let ended = async {
        while post(&fake, "/api/1/organizations", &token, json!({})).await.0 != 401 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the token ends");
}
