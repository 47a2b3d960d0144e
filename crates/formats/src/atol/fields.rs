//! Where the values of a document stand.

use crate::paths::{self, Field, Shape, Syntax, Table};

/// Where the canonical fields come from.
pub(super) static TABLE: Table = Table {
    syntax: Syntax::Json,
    read: paths::json,
    bases: &[
        ("task", "request else task.(request)"),
        ("result", "results.(result).(fiscalParams) else result.(result).(fiscalParams)"),
    ],
    shapes: &[Shape { when: "", within: "", fields: FIELDS }],
};

const FIELDS: &[Field] = &[
    Field("kind", "{task}.type"),
    Field("operation", "{task}.type"),
    Field("drive_number", "{result}.fnNumber"),
    Field("document_number", "{result}.fiscalDocumentNumber"),
    Field("fiscal_sign", "{result}.fiscalDocumentSign"),
    Field("registration_number", "{result}.registrationNumber"),
    Field("shift_number", "{result}.shiftNumber"),
    Field("receipt_number", "{result}.fiscalReceiptNumber"),
    Field("local_time", "{result}.fiscalDocumentDateTime"),
    Field("utc_time", "{result}.fiscalDocumentDateTime"),
    Field("total_kopecks", "{result}.total else {task}.total"),
    Field("payments[]", "{task}.payments[sum]"),
    Field("payments[].kind", "type"),
    Field("payments[].amount_kopecks", "sum"),
    Field("items[]", "{task}.items[type=position|]"),
    Field("items[].name", "name"),
    Field("items[].quantity", "quantity"),
    Field("items[].unit", "measurementUnit"),
    Field("items[].price_kopecks", "price"),
    Field("items[].sum_kopecks", "amount"),
    Field("items[].discount_kopecks", "infoDiscountAmount"),
    Field("items[].vat_rate", "tax.type"),
    Field("items[].vat_sum_kopecks", "tax.sum"),
    Field("items[].payment_method", "paymentMethod"),
    Field("items[].payment_subject", "paymentObject"),
    Field("items[].gtin", MARK),
    Field("items[].marking_code", MARK),
    Field("items[].marking_serial", MARK),
    Field("items[].agent", "agentInfo.agents"),
    Field("items[].supplier_inn", "supplierInfo.vatin"),
    Field("items[].supplier_name", "supplierInfo.name"),
    Field("cashier_name", "{task}.operator.name"),
    Field("cashier_inn", "{task}.operator.vatin"),
    Field("taxation", "{task}.taxationType"),
    Field("correction_type", "{task}.correctionType"),
    Field("correction_date", "{task}.correctionBaseDate"),
    Field("correction_number", "{task}.correctionBaseNumber"),
    Field("shift: receipts", "{result}.receiptsCount"),
    Field("buyer_contact", "{task}.clientInfo.emailOrPhone"),
    Field("buyer_name", "{task}.clientInfo.name"),
    Field("buyer_inn", "{task}.clientInfo.vatin"),
];

const MARK: &str = "imcParams.imc else markingCode.mark else nomenclatureCode";
