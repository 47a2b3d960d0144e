//! Who may send: tokens and the directory.

use std::time::Duration;

use local_servers::testing::until;
use provision::Change;
use reqwest::header::WWW_AUTHENTICATE;
use schemas::directory::{DirectoryEntry, RegisterStatus, TOPIC};

use crate::support::{answer, hub, problem};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_valid_token_nobody_is_let_in() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let anonymous = hub.http().post(hub.url("/v1/registers/till-1/documents")).body("{}").send().await.unwrap();
    assert_eq!(anonymous.headers()[WWW_AUTHENTICATE], "Bearer");
    let (status, body) = answer(anonymous).await;
    assert_eq!((status, problem(&body)), (401, "invalid-token"));
    let tenant = &hub.installation.tenant;
    let other_key = token.replace(tenant, &format!("{tenant}x"));
    for forged in [other_key.as_str(), "kf1", "", &token[1..]] {
        let (status, body) = hub.send_json("till-1", forged, "{}").await;
        assert_eq!((status, problem(&body)), (401, "invalid-token"), "{forged}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_for_its_register_only() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    hub.enrol("till-2").await;
    let (status, body) = hub.send_json("till-2", &token, "{}").await;
    assert_eq!((status, problem(&body)), (403, "foreign-register"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_that_was_never_enrolled_is_unknown() {
    let hub = hub().await;
    let keys = canonical::TokenKeys::parse(provision::testing::TOKEN_KEYS).unwrap();
    let token = keys.issue(&hub.installation.tenant, "till-9", 1).unwrap();
    let (status, body) = hub.send_json("till-9", &token, "{}").await;
    assert_eq!((status, problem(&body)), (403, "unknown-register"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_followed_while_the_hub_runs() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    assert_eq!(hub.send_json("till-1", &token, "{}").await.0, 200);
    let revoke = Change::Revoke { tenant: hub.installation.tenant.clone(), register: "till-1".to_owned() };
    hub.installation.installation().registers_change(&[revoke]).await.unwrap();
    until("the hub refuses the register", async || hub.send_json("till-1", &token, "{}").await.0 == 403).await;
    let (_, body) = hub.send_json("till-1", &token, "{}").await;
    assert_eq!(problem(&body), "revoked-register");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_token_is_refused() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let tenant = hub.installation.tenant.clone();
    let entry = DirectoryEntry {
        tenant: tenant.clone().into(),
        register: "till-1".into(),
        lowest_key_version: 2,
        status: RegisterStatus::Active,
        ..Default::default()
    };
    hub.installation.produce(TOPIC, &[(&format!("{tenant}/till-1"), entry)]).await;
    until("the hub refuses the token", async || hub.send_json("till-1", &token, "{}").await.0 == 403).await;
    let (_, body) = hub.send_json("till-1", &token, "{}").await;
    assert_eq!(problem(&body), "replaced-token");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_cannot_be_read_lets_nobody_in_and_nobody_fall() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let key = format!("{}/till-1", hub.installation.tenant);
    hub.installation.produce_bytes(TOPIC, &[(key.as_bytes(), b"from another world".to_vec())]).await;
    until("the hub refuses the register", async || hub.send_json("till-1", &token, "{}").await.0 == 503).await;
    let (_, body) = hub.send_json("till-1", &token, "{}").await;
    assert_eq!(problem(&body), "directory-unreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_looked_at_before_the_body() {
    let hub = hub().await;
    // A body that never comes would keep a hub busy that reads before it asks who is there.
    let (sender, body) = never();
    let request = hub.post("till-1", "nonsense").body(body).send();
    let response = tokio::time::timeout(Duration::from_secs(10), request).await.unwrap().unwrap();
    assert_eq!(response.status(), 401);
    drop(sender);
}

/// A body of unknown length that never comes.
fn never() -> (tokio::sync::mpsc::Sender<()>, reqwest::Body) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
    let stream = futures_util::stream::once(async move {
        receiver.recv().await;
        Ok::<_, std::io::Error>(bytes::Bytes::new())
    });
    (sender, reqwest::Body::wrap_stream(stream))
}
