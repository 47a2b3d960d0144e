use formats::Framed;
use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind, VatRate},
    shifts::ShiftKind,
};

use crate::support::{self, ATOL, ATOL_LINES, documents, flags, frame, quantity};

const SELL: &str = include_str!("../../documents/atol/sell.json");
const OTHERS: &str = include_str!("../../documents/atol/others.ndjson");

fn fault(document: &str) -> (String, String) {
    let invalid = support::parse("atol", document.as_bytes()).unwrap_err();
    (invalid.class.name().to_owned(), invalid.place)
}

#[test]
fn a_sale_has_every_value_of_its_task_and_its_result() {
    let sale = support::receipt("atol", SELL.as_bytes());
    assert_eq!(sale.receipt_id, "acme/9999078900001234/0000004371");
    assert_eq!((&*sale.source, sale.revision, &*sale.register), ("atol", 1, "till-7"));
    assert_eq!((sale.document_number, sale.fiscal_sign), (Some(4371), Some(494_325_660)));
    assert_eq!(sale.registration_number.as_deref(), Some("0000000123006163"));
    assert_eq!((sale.kind, sale.operation), (ReceiptKind::Receipt, Operation::Sell));
    assert_eq!((sale.shift_number, sale.receipt_number), (Some(12), Some(7)));
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_795_183_500_000_000)));
    assert_eq!(sale.utc_time, Some(Timestamp(1_795_165_500_000_000)));
    assert_eq!((sale.total_kopecks, sale.taxation), (44_751, Some(1)));
    assert_eq!(
        sale.payments,
        [
            Payment { kind: PaymentKind::Card, amount_kopecks: 40_000 },
            Payment { kind: PaymentKind::Cash, amount_kopecks: 4_751 },
        ]
    );
    assert_eq!(sale.cashier_name.as_deref(), Some("Лапина Ольга Сергеевна"));
    assert_eq!(sale.cashier_inn.as_deref(), Some("770000000156"));
    assert_eq!(flags(&sale), [""; 0]);
    assert!(!format!("{sale:?}").contains("buyer@example.org"));

    // Printed lines are no items.
    let [milk, cheese] = &sale.items[..] else { panic!("{:?}", sale.items) };
    assert_eq!((milk.name.as_deref(), quantity(milk).as_str()), (Some("Молоко \"Луговое\" 2,5% 0,9 л"), "2"));
    assert_eq!((milk.price_kopecks, milk.sum_kopecks, milk.discount_kopecks), (Some(8_990), Some(17_980), Some(2_000)));
    assert_eq!((milk.vat_rate, milk.vat_sum_kopecks), (Some(VatRate::Vat10), Some(1_635)));
    assert_eq!((milk.payment_method, milk.payment_subject, milk.unit.as_deref()), (Some(4), Some(1), Some("шт")));
    assert_eq!(
        (quantity(cheese).as_str(), cheese.sum_kopecks, cheese.unit.as_deref()),
        ("0.357", Some(26_771), Some("кг"))
    );
    assert_eq!(
        (cheese.vat_rate, cheese.vat_sum_kopecks, cheese.payment_subject),
        (Some(VatRate::Vat20), None, Some(33))
    );
    assert_eq!(cheese.marking_code.as_deref(), Some("MDEwNDA2NDA1NzE5NDY5OTIxNUFiQzxkHTkzWnowOQ=="));
    assert_eq!(
        (cheese.gtin.as_deref(), cheese.product_key.as_deref()),
        (Some("04064057194699"), Some("gtin:04064057194699"))
    );
}

#[test]
fn corrections_and_shifts_come_in_other_envelopes() {
    let documents = documents(ATOL_LINES, OTHERS.as_bytes());
    let [correction, open, close] = documents[..] else { panic!("{documents:?}") };
    let correction = support::receipt("atol", correction);
    assert_eq!((correction.kind, correction.operation), (ReceiptKind::ReceiptCorrection, Operation::SellReturn));
    assert_eq!((&*correction.receipt_id, correction.taxation), ("acme/9999078900001234/0000004372", Some(2)));
    assert_eq!(correction.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 10_000 }]);
    assert_eq!((correction.items.len(), flags(&correction)), (1, vec![]));
    let (open, close) = (support::shift("atol", open), support::shift("atol", close));
    assert_eq!((&*open.shift_document_id, open.kind), ("acme/9999078900001234/0000004364", ShiftKind::Open));
    assert_eq!((open.shift_number, open.fiscal_sign, open.receipts), (Some(12), Some(6), None));
    assert_eq!((close.kind, close.receipts, close.documents), (ShiftKind::Close, Some(25), None));
    assert_eq!(close.cashier_name.as_deref(), Some("Лапина О.С."));
    assert_eq!(close.utc_time, Some(Timestamp(1_795_194_000_000_000)));
}

#[test]
fn the_older_spellings_say_the_same() {
    let sale = |from: &str, to: &str| {
        let document = SELL.replacen(from, to, 1);
        assert_ne!(document, SELL, "{from}");
        document
    };
    let imc = "\"imcParams\": {\"imcType\": \"auto\", \"imc\": \"MDEwNDA2NDA1NzE5NDY5OTIxNUFiQzxkHTkzWnowOQ==\"}";
    let by_parts = "\"nomenclatureCode\": {\"type\": \"shoes\", \"gtin\": \"4064057194699\", \"serial\": \"5AbC<d\"}";
    let document = sale(imc, by_parts);
    let cheese = &support::receipt("atol", document.as_bytes()).items[1];
    assert_eq!(cheese.marking_code.as_deref(), Some("0104064057194699215AbC<d"));
    assert_eq!(cheese.gtin.as_deref(), Some("04064057194699"));
    let document = sale(imc, "\"nomenclatureCode\": \"444D03B23CAF78CB70\"");
    let cheese = &support::receipt("atol", document.as_bytes()).items[1];
    assert_eq!(cheese.gtin.as_deref(), Some("04064057194699"));

    let document = sale("\"шт\"", "\"piece\"").replacen("\"commodity\"", "\"pay\"", 1);
    let sale = support::receipt("atol", document.as_bytes());
    assert_eq!((sale.items[0].unit.as_deref(), sale.items[0].payment_subject), (Some("шт"), Some(12)));
    assert_eq!(flags(&sale), [""; 0]);
}

#[test]
fn agents_suppliers_and_what_a_correction_is_based_on_are_told() {
    let agent = "\"agentInfo\": {\"agents\": [\"commissionAgent\", \"another\"]}, \"supplierInfo\": {\"vatin\": \"7700000016\", \"name\": \"ООО Сыры\", \"phones\": [\"+7\"]}, \"imcParams\"";
    let document = SELL
        .replacen("\"imcParams\"", agent, 1)
        .replacen("\"type\": \"sell\",", "\"type\": \"sellCorrection\", \"correctionType\": \"instruction\", \"correctionBaseDate\": \"2026.11.19\", \"correctionBaseNumber\": \"17-3\",", 1);
    let correction = support::receipt("atol", document.as_bytes());
    let cheese = &correction.items[1];
    assert_eq!((cheese.agent, cheese.supplier_inn.as_deref()), (Some(32 | 64), Some("7700000016")));
    assert_eq!((cheese.supplier_name.as_deref(), cheese.marking_serial.as_deref()), (Some("ООО Сыры"), Some("5AbC<d")));
    assert_eq!((correction.kind, correction.correction_type), (ReceiptKind::ReceiptCorrection, Some(1)));
    assert_eq!(correction.correction_date.as_deref(), Some("2026-11-19"));
    assert_eq!(correction.correction_number.as_deref(), Some("17-3"));
}

#[test]
fn change_is_no_payment() {
    let document = SELL.replacen("\"sum\": 47.51", "\"sum\": 100", 1);
    let sale = support::receipt("atol", document.as_bytes());
    assert_eq!(
        sale.payments,
        [
            Payment { kind: PaymentKind::Card, amount_kopecks: 40_000 },
            Payment { kind: PaymentKind::Cash, amount_kopecks: 4_751 },
        ]
    );
    // Only cash can be given back.
    let document = SELL.replacen("\"sum\": 400", "\"sum\": 500", 1);
    let sale = support::receipt("atol", document.as_bytes());
    assert_eq!(sale.payments, [Payment { kind: PaymentKind::Card, amount_kopecks: 50_000 }]);
}

#[test]
fn an_array_of_one_is_its_element() {
    let value: serde_json::Value = serde_json::from_str(SELL).unwrap();
    let (task, result) = (&value["request"], &value["results"][0]["result"]);
    for (task, result) in [
        (serde_json::json!({"request": [task]}), serde_json::json!({"result": [result]})),
        (serde_json::json!({"task": [task]}), serde_json::json!({"result": result["fiscalParams"]})),
        (serde_json::json!({"task": [{"request": task}]}), serde_json::json!({"results": [{"result": result}]})),
        (serde_json::json!({"task": task}), serde_json::json!({"results": [result]})),
    ] {
        let mut document = task;
        document.as_object_mut().unwrap().extend(result.as_object().unwrap().clone());
        let document = document.to_string();
        assert_eq!(support::receipt("atol", document.as_bytes()).receipt_id, "acme/9999078900001234/0000004371");
    }
}

#[test]
fn half_of_a_pair_is_refused_where_it_is_sent() {
    let task = "{\"uuid\":\"u\",\"request\":{\"type\":\"sell\"}}";
    let result = "{\"results\":[{\"status\":\"ready\"}]}";
    for (body, half, said) in [(task, "$.result", "with its result"), (result, "$.request", "with its task")] {
        let (framed, outcome) = frame(ATOL, format!("[{SELL},{body}]").as_bytes());
        assert_eq!((outcome.documents, outcome.rejected, outcome.unread_from), (1, 1, None));
        let [Framed::Document(_), Framed::Rejected(rejection)] = &framed[..] else { panic!("{framed:?}") };
        assert!(rejection.reason.to_string().contains(said), "{}", rejection.reason);
        let (framed, _) = frame(ATOL_LINES, body.as_bytes());
        assert!(matches!(&framed[..], [Framed::Rejected(rejection)] if rejection.place.line == Some(1)));
        assert_eq!(fault(body), ("invalid".into(), half.into()));
    }
}

#[test]
fn what_was_not_done_is_no_document() {
    let not_done = |from: &str, to: &str| {
        let document = SELL.replacen(from, to, 1);
        assert_ne!(document, SELL, "{from}");
        fault(&document)
    };
    let status = ("invalid".to_owned(), "$.results[0].status".to_owned());
    assert_eq!(not_done("\"ready\"", "\"wait\""), status);
    assert_eq!(not_done("\"ready\"", "\"error\""), status);
    assert_eq!(not_done("\"errorCode\": 0", "\"errorCode\": 2"), status);
    assert_eq!(not_done("\"results\": [", "\"results\": [{},"), ("invalid".into(), "$.results".into()));
    let error = "{\"request\":{\"type\":\"sell\"},\"result\":{\"errorCode\":2,\"errorDescription\":\"Нет связи\"}}";
    assert_eq!(fault(error).1, "$.result.status");
    assert!(support::parse("atol", error.as_bytes()).unwrap_err().text.contains("Нет связи"));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let invalid = |from: &str, to: &str| {
        let document = SELL.replacen(from, to, 1);
        assert_ne!(document, SELL, "{from}");
        let (class, place) = fault(&document);
        assert_eq!(class, "invalid", "{place}");
        place
    };
    let params = "$.results[0].result.fiscalParams";
    assert_eq!(invalid("\"type\": \"sell\"", "\"type\": null"), "$.request.type");
    assert_eq!(invalid("\"9999078900001234\"", "\"fn\""), format!("{params}.fnNumber"));
    assert_eq!(invalid("\"9999078900001234\"", "null"), format!("{params}.fnNumber"));
    assert_eq!(
        invalid("\"fiscalDocumentNumber\": 4371", "\"fiscalDocumentNumber\": 0"),
        format!("{params}.fiscalDocumentNumber")
    );
    assert_eq!(invalid("\"0494325660\"", "\"99999999999\""), format!("{params}.fiscalDocumentSign"));
    assert_eq!(invalid("\"0494325660\"", "null"), format!("{params}.fiscalDocumentSign"));
    assert_eq!(invalid("2026-11-20T14:05:00+05:00", "today"), format!("{params}.fiscalDocumentDateTime"));
    assert_eq!(invalid("\"quantity\": 0.357", "\"quantity\": -1"), "$.request.items[2].quantity");
    assert_eq!(invalid("\"sum\": 47.51", "\"sum\": \"x\""), "$.request.payments[1].sum");
    assert_eq!(
        fault(&SELL.replacen("\"type\": \"sell\"", "\"type\": \"reportX\"", 1)),
        ("unsupported".into(), "$.request.type".into())
    );
}

#[test]
fn oddities_are_flagged_and_the_figures_stay() {
    let odd = |from: &str, to: &str| {
        let document = SELL.replacen(from, to, 1);
        assert_ne!(document, SELL, "{from}");
        let receipt = support::receipt("atol", document.as_bytes());
        receipt.flags.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(odd("\"amount\": 179.8", "\"amount\": 179.9"), ["items-do-not-add-up"]);
    assert_eq!(odd("\"amount\": 179.8", "\"amount\": 179.800001"), ["money-rounded"]);
    assert_eq!(odd("\"vat10\"", "\"vat33\""), ["unknown-code"]);
    assert_eq!(odd("\"fullPayment\"", "\"barter\""), ["unknown-code"]);
    assert_eq!(odd("\"osn\"", "\"flat\""), ["unknown-code"]);
    assert_eq!(odd("2026-11-20T14:05:00+05:00", "2036-11-20T14:05:00+05:00"), ["time-in-future"]);
}
