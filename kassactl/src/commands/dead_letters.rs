//! `dead-letters list`, `dead-letters show`.

use std::{io::Write as _, ops::ControlFlow};

use anyhow::Context as _;
use kafka::Start;
use rdkafka::Message as _;
use schemas::{
    dead_letters::{DeadLetter, TOPIC},
    json::{as_text, bytes_text},
    registry::Resolver,
    wire,
};
use serde::Serialize;

use crate::{
    Outcome,
    cli::{DeadLetters, DeadLettersList, DeadLettersShow, LetterId},
    filter::Filter,
    output::Out,
    paper::cut,
    records::{self, Record, Step},
    seek::first_records,
    settings::Settings,
};

/// Most characters of a reason in the list.
const MOST_REASON: usize = 80;

pub(crate) async fn run(command: DeadLetters, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    match command {
        DeadLetters::List(arguments) => list(arguments, settings, out).await,
        DeadLetters::Show(arguments) => show(arguments, settings, out).await,
    }
}

/// A dead letter in the list.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    failed_at: Option<jiff::Timestamp>,
    stage: String,
    error_class: String,
    reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    place: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    format: String,
    /// `tenant/register`, as far as they are known.
    key: String,
}

impl Listed {
    fn new(record: &Record<'_>) -> Self {
        let text = |name: &str| {
            let value = record.value.as_ref().ok().and_then(|value| value.text(name));
            value.unwrap_or_default().to_owned()
        };
        Self {
            id: format!("{}-{}", record.partition, record.offset),
            failed_at: text("failed_at").parse().ok(),
            stage: text("stage"),
            error_class: text("error_class"),
            reason: record.value.as_ref().map_or_else(Clone::clone, |_| text("error_text")),
            place: text("error_place"),
            format: text("format"),
            key: record.key.clone(),
        }
    }
}

async fn list(arguments: DeadLettersList, settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let filter = Filter::of_topic(&arguments.filter, TOPIC)?;
    let count = arguments.count.max(1);
    // Without a filter the newest of all are among the newest of each partition.
    let start = match i64::try_from(count) {
        Ok(count) if arguments.filter.is_empty() => Start::Tail(count),
        _ => Start::Beginning,
    };
    let gather = move |letters: &mut Vec<Listed>, step: Step<'_>| {
        if let Step::Record(record) = step
            && filter.holds(record.candidate())
        {
            letters.push(Listed::new(&record));
            if letters.len() > 2 * count {
                keep_newest(letters, count);
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    let mut newest = records::read(&settings.installation()?, TOPIC, start, false, Vec::new(), gather).await?;
    keep_newest(&mut newest, count);
    if out.json {
        out.json(&newest)?;
        return Ok(Outcome::Fine);
    }
    let rows = newest.into_iter().map(|letter| {
        let time = letter.failed_at.map(|time| format!("{time:.0}")).unwrap_or_default();
        let reason = cut(&letter.reason, MOST_REASON);
        [letter.id, time, letter.stage, letter.error_class, letter.key, letter.format, letter.place, reason]
    });
    out.table(["id", "failed at", "stage", "error_class", "register", "format", "place", "reason"], rows)?;
    Ok(Outcome::Fine)
}

/// The newest first.
fn keep_newest(letters: &mut Vec<Listed>, count: usize) {
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.failed_at));
    letters.truncate(count);
}

/// A dead letter as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    tenant: Option<&'a str>,
    register: Option<&'a str>,
    stage: &'a str,
    error_class: &'a str,
    error_text: &'a str,
    error_place: Option<&'a str>,
    source_topic: &'a str,
    source_partition: i32,
    source_offset: i64,
    source_key: Option<String>,
    format: Option<&'a str>,
    received_at: Option<String>,
    failed_at: String,
    body_hash: &'a str,
    /// Text, or hex after `hex:`.
    body: Option<String>,
}

async fn show(arguments: DeadLettersShow, settings: &Settings, mut out: Out) -> anyhow::Result<Outcome> {
    let LetterId { partition, offset } = arguments.id;
    let installation = settings.installation()?;
    let client = installation.client().clone();
    let record =
        tokio::task::spawn_blocking(move || first_records(&client, &client.prefixed(TOPIC), &[(partition, offset)]));
    let record = record.await??.remove(&partition).filter(|record| record.offset() == offset);
    let record = record.with_context(|| {
        format!("there is no dead letter {partition}-{offset} (any more); `kassactl dead-letters list` shows those there are")
    })?;
    let payload = record.payload().unwrap_or_default();
    let (id, body) = wire::split(payload).context("the record is not in the wire format")?;
    let registry = installation.registry().clone();
    let ids = registry.ids(TOPIC).await?;
    let letter: DeadLetter<'_> = Resolver::new(registry, TOPIC, ids)?.read(id, body).await?;
    if arguments.bytes {
        let body = letter.body.context("the letter has no bytes: the document did not fit into a record")?;
        out.write_all(&body)?;
    } else if out.json {
        out.json(&shown(arguments.id, &letter))?;
    } else {
        write(&shown(arguments.id, &letter), letter.body.as_deref(), &mut out)?;
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

fn shown<'a>(id: LetterId, letter: &'a DeadLetter<'_>) -> Shown<'a> {
    let time = |time: schemas::Timestamp| {
        jiff::Timestamp::from_microsecond(time.0).map_or_else(|_| time.0.to_string(), |time| time.to_string())
    };
    Shown {
        id: format!("{}-{}", id.partition, id.offset),
        tenant: letter.tenant.as_deref(),
        register: letter.register.as_deref(),
        stage: &letter.stage,
        error_class: &letter.error_class,
        error_text: &letter.error_text,
        error_place: letter.error_place.as_deref(),
        source_topic: &letter.source_topic,
        source_partition: letter.source_partition,
        source_offset: letter.source_offset,
        source_key: letter.source_key.as_deref().map(bytes_text),
        format: letter.format.as_deref(),
        received_at: letter.received_at.map(time),
        failed_at: time(letter.failed_at),
        body_hash: &letter.body_hash,
        body: letter.body.as_deref().map(bytes_text),
    }
}

fn write(letter: &Shown<'_>, body: Option<&[u8]>, out: &mut Out) -> std::io::Result<()> {
    let register = match (letter.tenant, letter.register) {
        (Some(tenant), Some(register)) => format!("{tenant}/{register}"),
        (Some(tenant), None) => format!("{tenant}, of a register that is not known"),
        _ => "a tenant that is not known".to_owned(),
    };
    writeln!(out, "dead letter {} of {register}", letter.id)?;
    writeln!(out, "  failed   {} in {}", letter.failed_at, letter.stage)?;
    writeln!(out, "  reason   {}: {}", letter.error_class, letter.error_text)?;
    if let Some(place) = letter.error_place {
        writeln!(out, "  place    {place}")?;
    }
    let Shown { source_topic, source_partition, source_offset, .. } = letter;
    if source_topic.is_empty() {
        writeln!(out, "  source   a request to hub-ingest")?;
    } else {
        writeln!(out, "  source   {source_topic}, partition {source_partition}, offset {source_offset}")?;
    }
    if let Some(received_at) = &letter.received_at {
        writeln!(out, "  received {received_at}")?;
    }
    if let Some(format) = letter.format {
        writeln!(out, "  format   {format}")?;
    }
    match body {
        None => writeln!(out, "  bytes    did not fit into a record; the source has them for as long as it is kept"),
        Some(body) => {
            writeln!(out, "  bytes    {} (hash {})\n", body.len(), letter.body_hash)?;
            match as_text(body) {
                Some(text) => writeln!(out, "{text}"),
                None => out.write_all(hex_dump(body).as_bytes()),
            }
        }
    }
}

/// Offset, 16 bytes in hex, and their ASCII characters in each line.
fn hex_dump(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 5);
    for (index, line) in bytes.chunks(16).enumerate() {
        let hex: String = line.iter().map(|byte| format!(" {byte:02x}")).collect();
        let shown =
            line.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' });
        text += &format!("{:08x} {hex:<48}  {}\n", index * 16, shown.collect::<String>());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_dumped_as_every_tool_does() {
        let dump = hex_dump(b"\x03\x00\x10\x04 kassaflow 12345");
        let expected = "00000000  03 00 10 04 20 6b 61 73 73 61 66 6c 6f 77 20 31  .... kassaflow 1\n\
                        00000010  32 33 34 35                                      2345\n";
        assert_eq!(dump, expected);
    }
}
