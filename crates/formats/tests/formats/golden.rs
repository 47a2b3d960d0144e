//! What every document of `documents/` becomes, value by value, in `golden/`. `UPDATE=1` writes those files anew: read the
//! difference before it is committed.

use std::{collections::BTreeSet, env, fs, path::Path};

use formats::{Context, Framed, Invalid, Limits, Parsed};
use serde::Serialize;
use tree::{Tree, of_message};

use crate::support::{self, hex};

/// One document of a file, as `kassactl decode --json` shows it.
#[derive(Serialize)]
struct Shown {
    becomes: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Tree>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Shown {
    fn value(becomes: &'static str, value: Result<Tree, String>) -> Self {
        Self { becomes, value: Some(value.unwrap()), class: None, place: None, reason: None }
    }

    fn fault(becomes: &'static str, class: &'static str, place: String, reason: String) -> Self {
        Self { becomes, value: None, class: Some(class), place: Some(place), reason: Some(reason) }
    }
}

/// The files of a folder of folders: `dreamkas/sale.json`.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = |folder: &Path| -> Vec<String> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let families = entries(folder).into_iter();
    families
        .flat_map(|family| {
            let names = entries(&folder.join(&family)).into_iter();
            names.map(|name| format!("{family}/{name}")).collect::<Vec<_>>()
        })
        .collect()
}

fn shown(family: &str, name: &str, body: &[u8]) -> Vec<Shown> {
    let lines = format!("application/vnd.kassaflow.{family}+ndjson");
    let choice = formats::choose(Some(family), name.ends_with(".ndjson").then_some(&*lines)).unwrap();
    let mut framed = Vec::new();
    let outcome = choice.frame(body, &Limits::default(), &mut |one| framed.push(one));
    // What the lines of the pages send text files with.
    let charset = outcome.encoding.or(name.ends_with(".txt").then_some("windows-1251"));
    let document_id = choice.family.needs_document_id.then_some("17");
    let one = |framed| match framed {
        Framed::Rejected(rejection) => {
            Shown::fault("rejected", rejection.reason.code(), rejection.place.to_string(), rejection.reason.to_string())
        }
        Framed::Document(range) => {
            let document = &body[range];
            let document_hash = &canonical::document_hash(document);
            let context = Context { document_hash, charset, document_id, ..support::CONTEXT };
            match choice.family.parse(document, &context) {
                Ok(Parsed::Receipt(receipt)) => Shown::value("receipt", of_message(&*receipt)),
                Ok(Parsed::Shift(shift)) => Shown::value("shift", of_message(&*shift)),
                Ok(Parsed::Event(event)) => Shown::value("event", of_message(&*event)),
                Err(Invalid { class, place, text }) => Shown::fault("dead-letter", class.name(), place, text),
            }
        }
    };
    framed.into_iter().map(one).collect()
}

#[test]
fn every_document_becomes_what_its_golden_file_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (documents, golden) = (root.join("documents"), root.join("golden"));
    let mut expected = BTreeSet::new();
    let mut faults = Vec::new();
    for file in files(&documents) {
        let (family, name) = file.split_once('/').unwrap();
        let body = fs::read(documents.join(&file)).unwrap();
        let body = if name.ends_with(".hex") { hex(std::str::from_utf8(&body).unwrap()) } else { body };
        let text = serde_json::to_string_pretty(&shown(family, name, &body)).unwrap() + "\n";
        let path = golden.join(format!("{file}.json"));
        expected.insert(format!("{file}.json"));
        if env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        } else {
            match fs::read_to_string(path) {
                Ok(said) if said == text => {}
                Ok(said) => faults.push(format!("{file}: {}", difference(&said, &text))),
                Err(_) => faults.push(format!("{file} has no golden file")),
            }
        }
    }
    let left = files(&golden).difference(&expected).cloned().collect::<Vec<_>>();
    assert!(left.is_empty(), "golden files without a document: {left:?}");
    assert!(faults.is_empty(), "{}\nUPDATE=1 writes them anew", faults.join("\n"));
}

/// The first line that differs.
fn difference(said: &str, found: &str) -> String {
    let (mut said, mut found) = (said.lines(), found.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (said.next(), found.next()) {
            (Some(one), Some(other)) if one == other => {}
            (one, other) => {
                let text = |line: Option<&str>| line.map_or("nothing", str::trim).to_owned();
                return format!("line {number} says {}, the document gives {}", text(one), text(other));
            }
        }
    }
}
