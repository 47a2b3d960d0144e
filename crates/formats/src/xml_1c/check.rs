//! A check, or the correction of one.

use std::borrow::Cow;

use canonical::{product, time};
use schemas::{
    Decimal,
    receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind, VatRate},
};

use super::{NAME, REVISION};
use crate::{
    Context, Invalid,
    bounds::{self, NoRoom},
    buyer::Buyer,
    checks, codes, flags, marking,
    moment::Moment,
    xml::{self, Element},
};

/// The attributes of `Payments` in all revisions.
const PAYMENTS: [(&str, PaymentKind); 11] = [
    ("Cash", PaymentKind::Cash),
    ("ElectronicPayment", PaymentKind::Card),
    ("CashLessType1", PaymentKind::Card),
    ("CashLessType2", PaymentKind::Card),
    ("CashLessType3", PaymentKind::Card),
    ("PrePayment", PaymentKind::Prepaid),
    ("AdvancePayment", PaymentKind::Prepaid),
    ("PostPayment", PaymentKind::Credit),
    ("Credit", PaymentKind::Credit),
    ("Barter", PaymentKind::CounterProvision),
    ("CashProvision", PaymentKind::CounterProvision),
];

/// What the elements tell.
#[derive(Default)]
struct Check<'b> {
    operation: Option<Operation>,
    is_correction: bool,
    /// The sum of a correction that tells it.
    sum: Option<i64>,
    correction_type: Option<i32>,
    correction_date: Option<Cow<'b, str>>,
    correction_number: Option<Cow<'b, str>>,
    cashier_name: Option<Cow<'b, str>>,
    cashier_inn: Option<Cow<'b, str>>,
    taxation: Option<i32>,
    buyer: Buyer<'b>,
    items: Vec<Item<'b>>,
    payments: Vec<Payment>,
}

pub(super) fn canonical<'b>(
    text: &str,
    encoding: &'static str,
    mut flags: Vec<&'static str>,
    context: &Context<'b>,
) -> Result<Receipt<'b>, Invalid> {
    let document_id = context.document_id.ok_or_else(|| {
        Invalid::new(
            "document_id",
            "missing: the document names neither a number nor a time; add ?document_id= to the path",
        )
    })?;
    let full = |full: NoRoom| Invalid::new("/CheckPackage/Positions", full.to_string());
    let items = bounds::room_for(text.matches("<FiscalString").count()).map_err(full)?;
    let mut check = Check { items, ..Check::default() };
    xml::read(text, &mut |element| {
        let names = element.names();
        let [root @ ("CheckPackage" | "CheckCorrectionPackage"), inner @ ..] = &names[..] else { return Ok(()) };
        match inner {
            ["Parameters"] => {
                check.head(element, &mut flags)?;
                if *root == "CheckCorrectionPackage" {
                    check.correction(element)?;
                    check.sum = element.money("Sum", &mut flags)?;
                }
            }
            ["Parameters", "CorrectionData"] => check.correction(element)?,
            ["Parameters", "CustomerDetail"] => {
                check.buyer.name = element.owned("Info").or(check.buyer.name.take());
                check.buyer.inn = element.trimmed("INN").or(check.buyer.inn.take());
            }
            ["Positions", "FiscalString"] => {
                let item = item(element, context, &mut flags)?;
                bounds::take_texts(&item).map_err(full)?;
                check.items.push(item);
            }
            ["Positions", "FiscalString", "VendorData" | "PurveyorData"] => {
                if let Some(item) = check.items.last_mut() {
                    item.supplier_inn = element.first_owned(&["VendorINN", "PurveyorVATIN"]);
                    item.supplier_name = element.first_owned(&["VendorName", "PurveyorName"]);
                }
            }
            ["Payments"] => check.payments = payments(element, &mut flags)?,
            _ => {}
        }
        Ok(())
    })?;
    let missing = || Invalid::new("/CheckPackage/Parameters/@OperationType", "missing");
    let operation = check.operation.ok_or_else(missing)?;
    let kind = if check.is_correction { ReceiptKind::ReceiptCorrection } else { ReceiptKind::Receipt };
    // No revision tells a total, but corrections of their own. One without items is what was paid.
    let total = if let Some(sum) = check.sum {
        Some(sum)
    } else if check.items.is_empty() {
        checks::sum_of(check.payments.iter().map(|payment| Some(payment.amount_kopecks)), "/CheckPackage/Payments")?
    } else {
        checks::sum_of(check.items.iter().map(|item| item.sum_kopecks), "/CheckPackage/Positions")?
    };
    let missing = || Invalid::new("/CheckPackage/Positions/FiscalString/@AmountWithDiscount", "missing in one of them");
    let total_kopecks = total.ok_or_else(missing)?;
    checks::take_change(&mut check.payments, total_kopecks);
    let mut receipt = Receipt {
        receipt_id: canonical::vendor_id(context.tenant, NAME, &format!("{}:{document_id}", context.register)).into(),
        kind,
        operation,
        total_kopecks,
        payments: check.payments,
        items: check.items,
        cashier_name: check.cashier_name,
        cashier_inn: check.cashier_inn,
        taxation: check.taxation,
        correction_type: check.correction_type,
        correction_date: check.correction_date,
        correction_number: check.correction_number,
        encoding: Some(encoding.into()),
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.receipt(NAME, REVISION)
    };
    Buyer::keep(&mut receipt, context, || check.buyer);
    Ok(receipt)
}

impl Check<'_> {
    fn correction(&mut self, element: &Element) -> Result<(), Invalid> {
        self.is_correction = true;
        let kind = element.first(&["Type", "CorrectionType"]);
        let kind = kind.map(|attribute| element.integer(attribute)).transpose()?.flatten();
        self.correction_type = kind.and_then(|code| i32::try_from(code).ok());
        let date = element.first_owned(&["Date", "CorrectionBaseDate"]);
        let day = date.as_deref().and_then(|date| Moment::text(date.trim().get(..10)?));
        self.correction_date = day.and_then(|day| time::local_date_text(day.local)).map(Into::into);
        self.correction_number = element.first_owned(&["Number", "CorrectionBaseNumber"]);
        Ok(())
    }

    fn head(&mut self, element: &Element, flags: &mut Vec<&'static str>) -> Result<(), Invalid> {
        if let Some(attribute) = element.first(&["OperationType", "PaymentType"]) {
            let code = element.integer(attribute)?.unwrap_or_default();
            let fault = || Invalid::new(element.place(attribute), format!("{code} is no operation: 1 to 4"));
            self.operation = Some(codes::operation(code).ok_or_else(fault)?);
        }
        self.cashier_name = element.owned("CashierName");
        self.buyer = Buyer {
            contact: element.trimmed("CustomerEmail").or_else(|| element.trimmed("CustomerPhone")),
            name: element.owned("CustomerInfo"),
            inn: element.trimmed("CustomerINN"),
        };
        self.cashier_inn = element.trimmed("CashierINN").or_else(|| element.trimmed("CashierVATIN"));
        if let Some(attribute) = element.first(&["TaxationSystem", "TaxVariant"]) {
            self.taxation = match element.integer(attribute)? {
                // The number of the bit of tag 1055.
                Some(system @ 0..=5) => Some(1 << system),
                _ => {
                    flags::raise(flags, flags::UNKNOWN_CODE);
                    None
                }
            };
        }
        Ok(())
    }
}

/// Payments of zero say nothing and are left out.
fn payments(element: &Element, flags: &mut Vec<&'static str>) -> Result<Vec<Payment>, Invalid> {
    let mut payments: Vec<Payment> = Vec::new();
    for (attribute, kind) in PAYMENTS {
        let Some(amount) = element.money(attribute, flags)?.filter(|amount| *amount != 0) else { continue };
        match payments.iter_mut().find(|payment| payment.kind == kind) {
            Some(payment) => payment.amount_kopecks += amount,
            None => payments.push(Payment { kind, amount_kopecks: amount }),
        }
    }
    Ok(payments)
}

fn item<'b>(element: &Element, context: &Context<'b>, flags: &mut Vec<&'static str>) -> Result<Item<'b>, Invalid> {
    let quantity = element.figure("Quantity").quantity(&element.place("Quantity"), flags)?;
    let money = |spellings: &[&str], flags: &mut Vec<&'static str>| match element.first(spellings) {
        Some(attribute) => element.money(attribute, flags),
        None => Ok(None),
    };
    let discount_kopecks = money(&["DiscountAmount", "DiscountSum"], flags)?.filter(|discount| *discount != 0);
    // `Price` is the price before the discount, where there is one.
    let price = match money(&["PriceWithDiscount"], flags)? {
        None if discount_kopecks.is_none() => money(&["Price"], flags)?,
        price => price,
    };
    let integer = |spellings: &[&str]| match element.first(spellings) {
        Some(attribute) => element.integer(attribute),
        None => Ok(None),
    };
    let code = |spellings: &[&str]| {
        let code = integer(spellings)?.filter(|code| *code != 0);
        Ok::<_, Invalid>(code.and_then(|code| i32::try_from(code).ok()))
    };
    let unit = match element.owned("MeasurementUnit") {
        None => element.integer("MeasureOfQuantity")?.and_then(|code| codes::unit(code, flags)),
        unit => unit,
    };
    let name = element.owned("Name");
    let marking_code = element.owned("MarkingCode");
    let gtin = marking_code.as_deref().and_then(marking::gtin_of_text);
    let product_key = canonical::product_key(&product::ProductFacts {
        gtin: gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code: None,
        name: name.as_deref(),
        unit: unit.as_deref(),
    });
    let vat = element.first(&["VATRate", "Tax"]).and_then(|attribute| element.text(attribute));
    Ok(Item {
        name,
        product_key: product_key.map(Into::into),
        quantity: Decimal::from_unscaled(quantity),
        unit,
        price_kopecks: price,
        sum_kopecks: money(&["AmountWithDiscount", "SumWithDiscount", "Amount"], flags)?,
        discount_kopecks,
        vat_rate: vat.map(|word| vat_rate(word.trim(), flags)),
        vat_sum_kopecks: money(&["VATAmount", "TaxSum"], flags)?,
        payment_method: code(&["PaymentMethod", "SignMethodCalculation"])?,
        payment_subject: code(&["CalculationSubject", "SignCalculationObject"])?,
        gtin: gtin.map(Into::into),
        marking_serial: marking_code.as_deref().and_then(marking::serial_of_text).map(Into::into),
        marking_code,
        // The number of the bit of tag 1222.
        agent: integer(&["CalculationAgent", "SignSubjectCalculationAgent"])?
            .filter(|bit| (0..=6).contains(bit))
            .map(|bit| 1 << bit),
        ..Item::default()
    })
}

/// As stated: the texts name the rate.
fn vat_rate(word: &str, flags: &mut Vec<&'static str>) -> VatRate {
    match word {
        "none" => VatRate::None,
        "5/105" => VatRate::Vat5_105,
        "7/107" => VatRate::Vat7_107,
        "10/110" => VatRate::Vat10_110,
        "18/118" => VatRate::Vat18_118,
        "20/120" => VatRate::Vat20_120,
        "22/122" => VatRate::Vat22_122,
        percent => codes::vat_of_percent(percent.parse().unwrap_or(-1), flags),
    }
}
