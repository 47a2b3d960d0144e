//! `kassactl decode` and `kassactl formats`, which need no server.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

use serde_json::Value;

fn kassactl(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kassactl"));
    command.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_receipt_is_shown_as_the_buyer_got_it() {
    let output = kassactl(&["decode", "examples/dreamkas-receipt.json", "--time-zone", "Europe/Moscow"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for part in ["dreamkas · receipt", "Хлеб бородинский нарезной 400 г", "TOTAL", "cashier Петрова А. И."]
    {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[test]
fn every_document_is_a_line_of_json_with_its_verdict() {
    let output = kassactl(&["decode", "crates/formats/documents/frontol/sales.txt", "--json"]);
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let becomes: Vec<&str> = lines.iter().map(|line| line["becomes"].as_str().unwrap()).collect();
    assert_eq!(becomes, ["receipt", "receipt", "event", "shift"]);
    assert_eq!(lines[0]["value"]["total_kopecks"], 44_751);
    assert!(output.status.success());
    let unread =
        kassactl(&["decode", "crates/formats/documents/dreamkas/sales.ndjson", "--format", "dreamkas", "--json"]);
    assert_eq!(unread.status.code(), Some(1));
    let lines: Vec<Value> = text(&unread.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<_> = lines.iter().map(|line| (&line["becomes"], &line["class"])).collect();
    assert_eq!(verdicts[0], (&"dead-letter".into(), &"invalid".into()));
    assert_eq!(verdicts[1], (&"rejected".into(), &"malformed".into()));
}

#[test]
fn the_buyer_is_shown_only_where_that_is_asked_for() {
    let receipt = |more: &[&str]| {
        let output = kassactl(&[&["decode", "crates/formats/documents/atol/sell.json", "--json"], more].concat());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["value"].clone()
    };
    let shown = receipt(&["--keep-personal-data"]);
    assert_eq!((&shown["buyer_contact"], &shown["buyer_inn"]), (&"buyer@example.org".into(), &"660000012360".into()));
    let shown = receipt(&[]);
    assert!(shown.get("buyer_contact").is_none() && shown.get("buyer_name").is_none(), "{shown}");
}

#[test]
fn a_file_that_no_format_reads_is_told_so() {
    let output = kassactl(&["decode", "Cargo.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no format reads its first document"), "{}", text(&output.stderr));
    let output = kassactl(&["decode", "Cargo.toml", "--format", "dreamkas"]);
    assert!(text(&output.stdout).contains("malformed at line 1"), "{}", text(&output.stdout));
}

#[test]
fn every_format_is_listed_with_its_page() {
    let output = kassactl(&["formats", "--json"]);
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["format"].as_str().unwrap()).collect();
    assert_eq!(names, formats::FAMILIES.iter().map(|family| family.name).collect::<Vec<_>>());
    for one in listed.as_array().unwrap() {
        let page = format!("{}/../{}", env!("CARGO_MANIFEST_DIR"), one["documentation"].as_str().unwrap());
        assert!(std::path::Path::new(&page).exists(), "{page}");
    }
}
