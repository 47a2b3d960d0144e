use formats::{Class, Framed};
use schemas::{LocalTimestamp, Timestamp, events::EventKind};

use crate::support::{self, KASSIR_5, documents, frame, frame_within};

const EXPORT: &[u8] = include_bytes!("../../documents/kassir-5/export.txt");

#[test]
fn a_line_is_an_event_and_the_block_behind_it_belongs_to_it() {
    let documents = documents(KASSIR_5, EXPORT);
    let [first, _, closed, report] = documents[..] else { panic!("{} documents", documents.len()) };
    assert_eq!(first, b"101;20.11.26;14:03:10;300;13;0;4;;;3.00;44.000;0;");
    assert!(closed.starts_with(b"103;") && closed.ends_with(b"</Document>"));
    let event = support::event("kassir-5", closed);
    assert_eq!(event.event_id, "acme/kassir-5/till-7:2026-11-20T14:05:00:103:55");
    assert_eq!((event.kind, event.name.as_deref()), (EventKind::Other, Some("transaction-55")));
    // By hand: 2026-11-20 14:05, five hours east of UTC.
    assert_eq!(event.local_time, Some(LocalTimestamp(1_795_183_500_000_000)));
    assert_eq!(event.utc_time, Some(Timestamp(1_795_165_500_000_000)));
    assert_eq!((event.amount_kopecks, event.drive_number.as_deref(), event.shift_number), (None, None, None));
    assert_eq!((&*event.source, event.revision, &*event.register), ("kassir-5", 1, "till-7"));
    assert!(event.flags.is_empty());
    assert_eq!(support::event("kassir-5", report).name.as_deref(), Some("transaction-61"));
}

#[test]
fn the_same_line_is_the_same_event_and_another_one_is_not() {
    let id = |line: &str| support::event("kassir-5", line.as_bytes()).event_id.into_owned();
    let line = "101;20.11.26;14:03:10;300;13;0;";
    assert_eq!(id(line), id(" 101 ;20.11.26;14:03:10;300;another;"));
    for other in [
        "102;20.11.26;14:03:10;300;",
        "101;21.11.26;14:03:10;300;",
        "101;20.11.26;14:03:11;300;",
        "101;20.11.26;14:03:10;301;",
    ] {
        assert_ne!(id(line), id(other), "{other}");
    }
}

/// Texts of the documents, lines and reasons of the rejections.
fn verdicts(body: &str) -> (Vec<&str>, Vec<(usize, String)>) {
    let (framed, outcome) = frame(KASSIR_5, body.as_bytes());
    assert_eq!(outcome.unread_from, None);
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    for one in framed {
        match one {
            Framed::Document(range) => accepted.push(&body[range]),
            Framed::Rejected(rejection) => rejected.push((rejection.place.line.unwrap(), rejection.reason.to_string())),
        }
    }
    (accepted, rejected)
}

#[test]
fn what_is_no_line_costs_itself_only() {
    let one = "1;20.11.26;14:03:10;300;13;";
    let two = "2;20.11.26;14:03:10;300;13;\n<Document a=\"1\"/>";
    let body = format!("{one}\n\n5;nothing\n{two}\n</Document>\n");
    let (accepted, rejected) = verdicts(&body);
    assert_eq!(accepted, [one, two]);
    assert_eq!(rejected.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 6]);
    assert!(rejected[0].1.contains("number;dd.mm.yy;hh:mm:ss;code"));
    // The files of Frontol have other years.
    for line in [
        "1;20.11.2026;14:03:10;300;13;",
        "1;20.11.26;14:03;300;13;",
        ";20.11.26;14:03:10;300;13;",
        "1;20.11.26;14:03:10;a;13;",
        "1;20.11.26;14:03:10;300",
    ] {
        assert_eq!(verdicts(line).0, [""; 0], "{line}");
    }
}

#[test]
fn a_block_without_its_end_costs_its_own_line_only() {
    let torn = "1;20.11.26;14:03:10;300;13;\n<Document>\nКомментарий\n";
    let next = "2;20.11.26;14:03:10;300;13;";
    let body = format!("{torn}{next}");
    let (accepted, rejected) = verdicts(&body);
    assert_eq!(accepted, [next]);
    let [(1, reason)] = &rejected[..] else { panic!("{rejected:?}") };
    assert!(reason.contains("has no end"), "{reason}");
    let limits = formats::Limits { document_bytes: 40, documents: 10 };
    let whole = format!("{torn}</Document>\n{next}");
    let (framed, outcome) = frame_within(KASSIR_5, whole.as_bytes(), &limits);
    assert!(matches!(&framed[0], Framed::Rejected(rejection) if rejection.reason.code() == "too-large"));
    assert_eq!((outcome.documents, outcome.rejected), (1, 1));
}

#[test]
fn a_day_that_does_not_exist_is_told_with_its_place() {
    let fault = support::parse("kassir-5", b"1;31.02.26;14:03:10;300;13;").unwrap_err();
    assert_eq!((fault.class, &*fault.place), (Class::Invalid, "line 1, field 2"));
    let fault = support::parse("kassir-5", b"<Document/>").unwrap_err();
    assert_eq!((fault.class, &*fault.place), (Class::Undecodable, "line 1"));
}
