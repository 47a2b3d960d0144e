//! `kassactl registers` on real servers.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{fmt::Write as _, os::unix::fs::PermissionsExt as _, time::Instant};

use canonical::TokenKeys;
use common::{command, ended, installation, kassactl, kassactl_with_input};
use provision::testing::{TOKEN_KEYS, TestInstallation};
use schemas::directory::{DirectoryEntry, RegisterStatus, TOPIC};

async fn enrol(test: &TestInstallation, register: &str, more: &[&str]) -> common::Ended {
    let id = format!("{}/{register}", test.tenant);
    let arguments =
        ["registers", "enrol", &id, "--shop", "shop-1", "--time-zone", "Asia/Omsk", "--families", "ffd-tlv,dreamkas"];
    kassactl(test, &[&arguments[..], more].concat()).await
}

#[tokio::test]
async fn an_enrolled_register_is_in_the_directory_and_its_token_is_all_that_is_printed() {
    let test = installation().await;
    let token = enrol(&test, "till-1", &[]).await.fine();
    let keys = TokenKeys::parse(TOKEN_KEYS).unwrap();
    let credential = keys.verify(token.trim_end()).unwrap();
    assert_eq!((credential.tenant, credential.register, credential.key_version), (&*test.tenant, "till-1", 1));
    let records = test.read_all(TOPIC).await;
    let entry: DirectoryEntry<'_> = records[0].decode();
    assert_eq!((&*entry.shop, &*entry.time_zone, entry.status), ("shop-1", "Asia/Omsk", RegisterStatus::Active));
    assert_eq!(entry.families, ["ffd-tlv", "dreamkas"]);
    assert_eq!(enrol(&test, "till-1", &[]).await.fine(), token, "the same token again");
}

#[tokio::test]
async fn two_that_enrol_at_the_same_time_lose_nothing_of_each_other() {
    let test = installation().await;
    let (one, other) = tokio::join!(enrol(&test, "till-1", &[]), enrol(&test, "till-2", &[]));
    assert_eq!((one.status, other.status), (0, 0), "{} {}", one.stderr, other.stderr);
    let listed = kassactl(&test, &["registers", "list", "--json"]).await.json();
    let registers: Vec<_> =
        listed.as_array().unwrap().iter().map(|entry| entry["register"].as_str().unwrap()).collect();
    assert_eq!(registers, ["till-1", "till-2"]);
}

#[tokio::test]
async fn the_lowest_key_version_rises_and_never_falls() {
    let test = installation().await;
    let two_keys = format!("{TOKEN_KEYS},2:{}", "0a".repeat(32));
    let id = format!("{}/till-1", test.tenant);
    let enrol_with = |keys: &str, lowest: &str| {
        let arguments = [
            "registers",
            "enrol",
            &id,
            "--shop",
            "s",
            "--time-zone",
            "UTC",
            "--families",
            "dreamkas",
            "--lowest-key-version",
            lowest,
        ];
        let mut command = command(&test, &arguments);
        command.env("KASSAFLOW_TOKEN_KEYS", keys);
        ended(command)
    };
    assert_eq!(enrol_with(&two_keys, "1").await.status, 0);
    assert_eq!(enrol_with(&two_keys, "2").await.status, 0);
    let lower = enrol_with(&two_keys, "1").await;
    assert_eq!(lower.status, 1);
    assert!(lower.stderr.contains("never falls to 1"), "{}", lower.stderr);
    let older_keys = enrol(&test, "till-1", &[]).await;
    assert_eq!((older_keys.status, &*older_keys.stdout), (1, ""));
    let listed = kassactl(&test, &["registers", "list", "--json"]).await.json();
    assert_eq!(listed[0]["lowest_key_version"], 2);
}

#[tokio::test]
async fn a_revoked_register_stays_so_until_it_is_reinstated() {
    let test = installation().await;
    enrol(&test, "till-1", &[]).await.fine();
    let id = format!("{}/till-1", test.tenant);
    kassactl(&test, &["registers", "revoke", &id]).await.fine();
    let refused = enrol(&test, "till-1", &[]).await;
    assert_eq!((refused.status, &*refused.stdout), (1, ""));
    assert!(refused.stderr.contains("`kassactl registers reinstate`"), "{}", refused.stderr);
    let reinstated = kassactl(&test, &["registers", "reinstate", &id, "--json"]).await.json();
    assert_eq!(reinstated[0]["status"], "ACTIVE");
    let unknown = kassactl(&test, &["registers", "revoke", &format!("{}/other", test.tenant)]).await;
    assert_eq!(unknown.status, 1);
    assert!(unknown.stderr.contains("other: it is not enrolled"), "{}", unknown.stderr);
}

#[tokio::test]
async fn a_file_of_20_000_registers_is_enrolled_within_a_minute() {
    const COUNT: usize = 20_000;
    let test = installation().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, tokens) = (folder.path().join("registers.csv"), folder.path().join("tokens.csv"));
    let mut rows = "tenant,register,shop,time_zone,families\n".to_owned();
    for n in 0..COUNT {
        writeln!(rows, "{},till-{n},shop-{},Europe/Moscow,dreamkas ffd-tlv", test.tenant, n / 10).unwrap();
    }
    std::fs::write(&file, rows).unwrap();
    let begun = Instant::now();
    let arguments = ["registers", "enrol", "--csv", file.to_str().unwrap(), "--out", tokens.to_str().unwrap()];
    kassactl(&test, &arguments).await.fine();
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    let written = std::fs::read_to_string(&tokens).unwrap();
    assert_eq!(written.lines().count(), COUNT + 1);
    assert_eq!(std::fs::metadata(&tokens).unwrap().permissions().mode() & 0o777, 0o600);
    let last = written.lines().last().unwrap().rsplit(',').next().unwrap();
    assert_eq!(TokenKeys::parse(TOKEN_KEYS).unwrap().verify(last).unwrap().register, "till-19999");
    assert_eq!(test.installation().registers_list().await.unwrap().len(), COUNT);
}

#[tokio::test]
async fn a_file_with_a_mistake_enrols_nobody_and_names_the_line() {
    let test = installation().await;
    let rows = format!(
        "tenant,register,shop,time_zone,families\n{0},till-1,s,Europe/Moscow,dreamkas\n{0},till-2,s,Mars/Olympus,dreamkas\n",
        test.tenant
    );
    let ended = kassactl_with_input(&test, &["registers", "enrol", "--csv", "-"], &rows).await;
    assert_eq!((ended.status, &*ended.stdout), (1, ""));
    assert!(ended.stderr.contains("line 3: the time zone \"Mars/Olympus\""), "{}", ended.stderr);
    assert!(test.read_all(TOPIC).await.is_empty());
}

#[tokio::test]
async fn without_keys_there_are_no_tokens() {
    let test = installation().await;
    let arguments =
        ["registers", "enrol", "acme/till-1", "--shop", "s", "--time-zone", "UTC", "--families", "dreamkas"];
    let mut without = command(&test, &arguments);
    without.env_remove("KASSAFLOW_TOKEN_KEYS");
    let ended = ended(without).await;
    assert_eq!((ended.status, &*ended.stdout), (2, ""));
    assert!(ended.stderr.contains("openssl rand -hex 32"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_source_has_a_token_until_it_is_revoked() {
    let test = installation().await;
    let id = format!("{}/evotor-cloud", test.tenant);
    let first = kassactl(&test, &["sources", "add", &id, "--families", "evotor"]).await.fine();
    let claim = canonical::source_token::read(first.trim_end()).unwrap();
    assert_eq!((claim.tenant, claim.source), (&*test.tenant, "evotor-cloud"));
    let again = kassactl(&test, &["sources", "add", &id, "--families", "evotor"]).await;
    assert_eq!((again.status, &*again.stdout), (1, ""));
    assert!(again.stderr.contains("sources rotate"), "{}", again.stderr);
    let second = kassactl(&test, &["sources", "rotate", &id]).await.fine();
    assert_ne!(first, second);
    let listed = kassactl(&test, &["sources", "list", "--json"]).await.json();
    assert_eq!((&listed[0]["source"], &listed[0]["valid_tokens"]), (&"evotor-cloud".into(), &2.into()));
    assert!(!listed.to_string().contains(first.trim_end()));
    assert_eq!(kassactl(&test, &["registers", "list", "--json"]).await.json(), serde_json::json!([]));
    let revoked = kassactl(&test, &["sources", "revoke", &id, "--json"]).await.json();
    assert_eq!((&revoked[0]["status"], &revoked[0]["valid_tokens"]), (&"REVOKED".into(), &0.into()));
}

#[tokio::test]
async fn a_device_is_one_registers_and_may_be_told_on_the_command_line() {
    let test = installation().await;
    enrol(&test, "till-1", &["--devices", "20260101-D1,9999078900001234", "--keep-personal-data"]).await.fine();
    let listed = kassactl(&test, &["registers", "list", "--json"]).await.json();
    assert_eq!(listed[0]["devices"], serde_json::json!(["20260101-d1", "9999078900001234"]));
    assert_eq!(listed[0]["keeps_personal_data"], true);
    let second = enrol(&test, "till-2", &["--devices", "9999078900001234"]).await;
    assert_eq!(second.status, 1);
    assert!(second.stderr.contains("names both"), "{}", second.stderr);
}
