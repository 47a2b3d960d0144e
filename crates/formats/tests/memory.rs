//! How much memory one document takes, whatever is in it: at most 64 KiB and eight times its size.
#![expect(clippy::unwrap_used, reason = "a test's own documents")]

use formats::{Context, Parsed};
use peak_alloc::PeakAlloc;
use schemas::Timestamp;
use serde_json::{Value, json};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

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

const JSON: &[(&str, &str)] = &[
    ("atol", include_str!("../documents/atol/sell.json")),
    ("atol", include_str!("../documents/atol/others.ndjson")),
    ("atol-online", include_str!("../documents/atol-online/callback.json")),
    ("atol-online", include_str!("../documents/atol-online/pairs.ndjson")),
    ("dreamkas", include_str!("../documents/dreamkas/sale.json")),
    ("dreamkas", include_str!("../documents/dreamkas/encashments.json")),
    ("evotor", include_str!("../documents/evotor/v2-sell.json")),
    ("evotor", include_str!("../documents/evotor/v2-others.json")),
    ("evotor", include_str!("../documents/evotor/v1.ndjson")),
    ("evotor", include_str!("../documents/evotor/webhook.json")),
    ("fns-json", include_str!("../documents/fns-json/export.json")),
    ("fns-json", include_str!("../documents/fns-json/check-service.json")),
    ("fns-json", include_str!("../documents/fns-json/packed.json")),
    ("fns-json", include_str!("../documents/fns-json/shifts.ndjson")),
];

const XML: &[(&str, &str)] = &[
    ("set-retail", include_str!("../documents/set-retail/purchases.xml")),
    ("xml-1c", include_str!("../documents/xml-1c/check.xml")),
];

const LINES: &[(&str, &[u8])] = &[
    ("frontol", include_bytes!("../documents/frontol/sales.txt")),
    ("kassir-5", include_bytes!("../documents/kassir-5/export.txt")),
];

const TLV: &[u8] = include_bytes!("../documents/ffd-tlv/receipt.tlv");

/// More elements than are allowed.
const MANY: usize = 9_000;
/// Most bytes of a document.
const LARGEST: usize = 512 * 1024;

/// One test, because what another one takes would be counted too.
#[test]
fn no_document_takes_more_than_its_share() {
    let mut measured = Measured::default();
    for (family, text) in JSON {
        let is_one = serde_json::from_str::<Value>(text).is_ok();
        for document in if is_one { vec![*text] } else { text.lines().collect() } {
            each_json(document, &mut |variant| measured.measure(family, variant.as_bytes()));
        }
    }
    for (family, text) in XML {
        each_xml(text, &mut |variant| measured.measure(family, variant.as_bytes()));
    }
    for (family, text) in LINES {
        each_lines(text, &mut |variant| measured.measure(family, variant));
    }
    each_tlv(&mut |variant| measured.measure("ffd-tlv", variant));
    assert!(measured.parsed > 100, "{} documents of {} were read", measured.parsed, measured.documents);
    assert!(measured.above.is_empty(), "{}", measured.above.join("\n"));
}

#[derive(Default)]
struct Measured {
    documents: usize,
    parsed: usize,
    above: Vec<String>,
}

impl Measured {
    fn measure(&mut self, family: &str, document: &[u8]) {
        if document.len() > LARGEST {
            return;
        }
        let family = formats::family(family).unwrap();
        // What is made once for all documents is not this one's.
        let _first: Result<Parsed<'_>, _> = family.parse(&document[..document.len().min(1_000)], &CONTEXT);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let parsed = family.parse(document, &CONTEXT);
        let taken = MEMORY.peak_usage() - before;
        self.documents += 1;
        self.parsed += usize::from(parsed.is_ok());
        let most = 64 * 1024 + 8 * document.len();
        if taken > most {
            let begin = String::from_utf8_lossy(&document[..document.len().min(150)]).into_owned();
            self.above.push(format!("{}: {taken} for {} bytes, at most {most}: {begin}", family.name, document.len()));
        }
    }
}

/// Each array filled with one of its elements, with empty ones, and with those that have one field.
fn each_json(text: &str, each: &mut dyn FnMut(&str)) {
    let document: Value = serde_json::from_str(text).unwrap();
    let mut places = Vec::new();
    arrays(&document, String::new(), &mut places);
    for place in places {
        let first = document.pointer(&place).and_then(|array| array.get(0)).cloned().unwrap_or(Value::Null);
        let mut elements = vec![first.clone(), Value::Object(serde_json::Map::new()), Value::String(String::new())];
        // Evotor's cloud wraps a position, and a payment.
        for name in ["position", "payment"].into_iter().filter(|name| place.ends_with(&format!("{name}s"))) {
            elements.push((0..50).fold(Value::Object(serde_json::Map::new()), |inner, _| json!({ name: inner })));
        }
        for (name, value) in first.as_object().into_iter().flatten() {
            elements.push(Value::Object([(name.clone(), value.clone())].into_iter().collect()));
        }
        for element in elements {
            let count = (450_000 / (element.to_string().len() + 1)).min(7_900);
            for count in [count, MANY] {
                let mut variant = document.clone();
                if let Some(array) = variant.pointer_mut(&place) {
                    *array = Value::Array(vec![element.clone(); count]);
                }
                each(&variant.to_string());
            }
        }
    }
}

fn arrays(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Array(elements) => {
            if let Some(first) = elements.first() {
                arrays(first, format!("{place}/0"), places);
            }
            places.push(place);
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                arrays(field, format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        _ => {}
    }
}

/// Every element of the document, empty and many times, at the end of every other one.
fn each_xml(text: &str, each: &mut dyn FnMut(&str)) {
    let names = |mark: &str| {
        let mut names: Vec<String> = text
            .split(mark)
            .skip(1)
            .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
            .filter(|name: &String| !name.is_empty())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    for parent in names("</") {
        for child in names("<") {
            for count in [4_000, MANY] {
                let end = format!("</{parent}>");
                each(&text.replacen(&end, &(format!("<{child}/>").repeat(count) + &end), 1));
            }
        }
    }
}

/// Every line many times.
fn each_lines(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for at in 0..lines.len() {
        for count in [100, 1_000, 5_000] {
            each(&[lines[..at].concat(), lines[at].repeat(count), lines[at + 1..].concat()].concat());
        }
    }
}

/// Every element many times, whole and empty.
fn each_tlv(each: &mut dyn FnMut(&[u8])) {
    let document = u16::from_le_bytes([TLV[0], TLV[1]]);
    let mut elements = Vec::new();
    let mut rest = &TLV[4..];
    while let [_, _, low, high, ..] = rest {
        let (element, left) = rest.split_at(4 + usize::from(u16::from_le_bytes([*low, *high])));
        elements.push(element);
        rest = left;
    }
    for element in &elements {
        for repeated in [element.to_vec(), [&element[..2], &[0, 0]].concat()] {
            let room = usize::from(u16::MAX) - TLV.len();
            for count in [10, 100, 1_000, 7_900, MANY].into_iter().map(|count| count.min(room / repeated.len())) {
                let value = [elements.concat(), repeated.repeat(count)].concat();
                let length = u16::try_from(value.len()).unwrap();
                each(&[&document.to_le_bytes()[..], &length.to_le_bytes(), &value].concat());
            }
        }
    }
}
