//! What lies on the topics, as a Python client with its own Kafka and Avro code reads it.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use tokio::process::Command;

use crate::{
    check::{
        CheckError,
        findings::Findings,
        index::{Index, Verdict},
    },
    content::{ContentHash, ContentText, Header},
    ledger::Kind,
};

/// What is needed to read the topics.
#[derive(Debug, Clone)]
pub struct TopicReader {
    /// The Python with `confluent-kafka` and `fastavro`.
    pub python: PathBuf,
    /// The script `read_topics.py`.
    pub script: PathBuf,
    /// Addresses of the brokers.
    pub brokers: String,
    /// URL of the registry.
    pub registry: String,
    /// Folder for what was read.
    pub folder: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Summary {
    #[serde(default)]
    distinct: u64,
    #[serde(default)]
    repeats: u64,
}

#[derive(Debug, Deserialize)]
struct Event {
    tenant: String,
    shop: Option<String>,
    register: String,
    source: String,
    kind: String,
    device: Option<String>,
    shift_number: Option<i64>,
    amount_kopecks: Option<i64>,
    cashier_name: Option<String>,
    cashier_inn: Option<String>,
    local_ms: Option<i64>,
    utc_ms: Option<i64>,
}

/// Reads the topics of receipts, shifts, events, dead letters and products.
///
/// # Errors
/// When the script fails.
pub async fn check(reader: &TopicReader, index: &mut Index<'_>, findings: &mut Findings) -> Result<(), CheckError> {
    let summaries = run(reader).await?;
    let summary = |topic: &str, pick: fn(&Summary) -> u64| summaries.get(topic).map_or(0, pick);
    let registers = ["registers.receipts.v1", "registers.shifts.v1", "registers.events.v1"];
    findings.topic_repeats = registers.iter().map(|topic| summary(topic, |topic| topic.repeats)).sum();
    findings.products_on_topic = summary("catalog.products.v1", |topic| topic.distinct);
    foreign_ids(&reader.folder.join("receipts.txt"), index, findings)?;
    foreign_ids(&reader.folder.join("shifts.txt"), index, findings)?;
    events(&reader.folder.join("events.jsonl"), index, findings)?;
    for line in lines(&reader.folder.join("dead-letters.jsonl"))? {
        let line = line.map_err(CheckError::Files)?;
        findings.dead_letters.add(|| line);
    }
    Ok(())
}

async fn run(reader: &TopicReader) -> Result<BTreeMap<String, Summary>, CheckError> {
    let child = Command::new(&reader.python)
        .arg(&reader.script)
        .args(["--brokers", &reader.brokers, "--registry", &reader.registry, "--out"])
        .arg(&reader.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped()) // its standard error, with the progress, is ours
        .kill_on_drop(true)
        .spawn()
        .map_err(CheckError::Files)?;
    let output = child.wait_with_output().await.map_err(CheckError::Files)?;
    if !output.status.success() {
        return Err(CheckError::Python(format!("{}, the reason stands above", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| CheckError::Python(error.to_string()))
}

fn lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>, CheckError> {
    Ok(BufReader::new(File::open(path).map_err(CheckError::Files)?).lines())
}

fn foreign_ids(path: &Path, index: &Index<'_>, findings: &mut Findings) -> Result<(), CheckError> {
    for id in lines(path)? {
        let id = id.map_err(CheckError::Files)?;
        if index.place(&id).is_none() {
            findings.foreign.add(|| format!("{id} is on a topic"));
        }
    }
    Ok(())
}

/// Encashments have no number: the whole content tells them apart.
fn events(path: &Path, index: &mut Index<'_>, findings: &mut Findings) -> Result<(), CheckError> {
    let expected = index.encashments();
    let mut seen: HashSet<ContentHash> = HashSet::new();
    for line in lines(path)? {
        let line = line.map_err(CheckError::Files)?;
        let event: Event = serde_json::from_str(&line).map_err(|error| CheckError::Python(error.to_string()))?;
        let content = content(&event);
        if !seen.insert(content.hash()) {
            continue;
        }
        findings.encashments_on_topic += 1;
        match expected.get(&content.hash()).map(|place| index.tick_off_place(*place, &content.hash())) {
            Some(Verdict::Right) => {}
            Some(_) => findings.foreign.add(|| format!("an event that was refused:\n{}", content.as_str())),
            None => findings.foreign.add(|| format!("an event that was never sent:\n{}", content.as_str())),
        }
    }
    findings.lost.merge(index.lost(&[Kind::Encashment]));
    Ok(())
}

fn content(event: &Event) -> ContentText {
    let mut text = ContentText::start(&Header {
        document: "event",
        tenant: &event.tenant,
        shop: event.shop.as_deref(),
        register: &event.register,
        source: &event.source,
        kind: &event.kind,
        shift: event.shift_number,
        local_ms: event.local_ms,
        utc_ms: event.utc_ms,
        cashier: event.cashier_name.as_deref(),
        cashier_inn: event.cashier_inn.as_deref(),
        ..Header::default()
    });
    text.event(event.device.as_deref(), event.amount_kopecks);
    text
}
