//! `sources add`, `rotate`, `revoke`, `list`.

use std::io::Write as _;

use provision::{Added, Entry};
use serde::Serialize;

use super::registers::{texts, time};
use crate::{
    Outcome,
    cli::{AddSource, OneSource, Sources},
    output::Out,
    settings::Settings,
};

pub(crate) async fn run(command: Sources, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    let installation = settings.installation()?;
    match command {
        Sources::Add(AddSource { id: OneSource { source }, families }) => {
            tell(&installation.sources_add(source, families).await?, "was added", out)
        }
        Sources::Rotate(OneSource { source }) => {
            tell(&installation.sources_rotate(source).await?, "has a new token", out)
        }
        Sources::Revoke(OneSource { source }) => show(&installation.sources_revoke(source).await?, out),
        Sources::List => show(&installation.sources_list().await?, out),
    }
}

/// An entry as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    tenant: &'a str,
    source: &'a str,
    families: Vec<&'a str>,
    status: &'static str,
    valid_tokens: usize,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn new(entry: &'a Entry, token: Option<&'a str>) -> Self {
        Self {
            tenant: &entry.tenant,
            source: &entry.register,
            families: texts(&entry.families),
            status: entry.status.symbol(),
            valid_tokens: entry.secret_hashes.len(),
            updated_at: time(entry),
            token,
        }
    }
}

fn tell(Added { entry, token }: &Added, what: &str, mut out: Out) -> anyhow::Result<Outcome> {
    if out.json {
        out.json(&Shown::new(entry, Some(token)))?;
        return Ok(Outcome::Fine);
    }
    // Standard output has nothing but the token, for `TOKEN=$(kassactl sources add ...)`.
    eprintln!("{}/{} {what}. Its token, a secret that is shown once:", entry.tenant, entry.register);
    writeln!(out, "{token}")?;
    out.flush()?;
    Ok(Outcome::Fine)
}

fn show(entries: &[Entry], mut out: Out) -> anyhow::Result<Outcome> {
    if out.json {
        out.json(&entries.iter().map(|entry| Shown::new(entry, None)).collect::<Vec<_>>())?;
        return Ok(Outcome::Fine);
    }
    let rows = entries.iter().map(|entry| {
        let shown = Shown::new(entry, None);
        [
            format!("{}/{}", entry.tenant, entry.register),
            shown.status.to_lowercase(),
            shown.families.join(", "),
            shown.valid_tokens.to_string(),
            shown.updated_at,
        ]
    });
    out.table(["source", "status", "families", "valid tokens", "changed"], rows)?;
    Ok(Outcome::Fine)
}
