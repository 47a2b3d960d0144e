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
fn every_value_has_its_path() {
    let file = "crates/formats/documents/atol/sell.json";
    let output = kassactl(&["decode", file, "--json"]);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["index"], 0);
    assert_eq!(line["paths"]["items[0].name"], "$.request.items[1].name");
    assert_eq!(line["paths"]["fiscal_sign"], "$.results[0].result.fiscalParams.fiscalDocumentSign");
    let output = kassactl(&["decode", file]);
    assert!(!text(&output.stdout).contains("$.request"), "{}", text(&output.stdout));
    let output = kassactl(&["decode", file, "--paths"]);
    let line = text(&output.stdout).lines().find(|line| line.trim_start().starts_with("items[1].quantity")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["items[1].quantity", "0.357", "$.request.items[2].quantity"]);
}

#[test]
fn flags_are_explained() {
    let callback = "crates/formats/documents/atol-online/callback.json";
    let output = kassactl(&["decode", callback]);
    let meaning = "a proof that the document exists: neither its items nor, often, its operation are told";
    let line = format!("  content-missing: {meaning}\n");
    assert!(text(&output.stdout).contains(&line), "{}", text(&output.stdout));
    let output = kassactl(&["decode", callback, "--json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["flags"]["content-missing"], meaning);
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
fn a_time_zone_that_does_not_exist_is_refused() {
    for zone in ["Mars", "europe/moscow", ""] {
        let output = kassactl(&["decode", "examples/dreamkas-receipt.json", "--time-zone", zone]);
        assert_eq!(output.status.code(), Some(2), "{zone}");
        assert!(text(&output.stderr).contains("no IANA name, such as Europe/Moscow"), "{}", text(&output.stderr));
    }
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
        let example = one["example"].as_str().unwrap();
        let words: Vec<&str> = example.split(' ').collect();
        let output = kassactl(&["decode", words[2], "--format", words[4]]);
        assert!(output.status.success(), "{example}: {}", text(&output.stdout));
    }
    let output = kassactl(&["formats"]);
    for family in formats::FAMILIES {
        let shown = text(&output.stdout);
        let known = [family.name, family.about].into_iter().chain(family.versions.iter().copied());
        let known = known.chain(family.carries.split(", "));
        for part in known.chain(family.media_types.iter().filter(|one| !one.shared).map(|one| one.name)) {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }
}
