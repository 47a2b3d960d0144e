//! Version 2: documents that the cloud pushes to partners, with the fiscal identity among the results of printing.

use canonical::{gtin, product, time};
use schemas::{
    Decimal, LocalTimestamp,
    receipts::{Item, Operation, Payment, Receipt, ReceiptKind},
};
use serde::Deserialize;

use super::{Kind, NAME, Numbered, REVISION, Times, words};
use crate::{
    Context, Invalid, Parsed, checks, codes, flags,
    identity::{self, Fiscal},
    json::{self, Inner, Integer, Items, List, Object, Text},
    marking,
    number::Number,
};

#[derive(Debug, Deserialize)]
struct Document<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    id: Text<'a>,
    #[serde(default)]
    number: Integer,
    #[serde(default, borrow)]
    close_date: Text<'a>,
    #[serde(default)]
    time_zone_offset: Integer,
    #[serde(default)]
    session_number: Integer,
    #[serde(default, borrow)]
    device_id: Text<'a>,
    #[serde(borrow)]
    body: Object<Body<'a>>,
}

#[derive(Debug, Deserialize)]
struct Body<'a> {
    #[serde(default, borrow)]
    positions: Items<'a, Position<'a>>,
    #[serde(default, borrow)]
    payments: List<Paid<'a>>,
    #[serde(default, borrow)]
    pos_print_results: List<Printed<'a>>,
    #[serde(default, borrow)]
    sum: Number<'a>,
    #[serde(default, borrow)]
    result_sum: Number<'a>,
}

#[derive(Debug, Deserialize)]
struct Position<'a> {
    /// Some versions wrap each element.
    #[serde(default, borrow)]
    position: Option<Inner<Position<'a>>>,
    #[serde(default, borrow)]
    product_name: Text<'a>,
    #[serde(default, borrow)]
    code: Text<'a>,
    #[serde(default, borrow)]
    barcode: Text<'a>,
    #[serde(default, borrow)]
    mark: Text<'a>,
    #[serde(default, borrow)]
    measure_name: Text<'a>,
    #[serde(default, borrow)]
    quantity: Number<'a>,
    #[serde(default, borrow)]
    result_price: Number<'a>,
    #[serde(default, borrow)]
    sum: Number<'a>,
    #[serde(default, borrow)]
    result_sum: Number<'a>,
    #[serde(default, borrow)]
    tax: Option<Object<Tax<'a>>>,
    #[serde(default, borrow)]
    settlement_method: Option<Object<Typed<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Tax<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    result_sum: Number<'a>,
}

#[derive(Debug, Deserialize)]
struct Typed<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct Paid<'a> {
    /// Some versions wrap each element.
    #[serde(default, borrow)]
    payment: Option<Inner<Paid<'a>>>,
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    sum: Number<'a>,
    #[serde(default, borrow)]
    parts: List<Part<'a>>,
}

#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(default, borrow)]
    change: Number<'a>,
}

/// What the fiscal drive answered. `document_number` is the register's own count, not the fiscal one.
#[derive(Debug, Default, Deserialize)]
struct Printed<'a> {
    #[serde(default)]
    receipt_number: Integer,
    #[serde(default)]
    session_number: Integer,
    #[serde(default, borrow)]
    receipt_date: Text<'a>,
    #[serde(default, borrow)]
    receipt_time: Text<'a>,
    #[serde(default)]
    fiscal_sign_doc_number: Integer,
    #[serde(default)]
    fiscal_document_number: Integer,
    #[serde(default, borrow)]
    fn_serial_number: Text<'a>,
    #[serde(default, borrow)]
    kkt_reg_number: Text<'a>,
}

pub(super) fn parse<'b>(text: &'b str, context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let mut document: Document<'b> = json::read_at(text, "$")?;
    let mut flags = Vec::new();
    let times = Times::read(&document.close_date, document.time_zone_offset.0, "$.close_date", context, &mut flags)?;
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
            let sum = document.body.0.sum.money("$.body.sum", &mut flags)?;
            let sum = sum.ok_or_else(|| Invalid::new("$.body.sum", "the sum is missing"))?;
            document.numbered(times).cash(cash, sum, flags, context).map(|event| Parsed::Event(Box::new(event)))
        }
    }
}

impl<'a> Document<'a> {
    fn numbered(&mut self, times: Times) -> Numbered<'a> {
        Numbered {
            device: self.device_id.take_trimmed(),
            session: self.session_number.0,
            number: self.number.0,
            times,
            id: self.id.take_trimmed(),
            places: ["$.device_id", "$.session_number", "$.number"],
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
    let numbered = document.numbered(times);
    let Body { positions, payments, pos_print_results, sum, result_sum } = document.body.0;
    let total = result_sum.money("$.body.result_sum", &mut flags)?;
    let total_kopecks = total.ok_or_else(|| Invalid::new("$.body.result_sum", "the total is missing"))?;
    let before = sum.money("$.body.sum", &mut flags)?;
    let mut printed = pos_print_results.into_iter();
    let mut print = printed.next().unwrap_or_default();
    if printed.any(|other| other.fiscal_document_number != print.fiscal_document_number) {
        return Err(Invalid::unsupported(
            "$.body.pos_print_results",
            "a sale that was printed as several fiscal documents is not read",
        ));
    }
    let local = print.local_time().or(times.local);
    if local.is_some_and(|local| !checks::are_one_moment(local, times.utc)) {
        flags.push(flags::TIMES_DISAGREE);
    }
    let rates_at = local.unwrap_or(LocalTimestamp(times.utc.0));
    let items = items(positions, rates_at, context, &mut flags)?;
    if !checks::items_add_up(ReceiptKind::Receipt, total_kopecks, &items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    let payments = paid(payments, &mut flags)?;
    let mut receipt = Receipt {
        kind: ReceiptKind::Receipt,
        operation,
        shift_number: print.session_number.0.or(document.session_number.0),
        receipt_number: print.receipt_number.0,
        local_time: local,
        utc_time: Some(times.utc),
        total_kopecks,
        discount_kopecks: checks::discount(before, Some(total_kopecks)),
        payments,
        items,
        registration_number: print.kkt_reg_number.take_trimmed(),
        ..context.receipt(NAME, REVISION)
    };
    match print.fiscal(&mut flags)? {
        Some(fiscal) => fiscal.name_receipt(&mut receipt, context),
        None => receipt.receipt_id = numbered.id(codes::operation_name(operation), context)?.into(),
    }
    receipt.flags = flags.into_iter().map(Into::into).collect();
    Ok(receipt)
}

impl Printed<'_> {
    /// `23012020` and `1348`: the register's clock.
    fn local_time(&self) -> Option<LocalTimestamp> {
        let (date, clock) = (self.receipt_date.trimmed()?, self.receipt_time.trimmed()?);
        let (day, month, year) = (date.get(..2)?, date.get(2..4)?, date.get(4..)?);
        let (hour, minute) = (clock.get(..2)?, clock.get(2..)?);
        time::parse_local(&format!("{year}-{month}-{day}T{hour}:{minute}:00"))
    }

    fn fiscal(&self, flags: &mut Vec<&'static str>) -> Result<Option<Fiscal<'_>>, Invalid> {
        let at = |field: &str| format!("$.body.pos_print_results[0].{field}");
        let drive = identity::drive(self.fn_serial_number.get(), || at("fn_serial_number"))?;
        let number = identity::number(self.fiscal_document_number.0, 1, || at("fiscal_document_number"))?;
        let sign = identity::number(self.fiscal_sign_doc_number.0, 0, || at("fiscal_sign_doc_number"))?;
        Ok(Fiscal::whole(drive, number, sign, flags))
    }
}

fn items<'b>(
    positions: Items<'b, Position<'b>>,
    at: LocalTimestamp,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<Item<'b>>, Invalid> {
    positions.convert("$.body.positions", |position| {
        let item = match position.position {
            Some(Inner(inner)) => item(*inner, at, context, flags).map_err(|invalid| invalid.below("position")),
            None => item(position, at, context, flags),
        };
        item.map(Some)
    })
}

fn item<'b>(
    mut position: Position<'b>,
    at: LocalTimestamp,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Item<'b>, Invalid> {
    let quantity = position.quantity.quantity("quantity", flags)?;
    let before = position.sum.money("sum", flags)?;
    let sum_kopecks = position.result_sum.money("result_sum", flags)?;
    let price_kopecks = position.result_price.money("result_price", flags)?;
    let (vat_rate, vat_sum_kopecks) = match &position.tax {
        None => (None, None),
        Some(Object(tax)) => {
            (tax.kind.trimmed().map(|word| words::vat(word, at, flags)), tax.result_sum.money("tax.result_sum", flags)?)
        }
    };
    let method = position.settlement_method.as_ref().and_then(|Object(method)| method.kind.trimmed());
    let payment_method = method.and_then(|word| words::settlement(word, flags));
    let gtin = position.barcode.get().and_then(gtin::normalize);
    let gtin = gtin.or_else(|| position.mark.get().and_then(marking::gtin_of_text));
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code: position.code.get(),
        name: position.product_name.get(),
        unit: position.measure_name.get(),
    });
    Ok(Item {
        name: position.product_name.take(),
        product_key: product_key.map(Into::into),
        quantity: Decimal::from_unscaled(quantity),
        unit: position.measure_name.take(),
        price_kopecks,
        sum_kopecks,
        discount_kopecks: checks::discount(before, sum_kopecks),
        vat_rate,
        vat_sum_kopecks,
        payment_method,
        payment_subject: None,
        gtin: gtin.map(Into::into),
        barcode: position.barcode.take(),
        vendor_code: position.code.take(),
        marking_serial: position.mark.get().and_then(marking::serial_of_text).map(Into::into),
        marking_code: position.mark.take(),
        ..Item::default()
    })
}

/// Change that was given back is no payment.
fn paid(payments: List<Paid<'_>>, flags: &mut Vec<&'static str>) -> Result<Vec<Payment>, Invalid> {
    let mut told = Vec::new();
    for (index, payment) in payments.into_iter().enumerate() {
        let payment = match payment.payment {
            Some(Inner(payment)) => *payment,
            None => payment,
        };
        let place = format!("$.body.payments[{index}].sum");
        let mut amount = payment.sum.kopecks(&place, flags)?.unwrap_or_default();
        for part in payment.parts.iter() {
            amount = amount.saturating_sub(part.change.money(&place, flags)?.unwrap_or_default());
        }
        let kind = words::payment(payment.kind.trimmed(), flags);
        if let Some(amount_kopecks) = checks::money(Some(amount), &place)?.filter(|amount| *amount != 0) {
            told.push(Payment { kind, amount_kopecks });
        }
    }
    Ok(told)
}
