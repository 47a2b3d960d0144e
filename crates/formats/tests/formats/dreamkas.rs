use schemas::{
    LocalTimestamp, Timestamp,
    events::EventKind,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind, VatRate},
};
use serde_json::{Value, json};

use crate::support::{self, CONTEXT, DREAMKAS, documents, flags, quantity};

const SALE: &str = include_str!("../../documents/dreamkas/sale.json");
const REFUND: &str = include_str!("../../documents/dreamkas/refund-numbers-as-text.json");
const WITHOUT_DRIVE: &str = include_str!("../../documents/dreamkas/sale-without-drive.json");
const DEVICE: &str = include_str!("../../documents/dreamkas/device.json");
const ENCASHMENTS: &str = include_str!("../../documents/dreamkas/encashments.json");

#[test]
fn the_description_of_a_device_is_kept_and_is_no_sale() {
    let document = DEVICE.trim().as_bytes();
    let event = support::event("dreamkas", document);
    assert_eq!(event.event_id, format!("acme/dreamkas/device:51207:{}", support::HASH));
    assert_eq!((event.kind, event.name.as_deref()), (EventKind::Other, Some("device")));
    assert_eq!((event.device.as_deref(), event.amount_kopecks), (Some("51207"), None));
    assert_eq!((event.local_time, event.utc_time), (None, None));
    // A description that was changed is another event.
    let context = formats::Context { document_hash: "another", ..CONTEXT };
    let changed = formats::family("dreamkas").unwrap().parse(document, &context).unwrap();
    assert_ne!(changed.id(), event.event_id);
    for incomplete in [
        json!({"id": 1, "name": "x"}),
        json!({"id": 1, "timezoneOffset": 3}),
        json!({"name": "x", "timezoneOffset": 3}),
    ] {
        let incomplete = incomplete.to_string();
        assert_eq!(support::parse("dreamkas", incomplete.as_bytes()).unwrap_err().place, "$.type");
    }
}

#[test]
fn a_subscription_to_the_webhook_is_told_as_one() {
    let subscription = json!({"id": "a", "url": "https://shop.example.org", "types": {"receipts": true}}).to_string();
    let fault = support::parse("dreamkas", subscription.as_bytes()).unwrap_err();
    assert_eq!((fault.class.name(), &*fault.place), ("unsupported", "$.types"));
    assert!(fault.text.contains("subscription"), "{fault}");
}

#[test]
fn a_sale_has_every_value_that_was_sent() {
    let sale = support::receipt("dreamkas", SALE.as_bytes());
    assert_eq!(sale.receipt_id, "acme/9999078900001234/0000004417");
    assert_eq!((&*sale.tenant, sale.shop.as_deref(), &*sale.register), ("acme", Some("shop-1"), "till-7"));
    assert_eq!((&*sale.source, sale.revision), ("dreamkas", 1));
    assert_eq!((&*sale.raw_topic, sale.raw_partition, sale.raw_offset), ("registers.raw.v1", 3, 42));
    assert_eq!((&*sale.document_hash, sale.received_at), (support::HASH, CONTEXT.received_at));
    assert_eq!(sale.drive_number.as_deref(), Some("9999078900001234"));
    assert_eq!((sale.document_number, sale.fiscal_sign), (Some(4417), Some(312_456_789)));
    assert_eq!(sale.registration_number.as_deref(), Some("0000000123006163"));
    assert_eq!((sale.kind, sale.operation), (ReceiptKind::Receipt, Operation::Sell));
    assert_eq!((sale.shift_number, sale.receipt_number), (Some(118), Some(23)));
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_795_183_531_000_000)));
    assert_eq!(sale.utc_time, Some(Timestamp(1_795_165_531_000_000)));
    assert_eq!((sale.total_kopecks, sale.discount_kopecks), (48_766, Some(0)));
    assert_eq!(
        sale.payments,
        [
            Payment { kind: PaymentKind::Card, amount_kopecks: 40_000 },
            Payment { kind: PaymentKind::Cash, amount_kopecks: 8_766 },
        ]
    );
    assert!(sale.vat_sums.is_empty());
    assert_eq!(sale.cashier_name.as_deref(), Some("Лапина Ольга Сергеевна"));
    assert_eq!(sale.cashier_inn.as_deref(), Some("770000000156"));
    assert_eq!((sale.taxation, flags(&sale)), (None, vec![]));
}

#[test]
fn the_items_of_a_sale_have_keys_and_sums() {
    let sale = support::receipt("dreamkas", SALE.as_bytes());
    let [milk, cheese, bag] = &sale.items[..] else { panic!("{:?}", sale.items) };
    assert_eq!(milk.name.as_deref(), Some("Молоко \"Луговое\" 2,5% 0,9 л"));
    assert_eq!((quantity(milk).as_str(), milk.price_kopecks, milk.sum_kopecks), ("2", Some(8_990), Some(17_980)));
    assert_eq!((milk.gtin.as_deref(), milk.barcode.as_deref()), (Some("04600000000008"), Some("4600000000008")));
    assert_eq!(milk.product_key.as_deref(), Some("gtin:04600000000008"));
    assert_eq!((milk.vendor_code.as_deref(), milk.vat_rate), (Some("МЛК-17"), Some(VatRate::Vat10)));
    assert_eq!((milk.discount_kopecks, milk.vat_sum_kopecks, milk.unit.as_deref()), (Some(0), None, None));

    // 0.357 kg at 749.90 are 267.7143 roubles; prefix 2 is the shop's own label, no GTIN.
    assert_eq!((quantity(cheese).as_str(), cheese.sum_kopecks), ("0.357", Some(26_771)));
    assert_eq!((cheese.gtin.as_deref(), cheese.barcode.as_deref()), (None, Some("2000000000008")));
    assert_eq!(cheese.product_key.as_deref(), Some("code:dreamkas/shop-1/СЫР-3"));
    assert_eq!((cheese.vat_rate, cheese.marking_code.as_deref()), (Some(VatRate::Vat10_110), None));

    assert_eq!(bag.product_key.as_deref(), Some("name:пакет-майка/"));
    assert_eq!((bag.vat_rate, bag.barcode.as_deref(), bag.discount_kopecks), (Some(VatRate::None), None, None));
}

#[test]
fn texts_without_escapes_are_borrowed_from_the_document() {
    let sale = support::receipt("dreamkas", SALE.as_bytes());
    assert!(matches!(sale.items[1].name, Some(std::borrow::Cow::Borrowed(_))));
    assert!(matches!(sale.drive_number, Some(std::borrow::Cow::Borrowed(_))));
    assert!(matches!(sale.cashier_name, Some(std::borrow::Cow::Borrowed(_))));
}

#[test]
fn card_and_password_of_the_cashier_go_nowhere() {
    let shown = format!("{:?}", support::parse("dreamkas", SALE.as_bytes()));
    assert!(!shown.contains("000111222") && !shown.contains("00FFAA"), "{shown}");
}

#[test]
fn numbers_may_be_texts_and_texts_numbers() {
    let refund = support::receipt("dreamkas", REFUND.as_bytes());
    assert_eq!(refund.receipt_id, "acme/9999078900001234/0000004420");
    assert_eq!((refund.operation, refund.total_kopecks), (Operation::SellReturn, 12_500));
    assert_eq!((refund.shift_number, refund.receipt_number, refund.fiscal_sign), (Some(119), Some(2), Some(7)));
    assert_eq!((refund.cashier_name.as_deref(), refund.registration_number.as_deref()), (None, None));
    assert_eq!(refund.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 12_500 }]);
    let [kettle] = &refund.items[..] else { panic!("{:?}", refund.items) };
    assert_eq!((kettle.vat_rate, kettle.gtin.as_deref()), (Some(VatRate::Vat20_120), Some("04607161623886")));
    // The instant comes from the directory's time zone.
    assert_eq!(refund.local_time, Some(LocalTimestamp(1_795_248_000_000_000)));
    assert_eq!(refund.utc_time, Some(Timestamp(1_795_230_000_000_000)));
    assert_eq!(flags(&refund), [""; 0]);
}

#[test]
fn a_receipt_without_a_drive_has_an_id_of_its_own() {
    let parsed = support::parse("dreamkas", WITHOUT_DRIVE.as_bytes()).unwrap();
    assert_eq!(parsed.id(), "acme/dreamkas/51207/2026-11-21/12/3/sell");
    assert!(parsed.counts(Some("dreamkas")) && parsed.counts(None) && !parsed.counts(Some("evotor")));
    let receipt = support::receipt("dreamkas", WITHOUT_DRIVE.as_bytes());
    assert_eq!((receipt.drive_number, receipt.document_number, receipt.fiscal_sign), (None, None, None));
    assert!(support::parse("dreamkas", SALE.as_bytes()).unwrap().counts(Some("evotor")));
}

#[test]
fn encashments_are_events() {
    let [first, second] = documents(DREAMKAS, ENCASHMENTS.as_bytes())[..] else { panic!() };
    let first = support::event("dreamkas", first);
    assert_eq!(first.event_id, "acme/dreamkas/51207/2026-11-20T08:58:10/cash_in/500000");
    assert_eq!(
        (first.kind, first.amount_kopecks, first.device.as_deref()),
        (EventKind::CashIn, Some(500_000), Some("51207"))
    );
    assert_eq!((first.shift_number, first.cashier_inn.as_deref()), (Some(118), Some("770000000156")));
    assert_eq!(first.local_time, Some(LocalTimestamp(1_795_165_090_000_000)));
    assert_eq!(first.utc_time, Some(Timestamp(1_795_147_090_000_000)));
    assert!(first.flags.is_empty());

    let second = support::event("dreamkas", second);
    assert_eq!(second.event_id, "acme/dreamkas/51207/2026-11-20T16:30:00Z/cash_out/1250050");
    assert_eq!((second.kind, second.amount_kopecks), (EventKind::CashOut, Some(1_250_050)));
    // 16:30 UTC is 21:30 in Yekaterinburg.
    assert_eq!(second.local_time, Some(LocalTimestamp(1_795_210_200_000_000)));
}

#[test]
fn encashments_of_the_calendars_last_day_have_their_own_ids() {
    let event_id = |time: &str| {
        let body = format!(r#"{{"type":"MONEY_IN","sum":777,"deviceId":"51207","localDate":"{time}"}}"#);
        support::event("dreamkas", body.as_bytes()).event_id.into_owned()
    };
    assert_eq!(event_id("9999-12-31 10:00:00"), "acme/dreamkas/51207/9999-12-31T10:00:00/cash_in/777");
    assert_eq!(event_id("9999-12-31 23:59:59"), "acme/dreamkas/51207/9999-12-31T23:59:59/cash_in/777");
}

/// The sale with one field changed.
fn changed(pointer: &str, value: Value) -> String {
    let mut sale: Value = serde_json::from_str(SALE).unwrap();
    *sale.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    sale.to_string()
}

#[test]
fn what_contradicts_itself_is_accepted_and_flagged() {
    let flagged = |pointer, value| {
        let document = changed(pointer, value);
        let receipt = support::receipt("dreamkas", document.as_bytes());
        let flags: Vec<String> = receipt.flags.iter().map(ToString::to_string).collect();
        (receipt.total_kopecks, receipt.utc_time, flags)
    };
    assert_eq!(flagged("/amount", json!(48_765)).2, ["items-do-not-add-up"]);
    assert_eq!(flagged("/amount", json!(48_765)).0, 48_765);
    assert_eq!(flagged("/positions/0/tax", json!("NDS_99")).2, ["unknown-code"]);
    assert_eq!(flagged("/payments/0/type", json!("CRYPTO")).2, ["unknown-code"]);
    assert_eq!(flagged("/fiscalDocumentSign", json!("")).2, ["fiscal-identity-incomplete"]);
    // A year between local time and instant: the directory's time zone decides.
    let (_, utc, flags) = flagged("/date", json!("2025-11-20T09:05:31.000Z"));
    assert_eq!((utc, flags), (Some(Timestamp(1_795_165_531_000_000)), vec!["times-disagree".to_owned()]));
    let (_, _, flags) = flagged("/localDate", json!("2036-01-01 00:00:00"));
    assert_eq!(flags, ["times-disagree", "time-in-future"]);
}

#[test]
fn discounts_may_explain_the_total() {
    let mut sale: Value = serde_json::from_str(SALE).unwrap();
    sale["amount"] = json!(48_000);
    sale["discount"] = json!(766);
    assert!(flags(&support::receipt("dreamkas", sale.to_string().as_bytes())).is_empty());
    sale["discount"] = json!(0);
    sale["positions"][0]["discount"] = json!(766);
    assert!(flags(&support::receipt("dreamkas", sale.to_string().as_bytes())).is_empty());
}

#[test]
fn nonsense_is_invalid_and_says_where() {
    let fault = |pointer: &str, value: Value| {
        let document = changed(pointer, value);
        let invalid = support::parse("dreamkas", document.as_bytes()).unwrap_err();
        (invalid.class.name(), invalid.place, invalid.text)
    };
    let place = |pointer, value| {
        let (class, place, text) = fault(pointer, value);
        assert_eq!(class, "invalid", "{text}");
        place
    };
    assert_eq!(place("/amount", Value::Null), "$.amount");
    assert_eq!(place("/amount", json!(-1)), "$.amount");
    assert_eq!(place("/amount", json!(10.5)), "$.amount");
    assert_eq!(place("/amount", json!("сто")), "$.amount");
    assert_eq!(place("/amount", json!(u64::MAX)), "$.amount");
    assert_eq!(place("/fnNumber", json!("99990789X")), "$.fnNumber");
    assert_eq!(place("/fiscalDocumentNumber", json!("-4417")), "$.fiscalDocumentNumber");
    assert_eq!(place("/fiscalDocumentNumber", json!(0)), "$.fiscalDocumentNumber");
    assert_eq!(place("/fiscalDocumentSign", json!(4_294_967_296_i64)), "$.fiscalDocumentSign");
    assert_eq!(place("/type", Value::Null), "$.type");
    assert_eq!(place("/localDate", json!("2026-02-30 10:00:00")), "$.localDate");
    assert_eq!(place("/date", json!("вчера")), "$.date");
    assert_eq!(place("/positions/1/quantity", json!(-1)), "$.positions[1].quantity");
    assert_eq!(place("/positions/1/quantity", Value::Null), "$.positions[1].quantity");
    assert_eq!(place("/positions/1/price", json!({})), "$.positions[1].price");
    assert_eq!(place("/positions/1/price", json!(i64::MAX)), "$.positions[1].price");
    assert_eq!(place("/positions", json!("нет")), "$.positions");
    assert_eq!(place("/positions/0", json!(["Хлеб", 1000, 5000])), "$.positions[0]");
    assert_eq!(place("/cashier", json!(["Лапина", "770000000156"])), "$.cashier");
    assert_eq!(place("/payments/1/amount", json!(-5)), "$.payments[1].amount");
    assert_eq!(fault("/type", json!("SHIFT_OPEN")).0, "unsupported");
}

#[test]
fn a_receipt_that_nothing_tells_from_others_is_invalid() {
    for (field, place) in [("deviceId", "$.deviceId"), ("shiftId", "$.shiftId"), ("number", "$.number")] {
        let mut receipt: Value = serde_json::from_str(WITHOUT_DRIVE).unwrap();
        receipt.as_object_mut().unwrap().remove(field);
        let document = receipt.to_string();
        assert_eq!(support::parse("dreamkas", document.as_bytes()).unwrap_err().place, place);
    }
    let nameless = br#"{"type":"MONEY_IN","sum":100,"deviceId":1,"localDate":"","date":""}"#;
    assert_eq!(support::parse("dreamkas", nameless).unwrap_err().place, "$.localDate");
    let nowhere = br#"{"type":"MONEY_IN","sum":100,"localDate":"2026-11-20 10:00:00"}"#;
    assert_eq!(support::parse("dreamkas", nowhere).unwrap_err().place, "$.deviceId");
}

#[test]
fn what_is_no_json_is_undecodable() {
    for (document, place) in [
        (&b"{\"type\":"[..], "$.type"),
        (b"\xFF", "$"),
        (b"", "$"),
        (b"[1]", "$"),
        (b"{\"type\":\"SALE\",\"payments\":[{\"type\":tru}]}", "$.payments[0].type"),
    ] {
        let invalid = support::parse("dreamkas", document).unwrap_err();
        assert_eq!(invalid.place, place, "{invalid}");
    }
    assert_eq!(support::parse("dreamkas", b"{\"type\":").unwrap_err().class.name(), "undecodable");
}

#[test]
fn a_zero_byte_in_a_name_reaches_no_database() {
    let document = changed("/positions/0/name", json!("Молоко\u{0}"));
    let sale = support::receipt("dreamkas", document.as_bytes());
    assert_eq!(sale.items[0].name.as_deref(), Some("Молоко\u{FFFD}"));
}
