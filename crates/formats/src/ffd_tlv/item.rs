//! One item of a receipt (tag 1059).

use canonical::product;
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
