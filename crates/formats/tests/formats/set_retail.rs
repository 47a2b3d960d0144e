use formats::Framed;
use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Operation, Payment, PaymentKind, VatRate},
};

use crate::support::{self, SET_RETAIL, documents, flags, frame, quantity};

const PURCHASES: &str = include_str!("../../documents/set-retail/purchases.xml");

#[test]
fn a_file_is_its_purchases() {
    let documents = documents(SET_RETAIL, PURCHASES.as_bytes());
    let [sale, refund] = documents[..] else { panic!("{} documents", documents.len()) };
    let sale = support::receipt("set-retail", sale);
    assert_eq!(sale.receipt_id, "acme/set-retail/3:2/2026-11-20/12/7/sell");
    assert_eq!((sale.operation, sale.shift_number, sale.receipt_number), (Operation::Sell, Some(12), Some(7)));
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_795_183_500_000_000)));
    assert_eq!(sale.utc_time, Some(Timestamp(1_795_165_500_000_000)));
    assert_eq!((sale.total_kopecks, sale.discount_kopecks), (44_751, Some(2_000)));
    assert_eq!(
        sale.payments,
        [
            Payment { kind: PaymentKind::Cash, amount_kopecks: 24_751 },
            Payment { kind: PaymentKind::Card, amount_kopecks: 20_000 },
        ]
    );
    assert_eq!(flags(&sale), [""; 0]);
    let [milk, cheese] = &sale.items[..] else { panic!("{:?}", sale.items) };
    assert_eq!((milk.vendor_code.as_deref(), milk.gtin.as_deref()), (Some("17"), Some("04600000000008")));
    assert_eq!((quantity(milk).as_str(), milk.price_kopecks, milk.sum_kopecks), ("2", Some(8_990), Some(17_980)));
    assert_eq!((milk.discount_kopecks, milk.vat_rate), (Some(2_000), Some(VatRate::Vat10)));
    assert_eq!(milk.vat_sum_kopecks, Some(1_635));
    assert_eq!(
        (quantity(cheese).as_str(), cheese.price_kopecks, cheese.barcode.as_deref()),
        ("0.357", Some(74_990), None)
    );
    assert_eq!((cheese.vat_rate, cheese.discount_kopecks), (Some(VatRate::Vat20), None));

    let refund = support::receipt("set-retail", refund);
    // The day of business, not that of the clock.
    assert_eq!(refund.receipt_id, "acme/set-retail/3:2/2026-11-20/12/8/sell_return");
    assert_eq!((refund.operation, refund.items[0].vat_rate), (Operation::SellReturn, Some(VatRate::None)));
    assert_eq!(refund.payments, [Payment { kind: PaymentKind::Card, amount_kopecks: 8_990 }]);
}

#[test]
fn what_was_not_read_can_be_sent_again_from_there() {
    let limits = formats::Limits { documents: 1, ..formats::Limits::default() };
    let (_, outcome) = support::frame_within(SET_RETAIL, PURCHASES.as_bytes(), &limits);
    let rest = &PURCHASES[outcome.unread_from.unwrap()..];
    assert!(rest.starts_with("<purchase "), "{rest}");
    assert_eq!(documents(SET_RETAIL, rest.as_bytes()).len(), 1);
}

#[test]
fn several_documents_need_no_element_around_them() {
    let sale = documents(SET_RETAIL, PURCHASES.as_bytes())[0];
    let body = [sale, b"\n", sale, b"\n<purchase"].concat();
    let (framed, outcome) = frame(SET_RETAIL, &body);
    assert_eq!((outcome.documents, outcome.rejected), (2, 1));
    assert_eq!(framed[1], Framed::Document(sale.len()..2 * sale.len() + 1));
}

#[test]
fn broken_xml_is_rejected_with_its_place() {
    let reject = |body: &str| {
        let (framed, outcome) = frame(SET_RETAIL, body.as_bytes());
        let rejected: Vec<_> =
            framed.iter().filter_map(|one| if let Framed::Rejected(r) = one { Some(r) } else { None }).collect();
        let [rejection] = rejected[..] else { panic!("{framed:?}") };
        (outcome.documents, rejection.place.line.unwrap(), rejection.reason.to_string())
    };
    let (taken, line, _) = reject(&PURCHASES.replacen(
        "</positions>\n    <payments>\n      <payment typeClass=\"Ext",
        "<payments>\n      <payment typeClass=\"Ext",
        1,
    ));
    assert_eq!((taken, line), (1, 21));
    let (taken, _, reason) = reject(PURCHASES.trim_end().strip_suffix("</purchases>").unwrap());
    assert_eq!((taken, reason.as_str()), (2, "the XML ends inside of an element"));
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE p [<!ENTITY a \"aaaa\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]><purchase/>";
    assert!(reject(bomb).2.contains("DOCTYPE"));
    assert_eq!(reject("").2, "no document: an element purchase is expected");
    assert_eq!(reject("<html/>").2, "no document: an element purchase is expected");
    let (_, outcome) = frame(SET_RETAIL, b"{\"type\":\"SALE\"}");
    assert_eq!(outcome.unread_from, Some(0), "what is no document begins at the beginning");
    let deep = format!("<purchases>{}</purchases>", "<a>".repeat(100));
    assert!(reject(&deep).2.contains("deeper"));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let sale = String::from_utf8(documents(SET_RETAIL, PURCHASES.as_bytes())[0].to_vec()).unwrap();
    let invalid = |from: &str, to: &str| {
        let document = sale.replacen(from, to, 1);
        assert_ne!(document, sale, "{from}");
        let invalid = support::parse("set-retail", document.as_bytes()).unwrap_err();
        (invalid.class.name(), invalid.place)
    };
    let at = |place: &str| ("invalid", place.to_owned());
    assert_eq!(invalid("operationType=\"true\"", "operationType=\"sale\""), at("/purchase/@operationType"));
    assert_eq!(invalid("operationType=\"true\"", ""), at("/purchase/@operationType"));
    assert_eq!(invalid("saletime=\"2026-11-20T", "saletime=\"2026-31-20T"), at("/purchase/@saletime"));
    assert_eq!(invalid("number=\"7\"", "number=\"7a\""), at("/purchase/@number"));
    assert_eq!(invalid(" cash=\"2\"", ""), at("/purchase/@cash"));
    assert_eq!(invalid("count=\"0.357\"", "count=\"-1\""), at("/purchase/positions/position[2]/@count"));
    assert_eq!(invalid("amount=\"200.0\"", "amount=\"x\""), at("/purchase/payments/payment[2]/@amount"));
    assert_eq!(invalid("<positions>", "<positions").0, "undecodable");
    assert_eq!(invalid("goodsCode=\"17\"", "goodsCode=\"&secret;\"").0, "undecodable");
    assert_eq!(invalid("goodsCode=\"17\"", "goodsCode=\"17\" goodsCode=\"18\"").0, "undecodable");
    let many = sale.replacen(
        "<positions>",
        &format!("<positions>{}", "<position count='1' cost='1.00' amount='1.00' goodsCode='17'/>".repeat(10_000)),
        1,
    );
    let refused = support::parse("set-retail", many.as_bytes()).unwrap_err();
    assert!(refused.text.contains("more than 8000"), "{refused}");
}

#[test]
fn oddities_are_flagged_and_the_positions_count() {
    let sale = String::from_utf8(documents(SET_RETAIL, PURCHASES.as_bytes())[0].to_vec()).unwrap();
    let odd = |from: &str, to: &str| {
        let document = sale.replacen(from, to, 1);
        assert_ne!(document, sale, "{from}");
        let receipt = support::receipt("set-retail", document.as_bytes());
        (receipt.total_kopecks, receipt.flags.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(odd("amount=\"447.51\"", "amount=\"440\""), (44_751, vec!["items-do-not-add-up".to_owned()]));
    assert_eq!(odd("BankCardPaymentEntity", "BonusCardPaymentEntity"), (44_751, vec!["unknown-code".to_owned()]));
    assert_eq!(odd("nds=\"20.0\"", "nds=\"20.5\""), (44_751, vec!["unknown-code".to_owned()]));
    assert_eq!(odd(" amount=\"267.71\"", ""), (44_751, vec![]));
}

#[test]
fn the_encoding_that_a_list_declares_is_that_of_its_documents() {
    let text = PURCHASES.replace("UTF-8", "windows-1251").replacen("goodsCode=\"17\"", "goodsCode=\"Я-1\"", 1);
    let body = encoding_rs::WINDOWS_1251.encode(&text).0.into_owned();
    let (_, outcome) = frame(SET_RETAIL, &body);
    assert_eq!(outcome.encoding, Some("windows-1251"));
    let context = formats::Context { charset: outcome.encoding, ..support::CONTEXT };
    let parsed = formats::family("set-retail").unwrap().parse(documents(SET_RETAIL, &body)[0], &context).unwrap();
    let formats::Parsed::Receipt(sale) = parsed else { panic!("{parsed:?}") };
    assert_eq!((sale.items[0].vendor_code.as_deref(), flags(&sale)), (Some("Я-1"), vec![]));
    assert_eq!(sale.encoding.as_deref(), Some("windows-1251"));
}

#[test]
fn sums_beyond_sense_are_refused_and_two_desks_have_two_ids() {
    let sale = String::from_utf8(documents(SET_RETAIL, PURCHASES.as_bytes())[0].to_vec()).unwrap();
    for positions in [7_000, 7_990] {
        let many = "<position count='1' amount='10000000000000'/>".repeat(positions);
        let many = sale.replacen("<positions>", &format!("<positions>{many}"), 1);
        let invalid = support::parse("set-retail", many.as_bytes()).unwrap_err();
        assert_eq!(invalid.place, "/purchase/positions");
    }
    let id = |shop: &str, cash: &str| {
        let sale = sale.replacen("shop=\"3\"", &format!("shop=\"{shop}\""), 1);
        let sale = sale.replacen("cash=\"2\"", &format!("cash=\"{cash}\""), 1);
        support::receipt("set-retail", sale.as_bytes()).receipt_id.into_owned()
    };
    assert_ne!(id("1", "2:1"), id("1:2", "1"));
}
