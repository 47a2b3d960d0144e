//! Whatever the bytes are: a verdict, and no panic. Which formats read them is told by `KASSAFLOW_FUZZ`: names of families,
//! separated by commas.

#![no_main]

use std::{hint::black_box, sync::LazyLock};

use formats::{Context, Family, Framed, Limits};
use libfuzzer_sys::fuzz_target;
use schemas::{Datum as _, Timestamp};

static FAMILIES: LazyLock<Vec<&'static Family>> = LazyLock::new(|| {
    let named = std::env::var("KASSAFLOW_FUZZ").unwrap_or_default();
    let families: Vec<_> = named.split(',').filter_map(formats::family).collect();
    assert!(!families.is_empty(), "KASSAFLOW_FUZZ names no family");
    families
});

const CONTEXT: Context<'static> = Context {
    tenant: "acme",
    register: "till-7",
    shop: Some("shop-1"),
    time_zone: Some("Asia/Yekaterinburg"),
    document_id: Some("1"),
    charset: None,
    keeps_personal_data: true,
    received_at: Timestamp(1_795_478_400_000_000),
    document_hash: "00112233445566778899aabbccddeeff",
    raw_topic: "registers.raw.v1",
    raw_partition: 3,
    raw_offset: 42,
};

fuzz_target!(|body: &[u8]| {
    for family in FAMILIES.iter() {
        for media_type in family.media_types {
            let Ok(choice) = formats::choose(Some(family.name), Some(media_type.name)) else { continue };
            let mut end = 0;
            choice.frame(body, &Limits { document_bytes: 4_096, documents: 50 }, &mut |framed| {
                if let Framed::Document(range) = framed {
                    assert!(end <= range.start && range.start < range.end && range.end <= body.len());
                    end = range.end;
                    black_box(choice.preview(0, &body[range.clone()], &CONTEXT, None));
                    read(family, &body[range]);
                }
            });
        }
        read(family, body);
    }
});

/// Reads a document and writes down what it became.
fn read(family: &Family, document: &[u8]) {
    let mut record = Vec::new();
    black_box(family.devices(document));
    match family.parse(document, &CONTEXT) {
        Ok(formats::Parsed::Receipt(receipt)) => receipt.encode(&mut record),
        Ok(formats::Parsed::Shift(shift)) => shift.encode(&mut record),
        Ok(formats::Parsed::Event(event)) => event.encode(&mut record),
        Err(invalid) => assert!(!invalid.place.is_empty() && !invalid.text.is_empty()),
    }
}
