//! `formats`: what the hub reads.

use std::io::Write as _;

use formats::Family;
use serde::Serialize;

use crate::{Outcome, output::Out};

/// A family, as JSON.
#[derive(Serialize)]
struct Shown {
    format: &'static str,
    about: &'static str,
    versions: &'static [&'static str],
    carries: &'static str,
    content_types: Vec<&'static str>,
    needs_document_id: bool,
    revision: i32,
    documentation: String,
    /// A command line that sends a document of the family.
    example: String,
}

pub(crate) fn run(mut out: Out) -> anyhow::Result<Outcome> {
    let families = formats::FAMILIES.iter().copied();
    if out.json {
        let shown = |family: &'static Family| Shown {
            format: family.name,
            about: family.about,
            versions: family.versions,
            carries: family.carries,
            content_types: family.media_types.iter().map(|media_type| media_type.name).collect(),
            needs_document_id: family.needs_document_id,
            revision: family.revision,
            documentation: format!("docs/formats/{}.md", family.name),
            example: example(family),
        };
        out.json(&families.map(shown).collect::<Vec<_>>())?;
        return Ok(Outcome::Fine);
    }
    let row = |family: &'static Family| {
        let own = family.media_types.iter().filter(|media_type| !media_type.shared);
        [
            family.name.to_owned(),
            family.about.to_owned(),
            family.versions.join("\n"),
            family.carries.replace(", ", ",\n"),
            own.map(|media_type| media_type.name).collect::<Vec<_>>().join("\n"),
            family.revision.to_string(),
        ]
    };
    let header = ["format", "what it is", "versions", "what it carries", "content types of its own", "revision"];
    out.table(header, families.clone().map(row))?;
    writeln!(out, "To try one (`decode` in place of `send` needs no server):")?;
    for family in families {
        writeln!(out, "  {}", example(family))?;
    }
    writeln!(out, "More content types: docs/http.md. Fields: docs/formats/")?;
    out.flush()?;
    Ok(Outcome::Fine)
}

/// A command line that sends a document of the family.
pub(crate) fn example(family: &Family) -> String {
    let id = if family.needs_document_id { " --document-id 00000017" } else { "" };
    format!(
        "kassactl send crates/formats/documents/{} --format {} --register acme/till-7{id}",
        family.example, family.name
    )
}
