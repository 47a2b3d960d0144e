//! How long one core takes to normalise a receipt of each format: parse, check, encode as Avro, without any I/O.
//!
//! `cargo run --release -p load-tests --bin bench`, or `make bench`. Compare columns of one run: machines differ.

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use comfy_table::{Table, presets};
use formats::{Context, Framed, Limits, Parsed};
use load_tests::{document::Body, encode, family::Family, till::Till, world::World};
use schemas::{Datum as _, Timestamp};
use serde::de::IgnoredAny;

/// Measures what it costs to read a receipt of each format.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rounds over all receipts; the median counts
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Receipts of each format in a round
    #[arg(long, default_value_t = 2_000)]
    receipts: usize,
    /// Only this format
    #[arg(long)]
    format: Option<String>,
}

/// Receipts of one format.
struct Load {
    family: &'static formats::Family,
    content_type: &'static str,
    documents: Vec<Vec<u8>>,
}

/// Nanoseconds a receipt.
#[derive(Clone, Copy)]
struct Costs {
    /// The library that reads the syntax, alone.
    raw: f64,
    frame: f64,
    parse: f64,
    /// Encoding alone.
    avro: f64,
    /// Parsing and encoding.
    both: f64,
    /// The library alone, and encoding: what is least, in one loop as parsing and encoding are.
    least: f64,
    /// The rate of both, to that of what is least.
    of_least: f64,
}

const CONTEXT: Context<'static> = Context {
    tenant: "acme",
    register: "till-7",
    shop: Some("shop-1"),
    time_zone: Some("Europe/Moscow"),
    document_id: Some("1"),
    charset: None,
    keeps_personal_data: false,
    received_at: Timestamp(1_795_478_400_000_000),
    document_hash: "00112233445566778899aabbccddeeff",
    raw_topic: "registers.raw.v1",
    raw_partition: 3,
    raw_offset: 42,
};

/// When the documents were made.
const NOW: i64 = 1_795_400_000;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "format",
        "bytes",
        "items",
        "library ns",
        "framing ns",
        "parse ns",
        "Avro ns",
        "parse + Avro ns",
        "receipts/s",
        "library + Avro ns",
        "% of its rate",
    ]);
    let mut tlv = None;
    for load in loads(arguments.receipts) {
        if arguments.format.as_deref().is_some_and(|format| format != load.family.name) {
            continue;
        }
        let items = match check(&load) {
            Ok(items) => items,
            Err(problem) => {
                eprintln!("{}: {problem}", load.family.name);
                return ExitCode::FAILURE;
            }
        };
        let costs = median((0..arguments.rounds.max(1)).map(|_| round(&load)).collect());
        let bytes: usize = load.documents.iter().map(Vec::len).sum();
        let both = costs.both;
        table.add_row([
            load.family.name.to_owned(),
            (bytes / load.documents.len()).to_string(),
            format!("{items:.1}"),
            format!("{:.0}", costs.raw),
            format!("{:.0}", costs.frame),
            format!("{:.0}", costs.parse),
            format!("{:.0}", costs.avro),
            format!("{both:.0}"),
            format!("{:.0}", 1e9 / both),
            format!("{:.0}", costs.least),
            format!("{:.0}", 100.0 * costs.of_least),
        ]);
        if load.family.name == "ffd-tlv" {
            tlv = Some(costs);
        }
    }
    println!("{table}");
    println!(
        "library: serde_json over the text without keeping anything, quick-xml over all events, TLV and lines cut into their fields"
    );
    if let Some(costs) = tlv {
        println!(
            "ffd-tlv: {:.0} ns for a bare walk over the tags, its texts from CP866 and the record in Avro; {:.0} ns with all that a receipt needs: {:.0} % of that rate",
            costs.least,
            costs.both,
            100.0 * costs.of_least
        );
    }
    ExitCode::SUCCESS
}

/// The fleet's receipts in the formats with a fiscal identity; of the others one document again and again.
fn loads(receipts: usize) -> Vec<Load> {
    let world = World::new(1, 60);
    let mut tills = Till::all(&world);
    let made: Vec<_> = (0..)
        .flat_map(|step| (0..world.selling_registers()).map(move |till| (till, NOW + step * 31)))
        .map(|(till, now)| tills[till].next(&world, now))
        .filter(|document| matches!(document.body, Body::Receipt(_)))
        .take(receipts.max(1))
        .collect();
    let of_fleet =
        [Family::Dreamkas, Family::FfdTlv, Family::FnsJson, Family::Atol, Family::AtolOnline, Family::Evotor];
    let written = |family: Family| made.iter().map(|document| encode::written_as(family, &world, document)).collect();
    let fleet = of_fleet.into_iter().filter_map(|family| {
        Some(Load {
            family: formats::family(family.name())?,
            content_type: family.content_type(),
            documents: written(family),
        })
    });
    let others: [(&str, &str, &[u8]); 3] = [
        ("frontol", "text/csv", include_bytes!("../../../crates/formats/documents/frontol/sales.txt")),
        ("set-retail", "text/xml", include_bytes!("../../../crates/formats/documents/set-retail/purchases.xml")),
        ("xml-1c", "text/xml", include_bytes!("../../../crates/formats/documents/xml-1c/check.xml")),
    ];
    let others = others.into_iter().filter_map(|(name, content_type, body)| {
        let family = formats::family(name)?;
        let mut first = None;
        formats::choose(Some(name), Some(content_type)).ok()?.frame(body, &Limits::default(), &mut |framed| {
            if let Framed::Document(range) = framed {
                first.get_or_insert(range);
            }
        });
        Some(Load { family, content_type, documents: vec![body[first?].to_vec(); made.len()] })
    });
    fleet.chain(others).collect()
}

/// That every document becomes a receipt without a flag; how many items one has on average.
fn check(load: &Load) -> Result<f64, String> {
    let mut items = 0;
    for document in &load.documents {
        match load.family.parse(document, &CONTEXT).map_err(|invalid| invalid.to_string())? {
            Parsed::Receipt(receipt) if receipt.flags.is_empty() => items += receipt.items.len(),
            Parsed::Receipt(receipt) => {
                return Err(format!("{} has the flags {:?}", receipt.receipt_id, receipt.flags));
            }
            other => return Err(format!("{} is no receipt", other.id())),
        }
    }
    Ok(items as f64 / load.documents.len() as f64)
}

fn round(load: &Load) -> Costs {
    let raw = timed(load, |document| raw(load.family.name, document));
    let limits = Limits::default();
    let choice = formats::choose(Some(load.family.name), Some(load.content_type));
    let frame = choice.map_or(0.0, |choice| {
        timed(load, |document| {
            black_box(choice.frame(document, &limits, &mut |framed| {
                black_box(framed);
            }));
        })
    });
    let parse = timed(load, |document| {
        black_box(load.family.parse(document, &CONTEXT).is_ok());
    });
    let avro = encoding(load, false);
    let least = encoding(load, true);
    let mut record = Vec::with_capacity(8_192);
    let both = timed(load, |document| {
        if let Ok(Parsed::Receipt(receipt)) = load.family.parse(document, &CONTEXT) {
            record.clear();
            receipt.encode(&mut record);
            black_box(&record);
        }
    });
    Costs { raw, frame, parse, avro, both, least, of_least: least / both }
}

fn timed(load: &Load, mut work: impl FnMut(&[u8])) -> f64 {
    let started = Instant::now();
    for document in &load.documents {
        work(document);
    }
    nanoseconds(started.elapsed()) / load.documents.len() as f64
}

/// Encoding records that were just made, by itself or with the library reading each document before: a few at a time, so
/// that looking at the clock costs nothing.
fn encoding(load: &Load, with_library: bool) -> f64 {
    let mut record = Vec::with_capacity(8_192);
    let mut spent = Duration::ZERO;
    for documents in load.documents.chunks(16) {
        let parsed: Vec<_> =
            documents.iter().filter_map(|document| load.family.parse(document, &CONTEXT).ok()).collect();
        let started = Instant::now();
        for (document, parsed) in documents.iter().zip(&parsed) {
            if with_library {
                raw(load.family.name, document);
            }
            if let Parsed::Receipt(receipt) = parsed {
                record.clear();
                receipt.encode(&mut record);
                black_box(&record);
            }
        }
        spent += started.elapsed();
    }
    nanoseconds(spent) / load.documents.len() as f64
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// Each figure's own median.
fn median(rounds: Vec<Costs>) -> Costs {
    let of = |figure: fn(&Costs) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Costs {
        raw: of(|c| c.raw),
        frame: of(|c| c.frame),
        parse: of(|c| c.parse),
        avro: of(|c| c.avro),
        both: of(|c| c.both),
        least: of(|c| c.least),
        of_least: of(|c| c.of_least),
    }
}

/// What the syntax alone costs.
fn raw(family: &str, document: &[u8]) {
    match family {
        "ffd-tlv" => {
            black_box(walk(document));
        }
        "frontol" => {
            let fields = document.split(|byte| *byte == b'\n').flat_map(|line| line.split(|byte| *byte == b';'));
            black_box(fields.map(<[u8]>::len).max());
        }
        "set-retail" | "xml-1c" => {
            let Ok(text) = std::str::from_utf8(document) else { return };
            let mut reader = quick_xml::Reader::from_str(text);
            while let Ok(event) = reader.read_event() {
                match event {
                    quick_xml::events::Event::Eof => break,
                    quick_xml::events::Event::Start(element) | quick_xml::events::Event::Empty(element) => {
                        black_box(element.attributes().count());
                    }
                    _ => {}
                }
            }
        }
        _ => {
            if let Ok(text) = std::str::from_utf8(document) {
                black_box(serde_json::from_str::<IgnoredAny>(text).is_ok());
            }
        }
    }
}

/// Every tag of a document with its children, texts decoded.
fn walk(mut bytes: &[u8]) -> usize {
    let mut letters = 0;
    while let [a, b, c, d, rest @ ..] = bytes {
        let (tag, length) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
        let Some((value, rest)) = rest.split_at_checked(length) else { break };
        letters += match tag {
            3 | 1059 | 1115 | 1119 => walk(value),
            1018 | 1021 | 1030 | 1037 | 1041 | 1197 => encoding_rs::IBM866.decode_without_bom_handling(value).0.len(),
            _ => value.len(),
        };
        bytes = rest;
    }
    letters
}
