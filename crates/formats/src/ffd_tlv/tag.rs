//! Tags, by the names of the format.

pub(super) const SHIFT_OPEN: u16 = 2;
pub(super) const RECEIPT: u16 = 3;
pub(super) const STRICT_FORM: u16 = 4;
pub(super) const SHIFT_CLOSE: u16 = 5;
pub(super) const CORRECTION: u16 = 31;
pub(super) const STRICT_FORM_CORRECTION: u16 = 41;

/// Every tag that begins a document: registration and re-registration, shifts, receipts, state
/// report, close of the drive, operator's confirmation, marking.
pub(super) const DOCUMENTS: &[u16] = &[
    1,
    SHIFT_OPEN,
    RECEIPT,
    STRICT_FORM,
    SHIFT_CLOSE,
    6,
    7,
    11,
    21,
    CORRECTION,
    STRICT_FORM_CORRECTION,
    81,
    82,
    83,
    84,
];

// Every document
pub(super) const TIME: u16 = 1012;
pub(super) const CASHIER: u16 = 1021;
pub(super) const REGISTRATION_NUMBER: u16 = 1037;
pub(super) const SHIFT_NUMBER: u16 = 1038;
pub(super) const DOCUMENT_NUMBER: u16 = 1040;
pub(super) const DRIVE_NUMBER: u16 = 1041;
pub(super) const FISCAL_SIGN: u16 = 1077;
pub(super) const CASHIER_INN: u16 = 1203;

// Receipts
pub(super) const TOTAL: u16 = 1020;
pub(super) const CASH: u16 = 1031;
pub(super) const RECEIPT_NUMBER: u16 = 1042;
pub(super) const OPERATION: u16 = 1054;
pub(super) const TAXATION: u16 = 1055;
pub(super) const ITEM: u16 = 1059;
pub(super) const CARD: u16 = 1081;
pub(super) const VAT_20: u16 = 1102;
pub(super) const VAT_10: u16 = 1103;
pub(super) const VAT_0: u16 = 1104;
pub(super) const WITHOUT_VAT: u16 = 1105;
pub(super) const VAT_20_120: u16 = 1106;
pub(super) const VAT_10_110: u16 = 1107;
/// The tags of VAT by rate that hold one sum each.
pub(super) const VAT_SUMS: &[u16] = &[VAT_20, VAT_10, VAT_0, WITHOUT_VAT, VAT_20_120, VAT_10_110];
/// VAT by rate, for the rates since 2025; in format 1.0 a text.
pub(super) const VAT_BY_RATE: u16 = 1115;
/// One rate of [`VAT_BY_RATE`].
pub(super) const VAT_OF_RATE: u16 = 1119;
/// The sum in [`VAT_OF_RATE`].
pub(super) const VAT_OF_RATE_SUM: u16 = 1120;
pub(super) const CORRECTION_TYPE: u16 = 1173;
/// What a correction is based on: 1178 and 1179.
pub(super) const CORRECTION_BASE: u16 = 1174;
pub(super) const CORRECTION_DATE: u16 = 1178;
pub(super) const CORRECTION_NUMBER: u16 = 1179;
pub(super) const PREPAID: u16 = 1215;
pub(super) const CREDIT: u16 = 1216;
pub(super) const COUNTER_PROVISION: u16 = 1217;

// The buyer
pub(super) const BUYER_CONTACT: u16 = 1008;
pub(super) const BUYER_NAME: u16 = 1227;
pub(super) const BUYER_INN: u16 = 1228;
/// Name, taxpayer number, birthday, citizenship, papers and address of the buyer, since format 1.2.
pub(super) const BUYER: u16 = 1256;

/// Whether an element tells who the buyer is: contact, name, taxpayer number, birthday, citizenship, kind and data of
/// papers, address, or all of it.
pub(super) const fn is_personal(tag: u16) -> bool {
    matches!(tag, BUYER_CONTACT | BUYER_NAME | BUYER_INN | 1243..=1246 | 1254 | BUYER)
}

// Items
pub(super) const QUANTITY: u16 = 1023;
pub(super) const NAME: u16 = 1030;
pub(super) const SUM: u16 = 1043;
pub(super) const PRICE: u16 = 1079;
pub(super) const PRODUCT_CODE: u16 = 1162;
/// The code of a product in format 1.2: one child, whose tag is the kind of code.
pub(super) const PRODUCT_CODE_NEW: u16 = 1163;
pub(super) const UNIT: u16 = 1197;
pub(super) const VAT_RATE: u16 = 1199;
pub(super) const VAT_SUM: u16 = 1200;
pub(super) const PAYMENT_SUBJECT: u16 = 1212;
pub(super) const PAYMENT_METHOD: u16 = 1214;
pub(super) const AGENT: u16 = 1222;
/// Name and phones of the supplier.
pub(super) const SUPPLIER: u16 = 1224;
pub(super) const SUPPLIER_NAME: u16 = 1225;
pub(super) const SUPPLIER_INN: u16 = 1226;
pub(super) const UNIT_CODE: u16 = 2108;

// Shifts
pub(super) const UNSENT_DOCUMENTS: u16 = 1097;
pub(super) const DOCUMENTS_OF_SHIFT: u16 = 1111;
pub(super) const RECEIPTS_OF_SHIFT: u16 = 1118;
