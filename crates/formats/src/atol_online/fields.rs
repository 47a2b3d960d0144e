//! Where the values of a document stand.

use crate::paths::{self, Field, Shape, Syntax, Table};

/// Where the canonical fields come from.
pub(super) static TABLE: Table = Table {
    syntax: Syntax::Json,
    read: paths::json,
    bases: &[
        ("payload", "report.payload else payload"),
        ("content", "request.receipt else request.correction"),
        ("base", "request.receipt.correction_info else request.correction.correction_info"),
    ],
    shapes: &[Shape { when: "", within: "", fields: FIELDS }],
};

const FIELDS: &[Field] = &[
    Field("operation", "operation"),
    Field("drive_number", "{payload}.fn_number"),
    Field("document_number", "{payload}.fiscal_document_number"),
    Field("fiscal_sign", "{payload}.fiscal_document_attribute"),
    Field("registration_number", "{payload}.ecr_registration_number"),
    Field("shift_number", "{payload}.shift_number"),
    Field("receipt_number", "{payload}.fiscal_receipt_number"),
    Field("local_time", "{payload}.receipt_datetime"),
    Field("utc_time", "{payload}.receipt_datetime"),
    Field("total_kopecks", "{payload}.total"),
    Field("payments[]", "{content}.payments[sum]"),
    Field("payments[].kind", "type"),
    Field("payments[].amount_kopecks", "sum"),
    Field("vat_sums[]", "{content}.vats[sum]"),
    Field("vat_sums[].rate", "type"),
    Field("vat_sums[].sum_kopecks", "sum"),
    Field("items[]", "{content}.items[]"),
    Field("items[].name", "name"),
    Field("items[].quantity", "quantity"),
    Field("items[].unit", "measure else measurement_unit"),
    Field("items[].price_kopecks", "price"),
    Field("items[].sum_kopecks", "sum"),
    Field("items[].vat_rate", "vat.type"),
    Field("items[].vat_sum_kopecks", "vat.sum"),
    Field("items[].payment_method", "payment_method"),
    Field("items[].payment_subject", "payment_object"),
    Field("items[].gtin", MARK),
    Field("items[].marking_code", MARK),
    Field("items[].marking_serial", MARK),
    Field("items[].agent", "agent_info.type"),
    Field("items[].supplier_inn", "supplier_info.inn"),
    Field("items[].supplier_name", "supplier_info.name"),
    Field("cashier_name", "{content}.cashier"),
    Field("cashier_inn", "{content}.cashier_inn"),
    Field("taxation", "{content}.company.sno"),
    Field("correction_type", "{base}.type"),
    Field("correction_date", "{base}.base_date"),
    Field("correction_number", "{base}.base_number"),
    Field("buyer_contact", "{content}.client.email else {content}.client.phone"),
    Field("buyer_name", "{content}.client.name"),
    Field("buyer_inn", "{content}.client.inn"),
];

const MARK: &str = "mark_code.* else nomenclature_code";
