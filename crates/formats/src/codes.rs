//! Codes of fiscal documents that several families share: those of the tags.

use std::borrow::Cow;

use schemas::{
    LocalTimestamp,
    events::EventKind,
    receipts::{Operation, VatRate},
};

use crate::flags;

/// 2019-01-01 00:00: codes and tags that mean 20 % today meant 18 % before.
const VAT_20_SINCE: LocalTimestamp = LocalTimestamp(1_546_300_800_000_000);

/// What a receipt's time says about the meaning of its VAT codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VatCodes {
    eighteen: bool,
}

impl VatCodes {
    pub(crate) fn at(time: LocalTimestamp) -> Self {
        Self { eighteen: time < VAT_20_SINCE }
    }

    pub(crate) const fn vat_20(self) -> VatRate {
        if self.eighteen { VatRate::Vat18 } else { VatRate::Vat20 }
    }

    pub(crate) const fn vat_20_120(self) -> VatRate {
        if self.eighteen { VatRate::Vat18_118 } else { VatRate::Vat20_120 }
    }

    /// Tag 1199.
    pub(crate) fn rate(self, code: i64, flags: &mut Vec<&'static str>) -> VatRate {
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

/// Tag 1054.
pub(crate) const fn operation(code: i64) -> Option<Operation> {
    match code {
        1 => Some(Operation::Sell),
        2 => Some(Operation::SellReturn),
        3 => Some(Operation::Buy),
        4 => Some(Operation::BuyReturn),
        _ => None,
    }
}

/// A rate in percent, as stated.
pub(crate) fn vat_of_percent(percent: i64, flags: &mut Vec<&'static str>) -> VatRate {
    match percent {
        0 => VatRate::Vat0,
        5 => VatRate::Vat5,
        7 => VatRate::Vat7,
        10 => VatRate::Vat10,
        18 => VatRate::Vat18,
        20 => VatRate::Vat20,
        22 => VatRate::Vat22,
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            VatRate::Unknown
        }
    }
}

/// Tags of fiscal documents that are neither receipts nor of shifts.
pub(crate) const fn report_name(code: i64) -> Option<&'static str> {
    match code {
        1 => Some("registration"),
        6 => Some("drive-closing"),
        11 => Some("registration-change"),
        21 => Some("state-report"),
        _ => None,
    }
}

/// An operation in natural keys.
pub(crate) const fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Unknown => "unknown",
        Operation::Sell => "sell",
        Operation::SellReturn => "sell_return",
        Operation::Buy => "buy",
        Operation::BuyReturn => "buy_return",
    }
}

/// A kind of event in natural keys.
pub(crate) const fn event_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Other => "other",
        EventKind::CashIn => "cash_in",
        EventKind::CashOut => "cash_out",
    }
}

/// Tag 2108: the units as receipts print them. 255 is "another unit": no name.
pub(crate) fn unit(code: i64, flags: &mut Vec<&'static str>) -> Option<Cow<'static, str>> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(vat_of_percent(33, &mut flags), VatRate::Unknown);
        assert_eq!(unit(99, &mut flags), None);
        assert_eq!(flags, [flags::UNKNOWN_CODE]);
        assert_eq!(unit(255, &mut Vec::new()), None);
        assert_eq!(unit(11, &mut Vec::new()).as_deref(), Some("кг"));
    }
}
