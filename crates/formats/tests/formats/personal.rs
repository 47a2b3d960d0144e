//! The buyer is kept for tenants that ask for it, and for nobody else; secrets of cashiers and cards never are.

use formats::{Context, Parsed};
use schemas::Datum as _;
use serde_json::{Value, json};

use crate::support::{CONTEXT, documents};

/// Contact, name and taxpayer number.
type Told = [Option<&'static str>; 3];

/// The first document of each family that tells of a buyer, and what it tells.
const TELLING: &[(&str, &[u8], Told)] = &[
    ("atol", include_bytes!("../../documents/atol/sell.json"), [CONTACT, NAME, INN]),
    ("atol-online", include_bytes!("../../documents/atol-online/pairs.ndjson"), [CONTACT, NAME, INN]),
    ("dreamkas", include_bytes!("../../documents/dreamkas/sale.json"), [CONTACT, None, None]),
    ("fns-json", include_bytes!("../../documents/fns-json/export.json"), [CONTACT, NAME, INN]),
    ("fns-json", include_bytes!("../../documents/fns-json/packed.json"), [PHONE, None, None]),
    ("xml-1c", include_bytes!("../../documents/xml-1c/check.xml"), [CONTACT, NAME, INN]),
];

/// Documents of families that tell of no buyer.
const SILENT: &[(&str, &[u8])] = &[
    ("evotor", include_bytes!("../../documents/evotor/v2-sell.json")),
    ("evotor", include_bytes!("../../documents/evotor/v1-payback.json")),
    ("evotor", include_bytes!("../../documents/evotor/webhook.json")),
    ("frontol", include_bytes!("../../documents/frontol/sales.txt")),
    ("set-retail", include_bytes!("../../documents/set-retail/purchases.xml")),
];

const CONTACT: Option<&str> = Some("buyer@example.org");
const PHONE: Option<&str> = Some("+79000000000");
const NAME: Option<&str> = Some("Орлов Пётр Ильич");
const INN: Option<&str> = Some("660000012360");

/// The record of the first document of a body, and what it says of the buyer.
fn record(family: &str, body: &[u8], keeps_personal_data: bool) -> (Vec<u8>, [Option<String>; 3]) {
    let lines = if body.starts_with(b"{\"") && body.trim_ascii().contains(&b'\n') { "+ndjson" } else { "" };
    let content_type = formats::family(family).unwrap().media_types.iter().map(|media_type| media_type.name);
    let content_type = content_type.filter(|name| name.starts_with("application/vnd.") && name.ends_with(lines));
    let document = documents(content_type.clone().next().unwrap(), body)[0];
    let context = Context { keeps_personal_data, document_id: Some("17"), ..CONTEXT };
    let Ok(Parsed::Receipt(receipt)) = formats::family(family).unwrap().parse(document, &context) else {
        panic!("{family}: no receipt")
    };
    let mut record = Vec::new();
    receipt.encode(&mut record);
    (record, [receipt.buyer_contact, receipt.buyer_name, receipt.buyer_inn].map(|text| text.map(Into::into)))
}

fn contains(record: &[u8], text: &str) -> bool {
    record.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn the_buyer_is_kept_where_a_tenant_asks_for_it() {
    for (family, body, told) in TELLING {
        let (_, kept) = record(family, body, true);
        assert_eq!(kept, told.map(|text| text.map(str::to_owned)), "{family}");
    }
}

#[test]
fn no_byte_of_the_buyer_is_in_any_other_record() {
    for (family, body, told) in TELLING {
        let (record, kept) = record(family, body, false);
        assert_eq!(kept, [None, None, None], "{family}");
        for text in told.iter().copied().chain([CONTACT, PHONE, NAME, INN]).flatten() {
            assert!(!contains(&record, text), "{family}: {text}");
        }
        assert!(!contains(&record, "example.org"), "{family}");
    }
}

#[test]
fn where_no_buyer_is_told_none_is_kept() {
    for (family, body) in SILENT {
        let ((asked, kept), (other, _)) = (record(family, body, true), record(family, body, false));
        assert_eq!(kept, [None, None, None], "{family}");
        assert_eq!(asked, other, "{family}");
    }
}

#[test]
fn secrets_of_cashiers_and_the_sellers_address_are_never_kept() {
    for (family, body, _) in TELLING {
        let (record, _) = record(family, body, true);
        for text in ["000111222", "00FFAA", "shop@example.org"] {
            assert!(!contains(&record, text), "{family}: {text}");
        }
    }
}

/// Contact and name of a document of FNS JSON with these fields.
fn fns(fields: &Value) -> [Option<String>; 3] {
    let mut document = json!({"code": 3, "dateTime": 1_795_183_500, "operationType": 1, "totalSum": 0, "shiftNumber": 1, "requestNumber": 2});
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    record("fns-json", document.to_string().as_bytes(), true).1
}

#[test]
fn the_buyer_has_several_spellings_and_no_document_is_refused_for_a_strange_one() {
    let told = |told: Told| told.map(|text| text.map(str::to_owned));
    assert_eq!(fns(&json!({"buyerAddress": " +79000000000 "})), told([PHONE, None, None]));
    assert_eq!(fns(&json!({"buyerPhoneOrAddress": 79_000_000_000_i64})), told([Some("79000000000"), None, None]));
    assert_eq!(fns(&json!({"buyer": "Орлов Пётр Ильич", "buyerInn": "660000012360"})), told([None, NAME, INN]));
    // The postal address of a buyer is no contact.
    assert_eq!(fns(&json!({"buyerInformation": {"buyerAddress": "a street"}})), told([None; 3]));
    for strange in [json!(null), json!(true), json!([1]), json!({"a": {}}), json!(" "), json!(1.5e300)] {
        let fields = json!({"buyerPhoneOrAddress": strange, "buyerInformation": strange, "buyer": strange});
        assert_eq!(fns(&fields), told([None; 3]), "{strange}");
    }
}
