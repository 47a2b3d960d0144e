use schemas::{
    LocalTimestamp, Timestamp,
    events::EventKind,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind, VatRate, VatSum},
    shifts::ShiftKind,
};
use serde_json::{Value, json};

use crate::support::{self, CONTEXT, FNS, FNS_LINES, documents, flags, quantity};

const EXPORT: &str = include_str!("../../documents/fns-json/export.json");
const CHECK_SERVICE: &str = include_str!("../../documents/fns-json/check-service.json");
const CORRECTION: &str = include_str!("../../documents/fns-json/correction.json");
const PACKED: &str = include_str!("../../documents/fns-json/packed.json");
const SHIFTS: &str = include_str!("../../documents/fns-json/shifts.ndjson");

/// A receipt with as little as can be, changed by some fields.
fn bare(fields: Value) -> String {
    let mut receipt = json!({
        "code": 3, "dateTime": 1_795_183_500, "operationType": 1, "totalSum": 100, "fiscalDriveNumber": "9999078900001234",
        "fiscalDocumentNumber": 5, "fiscalSign": 6, "items": [{"name": "Хлеб", "price": 100, "quantity": 1, "sum": 100}],
    });
    let receipt_fields = receipt.as_object_mut().unwrap();
    for (name, value) in fields.as_object().unwrap() {
        receipt_fields.insert(name.clone(), value.clone());
    }
    receipt.to_string()
}

fn fault(document: &str) -> (String, String) {
    let invalid = support::parse("fns-json", document.as_bytes()).unwrap_err();
    (invalid.class.name().to_owned(), invalid.place)
}

#[test]
fn a_receipt_of_the_export_has_every_value_that_was_sent() {
    let documents = documents(FNS, EXPORT.as_bytes());
    let receipt = support::receipt("fns-json", documents[0]);
    assert_eq!(receipt.receipt_id, "acme/9999078900001234/0000107541");
    assert_eq!((&*receipt.source, receipt.revision), ("fns-json", 1));
    assert_eq!((&*receipt.tenant, receipt.shop.as_deref(), &*receipt.register), ("acme", Some("shop-1"), "till-7"));
    assert_eq!((&*receipt.document_hash, receipt.received_at), (support::HASH, CONTEXT.received_at));
    assert_eq!((&*receipt.raw_topic, receipt.raw_partition, receipt.raw_offset), ("registers.raw.v1", 3, 42));
    assert_eq!(receipt.drive_number.as_deref(), Some("9999078900001234"));
    assert_eq!((receipt.document_number, receipt.fiscal_sign), (Some(107_541), Some(3_678_250_787)));
    assert_eq!(receipt.registration_number.as_deref(), Some("0000000123006163"));
    assert_eq!((receipt.kind, receipt.operation), (ReceiptKind::Receipt, Operation::Sell));
    assert_eq!((receipt.shift_number, receipt.receipt_number), (Some(248), Some(176)));
    assert_eq!(receipt.local_time, Some(LocalTimestamp(1_795_183_500_000_000)));
    assert_eq!(receipt.utc_time, Some(Timestamp(1_795_165_500_000_000)));
    assert_eq!((receipt.total_kopecks, receipt.discount_kopecks, receipt.taxation), (29_713, None, Some(1)));
    assert_eq!(
        receipt.payments,
        [
            Payment { kind: PaymentKind::Cash, amount_kopecks: 10_000 },
            Payment { kind: PaymentKind::Card, amount_kopecks: 19_713 },
        ]
    );
    assert_eq!(
        receipt.vat_sums,
        [VatSum { rate: VatRate::Vat20, sum_kopecks: 2_362 }, VatSum { rate: VatRate::Vat10, sum_kopecks: 1_413 }]
    );
    assert_eq!(receipt.cashier_name.as_deref(), Some("Лапина Ольга Сергеевна"));
    assert_eq!(receipt.cashier_inn.as_deref(), Some("770000000156"));
    assert_eq!(flags(&receipt), [""; 0]);
    assert!(!format!("{receipt:?}").contains("buyer@example.org"));

    let [cucumbers, chicken, water] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
    assert_eq!((cucumbers.name.as_deref(), quantity(cucumbers).as_str()), (Some("ОГУРЦЫ гладкие 1кг"), "0.308"));
    assert_eq!((cucumbers.price_kopecks, cucumbers.sum_kopecks), (Some(7_999), Some(2_464)));
    assert_eq!((cucumbers.vat_rate, cucumbers.vat_sum_kopecks), (Some(VatRate::Vat10), None));
    assert_eq!((cucumbers.payment_method, cucumbers.payment_subject), (Some(4), Some(1)));
    assert_eq!(cucumbers.product_key.as_deref(), Some("name:огурцы%20гладкие%201кг/"));
    assert_eq!((chicken.unit.as_deref(), chicken.marking_code.as_deref()), (Some("кг"), None));
    assert_eq!((water.unit.as_deref(), water.vat_sum_kopecks), (Some("шт"), Some(2_362)));
    assert_eq!((water.gtin.as_deref(), water.barcode.as_deref()), (Some("04064057194699"), None));
    assert_eq!(water.marking_code.as_deref(), Some("0104064057194699215AbC<d\"e\u{1d}93Zz09"));
    assert_eq!(water.product_key.as_deref(), Some("gtin:04064057194699"));
}

#[test]
fn a_strict_form_in_other_spellings_is_the_same() {
    let documents = documents(FNS, EXPORT.as_bytes());
    let form = support::receipt("fns-json", documents[1]);
    assert_eq!((form.kind, form.fiscal_sign), (ReceiptKind::StrictForm, Some(2_447_729_623)));
    assert_eq!(form.local_time, Some(LocalTimestamp(1_795_183_560_000_000)));
    assert_eq!(form.payments, [Payment { kind: PaymentKind::Prepaid, amount_kopecks: 50_000 }]);
    assert_eq!(form.vat_sums, [VatSum { rate: VatRate::None, sum_kopecks: 50_000 }]);
    let [ticket] = &form.items[..] else { panic!("{:?}", form.items) };
    assert_eq!((ticket.vat_rate, ticket.unit.as_deref()), (Some(VatRate::None), Some("шт")));
    assert_eq!((ticket.payment_method, ticket.payment_subject), (Some(1), Some(4)));
    assert_eq!((form.taxation, flags(&form)), (Some(2), vec![]));
}

#[test]
fn a_check_service_names_the_fiscal_identity_in_its_request() {
    let receipt = support::receipt("fns-json", CHECK_SERVICE.as_bytes());
    assert_eq!(receipt.receipt_id, "acme/9999078900001234/0000000305");
    assert_eq!((receipt.operation, receipt.fiscal_sign), (Operation::SellReturn, Some(7_654_321)));
    assert_eq!(receipt.vat_sums, [VatSum { rate: VatRate::Vat5, sum_kopecks: 6_120 }]);
    let [kettle] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
    assert_eq!((kettle.gtin.as_deref(), kettle.vat_rate), (Some("04064057194699"), Some(VatRate::Vat5)));
    assert_eq!(
        (kettle.marking_code.as_deref(), kettle.unit.as_deref()),
        (Some("44 4D 03 B2 3C AF 78 CB 70"), Some("шт."))
    );
    assert_eq!(flags(&receipt), [""; 0]);

    let other = CHECK_SERVICE.replace("\"requestNumber\"", "\"fiscalDocumentNumber\": 306, \"requestNumber\"");
    let other = support::receipt("fns-json", other.as_bytes());
    assert_eq!((other.document_number, flags(&other)), (Some(306), vec!["container-disagrees"]));
}

#[test]
fn registrations_and_reports_are_events_with_a_number_of_the_drive() {
    for (document, name) in [
        (bare(json!({"code": 21})), "state-report"),
        (bare(json!({"code": 1})), "registration"),
        (json!({"closeArchive": {"dateTime": 1_795_183_500, "fiscalDriveNumber": "9999078900001234", "fiscalDocumentNumber": 5, "fiscalSign": 6}}).to_string(), "drive-closing"),
    ] {
        let event = support::event("fns-json", document.as_bytes());
        assert_eq!((event.kind, event.name.as_deref()), (EventKind::Other, Some(name)));
        assert_eq!((&*event.event_id, event.fiscal_sign), ("acme/9999078900001234/0000000005", Some(6)));
        // Fiscal documents count whatever the register's primary source is.
        assert!(support::parse("fns-json", document.as_bytes()).unwrap().counts(Some("dreamkas")));
    }
}

#[test]
fn what_lies_around_a_document_can_name_it() {
    let whole: Value = serde_json::from_str(EXPORT).unwrap();
    let mut receipt = whole[0]["ticket"]["document"]["receipt"].clone();
    let inner = receipt.as_object_mut().unwrap();
    let mut around = json!({});
    for field in ["fiscalDriveNumber", "fiscalDocumentNumber", "fiscalSign", "kktRegId"] {
        around[field] = inner.remove(field).unwrap();
    }
    around["receipt"] = receipt;
    let document = json!({"fiscalSign": 1, "document": around}).to_string();
    let receipt = support::receipt("fns-json", document.as_bytes());
    assert_eq!(receipt.receipt_id, "acme/9999078900001234/0000107541");
    // The nearest layer counts.
    assert_eq!(receipt.fiscal_sign, Some(3_678_250_787));
    assert_eq!(receipt.registration_number.as_deref(), Some("0000000123006163"));
}

#[test]
fn a_bare_correction_is_known_by_its_base() {
    for field in ["correctionType", "correctionBase"] {
        let value = if field == "correctionType" { json!(0) } else { json!({"correctionDocumentDate": 1}) };
        let document = bare(json!({field: value, "code": null}));
        assert_eq!(support::receipt("fns-json", document.as_bytes()).kind, ReceiptKind::ReceiptCorrection, "{field}");
    }
}

#[test]
fn a_correction_tells_what_it_is_based_on() {
    let document = bare(json!({
        "code": 31, "correctionType": 1,
        "correctionBase": {"correctionDocumentDate": 1_795_046_400, "correctionDocumentNumber": "17-3 "},
        "items": [{"name": "Сыр", "quantity": 1, "price": 100, "sum": 100, "paymentAgentByProductType": 32, "providerInn": "7700000016  "}],
    }));
    let correction = support::receipt("fns-json", document.as_bytes());
    assert_eq!((correction.correction_type, correction.correction_date.as_deref()), (Some(1), Some("2026-11-19")));
    assert_eq!(correction.correction_number.as_deref(), Some("17-3"));
    let item = &correction.items[0];
    assert_eq!((item.agent, item.supplier_inn.as_deref()), (Some(32), Some("7700000016")));
}

#[test]
fn a_correction_needs_no_items() {
    let correction = support::receipt("fns-json", CORRECTION.as_bytes());
    assert_eq!((correction.kind, correction.operation), (ReceiptKind::ReceiptCorrection, Operation::Sell));
    assert_eq!((correction.total_kopecks, correction.items.len()), (70_000, 0));
    assert_eq!(correction.local_time, Some(LocalTimestamp(1_795_183_620_000_000)));
    assert_eq!(correction.vat_sums, [VatSum { rate: VatRate::Vat20, sum_kopecks: 11_667 }]);
    assert_eq!(flags(&correction), [""; 0]);
}

#[test]
fn shifts_open_and_close() {
    let documents = documents(FNS_LINES, SHIFTS.as_bytes());
    let [open, close] = documents[..] else { panic!("{documents:?}") };
    let (open, close) = (support::shift("fns-json", open), support::shift("fns-json", close));
    assert_eq!((&*open.shift_document_id, open.kind), ("acme/9999078900001234/0000107601", ShiftKind::Open));
    assert_eq!((open.shift_number, open.fiscal_sign, open.receipts), (Some(249), Some(101), None));
    assert_eq!(open.local_time, Some(LocalTimestamp(1_795_150_800_000_000)));
    assert_eq!(open.cashier_name.as_deref(), Some("Лапина Ольга Сергеевна"));
    assert_eq!((close.kind, close.document_number), (ShiftKind::Close, Some(107_790)));
    assert_eq!((close.receipts, close.documents, close.unsent_documents), (Some(187), Some(190), Some(3)));
    assert_eq!(
        (close.registration_number.as_deref(), close.cashier_inn.as_deref()),
        (Some("0000000123006163"), Some("770000000156"))
    );
    assert_eq!(close.utc_time, Some(Timestamp(1_795_194_000_000_000)));
}

#[test]
fn a_receipt_without_a_drive_has_an_id_of_its_own() {
    let document = bare(
        json!({"fiscalDriveNumber": null, "shiftNumber": 12, "requestNumber": 3, "kktRegId": "0000000123006163 "}),
    );
    let parsed = support::parse("fns-json", document.as_bytes()).unwrap();
    assert_eq!(parsed.id(), "acme/fns-json/0000000123006163/2026-11-20/12/3/sell");
    assert!(parsed.counts(Some("fns-json")) && !parsed.counts(Some("dreamkas")));
    assert_eq!(flags(&support::receipt("fns-json", document.as_bytes())), ["fiscal-identity-incomplete"]);
    assert_eq!(
        fault(&bare(json!({"fiscalSign": null, "requestNumber": 3}))),
        ("invalid".into(), "$.shiftNumber".into())
    );
}

#[test]
fn oddities_are_flagged_and_the_figures_stay() {
    let odd = |fields| {
        let document = bare(fields);
        let receipt = support::receipt("fns-json", document.as_bytes());
        receipt.flags.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(odd(json!({})), [""; 0]);
    assert_eq!(odd(json!({"code": null})), [""; 0]);
    assert_eq!(odd(json!({"totalSum": 101})), ["items-do-not-add-up"]);
    assert_eq!(odd(json!({"dateTime": "2026-11-20"})), ["time-of-day-missing"]);
    assert_eq!(odd(json!({"dateTime": "2036-11-20T10:00:00"})), ["time-in-future"]);
    assert_eq!(odd(json!({"items": [{"sum": 100}]})), ["quantity-missing"]);
    assert_eq!(odd(json!({"items": [{"sum": 100, "quantity": "0.1234567"}]})), ["quantity-rounded"]);
    assert_eq!(odd(json!({"items": [{"sum": 100, "quantity": 1, "nds": 99, "productType": 1_000}]})), ["unknown-code"]);
    assert_eq!(odd(json!({"items": [{"sum": 100, "quantity": 1, "itemsQuantityMeasure": 256}]})), ["unknown-code"]);
    // A day has no instant.
    let day = bare(json!({"dateTime": "2026-11-20"}));
    assert_eq!(support::receipt("fns-json", day.as_bytes()).utc_time, None);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let invalid = |fields| {
        let (class, place) = fault(&bare(fields));
        assert_eq!(class, "invalid", "{place}");
        place
    };
    assert_eq!(invalid(json!({"dateTime": null})), "$.dateTime");
    assert_eq!(invalid(json!({"dateTime": "yesterday"})), "$.dateTime");
    assert_eq!(invalid(json!({"operationType": 5})), "$.operationType");
    assert_eq!(invalid(json!({"operationType": null})), "$.operationType");
    assert_eq!(invalid(json!({"totalSum": null})), "$.totalSum");
    assert_eq!(invalid(json!({"totalSum": -1})), "$.totalSum");
    assert_eq!(invalid(json!({"totalSum": 0.5})), "$.totalSum");
    assert_eq!(invalid(json!({"cashTotalSum": -1})), "$.cashTotalSum");
    assert_eq!(invalid(json!({"nds10": -1})), "$.nds10");
    assert_eq!(invalid(json!({"fiscalDriveNumber": "99990789000012345"})), "$.fiscalDriveNumber");
    assert_eq!(invalid(json!({"fiscalDocumentNumber": 0})), "$.fiscalDocumentNumber");
    assert_eq!(invalid(json!({"items": [{"quantity": -1}]})), "$.items[0].quantity");
    assert_eq!(invalid(json!({"items": [{"quantity": "two"}]})), "$.items[0].quantity");
    assert_eq!(invalid(json!({"items": [{"quantity": 1e30}]})), "$.items[0].quantity");
    assert_eq!(invalid(json!({"items": [{"quantity": true}]})), "$.items[0].quantity");
    assert_eq!(invalid(json!({"items": [{"quantity": 1}, {"quantity": 1, "sum": -5}]})), "$.items[1].sum");
    assert_eq!(invalid(json!({"items": [[]]})), "$.items[0]");
    assert_eq!(fault("{}"), ("invalid".into(), "$.code".into()));
    assert_eq!(fault("{\"code\":21,\"totalSum\":1}"), ("invalid".into(), "$.dateTime".into()));
    assert_eq!(fault("{\"code\":99}"), ("unsupported".into(), "$.code".into()));
    assert_eq!(fault("{\"fiscalReport\":{}}"), ("invalid".into(), "$.fiscalReport.dateTime".into()));
    assert_eq!(fault("{\"payload\":\"{}\"}"), ("invalid".into(), "$.payload.code".into()));
    assert_eq!(fault("{\"payload\":\"[]\"}"), ("invalid".into(), "$.payload".into()));
    assert_eq!(fault("{\"payload\":\"3\"}").1, "$.payload");
    assert_eq!(fault("{\"payload\":\"{]\"}"), ("undecodable".into(), "$.payload".into()));
    assert_eq!(
        fault("{\"payload\":\"{\\\"items\\\":[{\\\"sum\\\":[]}]}\"}"),
        ("invalid".into(), "$.payload.items[0].sum".into())
    );
    assert_eq!(fault("{\"openShift\":{\"dateTime\":1}}"), ("invalid".into(), "$.openShift.fiscalDriveNumber".into()));
    let nested = EXPORT.replacen("\"quantity\": 0.308", "\"quantity\": []", 1);
    let documents = documents(FNS, nested.as_bytes());
    assert_eq!(fault(std::str::from_utf8(documents[0]).unwrap()).1, "$.ticket.document.receipt.items[0].quantity");
}

#[test]
fn a_document_that_is_packed_into_a_string_is_read_like_one_that_is_not() {
    let [document] = documents(FNS, PACKED.as_bytes())[..] else { panic!() };
    let receipt = support::receipt("fns-json", document);
    // Without a fiscal identity: the day, the shift and the number in it.
    assert_eq!(receipt.receipt_id, "acme/fns-json/till-7/2026-11-20/24/556/sell");
    assert_eq!((receipt.total_kopecks, receipt.taxation, receipt.buyer_contact.as_deref()), (45_000, Some(1), None));
    assert_eq!(receipt.vat_sums, [VatSum { rate: VatRate::Vat20, sum_kopecks: 7_500 }]);
    let [water] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
    assert_eq!((water.name.as_deref(), quantity(water).as_str()), (Some("Вода \"Ключ\""), "2.25"));
    assert_eq!(
        (water.unit.as_deref(), water.price_kopecks, water.sum_kopecks),
        (Some("м³"), Some(20_000), Some(45_000))
    );
    assert_eq!(flags(&receipt), ["time-of-day-missing"]);

    for text in [bare(json!({})), CORRECTION.trim().to_owned(), SHIFTS.lines().next().unwrap().to_owned()] {
        let packed = json!({"payload": text}).to_string();
        let twice = json!({"data": {"payload": packed}}).to_string();
        let plain = support::parse("fns-json", text.as_bytes()).unwrap();
        for packed in [packed, twice] {
            assert_eq!(support::parse("fns-json", packed.as_bytes()).unwrap(), plain, "{packed}");
        }
    }
    // What lies around a string counts as what lies around an object does.
    let inner = json!({"code": 3, "dateTime": 1_795_183_500, "operationType": 1, "totalSum": 0}).to_string();
    let around =
        json!({"fiscalDriveNumber": "9999078900001234", "fiscalDocumentNumber": 5, "fiscalSign": 6, "payload": inner});
    let around = around.to_string();
    let receipt = support::receipt("fns-json", around.as_bytes());
    assert_eq!((&*receipt.receipt_id, receipt.fiscal_sign), ("acme/9999078900001234/0000000005", Some(6)));
}

#[test]
fn a_field_that_is_told_twice_is_refused() {
    let twice = bare(json!({})).replacen('{', "{\"totalSum\":1,", 1);
    assert_eq!(fault(&twice).0, "invalid");
}
