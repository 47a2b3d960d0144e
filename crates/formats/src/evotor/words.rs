//! The vendor's words. A word that this revision does not know is flagged, never guessed.

use schemas::{
    LocalTimestamp,
    receipts::{PaymentKind, VatRate},
};

use crate::{codes::VatCodes, flags};

pub(super) fn payment(word: Option<&str>, flags: &mut Vec<&'static str>) -> PaymentKind {
    match word {
        Some("CASH" | "PAY_CASH" | "PAY_CASHBACK") => PaymentKind::Cash,
        Some("ELECTRON" | "CARD" | "PAY_CARD") => PaymentKind::Card,
        Some("ADVANCE") => PaymentKind::Prepaid,
        Some("CREDIT") => PaymentKind::Credit,
        Some("COUNTEROFFER") => PaymentKind::CounterProvision,
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            PaymentKind::Other
        }
    }
}

/// `VAT_18` is the word for the highest rate: it stayed when that became 20 %.
pub(super) fn vat(word: &str, time: LocalTimestamp, flags: &mut Vec<&'static str>) -> VatRate {
    match word {
        "VAT_18" => VatCodes::at(time).vat_20(),
        "VAT_18_118" => VatCodes::at(time).vat_20_120(),
        "VAT_20" => VatRate::Vat20,
        "VAT_20_120" => VatRate::Vat20_120,
        "VAT_10" => VatRate::Vat10,
        "VAT_10_110" => VatRate::Vat10_110,
        "VAT_5" => VatRate::Vat5,
        "VAT_5_105" => VatRate::Vat5_105,
        "VAT_7" => VatRate::Vat7,
        "VAT_7_107" => VatRate::Vat7_107,
        "VAT_22" => VatRate::Vat22,
        "VAT_22_122" => VatRate::Vat22_122,
        "VAT_0" => VatRate::Vat0,
        "NO_VAT" => VatRate::None,
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            VatRate::Unknown
        }
    }
}

/// The code of tag 1214 for `settlement_method.type`.
pub(super) fn settlement(word: &str, flags: &mut Vec<&'static str>) -> Option<i32> {
    match word {
        "PREPAYMENT_FULL" => Some(1),
        "PREPAYMENT_PARTIAL" => Some(2),
        "ADVANCE" => Some(3),
        "CHECKOUT_FULL" => Some(4),
        "CHECKOUT_PARTIAL" => Some(5),
        "CREDIT_PASS" => Some(6),
        "CREDIT_CHECKOUT" => Some(7),
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_nobody_knows_is_flagged() {
        let flagged = |read: &dyn Fn(&mut Vec<&'static str>)| {
            let mut flags = Vec::new();
            read(&mut flags);
            flags == [flags::UNKNOWN_CODE]
        };
        let now = LocalTimestamp(1_795_183_500_000_000);
        assert!(flagged(&|flags| assert_eq!(vat("VAT_33", now, flags), VatRate::Unknown)));
        assert!(flagged(&|flags| assert_eq!(settlement("BARTER", flags), None)));
        assert!(flagged(&|flags| assert_eq!(payment(None, flags), PaymentKind::Other)));
        assert!(!flagged(&|flags| assert_eq!(vat("VAT_18", now, flags), VatRate::Vat20)));
    }

    #[test]
    fn the_highest_rate_has_one_word_for_all_times() {
        let mut flags = Vec::new();
        assert_eq!(vat("VAT_18", LocalTimestamp(0), &mut flags), VatRate::Vat18);
        assert_eq!(vat("VAT_18_118", LocalTimestamp(1_795_183_500_000_000), &mut flags), VatRate::Vat20_120);
    }
}
