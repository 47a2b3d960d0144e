//! The pages of the formats: the line that each shows works as it stands there.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::support::{hub, statuses};

/// The first shell block of a page.
fn shell(page: &str) -> &str {
    let (_, rest) = page.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_for_sources_are_taken_as_they_stand() {
    let hub = hub().await;
    let devices = ["20260101-8698-409A-8002-A0C67CCF7B3F", "9999078900001234"];
    hub.enrol_with("till-7", &["evotor"], &devices).await;
    hub.enrol_with("till-8", &["frontol"], &[]).await;
    let token = hub.add_source("evotor-cloud", &["evotor"]).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/sources.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let lines: Vec<&str> = blocks.filter(|block| block.starts_with("curl")).collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let mut command = Command::new("bash");
        command.args(["-euc", line]).current_dir(&root).env("HUB", hub.url("")).env("TOKEN", &token);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{line}: {output:?}"));
        assert!(!statuses(&answer).is_empty(), "{line}: {answer}");
        assert!(statuses(&answer).iter().all(|status| *status == "accepted"), "{line}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_every_format_is_taken_as_it_stands() {
    let hub = hub().await;
    let token = hub.enrol("till-7").await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for family in formats::FAMILIES {
        let page = root.join(format!("docs/formats/{}.md", family.name));
        let page = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let mut command = Command::new("bash");
        command.args(["-euc", shell(&page)]).current_dir(&root).env("HUB", hub.url("")).env("TOKEN", &token);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}: {said}", family.name));
        assert!(!statuses(&answer).is_empty(), "{}: {answer}", family.name);
        assert!(statuses(&answer).iter().all(|status| *status == "accepted"), "{}: {answer}", family.name);
        assert_eq!(answer["unread_from"], Value::Null, "{}", family.name);
    }
}
