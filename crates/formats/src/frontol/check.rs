//! A closed check.

use canonical::{NonFiscalReceipt, gtin, product, time};
use schemas::{
    Decimal,
    events::{EventKind, RegisterEvent},
    receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind},
};

use super::{
    NAME, REVISION,
    basket::Basket,
    line::{Code, Line},
};
use crate::{Context, Invalid, Parsed, bounds::NoRoom, checks, codes, flags, moment::Moment, text};

/// Numbers of the fields.
pub(super) mod field {
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

/// What the lines of a check tell.
#[derive(Default)]
pub(super) struct Check<'l, 'b> {
    open: Option<Line<'l>>,
    /// The line that closed or cancelled it.
    end: Option<Line<'l>>,
    basket: Basket<'b>,
    /// The sum of each kind, with the signs of the file.
    payments: Vec<(PaymentKind, i64)>,
    /// It has a line that only checks have.
    any: bool,
}

impl<'l, 'b> Check<'l, 'b> {
    /// Of so many lines.
    pub fn of_lines(lines: usize) -> Result<Self, NoRoom> {
        Ok(Self { basket: Basket::of_lines(lines)?, ..Self::default() })
    }

    pub fn take(
        &mut self,
        code: Code,
        line: Line<'l>,
        context: &Context<'b>,
        flags: &mut Vec<&'static str>,
    ) -> Result<(), Invalid> {
        self.any = true;
        match code {
            Code::Open => self.open = Some(line),
            Code::Close | Code::Cancelled => self.end = Some(line),
            Code::Item => self.basket.put(item(&line, context, flags)?, &line)?,
            Code::Storno => self.basket.take_back(&item(&line, context, flags)?, flags),
            Code::Payment => self.pay(&line, flags)?,
            Code::Report => {}
        }
        Ok(())
    }

    pub fn canonical(
        self,
        encoding: &'static str,
        flags: Vec<&'static str>,
        context: &Context<'b>,
    ) -> Result<Parsed<'b>, Invalid> {
        if !self.any {
            return Err(Invalid::unsupported("line 1", "neither a check nor a Z report"));
        }
        match &self.end {
            None => {
                Err(Invalid::new("line 1", "the check was not closed (code 55); send it with the line that closes it"))
            }
            Some(end) if end.code == Some(Code::Cancelled) => {
                cancelled(end, flags, context).map(|event| Parsed::Event(Box::new(event)))
            }
            Some(_) => {
                let receipt = self.receipt(flags, context)?;
                Ok(Parsed::Receipt(Box::new(Receipt { encoding: Some(encoding.into()), ..receipt })))
            }
        }
    }

    fn receipt(self, mut flags: Vec<&'static str>, context: &Context<'b>) -> Result<Receipt<'b>, Invalid> {
        let Self { open, end, basket, payments, .. } = self;
        let close = end.ok_or_else(|| Invalid::new("line 1", "the check was not closed (code 55)"))?;
        let moment = close.moment()?.in_zone(context, &mut flags);
        let operation = operation(&close, &mut flags)?;
        let (id, shift, number) = identity(&close, moment, codes::operation_name(operation), context)?;
        let items = basket.into_items();
        // Closing and opening line have the check's own sum; files without it leave the sum to the items.
        let mut told = total(&close, &mut flags)?;
        if told.is_none()
            && let Some(open) = &open
        {
            told = total(open, &mut flags)?;
        }
        let of_items = checks::sum_of(items.iter().map(|item| item.sum_kopecks), &close.place(field::SUM))?;
        let missing = || Invalid::new(close.place(field::SUM), "the sum is missing, and not every item tells its own");
        let total_kopecks = told.or(of_items).ok_or_else(missing)?;
        if !checks::items_add_up(ReceiptKind::Receipt, total_kopecks, &items) {
            flags::raise(&mut flags, flags::ITEMS_DO_NOT_ADD_UP);
        }
        let mut payments = paid(payments, operation, &close)?;
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

    fn pay(&mut self, line: &Line<'_>, flags: &mut Vec<&'static str>) -> Result<(), Invalid> {
        let place = line.place(field::SUM);
        let amount = line.figure(field::SUM).kopecks(&place, flags)?.unwrap_or_default();
        checks::money(Some(amount.saturating_abs()), &place)?;
        let kind = if line.integer(field::PAYMENT_KIND)? == Some(1) {
            PaymentKind::Cash
        } else {
            // The numbers of all others are up to the shop.
            flags::raise(flags, flags::UNKNOWN_CODE);
            PaymentKind::Other
        };
        match self.payments.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, paid)) => *paid = paid.saturating_add(amount),
            None => self.payments.push((kind, amount)),
        }
        Ok(())
    }
}

/// What was paid in the end. A payment that was taken back has the other sign; in some files all of a return are negative.
fn paid(payments: Vec<(PaymentKind, i64)>, operation: Operation, close: &Line<'_>) -> Result<Vec<Payment>, Invalid> {
    let all: i128 = payments.iter().map(|(_, amount)| i128::from(*amount)).sum();
    let backwards = operation == Operation::SellReturn && all < 0;
    let mut told = Vec::new();
    for (kind, amount) in payments {
        let amount = if backwards { amount.saturating_neg() } else { amount };
        if let Some(amount_kopecks) =
            checks::money(Some(amount), &close.place(field::SUM))?.filter(|amount| *amount != 0)
        {
            told.push(Payment { kind, amount_kopecks });
        }
    }
    Ok(told)
}

/// A check that was given up: it never became a sale.
fn cancelled<'b>(
    end: &Line<'_>,
    mut flags: Vec<&'static str>,
    context: &Context<'b>,
) -> Result<RegisterEvent<'b>, Invalid> {
    let moment = end.moment()?.in_zone(context, &mut flags);
    // A number is given again after a cancelled check: the number of the line tells them apart.
    let kind = format!("cancelled-{}", end.needed(1, "the number of the line")?);
    let (id, shift, _) = identity(end, moment, &kind, context)?;
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
    Ok((id(end, moment, (shift, number), kind, context)?, shift, number))
}

/// The id of a document by the register of its line, at the register or gateway that sent it: files of several shops use
/// the same numbers.
pub(super) fn id(
    line: &Line<'_>,
    moment: Moment,
    (shift, number): (i64, i64),
    kind: &str,
    context: &Context<'_>,
) -> Result<String, Invalid> {
    let business_date = time::local_date_text(moment.local);
    let business_date = business_date.ok_or_else(|| Invalid::new(line.place(2), "beyond the calendar"))?;
    Ok(canonical::non_fiscal_receipt_id(&NonFiscalReceipt {
        tenant: context.tenant,
        source: NAME,
        device: &format!("{}:{}", context.register, line.text(field::REGISTER).unwrap_or_default()),
        business_date: &business_date,
        shift,
        number,
        kind,
    }))
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

/// The sum after discounts, which may be zero; without it the sum.
fn total(line: &Line<'_>, flags: &mut Vec<&'static str>) -> Result<Option<i64>, Invalid> {
    match sum(line, field::SUM_AFTER_DISCOUNT, flags)? {
        None => Ok(sum(line, field::SUM, flags)?.filter(|total| *total != 0)),
        told => Ok(told),
    }
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
    let owned = |field: usize| Some(text::clean(line.text(field)?.into())?.into_owned());
    let (vendor_code, barcode) = (owned(field::PRODUCT), owned(field::BARCODE));
    let gtin = barcode.as_deref().and_then(gtin::normalize);
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code: vendor_code.as_deref(),
        name: None,
        unit: None,
    });
    Ok(Item {
        product_key: product_key.map(Into::into),
        quantity: Decimal::from_unscaled(quantity),
        price_kopecks: price,
        sum_kopecks: after,
        discount_kopecks: checks::discount(before, after),
        gtin: gtin.map(Into::into),
        barcode: barcode.map(Into::into),
        vendor_code: vendor_code.map(Into::into),
        ..Item::default()
    })
}
