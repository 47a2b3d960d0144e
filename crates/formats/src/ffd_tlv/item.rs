//! One item of a receipt (tag 1059).

use canonical::{gtin, product};
use schemas::receipts::Item;

use super::{
    NAME, tag,
    tlv::Tlv,
    value::{self, Path},
};
use crate::{
    Context, Invalid,
    codes::{self, VatCodes},
    flags, marking,
};

pub(super) fn canonical<'b>(
    element: &Tlv<'b>,
    path: Path,
    codes: VatCodes,
    context: &Context<'b>,
    flags: &mut Vec<&'static str>,
) -> Result<Item<'b>, Invalid> {
    let mut item = Item::default();
    let mut quantity = None;
    for child in element.children() {
        let child = child.map_err(|cut| path.broken(cut))?;
        match child.tag {
            tag::NAME => item.name = value::string(&child),
            tag::QUANTITY => quantity = Some(path.quantity(&child)?),
            tag::PRICE => item.price_kopecks = Some(path.money(&child)?),
            tag::SUM => item.sum_kopecks = Some(path.money(&child)?),
            tag::VAT_RATE => item.vat_rate = Some(codes.rate(path.code(&child)?.into(), flags)),
            tag::VAT_SUM => item.vat_sum_kopecks = Some(path.money(&child)?),
            tag::PAYMENT_METHOD => item.payment_method = Some(path.code(&child)?.into()),
            tag::PAYMENT_SUBJECT => item.payment_subject = Some(path.code(&child)?.into()),
            tag::UNIT => item.unit = value::string(&child),
            tag::UNIT_CODE => item.unit = codes::unit(path.code(&child)?.into(), flags),
            tag::PRODUCT_CODE => {
                item.marking_code = hex(child.value).map(Into::into);
                item.gtin = marking::gtin_of_bytes(child.value).map(Into::into);
                item.marking_serial = marking::serial_of_bytes(child.value).map(Into::into);
            }
            tag::PRODUCT_CODE_NEW => product_code(&child, &mut item),
            tag::AGENT => item.agent = Some(path.code(&child)?.into()),
            tag::SUPPLIER_INN => item.supplier_inn = value::padded(&child),
            tag::SUPPLIER => {
                let mut parts = child.children().flatten();
                item.supplier_name = parts.find(|part| part.tag == tag::SUPPLIER_NAME).as_ref().and_then(value::string);
            }
            _ => {}
        }
    }
    let (quantity, rounded) = quantity.unwrap_or_else(|| {
        flags::raise(flags, flags::QUANTITY_MISSING);
        Default::default()
    });
    if rounded {
        flags::raise(flags, flags::QUANTITY_ROUNDED);
    }
    item.quantity = quantity;
    item.product_key = canonical::product_key(&product::ProductFacts {
        gtin: item.gtin.as_deref(),
        source: NAME,
        shop: context.shop,
        vendor_code: None,
        name: item.name.as_deref(),
        unit: item.unit.as_deref(),
    })
    .map(Into::into);
    Ok(item)
}

/// Tags 1301 to 1303 are the bar codes EAN-8, EAN-13 and ITF-14; all others are marks.
fn product_code<'b>(element: &Tlv<'b>, item: &mut Item<'b>) {
    let Some(Ok(code)) = element.children().next() else { return };
    let Some(text) = value::string(&code) else { return };
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
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
    let text: String = bytes.iter().flat_map(digits).collect();
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
