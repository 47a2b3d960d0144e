//! Decimal numbers that are written as text, read without floating point.

/// More digits than any figure of a document; what comes after them cannot change its rounding.
const MOST_DIGITS: u32 = 30;

/// A number as a multiple of the smallest unit that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixed {
    /// The number times 10 to the power of the scale.
    pub unscaled: i64,
    /// It had more digits and was rounded half up (away from zero).
    pub rounded: bool,
}

/// Reads `12`, `-0.5`, `1.2E3` with `point` before the fraction and `scale` digits after it; `None` where it is no
/// number or too large.
pub(crate) fn parse(text: &str, point: u8, scale: u32) -> Option<Fixed> {
    let (negative, mut rest) = match text.trim().as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mut mantissa, mut digits, mut exponent, mut dropped) = (0_i128, 0_u32, 0_i32, false);
    let (mut seen, mut in_fraction) = (false, false);
    while let [first, left @ ..] = rest {
        match first {
            b'0'..=b'9' => {
                seen = true;
                if digits < MOST_DIGITS {
                    mantissa = mantissa * 10 + i128::from(first - b'0');
                    digits += u32::from(mantissa != 0);
                    exponent -= i32::from(in_fraction);
                } else {
                    dropped |= *first != b'0';
                    exponent = exponent.checked_add(i32::from(!in_fraction))?;
                }
            }
            byte if *byte == point && !in_fraction => in_fraction = true,
            b'e' | b'E' if seen => {
                exponent = exponent.checked_add(std::str::from_utf8(left).ok()?.parse().ok()?)?;
                break;
            }
            _ => return None,
        }
        rest = left;
    }
    if !seen {
        return None;
    }
    let power = exponent.checked_add(i32::try_from(scale).ok()?)?;
    let (magnitude, rounded) = shift(mantissa, power)?;
    let unscaled = i64::try_from(if negative { -magnitude } else { magnitude }).ok()?;
    Some(Fixed { unscaled, rounded: rounded || dropped })
}

/// Times 10 to the power; whether that was rounded.
fn shift(mantissa: i128, power: i32) -> Option<(i128, bool)> {
    if mantissa == 0 {
        return Some((0, false));
    }
    let Ok(power) = u32::try_from(power) else {
        // A divisor that is too large leaves nothing.
        return Some(10_i128.checked_pow(power.unsigned_abs()).map_or((0, true), |divisor| {
            let (whole, left) = (mantissa / divisor, mantissa % divisor);
            (whole + i128::from(left >= divisor - left), left != 0)
        }));
    };
    Some((mantissa.checked_mul(10_i128.checked_pow(power)?)?, false))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, scale: u32) -> Option<(i64, bool)> {
        parse(text, b'.', scale).map(|fixed| (fixed.unscaled, fixed.rounded))
    }

    #[test]
    fn numbers_are_read_exactly() {
        assert_eq!(read("0.308", 6), Some((308_000, false)));
        assert_eq!(read("1285.2", 2), Some((128_520, false)));
        assert_eq!(read("-3548", 2), Some((-354_800, false)));
        assert_eq!(read(" +7. ", 2), Some((700, false)));
        assert_eq!(read(".5", 2), Some((50, false)));
        assert_eq!(read("1.2E3", 2), Some((120_000, false)));
        assert_eq!(read("12e-1", 2), Some((120, false)));
        assert_eq!(read("90071992547409.93", 2), Some((9_007_199_254_740_993, false)));
        assert_eq!(parse("12,30", b',', 2), Some(Fixed { unscaled: 1_230, rounded: false }));
    }

    #[test]
    fn more_digits_are_rounded_half_up_and_said_so() {
        assert_eq!(read("10.005", 2), Some((1_001, true)));
        assert_eq!(read("-10.005", 2), Some((-1_001, true)));
        assert_eq!(read("10.00499999999999999999999999999999999999999", 2), Some((1_000, true)));
        assert_eq!(read("10.0050000000000000000000000000000000000000", 2), Some((1_001, true)));
        assert_eq!(read("1e-999999999", 2), Some((0, true)));
        assert_eq!(read("10.00000000000000000000000000000000000000000", 2), Some((1_000, false)));
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in ["", " ", ".", "-", "1.2.3", "1,2", "NaN", "inf", "0x10", "1e", "e5", "1e99", "1e9999999999", "１"]
        {
            assert_eq!(read(text, 2), None, "{text}");
        }
        assert_eq!(read("92233720368547758.07", 2), Some((i64::MAX, false)));
        assert_eq!(read("92233720368547758.08", 2), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(unscaled in any::<i32>(), scale in 0_u32..7) {
            let divisor = 10_i64.pow(scale);
            let (whole, part) = (i64::from(unscaled).abs() / divisor, i64::from(unscaled).abs() % divisor);
            let sign = if unscaled < 0 { "-" } else { "" };
            let text = if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part:0width$}", width = scale as usize) };
            prop_assert_eq!(read(&text, scale), Some((i64::from(unscaled), false)));
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,60}", scale in 0_u32..7) {
            let _: Option<_> = read(&text, scale);
        }
    }
}
