//! What the tests share: a context, documents, and an encoder of TLV that knows nothing of the
//! parser.

use formats::{Choice, Context, Framed, Invalid, Limits, Outcome, Parsed};
use schemas::{
    Timestamp,
    events::RegisterEvent,
    receipts::{Item, Receipt},
    shifts::ShiftDocument,
};

pub(crate) const HASH: &str = "00112233445566778899aabbccddeeff";

/// A register in Yekaterinburg (+05:00), received on 2026-11-24 00:00 UTC.
pub(crate) const CONTEXT: Context<'static> = Context {
    tenant: "acme",
    register: "till-7",
    shop: Some("shop-1"),
    time_zone: Some("Asia/Yekaterinburg"),
    document_id: None,
    charset: None,
    keeps_personal_data: false,
    received_at: Timestamp(1_795_478_400_000_000),
    document_hash: HASH,
    raw_topic: "registers.raw.v1",
    raw_partition: 3,
    raw_offset: 42,
};

pub(crate) const DREAMKAS: &str = "application/vnd.kassaflow.dreamkas+json";
pub(crate) const DREAMKAS_LINES: &str = "application/vnd.kassaflow.dreamkas+ndjson";
pub(crate) const ATOL: &str = "application/vnd.kassaflow.atol+json";
pub(crate) const ATOL_LINES: &str = "application/vnd.kassaflow.atol+ndjson";
pub(crate) const ATOL_ONLINE: &str = "application/vnd.kassaflow.atol-online+json";
pub(crate) const ATOL_ONLINE_LINES: &str = "application/vnd.kassaflow.atol-online+ndjson";
pub(crate) const EVOTOR: &str = "application/vnd.kassaflow.evotor+json";
pub(crate) const EVOTOR_LINES: &str = "application/vnd.kassaflow.evotor+ndjson";
pub(crate) const FNS: &str = "application/vnd.kassaflow.fns-json+json";
pub(crate) const FNS_LINES: &str = "application/vnd.kassaflow.fns-json+ndjson";
pub(crate) const FRONTOL: &str = "application/vnd.kassaflow.frontol";
pub(crate) const KASSIR_5: &str = "application/vnd.kassaflow.kassir-5";
pub(crate) const SET_RETAIL: &str = "application/vnd.kassaflow.set-retail+xml";
pub(crate) const XML_1C: &str = "application/vnd.kassaflow.xml-1c+xml";
pub(crate) const TLV: &str = "application/vnd.kassaflow.ffd-tlv";

pub(crate) fn choice(content_type: &str) -> Choice {
    formats::choose(None, Some(content_type)).unwrap()
}

/// Frames a body and checks what must hold for every body.
pub(crate) fn frame_within(content_type: &str, body: &[u8], limits: &Limits) -> (Vec<Framed>, Outcome) {
    let mut framed = Vec::new();
    let outcome = choice(content_type).frame(body, limits, &mut |one| framed.push(one));
    let mut end = 0;
    for one in &framed {
        match one {
            Framed::Document(range) => {
                assert!(
                    end <= range.start && range.start < range.end && range.end <= body.len(),
                    "{range:?} after {end}"
                );
                assert!(range.len() <= limits.document_bytes);
                end = range.end;
            }
            Framed::Rejected(rejection) => assert!(rejection.place.offset <= body.len()),
        }
    }
    let documents = framed.iter().filter(|one| matches!(one, Framed::Document(_))).count();
    assert_eq!((outcome.documents, outcome.rejected), (documents, framed.len() - documents));
    assert!(framed.len() <= limits.documents);
    assert!(outcome.unread_from.is_none_or(|from| end <= from && from <= body.len()), "{outcome:?} after {end}");
    assert!(!framed.is_empty() || limits.documents == 0 || outcome.unread_from.is_none());
    (framed, outcome)
}

pub(crate) fn frame(content_type: &str, body: &[u8]) -> (Vec<Framed>, Outcome) {
    frame_within(content_type, body, &Limits::default())
}

/// The documents of a body in which nothing is wrong.
pub(crate) fn documents<'b>(content_type: &str, body: &'b [u8]) -> Vec<&'b [u8]> {
    let (framed, outcome) = frame(content_type, body);
    assert_eq!(outcome.unread_from, None);
    framed
        .into_iter()
        .map(|one| match one {
            Framed::Document(range) => &body[range],
            Framed::Rejected(rejection) => panic!("{}: {}", rejection.place, rejection.reason),
        })
        .collect()
}

pub(crate) fn parse<'b>(family: &str, document: &'b [u8]) -> Result<Parsed<'b>, Invalid> {
    formats::family(family).unwrap().parse(document, &CONTEXT)
}

pub(crate) fn receipt<'b>(family: &str, document: &'b [u8]) -> Receipt<'b> {
    match parse(family, document).unwrap() {
        Parsed::Receipt(receipt) => *receipt,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn shift<'b>(family: &str, document: &'b [u8]) -> ShiftDocument<'b> {
    match parse(family, document).unwrap() {
        Parsed::Shift(shift) => *shift,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn event<'b>(family: &str, document: &'b [u8]) -> RegisterEvent<'b> {
    match parse(family, document).unwrap() {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

/// `flags` as plain words.
pub(crate) fn flags<'r>(receipt: &'r Receipt<'_>) -> Vec<&'r str> {
    receipt.flags.iter().map(|flag| &**flag).collect()
}

pub(crate) fn quantity(item: &Item<'_>) -> String {
    item.quantity.to_string()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// Writes TLV by the rules of the format, without any code of the parser.
pub(crate) mod encoder {
    pub(crate) fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        [&tag.to_le_bytes()[..], &length.to_le_bytes(), value].concat()
    }

    /// Type V: no needless bytes.
    pub(crate) fn number(value: i64) -> Vec<u8> {
        let mut bytes = value.to_le_bytes().to_vec();
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes
    }

    /// Type F: three digits after the point.
    pub(crate) fn thousandths(value: i64) -> Vec<u8> {
        [vec![3], number(value)].concat()
    }

    pub(crate) fn wide(value: u32) -> [u8; 4] {
        value.to_le_bytes()
    }

    /// CP866 of ASCII and Russian letters.
    pub(crate) fn text(text: &str) -> Vec<u8> {
        text.chars()
            .map(|c| match c {
                'А'..='п' => u8::try_from(u32::from(c) - 0x410 + 0x80).unwrap(),
                'р'..='я' => u8::try_from(u32::from(c) - 0x440 + 0xE0).unwrap(),
                'Ё' => 0xF0,
                'ё' => 0xF1,
                '№' => 0xFC,
                c => u8::try_from(c).ok().filter(u8::is_ascii).unwrap(),
            })
            .collect()
    }

    pub(crate) fn padded(text: &str, length: usize) -> Vec<u8> {
        format!("{text:length$}").into_bytes()
    }

    pub(crate) fn sign(kind: u8, sign: u32) -> Vec<u8> {
        [&[kind, 4][..], &sign.to_be_bytes()].concat()
    }

    /// Puts the drive's container around a document.
    pub(crate) fn container(document: &[u8], drive: &str, number: u32) -> Vec<u8> {
        let digits: Vec<u8> =
            format!("{drive:f<16}").bytes().map(|b| char::from(b).to_digit(16).unwrap().try_into().unwrap()).collect();
        let drive: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let length = u16::try_from(32 + document.len() + 10).unwrap().to_le_bytes();
        let rest = [
            &[0xA5, document[0], 1, 0x10, 0x09][..],
            &drive,
            &number.to_be_bytes()[1..],
            &[0; 12],
            document,
            &[0x81, 0x06, 1, 2, 3, 4, 5, 6, 0, 0],
        ]
        .concat();
        let crc = [&length[..], &rest].concat().iter().fold(0xFFFF_u16, |crc, byte| {
            (0..8).fold(
                crc ^ u16::from(*byte) << 8,
                |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 },
            )
        });
        [&length[..], &crc.to_le_bytes(), &rest].concat()
    }
}
