//! Receipts of the cloud's webhook: neither a fiscal identity nor a number; the vendor's id tells them apart.

use canonical::{product, time};
use schemas::{
    Decimal, LocalTimestamp,
    events::{EventKind, RegisterEvent},
    receipts::{Item, Payment, Receipt, ReceiptKind},
};
use serde::Deserialize;

use super::{Kind, NAME, REVISION, words};
use crate::{
    Context, Invalid, Parsed, checks, codes, flags,
    json::{self, Integer, Items, Object, Text},
    number::Number,
};

#[derive(Debug, Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    data: Object<Sale<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sale<'a> {
    #[serde(default, borrow)]
    id: Text<'a>,
    #[serde(default, borrow)]
    date_time: Text<'a>,
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    shift_id: Integer,
    #[serde(default, borrow)]
    payment_source: Text<'a>,
    #[serde(default, borrow)]
    items: Items<'a, Position<'a>>,
    #[serde(default, borrow)]
    total_discount: Number<'a>,
    #[serde(default)]
    info_check: Option<bool>,
    #[serde(default, borrow)]
    total_amount: Number<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Position<'a> {
    #[serde(default, borrow)]
    name: Text<'a>,
    #[serde(default, borrow)]
    measure_name: Text<'a>,
    #[serde(default, borrow)]
    quantity: Number<'a>,
    #[serde(default, borrow)]
    price: Number<'a>,
    #[serde(default, borrow)]
    sum_price: Number<'a>,
    #[serde(default, borrow)]
    tax: Number<'a>,
    #[serde(default)]
    tax_percent: Integer,
    #[serde(default, borrow)]
    discount: Number<'a>,
}

pub(super) fn parse<'b>(text: &'b str, context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let Call { data: Object(mut sale) } = json::read_at(text, "$")?;
    let Kind::Receipt(operation) = super::kind(&sale.kind, "$.data.type")? else {
        return Err(Invalid::unsupported("$.data.type", "only receipts come by the webhook"));
    };
    let mut flags = Vec::new();
    let id = sale.id.take_trimmed();
    let id = id.ok_or_else(|| Invalid::new("$.data.id", "missing: nothing else tells the receipt from others"))?;
    let (local, utc) = times(&sale.date_time, context)?;
    if checks::is_in_future(local, utc, context.received_at) {
        flags.push(flags::TIME_IN_FUTURE);
    }
    if sale.info_check == Some(true) {
        return Ok(Parsed::Event(Box::new(RegisterEvent {
            event_id: canonical::vendor_id(context.tenant, NAME, &id).into(),
            kind: EventKind::Other,
            name: Some("information-check".into()),
            shift_number: sale.shift_id.0,
            local_time: local,
            utc_time: utc,
            flags: flags.into_iter().map(Into::into).collect(),
            ..context.event(NAME, REVISION)
        })));
    }
    let total = sale.total_amount.kopecks("$.data.totalAmount", &mut flags)?;
    let total_kopecks = checks::money(total, "$.data.totalAmount")?
        .ok_or_else(|| Invalid::new("$.data.totalAmount", "the total is missing"))?;
    let discount = sale.total_discount.kopecks("$.data.totalDiscount", &mut flags)?;
    let items = items(sale.items.take(), context, &mut flags)?;
    if !checks::items_add_up(ReceiptKind::Receipt, total_kopecks, &items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    let kind = words::payment(sale.payment_source.trimmed(), &mut flags);
    let payment = (total_kopecks != 0).then_some(Payment { kind, amount_kopecks: total_kopecks });
    Ok(Parsed::Receipt(Box::new(Receipt {
        receipt_id: canonical::vendor_id(context.tenant, NAME, &id).into(),
        kind: ReceiptKind::Receipt,
        operation,
        shift_number: sale.shift_id.0,
        local_time: local,
        utc_time: utc,
        total_kopecks,
        discount_kopecks: checks::money(discount, "$.data.totalDiscount")?,
        payments: payment.into_iter().collect(),
        items,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.receipt(NAME, REVISION)
    })))
}

/// An instant, or the register's clock where the text has no offset.
fn times(
    text: &Text<'_>,
    context: &Context<'_>,
) -> Result<(Option<LocalTimestamp>, Option<schemas::Timestamp>), Invalid> {
    let text = text.trimmed().ok_or_else(|| Invalid::new("$.data.dateTime", "the time is missing"))?;
    let zone = context.time_zone;
    if let Some(utc) = time::parse_utc(text) {
        return Ok((zone.and_then(|zone| time::local(utc, zone)), Some(utc)));
    }
    let local = time::parse_local(text);
    let local =
        local.ok_or_else(|| Invalid::new("$.data.dateTime", format!("{} is no time", crate::text::quoted(text))))?;
    Ok((Some(local), zone.and_then(|zone| time::utc(local, zone))))
}

fn items<'b>(
    positions: Items<'b, Position<'b>>,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<Item<'b>>, Invalid> {
    positions.convert("$.data.items", |position| item(position, context, flags).map(Some))
}

fn item<'b>(
    mut position: Position<'b>,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Item<'b>, Invalid> {
    let quantity = position.quantity.quantity("quantity", flags)?;
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: None,
        source: NAME,
        shop: context.shop,
        vendor_code: None,
        name: position.name.get(),
        unit: position.measure_name.get(),
    });
    let price = position.price.money("price", flags)?;
    let discount_kopecks = position.discount.money("discount", flags)?;
    Ok(Item {
        product_key: product_key.map(Into::into),
        name: position.name.take(),
        quantity: Decimal::from_unscaled(quantity),
        unit: position.measure_name.take(),
        // The price is the one before the discount; what a piece has cost is not told then.
        price_kopecks: price.filter(|_| discount_kopecks.unwrap_or_default() == 0),
        sum_kopecks: position.sum_price.money("sumPrice", flags)?,
        discount_kopecks,
        vat_rate: position.tax_percent.0.map(|percent| codes::vat_of_percent(percent, flags)),
        vat_sum_kopecks: position.tax.money("tax", flags)?,
        ..Item::default()
    })
}
