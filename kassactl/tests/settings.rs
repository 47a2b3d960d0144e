//! `docs/settings.md` says what the programs take. `UPDATE=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, env, fs, path::Path};

use service::reference::markdown;

const HEAD: &str = "# Settings

<!-- Generated from the code by `make docs`; a test compares it with the code. -->

Every program reads its settings in this order; what comes later wins:

1. the defaults below;
2. a TOML file, named by `--config FILE` or the variable `KASSAFLOW_CONFIG`: the part of a setting's name before the point
   is its table, as in `[kafka]` and `brokers = \"...\"`;
3. the environment variables below.

A program checks its settings when it starts and ends with status 2 if one is missing or unusable, contradicts another,
or is not known in its table of the file; it says which. `--print-settings` prints a service's part of this page. Settings that hold secrets say so; give them as
variables from a secret store, not in files.
";

fn page() -> String {
    [
        HEAD.to_owned(),
        markdown::<hub_ingest::Settings>("hub-ingest"),
        markdown::<normalizer::Settings>("normalizer"),
        markdown::<receipt_writer::Settings>("receipt-writer"),
        markdown::<product_upserter::Settings>("product-upserter"),
        markdown::<stoplist_syncer::Settings>("stoplist-syncer"),
        kassactl::settings_reference(),
    ]
    .map(|part| part.trim_end().to_owned() + "\n")
    .join("\n")
}

#[test]
fn the_page_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/settings.md");
    let page = page();
    if env::var_os("UPDATE").is_some() {
        fs::write(&file, page).unwrap();
        return;
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "docs/settings.md is out of date: `make docs` writes it anew");
}

#[test]
fn a_variable_means_the_same_in_every_program() {
    let mut meanings: BTreeMap<String, [String; 2]> = BTreeMap::new();
    for row in page().lines().filter(|line| line.starts_with("| `")) {
        let columns: Vec<&str> = row.split(" | ").collect();
        let [setting, variable, default, ..] = columns[..] else { panic!("{row}") };
        assert!(variable.starts_with("`KASSAFLOW_"), "no variable: {row}");
        let name = setting.rsplit('.').next().unwrap_or_default().trim_matches(['|', '`', ' ']).to_owned();
        let said = [name, default.to_owned()];
        let before = meanings.entry(variable.to_owned()).or_insert_with(|| said.clone());
        // kassactl can do without keys, a service that needs them cannot.
        if variable != "`KASSAFLOW_TOKEN_KEYS`" {
            assert_eq!(*before, said, "{variable} has two meanings");
        }
    }
}
