//! The files in `examples/` are what the documentation says.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use formats::{Context, Framed, Limits, Parsed};
use schemas::{Timestamp, events::EventKind, receipts::Operation};

/// What the formats make of a file: one canonical document each, without any flag.
fn parsed(file: &str, family: &str, content_type: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(file);
    let mut body = std::fs::read(path).unwrap();
    if file.ends_with(".hex") {
        body.retain(|byte| !byte.is_ascii_whitespace());
        let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
        body = body.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    }
    let mut documents = Vec::new();
    let choice = formats::choose(Some(family), Some(content_type)).unwrap();
    choice.frame(&body, &Limits::default(), &mut |framed| match framed {
        Framed::Document(range) => documents.push(range),
        Framed::Rejected(rejection) => panic!("{file}: {rejection:?}"),
    });
    let context = Context {
        tenant: "acme",
        register: "till-7",
        shop: Some("shop-1"),
        time_zone: Some("Europe/Moscow"),
        document_id: None,
        charset: None,
        keeps_personal_data: false,
        received_at: Timestamp(1_795_542_723_000_000),
        document_hash: "00ff",
        raw_topic: "registers.raw.v1",
        raw_partition: 0,
        raw_offset: 0,
    };
    documents.into_iter().map(|range| said(choice.family.parse(&body[range], &context).unwrap())).collect()
}

/// What matters of a document, in one line.
fn said(parsed: Parsed<'_>) -> String {
    match parsed {
        Parsed::Receipt(receipt) => {
            assert!(receipt.flags.is_empty(), "{:?}", receipt.flags);
            let operation = match receipt.operation {
                Operation::Sell => "sell",
                Operation::SellReturn => "sell return",
                _ => "?",
            };
            format!("{operation} {} items {} kopecks", receipt.items.len(), receipt.total_kopecks)
        }
        Parsed::Event(event) => {
            assert!(event.flags.is_empty() && event.kind == EventKind::CashOut, "{event:?}");
            format!("cash out {:?}", event.amount_kopecks.unwrap())
        }
        Parsed::Shift(shift) => format!("shift {:?}", shift.kind),
    }
}

#[test]
fn the_dreamkas_receipt_is_one() {
    assert_eq!(parsed("dreamkas-receipt.json", "dreamkas", "application/json"), ["sell 4 items 33182 kopecks"]);
}

#[test]
fn the_dreamkas_batch_has_receipts_a_refund_and_an_encashment() {
    let said = parsed("dreamkas-batch.ndjson", "dreamkas", "application/x-ndjson");
    assert_eq!(
        said,
        [
            "sell 2 items 38190 kopecks",
            "sell 1 items 12980 kopecks",
            "sell return 1 items 28900 kopecks",
            "cash out 500000"
        ]
    );
}

#[test]
fn the_tlv_receipt_is_one() {
    let said = parsed("ffd-tlv-receipt.hex", "ffd-tlv", "application/octet-stream");
    assert_eq!(said, ["sell 3 items 42802 kopecks"]);
}
