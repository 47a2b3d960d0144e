use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind, VatRate, VatSum},
};

use crate::support::{self, ATOL_ONLINE_LINES, documents, flags, quantity};

const CALLBACK: &str = include_str!("../../documents/atol-online/callback.json");
const PAIRS: &str = include_str!("../../documents/atol-online/pairs.ndjson");

fn fault(document: &str) -> (String, String) {
    let invalid = support::parse("atol-online", document.as_bytes()).unwrap_err();
    (invalid.class.name().to_owned(), invalid.place)
}

#[test]
fn a_callback_names_the_fiscal_document_and_its_total() {
    let receipt = support::receipt("atol-online", CALLBACK.as_bytes());
    assert_eq!(receipt.receipt_id, "acme/9999078900001234/0000000133");
    assert_eq!((receipt.document_number, receipt.fiscal_sign), (Some(133), Some(3_449_555_941)));
    assert_eq!((receipt.shift_number, receipt.receipt_number, receipt.total_kopecks), (Some(23), Some(6), 44_751));
    assert_eq!(receipt.registration_number.as_deref(), Some("0000000123006163"));
    assert_eq!(receipt.local_time, Some(LocalTimestamp(1_795_183_500_000_000)));
    assert_eq!(receipt.utc_time, Some(Timestamp(1_795_165_500_000_000)));
    // Nothing says what was sold, nor whether it was a sale.
    assert_eq!((receipt.kind, receipt.operation, receipt.items.len()), (ReceiptKind::Receipt, Operation::Unknown, 0));
    assert_eq!(flags(&receipt), ["content-missing"]);
}

#[test]
fn a_report_may_come_with_its_operation_alone() {
    let document = CALLBACK.replacen('{', "{\"operation\": \"sell_refund\",", 1);
    let receipt = support::receipt("atol-online", document.as_bytes());
    assert_eq!((receipt.operation, flags(&receipt)), (Operation::SellReturn, vec!["content-missing"]));
    let document = CALLBACK.replacen('{', "{\"operation\": \"gift\",", 1);
    assert_eq!(fault(&document), ("invalid".into(), "$.operation".into()));
}

#[test]
fn a_report_with_its_request_is_a_whole_receipt() {
    let documents = documents(ATOL_ONLINE_LINES, PAIRS.as_bytes());
    let [refund, correction] = documents[..] else { panic!("{documents:?}") };
    let refund = support::receipt("atol-online", refund);
    assert_eq!((&*refund.receipt_id, refund.operation), ("acme/9999078900001234/0000000134", Operation::SellReturn));
    assert_eq!((refund.total_kopecks, refund.taxation), (44_751, Some(2)));
    assert_eq!(refund.registration_number.as_deref(), Some("0000000123006163"));
    assert_eq!(refund.payments, [Payment { kind: PaymentKind::Card, amount_kopecks: 44_751 }]);
    assert_eq!(
        refund.vat_sums,
        [VatSum { rate: VatRate::Vat10, sum_kopecks: 1_635 }, VatSum { rate: VatRate::None, sum_kopecks: 26_771 }]
    );
    assert_eq!((refund.cashier_name.as_deref(), flags(&refund)), (Some("Лапина О.С."), vec![]));
    let [milk, cheese] = &refund.items[..] else { panic!("{:?}", refund.items) };
    assert_eq!(
        (milk.name.as_deref(), quantity(milk).as_str(), milk.sum_kopecks),
        (Some("Молоко \"Луговое\""), "2", Some(17_980))
    );
    assert_eq!(
        (milk.vat_rate, milk.vat_sum_kopecks, milk.unit.as_deref()),
        (Some(VatRate::Vat10), Some(1_635), Some("шт"))
    );
    assert_eq!((milk.payment_method, milk.payment_subject), (Some(4), Some(1)));
    assert_eq!(
        (quantity(cheese).as_str(), cheese.unit.as_deref(), cheese.payment_subject),
        ("0.357", Some("кг"), Some(33))
    );
    assert_eq!(
        (cheese.gtin.as_deref(), cheese.marking_code.as_deref()),
        (Some("04064057194699"), Some("010406405719469921abc"))
    );
    assert!(!format!("{refund:?}").contains("example.org"));

    let correction = support::receipt("atol-online", correction);
    assert_eq!((correction.kind, correction.operation), (ReceiptKind::ReceiptCorrection, Operation::Sell));
    assert_eq!(correction.vat_sums, [VatSum { rate: VatRate::Vat20, sum_kopecks: 1_667 }]);
    assert_eq!((correction.total_kopecks, flags(&correction)), (10_000, vec![]));
}

#[test]
fn agents_suppliers_and_what_a_correction_is_based_on_are_told() {
    let lines: Vec<&str> = PAIRS.lines().collect();
    let mut correction: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    let content = &mut correction["request"]["correction"];
    content["correction_info"] = serde_json::json!({"type": "self", "base_date": "19.11.2026", "base_number": "17-3"});
    content["items"] = serde_json::json!([{"name": "Сыр", "quantity": 1, "sum": 100, "agent_info": {"type": "commission_agent"}, "supplier_info": {"inn": "7700000016", "name": "ООО Сыры"}}]);
    let document = correction.to_string();
    let correction = support::receipt("atol-online", document.as_bytes());
    assert_eq!((correction.correction_type, correction.correction_date.as_deref()), (Some(0), Some("2026-11-19")));
    assert_eq!(correction.correction_number.as_deref(), Some("17-3"));
    let item = &correction.items[0];
    assert_eq!((item.agent, item.supplier_inn.as_deref()), (Some(32), Some("7700000016")));
    assert_eq!(item.supplier_name.as_deref(), Some("ООО Сыры"));
}

#[test]
fn what_was_not_done_or_makes_no_sense_is_refused_with_its_place() {
    let invalid = |from: &str, to: &str| {
        let document = CALLBACK.replacen(from, to, 1);
        assert_ne!(document, CALLBACK, "{from}");
        let (class, place) = fault(&document);
        assert_eq!(class, "invalid", "{place}");
        place
    };
    assert_eq!(invalid("\"done\"", "\"wait\""), "$.status");
    assert_eq!(invalid("\"done\"", "\"fail\""), "$.status");
    assert_eq!(invalid("\"payload\"", "\"load\""), "$.payload");
    assert_eq!(invalid("\"total\": 447.51", "\"total\": null"), "$.payload.total");
    assert_eq!(invalid("\"9999078900001234\"", "\"\""), "$.payload.fn_number");
    assert_eq!(
        invalid("\"fiscal_document_number\": 133", "\"fiscal_document_number\": -1"),
        "$.payload.fiscal_document_number"
    );
    assert_eq!(invalid("\"fiscal_document_attribute\": 3449555941", "\"x\": 1"), "$.payload.fiscal_document_attribute");
    assert_eq!(invalid("20.11.2026 14:05:00", "2026-11-20"), "$.payload.receipt_datetime");
    assert_eq!(fault("{}"), ("invalid".into(), "$.status".into()));
    let pair = PAIRS.lines().next().unwrap();
    assert_eq!(fault(&pair.replacen("\"sell_refund\"", "null", 1)).1, "$.operation");
    assert_eq!(fault(&pair.replacen("\"receipt\": {", "\"cheque\": {", 1)).1, "$.request");
    assert_eq!(
        fault(&pair.replacen("\"quantity\": 0.357", "\"quantity\": -1", 1)).1,
        "$.request.receipt.items[1].quantity"
    );
    assert_eq!(fault(&pair.replacen("\"status\": \"done\"", "\"status\": \"fail\"", 1)).1, "$.report.status");
}
