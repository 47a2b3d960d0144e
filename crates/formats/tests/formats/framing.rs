//! Promise 2: every document has its own verdict, and one bad document never costs the others.

use formats::{Framed, Limits, Outcome, Reason, Rejection};

use crate::support::{
    DREAMKAS, DREAMKAS_LINES, TLV, documents,
    encoder::{container, number, padded, tlv},
    frame, frame_within, hex,
};

const SALE: &str = include_str!("../../documents/dreamkas/sale.json");
const LINES: &str = include_str!("../../documents/dreamkas/sales.ndjson");
const ENCASHMENTS: &str = include_str!("../../documents/dreamkas/encashments.json");

/// Offset, line and code of a rejection.
type Fault = (usize, Option<usize>, &'static str);

/// Texts of the accepted documents, faults of the rejected ones, and `unread_from`.
fn verdicts<'b>(content_type: &str, body: &'b [u8]) -> (Vec<&'b str>, Vec<Fault>, Option<usize>) {
    let (framed, outcome) = frame(content_type, body);
    let mut accepted = Vec::new();
    let mut rejected = Vec::new();
    for one in framed {
        match one {
            Framed::Document(range) => accepted.push(std::str::from_utf8(&body[range]).unwrap()),
            Framed::Rejected(Rejection { place, reason, .. }) => {
                rejected.push((place.offset, place.line, reason.code()))
            }
        }
    }
    (accepted, rejected, outcome.unread_from)
}

#[test]
fn a_document_an_array_a_list_and_lines_are_bodies() {
    assert_eq!(documents(DREAMKAS, SALE.as_bytes()), [SALE.trim().as_bytes()]);
    assert_eq!(
        documents(DREAMKAS, b" [{\"a\":1} , {\"b\":[2,{}]},\n{}] "),
        [&b"{\"a\":1}"[..], b"{\"b\":[2,{}]}", b"{}"]
    );
    assert_eq!(documents(DREAMKAS, b"[]"), [b""; 0]);
    assert_eq!(
        documents(DREAMKAS, b"{\"query\":{},\"data\":[{\"a\":1},{\"b\":2}],\"more\":null}"),
        [b"{\"a\":1}", b"{\"b\":2}"]
    );
    assert_eq!(documents(DREAMKAS, b"{\"data\":[]}"), [b""; 0]);
    assert_eq!(documents(DREAMKAS, ENCASHMENTS.as_bytes()).len(), 2);
    assert_eq!(documents(DREAMKAS_LINES, b"{\"a\":1}\r\n\n \t\n{\"b\":2}"), [b"{\"a\":1}", b"{\"b\":2}"]);
    assert_eq!(documents(DREAMKAS, b"\xEF\xBB\xBF{\"a\":1}\n"), [b"{\"a\":1}"]);
    assert_eq!(documents(DREAMKAS_LINES, b"\xEF\xBB\xBF{\"a\":1}\n"), [b"{\"a\":1}"]);
}

#[test]
fn a_field_data_that_is_no_array_makes_no_list() {
    for body in [
        "{\"data\":{\"a\":[1]}}",
        "{\"data\":\"x\"}",
        "{\"data\":1.5}",
        "{\"data\":-3}",
        "{\"data\":null}",
        "{\"data\":true}",
        "{\"data\":7}",
    ] {
        assert_eq!(documents(DREAMKAS, body.as_bytes()), [body.as_bytes()]);
    }
}

#[test]
fn lines_go_on_after_a_bad_one() {
    let (accepted, rejected, unread) = verdicts(DREAMKAS_LINES, LINES.as_bytes());
    assert_eq!(accepted.len(), 2);
    assert!(accepted[1].contains("\"amount\":300"));
    // The second line breaks off after its comma.
    let second = LINES.find("{\"type\":\"SALE\",\"amount\":200").unwrap();
    let [(offset, Some(2), "malformed")] = rejected[..] else { panic!("{rejected:?}") };
    assert!((second..second + 90).contains(&offset));
    assert_eq!(unread, None);

    let (accepted, rejected, unread) = verdicts(DREAMKAS_LINES, b"{\"a\":\"\xFF\"}\n[1]\n{}\n{\"b\":1}x");
    assert_eq!((accepted, unread), (vec!["{}"], None));
    assert_eq!(rejected, [(6, Some(1), "malformed"), (10, Some(2), "malformed"), (24, Some(4), "malformed")]);
}

#[test]
fn an_array_keeps_what_came_before_the_fault() {
    let body = b"[{\"a\":1},\n {\"b\":2} , {\"c\":tru}, {\"d\":4}]";
    let (accepted, rejected, unread) = verdicts(DREAMKAS, body);
    assert_eq!(accepted, ["{\"a\":1}", "{\"b\":2}"]);
    let [(offset, Some(2), "malformed")] = rejected[..] else { panic!("{rejected:?}") };
    assert_eq!(&body[unread.unwrap()..unread.unwrap() + 5], b"{\"c\":");
    assert!((26..31).contains(&offset), "{offset}");
}

#[test]
fn a_list_keeps_what_came_before_the_fault() {
    let body = b"{\"data\":[{\"a\":1},{\"b\"}],\"query\":{}}";
    let (accepted, rejected, unread) = verdicts(DREAMKAS, body);
    assert_eq!((accepted, unread), (vec!["{\"a\":1}"], Some(17)));
    assert_eq!(rejected.len(), 1);
    // Broken behind its documents: they are taken, and the fault is told.
    let (accepted, rejected, unread) = verdicts(DREAMKAS, b"{\"data\":[{\"a\":1}],\"query\":");
    assert_eq!((accepted, rejected.len()), (vec!["{\"a\":1}"], 1));
    assert!(unread.is_some());
}

#[test]
fn an_array_that_is_cut_anywhere_keeps_its_whole_documents() {
    let body = b"[{\"a\":1},{\"b\":\"\xD0\x96\"},{\"c\":[{}]}]";
    for cut in 0..body.len() {
        let (framed, outcome) = frame(DREAMKAS, &body[..cut]);
        let whole = [8, 19, 30].iter().filter(|end| **end <= cut).count();
        assert_eq!(outcome.documents, whole, "cut at {cut}");
        assert_eq!(outcome.rejected, 1, "cut at {cut}: {framed:?}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_cost_only_what_follows() {
    let (accepted, rejected, unread) = verdicts(DREAMKAS, b"[{\"a\":1},{\"b\":\"\xFF\"},{}]");
    assert_eq!((accepted, unread), (vec!["{\"a\":1}"], Some(9)));
    assert_eq!(rejected, [(15, Some(1), "malformed")]);
    let (accepted, rejected, _) = verdicts(DREAMKAS, b"{\"a\":1}\xFF");
    assert_eq!((accepted.len(), rejected), (0, vec![(7, Some(1), "malformed")]));
    let (accepted, rejected, _) = verdicts(DREAMKAS, b"[{\"a\":1}]\n\xFF");
    assert_eq!((accepted.len(), rejected), (1, vec![(10, Some(2), "malformed")]));
}

#[test]
fn what_is_no_document_is_told_at_once() {
    for body in [&b""[..], b" \n ", b"1", b"\"text\"", b"nonsense", b"{}{}", b"{\"a\":1} x", b"\xFF", b"\xEF\xBB\xBF"] {
        let (accepted, rejected, unread) = verdicts(DREAMKAS, body);
        assert_eq!((accepted.len(), rejected.len(), unread), (0, 1, None), "{body:?}");
    }
    for body in [&b""[..], b"\n\n", b"\xEF\xBB\xBF"] {
        assert_eq!(verdicts(DREAMKAS_LINES, body), (vec![], vec![(0, Some(1), "malformed")], None));
    }
    assert_eq!(verdicts(TLV, b""), (vec![], vec![(0, None, "malformed")], None));
    // Elements that are no objects cost themselves only.
    let (accepted, rejected, unread) = verdicts(DREAMKAS, b"[1,{},\"x\",\n[{}],{}]");
    assert_eq!((accepted, unread), (vec!["{}", "{}"], None));
    assert_eq!(rejected, [(1, Some(1), "malformed"), (6, Some(1), "malformed"), (11, Some(2), "malformed")]);
}

#[test]
fn ten_thousand_levels_are_refused_without_a_crash() {
    let deep = |open: &str, close: &str| format!("{{\"a\":{}1{}}}", open.repeat(10_000), close.repeat(10_000));
    for document in [deep("[", "]"), deep("{\"a\":", "}")] {
        for (content_type, body) in [
            (DREAMKAS, document.clone()),
            (DREAMKAS, format!("[{document},{{}}]")),
            (DREAMKAS_LINES, format!("{document}\n{{}}")),
        ] {
            let (framed, outcome) = frame(content_type, body.as_bytes());
            assert!(
                matches!(&framed[0], Framed::Rejected(Rejection { reason: Reason::TooDeep, .. })),
                "{:?}",
                framed[0]
            );
            assert_eq!((outcome.documents, outcome.unread_from), (framed.len() - 1, None));
        }
        // Unclosed, and in a field of the list that nobody reads.
        assert_eq!(frame(DREAMKAS, "[".repeat(10_000).as_bytes()).1.documents, 0);
        assert_eq!(frame(DREAMKAS, format!("{{\"query\":{document},\"data\":[{{}}]}}").as_bytes()).1.documents, 1);
        let _verdict = crate::support::parse("dreamkas", document.as_bytes());
    }
    let wide = format!("{{\"a\":[{}{{}}],\"b\":\"{}\"}}", "{},".repeat(500), "[".repeat(500));
    assert_eq!(documents(DREAMKAS, wide.as_bytes()).len(), 1);
}

#[test]
fn a_document_that_is_too_large_costs_itself_only() {
    let limits = Limits { document_bytes: 20, documents: 10 };
    let large = "{\"name\":\"more than twenty bytes\"}";
    let too_large = |start| {
        Framed::Rejected(Rejection {
            range: start..start + large.len(),
            place: formats::Place { offset: start, line: Some(1 + usize::from(start == 3)) },
            reason: Reason::TooLarge { bytes: large.len(), limit: 20 },
        })
    };
    let array = format!("[{{}},{large},{{}}]");
    let (framed, outcome) = frame_within(DREAMKAS, array.as_bytes(), &limits);
    assert!(matches!(&framed[1], Framed::Rejected(r) if r.place.offset == 4 && r.reason.code() == "too-large"));
    assert_eq!(outcome, Outcome { documents: 2, rejected: 1, unread_from: None, encoding: None });
    let lines = format!("{{}}\n{large}\n{{}}");
    let (framed, outcome) = frame_within(DREAMKAS_LINES, lines.as_bytes(), &limits);
    assert_eq!(framed[1], too_large(3));
    assert_eq!(outcome, Outcome { documents: 2, rejected: 1, unread_from: None, encoding: None });
    let (framed, _) = frame_within(DREAMKAS, large.as_bytes(), &limits);
    assert_eq!(framed, [too_large(0)]);
    let tlvs = [tlv(3, &[]), tlv(3, &tlv(1041, &padded("1", 16))), tlv(5, &[])].concat();
    let (framed, outcome) = frame_within(TLV, &tlvs, &limits);
    assert!(matches!(&framed[1], Framed::Rejected(r) if r.place.offset == 4 && r.reason.code() == "too-large"));
    assert_eq!(outcome, Outcome { documents: 2, rejected: 1, unread_from: None, encoding: None });
}

#[test]
fn a_batch_that_is_too_long_is_to_be_sent_on() {
    let limits = Limits { documents: 2, ..Limits::default() };
    let outcome = |content_type, body: &[u8]| frame_within(content_type, body, &limits).1;
    let full = |from| Outcome { documents: 2, rejected: 0, unread_from: Some(from), encoding: None };
    assert_eq!(outcome(DREAMKAS, b"[{},{} ,{},{}]"), full(8));
    assert_eq!(outcome(DREAMKAS, b"[{},{}]"), Outcome { documents: 2, rejected: 0, unread_from: None, encoding: None });
    assert_eq!(outcome(DREAMKAS, b"{\"data\":[{},{},{}]}"), full(15));
    assert_eq!(outcome(DREAMKAS_LINES, b"{}\n{}\n\n{}\n"), full(7));
    assert_eq!(outcome(TLV, &tlv(3, &[]).repeat(3)), full(8));
    // A bad document takes a place of the batch, and too many bad ones end it as well.
    assert_eq!(
        outcome(DREAMKAS_LINES, b"{}\nx\nx"),
        Outcome { documents: 1, rejected: 1, unread_from: Some(5), encoding: None }
    );
    assert_eq!(outcome(DREAMKAS, b"[{},{},x]"), full(7));
}

#[test]
fn tlv_documents_follow_each_other_with_and_without_containers() {
    let bare = hex(include_str!("../../documents/ffd-tlv/receipt.hex"));
    let contained = hex(include_str!("../../documents/ffd-tlv/receipt-in-container.hex"));
    let closed = hex(include_str!("../../documents/ffd-tlv/shift-close.hex"));
    let body = [&bare[..], &contained, &closed, &contained, &bare].concat();
    assert_eq!(documents(TLV, &body), [&bare[..], &contained, &closed, &contained, &bare]);
    assert_eq!(container(&bare, "9999078900001234", 4417), contained);
}

#[test]
fn tlv_that_is_cut_anywhere_keeps_its_whole_documents() {
    let contained = hex(include_str!("../../documents/ffd-tlv/receipt-in-container.hex"));
    let closed = hex(include_str!("../../documents/ffd-tlv/shift-close.hex"));
    let body = [&closed[..], &contained, &closed].concat();
    let ends = [closed.len(), closed.len() + contained.len(), body.len()];
    for cut in 1..body.len() {
        let (_, outcome) = frame(TLV, &body[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let at_end = ends.contains(&cut);
        assert_eq!((outcome.documents, outcome.rejected), (whole, usize::from(!at_end)), "cut at {cut}");
        let begin = ends.iter().copied().rfind(|end| *end <= cut).unwrap_or(0);
        assert_eq!(outcome.unread_from, (!at_end).then_some(begin), "cut at {cut}");
    }
}

#[test]
fn lengths_that_lie_are_told_with_their_place() {
    let good = tlv(3, &tlv(1020, &number(1)));
    let fault = |bad: &[u8]| {
        let (framed, outcome) = frame(TLV, &[&good[..], bad].concat());
        let Framed::Rejected(rejection) = &framed[1] else { panic!("{framed:?}") };
        assert_eq!((outcome.documents, outcome.unread_from), (1, Some(good.len())));
        (rejection.place.offset - good.len(), rejection.reason.to_string())
    };
    assert_eq!(fault(&[3, 0, 200, 0, 1]), (0, "tag 3 claims 200 bytes, 1 are left".into()));
    assert_eq!(fault(&[3, 0, 3]), (0, "a tag and a length need 4 bytes, 3 are left".into()));
    assert_eq!(fault(&tlv(3, &[0xFC, 3, 9, 0, 1])), (4, "tag 1020 claims 9 bytes, 1 are left".into()));
    assert_eq!(fault(&tlv(3, &tlv(1059, &[0x13, 4, 9, 0, 1]))), (8, "tag 1043 claims 9 bytes, 1 are left".into()));
    assert_eq!(fault(&tlv(1059, &[])), (0, "tag 1059 begins no document".into()));
}

#[test]
fn a_damaged_container_is_told_with_its_place() {
    let contained = hex(include_str!("../../documents/ffd-tlv/receipt-in-container.hex"));
    let fault = |at: usize, byte: u8| {
        let mut damaged = contained.clone();
        damaged[at] = byte;
        let (framed, outcome) = frame(TLV, &damaged);
        let [Framed::Rejected(rejection)] = &framed[..] else { panic!("{framed:?}") };
        assert_eq!(outcome.unread_from, Some(0));
        rejection.reason.to_string()
    };
    assert!(fault(100, 0).contains("checksum"));
    assert!(fault(2, 0).contains("checksum"));
    assert!(fault(0, 0xFF).contains("claims"));
    // An encrypted body: the checksum is right, but no document is inside.
    let mut inner = hex(include_str!("../../documents/ffd-tlv/receipt.hex"));
    inner[1] = 0x77;
    let (framed, _) = frame(TLV, &container(&inner, "9999078900001234", 4417));
    assert!(
        matches!(&framed[..], [Framed::Rejected(r)] if r.place.offset == 32 && r.reason.to_string().contains("encrypted"))
    );
}
