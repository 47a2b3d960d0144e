//! A Dreamkas receipt in canonical form.

use canonical::{NonFiscalReceipt, gtin, product, time};
use schemas::{
    Decimal,
    receipts::{Item, Operation, Payment, Receipt, ReceiptKind, VatRate},
};

use super::{
    NAME, REVISION,
    document::{self, Document, Position, Times},
};
use crate::{
    Context, Invalid,
    buyer::Buyer,
    checks::{self, MAX_KOPECKS, QUANTITY_LIMIT},
    codes, flags, identity,
    json::Items,
    marking,
};

pub(super) fn canonical<'b>(
    mut document: Document<'b>,
    operation: Operation,
    context: &Context<'b>,
) -> Result<Receipt<'b>, Invalid> {
    let mut flags: Vec<&'static str> = Vec::new();
    let times = document.times(context)?;
    if times.disagree {
        flags.push(flags::TIMES_DISAGREE);
    }
    if times.in_future {
        flags.push(flags::TIME_IN_FUTURE);
    }
    let total_kopecks = checks::money(document.amount.0, "$.amount")?
        .ok_or_else(|| Invalid::new("$.amount", "the total is missing"))?;
    let discount_kopecks = checks::money(document.discount.0, "$.discount")?;
    let identity = Identity::of(&document, operation, &times, context)?;
    if identity.incomplete {
        flags.push(flags::FISCAL_IDENTITY_INCOMPLETE);
    }
    let items = items(document.positions.take(), context, &mut flags)?;
    if !adds_up(total_kopecks, discount_kopecks, &items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    let payments = payments(&document, &mut flags)?;
    let (cashier_name, cashier_inn) = document.take_cashier();
    let drive_number = if identity.fiscal.is_some() { document.fn_number.take_trimmed() } else { None };
    let mut receipt = Receipt {
        receipt_id: identity.id.into(),
        drive_number,
        document_number: identity.fiscal.map(|(number, _)| i64::from(number)),
        fiscal_sign: identity.fiscal.map(|(_, sign)| i64::from(sign)),
        registration_number: document.registry_number.take_trimmed(),
        kind: ReceiptKind::Receipt,
        operation,
        shift_number: document.shift_id.0,
        receipt_number: document.number.0,
        local_time: times.local,
        utc_time: times.utc,
        total_kopecks,
        discount_kopecks,
        payments,
        items,
        cashier_name,
        cashier_inn,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.receipt(NAME, REVISION)
    };
    Buyer::keep(&mut receipt, context, || document::buyer(document.attributes));
    Ok(receipt)
}

/// Who the receipt is.
struct Identity {
    id: String,
    /// Document number and sign, where the drive is known as well.
    fiscal: Option<(u32, u32)>,
    incomplete: bool,
}

impl Identity {
    fn of(
        document: &Document<'_>,
        operation: Operation,
        times: &Times,
        context: &Context<'_>,
    ) -> Result<Self, Invalid> {
        let drive = identity::drive(document.fn_number.get(), || "$.fnNumber".to_owned())?;
        let number = identity::number(document.fiscal_document_number.0, 1, || "$.fiscalDocumentNumber".to_owned())?;
        let sign = identity::number(document.fiscal_document_sign.0, 0, || "$.fiscalDocumentSign".to_owned())?;
        if let (Some(drive), Some(number), Some(sign)) = (drive, number, sign) {
            let id = canonical::fiscal_id(context.tenant, drive, number);
            return Ok(Self { id, fiscal: Some((number, sign)), incomplete: false });
        }
        let incomplete = drive.is_some() || number.is_some() || sign.is_some();
        Ok(Self { id: non_fiscal_id(document, operation, times, context)?, fiscal: None, incomplete })
    }
}

fn non_fiscal_id(
    document: &Document<'_>,
    operation: Operation,
    times: &Times,
    context: &Context<'_>,
) -> Result<String, Invalid> {
    let needed = |place: &str| {
        Invalid::new(place, "missing: without a fiscal identity nothing else tells the receipt from others")
    };
    let business_date = times.local.and_then(time::local_date_text).ok_or_else(|| needed("$.localDate"))?;
    Ok(canonical::non_fiscal_receipt_id(&NonFiscalReceipt {
        tenant: context.tenant,
        source: NAME,
        device: document.device_id.trimmed().ok_or_else(|| needed("$.deviceId"))?,
        business_date: &business_date,
        shift: document.shift_id.0.ok_or_else(|| needed("$.shiftId"))?,
        number: document.number.0.ok_or_else(|| needed("$.number"))?,
        kind: codes::operation_name(operation),
    }))
}

fn items<'b>(
    positions: Items<'b, Position<'b>>,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<Item<'b>>, Invalid> {
    let items = positions.convert("$.positions", |position| item(position, context).map(Some))?;
    if items.iter().any(|item| item.vat_rate == Some(VatRate::Unknown)) {
        flags::raise(flags, flags::UNKNOWN_CODE);
    }
    Ok(items)
}

fn item<'b>(mut position: Position<'b>, context: &Context<'b>) -> Result<Item<'b>, Invalid> {
    let thousandths = position.quantity.0.ok_or_else(|| Invalid::new("quantity", "missing"))?;
    if !(0..QUANTITY_LIMIT / 1_000).contains(&thousandths) {
        return Err(Invalid::new("quantity", format!("{thousandths} thousandths is no quantity")));
    }
    let price_kopecks = checks::money(position.price.0, "price")?;
    let discount_kopecks = checks::money(position.discount.0, "discount")?;
    let sum_kopecks = price_kopecks
        .map(|price| sum(price, thousandths).ok_or_else(|| Invalid::new("price", "price times quantity is too large")))
        .transpose()?;
    let gtin = position.barcode.get().and_then(gtin::normalize);
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code: position.vendor_code.get(),
        name: position.name.get(),
        unit: None,
    });
    Ok(Item {
        name: position.name.take(),
        product_key: product_key.map(Into::into),
        quantity: Decimal::from_unscaled(thousandths * 1_000),
        price_kopecks,
        sum_kopecks,
        discount_kopecks,
        vat_rate: position.tax.0,
        gtin: gtin.map(Into::into),
        barcode: position.barcode.take(),
        vendor_code: position.vendor_code.take(),
        marking_serial: position.excise_barcode.get().and_then(marking::serial_of_text).map(Into::into),
        marking_code: position.excise_barcode.take(),
        ..Item::default()
    })
}

/// Price times quantity, rounded half up to a kopeck: what real receipts do.
fn sum(price: i64, thousandths: i64) -> Option<i64> {
    let kopecks = (i128::from(price) * i128::from(thousandths) + 500) / 1_000;
    i64::try_from(kopecks).ok().filter(|kopecks| *kopecks <= MAX_KOPECKS)
}

/// No source tells whether `price` is before or after the item's discount, and whether the
/// receipt's discount repeats those of the items: every reading that fits counts as agreement.
fn adds_up(total: i64, discount: Option<i64>, items: &[Item<'_>]) -> bool {
    let Some(sum) = items.iter().map(|item| item.sum_kopecks.map(i128::from)).sum::<Option<i128>>() else {
        return true;
    };
    let of_items: i128 = items.iter().filter_map(|item| item.discount_kopecks).map(i128::from).sum();
    let of_receipt = i128::from(discount.unwrap_or_default());
    let total = i128::from(total);
    [0, of_items, of_receipt, of_items + of_receipt].into_iter().any(|discount| sum - discount == total)
}

/// Payments of zero say nothing and are left out.
fn payments(document: &Document<'_>, flags: &mut Vec<&'static str>) -> Result<Vec<Payment>, Invalid> {
    let mut payments = Vec::with_capacity(document.payments.len());
    for (index, payment) in document.payments.iter().enumerate() {
        let amount = checks::money(payment.amount.0, "amount")
            .map_err(|invalid| invalid.below(&format!("$.payments[{index}]")))?;
        let kind = document::payment_kind(payment.kind.trimmed());
        if kind.is_none() {
            flags::raise(flags, flags::UNKNOWN_CODE);
        }
        if let Some(amount_kopecks) = amount.filter(|amount| *amount != 0) {
            payments.push(Payment { kind: kind.unwrap_or_default(), amount_kopecks });
        }
    }
    Ok(payments)
}
