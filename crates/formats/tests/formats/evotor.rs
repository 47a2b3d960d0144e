use schemas::{
    LocalTimestamp, Timestamp,
    events::EventKind,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind, VatRate},
    shifts::ShiftKind,
};

use crate::support::{self, CONTEXT, EVOTOR, EVOTOR_LINES, documents, flags, quantity};

const V2_SELL: &str = include_str!("../../documents/evotor/v2-sell.json");
const V2_OTHERS: &str = include_str!("../../documents/evotor/v2-others.json");
const V1_PAYBACK: &str = include_str!("../../documents/evotor/v1-payback.json");
const V1: &str = include_str!("../../documents/evotor/v1.ndjson");
const WEBHOOK: &str = include_str!("../../documents/evotor/webhook.json");

fn fault(document: &str) -> (String, String) {
    let invalid = support::parse("evotor", document.as_bytes()).unwrap_err();
    (invalid.class.name().to_owned(), invalid.place)
}

#[test]
fn a_sale_of_version_2_has_every_value_that_was_sent() {
    let sale = support::receipt("evotor", V2_SELL.as_bytes());
    assert_eq!(sale.receipt_id, "acme/9999078900001234/0000004360");
    assert_eq!((&*sale.source, sale.revision, &*sale.register), ("evotor", 1, "till-7"));
    assert_eq!((sale.document_number, sale.fiscal_sign), (Some(4360), Some(566_743_109)));
    assert_eq!(sale.drive_number.as_deref(), Some("9999078900001234"));
    assert_eq!(sale.registration_number.as_deref(), Some("0000000123006163"));
    assert_eq!((sale.kind, sale.operation), (ReceiptKind::Receipt, Operation::Sell));
    // The drive's shift, not the cloud's session.
    assert_eq!((sale.shift_number, sale.receipt_number), (Some(43), Some(274)));
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_795_183_500_000_000)));
    assert_eq!(sale.utc_time, Some(Timestamp(1_795_165_531_000_000)));
    assert_eq!((sale.total_kopecks, sale.discount_kopecks), (44_751, Some(2_000)));
    assert_eq!(
        sale.payments,
        [
            Payment { kind: PaymentKind::Prepaid, amount_kopecks: 10_000 },
            // Without the change.
            Payment { kind: PaymentKind::Cash, amount_kopecks: 34_751 },
        ]
    );
    assert!(sale.vat_sums.is_empty() && sale.cashier_name.is_none() && sale.taxation.is_none());
    assert_eq!(flags(&sale), [""; 0]);

    let [milk, cheese] = &sale.items[..] else { panic!("{:?}", sale.items) };
    assert_eq!((milk.name.as_deref(), quantity(milk).as_str()), (Some("Молоко \"Луговое\" 2,5% 0,9 л"), "2"));
    assert_eq!((milk.price_kopecks, milk.sum_kopecks, milk.discount_kopecks), (Some(8_990), Some(17_980), Some(2_000)));
    assert_eq!((milk.vat_rate, milk.vat_sum_kopecks), (Some(VatRate::Vat10), Some(1_635)));
    assert_eq!((milk.gtin.as_deref(), milk.vendor_code.as_deref()), (Some("04600000000008"), Some("МЛК-17")));
    assert_eq!((milk.payment_method, milk.unit.as_deref()), (Some(4), Some("шт")));
    assert_eq!((cheese.name.as_deref(), quantity(cheese).as_str()), (Some("Сыр Костромской"), "0.357"));
    assert_eq!((cheese.sum_kopecks, cheese.discount_kopecks), (Some(26_771), None));
    assert_eq!(
        (cheese.vat_rate, cheese.marking_code.as_deref()),
        (Some(VatRate::Vat20), Some("010460000000000821a1b2"))
    );
    // The mark tells the GTIN where no barcode does.
    assert_eq!(cheese.product_key.as_deref(), Some("gtin:04600000000008"));
}

#[test]
fn what_was_not_printed_has_no_fiscal_identity() {
    let unprinted = V2_SELL.replace("pos_print_results", "no_results");
    let parsed = support::parse("evotor", unprinted.as_bytes()).unwrap();
    assert_eq!(parsed.id(), "acme/evotor/20260101-8698-409A-8002-A0C67CCF7B3F/2026-11-20/42/444/sell");
    assert!(!parsed.counts(Some("ffd-tlv")) && parsed.counts(None));
    let sale = support::receipt("evotor", unprinted.as_bytes());
    // From the instant and the offset.
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_795_183_531_000_000)));
    assert_eq!((sale.shift_number, sale.receipt_number, sale.drive_number), (Some(42), None, None));
    let half = V2_SELL.replace("\"fn_serial_number\": \"9999078900001234\",", "");
    assert_eq!(flags(&support::receipt("evotor", half.as_bytes())), ["fiscal-identity-incomplete"]);
}

#[test]
fn version_2_tells_of_shifts_and_of_the_drawer() {
    let documents = documents(EVOTOR, V2_OTHERS.as_bytes());
    let [open, income, close] = documents[..] else { panic!("{documents:?}") };
    let (open, close) = (support::shift("evotor", open), support::shift("evotor", close));
    let device = "20260101-8698-409A-8002-A0C67CCF7B3F";
    assert_eq!(open.shift_document_id, format!("acme/evotor/{device}/2026-11-20/42/1/shift_open"));
    assert_eq!((open.kind, open.shift_number), (ShiftKind::Open, Some(42)));
    assert_eq!(open.local_time, Some(LocalTimestamp(1_795_161_600_000_000)));
    assert_eq!((close.kind, close.document_number, close.receipts), (ShiftKind::Close, None, None));
    let income = support::event("evotor", income);
    assert_eq!(income.event_id, format!("acme/evotor/{device}/2026-11-20T03:05:00Z/cash_in/500050"));
    assert_eq!((income.kind, income.amount_kopecks, income.shift_number), (EventKind::CashIn, Some(500_050), Some(42)));
    assert_eq!(income.utc_time, Some(Timestamp(1_795_143_900_000_000)));
}

#[test]
fn a_return_of_version_1_has_positive_figures() {
    let payback = support::receipt("evotor", V1_PAYBACK.as_bytes());
    assert_eq!(payback.receipt_id, "acme/evotor/5a188de4-0000-4000-800e-eb6b5202437e/2026-11-20/12/8/sell_return");
    assert_eq!((payback.operation, payback.total_kopecks), (Operation::SellReturn, 35_960));
    assert_eq!(payback.payments, [Payment { kind: PaymentKind::Card, amount_kopecks: 35_960 }]);
    assert_eq!((payback.shift_number, payback.receipt_number), (Some(12), Some(72)));
    assert_eq!(payback.utc_time, Some(Timestamp(1_795_168_071_000_000)));
    // The directory's time zone.
    assert_eq!(payback.local_time, Some(LocalTimestamp(1_795_186_071_000_000)));
    let [milk] = &payback.items[..] else { panic!("{:?}", payback.items) };
    assert_eq!((quantity(milk).as_str(), milk.price_kopecks, milk.sum_kopecks), ("4", Some(8_990), Some(35_960)));
    assert_eq!(
        (milk.discount_kopecks, milk.vat_rate, milk.vat_sum_kopecks),
        (Some(4_000), Some(VatRate::Vat10), Some(3_269))
    );
    assert_eq!((milk.vendor_code.as_deref(), milk.gtin.as_deref()), (Some("17"), Some("04600000000008")));
    assert_eq!(flags(&payback), [""; 0]);
}

#[test]
fn change_in_version_1_is_no_payment() {
    let documents = documents(EVOTOR_LINES, V1.as_bytes());
    let [sale, open, outcome] = documents[..] else { panic!("{documents:?}") };
    let sale = support::receipt("evotor", sale);
    assert_eq!(sale.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 34_800 }]);
    // Its own offset, not the directory's.
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_795_179_600_000_000)));
    assert_eq!(flags(&sale), [""; 0]);
    assert_eq!(support::shift("evotor", open).shift_number, Some(13));
    let outcome = support::event("evotor", outcome);
    assert_eq!((outcome.kind, outcome.amount_kopecks), (EventKind::CashOut, Some(1_200_050)));
    assert_eq!(outcome.device.as_deref(), Some("5a188de4-0000-4000-800e-eb6b5202437e"));
}

#[test]
fn a_receipt_of_the_webhook_is_known_by_the_clouds_id() {
    let documents = documents(EVOTOR, WEBHOOK.as_bytes());
    let sale = support::receipt("evotor", documents[0]);
    assert_eq!(sale.receipt_id, "acme/evotor/0b8f7a11-0000-4000-8000-000000000003");
    assert_eq!((sale.total_kopecks, sale.discount_kopecks, sale.shift_number), (68_700, Some(1_000), Some(42)));
    assert_eq!(sale.payments, [Payment { kind: PaymentKind::Card, amount_kopecks: 68_700 }]);
    assert_eq!(sale.utc_time, Some(Timestamp(1_795_165_531_000_000)));
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_795_183_531_000_000)));
    let [kettle] = &sale.items[..] else { panic!("{:?}", sale.items) };
    // 348.50 is the price before the discount: what one has cost is not told.
    assert_eq!((quantity(kettle).as_str(), kettle.price_kopecks, kettle.sum_kopecks), ("2", None, Some(68_700)));
    assert_eq!(
        (kettle.vat_rate, kettle.vat_sum_kopecks, kettle.discount_kopecks),
        (Some(VatRate::Vat20), Some(11_450), Some(1_000))
    );
    assert_eq!((sale.received_at, flags(&sale)), (CONTEXT.received_at, vec![]));
}

#[test]
fn an_id_does_not_depend_on_the_time_zone() {
    // 23:30 in UTC: another day in Yekaterinburg.
    let late = V1_PAYBACK.replacen("\"closeDate\": \"2026-11-20T09:47:51", "\"closeDate\": \"2026-11-20T23:30:00", 1);
    let told = late.replacen("\"type\": \"DOCUMENT_OPEN\",", "\"type\": \"DOCUMENT_OPEN\", \"timezone\": 25200000,", 1);
    assert_ne!(told, late);
    let (late, told) = (support::receipt("evotor", late.as_bytes()), support::receipt("evotor", told.as_bytes()));
    assert_eq!(late.receipt_id, "acme/evotor/5a188de4-0000-4000-800e-eb6b5202437e/2026-11-20/12/8/sell_return");
    assert_eq!(told.receipt_id, late.receipt_id);
    let hours = |receipt: &schemas::receipts::Receipt<'_>| {
        (receipt.local_time.unwrap().0 - receipt.utc_time.unwrap().0) / 3_600_000_000
    };
    assert_eq!((hours(&late), hours(&told)), (5, 7));
}

#[test]
fn what_moves_goods_and_no_money_is_kept() {
    for (document, number) in [(V2_SELL, 444), (V1_PAYBACK, 8)] {
        let inventory = document.replacen("\"SELL\"", "\"INVENTORY\"", 1).replacen("\"PAYBACK\"", "\"INVENTORY\"", 1);
        let inventory = support::event("evotor", inventory.as_bytes());
        assert_eq!((inventory.kind, inventory.name.as_deref()), (EventKind::Other, Some("inventory")));
        assert!(inventory.event_id.ends_with(&format!("/{number}/inventory")), "{}", inventory.event_id);
    }
}

#[test]
fn a_stock_document_without_a_session_has_the_clouds_id() {
    let stock = V2_SELL
        .replacen("\"SELL\"", "\"ACCEPT\"", 1)
        .replacen("\"session_number\": 42", "\"session_number\": null", 1)
        .replacen('{', "{\"id\": \"stock-1\",", 1);
    let stock = stock.replacen("\"id\": \"0b8f", "\"was\": \"0b8f", 1);
    let event = support::event("evotor", stock.as_bytes());
    assert_eq!((&*event.event_id, event.name.as_deref()), ("acme/evotor/stock-1", Some("acceptance")));
}

#[test]
fn a_check_for_information_is_no_sale() {
    let document = WEBHOOK.replacen("\"infoCheck\": false", "\"infoCheck\": true", 1);
    let [document] = documents(EVOTOR, document.as_bytes())[..] else { panic!() };
    let check = support::event("evotor", document);
    assert_eq!((check.kind, check.name.as_deref()), (EventKind::Other, Some("information-check")));
    assert_eq!(check.event_id, "acme/evotor/0b8f7a11-0000-4000-8000-000000000003");
}

#[test]
fn oddities_are_flagged_and_the_figures_stay() {
    let odd = |from: &str, to: &str| {
        let document = V2_SELL.replacen(from, to, 1);
        assert_ne!(document, V2_SELL, "{from}");
        let receipt = support::receipt("evotor", document.as_bytes());
        receipt.flags.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(odd("\"result_sum\": 179.8", "\"result_sum\": 179.7"), ["items-do-not-add-up"]);
    assert_eq!(odd("\"sum\": 100,", "\"sum\": 100.004,"), ["money-rounded"]);
    assert_eq!(odd("\"quantity\": 2", "\"quantity\": null"), ["quantity-missing"]);
    assert_eq!(odd("\"quantity\": 2", "\"quantity\": 2.0000001"), ["quantity-rounded"]);
    assert_eq!(odd("VAT_10", "VAT_33"), ["unknown-code"]);
    assert_eq!(odd("\"ADVANCE\"", "\"GIFT\""), ["unknown-code"]);
    assert_eq!(odd("2026-11-20T09", "2016-11-20T09"), ["times-disagree"]);
    assert_eq!(odd("2026-11-20T09", "2036-11-20T09"), ["time-in-future", "times-disagree"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let invalid = |from: &str, to: &str| {
        let document = V2_SELL.replacen(from, to, 1);
        assert_ne!(document, V2_SELL, "{from}");
        fault(&document)
    };
    let at = |place: &str| ("invalid".to_owned(), place.to_owned());
    assert_eq!(invalid("\"SELL\"", "null"), at("$.type"));
    assert_eq!(invalid("\"SELL\"", "\"BARTER\""), ("unsupported".into(), "$.type".into()));
    assert_eq!(invalid("2026-11-20T09:05:31.000+0000", "yesterday"), at("$.close_date"));
    assert_eq!(invalid("\"result_sum\": 447.51", "\"result_sum\": null"), at("$.body.result_sum"));
    assert_eq!(invalid("\"result_sum\": 447.51", "\"result_sum\": -1"), at("$.body.result_sum"));
    assert_eq!(invalid("\"quantity\": 0.357", "\"quantity\": -1"), at("$.body.positions[1].position.quantity"));
    assert_eq!(invalid("\"change\": 152.49", "\"change\": 501"), at("$.body.payments[1].sum"));
    assert_eq!(invalid("\"change\": 152.49", "\"change\": 1e12"), at("$.body.payments[1].sum"));
    assert_eq!(invalid("\"9999078900001234\"", "\"fn\""), at("$.body.pos_print_results[0].fn_serial_number"));
    assert_eq!(
        invalid("\"fiscal_document_number\": 4360", "\"fiscal_document_number\": 0"),
        at("$.body.pos_print_results[0].fiscal_document_number")
    );
    let two =
        V2_SELL.replacen("\"pos_print_results\": [", "\"pos_print_results\": [{\"fiscal_document_number\": 4359},", 1);
    assert_eq!(fault(&two), ("unsupported".into(), "$.body.pos_print_results".into()));
    assert_eq!(fault("{\"type\":\"SELL\"}"), at("$"));
    assert_eq!(fault("{\"type\":\"SELL\",\"body\":[]}").0, "invalid");
    assert_eq!(fault("{\"data\":{\"type\":\"SELL\",\"dateTime\":\"2026-11-20\"}}"), at("$.data.id"));
    let storno = V1_PAYBACK.replacen("\"quantity\": -4.0", "\"quantity\": 4.0", 1);
    assert_eq!(fault(&storno), at("$.transactions[1].quantity"));
}
