//! `kassactl topics`, `schemas`, `db`, and the command line itself, on real servers.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{command, ended, installation, kassactl};
use schemas::{TOPIC_SCHEMAS, catalogue::Catalogue};

#[tokio::test]
async fn an_empty_cluster_becomes_an_installation_and_stays_one() {
    let test = installation().await;
    let prefix = format!("{}other.", test.kafka.topic_prefix);
    let run = async |arguments: &[&str]| {
        let mut command = command(&test, arguments);
        command.env("KASSAFLOW_TOPIC_PREFIX", &prefix);
        ended(command).await
    };
    let missing = run(&["schemas", "check"]).await;
    assert_eq!(missing.status, 1);
    assert!(missing.stdout.contains("version 1 is missing"), "{}", missing.stdout);
    assert!(run(&["topics", "list"]).await.fine().contains("missing"));
    assert!(run(&["lag"]).await.stderr.contains("`kassactl topics apply`"));

    let topics = Catalogue::load().unwrap().topics.len();
    let created = run(&["topics", "apply", "--max-partitions", "2", "--json"]).await.json();
    assert_eq!(created.as_array().unwrap().iter().filter(|topic| topic["created"] == true).count(), topics);
    let again = run(&["topics", "apply", "--max-partitions", "2", "--json"]).await.json();
    assert!(again.as_array().unwrap().iter().all(|topic| topic["created"] == false));
    let refused = run(&["topics", "apply", "--max-partitions", "3"]).await;
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("has 2 partitions, the catalogue says 3"), "{}", refused.stderr);
    let listed = run(&["topics", "list", "--json"]).await.json();
    assert!(listed.as_array().unwrap().iter().all(|topic| topic["partitions"].is_number()), "{listed}");

    run(&["schemas", "apply"]).await.fine();
    let checked = run(&["schemas", "check", "--json"]).await.json();
    assert_eq!(checked.as_array().unwrap().len(), TOPIC_SCHEMAS.len());
    let lag = run(&["lag", "--json"]).await.json();
    assert!(lag.as_array().unwrap().iter().all(|group| group["partitions_without_offset"] == 0), "{lag}");
}

#[tokio::test]
async fn a_database_is_migrated_once() {
    let test = installation().await;
    let url = local_servers::testing::postgres_database(&local_servers::testing::endpoints()).await;
    let migrate = async || {
        let mut command = command(&test, &["db", "migrate"]);
        command.env("KASSAFLOW_POSTGRES_URL", &url);
        ended(command).await.fine()
    };
    assert!(migrate().await.starts_with("applied V1"));
    assert_eq!(migrate().await, "the tables are up to date\n");
}

#[tokio::test]
async fn a_file_of_settings_is_read_and_variables_win() {
    let test = installation().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kassactl.toml");
    let settings = format!(
        "[kafka]\nbrokers = \"127.0.0.1:1\"\nregistry_url = \"{}\"\ntopic_prefix = \"{}\"\n",
        test.kafka.registry_url, test.kafka.topic_prefix
    );
    std::fs::write(&file, settings).unwrap();
    let mut from_file = command(&test, &["topics", "list", "--json", "--config", file.to_str().unwrap()]);
    from_file.env_remove("KASSAFLOW_TOPIC_PREFIX").env_remove("KASSAFLOW_REGISTRY_URL");
    let listed = ended(from_file).await.json();
    assert!(listed[0]["topic"].as_str().unwrap().starts_with(&test.kafka.topic_prefix), "{listed}");
    assert!(listed[0]["partitions"].is_number(), "the variable names the real broker: {listed}");
}

#[tokio::test]
async fn wrong_usage_and_wrong_settings_end_with_status_2() {
    let test = installation().await;
    assert_eq!(kassactl(&test, &["registers", "revoke"]).await.status, 2);
    assert_eq!(kassactl(&test, &["topics", "list", "--config", "/nonexistent.toml"]).await.status, 2);
    let mut bad_keys = command(&test, &["send", "receipt.json", "--register", "acme/till-7"]);
    bad_keys.env("KASSAFLOW_TOKEN_KEYS", "secret");
    assert_eq!(ended(bad_keys).await.status, 1, "the file is looked for first");
}

#[tokio::test]
async fn a_command_gets_servers_of_its_own_and_its_status_is_passed_on() {
    let script = "test -n \"$KASSAFLOW_TEST_KAFKA$KASSAFLOW_TEST_REGISTRY\" && test -n \"$KASSAFLOW_TEST_MONGODB\" && \
                  psql -qAt \"$KASSAFLOW_TEST_POSTGRES\" -c 'SELECT 6 * 7' && exit 7";
    let mut with_servers = tokio::process::Command::new(env!("CARGO_BIN_EXE_kassactl"));
    with_servers.args(["with-servers", "--", "sh", "-c", script]).kill_on_drop(true);
    let ended = ended(with_servers).await;
    assert_eq!((ended.status, &*ended.stdout), (7, "42\n"), "{}", ended.stderr);
}
