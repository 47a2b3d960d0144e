//! A receipt, a strict form, or a correction of one.

use std::borrow::Cow;

use canonical::time;
use schemas::receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind, VatRate, VatSum};

use super::{
    NAME, REVISION,
    container::Envelope,
    head::Head,
    item, tag,
    tlv::Tlv,
    value::{self, Path},
};
use crate::{
    Context, Invalid, checks,
    codes::{self, VatCodes},
    flags,
};

pub(super) fn canonical<'b>(envelope: &Envelope<'b>, context: &Context<'b>) -> Result<Receipt<'b>, Invalid> {
    let path = Path::document(envelope.tag);
    let mut flags = Vec::new();
    let head = Head::read(envelope, context, &mut flags)?;
    let mut body = Body::new(path, VatCodes::at(head.local_time));
    for element in envelope.children() {
        body.take(&element.map_err(|cut| path.broken(cut))?, context, &mut flags)?;
    }
    let total_kopecks = body.total.ok_or_else(|| path.missing(tag::TOTAL, "the total"))?;
    let kind = kind(envelope.tag);
    if !checks::items_add_up(kind, total_kopecks, &body.items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    Ok(Receipt {
        receipt_id: head.id.into(),
        drive_number: Some(head.drive_number),
        document_number: Some(head.document_number.into()),
        fiscal_sign: Some(head.fiscal_sign.into()),
        registration_number: head.registration_number,
        kind,
        operation: body.operation.ok_or_else(|| path.missing(tag::OPERATION, "the operation"))?,
        shift_number: head.shift_number,
        receipt_number: body.receipt_number,
        local_time: Some(head.local_time),
        utc_time: head.utc_time,
        total_kopecks,
        discount_kopecks: None,
        payments: body.payments,
        vat_sums: body.vat_sums,
        items: body.items,
        cashier_name: head.cashier_name,
        cashier_inn: head.cashier_inn,
        taxation: body.taxation,
        correction_type: body.correction_type,
        correction_date: body.correction_date.map(Into::into),
        correction_number: body.correction_number,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.receipt(NAME, REVISION)
    })
}

fn kind(document: u16) -> ReceiptKind {
    match document {
        tag::RECEIPT => ReceiptKind::Receipt,
        tag::CORRECTION => ReceiptKind::ReceiptCorrection,
        tag::STRICT_FORM => ReceiptKind::StrictForm,
        tag::STRICT_FORM_CORRECTION => ReceiptKind::StrictFormCorrection,
        _ => ReceiptKind::Unknown,
    }
}

/// What receipts have beyond the head.
struct Body<'b> {
    path: Path,
    codes: VatCodes,
    operation: Option<Operation>,
    receipt_number: Option<i64>,
    total: Option<i64>,
    taxation: Option<i32>,
    payments: Vec<Payment>,
    vat_sums: Vec<VatSum>,
    items: Vec<Item<'b>>,
    correction_type: Option<i32>,
    correction_date: Option<String>,
    correction_number: Option<Cow<'b, str>>,
}

impl<'b> Body<'b> {
    const fn new(path: Path, codes: VatCodes) -> Self {
        Self {
            path,
            codes,
            operation: None,
            receipt_number: None,
            total: None,
            taxation: None,
            payments: Vec::new(),
            vat_sums: Vec::new(),
            items: Vec::new(),
            correction_type: None,
            correction_date: None,
            correction_number: None,
        }
    }

    fn take(&mut self, element: &Tlv<'b>, context: &Context<'b>, flags: &mut Vec<&'static str>) -> Result<(), Invalid> {
        let path = self.path;
        match element.tag {
            tag::OPERATION => self.operation = Some(operation(element, path)?),
            tag::RECEIPT_NUMBER => self.receipt_number = Some(path.number(element)?.into()),
            tag::TOTAL => self.total = Some(path.money(element)?),
            tag::TAXATION => self.taxation = Some(path.code(element)?.into()),
            tag::CASH => self.payment(PaymentKind::Cash, element)?,
            tag::CARD => self.payment(PaymentKind::Card, element)?,
            tag::PREPAID => self.payment(PaymentKind::Prepaid, element)?,
            tag::CREDIT => self.payment(PaymentKind::Credit, element)?,
            tag::COUNTER_PROVISION => self.payment(PaymentKind::CounterProvision, element)?,
            tag::VAT_20 => self.vat(self.codes.vat_20(), element)?,
            tag::VAT_10 => self.vat(VatRate::Vat10, element)?,
            tag::VAT_0 => self.vat(VatRate::Vat0, element)?,
            tag::WITHOUT_VAT => self.vat(VatRate::None, element)?,
            tag::VAT_20_120 => self.vat(self.codes.vat_20_120(), element)?,
            tag::VAT_10_110 => self.vat(VatRate::Vat10_110, element)?,
            tag::VAT_BY_RATE => self.vat_by_rate(element, flags)?,
            tag::CORRECTION_TYPE => self.correction_type = Some(path.code(element)?.into()),
            tag::CORRECTION_BASE => self.correction_base(element)?,
            tag::ITEM => {
                let item = item::canonical(element, path.item(self.items.len()), self.codes, context, flags)?;
                self.items.push(item);
            }
            _ => {}
        }
        Ok(())
    }

    /// Tag 1174.
    fn correction_base(&mut self, element: &Tlv<'b>) -> Result<(), Invalid> {
        for child in element.children() {
            let child = child.map_err(|cut| self.path.broken(cut))?;
            match child.tag {
                tag::CORRECTION_DATE => self.correction_date = time::local_date_text(self.path.time(&child)?),
                tag::CORRECTION_NUMBER => self.correction_number = value::string(&child),
                _ => {}
            }
        }
        Ok(())
    }

    /// Every kind of payment has its tag in every receipt; those of zero are left out.
    fn payment(&mut self, kind: PaymentKind, element: &Tlv<'_>) -> Result<(), Invalid> {
        let amount_kopecks = self.path.money(element)?;
        if amount_kopecks != 0 {
            self.payments.push(Payment { kind, amount_kopecks });
        }
        Ok(())
    }

    /// Rates of zero are left out as well.
    fn vat(&mut self, rate: VatRate, element: &Tlv<'_>) -> Result<(), Invalid> {
        let sum_kopecks = self.path.money(element)?;
        if sum_kopecks != 0 {
            self.vat_sums.push(VatSum { rate, sum_kopecks });
        }
        Ok(())
    }

    /// Sums by rate. The same tag is a text in format 1.0: what is no list of rates is skipped.
    fn vat_by_rate(&mut self, element: &Tlv<'_>, flags: &mut Vec<&'static str>) -> Result<(), Invalid> {
        for of_rate in element.children() {
            let Ok(of_rate) = of_rate else { return Ok(()) };
            if of_rate.tag != tag::VAT_OF_RATE {
                continue;
            }
            let mut rate = None;
            let mut sum = None;
            for child in of_rate.children() {
                match child {
                    Ok(code) if code.tag == tag::VAT_RATE => {
                        rate = Some(self.codes.rate(self.path.code(&code)?.into(), flags))
                    }
                    Ok(value) if value.tag == tag::VAT_OF_RATE_SUM => sum = Some(value),
                    Ok(_) => {}
                    Err(_) => return Ok(()),
                }
            }
            if let (Some(rate), Some(sum)) = (rate, sum) {
                self.vat(rate, &sum)?;
            }
        }
        Ok(())
    }
}

/// Tag 1054.
fn operation(element: &Tlv<'_>, path: Path) -> Result<Operation, Invalid> {
    let code = path.code(element)?;
    codes::operation(code.into()).ok_or_else(|| path.invalid(element.tag, format!("{code} is no operation: 1 to 4")))
}
