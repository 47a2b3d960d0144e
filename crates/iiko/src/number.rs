//! Numbers and times as iiko writes them.

use jiff::{civil, tz::TimeZone};
use schemas::{Decimal, Timestamp};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

const SCALE: i32 = 6;
/// The schema's precision: 18 digits, 12 of them before the point.
const LIMIT: i64 = 1_000_000_000_000_000_000;
/// Longest number that is read. A double has at most 24 characters.
const LONGEST: usize = 64;

/// A JSON number as a decimal. It is read from its text: on the way through a `double` 0.1 + 0.2
/// stays 0.30000000000000004, and a balance of 0.3 that is not 0.3 would be a change for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Balance(pub Decimal<6>);

impl<'de> Deserialize<'de> for Balance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        decimal(raw.get())
            .map(Self)
            .ok_or_else(|| D::Error::custom("a balance is not a number of at most 12 digits before the point"))
    }
}

/// Reads a JSON number, rounded half away from zero at the sixth digit after the point. `None` when
/// it is none or does not fit.
fn decimal(text: &str) -> Option<Decimal<6>> {
    if text.len() > LONGEST {
        return None;
    }
    let (negative, number) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(part.bytes());
    if whole.is_empty() || !digits().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // How many of the digits stand before the sixth place after the point.
    let kept = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(SCALE)?;
    let mut unscaled: i64 = 0;
    let mut place = 0;
    for digit in digits().map(|b| i64::from(b - b'0')) {
        if place < kept {
            unscaled = unscaled.checked_mul(10)?.checked_add(digit)?;
        } else if place == kept && digit >= 5 {
            unscaled = unscaled.checked_add(1)?;
        }
        place += 1;
    }
    while place < kept && unscaled != 0 {
        unscaled = unscaled.checked_mul(10)?;
        place += 1;
    }
    (unscaled < LIMIT).then(|| Decimal::from_unscaled(if negative { -unscaled } else { unscaled }))
}

/// Reads `yyyy-MM-dd HH:mm:ss.fff`, which is UTC, and an ISO instant should iiko ever send one.
/// `None` for anything else: the time is a remark on an item and not worth refusing a list.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    let instant = match text.parse::<civil::DateTime>() {
        Ok(clock) => TimeZone::UTC.to_timestamp(clock).ok()?,
        Err(_) => text.parse::<jiff::Timestamp>().ok()?,
    };
    Some(Timestamp(instant.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unscaled(text: &str) -> Option<i64> {
        decimal(text).map(Decimal::unscaled)
    }

    #[test]
    fn numbers_are_read_from_their_text() {
        for (text, expected) in [
            ("0", 0),
            ("0.0", 0),
            ("-0.0", 0),
            ("3.5", 3_500_000),
            ("-1.0", -1_000_000),
            ("0.30000000000000004", 300_000),
            ("1e2", 100_000_000),
            ("1E-7", 0),
            ("5E-7", 1),
            ("-5e-7", -1),
            ("12.3456789", 12_345_679),
            ("1.5e+1", 15_000_000),
            ("0.0000005", 1),
            ("999999999999.999999", 999_999_999_999_999_999),
            ("0e999999", 0),
            ("123e-5", 1_230),
        ] {
            assert_eq!(unscaled(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in [
            "\"3.5\"",
            "null",
            "true",
            "",
            "-",
            "1000000000000",
            "1e12",
            "1e999999999",
            "999999999999.9999999",
            "{}",
            "1e99999999999",
        ] {
            assert_eq!(unscaled(text), None, "{text}");
        }
        assert_eq!(unscaled(&"1".repeat(65)), None);
    }

    #[test]
    fn times_are_utc_with_or_without_a_fraction() {
        let expected = Some(Timestamp(1_795_248_922_123_000));
        assert_eq!(timestamp("2026-11-21 08:15:22.123"), expected);
        assert_eq!(timestamp("2026-11-21T08:15:22.123Z"), expected);
        assert_eq!(timestamp("2026-11-21 08:15:22"), Some(Timestamp(1_795_248_922_000_000)));
        assert_eq!(timestamp("21.11.2026 08:15"), None);
    }

    proptest! {
        #[test]
        fn a_decimal_written_as_text_is_read_back(value in -999_999_999_999_999_999_i64..1_000_000_000_000_000_000) {
            let shown = Decimal::<6>::from_unscaled(value).to_string();
            prop_assert_eq!(unscaled(&shown), Some(value));
        }

        #[test]
        fn a_double_with_six_digits_is_read_as_those_digits(value in -999_999_999_i64..999_999_999) {
            // What a server that computes in doubles writes.
            #[allow(clippy::cast_precision_loss)]
            let double = value as f64 / 1e6;
            prop_assert_eq!(unscaled(&serde_json::to_string(&double).unwrap()), Some(value));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,70}") {
            let _ = decimal(&text);
            let _ = timestamp(&text);
        }
    }
}
