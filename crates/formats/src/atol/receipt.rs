//! A receipt, or the correction of one.

use std::borrow::Cow;

use canonical::product;
use schemas::{
    Decimal, LocalTimestamp,
    receipts::{Item, Operation, Receipt, ReceiptKind},
};

use super::{
    NAME, REVISION,
    pair::Pair,
    parts,
    task::{self, Position},
    words,
};
use crate::{
    Context, Invalid,
    buyer::Buyer,
    checks, flags,
    json::{Items, Object},
    marking,
};

pub(super) fn canonical<'b>(
    pair: Pair<'b>,
    kind: ReceiptKind,
    operation: Operation,
    context: &Context<'b>,
) -> Result<Receipt<'b>, Invalid> {
    let Pair { mut task, task_place, mut fiscal, fiscal_place } = pair;
    let mut flags = Vec::new();
    let moment = fiscal.moment(&fiscal_place, context, &mut flags)?;
    let items = items(task.items.take(), moment.local, &task_place, context, &mut flags)?;
    let mut payments = parts::payments(task.payments.take(), &task_place, &mut flags)?;
    // The drive's figure; what the task asked for where the result has none.
    let total = match fiscal.total.kopecks(&format!("{fiscal_place}.total"), &mut flags)? {
        None => task.total.kopecks(&format!("{task_place}.total"), &mut flags)?,
        total => total,
    };
    let total_kopecks = checks::money(total, &format!("{fiscal_place}.total"))?
        .ok_or_else(|| Invalid::new(format!("{fiscal_place}.total"), "the total is missing"))?;
    checks::take_change(&mut payments, total_kopecks);
    if !checks::items_add_up(kind, total_kopecks, &items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    let taxation = task.taxation_type.trimmed().and_then(|word| words::taxation(word, &mut flags));
    let correction_type = task.correction_type.trimmed().and_then(|word| words::correction_type(word, &mut flags));
    let mut receipt = Receipt {
        correction_type,
        correction_date: task.correction_base_date.trimmed().map(|date| date.replace('.', "-").into()),
        correction_number: task.correction_base_number.take_trimmed(),
        kind,
        operation,
        shift_number: fiscal.shift_number.0,
        receipt_number: fiscal.fiscal_receipt_number.0,
        local_time: Some(moment.local),
        utc_time: moment.utc,
        total_kopecks,
        payments,
        items,
        taxation,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.receipt(NAME, REVISION)
    };
    fiscal.identity(&fiscal_place)?.name_receipt(&mut receipt, context);
    receipt.registration_number = fiscal.registration_number.take_trimmed();
    Buyer::keep(&mut receipt, context, || task::buyer(task.client_info));
    if let Some(Object(mut operator)) = task.operator {
        (receipt.cashier_name, receipt.cashier_inn) = (operator.name.take(), operator.vatin.take_trimmed());
    }
    Ok(receipt)
}

/// Lines of other types (texts, pictures, bar codes) are only printed.
fn items<'b>(
    positions: Items<'b, Position<'b>>,
    at: LocalTimestamp,
    place: &str,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<Item<'b>>, Invalid> {
    positions.convert(&format!("{place}.items"), |position| {
        let is_sold = position.kind.trimmed().is_none_or(|kind| kind == "position");
        is_sold.then(|| item(position, at, context, flags)).transpose()
    })
}

fn item<'b>(
    mut position: Position<'b>,
    at: LocalTimestamp,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Item<'b>, Invalid> {
    let quantity = position.quantity.quantity("quantity", flags)?;
    let price_kopecks = position.price.money("price", flags)?;
    let sum_kopecks = position.amount.money("amount", flags)?;
    let (vat_rate, vat_sum_kopecks) = match &position.tax {
        None => (None, None),
        Some(Object(tax)) => tax.read(at, "tax.sum", flags)?,
    };
    let unit = parts::unit(position.measurement_unit.take(), flags);
    let agents = position.agent_info.iter().flat_map(|Object(agents)| &agents.agents.0);
    let agent = agents.filter_map(|word| words::agent(word.trimmed()?, flags)).reduce(|bits, bit| bits | bit);
    let (supplier_inn, supplier_name) = position
        .supplier_info
        .take()
        .map_or((None, None), |Object(mut supplier)| (supplier.vatin.take_trimmed(), supplier.name.take()));
    let marking_code = mark(&mut position);
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
        discount_kopecks: position.info_discount_amount.money("infoDiscountAmount", flags)?,
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

/// By FFD 1.2, by 1.05, or the older field.
fn mark<'b>(position: &mut Position<'b>) -> Option<Cow<'b, str>> {
    let imc = position.imc_params.as_mut().and_then(|Object(imc)| imc.imc.take());
    imc.or_else(|| position.marking_code.as_mut().and_then(|Object(mark)| mark.mark.take()))
        .or_else(|| position.nomenclature_code.take())
}
