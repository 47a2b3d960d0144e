//! A purchase: a sale or a return.

use canonical::{NonFiscalReceipt, gtin, product, time};
use schemas::{
    Decimal,
    receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind, VatRate},
};

use super::{NAME, REVISION};
use crate::{
    Context, Invalid,
    bounds::{self, NoRoom},
    checks, codes, flags,
    moment::Moment,
    xml::{self, Element},
};

/// What a purchase tells.
struct Purchase<'b> {
    id: String,
    operation: Operation,
    shift: i64,
    number: i64,
    moment: Moment,
    /// The sum in its head.
    amount: Option<i64>,
    discount: Option<i64>,
    items: Vec<Item<'b>>,
    payments: Vec<Payment>,
    /// Cash that was given back.
    change: i64,
}

pub(super) fn canonical<'b>(
    text: &str,
    encoding: &'static str,
    mut flags: Vec<&'static str>,
    context: &Context<'b>,
) -> Result<Receipt<'b>, Invalid> {
    let full = |full: NoRoom| Invalid::new("/purchase/positions", full.to_string());
    let mut purchase: Option<Purchase<'b>> = None;
    xml::read(text, &mut |element| {
        match (&element.names()[..], &mut purchase) {
            (["purchase"], None) => {
                let items = bounds::room_for(text.matches("<position").count()).map_err(full)?;
                purchase = Some(Purchase { items, ..head(element, context, &mut flags)? });
            }
            (["purchase", "positions", "position"], Some(purchase)) => {
                let item = position(element, context, &mut flags)?;
                bounds::take_texts(&item).map_err(full)?;
                purchase.items.push(item);
            }
            (["purchase", "payments", "payment"], Some(purchase)) => purchase.pay(element, &mut flags)?,
            _ => {}
        }
        Ok(())
    })?;
    let purchase = purchase.ok_or_else(|| Invalid::new("/purchase", "missing: the document is no purchase"))?;
    let receipt = purchase.receipt(flags, context)?;
    Ok(Receipt { encoding: Some(encoding.into()), ..receipt })
}

fn head<'b>(element: &Element, context: &Context<'b>, flags: &mut Vec<&'static str>) -> Result<Purchase<'b>, Invalid> {
    let missing = |attribute: &str| Invalid::new(element.place(attribute), "missing");
    let operation = match element.text("operationType").map(str::trim) {
        Some("true") => Operation::Sell,
        Some("false") => Operation::SellReturn,
        Some(other) => {
            return Err(Invalid::new(
                element.place("operationType"),
                format!("{} is neither true nor false", crate::text::quoted(other)),
            ));
        }
        None => return Err(missing("operationType")),
    };
    let told = element.text("saletime").ok_or_else(|| missing("saletime"))?;
    let moment = Moment::text(told)
        .ok_or_else(|| Invalid::new(element.place("saletime"), format!("{} is no time", crate::text::quoted(told))))?
        .in_zone(context, flags);
    let (shift, number) = (element.integer("shift")?, element.integer("number")?);
    let (shift, number) = (shift.ok_or_else(|| missing("shift"))?, number.ok_or_else(|| missing("number"))?);
    // The day of business, `2026-11-20+05:00`, is not always that of the clock.
    let day = element.text("operDay").and_then(|day| Moment::text(day.trim().get(..10)?)).unwrap_or(moment);
    let day = time::local_date_text(day.local);
    let day = day.ok_or_else(|| Invalid::new(element.place("operDay"), "beyond the calendar"))?;
    let cash = element.text("cash").ok_or_else(|| missing("cash"))?.trim();
    // The server numbers the cash desks of each shop on their own.
    let shop = element.text("shop").map_or(context.register, str::trim);
    let id = canonical::non_fiscal_receipt_id(&NonFiscalReceipt {
        tenant: context.tenant,
        source: NAME,
        // Told apart from another pair of texts with colons.
        device: &format!("{}:{cash}", shop.replace(':', "%3A")),
        business_date: &day,
        shift,
        number,
        kind: codes::operation_name(operation),
    });
    Ok(Purchase {
        id,
        operation,
        shift,
        number,
        moment,
        amount: element.money("amount", flags)?,
        discount: element.money("discountAmount", flags)?,
        items: Vec::new(),
        payments: Vec::new(),
        change: 0,
    })
}

impl<'b> Purchase<'b> {
    fn pay(&mut self, element: &Element, flags: &mut Vec<&'static str>) -> Result<(), Invalid> {
        let Some(amount_kopecks) = element.money("amount", flags)?.filter(|amount| *amount != 0) else { return Ok(()) };
        let kind = match element.text("typeClass").map(str::trim) {
            Some("CashPaymentEntity") => PaymentKind::Cash,
            Some("CashChangePaymentEntity") => {
                self.change = self.change.saturating_add(amount_kopecks);
                return Ok(());
            }
            Some("BankCardPaymentEntity" | "ExternalBankTerminalPaymentEntity") => PaymentKind::Card,
            Some("GiftCardPaymentEntity") => PaymentKind::Prepaid,
            Some("ConsumerCreditPaymentEntity") => PaymentKind::Credit,
            _ => {
                flags::raise(flags, flags::UNKNOWN_CODE);
                PaymentKind::Other
            }
        };
        self.payments.push(Payment { kind, amount_kopecks });
        Ok(())
    }

    fn receipt(self, mut flags: Vec<&'static str>, context: &Context<'b>) -> Result<Receipt<'b>, Invalid> {
        let Self { id, operation, shift, number, moment, amount, discount, items, mut payments, change } = self;
        // The sum in the head is not always right: that of the positions is, where each of them tells one.
        let of_items = checks::sum_of(items.iter().map(|item| item.sum_kopecks), "/purchase/positions")?;
        let total_kopecks = of_items
            .filter(|_| !items.is_empty())
            .or(amount)
            .ok_or_else(|| Invalid::new("/purchase/@amount", "missing"))?;
        if amount.is_some_and(|amount| amount != total_kopecks) {
            flags::raise(&mut flags, flags::ITEMS_DO_NOT_ADD_UP);
        }
        let paid: i128 = payments.iter().map(|payment| i128::from(payment.amount_kopecks)).sum();
        let rest = i64::try_from(paid - i128::from(change)).unwrap_or_default();
        checks::take_change(&mut payments, if change == 0 { total_kopecks } else { rest });
        Ok(Receipt {
            receipt_id: id.into(),
            kind: ReceiptKind::Receipt,
            operation,
            shift_number: Some(shift),
            receipt_number: Some(number),
            local_time: Some(moment.local),
            utc_time: moment.utc,
            total_kopecks,
            discount_kopecks: discount.filter(|discount| *discount != 0),
            payments,
            items,
            flags: flags.into_iter().map(Into::into).collect(),
            ..context.receipt(NAME, REVISION)
        })
    }
}

fn position<'b>(element: &Element, context: &Context<'b>, flags: &mut Vec<&'static str>) -> Result<Item<'b>, Invalid> {
    let quantity = element.figure("count").quantity(&element.place("count"), flags)?;
    let discount_kopecks = element.money("discountValue", flags)?.filter(|discount| *discount != 0);
    let price_kopecks = match element.money("costWithDiscount", flags)? {
        None if discount_kopecks.is_none() => element.money("cost", flags)?,
        price => price,
    };
    let gtin = element.text("barCode").and_then(gtin::normalize);
    let vendor_code = element.owned("goodsCode");
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code: vendor_code.as_deref(),
        name: None,
        unit: None,
    });
    let vat_sum = element.first(&["ndsSum", "ndsSumm"]);
    Ok(Item {
        product_key: product_key.map(Into::into),
        quantity: Decimal::from_unscaled(quantity),
        price_kopecks,
        sum_kopecks: element.money("amount", flags)?,
        discount_kopecks,
        vat_rate: vat_rate(element, flags)?,
        vat_sum_kopecks: vat_sum.map(|attribute| element.money(attribute, flags)).transpose()?.flatten(),
        gtin: gtin.map(Into::into),
        barcode: element.owned("barCode"),
        vendor_code,
        ..Item::default()
    })
}

/// `nds`: the rate in percent, negative without VAT.
fn vat_rate(element: &Element, flags: &mut Vec<&'static str>) -> Result<Option<VatRate>, Invalid> {
    let Some(rate) = element.figure("nds").fixed(0, &element.place("nds"))? else { return Ok(None) };
    Ok(Some(match rate.unscaled {
        ..0 => VatRate::None,
        percent if !rate.rounded => codes::vat_of_percent(percent, flags),
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            VatRate::Unknown
        }
    }))
}
