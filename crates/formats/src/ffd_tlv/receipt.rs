//! A receipt, a strict form, or a correction of one.

use std::borrow::Cow;

use canonical::time;
use schemas::receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind, VatRate, VatSum};

use super::{
    NAME, REVISION,
    container::Envelope,
    head::{self, INN_BYTES},
    item,
    other::Others,
    tag,
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
    let mut body = Body::new(path, VatCodes::at(head::time(envelope)?));
    for element in envelope.children() {
        body.take(&element.map_err(|cut| path.broken(cut))?, context)?;
    }
    let mut flags = Vec::new();
    let head = body.head.complete(envelope, context, &mut flags)?;
    flags.append(&mut body.flags);
    let total_kopecks = body.total.ok_or_else(|| path.missing(tag::TOTAL, "the total"))?;
    let kind = kind(envelope.tag);
    if !checks::items_add_up(kind, total_kopecks, &body.items) {
        flags.push(flags::ITEMS_DO_NOT_ADD_UP);
    }
    if body.others.keeps(tag::VAT_BY_RATE) {
        body.others.keep(tag::VAT_SUMS);
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
        buyer_contact: body.buyer_contact,
        buyer_name: body.buyer_name,
        buyer_inn: body.buyer_inn,
        other_tags: body.others.collect(envelope.children(), context),
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

/// What is found in a receipt.
struct Body<'b> {
    path: Path,
    codes: VatCodes,
    head: head::Found<'b>,
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
    buyer_contact: Option<Cow<'b, str>>,
    buyer_name: Option<Cow<'b, str>>,
    buyer_inn: Option<Cow<'b, str>>,
    others: Others,
    flags: Vec<&'static str>,
}

impl<'b> Body<'b> {
    fn new(path: Path, codes: VatCodes) -> Self {
        Self {
            path,
            codes,
            head: head::Found::default(),
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
            buyer_contact: None,
            buyer_name: None,
            buyer_inn: None,
            others: Others::default(),
            flags: Vec::new(),
        }
    }

    fn take(&mut self, element: &Tlv<'b>, context: &Context<'b>) -> Result<(), Invalid> {
        let path = self.path;
        let is_given_back = match element.tag {
            tag::ITEM => {
                let path = path.item(self.items.len());
                self.items.push(item::canonical(element, path, self.codes, context, &mut self.flags)?);
                self.others.object(tag::ITEM);
                return Ok(());
            }
            tag::OPERATION => {
                self.operation = Some(operation(element, path)?);
                element.is_byte()
            }
            tag::RECEIPT_NUMBER => path.number_into(element, &mut self.receipt_number)?,
            tag::TOTAL => path.money_into(element, &mut self.total)?,
            tag::TAXATION => path.code_into(element, &mut self.taxation)?,
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
            tag::VAT_BY_RATE => self.vat_by_rate(element)?,
            tag::CORRECTION_TYPE => path.code_into(element, &mut self.correction_type)?,
            tag::CORRECTION_BASE => self.correction_base(element)?,
            personal if tag::is_personal(personal) => self.personal(element, context),
            _ => return self.head.take(element, path, &mut self.others),
        };
        self.others.field(element, is_given_back);
        Ok(())
    }

    /// What tells who the buyer is, where that is kept.
    fn personal(&mut self, element: &Tlv<'b>, context: &Context<'_>) -> bool {
        if !context.keeps_personal_data {
            return false;
        }
        match element.tag {
            tag::BUYER_CONTACT => {
                self.buyer_contact = value::string(element);
                element.is_text()
            }
            tag::BUYER_NAME => {
                self.buyer_name = value::string(element);
                element.is_text()
            }
            tag::BUYER_INN => {
                self.buyer_inn = value::padded(element);
                element.is_padded(INN_BYTES)
            }
            tag::BUYER => {
                for part in element.children().flatten() {
                    match part.tag {
                        tag::BUYER_NAME => self.buyer_name = value::string(&part),
                        tag::BUYER_INN => self.buyer_inn = value::padded(&part),
                        _ => {}
                    }
                }
                self.others.keep(&[tag::BUYER_NAME, tag::BUYER_INN]);
                false
            }
            _ => false,
        }
    }

    /// Tag 1174: a day and a number, in this order, are given back.
    fn correction_base(&mut self, element: &Tlv<'b>) -> Result<bool, Invalid> {
        const SECONDS_OF_DAY: u64 = 24 * 60 * 60;
        let mut before = 0;
        let mut is_given_back = !element.value.is_empty();
        for child in element.children() {
            let child = child.map_err(|cut| self.path.broken(cut))?;
            is_given_back &= before < child.tag;
            before = child.tag;
            is_given_back &= match child.tag {
                tag::CORRECTION_DATE => {
                    self.correction_date = time::local_date_text(self.path.time(&child)?);
                    child.is_word() && value::little_endian(child.value).is_multiple_of(SECONDS_OF_DAY)
                }
                tag::CORRECTION_NUMBER => {
                    self.correction_number = value::string(&child);
                    child.is_text()
                }
                _ => false,
            };
        }
        Ok(is_given_back)
    }

    /// Every kind of payment has its tag in every receipt; those of zero are left to the other tags.
    fn payment(&mut self, kind: PaymentKind, element: &Tlv<'_>) -> Result<bool, Invalid> {
        let amount_kopecks = self.path.money(element)?;
        if amount_kopecks != 0 {
            self.payments.push(Payment { kind, amount_kopecks });
        }
        Ok(amount_kopecks != 0 && element.is_sum())
    }

    /// Rates of zero as well.
    fn vat(&mut self, rate: VatRate, element: &Tlv<'_>) -> Result<bool, Invalid> {
        let sum_kopecks = self.path.money(element)?;
        if sum_kopecks != 0 {
            self.vat_sums.push(VatSum { rate, sum_kopecks });
        }
        Ok(sum_kopecks != 0 && element.is_sum())
    }

    /// Sums by rate. The same tag is a text in format 1.0: what is no list of rates is skipped. Given back are pairs of a
    /// code and its sum, of rates that have no tag of their own.
    fn vat_by_rate(&mut self, element: &Tlv<'_>) -> Result<bool, Invalid> {
        let mut is_given_back = !element.value.is_empty();
        for of_rate in element.children() {
            let Ok(of_rate) = of_rate else { return Ok(false) };
            if of_rate.tag != tag::VAT_OF_RATE {
                is_given_back = false;
                continue;
            }
            let mut rate = None;
            let mut sum = None;
            let mut is_pair = false;
            for child in of_rate.children() {
                match child {
                    Ok(code) if code.tag == tag::VAT_RATE => {
                        let stated = self.codes.rate(self.path.code(&code)?.into(), &mut self.flags);
                        is_pair = code.is_byte() && sum.is_none() && !has_own_tag(stated);
                        rate = Some(stated);
                    }
                    Ok(value) if value.tag == tag::VAT_OF_RATE_SUM => sum = Some(value),
                    Ok(_) => {}
                    Err(_) => return Ok(false),
                }
            }
            let Some((rate, sum)) = rate.zip(sum) else {
                is_given_back = false;
                continue;
            };
            let is_whole = of_rate.value.len() == CODE_BYTES + sum.whole_length();
            is_given_back &= self.vat(rate, &sum)? && is_pair && is_whole;
        }
        Ok(is_given_back)
    }
}

/// A code of one byte with its tag and length.
const CODE_BYTES: usize = 5;

/// Whether sums of a rate have another tag than [`tag::VAT_BY_RATE`], or no tag is known.
const fn has_own_tag(rate: VatRate) -> bool {
    !matches!(
        rate,
        VatRate::Vat5 | VatRate::Vat7 | VatRate::Vat5_105 | VatRate::Vat7_107 | VatRate::Vat22 | VatRate::Vat22_122
    )
}

/// Tag 1054.
fn operation(element: &Tlv<'_>, path: Path) -> Result<Operation, Invalid> {
    let code = path.code(element)?;
    codes::operation(code.into()).ok_or_else(|| path.invalid(element.tag, format!("{code} is no operation: 1 to 4")))
}
