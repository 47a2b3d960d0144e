use formats::Framed;
use schemas::{
    LocalTimestamp, Timestamp,
    events::EventKind,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind},
    shifts::ShiftKind,
};

use crate::support::{self, FRONTOL, documents, flags, frame, quantity};

const SALES: &[u8] = include_bytes!("../../documents/frontol/sales.txt");

/// A check of these lines, each with its code and what follows its register.
fn check(lines: &[(u8, &str)], sum: &str) -> String {
    let line = |number: u32, code: u8, rest: &str| format!("{number};20.11.2026;14:05:00;{code};1;4;1;{rest}\n");
    let lines: String = (1..).zip(lines).map(|(number, (code, rest))| line(number, *code, rest)).collect();
    lines + &line(99, 55, &format!(";;0;1;{sum};0;12;0;{sum}"))
}

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
    assert_eq!(cancelled.event_id, "acme/frontol/till-7:1/2026-11-20/12/6/cancelled-114");
    assert_eq!((cancelled.kind, cancelled.name.as_deref()), (EventKind::Other, Some("cancelled-check")));
    assert_eq!((cancelled.amount_kopecks, cancelled.shift_number), (Some(1_250), Some(12)));
    let report = support::shift("frontol", report);
    assert_eq!(report.shift_document_id, "acme/frontol/till-7:1/2026-11-20/12/115/shift_close");
    assert_eq!((report.kind, report.shift_number), (ShiftKind::Close, Some(12)));
}

fn rejections(body: &[u8]) -> (usize, Vec<(Option<usize>, String)>) {
    let (framed, outcome) = frame(FRONTOL, body);
    let rejected = framed.iter().filter_map(|one| match one {
        Framed::Rejected(rejection) => Some((rejection.place.line, rejection.reason.to_string())),
        Framed::Document(_) => None,
    });
    (outcome.documents, rejected.collect())
}

#[test]
fn a_broken_line_tears_its_check_and_the_others_count() {
    let text = String::from_utf8(SALES.to_vec()).unwrap();
    // Between two checks.
    let between = text.replacen("\r\n108;", "\r\nbroken\r\n108;", 1);
    let (documents, rejected) = rejections(between.as_bytes());
    assert_eq!((documents, rejected.len(), rejected[0].0), (4, 1, Some(11)));
    assert!(rejected[0].1.starts_with("no line of a sales file"), "{rejected:?}");
    // Within one: neither half says what was sold.
    let within = text.replacen("\r\n105;", "\r\nbroken\r\n105;", 1);
    let (documents, rejected) = rejections(within.as_bytes());
    assert_eq!(documents, 3);
    let lines: Vec<_> = rejected.iter().map(|(line, _)| line.unwrap()).collect();
    assert_eq!(lines, [4, 8, 9]);
    assert!(rejected[2].1.contains("rest of the check of line 4"), "{rejected:?}");
    // The same with a line of another register.
    let foreign = text.replacen("\r\n105;", "\r\n900;20.11.2026;14:03:41;42;2;9;1\r\n105;", 1);
    let (documents, rejected) = rejections(foreign.as_bytes());
    assert_eq!((documents, rejected.len()), (3, 3));
    assert_eq!(rejections(b"<html></html>"), (0, vec![]));
}

#[test]
fn a_check_that_does_not_end_is_refused_where_it_is_sent() {
    let open: Vec<u8> =
        documents(FRONTOL, SALES)[0].split_inclusive(|b| *b == b'\n').take(5).flatten().copied().collect();
    let (documents, rejected) = rejections(&open);
    assert_eq!((documents, rejected[0].0), (0, Some(1)));
    assert!(rejected[0].1.contains("code 55"), "{rejected:?}");
}

#[test]
fn a_check_that_is_repeated_is_the_same_check() {
    let sale = documents(FRONTOL, SALES)[0];
    // Without opening lines, too: the closing line ends a check.
    let bare: Vec<u8> = sale.split_inclusive(|byte| *byte == b'\n').skip(1).flatten().copied().collect();
    let twice = [b"\xEF\xBB\xBF", &bare[..], b"\r\n", &bare].concat();
    let [one, other] = documents(FRONTOL, &twice)[..] else { panic!() };
    let (one, other) = (support::receipt("frontol", one), support::receipt("frontol", other));
    assert_eq!((one.total_kopecks, one.items.len()), (44_751, 2));
    assert_eq!((&one.receipt_id, one.total_kopecks), (&other.receipt_id, other.total_kopecks));
    // A number that is given again after a cancelled check.
    let text = String::from_utf8(SALES.to_vec()).unwrap();
    let again = text.replacen("\r\n115;", "\r\n116;20.11.2026;14:10:00;11;1;6;1;305;;12,5;1;12,5;0;12;12,5;12,5\r\n117;20.11.2026;14:10:09;55;1;6;1;;;0;1;12,5;0;12;0;12,5\r\n118;20.11.2026;14:11:00;56;1;6;1;;;0;1;12,5;0;12;0;12,5\r\n115;", 1);
    let all = documents(FRONTOL, again.as_bytes());
    assert_eq!(all.len(), 6);
    assert_eq!(support::receipt("frontol", all[3]).total_kopecks, 1_250);
    assert_ne!(support::event("frontol", all[2]).event_id, support::event("frontol", all[4]).event_id);
}

#[test]
fn what_is_taken_back_is_gone_to_the_last_piece() {
    let two = check(
        &[
            (11, "17;;100;1;100;0;12;100;100"),
            (11, "8;;100;1;100;0;12;100;100"),
            (11, "17;;100;1;100;0;12;100;100"),
            (12, "17;;100;-2;-200;0;12;100;-200"),
        ],
        "100",
    );
    let receipt = support::receipt("frontol", two.as_bytes());
    assert_eq!((receipt.items.len(), receipt.items[0].vendor_code.as_deref(), flags(&receipt)), (1, Some("8"), vec![]));
    // Three of which two go, with their discount.
    let part = check(&[(11, "17;;100;3;300;0;12;90;270"), (12, "17;;100;-2;-200;0;12;90;-180")], "90");
    let receipt = support::receipt("frontol", part.as_bytes());
    let item = &receipt.items[0];
    assert_eq!((quantity(item).as_str(), item.sum_kopecks, item.discount_kopecks), ("1", Some(9_000), Some(1_000)));
    let nothing = check(&[(11, "17;;100;1;100;0;12;100;100"), (12, "8;;100;-1;-100;0;12;100;-100")], "100");
    assert_eq!(flags(&support::receipt("frontol", nothing.as_bytes())), ["items-do-not-add-up"]);
    // Payments that were taken back.
    let paid =
        check(&[(11, "17;;100;1;100;0;12;100;100"), (41, ";2;;;100"), (41, ";2;;;-100"), (40, ";1;;;100")], "100");
    let receipt = support::receipt("frontol", paid.as_bytes());
    assert_eq!(receipt.payments, [Payment { kind: PaymentKind::Cash, amount_kopecks: 10_000 }]);
    // A gift: the sum after the discount is told to be zero.
    let gift = check(&[(11, "17;;100;1;100;0;12;0;0")], "0").replace(";0;1;0;0;12;0;0", ";0;1;100;0;12;0;0");
    let receipt = support::receipt("frontol", gift.as_bytes());
    assert_eq!((receipt.total_kopecks, receipt.items[0].sum_kopecks, flags(&receipt)), (0, Some(0), vec![]));
}

#[test]
fn a_storno_takes_nothing_from_an_item_without_a_quantity() {
    let items = [(11, "17;;10;1;10;0;12;10;10"), (11, "17;;10;;10;0;12;10;10"), (12, "17;;10;-1;-10;0;12;10;-10")];
    let check = check(&items, "10");
    let receipt = support::receipt("frontol", check.as_bytes());
    let quantities: Vec<_> = receipt.items.iter().map(quantity).collect();
    assert_eq!(quantities, ["0"]);
}

#[test]
fn a_code_with_a_zero_in_it_is_one_that_databases_take() {
    let check = check(&[(11, "A\0B;;10;1;10;0;12;10;10")], "10");
    let receipt = support::receipt("frontol", check.as_bytes());
    assert_eq!(receipt.items[0].vendor_code.as_deref(), Some("A\u{FFFD}B"));
}

#[test]
fn sums_beyond_sense_are_refused() {
    let items = "1;20.11.2026;14:03:55;11;1;4;;;;;1;10000000000000\n".repeat(7_990);
    let check = format!("{items}2;20.11.2026;14:05:00;55;1;4;1;;;;;;0;12\n");
    assert_eq!(fault(check.as_bytes()), ("invalid".into(), "line 7991, field 12".into()));
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
    assert_eq!(invalid("14:05:00;55;", "14:05:00;45;"), "line 1");
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
