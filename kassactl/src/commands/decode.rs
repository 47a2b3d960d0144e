//! `decode`: what the documents of a file would become, without any server.

use std::io::Write as _;

use anyhow::Context as _;
use formats::{Choice, Context, Framed, Invalid, Limits, Parsed, Rejection};
use schemas::Timestamp;
use serde::Serialize;
use tree::{Tree, of_message};

use super::send;
use crate::{Outcome, cli::Decode, output::Out, paper};

/// One document of the file, as JSON.
#[derive(Serialize)]
struct Shown {
    document: usize,
    /// `receipt`, `shift`, `event`, `dead-letter` or `rejected`.
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

pub(crate) fn run(arguments: &Decode, mut out: Out) -> anyhow::Result<Outcome> {
    let name = arguments.file.display().to_string();
    let body = send::read(&arguments.file)?;
    let choice = send::choose(&arguments.file, &body, arguments.format.as_deref()).with_context(|| name)?;
    let mut framed = Vec::new();
    let outcome = choice.frame(&body, &Limits::default(), &mut |one| framed.push(one));
    let mut all_fine = outcome.unread_from.is_none() && !framed.is_empty();
    for (index, one) in framed.into_iter().enumerate() {
        let shown = match one {
            Framed::Rejected(rejection) => rejected(index, &rejection),
            Framed::Document(range) => parsed(index, &choice, &body[range], outcome.encoding, arguments)?,
        };
        all_fine &= shown.value.is_some();
        if out.json {
            out.json_line(&shown)?;
        } else {
            write(&shown, choice.family.name, &mut out)?;
        }
    }
    if let Some(byte) = outcome.unread_from
        && !out.json
    {
        writeln!(out, "nothing was read from byte {byte} on")?;
    }
    out.flush()?;
    Ok(if all_fine { Outcome::Fine } else { Outcome::Problems })
}

fn parsed(
    index: usize,
    choice: &Choice,
    document: &[u8],
    charset: Option<&str>,
    arguments: &Decode,
) -> anyhow::Result<Shown> {
    let hash = canonical::document_hash(document);
    let context = Context {
        tenant: "tenant",
        register: "register",
        shop: arguments.shop.as_deref(),
        time_zone: arguments.time_zone.as_deref(),
        document_id: arguments.document_id.as_deref().or_else(|| choice.family.needs_document_id.then_some("document")),
        charset,
        keeps_personal_data: arguments.keep_personal_data,
        received_at: Timestamp::now(),
        document_hash: &hash,
        raw_topic: schemas::raw::TOPIC,
        raw_partition: 0,
        raw_offset: 0,
    };
    let shown = |becomes, value: Result<Tree, String>| {
        let value = value.map_err(anyhow::Error::msg)?;
        Ok(Shown { document: index, becomes, value: Some(value), class: None, place: None, reason: None })
    };
    match choice.family.parse(document, &context) {
        Ok(Parsed::Receipt(receipt)) => shown("receipt", of_message(&*receipt)),
        Ok(Parsed::Shift(shift)) => shown("shift", of_message(&*shift)),
        Ok(Parsed::Event(event)) => shown("event", of_message(&*event)),
        Err(Invalid { class, place, text }) => Ok(Shown {
            document: index,
            becomes: "dead-letter",
            value: None,
            class: Some(class.name()),
            place: Some(place),
            reason: Some(text),
        }),
    }
}

fn rejected(index: usize, rejection: &Rejection) -> Shown {
    Shown {
        document: index,
        becomes: "rejected",
        value: None,
        class: Some(rejection.reason.code()),
        place: Some(rejection.place.to_string()),
        reason: Some(rejection.reason.to_string()),
    }
}

fn write(shown: &Shown, family: &str, out: &mut Out) -> std::io::Result<()> {
    let Shown { document, becomes, value, class, place, reason } = shown;
    writeln!(out, "── document {document} · {family} · {becomes}")?;
    match value {
        Some(value) => write!(out, "{}", paper::lines(value)),
        None => {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            writeln!(out, "  {} at {}: {}", class.unwrap_or_default(), text(place), text(reason))
        }
    }
}
