//! One item of a receipt (tag 1059).

use canonical::{
    gtin,
    product::{self, ProductFacts},
};
use schemas::receipts::{Item, VatRate};

use super::{
    cp866,
    head::INN_BYTES,
    other::Others,
    tag,
    tlv::Tlvs,
    value::{self, Path},
};
use crate::{
    Context, Invalid,
    codes::{self, VatCodes},
    flags, marking,
};

/// Fills an empty item, where it is to stay: it is too large to be moved for nothing. Apart from the receipt's loop: both
/// together have more to remember than a processor has registers.
#[inline(never)]
pub(super) fn read<'b>(
    elements: Tlvs<'b>,
    item: &mut Item<'b>,
    path: &Path,
    codes: VatCodes,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<(), Invalid> {
    let mut others = Others::new(context);
    let mut sent_name: &[u8] = &[];
    let mut quantity = None;
    let mut children = elements.clone();
    for child in &mut children {
        let is_given_back = match child.tag {
            tag::NAME => {
                sent_name = child.value;
                child.is_text()
            }
            tag::QUANTITY => {
                quantity = Some(path.quantity(child)?);
                child.is_quantity()
            }
            tag::PRICE => path.money_into(child, &mut item.price_kopecks)?,
            tag::SUM => path.money_into(child, &mut item.sum_kopecks)?,
            tag::VAT_SUM => path.money_into(child, &mut item.vat_sum_kopecks)?,
            tag::VAT_RATE => {
                let rate = codes.rate(path.code(child)?.into(), flags);
                item.vat_rate = Some(rate);
                child.is_byte() && rate != VatRate::Unknown
            }
            tag::PAYMENT_METHOD => path.code_into(child, &mut item.payment_method)?,
            tag::PAYMENT_SUBJECT => path.code_into(child, &mut item.payment_subject)?,
            tag::AGENT => path.code_into(child, &mut item.agent)?,
            tag::UNIT => {
                let (unit, is_given_back) = value::unit(child.value);
                item.unit = unit.or(item.unit.take());
                is_given_back
            }
            tag::PRODUCT_CODE => {
                item.marking_code = hex(child.value).map(Into::into);
                item.gtin = marking::gtin_of_bytes(child.value).map(Into::into);
                let serial = item.gtin.as_ref().and_then(|_| marking::serial_behind_gtin(child.value));
                item.marking_serial = serial.map(Into::into);
                !child.value.is_empty()
            }
            tag::SUPPLIER_INN => {
                item.supplier_inn = value::padded(child.value);
                child.is_padded(INN_BYTES)
            }
            tag::SUPPLIER => supplier(child.value, item),
            tag::UNIT_CODE => {
                item.unit = codes::unit(path.code(child)?.into(), flags).or(item.unit.take());
                others.keep(&[tag::UNIT]);
                false
            }
            tag::PRODUCT_CODE_NEW => {
                product_code(child.value, item);
                others.keep(&[tag::PRODUCT_CODE]);
                false
            }
            _ => {
                others.element(child.whole());
                continue;
            }
        };
        others.field(child, is_given_back);
    }
    children.finish().map_err(|cut| path.broken(cut))?;
    let (quantity, rounded) = quantity.unwrap_or_else(|| {
        flags::raise(flags, flags::QUANTITY_MISSING);
        Default::default()
    });
    if rounded {
        flags::raise(flags, flags::QUANTITY_ROUNDED);
    }
    item.quantity = quantity;
    match &item.gtin {
        None if cp866::is_blank(sent_name) => {}
        None => {
            let unit = item.unit.as_deref().unwrap_or_default();
            let (name, key) = product::name_and_key(sent_name, &cp866::LETTERS, unit);
            (item.name, item.product_key) = (Some(name.into()), key.map(Into::into));
        }
        Some(gtin) => {
            let facts = ProductFacts { gtin: Some(gtin), ..ProductFacts::default() };
            item.product_key = canonical::product_key(&facts).map(Into::into);
            item.name = cp866::decode(sent_name);
        }
    }
    item.other_tags = others.collect(elements);
    Ok(())
}

// What an item seldom has is kept out of the loop: it would only make its code longer.

/// Tag 1224: its name, alone, is given back.
#[inline(never)]
fn supplier<'b>(value: &'b [u8], item: &mut Item<'b>) -> bool {
    let Some(name) = Tlvs::of(value).find(|part| part.tag == tag::SUPPLIER_NAME) else { return false };
    item.supplier_name = value::string(name.value);
    name.is_text() && name.whole().len() == value.len()
}

/// Tags 1301 to 1303 are the bar codes EAN-8, EAN-13 and ITF-14; the others from 1300 to 1309 and from 1320 to 1325 are
/// marks (FFD 1.2, tag 1163).
#[inline(never)]
fn product_code<'b>(value: &'b [u8], item: &mut Item<'b>) {
    let Some(code) = Tlvs::of(value).find(|code| matches!(code.tag, 1300..=1309 | 1320..=1325)) else { return };
    let Some(text) = value::string(code.value) else { return };
    if matches!(code.tag, 1301..=1303) {
        item.gtin = gtin::normalize(&text).map(Into::into);
        item.barcode = Some(text);
    } else {
        item.gtin = marking::gtin_of_text(&text).map(Into::into);
        item.marking_serial = marking::serial_of_text(&text).map(Into::into);
        item.marking_code = Some(text);
    }
}

fn hex(bytes: &[u8]) -> Option<String> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_hex() {
        assert_eq!(hex(&[0x44, 0x4D, 0x03, b'p']).as_deref(), Some("444D0370"));
        assert_eq!(hex(&[]), None);
    }
}
