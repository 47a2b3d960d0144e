//! Receipts and shift reports in MongoDB against the ledger.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use mongodb::{
    Client, Collection,
    bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc},
};

use crate::{
    check::{
        CheckError,
        findings::Findings,
        index::{Index, Verdict},
    },
    content::{ContentText, Header, Item, Receipt},
    ledger::Kind,
};

/// Reads the collections `receipts` and `shifts`, and whether there are conflicts.
///
/// # Errors
/// When MongoDB cannot be read.
pub async fn check(
    uri: &str,
    database: &str,
    index: &mut Index<'_>,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let database = Client::with_uri_str(uri).await?.database(database);
    let mut stored: HashMap<String, i64> = HashMap::new();
    let receipts: Collection<RawDocumentBuf> = database.collection("receipts");
    let mut cursor = receipts.find(doc! {}).batch_size(2_000).await?;
    while let Some(document) = cursor.try_next().await? {
        findings.receipts_in_mongo += 1;
        let total = integer(&document, "total_kopecks").unwrap_or_default();
        let back = text(&document, "operation").is_some_and(|operation| operation == "SELL_RETURN");
        *stored.entry(text(&document, "tenant").unwrap_or_default().to_owned()).or_default() +=
            if back { -total } else { total };
        tick_off(index, findings, &document, Kind::Receipt, &receipt(&document));
    }
    let shifts: Collection<RawDocumentBuf> = database.collection("shifts");
    let mut cursor = shifts.find(doc! {}).batch_size(2_000).await?;
    while let Some(document) = cursor.try_next().await? {
        findings.shifts_in_mongo += 1;
        tick_off(index, findings, &document, Kind::Shift, &shift(&document));
    }
    for conflicts in ["conflicts", "shift_conflicts"] {
        findings.conflicts_in_mongo += database.collection::<Document>(conflicts).count_documents(doc! {}).await?;
    }
    findings.lost.merge(index.lost(&[Kind::Receipt, Kind::Shift]));
    findings.money_difference_kopecks = difference(&index.money(), &stored);
    Ok(())
}

/// Sum over the tenants of what they differ by.
fn difference(expected: &HashMap<&str, i64>, stored: &HashMap<String, i64>) -> u64 {
    let ours = expected.iter().map(|(tenant, sum)| sum.abs_diff(stored.get(*tenant).copied().unwrap_or_default()));
    let foreign =
        stored.iter().filter(|(tenant, _)| !expected.contains_key(&***tenant)).map(|(_, sum)| sum.unsigned_abs());
    ours.chain(foreign).sum()
}

fn tick_off(index: &mut Index<'_>, findings: &mut Findings, document: &RawDocument, kind: Kind, content: &ContentText) {
    let id = text(document, "_id").unwrap_or_default();
    match index.tick_off(id, kind, &content.hash()) {
        Verdict::Right => {}
        Verdict::Foreign => findings.foreign.add(|| format!("{id} is in MongoDB")),
        Verdict::WrongContent => {
            findings.wrong_content.add(|| format!("{id} is stored as\n{}", content.as_str()));
        }
    }
}

/// What a document of the collection `receipts` says.
#[must_use]
pub fn receipt(document: &RawDocument) -> ContentText {
    let mut content = ContentText::start(&header(document, "receipt"));
    content.receipt(&mut Receipt {
        operation: text(document, "operation").unwrap_or_default(),
        number_in_shift: integer(document, "receipt_number"),
        total: integer(document, "total_kopecks").unwrap_or_default(),
        payments: sums(document, "payments", "kind", "amount_kopecks"),
        vat_sums: sums(document, "vat_sums", "rate", "sum_kopecks"),
        taxation: integer(document, "taxation"),
    });
    for item in elements(document, "items") {
        content.item(&Item {
            name: text(item, "name"),
            product_key: text(item, "product_key"),
            quantity_millionths: millionths(item, "quantity").unwrap_or(i64::MIN),
            unit: text(item, "unit"),
            price: integer(item, "price_kopecks"),
            sum: integer(item, "sum_kopecks"),
            vat: text(item, "vat_rate"),
            vat_sum: integer(item, "vat_sum_kopecks"),
            gtin: text(item, "gtin"),
            vendor_code: text(item, "vendor_code"),
        });
    }
    content
}

/// What a document of the collection `shifts` says.
#[must_use]
pub fn shift(document: &RawDocument) -> ContentText {
    let mut content = ContentText::start(&header(document, "shift"));
    content.shift(integer(document, "receipts"), integer(document, "documents"), integer(document, "unsent_documents"));
    content
}

fn header<'a>(document: &'a RawDocument, name: &'a str) -> Header<'a> {
    Header {
        document: name,
        id: text(document, "_id"),
        tenant: text(document, "tenant").unwrap_or_default(),
        shop: text(document, "shop"),
        register: text(document, "register").unwrap_or_default(),
        source: text(document, "source").unwrap_or_default(),
        drive: text(document, "drive_number"),
        number: integer(document, "document_number"),
        sign: integer(document, "fiscal_sign"),
        registration: text(document, "registration_number"),
        kind: text(document, "kind").unwrap_or_default(),
        shift: integer(document, "shift_number"),
        local_ms: date(document, "local_time"),
        utc_ms: date(document, "utc_time"),
        cashier: text(document, "cashier_name"),
        cashier_inn: text(document, "cashier_inn"),
    }
}

/// A field, unless it is missing, null or the document is broken: all of these are other content than was sent.
fn field<'a>(document: &'a RawDocument, name: &str) -> Option<RawBsonRef<'a>> {
    document.get(name).ok().flatten()
}

fn text<'a>(document: &'a RawDocument, name: &str) -> Option<&'a str> {
    field(document, name)?.as_str()
}

fn integer(document: &RawDocument, name: &str) -> Option<i64> {
    let value = field(document, name)?;
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}

fn date(document: &RawDocument, name: &str) -> Option<i64> {
    Some(field(document, name)?.as_datetime()?.timestamp_millis())
}

fn elements<'a>(document: &'a RawDocument, name: &str) -> impl Iterator<Item = &'a RawDocument> {
    let array = field(document, name).and_then(|value| value.as_array());
    array.into_iter().flatten().filter_map(|element| element.ok()?.as_document())
}

fn sums<'a>(document: &'a RawDocument, name: &str, symbol: &str, sum: &str) -> Vec<(&'a str, i64)> {
    elements(document, name)
        .map(|element| (text(element, symbol).unwrap_or_default(), integer(element, sum).unwrap_or(i64::MIN)))
        .collect()
}

/// A Decimal128 as millionths; `None` where it is no such number.
fn millionths(document: &RawDocument, name: &str) -> Option<i64> {
    let RawBsonRef::Decimal128(decimal) = field(document, name)? else { return None };
    parse_millionths(&decimal.to_string())
}

/// Reads the text forms of Decimal128: `1.500000`, `15E-1`, `1E+3`.
fn parse_millionths(decimal: &str) -> Option<i64> {
    let (digits, exponent) = decimal.split_once('E').unwrap_or((decimal, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let unscaled: i64 = format!("{whole}{fraction}").parse().ok()?;
    let shift = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()? + 6;
    let power = 10_i64.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 { unscaled.checked_mul(power) } else { (unscaled % power == 0).then_some(unscaled / power) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_all_forms_are_read() {
        let read = ["1.500000", "2", "15E-1", "1E+3", "0.000001", "-0.25", "1E-7", "NaN"].map(parse_millionths);
        let expected = [
            Some(1_500_000),
            Some(2_000_000),
            Some(1_500_000),
            Some(1_000_000_000),
            Some(1),
            Some(-250_000),
            None,
            None,
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn differences_of_tenants_do_not_cancel_out() {
        let expected = HashMap::from([("a", 100), ("b", 50), ("c", 7)]);
        let stored = HashMap::from([("a".to_owned(), 90), ("b".to_owned(), 60), ("d".to_owned(), -3)]);
        assert_eq!(difference(&expected, &stored), 10 + 10 + 7 + 3);
    }
}
