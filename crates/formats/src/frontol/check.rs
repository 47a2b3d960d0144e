//! A closed check.

use canonical::{NonFiscalReceipt, gtin, product, time};
use schemas::{
    Decimal,
    events::{EventKind, RegisterEvent},
    receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind},
};

use super::{
    NAME, REVISION,
    line::{Code, Line},
};
use crate::{Context, Invalid, checks, codes, flags, moment::Moment};

/// Numbers of the fields.
mod field {
    pub const REGISTER: usize = 5;
    pub const RECEIPT: usize = 6;
    pub const PRODUCT: usize = 8;
    pub const PAYMENT_KIND: usize = 9;
    pub const PRICE: usize = 10;
    pub const QUANTITY: usize = 11;
    pub const SUM: usize = 12;
    pub const OPERATION: usize = 13;
    pub const SHIFT: usize = 14;
    pub const PRICE_AFTER_DISCOUNT: usize = 15;
    pub const SUM_AFTER_DISCOUNT: usize = 16;
    pub const BARCODE: usize = 19;
}

pub(super) fn canonical<'b>(
    lines: &[Line<'_>],
    mut flags: Vec<&'static str>,
    context: &Context<'b>,
) -> Result<Receipt<'b>, Invalid> {
    let of = |code| lines.iter().filter(move |line| line.code == Some(code));
    let Some(close) = of(Code::Close).next() else {
        return Err(Invalid::new("code 55", "missing: the check was not closed; send it with the line that closes it"));
    };
    let moment = close.moment()?.in_zone(context, &mut flags);
    let operation = operation(close, &mut flags)?;
    let (id, shift, number) = identity(close, moment, codes::operation_name(operation), context)?;
    let items = items(lines, context, &mut flags)?;
    let mut payments = Vec::new();
    for line in of(Code::Payment) {
        payments.extend(payment(line, &mut flags)?);
    }
    // Closing and opening line have the check's own sum; files without it leave the sum to the items.
    let told =
        of(Code::Close).chain(of(Code::Open)).find_map(|line| total(line, &mut flags).transpose()).transpose()?;
    let total_kopecks = told.unwrap_or_else(|| items.iter().filter_map(|item| item.sum_kopecks).sum());
    if !checks::items_add_up(ReceiptKind::Receipt, total_kopecks, &items) {
        flags::raise(&mut flags, flags::ITEMS_DO_NOT_ADD_UP);
    }
    checks::take_change(&mut payments, total_kopecks);
    Ok(Receipt {
        receipt_id: id.into(),
        kind: ReceiptKind::Receipt,
        operation,
        shift_number: Some(shift),
        receipt_number: Some(number),
        local_time: Some(moment.local),
        utc_time: moment.utc,
        total_kopecks,
        payments,
        items,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.receipt(NAME, REVISION)
    })
}

/// A check that was given up: it never became a sale.
pub(super) fn cancelled<'b>(
    end: &Line<'_>,
    mut flags: Vec<&'static str>,
    context: &Context<'b>,
) -> Result<RegisterEvent<'b>, Invalid> {
    let moment = end.moment()?.in_zone(context, &mut flags);
    let (id, shift, _) = identity(end, moment, "cancelled", context)?;
    Ok(RegisterEvent {
        event_id: id.into(),
        kind: EventKind::Other,
        name: Some("cancelled-check".into()),
        shift_number: Some(shift),
        local_time: Some(moment.local),
        utc_time: moment.utc,
        amount_kopecks: total(end, &mut flags)?,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.event(NAME, REVISION)
    })
}

/// The id of a check by its last line, with shift and number.
fn identity(end: &Line<'_>, moment: Moment, kind: &str, context: &Context<'_>) -> Result<(String, i64, i64), Invalid> {
    let (shift, number) = (end.needed(field::SHIFT, "the shift")?, end.needed(field::RECEIPT, "the receipt")?);
    let business_date = time::local_date_text(moment.local);
    let business_date = business_date.ok_or_else(|| Invalid::new(end.place(2), "beyond the calendar"))?;
    let id = canonical::non_fiscal_receipt_id(&NonFiscalReceipt {
        tenant: context.tenant,
        source: NAME,
        device: &device(end, context),
        business_date: &business_date,
        shift,
        number,
        kind,
    });
    Ok((id, shift, number))
}

/// The register of the file, at the register or gateway that sent it: files of several shops use the same numbers.
pub(super) fn device(line: &Line<'_>, context: &Context<'_>) -> String {
    format!("{}:{}", context.register, line.text(field::REGISTER).unwrap_or_default())
}

fn operation(close: &Line<'_>, flags: &mut Vec<&'static str>) -> Result<Operation, Invalid> {
    Ok(match close.needed(field::OPERATION, "the operation")? {
        0 => Operation::Sell,
        1 => Operation::SellReturn,
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            Operation::Unknown
        }
    })
}

/// Sums of returns are negative in some files: the operation says what they were.
fn sum(line: &Line<'_>, field: usize, flags: &mut Vec<&'static str>) -> Result<Option<i64>, Invalid> {
    let sum = line.figure(field).kopecks(&line.place(field), flags)?;
    checks::money(sum.map(i64::saturating_abs), &line.place(field))
}

fn total(line: &Line<'_>, flags: &mut Vec<&'static str>) -> Result<Option<i64>, Invalid> {
    for field in [field::SUM_AFTER_DISCOUNT, field::SUM] {
        if let Some(total) = sum(line, field, flags)?.filter(|total| *total != 0) {
            return Ok(Some(total));
        }
    }
    Ok(None)
}

fn payment(line: &Line<'_>, flags: &mut Vec<&'static str>) -> Result<Option<Payment>, Invalid> {
    let amount = sum(line, field::SUM, flags)?;
    let kind = if line.integer(field::PAYMENT_KIND)? == Some(1) {
        PaymentKind::Cash
    } else {
        // The numbers of all others are up to the shop.
        flags::raise(flags, flags::UNKNOWN_CODE);
        PaymentKind::Other
    };
    Ok(amount.filter(|amount| *amount != 0).map(|amount_kopecks| Payment { kind, amount_kopecks }))
}

fn items<'b>(
    lines: &[Line<'_>],
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<Item<'b>>, Invalid> {
    let mut items: Vec<Item<'b>> = Vec::new();
    for line in lines {
        match line.code {
            Some(Code::Item) if items.len() == checks::MAX_ITEMS => {
                return Err(Invalid::new(
                    line.place(1),
                    format!("more than {} items make no sense", checks::MAX_ITEMS),
                ));
            }
            Some(Code::Item) => items.push(item(line, context, flags)?),
            Some(Code::Storno) => take_back(&mut items, item(line, context, flags)?),
            _ => {}
        }
    }
    Ok(items)
}

/// The last item of that product goes, or loses the quantity and the sum that were taken back.
fn take_back(items: &mut Vec<Item<'_>>, storno: Item<'_>) {
    let same = |item: &Item<'_>| (&item.vendor_code, &item.barcode) == (&storno.vendor_code, &storno.barcode);
    let Some(index) = items.iter().rposition(same) else { return };
    let item = &mut items[index];
    if storno.quantity.unscaled() >= item.quantity.unscaled() {
        items.remove(index);
        return;
    }
    item.quantity = Decimal::from_unscaled(item.quantity.unscaled() - storno.quantity.unscaled());
    item.sum_kopecks = item.sum_kopecks.map(|sum| sum.saturating_sub(storno.sum_kopecks.unwrap_or_default()).max(0));
}

fn item<'b>(line: &Line<'_>, context: &Context<'b>, flags: &mut Vec<&'static str>) -> Result<Item<'b>, Invalid> {
    let place = line.place(field::QUANTITY);
    let quantity = line.figure(field::QUANTITY).signed_quantity(&place, flags)?;
    let quantity = checks::quantity(quantity.map(i64::saturating_abs), &place, flags)?;
    let before = sum(line, field::SUM, flags)?;
    let after = sum(line, field::SUM_AFTER_DISCOUNT, flags)?.or(before);
    let price = match sum(line, field::PRICE_AFTER_DISCOUNT, flags)? {
        None => sum(line, field::PRICE, flags)?,
        price => price,
    };
    let (vendor_code, barcode) = (line.text(field::PRODUCT), line.text(field::BARCODE));
    let gtin = barcode.and_then(gtin::normalize);
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code,
        name: None,
        unit: None,
    });
    Ok(Item {
        product_key: product_key.map(Into::into),
        quantity: Decimal::from_unscaled(quantity),
        price_kopecks: price,
        sum_kopecks: after,
        discount_kopecks: before.zip(after).map(|(before, after)| before - after).filter(|discount| *discount > 0),
        gtin: gtin.map(Into::into),
        barcode: barcode.map(|text| text.to_owned().into()),
        vendor_code: vendor_code.map(|text| text.to_owned().into()),
        ..Item::default()
    })
}
