//! One item of a receipt (tag 1059), and the codes that items and receipts share.

use std::borrow::Cow;

use canonical::{gtin, product};
use schemas::{
    LocalTimestamp,
    receipts::{Item, VatRate},
};

use super::{
    NAME, tag,
    tlv::Tlv,
    value::{self, Path},
};
use crate::{Context, Invalid, flags};

/// 2019-01-01 00:00: codes and tags that mean 20 % today meant 18 % before.
const VAT_20_SINCE: LocalTimestamp = LocalTimestamp(1_546_300_800_000_000);

/// What a receipt's time says about the meaning of its VAT codes.
#[derive(Debug, Clone, Copy)]
pub(super) struct VatCodes {
    eighteen: bool,
}

impl VatCodes {
    pub(super) fn at(time: LocalTimestamp) -> Self {
        Self { eighteen: time < VAT_20_SINCE }
    }

    pub(super) const fn vat_20(self) -> VatRate {
        if self.eighteen { VatRate::Vat18 } else { VatRate::Vat20 }
    }

    pub(super) const fn vat_20_120(self) -> VatRate {
        if self.eighteen { VatRate::Vat18_118 } else { VatRate::Vat20_120 }
    }

    /// Tag 1199.
    pub(super) fn rate(self, code: u8, flags: &mut Vec<&'static str>) -> VatRate {
        match code {
            1 => self.vat_20(),
            2 => VatRate::Vat10,
            3 => self.vat_20_120(),
            4 => VatRate::Vat10_110,
            5 => VatRate::Vat0,
            6 => VatRate::None,
            7 => VatRate::Vat5,
            8 => VatRate::Vat7,
            9 => VatRate::Vat5_105,
            10 => VatRate::Vat7_107,
            11 => VatRate::Vat22,
            12 => VatRate::Vat22_122,
            _ => {
                flags::raise(flags, flags::UNKNOWN_CODE);
                VatRate::Unknown
            }
        }
    }
}

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
        let child = child.map_err(|broken| path.broken(&broken))?;
        match child.tag {
            tag::NAME => item.name = value::string(&child),
            tag::QUANTITY => quantity = Some(path.quantity(&child)?),
            tag::PRICE => item.price_kopecks = Some(path.money(&child)?),
            tag::SUM => item.sum_kopecks = Some(path.money(&child)?),
            tag::VAT_RATE => item.vat_rate = Some(codes.rate(path.code(&child)?, flags)),
            tag::VAT_SUM => item.vat_sum_kopecks = Some(path.money(&child)?),
            tag::PAYMENT_METHOD => item.payment_method = Some(path.code(&child)?.into()),
            tag::PAYMENT_SUBJECT => item.payment_subject = Some(path.code(&child)?.into()),
            tag::UNIT => item.unit = value::string(&child),
            tag::UNIT_CODE => item.unit = unit(path.code(&child)?, flags),
            tag::PRODUCT_CODE => {
                item.marking_code = hex(child.value).map(Into::into);
                item.gtin = gtin_of(child.value).map(Into::into);
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

/// Tag 2108: the units as receipts print them. 255 is "another unit": no name.
fn unit(code: u8, flags: &mut Vec<&'static str>) -> Option<Cow<'static, str>> {
    let name = match code {
        0 => "шт",
        10 => "г",
        11 => "кг",
        12 => "т",
        20 => "см",
        21 => "дм",
        22 => "м",
        30 => "кв. см",
        31 => "кв. дм",
        32 => "кв. м",
        40 => "мл",
        41 => "л",
        42 => "куб. м",
        50 => "кВт·ч",
        51 => "Гкал",
        70 => "сутки",
        71 => "час",
        72 => "мин",
        73 => "с",
        80 => "КБ",
        81 => "МБ",
        82 => "ГБ",
        83 => "ТБ",
        255 => return None,
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            return None;
        }
    };
    Some(name.into())
}

/// Tag 1162 of a marked product: `44 4D`, the GTIN in six bytes, big-endian, and the serial number.
fn gtin_of(code: &[u8]) -> Option<String> {
    let [0x44, 0x4D, a, b, c, d, e, f, ..] = code else { return None };
    let number = u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]);
    gtin::normalize(&format!("{number:014}"))
}

fn hex(bytes: &[u8]) -> Option<String> {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    bytes.iter().try_for_each(|byte| write!(text, "{byte:02X}")).ok()?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_product_tells_its_gtin() {
        let code = [0x44, 0x4D, 0x03, 0xB2, 0x3C, 0xAF, 0x78, 0xCB, b'p'];
        assert_eq!(gtin_of(&code).as_deref(), Some("04064057194699"));
        assert_eq!(hex(&code).as_deref(), Some("444D03B23CAF78CB70"));
        assert_eq!(gtin_of(&[0x44, 0x4D, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), None);
        assert_eq!(gtin_of(&code[..7]), None);
    }

    #[test]
    fn every_code_of_vat_has_one_meaning_at_its_time() {
        let rates = |time| {
            let mut flags = Vec::new();
            let rates: Vec<VatRate> = (1..=12).map(|code| VatCodes::at(time).rate(code, &mut flags)).collect();
            assert!(flags.is_empty());
            rates
        };
        let today = rates(VAT_20_SINCE);
        assert_eq!(
            today,
            [
                VatRate::Vat20,
                VatRate::Vat10,
                VatRate::Vat20_120,
                VatRate::Vat10_110,
                VatRate::Vat0,
                VatRate::None,
                VatRate::Vat5,
                VatRate::Vat7,
                VatRate::Vat5_105,
                VatRate::Vat7_107,
                VatRate::Vat22,
                VatRate::Vat22_122,
            ]
        );
        let before = rates(LocalTimestamp(VAT_20_SINCE.0 - 1));
        assert_eq!((before[0], before[2]), (VatRate::Vat18, VatRate::Vat18_118));
        assert_eq!(before[3..], today[3..]);
    }

    #[test]
    fn an_unknown_code_is_flagged() {
        let mut flags = Vec::new();
        assert_eq!(VatCodes::at(VAT_20_SINCE).rate(13, &mut flags), VatRate::Unknown);
        assert_eq!(unit(99, &mut flags), None);
        assert_eq!(flags, [flags::UNKNOWN_CODE]);
        assert_eq!(unit(255, &mut Vec::new()), None);
        assert_eq!(unit(11, &mut Vec::new()).as_deref(), Some("кг"));
    }
}
