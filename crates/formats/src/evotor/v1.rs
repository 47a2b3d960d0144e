//! Version 1: a document is a list of transactions. It has no fiscal identity.
//!
//! Sums and quantities of what goes back to the seller's side (`PAYBACK`, `BUY`) are negative, but for prices and the
//! document's own sums.

use canonical::{gtin, product};
use schemas::{
    Decimal, LocalTimestamp,
    receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind},
};
use serde::Deserialize;

use super::{Kind, NAME, Numbered, REVISION, Times, words};
use crate::{
    Context, Invalid, Parsed, bounds, checks, codes, flags,
    json::{self, Integer, List, Text},
    marking,
    number::Number,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    uuid: Text<'a>,
    #[serde(default)]
    number: Integer,
    #[serde(default, borrow)]
    close_date: Text<'a>,
    /// Milliseconds east of UTC, in some documents.
    #[serde(default)]
    timezone: Integer,
    #[serde(default)]
    session_number: Integer,
    #[serde(default, borrow)]
    device_uuid: Text<'a>,
    #[serde(default, borrow)]
    close_sum: Number<'a>,
    #[serde(default, borrow)]
    close_result_sum: Number<'a>,
    #[serde(borrow)]
    transactions: List<Transaction<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    commodity_code: Text<'a>,
    #[serde(default, borrow)]
    commodity_name: Text<'a>,
    #[serde(default, borrow)]
    measure_name: Text<'a>,
    #[serde(default, borrow)]
    barcode: Text<'a>,
    #[serde(default, borrow)]
    mark: Text<'a>,
    #[serde(default, borrow)]
    quantity: Number<'a>,
    #[serde(default, borrow)]
    sum: Number<'a>,
    #[serde(default, borrow)]
    result_price: Number<'a>,
    #[serde(default, borrow)]
    result_sum: Number<'a>,
    #[serde(default, borrow)]
    tax: Text<'a>,
    #[serde(default, borrow)]
    result_tax_sum: Number<'a>,
    #[serde(default, borrow)]
    payment_type: Text<'a>,
    #[serde(default)]
    receipt_number: Integer,
    /// As in the document.
    #[serde(default)]
    timezone: Integer,
}

pub(super) fn parse<'b>(text: &'b str, context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let mut document: Document<'b> = json::read_at(text, "$")?;
    let mut flags = Vec::new();
    let times = Times::read(&document.close_date, document.offset_ms(), "$.closeDate", context, &mut flags)?;
    match super::kind(&document.kind, "$.type")? {
        Kind::Receipt(operation) => {
            receipt(document, operation, times, flags, context).map(|receipt| Parsed::Receipt(Box::new(receipt)))
        }
        Kind::Shift(kind) => {
            document.numbered(times).shift(kind, flags, context).map(|shift| Parsed::Shift(Box::new(shift)))
        }
        Kind::Other(name) => {
            document.numbered(times).other(name, flags, context).map(|event| Parsed::Event(Box::new(event)))
        }
        Kind::Cash(cash) => {
            let moved = document.transactions.iter().enumerate().find_map(|(index, transaction)| {
                matches!(transaction.kind.trimmed(), Some("CASH_INCOME" | "CASH_OUTCOME"))
                    .then(|| (transaction.sum, format!("$.transactions[{index}].sum")))
            });
            let (sum, place) = moved.unwrap_or_else(|| (document.close_sum, "$.closeSum".to_owned()));
            let sum = sum.kopecks(&place, &mut flags)?.map(i64::saturating_abs);
            let sum = checks::money(sum, &place)?.ok_or_else(|| Invalid::new(place, "the sum is missing"))?;
            document.numbered(times).cash(cash, sum, flags, context).map(|event| Parsed::Event(Box::new(event)))
        }
    }
}

impl<'a> Document<'a> {
    /// The register's offset from UTC, as the document or a transaction tells it.
    fn offset_ms(&self) -> Option<i64> {
        self.timezone.0.or_else(|| self.transactions.iter().find_map(|transaction| transaction.timezone.0))
    }

    fn numbered(&mut self, times: Times) -> Numbered<'a> {
        Numbered {
            device: self.device_uuid.take_trimmed(),
            session: self.session_number.0,
            number: self.number.0,
            times,
            id: self.uuid.take_trimmed(),
            places: ["$.deviceUuid", "$.sessionNumber", "$.number"],
        }
    }
}

fn receipt<'b>(
    mut document: Document<'b>,
    operation: Operation,
    times: Times,
    mut flags: Vec<&'static str>,
    context: &Context<'b>,
) -> Result<Receipt<'b>, Invalid> {
    let (total, place) = match document.close_result_sum.kopecks("$.closeResultSum", &mut flags)? {
        Some(total) => (Some(total), "$.closeResultSum"),
        None => (document.close_sum.kopecks("$.closeSum", &mut flags)?, "$.closeSum"),
    };
    let total_kopecks =
        checks::money(total, place)?.ok_or_else(|| Invalid::new("$.closeResultSum", "the total is missing"))?;
    let id = document.numbered(times).id(codes::operation_name(operation), context)?;
    let sold = document.transactions.iter().filter(|transaction| transaction.kind.trimmed() == Some(POSITION)).count();
    let mut body = Body {
        backwards: matches!(operation, Operation::SellReturn | Operation::Buy),
        at: times.local.unwrap_or(LocalTimestamp(times.utc.0)),
        items: bounds::room_for(sold).map_err(|full| Invalid::new("$.transactions", full.to_string()))?,
        payments: Vec::new(),
        receipt_number: None,
    };
    for (index, transaction) in document.transactions.into_iter().enumerate() {
        body.take(transaction, context, &mut flags)
            .map_err(|invalid| invalid.below(&format!("$.transactions[{index}]")))?;
    }
    if !checks::items_add_up(ReceiptKind::Receipt, total_kopecks, &body.items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    Ok(Receipt {
        receipt_id: id.into(),
        kind: ReceiptKind::Receipt,
        operation,
        shift_number: document.session_number.0,
        receipt_number: body.receipt_number,
        local_time: times.local,
        utc_time: Some(times.utc),
        total_kopecks,
        payments: body.payments()?,
        items: body.items,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.receipt(NAME, REVISION)
    })
}

/// Kind of a transaction that is an item.
const POSITION: &str = "REGISTER_POSITION";

/// What the transactions tell.
struct Body<'b> {
    /// Sums and quantities are negative.
    backwards: bool,
    at: LocalTimestamp,
    items: Vec<Item<'b>>,
    /// Sums by kind: change that was given back is a negative one.
    payments: Vec<(PaymentKind, i64)>,
    receipt_number: Option<i64>,
}

impl<'b> Body<'b> {
    fn take(
        &mut self,
        mut transaction: Transaction<'b>,
        context: &Context<'b>,
        flags: &mut Vec<&'static str>,
    ) -> Result<(), Invalid> {
        match transaction.kind.trimmed() {
            Some(POSITION) => {
                let item = self.item(&mut transaction, context, flags)?;
                self.items.push(item);
            }
            // It follows its position.
            Some("POSITION_TAX") => {
                let sum = self.forward(transaction.result_tax_sum.kopecks("resultTaxSum", flags)?);
                let vat_sum_kopecks = checks::money(sum, "resultTaxSum")?;
                if let Some(item) = self.items.last_mut() {
                    item.vat_rate = transaction.tax.trimmed().map(|word| words::vat(word, self.at, flags));
                    item.vat_sum_kopecks = vat_sum_kopecks;
                }
            }
            Some("PAYMENT") => {
                let sum = self.forward(transaction.sum.kopecks("sum", flags)?).unwrap_or_default();
                if sum != 0 {
                    let kind = words::payment(transaction.payment_type.trimmed(), flags);
                    match self.payments.iter_mut().find(|(known, _)| *known == kind) {
                        Some((_, paid)) => *paid = paid.saturating_add(sum),
                        None => self.payments.push((kind, sum)),
                    }
                }
            }
            Some("DOCUMENT_CLOSE_FPRINT") => self.receipt_number = transaction.receipt_number.0,
            _ => {}
        }
        Ok(())
    }

    /// The figure as it would be in a sale.
    fn forward(&self, figure: Option<i64>) -> Option<i64> {
        figure.map(|figure| if self.backwards { figure.saturating_neg() } else { figure })
    }

    fn item(
        &self,
        position: &mut Transaction<'b>,
        context: &Context<'b>,
        flags: &mut Vec<&'static str>,
    ) -> Result<Item<'b>, Invalid> {
        let quantity = position.quantity.signed_quantity("quantity", flags)?;
        let quantity = checks::quantity(self.forward(quantity), "quantity", flags)?;
        let before = checks::money(self.forward(position.sum.kopecks("sum", flags)?), "sum")?;
        let sum_kopecks = self.forward(position.result_sum.kopecks("resultSum", flags)?);
        let sum_kopecks = checks::money(sum_kopecks, "resultSum")?;
        let price_kopecks = position.result_price.money("resultPrice", flags)?;
        let gtin = position.barcode.get().and_then(gtin::normalize);
        let gtin = gtin.or_else(|| position.mark.get().and_then(marking::gtin_of_text));
        let product_key = canonical::product_key(&product::ProductFacts {
            gtin: gtin.as_deref(),
            source: NAME,
            shop: context.shop,
            vendor_code: position.commodity_code.get(),
            name: position.commodity_name.get(),
            unit: position.measure_name.get(),
        });
        Ok(Item {
            name: position.commodity_name.take(),
            product_key: product_key.map(Into::into),
            quantity: Decimal::from_unscaled(quantity),
            unit: position.measure_name.take(),
            price_kopecks,
            sum_kopecks,
            discount_kopecks: checks::discount(before, sum_kopecks),
            gtin: gtin.map(Into::into),
            barcode: position.barcode.take(),
            vendor_code: position.commodity_code.take(),
            marking_serial: position.mark.get().and_then(marking::serial_of_text).map(Into::into),
            marking_code: position.mark.take(),
            ..Item::default()
        })
    }

    fn payments(&self) -> Result<Vec<Payment>, Invalid> {
        let told = self.payments.iter().filter(|(_, sum)| *sum != 0);
        told.map(|(kind, sum)| {
            let amount = checks::money(Some(*sum), "$.transactions")?;
            Ok(Payment { kind: *kind, amount_kopecks: amount.unwrap_or_default() })
        })
        .collect()
    }
}
