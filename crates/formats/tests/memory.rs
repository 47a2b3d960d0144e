//! How much memory one document takes, whatever is in it: at most 64 KiB and eight times its size.
#![expect(clippy::unwrap_used, reason = "a test's own documents")]

use formats::{Context, Framed, Limits, Parsed};
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
        for document in framed(family, text.as_bytes()) {
            each_xml(std::str::from_utf8(document).unwrap(), &mut |variant| {
                measured.measure(family, variant.as_bytes());
            });
        }
        measured.measure(family, "<a>".repeat(20_000).as_bytes());
    }
    for (family, text) in LINES {
        for document in framed(family, text) {
            each_lines(document, &mut |variant| measured.measure(family, variant));
        }
    }
    each_tlv(&mut |variant| measured.measure("ffd-tlv", variant));
    each_long(&mut |family, document| {
        measured.measure(family, document);
        match formats::family(family).unwrap().parse(document, &CONTEXT) {
            Ok(Parsed::Receipt(receipt)) => assert_eq!(receipt.items.len(), ITEMS, "{family}"),
            other => panic!("{family}: {other:?}"),
        }
    });
    assert!(measured.parsed > 100, "{} documents of {} were read", measured.parsed, measured.documents);
    assert!(measured.above.is_empty(), "{}", measured.above.join("\n"));
}

/// Receipts of a thousand items that are as short as a register may write them.
fn each_long(each: &mut dyn FnMut(&str, &[u8])) {
    let list = |item: &str| vec![item; ITEMS].join(",");
    let dreamkas = list(r#"{"name":"Хлеб","price":3990,"quantity":1000}"#);
    each("dreamkas", format!(r#"{{"type":"SALE","amount":1,"deviceId":1,"shiftId":1,"number":2,"localDate":"2026-11-20 14:05:31","positions":[{dreamkas}]}}"#).as_bytes());
    let fns = list(r#"{"sum":3990,"quantity":1,"price":3990,"name":"Хлеб"}"#);
    each("fns-json", format!(r#"{{"code":3,"dateTime":"2026-11-20T14:05:00","fiscalDocumentNumber":1,"fiscalDriveNumber":"9999078900001234","fiscalSign":1,"operationType":1,"totalSum":1,"items":[{fns}]}}"#).as_bytes());
    let atol = list(r#"{"name":"Хлеб","price":35,"quantity":1,"amount":35,"tax":{"type":"none"}}"#);
    each("atol", format!(r#"{{"request":{{"type":"sell","items":[{atol}],"payments":[],"total":1}},"result":{{"fiscalDocumentDateTime":"2026-11-20T14:05:00+05:00","fiscalDocumentNumber":4,"fiscalDocumentSign":"5","fnNumber":"9999078900001234","total":1}}}}"#).as_bytes());
    let online = list(r#"{"name":"Хлеб","price":35,"quantity":1,"sum":35}"#);
    each("atol-online", format!(r#"{{"operation":"sell","request":{{"receipt":{{"items":[{online}],"payments":[]}}}},"report":{{"status":"done","payload":{{"total":"1","fn_number":"9999078900001234","receipt_datetime":"20.11.2026 14:05:00","fiscal_document_number":134,"fiscal_document_attribute":41}}}}}}"#).as_bytes());
    let evotor = list(r#"{"product_name":"Хлеб","quantity":1,"result_price":35,"result_sum":35}"#);
    each("evotor", format!(r#"{{"type":"SELL","id":"1","number":4,"close_date":"2026-11-20T09:05:31.000+0000","session_number":4,"device_id":"D","body":{{"positions":[{evotor}],"sum":1,"result_sum":1}}}}"#).as_bytes());
    let one_c = r#"<FiscalString Name="Хлеб" Quantity="1" Price="35" Amount="35" Tax="none"/>"#.repeat(ITEMS);
    each("xml-1c", format!(r#"<?xml version="1.0" encoding="UTF-8"?><CheckPackage><Parameters OperationType="1"/><Positions>{one_c}</Positions><Payments Cash="500"/></CheckPackage>"#).as_bytes());
    let set = r#"<position goodsCode="17" count="1" cost="35" amount="35"/>"#.repeat(ITEMS);
    each("set-retail", format!(r#"<purchase operationType="true" shop="3" cash="2" shift="12" number="7" saletime="2026-11-20T14:05:00.000+05:00"><positions>{set}</positions></purchase>"#).as_bytes());
    let frontol = "105;20.11.2026;14:03:55;11;1;4;1;42;;35;1;35;0;12;35;35\n".repeat(ITEMS);
    each("frontol", format!("{frontol}107;20.11.2026;14:05:00;55;1;4;1;;;0;2,357;467,51;0;12;0;447,51\n").as_bytes());
    for time in [1_795_183_500_u32, 1_500_000_000] {
        each("ffd-tlv", &tlv(3, &[tlv_head(time), tlv(1059, &tlv_item()).repeat(ITEMS)].concat()));
    }
}

/// Items of a long receipt.
const ITEMS: usize = 1_000;

fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&tag.to_le_bytes()[..], &length.to_le_bytes(), value].concat()
}

fn tlv_head(time: u32) -> Vec<u8> {
    [
        tlv(1041, b"9999078900001234"),
        tlv(1012, &time.to_le_bytes()),
        tlv(1040, &[5, 0, 0, 0]),
        tlv(1077, &[0x31, 4, 1, 2, 3, 4]),
        tlv(1054, &[1]),
        tlv(1020, &[1]),
    ]
    .concat()
}

/// Name of ten letters, quantity, price, sum, VAT, method and subject: 51 bytes with tag and length.
fn tlv_item() -> Vec<u8> {
    let name = [0x95, 0xAB, 0xA5, 0xA1, b' ', 0xE0, 0xA6, 0xA0, 0xAD, b'1'];
    [
        tlv(1030, &name),
        tlv(1023, &[0, 1]),
        tlv(1079, &[0xAC, 0x0D]),
        tlv(1043, &[0xAC, 0x0D]),
        tlv(1199, &[6]),
        tlv(1214, &[4]),
        tlv(1212, &[1]),
    ]
    .concat()
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

fn framed<'b>(family: &str, body: &'b [u8]) -> Vec<&'b [u8]> {
    let mut documents = Vec::new();
    formats::choose(Some(family), None).unwrap().frame(body, &Limits::default(), &mut |framed| {
        if let Framed::Document(range) = framed {
            documents.push(&body[range]);
        }
    });
    documents
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
        let fields: Vec<&[u8]> = lines[at].splitn(5, |byte| *byte == b';').collect();
        // With nothing but its number and code.
        let short = [fields[0], b";;;", fields.get(3).copied().unwrap_or_default(), b";\n"].concat();
        for count in [100, 1_000, 5_000] {
            for line in [lines[at], &short] {
                each(&[lines[..at].concat(), line.repeat(count), lines[at + 1..].concat()].concat());
            }
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
