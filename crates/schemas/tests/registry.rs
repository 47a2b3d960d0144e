//! The registry client against a real schema registry.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::time::Duration;

use schemas::{
    Datum as _, TopicSchema,
    directory::{DirectoryEntry, EntryKind},
    registry::{Registry, RegistryError, ResolveError, Resolver},
};

const TOPIC: &str = schemas::directory::TOPIC;

fn registry() -> (Registry, String) {
    let prefix = local_servers::testing::unique("registry") + ".";
    let url = local_servers::testing::endpoints().registry;
    (Registry::new(&url, &prefix).unwrap(), prefix)
}

fn schema() -> &'static TopicSchema {
    TopicSchema::of(TOPIC).unwrap()
}

/// Registers any text under the topic's subject, past our own client.
async fn register_by_hand(registry: &Registry, text: &str) -> reqwest::Response {
    let url = format!("{}/subjects/{}/versions", local_servers::testing::endpoints().registry, registry.subject(TOPIC));
    let body = serde_json::json!({ "schema": text }).to_string();
    let request = reqwest::Client::new().post(url).header("content-type", "application/vnd.schemaregistry.v1+json");
    request.body(body).send().await.unwrap()
}

#[tokio::test]
async fn applying_twice_gives_the_same_ids_and_services_find_them() {
    let (registry, _) = registry();
    assert!(matches!(registry.ids(TOPIC).await, Err(RegistryError::NotRegistered { version: 1, .. })));
    let ids = registry.apply(schema()).await.unwrap();
    assert_eq!(registry.apply(schema()).await.unwrap(), ids);
    assert_eq!(registry.ids(TOPIC).await.unwrap(), ids);
}

#[tokio::test]
async fn a_registry_that_means_something_else_is_refused() {
    let (registry, _) = registry();
    let other = schema().newest().replace("lowest_key_version", "some_other_field");
    assert!(register_by_hand(&registry, &other).await.status().is_success());
    assert!(matches!(registry.ids(TOPIC).await, Err(RegistryError::Different { version: 1, .. })));
    assert!(matches!(registry.wait_for_ids(TOPIC).await, Err(RegistryError::Different { .. })));
}

#[tokio::test]
async fn an_incompatible_version_is_refused_by_the_registry() {
    let (registry, _) = registry();
    registry.apply(schema()).await.unwrap();
    let breaking =
        schema().newest().replace(r#""name": "shop", "type": "string""#, r#""name": "shop", "type": "long""#);
    assert_ne!(breaking, schema().newest());
    assert_eq!(register_by_hand(&registry, &breaking).await.status().as_u16(), 409);
}

#[tokio::test]
async fn a_message_of_a_later_compatible_version_is_read_as_ours() {
    let (registry, _) = registry();
    let ids = registry.apply(schema()).await.unwrap();
    let mut later: serde_json::Value = serde_json::from_str(schema().newest()).unwrap();
    let field = serde_json::json!({ "name": "comment", "type": ["null", "string"], "default": null });
    later["fields"].as_array_mut().unwrap().insert(2, field);
    let answer = register_by_hand(&registry, &later.to_string()).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let id = u32::try_from(answer["id"].as_u64().unwrap()).unwrap();
    assert_ne!(id, ids.newest);

    let entry =
        DirectoryEntry { tenant: "t".into(), register: "r".into(), shop: "s".into(), ..DirectoryEntry::default() };
    let mut ours = Vec::new();
    entry.encode(&mut ours);
    let mut theirs = vec![2, b't', 2, b'r', 2, 10]; // tenant, register, then the comment: branch 1, five letters
    theirs.extend_from_slice(b"hello");
    theirs.extend_from_slice(&ours[4..]);

    let mut resolver = Resolver::new(registry, TOPIC, ids.clone()).unwrap();
    assert!(resolver.is_newest(ids.newest) && !resolver.is_newest(id));
    assert_eq!(resolver.read::<DirectoryEntry<'_>>(id, &theirs).await.unwrap(), entry);
    let cut = resolver.read::<DirectoryEntry<'_>>(id, &theirs[..3]).await;
    assert!(matches!(cut, Err(ResolveError::Unreadable(_))));
}

#[tokio::test]
async fn a_message_of_an_older_version_is_read_without_asking_for_its_schema() {
    let (registry, _) = registry();
    let ids = registry.apply(schema()).await.unwrap();
    let entry = DirectoryEntry { tenant: "t".into(), kind: EntryKind::Register, ..DirectoryEntry::default() };
    let mut newest = Vec::new();
    entry.encode(&mut newest);
    // Version 1 ends before the kind, the devices, the secrets and personal data: a byte each here.
    let first = &newest[..newest.len() - 4];

    let away = Registry::new("http://127.0.0.1:9/apis/ccompat/v7", "").unwrap();
    let mut resolver = Resolver::new(away, TOPIC, ids.clone()).unwrap();
    assert_eq!(resolver.read::<DirectoryEntry<'_>>(ids.versions[0], first).await.unwrap(), entry);
    assert_eq!(resolver.read::<DirectoryEntry<'_>>(ids.newest, &newest).await.unwrap(), entry);
    let runtime = tokio::runtime::Handle::current();
    let (newest, first) = (newest.clone(), first.to_vec());
    let on_a_thread = move || {
        let mut read = |id, body: &[u8]| {
            resolver.read_blocking::<DirectoryEntry<'_>>(&runtime, id, body).map(DirectoryEntry::into_owned)
        };
        assert_eq!(read(ids.versions[0], &first).unwrap(), entry);
        assert!(matches!(read(ids.newest, &newest[1..]), Err(ResolveError::Undecodable(_))));
        assert!(matches!(read(ids.versions[0], &newest), Err(ResolveError::Undecodable(_))));
        assert!(matches!(read(2_000_000_000, &newest), Err(ResolveError::Later { .. })));
    };
    tokio::task::spawn_blocking(on_a_thread).await.unwrap();
}

#[tokio::test]
async fn an_id_that_nobody_knows_is_waited_for_and_then_given_up() {
    let (registry, _) = registry();
    let ids = registry.apply(schema()).await.unwrap();
    let resolver = |patience| Resolver::new(registry.clone(), TOPIC, ids.clone()).unwrap().with_patience(patience);
    let unknown = 2_000_000_000;
    let read = async |patience| resolver(patience).read::<DirectoryEntry<'_>>(unknown, &[]).await;
    assert!(matches!(read(Duration::from_secs(60)).await, Err(ResolveError::Later { .. })));
    assert!(matches!(read(Duration::ZERO).await, Err(ResolveError::Unreadable(_))));
}

#[tokio::test]
async fn a_registry_that_is_away_is_told_apart_from_one_that_refuses() {
    let away = Registry::new("http://127.0.0.1:9/apis/ccompat/v7", "").unwrap();
    assert!(matches!(away.ids(TOPIC).await, Err(RegistryError::Away(_))));
    assert!(matches!(away.schema(1).await, Err(RegistryError::Away(_))));
}
