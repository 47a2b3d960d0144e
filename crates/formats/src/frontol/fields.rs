//! Where the values of a document stand: fields by their numbers, in lines by their codes (field 4).

use crate::paths::{self, Field, Shape, Syntax, Table};

/// Where the canonical fields come from.
pub(super) static TABLE: Table = Table {
    syntax: Syntax::Lines,
    read: paths::lines,
    bases: &[("end", "[4=55|56]"), ("open", "[4=42]"), ("report", "[4=61]")],
    shapes: &[Shape { when: "[4=61]", within: "", fields: REPORT }, Shape { when: "", within: "", fields: CHECK }],
};

const REPORT: &[Field] = &[
    Field("shift_number", "{report}.9"),
    Field("local_time", "{report}.2 and {report}.3"),
    Field("utc_time", "{report}.2 and {report}.3"),
];

const CHECK: &[Field] = &[
    Field("event: name", "{end}.4"),
    Field("operation", "{end}.13"),
    Field("shift_number", "{end}.14"),
    Field("receipt_number", "{end}.6"),
    Field("local_time", "{end}.2 and {end}.3"),
    Field("utc_time", "{end}.2 and {end}.3"),
    Field("total_kopecks", "{end}.16 else {end}.12 else {open}.16 else {open}.12 else [4=1|11][*].16"),
    Field("event: amount_kopecks", "{end}.16 else {end}.12"),
    Field("payments[]", "[4=40|41][12] by 9"),
    Field("payments[].kind", "9"),
    Field("payments[].amount_kopecks", "12"),
    Field("items[]", "[4=1|11]"),
    Field("items[].quantity", "11"),
    Field("items[].price_kopecks", "15 else 10"),
    Field("items[].sum_kopecks", "16 else 12"),
    Field("items[].discount_kopecks", "12 and 16"),
    Field("items[].gtin", "19"),
    Field("items[].barcode", "19"),
    Field("items[].vendor_code", "8"),
];
