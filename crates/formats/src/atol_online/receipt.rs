//! A receipt, or the correction of one.

use canonical::{product, time};
use schemas::{
    Decimal, LocalTimestamp,
    receipts::{Item, Operation, Receipt, ReceiptKind, VatSum},
};

use super::{
    NAME, REVISION,
    report::Report,
    request::{self, Content, Position, Request},
};
use crate::{
    Context, Invalid,
    atol::{
        parts::{self, Vat},
        words,
    },
    buyer::Buyer,
    checks, flags,
    json::{Items, List, Object, Text},
    marking,
    moment::Moment,
};

pub(super) fn canonical<'b>(
    report: Report<'b>,
    place: &str,
    request: Option<Request<'b>>,
    operation: &Text<'_>,
    context: &Context<'b>,
) -> Result<Receipt<'b>, Invalid> {
    let mut payload = report.done(place)?;
    let mut flags = Vec::new();
    let moment = payload.moment(place, context, &mut flags)?;
    let total_place = format!("{place}.payload.total");
    let total = payload.total.kopecks(&total_place, &mut flags)?;
    let total_kopecks =
        checks::money(total, &total_place)?.ok_or_else(|| Invalid::new(total_place, "the total is missing"))?;
    let mut receipt = Receipt {
        kind: ReceiptKind::Receipt,
        shift_number: payload.shift_number.0,
        receipt_number: payload.fiscal_receipt_number.0,
        local_time: Some(moment.local),
        utc_time: moment.utc,
        total_kopecks,
        ..context.receipt(NAME, REVISION)
    };
    payload.identity(place)?.name_receipt(&mut receipt, context);
    receipt.registration_number = payload.ecr_registration_number.take_trimmed();
    match request {
        Some(request) => add(request, operation, moment.local, &mut receipt, context, &mut flags)?,
        None => {
            if operation.trimmed().is_some() {
                receipt.operation = self::operation(operation)?;
            }
            flags.push(flags::CONTENT_MISSING);
        }
    }
    receipt.flags = flags.into_iter().map(Into::into).collect();
    Ok(receipt)
}

/// What the request says beyond the report.
fn add<'b>(
    request: Request<'b>,
    operation: &Text<'_>,
    at: LocalTimestamp,
    receipt: &mut Receipt<'b>,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<(), Invalid> {
    let (kind, Object(mut content), place) = match (request.receipt, request.correction) {
        (Some(content), _) => (ReceiptKind::Receipt, content, "$.request.receipt"),
        (None, Some(content)) => (ReceiptKind::ReceiptCorrection, content, "$.request.correction"),
        (None, None) => return Err(Invalid::new("$.request", "it has neither receipt nor correction")),
    };
    receipt.kind = kind;
    receipt.operation = self::operation(operation)?;
    receipt.items = items(content.items.take(), at, place, context, flags)?;
    if !checks::items_add_up(kind, receipt.total_kopecks, &receipt.items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    receipt.payments = parts::payments(content.payments.take(), place, flags)?;
    receipt.vat_sums = vat_sums(content.vats.take(), at, place, flags)?;
    receipt.taxation = taxation(&content, flags);
    if let Some(Object(mut base)) = content.correction_info.take() {
        receipt.correction_type = base.kind.trimmed().and_then(|word| words::correction_type(word, flags));
        let date = base.base_date.trimmed().and_then(|date| Moment::day_first(date, "00:00:00"));
        receipt.correction_date = date.and_then(|date| time::local_date_text(date.local)).map(Into::into);
        receipt.correction_number = base.base_number.take_trimmed();
    }
    (receipt.cashier_name, receipt.cashier_inn) = (content.cashier.take(), content.cashier_inn.take_trimmed());
    Buyer::keep(receipt, context, || request::buyer(content.client));
    Ok(())
}

/// The last part of the address to which the request was sent.
fn operation(word: &Text<'_>) -> Result<Operation, Invalid> {
    match word.trimmed() {
        Some("sell" | "sell_correction") => Ok(Operation::Sell),
        Some("sell_refund" | "sell_refund_correction") => Ok(Operation::SellReturn),
        Some("buy" | "buy_correction") => Ok(Operation::Buy),
        Some("buy_refund" | "buy_refund_correction") => Ok(Operation::BuyReturn),
        Some(other) => Err(Invalid::new("$.operation", format!("{} is no operation", crate::text::quoted(other)))),
        None => Err(Invalid::new(
            "$.operation",
            "missing: the request does not say whether it is a sale (sell, sell_refund, …)",
        )),
    }
}

fn taxation(content: &Content<'_>, flags: &mut Vec<&'static str>) -> Option<i32> {
    content.company.as_ref().and_then(|Object(company)| words::taxation(company.sno.trimmed()?, flags))
}

/// Rates of zero are left out as well.
fn vat_sums(
    vats: List<Vat<'_>>,
    at: LocalTimestamp,
    place: &str,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<VatSum>, Invalid> {
    let mut sums = Vec::new();
    for (index, vat) in vats.into_iter().enumerate() {
        let place = format!("{place}.vats[{index}].sum");
        let (rate, sum) = vat.read(at, &place, flags)?;
        if let Some(sum_kopecks) = sum.filter(|sum| *sum != 0) {
            sums.push(VatSum { rate: rate.unwrap_or_default(), sum_kopecks });
        }
    }
    Ok(sums)
}

fn items<'b>(
    positions: Items<'b, Position<'b>>,
    at: LocalTimestamp,
    place: &str,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<Item<'b>>, Invalid> {
    positions.convert(&format!("{place}.items"), |position| item(position, at, context, flags).map(Some))
}

fn item<'b>(
    mut position: Position<'b>,
    at: LocalTimestamp,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Item<'b>, Invalid> {
    let quantity = position.quantity.quantity("quantity", flags)?;
    let price_kopecks = position.price.money("price", flags)?;
    let sum_kopecks = position.sum.money("sum", flags)?;
    let (vat_rate, vat_sum_kopecks) = match &position.vat {
        None => (None, None),
        Some(Object(vat)) => vat.read(at, "vat.sum", flags)?,
    };
    let unit = parts::unit(position.measure.take().or_else(|| position.measurement_unit.take()), flags);
    let marking_code = position.mark_code.0.take().or_else(|| position.nomenclature_code.take());
    let agent = position.agent_info.as_ref().and_then(|Object(agent)| words::agent(agent.kind.trimmed()?, flags));
    let (supplier_inn, supplier_name) = position
        .supplier_info
        .take()
        .map_or((None, None), |Object(mut supplier)| (supplier.inn.take_trimmed(), supplier.name.take()));
    let gtin = marking_code.as_deref().and_then(marking::gtin_of_text);
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code: None,
        name: position.name.get(),
        unit: unit.as_deref(),
    });
    Ok(Item {
        product_key: product_key.map(Into::into),
        name: position.name.take(),
        quantity: Decimal::from_unscaled(quantity),
        unit,
        price_kopecks,
        sum_kopecks,
        vat_rate,
        vat_sum_kopecks,
        payment_method: position.payment_method.trimmed().and_then(|word| words::payment_method(word, flags)),
        payment_subject: position.payment_object.trimmed().and_then(|word| words::payment_object(word, flags)),
        gtin: gtin.map(Into::into),
        marking_serial: marking_code.as_deref().and_then(marking::serial_of_text).map(Into::into),
        marking_code,
        agent,
        supplier_inn,
        supplier_name,
        ..Item::default()
    })
}
