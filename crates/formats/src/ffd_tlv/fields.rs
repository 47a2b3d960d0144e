//! Where the values of a document stand: tags within tags.

use super::{container, tag, tlv::Tlvs};
use crate::{
    Context,
    paths::{Field, Node, Root, Shape, Syntax, Table},
};

/// Where the canonical fields come from.
pub(super) static TABLE: Table =
    Table { syntax: Syntax::Tlv, read, bases: &[], shapes: &[Shape { when: "", within: "", fields: FIELDS }] };

const FIELDS: &[Field] = &[
    Field("operation", "1054"),
    Field("drive_number", "1041"),
    Field("document_number", "1040"),
    Field("fiscal_sign", "1077"),
    Field("registration_number", "1037"),
    Field("shift_number", "1038"),
    Field("receipt_number", "1042"),
    Field("local_time", "1012"),
    Field("utc_time", "1012"),
    Field("total_kopecks", "1020"),
    Field("payments[]", "1031|1081|1215|1216|1217"),
    Field("payments[].amount_kopecks", "."),
    Field("vat_sums[]", "1102|1103|1104|1105|1106|1107, 1115.1119[1120]"),
    Field("vat_sums[].rate", "1199"),
    Field("vat_sums[].sum_kopecks", "1120 else ."),
    Field("items[]", "1059[]"),
    Field("items[].name", "1030"),
    Field("items[].quantity", "1023"),
    Field("items[].unit", "1197 else 2108"),
    Field("items[].price_kopecks", "1079"),
    Field("items[].sum_kopecks", "1043"),
    Field("items[].vat_rate", "1199"),
    Field("items[].vat_sum_kopecks", "1200"),
    Field("items[].payment_method", "1214"),
    Field("items[].payment_subject", "1212"),
    Field("items[].gtin", "1163.* else 1162"),
    Field("items[].barcode", "1163.*"),
    Field("items[].marking_code", "1163.* else 1162"),
    Field("items[].marking_serial", "1163.* else 1162"),
    Field("items[].agent", "1222"),
    Field("items[].supplier_inn", "1226"),
    Field("items[].supplier_name", "1224.1225"),
    Field("cashier_name", "1021"),
    Field("cashier_inn", "1203"),
    Field("taxation", "1055"),
    Field("correction_type", "1173"),
    Field("correction_date", "1174.1178"),
    Field("correction_number", "1174.1179"),
    Field("buyer_contact", "1008"),
    Field("buyer_name", "1256.1227 else 1227"),
    Field("buyer_inn", "1256.1228 else 1228"),
    Field("shift: receipts", "1118"),
    Field("shift: documents", "1111"),
    Field("shift: unsent_documents", "1097"),
];

/// Tags that hold tags.
const NESTED: [u16; 7] = [
    tag::BUYER,
    tag::ITEM,
    tag::CORRECTION_BASE,
    tag::VAT_BY_RATE,
    tag::VAT_OF_RATE,
    tag::SUPPLIER,
    tag::PRODUCT_CODE_NEW,
];

fn read<'d>(document: &'d [u8], _: &Context<'_>) -> Option<Root<'d>> {
    let envelope = container::open(document, 0).ok()?;
    Some(Root { node: object(envelope.children()), place: envelope.tag.to_string() })
}

fn object<'d>(elements: Tlvs<'_>) -> Node<'d> {
    let mut object = Node::Object(Vec::new());
    for element in elements {
        if let Some(list) = object.list_of(&element.tag.to_string()) {
            let is_nested = NESTED.contains(&element.tag);
            list.push(if is_nested { self::object(element.children()) } else { value(element.value) });
        }
    }
    object
}

/// What matters of a value: blanks tell nothing, and an amount may be zero.
fn value<'d>(bytes: &[u8]) -> Node<'d> {
    let is_blank = !bytes.is_empty() && bytes.iter().all(|byte| *byte == b' ');
    let is_zero = bytes.iter().all(|byte| *byte == 0);
    Node::Value(
        if is_blank {
            ""
        } else if is_zero {
            "0"
        } else {
            "1"
        }
        .into(),
    )
}
