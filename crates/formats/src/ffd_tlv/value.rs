//! Values of the format, and where a wrong one stands.

use std::borrow::Cow;

use schemas::{Decimal, LocalTimestamp};

use super::{
    cp866, tag,
    tlv::{Broken, Cut, Tlv},
};
use crate::{
    Invalid,
    checks::{MAX_KOPECKS, QUANTITY_LIMIT},
};

/// The object whose elements are being read: a document, or one of its items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    document: u16,
    item: Option<u32>,
}

impl Path {
    pub(super) const fn document(tag: u16) -> Self {
        Self { document: tag, item: None }
    }

    pub(super) fn item(&self, index: usize) -> Self {
        // No body is so large that it has more.
        Self { item: u32::try_from(index).ok(), ..*self }
    }

    /// `3/1020`, `3/1059[0]/1043`
    fn place(&self, tag: u16) -> String {
        match self.item {
            Some(index) => format!("{}/1059[{index}]/{tag}", self.document),
            None => format!("{}/{tag}", self.document),
        }
    }

    /// `3`, `3/1059[0]`
    pub(super) fn name(&self) -> String {
        match self.item {
            Some(index) => format!("{}/1059[{index}]", self.document),
            None => self.document.to_string(),
        }
    }

    pub(super) fn invalid(&self, tag: u16, text: impl Into<String>) -> Invalid {
        Invalid::new(self.place(tag), text)
    }

    pub(super) fn missing(&self, tag: u16, what: &str) -> Invalid {
        self.invalid(tag, format!("{what} is missing"))
    }

    pub(super) fn broken(&self, cut: Cut) -> Invalid {
        let broken = Broken::from(cut);
        Invalid::undecodable(self.name(), format!("byte {}: {}", broken.offset, broken.text))
    }

    #[cold]
    fn too_long(&self, tag: u16, length: usize, most: usize) -> Invalid {
        self.invalid(tag, format!("a number of {length} bytes; at most {most} are allowed"))
    }

    /// Types B, H and I; no bytes at all are zero.
    #[inline]
    pub(super) fn number(&self, element: Tlv<'_>) -> Result<u32, Invalid> {
        self.number_of(element.tag, element.value.len(), element.number())
    }

    #[inline(never)]
    fn number_of(&self, tag: u16, length: usize, number: u64) -> Result<u32, Invalid> {
        match u32::try_from(number) {
            Ok(number) if length <= 4 => Ok(number),
            _ => Err(self.too_long(tag, length, 4)),
        }
    }

    /// A code of one byte.
    #[inline]
    pub(super) fn code(&self, element: Tlv<'_>) -> Result<u8, Invalid> {
        match element.value {
            [] => Ok(0),
            [code] => Ok(*code),
            longer => Err(self.too_long(element.tag, longer.len(), 1)),
        }
    }

    /// Type V: kopecks.
    #[inline]
    pub(super) fn money(&self, element: Tlv<'_>) -> Result<i64, Invalid> {
        let kopecks = element.number();
        if element.value.len() <= 8 && kopecks <= MAX_KOPECKS.cast_unsigned() {
            return Ok(kopecks.cast_signed());
        }
        Err(self.no_money(element.tag, element.value.len(), kopecks))
    }

    #[cold]
    fn no_money(&self, tag: u16, length: usize, kopecks: u64) -> Invalid {
        if length > 8 {
            return self.too_long(tag, length, 8);
        }
        self.invalid(tag, format!("{kopecks} kopecks is more than {MAX_KOPECKS}"))
    }

    /// Reads kopecks into a field, and tells whether the field gives the element back.
    #[inline]
    pub(super) fn money_into(&self, element: Tlv<'_>, field: &mut Option<i64>) -> Result<bool, Invalid> {
        *field = Some(self.money(element)?);
        Ok(element.is_sum())
    }

    /// Reads a code into a field, and tells whether the field gives the element back.
    #[inline]
    pub(super) fn code_into(&self, element: Tlv<'_>, field: &mut Option<i32>) -> Result<bool, Invalid> {
        *field = Some(self.code(element)?.into());
        Ok(element.is_byte())
    }

    /// Reads a number into a field, and tells whether the field gives the element back.
    #[inline]
    pub(super) fn number_into(&self, element: Tlv<'_>, field: &mut Option<i64>) -> Result<bool, Invalid> {
        *field = Some(self.number(element)?.into());
        Ok(element.is_word())
    }

    /// Type F, with whether it had to be rounded to six digits after the point.
    #[inline]
    pub(super) fn quantity(&self, element: Tlv<'_>) -> Result<(Decimal<6>, bool), Invalid> {
        // First how many digits stand after the point, then the number without it.
        let (digits, mantissa) = (element.value.first().copied().unwrap_or_default(), element.number() >> 8);
        let (scaled, rounded) = rescale(mantissa, digits.into());
        match i64::try_from(scaled) {
            Ok(scaled) if scaled < QUANTITY_LIMIT && element.value.len() <= 8 => {
                Ok((Decimal::from_unscaled(scaled), rounded))
            }
            _ => Err(self.no_quantity(element.tag, element.value.len(), digits, mantissa)),
        }
    }

    #[cold]
    fn no_quantity(&self, tag: u16, length: usize, digits: u8, mantissa: u64) -> Invalid {
        let text = if length > 8 {
            format!("a quantity of {length} bytes; at most 8 are allowed")
        } else {
            format!("{mantissa} / 10^{digits} is more than 12 digits before the point")
        };
        self.invalid(tag, text)
    }

    /// Type T: seconds of the register's own clock.
    pub(super) fn time(&self, tag: u16, seconds: u32) -> Result<LocalTimestamp, Invalid> {
        match seconds {
            0 => Err(self.missing(tag, "the time")),
            seconds => Ok(LocalTimestamp(i64::from(seconds) * 1_000_000)),
        }
    }

    /// Tag 1077: kind of document, 4, and the printed sign in four bytes, big-endian.
    pub(super) fn sign(&self, value: &[u8]) -> Result<u32, Invalid> {
        match value {
            [_, _, sign @ ..] => sign.try_into().ok().map(u32::from_be_bytes),
            _ => None,
        }
        .ok_or_else(|| self.invalid(tag::FISCAL_SIGN, format!("a sign of {} bytes; it has 6", value.len())))
    }
}

/// Type S: CP866, as sent.
pub(super) fn string(value: &[u8]) -> Option<Cow<'_, str>> {
    cp866::decode(value)
}

/// A unit, and whether it is given back; the usual ones need no memory of their own.
#[inline]
pub(super) fn unit(value: &[u8]) -> (Option<Cow<'_, str>>, bool) {
    let usual = match value {
        b"\xE8\xE2" => "шт",
        b"\xAA\xA3" => "кг",
        b"\xE8\xE2." => "шт.",
        b"\xAB" => "л",
        _ => return (string(value), cp866::is_given_back(value)),
    };
    (Some(usual.into()), true)
}

/// Type X: CP866 without its padding.
#[inline(never)]
pub(super) fn padded(value: &[u8]) -> Option<Cow<'_, str>> {
    let padding = |b: &&u8| matches!(**b, b' ' | 0);
    let start = value.iter().take_while(padding).count();
    let end = value.len() - value[start..].iter().rev().take_while(padding).count();
    cp866::decode(&value[start..end])
}

/// `mantissa / 10^digits` in millionths, rounded half up.
#[inline]
fn rescale(mantissa: u64, digits: u32) -> (u128, bool) {
    const MILLIONTHS: [u64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let mantissa = u128::from(mantissa);
    if let Some(millionths) = MILLIONTHS.get(digits as usize) {
        return (mantissa * u128::from(*millionths), false);
    }
    // Divisors beyond 10^20 leave nothing of 56 bits.
    let divisor = 10_u128.pow((digits - 6).min(20));
    ((mantissa + divisor / 2) / divisor, mantissa % divisor != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Path = Path::document(3);

    fn element(tag: u16, value: &[u8]) -> Tlv<'_> {
        Tlv::alone(tag, value)
    }

    #[test]
    fn numbers_may_be_of_any_length_up_to_their_type() {
        assert_eq!(PATH.money(element(1020, &[0x0F, 0x02])), Ok(527));
        assert_eq!(PATH.money(element(1081, &[])), Ok(0));
        assert_eq!(PATH.money(element(1020, &[1, 0, 0, 0, 0, 0, 0, 0])), Ok(1));
        assert_eq!(PATH.number(element(1040, &[0x84, 0, 0, 0])), Ok(132));
        assert_eq!(PATH.money(element(1020, &[0xFF; 8])).unwrap_err().place, "3/1020");
        assert_eq!(PATH.item(2).money(element(1043, &[0; 9])).unwrap_err().place, "3/1059[2]/1043");
        assert!(PATH.number(element(1040, &[0; 5])).is_err());
        assert!(PATH.code(element(1054, &[1, 0])).is_err());
    }

    #[test]
    fn quantities_are_decimals() {
        let quantity = |value: &[u8]| {
            PATH.quantity(element(1023, value)).map(|(quantity, rounded)| (quantity.to_string(), rounded))
        };
        assert_eq!(quantity(&[0x04, 0xDC, 0xCD]), Ok(("5.27".into(), false)));
        assert_eq!(quantity(&[0, 3]), Ok(("3".into(), false)));
        assert_eq!(quantity(&[]), Ok(("0".into(), false)));
        assert_eq!(quantity(&[6, 1]), Ok(("0.000001".into(), false)));
        assert_eq!(quantity(&[7, 15]), Ok(("0.000002".into(), true)));
        assert_eq!(quantity(&[7, 20]), Ok(("0.000002".into(), false)));
        assert_eq!(quantity(&[255, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), Ok(("0".into(), true)));
        assert!(quantity(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]).is_err());
        assert!(quantity(&[0; 9]).is_err());
    }

    #[test]
    fn the_printed_sign_is_big_endian() {
        assert_eq!(PATH.sign(&[0x31, 0x04, 0x91, 0xE5, 0x63, 0xD7]), Ok(2_447_729_623));
        for wrong in [&[][..], &[1], &[1, 2, 3, 4, 5], &[0; 7]] {
            assert!(PATH.sign(wrong).is_err());
        }
    }

    #[test]
    fn texts_are_cp866() {
        assert_eq!(string(&[0x8F, 0xA5, 0xE2, 0xE0, 0xAE, 0xA2, 0xA0, b' ']).as_deref(), Some("Петрова "));
        assert_eq!(string(&[0xE8, 0xE2]).as_deref(), Some("шт"));
        assert_eq!(string(&[0xF0, 0xFC, 0]).as_deref(), Some("Ё№\u{FFFD}"));
        assert_eq!(string(b"   "), None);
        assert_eq!(padded(b"999907891234567 ").as_deref(), Some("999907891234567"));
        assert_eq!(padded(b"    "), None);
    }
}
