//! Whatever the bytes are: a verdict, and no panic.

use proptest::prelude::*;

use crate::support::{
    ATOL, ATOL_LINES, ATOL_ONLINE, ATOL_ONLINE_LINES, DREAMKAS, DREAMKAS_LINES, EVOTOR, EVOTOR_LINES, FNS, FNS_LINES,
    FRONTOL, KASSIR_5, SET_RETAIL, TLV, XML_1C, documents, encoder, frame, frame_within, hex, parse,
};

const JSON: &[(&str, &str)] = &[
    ("atol", include_str!("../../documents/atol/sell.json")),
    ("atol", include_str!("../../documents/atol/others.ndjson")),
    ("atol-online", include_str!("../../documents/atol-online/callback.json")),
    ("atol-online", include_str!("../../documents/atol-online/pairs.ndjson")),
    ("dreamkas", include_str!("../../documents/dreamkas/sale.json")),
    ("dreamkas", include_str!("../../documents/dreamkas/refund-numbers-as-text.json")),
    ("dreamkas", include_str!("../../documents/dreamkas/encashments.json")),
    ("dreamkas", include_str!("../../documents/dreamkas/device.json")),
    ("dreamkas", include_str!("../../documents/dreamkas/sales.ndjson")),
    ("evotor", include_str!("../../documents/evotor/v2-sell.json")),
    ("evotor", include_str!("../../documents/evotor/v2-others.json")),
    ("evotor", include_str!("../../documents/evotor/v1-payback.json")),
    ("evotor", include_str!("../../documents/evotor/v1.ndjson")),
    ("evotor", include_str!("../../documents/evotor/webhook.json")),
    ("fns-json", include_str!("../../documents/fns-json/export.json")),
    ("fns-json", include_str!("../../documents/fns-json/check-service.json")),
    ("fns-json", include_str!("../../documents/fns-json/correction.json")),
    ("fns-json", include_str!("../../documents/fns-json/packed.json")),
    ("fns-json", include_str!("../../documents/fns-json/shifts.ndjson")),
];

const TEXTS: &[(&str, &[u8])] = &[
    ("frontol", include_bytes!("../../documents/frontol/sales.txt")),
    ("kassir-5", include_bytes!("../../documents/kassir-5/export.txt")),
    ("set-retail", include_bytes!("../../documents/set-retail/purchases.xml")),
    ("xml-1c", include_bytes!("../../documents/xml-1c/check.xml")),
    ("xml-1c", include_bytes!("../../documents/xml-1c/old-revision.xml")),
];

const TLVS: &[&str] = &[
    include_str!("../../documents/ffd-tlv/receipt.hex"),
    include_str!("../../documents/ffd-tlv/receipt-in-container.hex"),
    include_str!("../../documents/ffd-tlv/correction.hex"),
    include_str!("../../documents/ffd-tlv/shift-close.hex"),
];

const CONTENT_TYPES: &[(&str, &str)] = &[
    (ATOL, "atol"),
    (ATOL_LINES, "atol"),
    (ATOL_ONLINE, "atol-online"),
    (ATOL_ONLINE_LINES, "atol-online"),
    (DREAMKAS, "dreamkas"),
    (DREAMKAS_LINES, "dreamkas"),
    (EVOTOR, "evotor"),
    (EVOTOR_LINES, "evotor"),
    (FNS, "fns-json"),
    (FNS_LINES, "fns-json"),
    (FRONTOL, "frontol"),
    (KASSIR_5, "kassir-5"),
    (SET_RETAIL, "set-retail"),
    (XML_1C, "xml-1c"),
    (TLV, "ffd-tlv"),
];

/// Frames by every content type and parses by every family.
fn exercise(body: &[u8]) {
    CONTENT_TYPES.iter().for_each(|(content_type, family)| exercise_as(content_type, family, body));
    for family in formats::FAMILIES {
        let _verdict = parse(family.name, body);
    }
}

fn exercise_as(content_type: &str, family: &str, body: &[u8]) {
    let tight = formats::Limits { document_bytes: 100, documents: 3 };
    let (framed, _) = frame(content_type, body);
    frame_within(content_type, body, &tight);
    for one in framed {
        if let formats::Framed::Document(range) = one {
            // What framing took is a document: parsing must not call it undecodable for its frame.
            let _verdict = parse(family, &body[range]);
        }
    }
    let _verdict = parse(family, body);
    let named = formats::Context { document_id: Some("a1b2"), charset: Some("cp866"), ..crate::support::CONTEXT };
    // It parses and looks for the places of what came out.
    let _verdict = formats::choose(Some(family), None).unwrap().preview(0, body, &named, Some("dreamkas"));
}

/// Changes some bytes and cuts.
fn mutated(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = whole.len();
    (prop::collection::vec((0..length, any::<u8>()), 0..6), 0..=length, 0..=length).prop_map(
        move |(changes, one, other)| {
            let mut bytes = whole.clone();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            // Every second time the whole length is kept.
            if one % 2 == 0 { bytes } else { bytes[one.min(other)..one.max(other)].to_vec() }
        },
    )
}

fn json() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(JSON).prop_flat_map(|(_, text)| mutated(text.as_bytes().to_vec()))
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(TEXTS).prop_flat_map(|(_, text)| mutated(text.to_vec()))
}

fn tlv() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(TLVS).prop_flat_map(|text| mutated(hex(text)))
}

proptest! {
    #[test]
    fn random_bytes_get_a_verdict(body in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&body);
    }

    #[test]
    fn random_texts_of_json_letters_get_a_verdict(body in "[\\[\\]{}:,\"\\\\a1e. \\n-]{0,80}") {
        exercise(body.as_bytes());
    }

    #[test]
    fn changed_json_gets_a_verdict(body in json()) {
        exercise(&body);
    }

    #[test]
    fn changed_texts_and_xml_get_a_verdict(body in text()) {
        exercise(&body);
    }

    #[test]
    fn random_texts_of_xml_letters_get_a_verdict(body in "[<>/?!&;='\"a\\[\\]A -]{0,80}") {
        exercise(body.as_bytes());
        exercise(format!("<purchase {body}").as_bytes());
        exercise(format!("<CheckPackage>{body}</CheckPackage>").as_bytes());
    }

    #[test]
    fn random_lines_of_fields_get_a_verdict(
        lines in prop::collection::vec((prop::sample::select(vec!["42", "11", "12", "40", "55", "56", "61", "7"]), "[0-9,.;-]{0,60}"), 0..12),
    ) {
        let lines: Vec<String> = lines.iter().map(|(code, rest)| format!("1;20.11.2026;14:05:00;{code};1;{rest}")).collect();
        exercise(lines.join("\n").as_bytes());
        exercise(lines.join("\n<Document>\n").replace("20.11.2026", "20.11.26").as_bytes());
    }

    #[test]
    fn changed_tlv_gets_a_verdict(body in tlv()) {
        exercise(&body);
    }

    #[test]
    fn random_json_of_known_fields_gets_a_verdict(
        fields in prop::collection::vec((prop::sample::select(vec!["type", "amount", "sum", "localDate", "date", "positions", "payments", "cashier", "fnNumber", "fiscalDocumentNumber", "fiscalDocumentSign", "deviceId", "shiftId", "number", "data", "code", "dateTime", "operationType", "totalSum", "fiscalDriveNumber", "fiscalSign", "items", "receipt", "closeShift", "ticket", "request", "payload", "transactions", "body", "close_date", "closeDate", "device_id", "session_number", "closeResultSum", "result", "results", "task", "fiscalParams", "report", "operation", "status", "correction"]), value()), 0..12),
    ) {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        exercise(format!("{{{}}}", fields.join(",")).as_bytes());
    }
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "null",
        "0",
        "-1",
        "1e400",
        "1.5",
        "18446744073709551616",
        "\"\"",
        "\"SALE\"",
        "\"MONEY_IN\"",
        "\"\\ud800\"",
        "\"2026-11-20 14:05:31\"",
        "\"9999-12-31T23:59:59Z\"",
        "\"-9999-01-01 00:00:00\"",
        "[]",
        "{}",
        "[{}]",
        "[{\"quantity\":9223372036854775807,\"price\":1}]",
        "[{\"quantity\":1000,\"price\":100,\"tax\":-1}]",
        "[{\"type\":1,\"amount\":\"7\"}]",
        "\"9999078900001234\"",
        "7",
        "true",
        "1795183500",
        "{\"$date\":9223372036854775807}",
        "{\"receipt\":{}}",
        "{\"qrraw\":\"fn=1&i=2&fp=3\"}",
        "[{\"quantity\":1e-7,\"sum\":\"1\",\"productCode\":{\"gs1\":[{}]}}]",
    ])
    .prop_map(ToOwned::to_owned)
}

#[test]
fn every_document_of_ours_cut_at_every_byte_gets_a_verdict() {
    for (own, text) in JSON {
        for (content_type, family) in CONTENT_TYPES.iter().filter(|(_, family)| family == own) {
            (0..text.len()).for_each(|cut| exercise_as(content_type, family, &text.as_bytes()[..cut]));
        }
    }
    for (own, text) in TEXTS {
        for (content_type, family) in CONTENT_TYPES.iter().filter(|(_, family)| family == own) {
            (0..text.len()).for_each(|cut| exercise_as(content_type, family, &text[..cut]));
        }
    }
    for text in TLVS {
        let bytes = hex(text);
        (0..bytes.len()).for_each(|cut| exercise_as(TLV, "ffd-tlv", &bytes[..cut]));
        (0..bytes.len()).for_each(|at| {
            for byte in [0, 1, 0x7F, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] = byte;
                exercise_as(TLV, "ffd-tlv", &changed);
            }
        });
    }
    assert_eq!(documents(TLV, &hex(TLVS[0])).len(), 1);
}

#[test]
fn more_elements_than_make_sense_are_refused() {
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(120));
    for (family, list, place, of_empty) in [
        ("dreamkas", "positions", "$.positions", "more than 8000 elements"),
        ("fns-json", "items", "$.items", "more than 8000 elements"),
        ("evotor", "transactions", "$.transactions", "has room for"),
    ] {
        for (element, text) in [(&*long, "more than 8000 elements"), ("{}", of_empty)] {
            let elements = vec![element; 8_001].join(",");
            let document = format!("{{\"{list}\":[{elements}],\"type\":\"SALE\"}}");
            let invalid = parse(family, document.as_bytes()).unwrap_err();
            assert!(invalid.place.starts_with(place), "{family}: {invalid}");
            assert!(invalid.text.contains(text), "{family}: {invalid}");
        }
    }
    let agents = vec!["\"agent of a principal\""; 8_001].join(",");
    let sale = include_str!("../../documents/atol/sell.json").replacen(
        "\"name\"",
        &format!("\"agentInfo\":{{\"agents\":[{agents}]}},\"name\""),
        20,
    );
    assert!(parse("atol", sale.as_bytes()).unwrap_err().text.contains("more than 8000 elements"));
    let line = |number: usize, code: u8, rest: &str| format!("{number};20.11.2026;14:03:10;{code};1;4;1;{rest}\n");
    let items: String =
        (0..8_001).map(|number| line(number, 11, "17;;1.00;1.000;1.00;0;12;1.00;1.00;;;1.00;0;0;0;0;0")).collect();
    let check = format!("{}{items}{}", line(0, 42, ";;0;1;1;0;12"), line(9_000, 55, ";;0;1;1;0;12"));
    let purchase = format!(
        r#"<purchase shop="1" cash="2" shift="3" number="4" saletime="2026-11-20T14:05:00+05:00" operationType="true"><positions>{}</positions></purchase>"#,
        r#"<position goodsCode="1" count="1" cost="1" amount="1"/>"#.repeat(8_001)
    );
    // A short document that would be a large record: three bytes an element more than its tag and length.
    let elements = |tag: u16| [encoder::tlv(1012, &[1, 0, 0, 1]), encoder::tlv(tag, &[]).repeat(8_001)].concat();
    for (family, document) in [
        ("frontol", check.into_bytes()),
        ("set-retail", purchase.into_bytes()),
        ("ffd-tlv", encoder::tlv(3, &elements(1031))),
    ] {
        let invalid = parse(family, &document).unwrap_err();
        assert!(invalid.text.contains("more than 8000"), "{family}: {invalid}");
    }
    let items = parse("ffd-tlv", &encoder::tlv(3, &elements(1059))).unwrap_err();
    assert!(items.text.contains("has room for"), "{items}");
}

#[test]
fn every_document_of_ours_is_recognised_as_one_family() {
    // The lines of one file are there for their faults.
    let whole = JSON.iter().filter(|(_, text)| *text != include_str!("../../documents/dreamkas/sales.ndjson"));
    let texts = whole.map(|(family, text)| (*family, text.as_bytes().to_vec()));
    let others = TEXTS.iter().map(|(family, text)| (*family, text.to_vec()));
    for (family, body) in texts.chain(others).chain(TLVS.iter().map(|text| ("ffd-tlv", hex(text)))) {
        let found = formats::recognise(&body, None);
        let [choice] = found[..] else { panic!("{family}: {found:?}") };
        assert_eq!(choice.family.name, family);
        let outcome = choice.frame(&body, &formats::Limits::default(), &mut |_| {});
        assert_eq!((outcome.rejected, outcome.unread_from), (0, None), "{family}");
    }
    assert!(formats::recognise(b"{}", None).is_empty());
    assert!(formats::recognise(b"", None).is_empty());
}
