//! A receipt, a strict form, or a correction of one.

use canonical::time;
use schemas::{
    LocalTimestamp,
    receipts::{Item, Operation, Payment, PaymentKind, Receipt, ReceiptKind, VatRate, VatSum},
};

use super::{
    NAME, REVISION,
    container::Envelope,
    head::{self, INN_BYTES},
    item,
    other::{self, Others},
    tag,
    tlv::{Tlv, Tlvs},
    value::{self, Path},
};
use crate::{
    Context, Invalid,
    bounds::{self, Share},
    checks,
    codes::{self, VatCodes},
    flags,
};

pub(super) fn canonical<'b>(envelope: &Envelope<'b>, context: &Context<'b>) -> Result<Box<Receipt<'b>>, Invalid> {
    let path = Path::document(envelope.tag);
    // The time decides what the codes of VAT mean, and may stand behind them: they are taken for those of today first.
    let today = VatCodes::at(LocalTimestamp(context.received_at.0));
    let share = Share::present();
    let body = Body::read(envelope, path, today, context)?;
    let codes = VatCodes::at(body.head.time(&path)?);
    if codes == today {
        return body.complete(envelope, context);
    }
    drop(body);
    share.restore();
    Body::read(envelope, path, codes, context)?.complete(envelope, context)
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

/// A receipt that is being read.
struct Body<'b> {
    path: Path,
    codes: VatCodes,
    head: head::Found<'b>,
    operation: Option<Operation>,
    total: Option<i64>,
    receipt: Box<Receipt<'b>>,
    others: Others,
    flags: Vec<&'static str>,
    most_elements: usize,
    /// So long that its items are counted before, and their texts.
    is_long: bool,
}

/// Items that most receipts have at most.
const USUAL_ITEMS: usize = 8;
/// In a longer receipt they are counted before: as they became more, all would be copied into twice their room.
const USUAL_BYTES: usize = 700;

impl<'b> Body<'b> {
    fn read(envelope: &Envelope<'b>, path: Path, codes: VatCodes, context: &Context<'b>) -> Result<Self, Invalid> {
        let mut receipt = Box::new(context.receipt(NAME, REVISION));
        let mut elements = envelope.children();
        let is_long = elements.bytes() > USUAL_BYTES;
        let items =
            if is_long { elements.clone().filter(|element| element.tag == tag::ITEM).count() } else { USUAL_ITEMS };
        receipt.items = bounds::room_for(items).map_err(|full| Invalid::new(path.name(), full.to_string()))?;
        let mut body = Self {
            path,
            codes,
            head: head::Found::default(),
            operation: None,
            total: None,
            receipt,
            others: Others::new(context),
            flags: Vec::new(),
            most_elements: bounds::most_elements(),
            is_long,
        };
        for element in &mut elements {
            body.take(element, context)?;
        }
        elements.finish().map_err(|cut| path.broken(cut))?;
        Ok(body)
    }

    #[cold]
    fn too_many(&self) -> Invalid {
        Invalid::new(self.path.name(), format!("more than {} elements make no sense", self.most_elements))
    }

    fn complete(mut self, envelope: &Envelope<'b>, context: &Context<'b>) -> Result<Box<Receipt<'b>>, Invalid> {
        if self.others.count() > self.most_elements {
            return Err(self.too_many());
        }
        let (path, mut receipt) = (self.path, self.receipt);
        let mut flags = Vec::new();
        let head = self.head.complete(envelope, context, &mut flags)?;
        flags.append(&mut self.flags);
        receipt.kind = kind(envelope.tag);
        receipt.total_kopecks = self.total.ok_or_else(|| path.missing(tag::TOTAL, "the total"))?;
        receipt.operation = self.operation.ok_or_else(|| path.missing(tag::OPERATION, "the operation"))?;
        if !checks::items_add_up(receipt.kind, receipt.total_kopecks, &receipt.items) {
            flags.push(flags::ITEMS_DO_NOT_ADD_UP);
        }
        if self.others.keeps(tag::VAT_BY_RATE) {
            self.others.keep(tag::VAT_SUMS);
        }
        receipt.receipt_id = head.id.into();
        receipt.drive_number = Some(head.drive_number);
        receipt.document_number = Some(head.document_number.into());
        receipt.fiscal_sign = Some(head.fiscal_sign.into());
        receipt.registration_number = head.registration_number;
        receipt.shift_number = head.shift_number;
        receipt.local_time = Some(head.local_time);
        receipt.utc_time = head.utc_time;
        receipt.cashier_name = head.cashier_name;
        receipt.cashier_inn = head.cashier_inn;
        receipt.other_tags = self.others.collect(envelope.children());
        receipt.flags = flags.into_iter().map(Into::into).collect();
        Ok(receipt)
    }

    #[expect(
        clippy::inline_always,
        reason = "called once for every element: its frame would cost a tenth of a receipt"
    )]
    #[inline(always)]
    fn take(&mut self, element: Tlv<'b>, context: &Context<'b>) -> Result<(), Invalid> {
        let is_given_back = match element.tag {
            tag::ITEM => {
                let index = self.receipt.items.len();
                if index >= self.most_elements {
                    return Err(self.too_many());
                }
                let path = self.path.item(index);
                self.receipt.items.resize_with(index + 1, Item::default);
                if let Some(item) = self.receipt.items.last_mut() {
                    item::read(element.children(), item, &path, self.codes, context, &mut self.flags)?;
                    if self.is_long {
                        bounds::take_texts(item).map_err(|full| Invalid::new(path.name(), full.to_string()))?;
                    }
                }
                self.others.object(tag::ITEM);
                return Ok(());
            }
            tag::OPERATION => {
                self.operation = Some(operation(self.path.code(element)?, &self.path)?);
                element.is_byte()
            }
            tag::RECEIPT_NUMBER => self.path.number_into(element, &mut self.receipt.receipt_number)?,
            tag::TOTAL => self.path.money_into(element, &mut self.total)?,
            tag::TAXATION => self.path.code_into(element, &mut self.receipt.taxation)?,
            tag::CASH | tag::CARD | tag::PREPAID | tag::CREDIT | tag::COUNTER_PROVISION => {
                let amount = self.path.money(element)?;
                self.payment(payment_kind(element.tag), amount)? && element.is_sum()
            }
            tag::VAT_20..=tag::VAT_10_110 => {
                let sum = self.path.money(element)?;
                self.vat(self.rate(element.tag), sum)? && element.is_sum()
            }
            tag::VAT_BY_RATE => self.vat_by_rate(element.children())?,
            tag::CORRECTION_TYPE => self.path.code_into(element, &mut self.receipt.correction_type)?,
            tag::CORRECTION_BASE => self.correction_base(element.children())?,
            personal if tag::is_personal(personal) => self.personal(personal, element.value, context),
            _ => return self.head.take(element, &self.path, &mut self.others),
        };
        self.others.field(element, is_given_back);
        Ok(())
    }

    // What a receipt seldom has is kept out of the loop: it would only make its code longer.

    /// What tells who the buyer is, where that is kept.
    #[inline(never)]
    fn personal(&mut self, tag: u16, value: &'b [u8], context: &Context<'_>) -> bool {
        if !context.keeps_personal_data {
            return false;
        }
        match tag {
            tag::BUYER_CONTACT => {
                self.receipt.buyer_contact = value::string(value);
                other::is_text(value)
            }
            tag::BUYER_NAME => {
                self.receipt.buyer_name = value::string(value);
                other::is_text(value)
            }
            tag::BUYER_INN => {
                self.receipt.buyer_inn = value::padded(value);
                other::is_padded(value, INN_BYTES)
            }
            tag::BUYER => {
                for part in Tlvs::of(value) {
                    match part.tag {
                        tag::BUYER_NAME => self.receipt.buyer_name = value::string(part.value),
                        tag::BUYER_INN => self.receipt.buyer_inn = value::padded(part.value),
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
    #[inline(never)]
    fn correction_base(&mut self, mut children: Tlvs<'b>) -> Result<bool, Invalid> {
        const SECONDS_OF_DAY: u64 = 24 * 60 * 60;
        let mut before = 0;
        let mut is_given_back = !children.is_empty();
        for child in &mut children {
            is_given_back &= before < child.tag;
            before = child.tag;
            is_given_back &= match child.tag {
                tag::CORRECTION_DATE => {
                    let day = self.path.time(child.tag, self.path.number(child)?)?;
                    self.receipt.correction_date = time::local_date_text(day).map(Into::into);
                    child.is_word() && child.number().is_multiple_of(SECONDS_OF_DAY)
                }
                tag::CORRECTION_NUMBER => {
                    self.receipt.correction_number = value::string(child.value);
                    child.is_text()
                }
                _ => false,
            };
        }
        children.finish().map_err(|cut| self.path.broken(cut))?;
        Ok(is_given_back)
    }

    /// Every kind of payment has its tag in every receipt; those of zero are left to the other tags.
    fn payment(&mut self, kind: PaymentKind, amount_kopecks: i64) -> Result<bool, Invalid> {
        if amount_kopecks != 0 {
            push(&mut self.receipt.payments, Payment { kind, amount_kopecks }, &self.path)?;
        }
        Ok(amount_kopecks != 0)
    }

    /// The rate whose sum stands in a tag of its own.
    const fn rate(&self, tag: u16) -> VatRate {
        match tag {
            tag::VAT_20 => self.codes.vat_20(),
            tag::VAT_10 => VatRate::Vat10,
            tag::VAT_0 => VatRate::Vat0,
            tag::VAT_20_120 => self.codes.vat_20_120(),
            tag::VAT_10_110 => VatRate::Vat10_110,
            _ => VatRate::None,
        }
    }

    /// Rates of zero as well.
    fn vat(&mut self, rate: VatRate, sum_kopecks: i64) -> Result<bool, Invalid> {
        if sum_kopecks != 0 {
            push(&mut self.receipt.vat_sums, VatSum { rate, sum_kopecks }, &self.path)?;
        }
        Ok(sum_kopecks != 0)
    }

    /// Sums by rate. The same tag is a text in format 1.0: what is no list of rates is skipped. Given back are pairs of a
    /// code and its sum, of rates that have no tag of their own.
    #[inline(never)]
    fn vat_by_rate(&mut self, mut rates: Tlvs<'_>) -> Result<bool, Invalid> {
        let mut is_given_back = !rates.is_empty();
        for of_rate in &mut rates {
            if of_rate.tag != tag::VAT_OF_RATE {
                is_given_back = false;
                continue;
            }
            let mut rate = None;
            let mut sum = None;
            let mut is_pair = false;
            let mut children = of_rate.children();
            for child in &mut children {
                match child.tag {
                    tag::VAT_RATE => {
                        let stated = self.codes.rate(self.path.code(child)?.into(), &mut self.flags);
                        is_pair = child.is_byte() && sum.is_none() && !has_own_tag(stated);
                        rate = Some(stated);
                    }
                    tag::VAT_OF_RATE_SUM => sum = Some(child),
                    _ => {}
                }
            }
            if children.finish().is_err() {
                return Ok(false);
            }
            let Some((rate, sum)) = rate.zip(sum) else {
                is_given_back = false;
                continue;
            };
            let is_whole = of_rate.value.len() == CODE_BYTES + sum.whole().len();
            let sum_kopecks = self.path.money(sum)?;
            is_given_back &= self.vat(rate, sum_kopecks)? && sum.is_sum() && is_pair && is_whole;
        }
        Ok(is_given_back && rates.finish().is_ok())
    }
}

fn push<T>(list: &mut Vec<T>, element: T, path: &Path) -> Result<(), Invalid> {
    bounds::take_growing::<T>().map_err(|full| Invalid::new(path.name(), full.to_string()))?;
    list.push(element);
    Ok(())
}

const fn payment_kind(tag: u16) -> PaymentKind {
    match tag {
        tag::CASH => PaymentKind::Cash,
        tag::CARD => PaymentKind::Card,
        tag::PREPAID => PaymentKind::Prepaid,
        tag::CREDIT => PaymentKind::Credit,
        _ => PaymentKind::CounterProvision,
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
fn operation(code: u8, path: &Path) -> Result<Operation, Invalid> {
    codes::operation(code.into()).ok_or_else(|| path.invalid(tag::OPERATION, format!("{code} is no operation: 1 to 4")))
}
