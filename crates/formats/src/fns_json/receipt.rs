//! A receipt, a strict form, or a correction of one.

use canonical::{NonFiscalReceipt, product, time};
use schemas::{
    Decimal,
    receipts::{Item, Payment, PaymentKind, Receipt, ReceiptKind, VatRate, VatSum},
};

use super::{
    NAME, REVISION,
    document::{Document, Position},
    envelope::Envelope,
    head,
};
use crate::{
    Context, Invalid,
    buyer::Buyer,
    checks,
    codes::{self, VatCodes},
    flags,
    json::Items,
    marking,
};

pub(super) fn canonical<'b>(
    mut document: Document<'b>,
    kind: ReceiptKind,
    envelope: &Envelope<'b>,
    context: &Context<'b>,
) -> Result<Receipt<'b>, Invalid> {
    let at = |field: &str| format!("{}.{field}", envelope.place);
    let mut flags = Vec::new();
    let moment = head::moment(&document, envelope, context, &mut flags)?;
    let operation = document.operation_type.0.ok_or_else(|| Invalid::new(at("operationType"), "missing"))?;
    let operation = codes::operation(operation)
        .ok_or_else(|| Invalid::new(at("operationType"), format!("{operation} is no operation: 1 to 4")))?;
    let total_kopecks = checks::money(document.total_sum.0, &at("totalSum"))?
        .ok_or_else(|| Invalid::new(at("totalSum"), "the total is missing"))?;
    let codes = VatCodes::at(moment.local);
    let items = items(document.items.take(), codes, envelope, context, &mut flags)?;
    if !checks::items_add_up(kind, total_kopecks, &items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    let payments = payments(&document, envelope)?;
    let vat_sums = vat_sums(&document, codes, envelope, &mut flags)?;
    let taxation = code(document.taxation(), &mut flags);
    let mut receipt = Receipt {
        registration_number: head::registration(&mut document, envelope),
        kind,
        operation,
        shift_number: document.shift_number.0,
        receipt_number: document.request_number.0,
        local_time: Some(moment.local),
        utc_time: moment.utc,
        total_kopecks,
        payments,
        vat_sums,
        items,
        taxation,
        ..context.receipt(NAME, REVISION)
    };
    receipt.correction_type = document.correction_type().and_then(|code| i32::try_from(code).ok());
    if let Some(mut base) = document.take_correction_base() {
        receipt.correction_date =
            base.correction_document_date.0.and_then(|at| time::local_date_text(at.local)).map(Into::into);
        receipt.correction_number = base.correction_document_number.take_trimmed();
    }
    if let Some(fiscal) = head::fiscal(&document, envelope, &mut flags)? {
        fiscal.name_receipt(&mut receipt, context);
    } else {
        receipt.receipt_id = non_fiscal_id(&receipt, envelope, context)?.into();
    }
    (receipt.cashier_name, receipt.cashier_inn) = document.take_cashier();
    Buyer::keep(&mut receipt, context, || document.buyer());
    receipt.flags = flags.into_iter().map(Into::into).collect();
    Ok(receipt)
}

/// Some operators' exports have no fiscal identity: then the register's own numbers tell receipts apart.
fn non_fiscal_id(receipt: &Receipt<'_>, envelope: &Envelope<'_>, context: &Context<'_>) -> Result<String, Invalid> {
    let needed = |field: &str| {
        Invalid::new(
            format!("{}.{field}", envelope.place),
            "missing: without a fiscal identity nothing else tells the receipt from others",
        )
    };
    let business_date = receipt.local_time.and_then(time::local_date_text).ok_or_else(|| needed("dateTime"))?;
    Ok(canonical::non_fiscal_receipt_id(&NonFiscalReceipt {
        tenant: context.tenant,
        source: NAME,
        device: receipt.registration_number.as_deref().unwrap_or(context.register),
        business_date: &business_date,
        shift: receipt.shift_number.ok_or_else(|| needed("shiftNumber"))?,
        number: receipt.receipt_number.ok_or_else(|| needed("requestNumber"))?,
        kind: codes::operation_name(receipt.operation),
    }))
}

/// Every kind of payment is told in most receipts; those of zero are left out.
fn payments(document: &Document<'_>, envelope: &Envelope<'_>) -> Result<Vec<Payment>, Invalid> {
    let told = [
        (PaymentKind::Cash, document.cash_total_sum.0, "cashTotalSum"),
        (PaymentKind::Card, document.ecash_total_sum.0, "ecashTotalSum"),
        (PaymentKind::Prepaid, document.prepaid(), "prepaidSum"),
        (PaymentKind::Credit, document.credit(), "creditSum"),
        (PaymentKind::CounterProvision, document.counter_provision(), "provisionSum"),
    ];
    let mut payments = Vec::new();
    for (kind, sum, field) in told {
        let amount = checks::money(sum, field).map_err(|invalid| invalid.below(&envelope.place))?;
        if let Some(amount_kopecks) = amount.filter(|amount| *amount != 0) {
            payments.push(Payment { kind, amount_kopecks });
        }
    }
    Ok(payments)
}

/// Rates of zero are left out as well.
fn vat_sums(
    document: &Document<'_>,
    codes: VatCodes,
    envelope: &Envelope<'_>,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<VatSum>, Invalid> {
    let by_rate = document
        .vat_by_rate()
        .filter_map(|amount| Some((codes.rate(amount.nds.0?, flags), amount.nds_sum.0, "amountsReceiptNds")));
    let told = [
        (codes.vat_20(), document.vat_20(), "nds18"),
        (VatRate::Vat10, document.nds10.0, "nds10"),
        (VatRate::Vat0, document.nds0.0, "nds0"),
        (VatRate::None, document.nds_no.0, "ndsNo"),
        (codes.vat_20_120(), document.vat_20_120(), "nds18118"),
        (VatRate::Vat10_110, document.vat_10_110(), "nds10110"),
    ];
    let mut sums = Vec::new();
    for (rate, sum, field) in told.into_iter().chain(by_rate) {
        let sum = checks::money(sum, field).map_err(|invalid| invalid.below(&envelope.place))?;
        if let Some(sum_kopecks) = sum.filter(|sum| *sum != 0) {
            sums.push(VatSum { rate, sum_kopecks });
        }
    }
    Ok(sums)
}

fn items<'b>(
    positions: Items<'b, Position<'b>>,
    codes: VatCodes,
    envelope: &Envelope<'b>,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<Item<'b>>, Invalid> {
    positions.convert(&format!("{}.items", envelope.place), |position| item(position, codes, context, flags).map(Some))
}

fn item<'b>(
    mut position: Position<'b>,
    codes: VatCodes,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Item<'b>, Invalid> {
    let quantity = position.quantity.quantity("quantity", flags)?;
    let vat_rate = position.vat_code().map(|code| codes.rate(code, flags));
    let unit = match position.take_unit() {
        None => position.items_quantity_measure.0.and_then(|code| codes::unit(code, flags)),
        unit => unit,
    };
    let code_of_product = position.take_code();
    let name = position.name.take();
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: code_of_product.gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code: None,
        name: name.as_deref(),
        unit: unit.as_deref(),
    });
    let (barcode, marking_code) =
        if code_of_product.is_barcode { (code_of_product.raw, None) } else { (None, code_of_product.raw) };
    Ok(Item {
        name,
        product_key: product_key.map(Into::into),
        quantity: Decimal::from_unscaled(quantity),
        unit,
        price_kopecks: checks::money(position.price.0, "price")?,
        sum_kopecks: checks::money(position.sum.0, "sum")?,
        vat_rate,
        vat_sum_kopecks: checks::money(position.nds_sum.0, "ndsSum")?,
        payment_method: code(position.payment_method(), flags),
        payment_subject: code(position.payment_subject(), flags),
        gtin: code_of_product.gtin.map(Into::into),
        barcode,
        marking_serial: marking_code.as_deref().and_then(marking::serial_of_text).map(Into::into),
        marking_code,
        agent: code(position.payment_agent_by_product_type.0, flags),
        supplier_inn: position.provider_inn.take_trimmed(),
        ..Item::default()
    })
}

/// A code of one byte; zero says nothing.
fn code(code: Option<i64>, flags: &mut Vec<&'static str>) -> Option<i32> {
    match code? {
        0 => None,
        code => match u8::try_from(code) {
            Ok(code) => Some(code.into()),
            Err(_) => {
                flags::raise(flags, flags::UNKNOWN_CODE);
                None
            }
        },
    }
}
