//! The words of the driver (`fullPayment`) and of the cloud (`full_payment`). A word that this revision does not know is
//! flagged, never guessed.

use schemas::{
    LocalTimestamp,
    receipts::{PaymentKind, VatRate},
};

use crate::{codes::VatCodes, flags};

/// Some drivers write the number of the kind instead.
pub(crate) fn payment(word: Option<&str>, flags: &mut Vec<&'static str>) -> PaymentKind {
    match word {
        Some("cash" | "0") => PaymentKind::Cash,
        Some("electronically" | "1") => PaymentKind::Card,
        Some("prepaid" | "2") => PaymentKind::Prepaid,
        Some("credit" | "3") => PaymentKind::Credit,
        Some("other" | "4") => PaymentKind::CounterProvision,
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            PaymentKind::Other
        }
    }
}

/// The words of 18 % stayed when that became 20 %.
pub(crate) fn vat(word: &str, time: LocalTimestamp, flags: &mut Vec<&'static str>) -> VatRate {
    match word {
        "none" => VatRate::None,
        "vat0" => VatRate::Vat0,
        "vat5" => VatRate::Vat5,
        "vat105" => VatRate::Vat5_105,
        "vat7" => VatRate::Vat7,
        "vat107" => VatRate::Vat7_107,
        "vat10" => VatRate::Vat10,
        "vat110" => VatRate::Vat10_110,
        "vat18" => VatCodes::at(time).vat_20(),
        "vat118" => VatCodes::at(time).vat_20_120(),
        "vat20" => VatRate::Vat20,
        "vat120" => VatRate::Vat20_120,
        "vat22" => VatRate::Vat22,
        "vat122" => VatRate::Vat22_122,
        _ => {
            flags::raise(flags, flags::UNKNOWN_CODE);
            VatRate::Unknown
        }
    }
}

/// Bits of tag 1055.
pub(crate) fn taxation(word: &str, flags: &mut Vec<&'static str>) -> Option<i32> {
    code(
        word,
        &[("osn", 1), ("usnincome", 2), ("usnincomeoutcome", 4), ("envd", 8), ("esn", 16), ("patent", 32)],
        flags,
    )
}

/// Codes of tag 1173.
pub(crate) fn correction_type(word: &str, flags: &mut Vec<&'static str>) -> Option<i32> {
    code(word, &[("self", 0), ("instruction", 1)], flags)
}

/// Bits of tag 1222.
pub(crate) fn agent(word: &str, flags: &mut Vec<&'static str>) -> Option<i32> {
    let words = [
        ("bankpayingagent", 1),
        ("bankpayingsubagent", 2),
        ("payingagent", 4),
        ("payingsubagent", 8),
        ("attorney", 16),
        ("commissionagent", 32),
        ("another", 64),
    ];
    code(word, &words, flags)
}

/// Codes of tag 1214.
pub(crate) fn payment_method(word: &str, flags: &mut Vec<&'static str>) -> Option<i32> {
    let words = [
        ("fullprepayment", 1),
        ("prepayment", 2),
        ("advance", 3),
        ("fullpayment", 4),
        ("partialpayment", 5),
        ("credit", 6),
        ("creditpayment", 7),
    ];
    numbered(word).or_else(|| code(word, &words, flags))
}

/// Codes of tag 1212.
pub(crate) fn payment_object(word: &str, flags: &mut Vec<&'static str>) -> Option<i32> {
    let words = [
        ("commodity", 1),
        ("excise", 2),
        ("job", 3),
        ("service", 4),
        ("gamblingbet", 5),
        ("gamblingprize", 6),
        ("lottery", 7),
        ("lotteryprize", 8),
        ("intellectualactivity", 9),
        ("payment", 10),
        ("agentcommission", 11),
        ("composite", 12),
        ("pay", 12),
        ("another", 13),
        ("proprietarylaw", 14),
        ("propertyright", 14),
        ("nonoperatingincome", 15),
        ("nonoperatinggain", 15),
        ("othercontributions", 16),
        ("insurancecontributions", 16),
        ("insurancepremium", 16),
        ("merchanttax", 17),
        ("salestax", 17),
        ("resortfee", 18),
        ("deposit", 19),
        ("consumption", 20),
        ("expense", 20),
        ("soleproprietorcpicontributions", 21),
        ("pensioninsuranceip", 21),
        ("cpicontributions", 22),
        ("pensioninsurance", 22),
        ("soleproprietorcmicontributions", 23),
        ("medicalinsuranceip", 23),
        ("cmicontributions", 24),
        ("medicalinsurance", 24),
        ("csicontributions", 25),
        ("socialinsurance", 25),
        ("casinopayment", 26),
        ("fundsissuance", 27),
        ("excisewithoutmarking", 30),
        ("excisewithmarking", 31),
        ("commoditywithoutmarking", 32),
        ("commoditywithmarking", 33),
    ];
    numbered(word).or_else(|| code(word, &words, flags))
}

/// The code of tag 2108 of a word; a text that is none is a unit of its own.
pub(crate) fn unit(word: &str) -> Option<u8> {
    Some(match word {
        "piece" => 0,
        "gram" => 10,
        "kilogram" => 11,
        "ton" => 12,
        "centimeter" => 20,
        "decimeter" => 21,
        "meter" => 22,
        "squareCentimeter" => 30,
        "squareDecimeter" => 31,
        "squareMeter" => 32,
        "milliliter" => 40,
        "liter" => 41,
        "cubicMeter" => 42,
        "kilowattHour" => 50,
        "gkal" => 51,
        "day" => 70,
        "hour" => 71,
        "minute" => 72,
        "second" => 73,
        "kilobyte" => 80,
        "megabyte" => 81,
        "gigabyte" => 82,
        "terabyte" => 83,
        "otherUnits" => 255,
        _ => return None,
    })
}

/// The code itself, which newer drivers take, too.
fn numbered(word: &str) -> Option<i32> {
    word.parse::<u8>().ok().filter(|code| *code > 0).map(Into::into)
}

/// The spellings differ in capitals and underscores only.
fn code(word: &str, words: &[(&str, i32)], flags: &mut Vec<&'static str>) -> Option<i32> {
    let letters = || word.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase());
    let code = words.iter().find(|(known, _)| known.bytes().eq(letters())).map(|(_, code)| *code);
    if code.is_none() {
        flags::raise(flags, flags::UNKNOWN_CODE);
    }
    code
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
        assert!(flagged(&|flags| assert_eq!(vat("vat33", now, flags), VatRate::Unknown)));
        assert!(flagged(&|flags| assert_eq!(taxation("flat", flags), None)));
        assert!(flagged(&|flags| assert_eq!(payment_method("barter", flags), None)));
        assert!(flagged(&|flags| assert_eq!(payment_object("0", flags), None)));
        assert!(flagged(&|flags| assert_eq!(payment(None, flags), PaymentKind::Other)));
        assert!(!flagged(&|flags| assert_eq!(payment_object("33", flags), Some(33))));
        assert!(!flagged(&|flags| assert_eq!(payment_method("fullPrepayment", flags), Some(1))));
        assert!(!flagged(&|flags| assert_eq!(payment_method("full_prepayment", flags), Some(1))));
        assert!(!flagged(&|flags| assert_eq!(taxation("usn_income_outcome", flags), Some(4))));
    }

    #[test]
    fn the_old_words_have_the_rate_of_their_time() {
        let mut flags = Vec::new();
        assert_eq!(vat("vat18", LocalTimestamp(0), &mut flags), VatRate::Vat18);
        assert_eq!(vat("vat118", LocalTimestamp(1_795_183_500_000_000), &mut flags), VatRate::Vat20_120);
    }
}
