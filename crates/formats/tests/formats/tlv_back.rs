//! From TLV to the canonical record and back: whatever a register wrote can be written again from the record alone.
//!
//! The writer here knows the record and the tables of the format, and nothing of the parser.

use std::collections::HashSet;

use formats::{Context, Parsed};
use proptest::prelude::*;
use schemas::{
    events::RegisterEvent,
    receipts::{Item, Operation, PaymentKind, Receipt, ReceiptKind, VatRate},
    shifts::{ShiftDocument, ShiftKind},
};

use crate::{
    support::{
        CONTEXT,
        encoder::{number, padded, sign, text, tlv, wide},
        hex,
    },
    vendors,
};

/// Tags that tell who the buyer is.
const PERSONAL: &[u16] = &[1008, 1227, 1228, 1243, 1244, 1245, 1246, 1254, 1256];

/// Writes one object: first its fields, then its other tags as they are. A tag that the other tags have is not written
/// from its field, and neither is one whose field another tag was read into.
struct Object<'r> {
    others: &'r [u8],
    held: HashSet<u16>,
    out: Vec<u8>,
}

impl<'r> Object<'r> {
    fn new(others: Option<&'r [u8]>) -> Self {
        let others = others.unwrap_or_default();
        let mut held: HashSet<u16> = elements(others).unwrap().iter().map(|(tag, _)| *tag).collect();
        for (instead, tags) in [(2108, &[1197][..]), (1163, &[1162]), (1256, &[1227, 1228])] {
            if held.contains(&instead) {
                held.extend(tags);
            }
        }
        if held.contains(&1115) {
            held.extend(1102..=1107);
        }
        Self { others, held, out: Vec::new() }
    }

    fn put(&mut self, tag: u16, value: Option<impl AsRef<[u8]>>) {
        if let Some(value) = value.filter(|_| !self.held.contains(&tag)) {
            self.out.extend(tlv(tag, value.as_ref()));
        }
    }

    fn text(&mut self, tag: u16, value: Option<&str>) {
        self.put(tag, value.map(cp866));
    }

    fn padded(&mut self, tag: u16, width: usize, value: Option<&str>) {
        let blanks = |mut text: Vec<u8>| {
            text.resize(width.max(text.len()), b' ');
            text
        };
        self.put(tag, value.map(cp866).map(blanks));
    }

    fn word(&mut self, tag: u16, value: Option<i64>) {
        self.put(tag, value.map(|value| wide(value.try_into().unwrap())));
    }

    fn byte(&mut self, tag: u16, value: Option<i32>) {
        self.put(tag, value.map(|value| [u8::try_from(value).unwrap()]));
    }

    fn sum(&mut self, tag: u16, value: Option<i64>) {
        self.put(tag, value.map(number));
    }

    fn close(self) -> Vec<u8> {
        [&self.out[..], self.others].concat()
    }
}

fn cp866(text: &str) -> Vec<u8> {
    let (bytes, _, has_unknown) = encoding_rs::IBM866.encode(text);
    // What is no letter of CP866 came from an element that is kept: nobody writes it.
    if has_unknown { b"?".to_vec() } else { bytes.into_owned() }
}

/// The head of all three records.
macro_rules! put_head {
    ($object:expr, $record:expr) => {
        $object.padded(1041, 16, $record.drive_number.as_deref());
        $object.padded(1037, 20, $record.registration_number.as_deref());
        $object.word(1040, $record.document_number);
        $object.word(1038, $record.shift_number);
        $object.word(1012, $record.local_time.map(|time| time.0 / 1_000_000));
        $object.text(1021, $record.cashier_name.as_deref());
        $object.padded(1203, 12, $record.cashier_inn.as_deref());
    };
}

fn written(parsed: &Parsed<'_>) -> Vec<u8> {
    match parsed {
        Parsed::Receipt(receipt) => written_receipt(receipt),
        Parsed::Shift(shift) => written_shift(shift),
        Parsed::Event(event) => written_event(event),
    }
}

fn written_event(event: &RegisterEvent<'_>) -> Vec<u8> {
    let mut object = Object::new(event.other_tags.as_deref());
    put_head!(object, event);
    let tag = match event.name.as_deref() {
        Some("registration") => 1,
        Some("drive-closing") => 6,
        Some("registration-change") => 11,
        Some("state-report") => 21,
        other => panic!("{other:?}"),
    };
    tlv(tag, &object.close())
}

fn written_shift(shift: &ShiftDocument<'_>) -> Vec<u8> {
    let mut object = Object::new(shift.other_tags.as_deref());
    put_head!(object, shift);
    object.word(1118, shift.receipts);
    object.word(1111, shift.documents);
    object.word(1097, shift.unsent_documents);
    let tag = match shift.kind {
        ShiftKind::Open => 2,
        ShiftKind::Close => 5,
        ShiftKind::Unknown => panic!(),
    };
    tlv(tag, &object.close())
}

fn written_receipt(receipt: &Receipt<'_>) -> Vec<u8> {
    let mut object = Object::new(receipt.other_tags.as_deref());
    put_head!(object, receipt);
    object.word(1042, receipt.receipt_number);
    object.byte(
        1054,
        Some(match receipt.operation {
            Operation::Unknown => panic!(),
            Operation::Sell => 1,
            Operation::SellReturn => 2,
            Operation::Buy => 3,
            Operation::BuyReturn => 4,
        }),
    );
    object.sum(1020, Some(receipt.total_kopecks));
    object.byte(1055, receipt.taxation);
    for payment in &receipt.payments {
        let tag = match payment.kind {
            PaymentKind::Other => panic!(),
            PaymentKind::Cash => 1031,
            PaymentKind::Card => 1081,
            PaymentKind::Prepaid => 1215,
            PaymentKind::Credit => 1216,
            PaymentKind::CounterProvision => 1217,
        };
        object.sum(tag, Some(payment.amount_kopecks));
    }
    put_vat(&mut object, receipt);
    for item in &receipt.items {
        object.out.extend(tlv(1059, &written_item(item)));
    }
    object.byte(1173, receipt.correction_type);
    let mut base = Object::new(None);
    base.put(1178, receipt.correction_date.as_deref().map(|day| wide(midnight(day))));
    base.text(1179, receipt.correction_number.as_deref());
    object.put(1174, Some(base.close()).filter(|base| !base.is_empty()));
    object.text(1008, receipt.buyer_contact.as_deref());
    object.text(1227, receipt.buyer_name.as_deref());
    object.padded(1228, 12, receipt.buyer_inn.as_deref());
    let tag = match receipt.kind {
        ReceiptKind::Unknown => panic!(),
        ReceiptKind::Receipt => 3,
        ReceiptKind::StrictForm => 4,
        ReceiptKind::ReceiptCorrection => 31,
        ReceiptKind::StrictFormCorrection => 41,
    };
    tlv(tag, &object.close())
}

fn put_vat(object: &mut Object<'_>, receipt: &Receipt<'_>) {
    let mut list = Vec::new();
    for vat in &receipt.vat_sums {
        let tag = match vat.rate {
            VatRate::Vat20 | VatRate::Vat18 => 1102,
            VatRate::Vat10 => 1103,
            VatRate::Vat0 => 1104,
            VatRate::None => 1105,
            VatRate::Vat20_120 | VatRate::Vat18_118 => 1106,
            VatRate::Vat10_110 => 1107,
            other => {
                let pair = [tlv(1199, &[code(other)]), tlv(1120, &number(vat.sum_kopecks))].concat();
                list.extend(tlv(1119, &pair));
                continue;
            }
        };
        object.sum(tag, Some(vat.sum_kopecks));
    }
    object.put(1115, Some(list).filter(|list| !list.is_empty()));
}

fn code(rate: VatRate) -> u8 {
    match rate {
        VatRate::Vat20 | VatRate::Vat18 => 1,
        VatRate::Vat10 => 2,
        VatRate::Vat20_120 | VatRate::Vat18_118 => 3,
        VatRate::Vat10_110 => 4,
        VatRate::Vat0 => 5,
        VatRate::None => 6,
        VatRate::Vat5 => 7,
        VatRate::Vat7 => 8,
        VatRate::Vat5_105 => 9,
        VatRate::Vat7_107 => 10,
        VatRate::Vat22 => 11,
        VatRate::Vat22_122 => 12,
        // Of a code that is not known: its element is kept.
        VatRate::Unknown | VatRate::Mixed => 0,
    }
}

fn written_item(item: &Item<'_>) -> Vec<u8> {
    let mut object = Object::new(item.other_tags.as_deref());
    object.text(1030, item.name.as_deref());
    object.put(1023, Some(item.quantity.unscaled()).filter(|millionths| *millionths != 0).map(quantity));
    object.text(1197, item.unit.as_deref());
    object.sum(1079, item.price_kopecks);
    object.sum(1043, item.sum_kopecks);
    object.put(1199, item.vat_rate.map(|rate| [code(rate)]));
    object.sum(1200, item.vat_sum_kopecks);
    object.byte(1214, item.payment_method);
    object.byte(1212, item.payment_subject);
    if !object.held.contains(&1162) {
        object.put(1162, item.marking_code.as_deref().map(hex));
    }
    object.byte(1222, item.agent);
    object.padded(1226, 12, item.supplier_inn.as_deref());
    object.put(1224, item.supplier_name.as_deref().map(|name| tlv(1225, &cp866(name))));
    object.close()
}

/// As few digits after the point as a number of millionths needs, and as few bytes.
fn quantity(millionths: i64) -> Vec<u8> {
    let (mut digits, mut mantissa) = (6, millionths);
    while digits > 0 && mantissa % 10 == 0 {
        (digits, mantissa) = (digits - 1, mantissa / 10);
    }
    [vec![digits], number(mantissa)].concat()
}

/// Seconds from 1970-01-01 to the begin of the day `2026-11-20`.
fn midnight(day: &str) -> u32 {
    let parts: Vec<u32> = day.split('-').map(|part| part.parse().unwrap()).collect();
    let [year, month, day] = parts[..] else { panic!() };
    let leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let years: u32 = (1970..year).map(|year| 365 + u32::from(leap(year))).sum();
    let lengths = [31, 28 + u32::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    (years + lengths[..month as usize - 1].iter().sum::<u32>() + day - 1) * 86_400
}

/// Tags and values one after another; nothing where the bytes are none.
fn elements(mut bytes: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut elements = Vec::new();
    while let [a, b, c, d, rest @ ..] = bytes {
        let (value, rest) = rest.split_at_checked(u16::from_le_bytes([*c, *d]).into())?;
        elements.push((u16::from_le_bytes([*a, *b]), value));
        bytes = rest;
    }
    bytes.is_empty().then_some(elements)
}

/// Every element with its place, sorted. Objects other than the document and its items count as one value.
fn places(document: &[u8]) -> Vec<(String, Vec<u8>)> {
    let [(root, inside)] = elements(document).unwrap()[..] else { panic!() };
    let (mut places, mut item) = (Vec::new(), 0);
    for (tag, value) in elements(inside).unwrap() {
        if tag == 1059 && matches!(root, 3 | 4 | 31 | 41) {
            places.push((format!("{root}/1059[{item}]"), Vec::new()));
            for (tag, value) in elements(value).unwrap() {
                places.push((format!("{root}/1059[{item}]/{tag}"), value.to_vec()));
            }
            item += 1;
        } else {
            places.push((format!("{root}/{tag}"), value.to_vec()));
        }
    }
    places.sort();
    places
}

fn is_personal((place, _): &(String, Vec<u8>)) -> bool {
    PERSONAL.iter().any(|tag| place.ends_with(&format!("/{tag}")))
}

/// That every element of a document comes back, and without personal data every other one.
#[track_caller]
fn comes_back(document: &[u8]) {
    let record = |keeps_personal_data| {
        let context = Context { keeps_personal_data, ..CONTEXT };
        written(&formats::family("ffd-tlv").unwrap().parse(document, &context).unwrap())
    };
    let sent = places(document);
    assert_eq!(places(&record(true)), sent);
    let rest: Vec<_> = sent.into_iter().filter(|place| !is_personal(place)).collect();
    assert_eq!(places(&record(false)), rest);
}

#[test]
fn the_documents_of_this_repository_come_back() {
    let documents = [
        include_str!("../../documents/ffd-tlv/receipt.hex"),
        include_str!("../../documents/ffd-tlv/correction.hex"),
        include_str!("../../documents/ffd-tlv/shift-open.hex"),
        include_str!("../../documents/ffd-tlv/shift-close.hex"),
    ];
    documents.iter().for_each(|document| comes_back(&hex(document)));
}

#[test]
fn the_vendors_documents_come_back() {
    let Some(folder) = vendors::samples() else { return };
    for file in ["ffd-tlv/receipt-ffd105.tlv.hex", "ffd-tlv/registration.tlv.hex"] {
        comes_back(&hex(&String::from_utf8(vendors::read(&folder, file)).unwrap()));
    }
}

/// The least that is a document.
fn least(tag: u16) -> Vec<Vec<u8>> {
    let receipt = matches!(tag, 3 | 4 | 31 | 41).then(|| [tlv(1054, &[1]), tlv(1020, &number(100))]);
    let head = [
        tlv(1041, &padded("9999078900001234", 16)),
        tlv(1040, &wide(7)),
        tlv(1012, &wide(1_795_183_500)),
        tlv(1077, &sign(0x31, 9)),
    ];
    head.into_iter().chain(receipt.into_iter().flatten()).collect()
}

fn receipt_with(extra: &[Vec<u8>]) -> Vec<u8> {
    tlv(3, &[least(3).concat(), extra.concat()].concat())
}

fn others(document: &[u8], keeps_personal_data: bool) -> Vec<u16> {
    let context = Context { keeps_personal_data, ..CONTEXT };
    let Parsed::Receipt(receipt) = formats::family("ffd-tlv").unwrap().parse(document, &context).unwrap() else {
        panic!()
    };
    let others = receipt.other_tags.unwrap_or_default();
    elements(&others).unwrap().into_iter().map(|(tag, _)| tag).collect()
}

#[test]
fn what_a_field_gives_back_is_no_other_tag() {
    let usual = [
        tlv(1055, &[1]),
        tlv(1102, &number(20)),
        tlv(1115, &tlv(1119, &[tlv(1199, &[11]), tlv(1120, &number(5))].concat())),
        tlv(1174, &[tlv(1178, &wide(1_795_046_400)), tlv(1179, &text("17-3"))].concat()),
        tlv(1031, &number(100)),
        tlv(1021, &text("Лапина О.С.")),
    ];
    comes_back(&receipt_with(&usual));
    assert_eq!(others(&receipt_with(&usual), false), [1077]);
}

#[test]
fn what_a_field_cannot_give_back_is_an_other_tag() {
    let cases: &[(u16, &[u8])] = &[
        (1057, &[32]),
        (1031, &[]),
        (1031, &[1, 0]),
        (1104, &[0]),
        (1021, b"  "),
        (1021, b"a\0"),
        (1203, b"770000000156 "),
        (1203, b"7700000156"),
        (1037, b"1                  \0"),
        (1055, &[]),
        (1042, &[5]),
        (1115, b"www.nalog.ru"),
        (1174, &[]),
        (1178, &[1]),
    ];
    for (tag, value) in cases {
        let document = receipt_with(&[tlv(*tag, value)]);
        comes_back(&document);
        assert_eq!(others(&document, false), [1077, *tag], "{value:?}");
    }
    // With a time of the day, and with a name of the base.
    for base in [tlv(1178, &wide(1_795_046_401)), [tlv(1177, &text("Акт")), tlv(1178, &wide(86_400))].concat()] {
        let document = receipt_with(&[tlv(1174, &base)]);
        comes_back(&document);
        assert_eq!(others(&document, false), [1077, 1174]);
    }
}

#[test]
fn an_element_that_occurs_twice_is_kept_twice() {
    for second in [number(100), number(50), vec![]] {
        let twice = receipt_with(&[tlv(1031, &number(100)), tlv(1057, &[1]), tlv(1031, &second)]);
        comes_back(&twice);
        assert_eq!(others(&twice, false), [1077, 1031, 1057, 1031]);
    }
}

#[test]
fn a_list_of_rates_that_is_kept_keeps_all_sums_of_vat() {
    let pair = |code| tlv(1119, &[tlv(1199, &[code]), tlv(1120, &number(5))].concat());
    for list in [pair(1), [pair(11), pair(99)].concat(), [pair(11), tlv(1119, &[])].concat()] {
        let document = receipt_with(&[tlv(1102, &number(20)), tlv(1115, &list)]);
        comes_back(&document);
        assert_eq!(others(&document, false), [1077, 1102, 1115]);
    }
}

#[test]
fn the_buyer_is_kept_where_the_tenant_keeps_him() {
    let buyer = [tlv(1227, &text("Иванов И.И.")), tlv(1228, b"770000000156"), tlv(1243, b"01.02.1990")].concat();
    let document = receipt_with(&[tlv(1008, b"a@example.org"), tlv(1256, &buyer), tlv(1192, b"x")]);
    comes_back(&document);
    assert_eq!(others(&document, true), [1077, 1256, 1192]);
    assert_eq!(others(&document, false), [1077, 1192]);
    let read = |keeps_personal_data| {
        let context = Context { keeps_personal_data, ..CONTEXT };
        let Parsed::Receipt(receipt) = formats::family("ffd-tlv").unwrap().parse(&document, &context).unwrap() else {
            panic!()
        };
        let texts = [receipt.buyer_contact, receipt.buyer_name, receipt.buyer_inn];
        texts.map(|text| text.map(String::from))
    };
    assert_eq!(read(true).map(Option::unwrap), ["a@example.org", "Иванов И.И.", "770000000156"]);
    assert_eq!(read(false), [None, None, None]);
    let older = receipt_with(&[tlv(1227, &text("ООО Сыры")), tlv(1228, b"7700000016  "), tlv(1254, &text("Тверь"))]);
    comes_back(&older);
    assert_eq!(others(&older, true), [1077, 1254]);
    // Within another element, known or not.
    let hidden = tlv(65_000, &tlv(1084, &[tlv(1085, b"k"), tlv(1008, b"a@example.org")].concat()));
    let hidden = receipt_with(&[hidden, tlv(1174, &buyer), tlv(1192, b"x")]);
    assert_eq!(others(&hidden, true), [1077, 65_000, 1174, 1192]);
    assert_eq!(others(&hidden, false), [1077, 1192]);
}

/// Bytes that may stand in a tag, the usual and the odd, none that makes a document invalid.
fn value(tag: u16) -> BoxedStrategy<Vec<u8>> {
    let amount =
        || (0..=10_000_000_i64, 0..3_usize).prop_map(|(kopecks, more)| [number(kopecks), vec![0; more]].concat());
    let small_sum = || prop_oneof![Just(vec![]), Just(vec![0]), amount()];
    let letters =
        || prop::collection::vec(prop_oneof![Just(b' '), Just(0), any::<u8>(), b'a'..=b'z', 0x80..=0xEF_u8], 0..40);
    let short = || prop::collection::vec(any::<u8>(), 0..=1);
    let pair = || {
        let code = prop_oneof![7..=12_u8, 0..=14_u8].prop_map(|code| tlv(1199, &[code]));
        let sum = small_sum().prop_map(|sum| tlv(1120, &sum));
        let usual = (code.clone(), sum.clone()).prop_map(|(code, sum)| [code, sum].concat());
        let turned = (sum, code).prop_map(|(sum, code)| [sum, code].concat());
        prop_oneof![6 => usual, 1 => turned, 1 => Just(vec![])].prop_map(|pair| tlv(1119, &pair))
    };
    match tag {
        1041 => prop_oneof!["[0-9]{16}", "[0-9]{15} ", " [0-9]{1,12}"].prop_map(String::into_bytes).boxed(),
        1037 | 1203 | 1226 | 1228 => {
            prop_oneof!["[0-9]{12}", "[0-9]{10}  ", "[0-9]{16}    ", " {0,2}[0-9]{0,12} {0,9}"]
                .prop_map(String::into_bytes)
                .boxed()
        }
        1040 | 1012 => {
            prop_oneof![(1..=u32::MAX).prop_map(|word| wide(word).to_vec()), (1..=255_u8).prop_map(|byte| vec![byte])]
                .boxed()
        }
        1038 | 1042 | 1118 | 1111 | 1097 => prop::collection::vec(any::<u8>(), 0..=4).boxed(),
        1054 => (1..=4_u8).prop_map(|code| vec![code]).boxed(),
        1055 | 1173 | 1214 | 1212 | 1222 | 1199 => short().boxed(),
        2108 => prop_oneof![Just(0), Just(11), Just(255), any::<u8>()].prop_map(|code| vec![code]).boxed(),
        1077 => prop::collection::vec(any::<u8>(), 6).boxed(),
        1020 | 1031 | 1081 | 1215..=1217 | 1102..=1107 | 1079 | 1043 | 1200 => small_sum().boxed(),
        1023 => (0..9_u8, 0..100_000_i64, 0..2_usize)
            .prop_map(|(digits, mantissa, more)| [vec![digits], number(mantissa), vec![0; more]].concat())
            .boxed(),
        1115 => prop_oneof![
            4 => prop::collection::vec(pair(), 0..3).prop_map(|pairs| pairs.concat()),
            1 => Just(b"www.nalog.ru".to_vec())
        ]
        .boxed(),
        1174 => {
            let day = (1..40_000_u32, 0..2_u32).prop_map(|(day, second)| tlv(1178, &wide(day * 86_400 + second)));
            let parts = prop_oneof![day, letters().prop_map(|text| tlv(1179, &text)), Just(tlv(1177, b"x"))];
            prop::collection::vec(parts, 0..3).prop_map(|parts| parts.concat()).boxed()
        }
        1224 => {
            let part =
                (prop_oneof![3 => Just(1225), 1 => Just(1171)], letters()).prop_map(|(tag, text)| tlv(tag, &text));
            prop::collection::vec(part, 0..3).prop_map(|parts| parts.concat()).boxed()
        }
        1256 => {
            let part = (prop::sample::select(vec![1227, 1228, 1243, 1254]), letters());
            prop::collection::vec(part.prop_map(|(tag, text)| tlv(tag, &text)), 0..4)
                .prop_map(|parts| parts.concat())
                .boxed()
        }
        1163 => (1300..=1309_u16, letters()).prop_map(|(kind, code)| tlv(kind, &code)).boxed(),
        _ => letters().boxed(),
    }
}

fn some(tags: &'static [u16], most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let one = prop::sample::select(tags).prop_flat_map(|tag| value(tag).prop_map(move |value| tlv(tag, &value)));
    prop::collection::vec(one, 0..most)
}

const ANYWHERE: &[u16] = &[
    1041, 1040, 1012, 1077, 1037, 1038, 1021, 1203, 1013, 1018, 1209, 1048, 1008, 1227, 1245, 1254, 999, 1256, 1063,
    1064, 1255, 65_535,
];
const OF_RECEIPTS: &[u16] = &[
    1020, 1031, 1081, 1215, 1216, 1217, 1102, 1103, 1104, 1105, 1106, 1107, 1115, 1054, 1055, 1042, 1173, 1174, 1008,
    1227, 1228, 1256, 1243, 1057, 1192, 1084,
];
const OF_SHIFTS: &[u16] = &[1118, 1111, 1097, 1098, 1194, 1031, 1059];
const OF_ITEMS: &[u16] = &[
    1030, 1023, 1197, 2108, 1079, 1043, 1199, 1200, 1214, 1212, 1162, 1163, 1222, 1226, 1224, 1229, 1291, 1008, 1021,
    65_000,
];

fn document() -> impl Strategy<Value = Vec<u8>> {
    let items = prop::collection::vec(some(OF_ITEMS, 10).prop_map(|item| tlv(1059, &item.concat())), 0..3);
    let receipt = (prop::sample::select(vec![3_u16, 4, 31, 41]), some(ANYWHERE, 8), some(OF_RECEIPTS, 12), items);
    let other =
        (prop::sample::select(vec![1_u16, 2, 5, 6, 11, 21]), some(ANYWHERE, 8), some(OF_SHIFTS, 8), Just(vec![]));
    prop_oneof![3 => receipt, 1 => other]
        .prop_map(|(tag, anywhere, own, items)| (tag, [least(tag), anywhere, own, items].concat()))
        .prop_flat_map(|(tag, elements)| (Just(tag), Just(elements).prop_shuffle()))
        .prop_map(|(tag, elements)| tlv(tag, &elements.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_document_comes_back(document in document()) {
        comes_back(&document);
    }
}
