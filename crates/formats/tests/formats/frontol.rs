use formats::Framed;
use schemas::{
    LocalTimestamp, Timestamp,
    events::EventKind,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind},
    shifts::ShiftKind,
};

use crate::support::{self, FRONTOL, documents, flags, frame, quantity};

const SALES: &[u8] = include_bytes!("../../documents/frontol/sales.txt");

fn fault(document: &[u8]) -> (String, String) {
    let invalid = support::parse("frontol", document).unwrap_err();
    (invalid.class.name().to_owned(), invalid.place)
}

#[test]
fn a_file_is_its_checks_and_reports() {
    let documents = documents(FRONTOL, SALES);
    let [sale, refund, cancelled, report] = documents[..] else { panic!("{} documents", documents.len()) };
    let sale = support::receipt("frontol", sale);
    assert_eq!(sale.receipt_id, "acme/frontol/till-7:1/2026-11-20/12/4/sell");
    assert_eq!((&*sale.source, sale.revision, &*sale.register), ("frontol", 1, "till-7"));
    assert_eq!((sale.kind, sale.operation), (ReceiptKind::Receipt, Operation::Sell));
    assert_eq!((sale.shift_number, sale.receipt_number, sale.drive_number.as_deref()), (Some(12), Some(4), None));
    // When it was closed.
    assert_eq!(sale.local_time, Some(LocalTimestamp(1_795_183_500_000_000)));
    assert_eq!(sale.utc_time, Some(Timestamp(1_795_165_500_000_000)));
    assert_eq!((sale.total_kopecks, sale.encoding.as_deref()), (44_751, Some("UTF-8")));
    // Without the change.
    assert_eq!(sale.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 44_751 }]);
    assert_eq!(flags(&sale), [""; 0]);
    // What was taken back is no item.
    let [milk, cheese] = &sale.items[..] else { panic!("{:?}", sale.items) };
    assert_eq!((milk.vendor_code.as_deref(), milk.gtin.as_deref()), (Some("17"), Some("04600000000008")));
    assert_eq!((quantity(milk).as_str(), milk.price_kopecks, milk.sum_kopecks), ("2", Some(8_990), Some(17_980)));
    assert_eq!((milk.discount_kopecks, milk.name.as_deref(), milk.vat_rate), (Some(2_000), None, None));
    assert_eq!((quantity(cheese).as_str(), cheese.sum_kopecks), ("0.357", Some(26_771)));
    assert_eq!(cheese.product_key.as_deref(), Some("code:frontol/shop-1/42"));

    // Negative there, positive here.
    let refund = support::receipt("frontol", refund);
    assert_eq!((refund.operation, refund.total_kopecks), (Operation::SellReturn, 8_990));
    assert_eq!(refund.payments, [Payment { kind: PaymentKind::Other, amount_kopecks: 8_990 }]);
    assert_eq!((quantity(&refund.items[0]).as_str(), refund.items[0].sum_kopecks), ("1", Some(8_990)));
    // Which number a card has is up to the shop.
    assert_eq!(flags(&refund), ["unknown-code"]);

    let cancelled = support::event("frontol", cancelled);
    assert_eq!(cancelled.event_id, "acme/frontol/till-7:1/2026-11-20/12/6/cancelled");
    assert_eq!((cancelled.kind, cancelled.name.as_deref()), (EventKind::Other, Some("cancelled-check")));
    assert_eq!((cancelled.amount_kopecks, cancelled.shift_number), (Some(1_250), Some(12)));
    let report = support::shift("frontol", report);
    assert_eq!(report.shift_document_id, "acme/frontol/till-7:1/2026-11-20/12/115/shift_close");
    assert_eq!((report.kind, report.shift_number), (ShiftKind::Close, Some(12)));
}

#[test]
fn a_broken_line_is_rejected_with_its_number_and_the_others_count() {
    let text = String::from_utf8(SALES.to_vec()).unwrap().replacen("112;20.11.2026", "11?;20.11.2026", 1);
    let (framed, outcome) = frame(FRONTOL, text.as_bytes());
    assert_eq!((outcome.documents, outcome.rejected, outcome.unread_from), (4, 1, None));
    let rejection = framed.iter().find_map(|one| if let Framed::Rejected(r) = one { Some(r) } else { None }).unwrap();
    assert_eq!((rejection.place.line, rejection.reason.code()), (Some(15), "malformed"));
    let (_, outcome) = frame(FRONTOL, b"<html></html>");
    assert_eq!((outcome.documents, outcome.rejected), (0, 0));
    let (_, outcome) = frame(FRONTOL, b"a;b;c\n1;2;3;4;5;6\n");
    assert_eq!((outcome.documents, outcome.rejected), (1, 1));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let sale = String::from_utf8(documents(FRONTOL, SALES)[0].to_vec()).unwrap();
    let invalid = |from: &str, to: &str| {
        let document = sale.replacen(from, to, 1);
        assert_ne!(document, sale, "{from}");
        let (class, place) = fault(document.as_bytes());
        assert_eq!(class, "invalid", "{place}");
        place
    };
    assert_eq!(invalid("14:05:00;55;", "14:05:00;45;"), "code 55");
    assert_eq!(invalid("20.11.2026;14:05:00", "20.13.2026;14:05:00"), "line 7, field 2");
    assert_eq!(invalid(";99,9;2;", ";99,9;2,x;"), "line 2, field 11");
    assert_eq!(invalid(";;500;", ";;5e30;"), "line 6, field 12");
    assert_eq!(
        invalid("55;1;4;1;;;0;2,357;467,51;0;12;0;447,51", "55;1;4;1;;;0;2,357;467,51;0;12;0;4,4,7"),
        "line 7, field 16"
    );
    let lines: Vec<&str> = sale.lines().collect();
    assert_eq!(fault(lines[6].replace(";0;12;0;", ";;12;0;").as_bytes()).1, "line 1, field 13");
    assert_eq!(fault(b"116;20.11.2026;22:00:00;60;1;0;1"), ("unsupported".into(), "line 1".into()));
}

#[test]
fn oddities_are_flagged_and_the_figures_stay() {
    let sale = String::from_utf8(documents(FRONTOL, SALES)[0].to_vec()).unwrap();
    let odd = |from: &str, to: &str| {
        let document = sale.replace(from, to);
        assert_ne!(document, sale, "{from}");
        support::receipt("frontol", document.as_bytes()).flags.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(odd("447,51", "447,52"), ["items-do-not-add-up"]);
    assert_eq!(odd("20.11.2026", "20.11.2036"), ["time-in-future"]);
    assert_eq!(odd(";;1;;;500;", ";;7;;;500;"), ["unknown-code"]);
    assert_eq!(odd("14:05:00;55;1;4;1;;;0;2,357;467,51;0;", "14:05:00;55;1;4;1;;;0;2,357;467,51;9;"), ["unknown-code"]);
}
