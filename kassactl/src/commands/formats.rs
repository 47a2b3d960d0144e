//! `formats`: what the hub reads.

use std::io::Write as _;

use serde::Serialize;

use crate::{Outcome, output::Out};

/// A family, as JSON.
#[derive(Serialize)]
struct Shown {
    format: &'static str,
    about: &'static str,
    carries: &'static str,
    content_types: Vec<&'static str>,
    needs_document_id: bool,
    revision: i32,
    documentation: String,
}

pub(crate) fn run(mut out: Out) -> anyhow::Result<Outcome> {
    let families: Vec<Shown> = formats::FAMILIES
        .iter()
        .map(|family| Shown {
            format: family.name,
            about: family.about,
            carries: family.carries,
            content_types: family.media_types.iter().map(|media_type| media_type.name).collect(),
            needs_document_id: family.needs_document_id,
            revision: family.revision,
            documentation: format!("docs/formats/{}.md", family.name),
        })
        .collect();
    if out.json {
        out.json(&families)?;
    } else {
        let rows = families.iter().map(|family| [family.format, family.about, family.carries].map(str::to_owned));
        out.table(["format", "what it is", "what it carries"], rows)?;
        writeln!(out, "Content types: docs/http.md. Fields, and a line to try each: docs/formats/")?;
        out.flush()?;
    }
    Ok(Outcome::Fine)
}
