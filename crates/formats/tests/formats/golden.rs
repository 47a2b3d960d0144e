//! What every document of `documents/` becomes, value by value, in `golden/`. `UPDATE=1` writes those files anew: read the
//! difference before it is committed.

use std::{collections::BTreeSet, env, fs, path::Path};

use formats::{Context, Framed, Limits, Preview};
use serde_json::Value;

use crate::support::{self, hex};

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

/// What each document of a file becomes, as `kassactl decode --json` shows it.
fn shown(family: &str, name: &str, body: &[u8]) -> Vec<Value> {
    let lines = format!("application/vnd.kassaflow.{family}+ndjson");
    let choice = formats::choose(Some(family), name.ends_with(".ndjson").then_some(&*lines)).unwrap();
    let mut framed = Vec::new();
    let outcome = choice.frame(body, &Limits::default(), &mut |one| framed.push(one));
    // What the lines of the pages send text files with.
    let charset = outcome.encoding.or(name.ends_with(".txt").then_some("windows-1251"));
    let document_id = choice.family.needs_document_id.then_some("17");
    let one = |(index, framed)| {
        let preview = match framed {
            Framed::Rejected(rejection) => Preview::rejected(index, &rejection),
            Framed::Document(range) => {
                let document: &[u8] = &body[range];
                let document_hash = &canonical::document_hash(document);
                let context =
                    Context { document_hash, charset, document_id, keeps_personal_data: true, ..support::CONTEXT };
                choice.preview(index, document, &context, None)
            }
        };
        serde_json::to_value(preview).unwrap()
    };
    framed.into_iter().enumerate().map(one).collect()
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
