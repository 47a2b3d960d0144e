use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Operation, Payment, PaymentKind, ReceiptKind, VatRate, VatSum},
    shifts::ShiftKind,
};

use crate::support::{
    self, CONTEXT,
    encoder::{self, number, padded, sign, text, tlv, wide},
    flags, hex, quantity,
};

const RECEIPT: &str = include_str!("../../documents/ffd-tlv/receipt.hex");
const IN_CONTAINER: &str = include_str!("../../documents/ffd-tlv/receipt-in-container.hex");
const CORRECTION: &str = include_str!("../../documents/ffd-tlv/correction.hex");
const SHIFT_OPEN: &str = include_str!("../../documents/ffd-tlv/shift-open.hex");
const SHIFT_CLOSE: &str = include_str!("../../documents/ffd-tlv/shift-close.hex");

#[test]
fn a_receipt_has_every_value_that_was_sent() {
    let bytes = hex(RECEIPT);
    let receipt = support::receipt("ffd-tlv", &bytes);
    assert_eq!(receipt.receipt_id, "acme/9999078900001234/0000004417");
    assert_eq!((&*receipt.source, receipt.revision, receipt.shop.as_deref()), ("ffd-tlv", 2, Some("shop-1")));
    assert_eq!((&*receipt.raw_topic, receipt.raw_partition, receipt.raw_offset), ("registers.raw.v1", 3, 42));
    assert_eq!((receipt.drive_number.as_deref(), receipt.document_number), (Some("9999078900001234"), Some(4417)));
    assert_eq!(
        (receipt.fiscal_sign, receipt.registration_number.as_deref()),
        (Some(312_456_789), Some("0000000123006163"))
    );
    assert_eq!((receipt.kind, receipt.operation), (ReceiptKind::Receipt, Operation::Sell));
    assert_eq!((receipt.shift_number, receipt.receipt_number), (Some(118), Some(23)));
    assert_eq!(receipt.local_time, Some(LocalTimestamp(1_795_183_500_000_000)));
    assert_eq!(receipt.utc_time, Some(Timestamp(1_795_165_500_000_000)));
    assert_eq!((receipt.total_kopecks, receipt.discount_kopecks, receipt.taxation), (48_766, None, Some(1)));
    assert_eq!(
        receipt.payments,
        [
            Payment { kind: PaymentKind::Cash, amount_kopecks: 8_766 },
            Payment { kind: PaymentKind::Card, amount_kopecks: 40_000 },
        ]
    );
    assert_eq!(
        receipt.vat_sums,
        [
            VatSum { rate: VatRate::Vat10, sum_kopecks: 1_635 },
            VatSum { rate: VatRate::Vat10_110, sum_kopecks: 2_434 },
            VatSum { rate: VatRate::Vat22, sum_kopecks: 724 },
        ]
    );
    assert_eq!(
        (receipt.cashier_name.as_deref(), receipt.cashier_inn.as_deref()),
        (Some("Лапина О.С."), Some("770000000156"))
    );
    assert_eq!(flags(&receipt), [""; 0]);
}

#[test]
fn the_items_of_a_receipt_have_keys() {
    let bytes = hex(RECEIPT);
    let receipt = support::receipt("ffd-tlv", &bytes);
    let [milk, cheese, boots] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
    assert_eq!(milk.name.as_deref(), Some("Молоко \"Луговое\" 2,5% 0,9 л"));
    assert_eq!((quantity(milk).as_str(), milk.unit.as_deref()), ("2", Some("шт")));
    assert_eq!((milk.price_kopecks, milk.sum_kopecks), (Some(8_990), Some(17_980)));
    assert_eq!((milk.vat_rate, milk.vat_sum_kopecks), (Some(VatRate::Vat10), Some(1_635)));
    assert_eq!((milk.payment_method, milk.payment_subject), (Some(4), Some(1)));
    assert_eq!(milk.product_key.as_deref(), Some("name:молоко%20\"луговое\"%202,5%25%200,9%20л/шт"));
    assert_eq!((quantity(cheese).as_str(), cheese.unit.as_deref()), ("0.357", Some("кг")));
    assert_eq!((cheese.vat_rate, cheese.vat_sum_kopecks), (Some(VatRate::Vat10_110), None));
    assert_eq!(boots.gtin.as_deref(), Some("04607161623886"));
    assert_eq!(boots.product_key.as_deref(), Some("gtin:04607161623886"));
    assert_eq!(boots.marking_code.as_deref(), Some("444D0430B03B654E6142336445"));
    assert_eq!((boots.vat_rate, boots.barcode.as_deref(), boots.discount_kopecks), (Some(VatRate::Vat22), None, None));
}

#[test]
fn a_container_changes_nothing_inside() {
    let (bare, contained) = (hex(RECEIPT), hex(IN_CONTAINER));
    assert_eq!(support::receipt("ffd-tlv", &bare), support::receipt("ffd-tlv", &contained));
    let foreign = encoder::container(&bare, "9999078900004321", 4417);
    assert_eq!(flags(&support::receipt("ffd-tlv", &foreign)), ["container-disagrees"]);
    let other_number = encoder::container(&bare, "9999078900001234", 4418);
    assert_eq!(flags(&support::receipt("ffd-tlv", &other_number)), ["container-disagrees"]);
}

#[test]
fn a_correction_may_have_no_items() {
    let bytes = hex(CORRECTION);
    let correction = support::receipt("ffd-tlv", &bytes);
    assert_eq!((correction.kind, correction.total_kopecks), (ReceiptKind::ReceiptCorrection, 100_000));
    assert_eq!(correction.vat_sums, [VatSum { rate: VatRate::None, sum_kopecks: 100_000 }]);
    assert!(correction.items.is_empty() && correction.flags.is_empty());
    assert_eq!(correction.receipt_number, None);
}

#[test]
fn shifts_have_their_counters() {
    let (opened, closed) = (hex(SHIFT_OPEN), hex(SHIFT_CLOSE));
    let opened = support::shift("ffd-tlv", &opened);
    assert_eq!(opened.shift_document_id, "acme/9999078900001234/0000004394");
    assert_eq!((opened.kind, opened.shift_number, opened.receipts), (ShiftKind::Open, Some(118), None));
    assert_eq!((opened.cashier_name.as_deref(), opened.fiscal_sign), (Some("Лапина О.С."), Some(555)));
    let closed = support::shift("ffd-tlv", &closed);
    assert_eq!(closed.shift_document_id, "acme/9999078900001234/0000004420");
    assert_eq!((closed.kind, closed.fiscal_sign), (ShiftKind::Close, Some(4_294_967_295)));
    assert_eq!((closed.receipts, closed.documents, closed.unsent_documents), (Some(24), Some(27), Some(3)));
    assert_eq!(closed.local_time, Some(LocalTimestamp(1_795_203_500_000_000)));
    assert_eq!(closed.utc_time, Some(Timestamp(1_795_185_500_000_000)));
    assert_eq!(
        (closed.registration_number.as_deref(), closed.received_at),
        (Some("0000000123006163"), CONTEXT.received_at)
    );
}

/// The least that is a receipt, in a chosen order.
fn least() -> Vec<(u16, Vec<u8>)> {
    vec![
        (1020, number(100)),
        (1041, padded("9999078900001234", 16)),
        (1040, wide(7).to_vec()),
        (1054, vec![1]),
        (1077, sign(0x31, 9)),
        (1012, wide(1_795_183_500).to_vec()),
        (1059, [tlv(1030, &text("Ёлка №1")), tlv(1023, &[0, 1]), tlv(1043, &number(100))].concat()),
    ]
}

fn document(tags: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let children: Vec<u8> = tags.iter().flat_map(|(tag, value)| tlv(*tag, value)).collect();
    tlv(3, &children)
}

fn with(tag: u16, value: &[u8]) -> Vec<u8> {
    let mut tags = least();
    tags.retain(|(other, _)| *other != tag);
    tags.push((tag, value.to_vec()));
    document(&tags)
}

#[test]
fn the_least_receipt_is_a_receipt_and_nothing_less() {
    let bytes = document(&least());
    let receipt = support::receipt("ffd-tlv", &bytes);
    assert_eq!((receipt.total_kopecks, receipt.items[0].name.as_deref()), (100, Some("Ёлка №1")));
    for tag in [1020, 1041, 1040, 1054, 1077, 1012] {
        let mut tags = least();
        tags.retain(|(other, _)| *other != tag);
        let bytes = document(&tags);
        let invalid = support::parse("ffd-tlv", &bytes).unwrap_err();
        assert_eq!((invalid.class.name(), invalid.place), ("invalid", format!("3/{tag}")));
    }
}

#[test]
fn nonsense_is_invalid_and_says_where() {
    let place = |bytes: Vec<u8>| support::parse("ffd-tlv", &bytes).unwrap_err().place;
    assert_eq!(place(with(1041, b"99990789X       ")), "3/1041");
    assert_eq!(place(with(1041, b"                ")), "3/1041");
    assert_eq!(place(with(1040, &wide(0))), "3/1040");
    assert_eq!(place(with(1040, &[1; 5])), "3/1040");
    assert_eq!(place(with(1054, &[5])), "3/1054");
    assert_eq!(place(with(1077, &[1, 2, 3])), "3/1077");
    assert_eq!(place(with(1012, &[])), "3/1012");
    assert_eq!(place(with(1020, &[0xFF; 8])), "3/1020");
    assert_eq!(place(with(1059, &tlv(1043, &[1; 9]))), "3/1059[0]/1043");
    assert_eq!(place(with(1059, &tlv(1023, &[1; 9]))), "3/1059[0]/1023");
}

#[test]
fn oddities_are_flagged() {
    let flagged = |bytes: Vec<u8>| -> Vec<String> {
        support::receipt("ffd-tlv", &bytes).flags.iter().map(ToString::to_string).collect()
    };
    assert_eq!(flagged(with(1020, &number(101))), ["items-do-not-add-up"]);
    assert_eq!(flagged(with(1012, &wide(u32::MAX))), ["time-in-future"]);
    let item = |extra: &[u8]| [&tlv(1043, &number(100))[..], extra].concat();
    assert_eq!(flagged(with(1059, &item(&[]))), ["quantity-missing"]);
    assert_eq!(flagged(with(1059, &item(&tlv(1023, &[7, 11])))), ["quantity-rounded"]);
    assert_eq!(flagged(with(1059, &item(&[tlv(1023, &[0, 1]), tlv(1199, &[77])].concat()))), ["unknown-code"]);
}

#[test]
fn in_format_1_0_tag_1115_is_a_text() {
    let bytes = with(1115, b"www.nalog.ru");
    let receipt = support::receipt("ffd-tlv", &bytes);
    assert!(receipt.vat_sums.is_empty() && receipt.flags.is_empty());
}

#[test]
fn other_documents_of_the_drive_wait_for_another_revision() {
    for tag in [7, 81, 82, 83, 84] {
        let bytes = tlv(tag, &[]);
        let invalid = support::parse("ffd-tlv", &bytes).unwrap_err();
        assert_eq!((invalid.class.name(), invalid.place), ("unsupported", tag.to_string()));
    }
}

#[test]
fn what_is_no_document_is_undecodable() {
    let mut trailing = document(&least());
    trailing.push(0);
    for bytes in [vec![], vec![3], tlv(999, &[]), trailing, with(1059, &[1, 2, 3])] {
        assert_eq!(support::parse("ffd-tlv", &bytes).unwrap_err().class.name(), "undecodable");
    }
}

#[test]
fn the_file_for_the_documentation_is_the_same_receipt() {
    let bytes = include_bytes!("../../documents/ffd-tlv/receipt.tlv");
    assert_eq!(bytes[..], hex(include_str!("../../documents/ffd-tlv/receipt.hex"))[..]);
}

#[test]
fn what_is_no_code_of_a_product_is_none() {
    // The buyer's number, where a code should be.
    let item = [tlv(1023, &[0, 1]), tlv(1163, &tlv(1228, b"660000012360"))].concat();
    let least: Vec<u8> = least().iter().flat_map(|(tag, value)| tlv(*tag, value)).collect();
    let bytes = tlv(3, &[least, tlv(1059, &item)].concat());
    let receipt = support::receipt("ffd-tlv", &bytes);
    let item = receipt.items.last().unwrap();
    assert_eq!((&item.marking_code, &item.other_tags), (&None, &None));
}

#[test]
fn agents_suppliers_marks_and_what_a_correction_is_based_on_are_told() {
    let mark = "0104064057194699215AbC<d\u{1d}93Zz09";
    let supplier = [tlv(1171, b"+70000000000"), tlv(1225, &text("ООО Сыры"))].concat();
    let marked = [
        tlv(1023, &[0, 1]),
        tlv(1163, &tlv(1305, mark.as_bytes())),
        tlv(1222, &[32]),
        tlv(1224, &supplier),
        tlv(1226, b"7700000016  "),
    ];
    let plain = [tlv(1023, &[0, 1]), tlv(1163, &tlv(1302, b"4600000000008"))];
    let base = [tlv(1178, &wide(1_795_046_400)), tlv(1179, &text("17-3"))].concat();
    let items = [tlv(1059, &marked.concat()), tlv(1059, &plain.concat())].concat();
    let least: Vec<u8> = least().iter().flat_map(|(tag, value)| tlv(*tag, value)).collect();
    let bytes = tlv(3, &[least, items, tlv(1173, &[1]), tlv(1174, &base)].concat());
    let receipt = support::receipt("ffd-tlv", &bytes);
    let [_, cheese, milk] = &receipt.items[..] else { panic!("{:?}", receipt.items) };
    assert_eq!((cheese.marking_code.as_deref(), cheese.marking_serial.as_deref()), (Some(mark), Some("5AbC<d")));
    assert_eq!((cheese.gtin.as_deref(), cheese.agent), (Some("04064057194699"), Some(32)));
    assert_eq!(
        (cheese.supplier_inn.as_deref(), cheese.supplier_name.as_deref()),
        (Some("7700000016"), Some("ООО Сыры"))
    );
    assert_eq!((milk.gtin.as_deref(), milk.barcode.as_deref()), (Some("04600000000008"), Some("4600000000008")));
    assert_eq!((milk.marking_code.as_deref(), receipt.correction_type), (None, Some(1)));
    assert_eq!(receipt.correction_date.as_deref(), Some("2026-11-19"));
    assert_eq!(receipt.correction_number.as_deref(), Some("17-3"));
}
