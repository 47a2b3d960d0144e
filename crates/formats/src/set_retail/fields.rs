//! Where the values of a document stand.

use crate::paths::{self, Field, Shape, Syntax, Table};

/// Where the canonical fields come from.
pub(super) static TABLE: Table = Table {
    syntax: Syntax::Xml,
    read: paths::xml,
    bases: &[],
    shapes: &[Shape { when: "", within: "", fields: FIELDS }],
};

const FIELDS: &[Field] = &[
    Field("operation", "@operationType"),
    Field("shift_number", "@shift"),
    Field("receipt_number", "@number"),
    Field("local_time", "@saletime"),
    Field("utc_time", "@saletime"),
    Field("total_kopecks", "positions.position[*].@amount else @amount"),
    Field("discount_kopecks", "@discountAmount"),
    Field("payments[]", "payments.payment[@typeClass!=CashChangePaymentEntity][@amount]"),
    Field("payments[].kind", "@typeClass"),
    Field("payments[].amount_kopecks", "@amount"),
    Field("items[]", "positions.position[]"),
    Field("items[].quantity", "@count"),
    Field("items[].price_kopecks", "@costWithDiscount else @cost"),
    Field("items[].sum_kopecks", "@amount"),
    Field("items[].discount_kopecks", "@discountValue"),
    Field("items[].vat_rate", "@nds"),
    Field("items[].vat_sum_kopecks", "@ndsSum else @ndsSumm"),
    Field("items[].gtin", "@barCode"),
    Field("items[].barcode", "@barCode"),
    Field("items[].vendor_code", "@goodsCode"),
];
