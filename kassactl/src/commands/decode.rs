//! `decode`: what the documents of a file would become, without any server.

use std::io::Write as _;

use anyhow::Context as _;
use formats::{Choice, Context, Framed, Limits, Preview};
use schemas::Timestamp;

use super::send;
use crate::{Outcome, cli::Decode, output::Out, paper, tree::Tree};

/// Characters of the columns of `--paths`: the canonical name, and its value.
const NAME: usize = 26;
const VALUE: usize = 34;

/// Id of a document that has none of its own.
const DOCUMENT: &str = "document";

pub(crate) fn run(arguments: &Decode, mut out: Out) -> anyhow::Result<Outcome> {
    let name = arguments.file.display().to_string();
    let body = send::read(&arguments.file)?;
    let choice = send::choose(&arguments.file, &body, arguments.format.as_deref()).with_context(|| name)?;
    let mut framed = Vec::new();
    let outcome = choice.frame(&body, &Limits::default(), &mut |one| framed.push(one));
    let mut all_fine = outcome.unread_from.is_none() && !framed.is_empty();
    for (index, one) in framed.into_iter().enumerate() {
        let preview = match one {
            Framed::Rejected(rejection) => Preview::rejected(index, &rejection),
            Framed::Document(range) => preview(index, &choice, &body[range], outcome.encoding, arguments),
        };
        all_fine &= preview.value.is_some();
        if out.json {
            out.json_line(&preview)?;
        } else {
            write(&preview, choice.family.name, arguments.paths, &mut out)?;
        }
    }
    if choice.family.needs_document_id && arguments.document_id.is_none() && !out.json {
        writeln!(
            out,
            "{DOCUMENT} stands for a document_id, which the hub needs with this format: ?document_id= there, --document-id here"
        )?;
    }
    if let Some(byte) = outcome.unread_from
        && !out.json
    {
        writeln!(out, "nothing was read from byte {byte} on")?;
    }
    out.flush()?;
    Ok(if all_fine { Outcome::Fine } else { Outcome::Problems })
}

fn preview(index: usize, choice: &Choice, document: &[u8], charset: Option<&str>, arguments: &Decode) -> Preview {
    let hash = canonical::document_hash(document);
    let context = Context {
        tenant: "tenant",
        register: "register",
        shop: arguments.shop.as_deref(),
        time_zone: arguments.time_zone.as_deref(),
        document_id: arguments.document_id.as_deref().or_else(|| choice.family.needs_document_id.then_some(DOCUMENT)),
        charset,
        keeps_personal_data: arguments.keep_personal_data,
        received_at: Timestamp::now(),
        document_hash: &hash,
        raw_topic: schemas::raw::TOPIC,
        raw_partition: 0,
        raw_offset: 0,
    };
    choice.preview(index, document, &context, None)
}

fn write(preview: &Preview, family: &str, with_paths: bool, out: &mut Out) -> anyhow::Result<()> {
    let Preview { index, becomes, value, flags, paths, class, place, reason } = preview;
    writeln!(out, "── document {index} · {family} · {becomes}")?;
    let Some(value) = value else {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        writeln!(out, "  {} at {}: {}", class.unwrap_or_default(), text(place), text(reason))?;
        return Ok(());
    };
    let value: Tree = serde_json::from_str(value.get())?;
    write!(out, "{}", paper::lines(&value))?;
    for (flag, meaning) in flags {
        writeln!(out, "  {flag}: {meaning}")?;
    }
    for (name, place) in paths.iter().filter(|_| with_paths) {
        let value = value.at(name).unwrap_or_default();
        writeln!(out, "    {name:<NAME$} {:<VALUE$} {place}", paper::cut(&value, VALUE))?;
    }
    Ok(())
}
