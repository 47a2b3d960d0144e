//! Where the values of a document stand.

use crate::paths::{self, Field, Shape, Syntax, Table};

/// Where the canonical fields come from.
pub(super) static TABLE: Table = Table {
    syntax: Syntax::Json,
    read: paths::json,
    bases: &[("product", "productCodeNew else productCode else nomenclatureCode")],
    shapes: &[Shape { when: "", within: DOCUMENT, fields: FIELDS }],
};

/// What lies around a document is taken off.
const DOCUMENT: &str = "(ticket|document|data|json)*.(receipt|receiptCorrection|bso|bsoCorrection|openShift|closeShift|fiscalReport|fiscalReportCorrection|currentStateReport|closeArchive)";

const FIELDS: &[Field] = &[
    Field("event: name", "code"),
    Field("receipt: kind", CODE),
    Field("shift: kind", CODE),
    Field("operation", "operationType"),
    Field("drive_number", "^fiscalDriveNumber else ^request.qrraw"),
    Field("document_number", "^fiscalDocumentNumber else ^request.qrraw"),
    Field("fiscal_sign", "^fiscalSign else ^request.qrraw"),
    Field("registration_number", "^kktRegId"),
    Field("shift_number", "shiftNumber"),
    Field("receipt_number", "requestNumber"),
    Field("local_time", TIME),
    Field("utc_time", TIME),
    Field("total_kopecks", "totalSum"),
    Field(
        "payments[]",
        "cashTotalSum, ecashTotalSum, prepaidSum else prepaymentSum, creditSum else postpaymentSum, provisionSum else counterSubmissionSum",
    ),
    Field("payments[].amount_kopecks", "."),
    Field(
        "vat_sums[]",
        "nds20 else nds18, nds10, nds0, ndsNo, ndsCalculated20 else ndsCalculated18 else nds18118, ndsCalculated10 else nds10110, amountsReceiptNds.amountsNds[ndsSum]",
    ),
    Field("vat_sums[].rate", "nds"),
    Field("vat_sums[].sum_kopecks", "ndsSum else ."),
    Field("items[]", "items[]"),
    Field("items[].name", "name"),
    Field("items[].quantity", "quantity"),
    Field("items[].unit", "unit else measure else itemsQuantityMeasure"),
    Field("items[].price_kopecks", "price"),
    Field("items[].sum_kopecks", "sum"),
    Field("items[].vat_rate", "nds else ndsRate"),
    Field("items[].vat_sum_kopecks", "ndsSum"),
    Field("items[].payment_method", "paymentType else calculationTypeSign"),
    Field("items[].payment_subject", "productType else calculationSubjectSign"),
    Field(
        "items[].gtin",
        "{product}.*.gtin else {product}.gtin else {product}.*.rawProductCode else {product}.rawProductCode else {product}.* else {product}",
    ),
    Field("items[].barcode", PRODUCT_CODE),
    Field("items[].marking_code", PRODUCT_CODE),
    Field("items[].marking_serial", PRODUCT_CODE),
    Field("items[].agent", "paymentAgentByProductType"),
    Field("items[].supplier_inn", "providerInn"),
    Field("cashier_name", "operator"),
    Field("cashier_inn", "operatorInn"),
    Field("taxation", "appliedTaxationType else taxationType"),
    Field("correction_type", "correctionType"),
    Field("correction_date", "correctionBase.correctionDocumentDate.$date else correctionBase.correctionDocumentDate"),
    Field("correction_number", "correctionBase.correctionDocumentNumber"),
    Field("shift: receipts", "receiptsQuantity else receiptQuantity"),
    Field("shift: documents", "documentsQuantity"),
    Field("shift: unsent_documents", "notTransmittedDocumentsQuantity"),
    Field("buyer_contact", "buyerPhoneOrAddress else buyerAddress"),
    Field("buyer_name", "buyerInformation.buyer else buyer"),
    Field("buyer_inn", "buyerInformation.buyerInn else buyerInn"),
];

const CODE: &str = "code else receiptCode else receiptCorrectionCode else bsoCode else bsoCorrectionCode";

const TIME: &str = "dateTime.$date.$numberLong else dateTime.$date else dateTime";

/// A text, or an object by kind of code, below which a text or its parts stand.
const PRODUCT_CODE: &str = "{product}.*.rawProductCode else {product}.rawProductCode else {product}.* else {product}";
