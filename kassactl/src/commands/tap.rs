//! `tap`: the records of a topic.

use std::{io::Write as _, ops::ControlFlow};

use kafka::Start;
use schemas::json::bytes_text;
use serde::Serialize;

use crate::{
    Outcome,
    cli::Tap,
    filter::Filter,
    output::Out,
    paper,
    records::{self, Record, Step},
    settings::Settings,
    tree::Tree,
};

/// A record as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Tree>,
    /// Why the value cannot be read, and its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
}

pub(crate) async fn run(arguments: Tap, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    let filter = Filter::of_topic(&arguments.filter, &arguments.topic)?;
    let follow = arguments.follow || arguments.from == Start::End;
    let mut left = arguments.count.unwrap_or(u64::MAX);
    if left == 0 {
        return Ok(Outcome::Fine);
    }
    let topic = arguments.topic.clone();
    let show = move |out: &mut Out, step: Step<'_>| {
        match step {
            Step::Record(record) if filter.holds(record.candidate()) => {
                write(&topic, &record, out)?;
                left -= 1;
            }
            Step::Record(_) => {}
            Step::Idle => out.flush()?,
        }
        if left > 0 {
            return Ok(ControlFlow::Continue(()));
        }
        out.flush()?;
        Ok(ControlFlow::Break(()))
    };
    records::read(&settings.installation()?, &arguments.topic, arguments.from, follow, out, show).await?;
    Ok(Outcome::Fine)
}

fn write(topic: &str, record: &Record<'_>, out: &mut Out) -> std::io::Result<()> {
    let Record { partition, offset, key, .. } = record;
    let time = record.time.map(|time| time.to_string());
    if out.json {
        let problem = record.value.as_ref().err();
        return out.json_line(&Shown {
            topic,
            partition: *partition,
            offset: *offset,
            time,
            key,
            value: record.value.as_ref().ok(),
            problem: problem.map(String::as_str),
            bytes: problem.map(|_| bytes_text(record.payload)),
        });
    }
    writeln!(out, "── {key} · {partition}-{offset} · {}", time.unwrap_or_default())?;
    match &record.value {
        Ok(value) => write!(out, "{}", paper::lines(value)),
        Err(problem) => {
            writeln!(out, "  cannot be read: {problem}\n  {}", paper::cut(&bytes_text(record.payload), 200))
        }
    }
}
