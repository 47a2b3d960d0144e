//! Where the values of a document stand.

use crate::paths::{self, Field, Shape, Syntax, Table};

/// Where the canonical fields come from.
pub(super) static TABLE: Table = Table {
    syntax: Syntax::Json,
    read: paths::json,
    bases: &[],
    shapes: &[Shape { when: "", within: "", fields: FIELDS }],
};

const FIELDS: &[Field] = &[
    Field("event: kind", "type"),
    Field("operation", "type"),
    Field("drive_number", "fnNumber"),
    Field("document_number", "fiscalDocumentNumber"),
    Field("fiscal_sign", "fiscalDocumentSign"),
    Field("registration_number", "registryNumber"),
    Field("event: device", "deviceId else id"),
    Field("shift_number", "shiftId"),
    Field("receipt_number", "number"),
    Field("local_time", "localDate else date"),
    Field("utc_time", "date else localDate"),
    Field("total_kopecks", "amount"),
    Field("discount_kopecks", "discount"),
    Field("event: amount_kopecks", "sum"),
    Field("payments[]", "payments[amount]"),
    Field("payments[].kind", "type"),
    Field("payments[].amount_kopecks", "amount"),
    Field("items[]", "positions[]"),
    Field("items[].name", "name"),
    Field("items[].quantity", "quantity"),
    Field("items[].price_kopecks", "price"),
    Field("items[].sum_kopecks", "price and quantity"),
    Field("items[].discount_kopecks", "discount"),
    Field("items[].vat_rate", "tax"),
    Field("items[].gtin", "barcode"),
    Field("items[].barcode", "barcode"),
    Field("items[].vendor_code", "vendorCode"),
    Field("items[].marking_code", "exciseBarcode"),
    Field("items[].marking_serial", "exciseBarcode"),
    Field("cashier_name", "cashier.name"),
    Field("cashier_inn", "cashier.inn"),
    Field("buyer_contact", "attributes.email else attributes.phone"),
];
