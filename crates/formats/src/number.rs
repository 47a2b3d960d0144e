//! Figures as documents write them: decimal numbers in a text.

use crate::{
    Invalid, checks,
    decimal::{self, Fixed},
    flags,
};

/// Digits after the point of a rouble.
const KOPECK_SCALE: u32 = 2;
/// Digits after the point of a quantity.
const QUANTITY_SCALE: u32 = 6;

/// A decimal number as it stands in the text; nothing where it is missing or blank.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Number<'a> {
    text: Option<&'a str>,
    comma: bool,
}

impl<'a> Number<'a> {
    /// With a point before the fraction.
    pub(crate) fn new(text: Option<&'a str>) -> Self {
        Self { text: text.map(str::trim).filter(|text| !text.is_empty()), comma: false }
    }

    /// With a comma before the fraction, or a point where there is no comma.
    pub(crate) fn with_comma(text: Option<&'a str>) -> Self {
        Self { comma: text.is_some_and(|text| text.contains(',')), ..Self::new(text) }
    }

    /// With `scale` digits after the point.
    pub(crate) fn fixed(self, scale: u32, place: &str) -> Result<Option<Fixed>, Invalid> {
        let Some(text) = self.text else { return Ok(None) };
        let fixed = decimal::parse(text, if self.comma { b',' } else { b'.' }, scale);
        fixed.map(Some).ok_or_else(|| {
            Invalid::new(place, format!("{} is no number, or a very large one", crate::text::quoted(text)))
        })
    }

    /// Roubles, as kopecks.
    pub(crate) fn kopecks(self, place: &str, flags: &mut Vec<&'static str>) -> Result<Option<i64>, Invalid> {
        let Some(Fixed { unscaled, rounded }) = self.fixed(KOPECK_SCALE, place)? else { return Ok(None) };
        if rounded {
            flags::raise(flags, flags::MONEY_ROUNDED);
        }
        Ok(Some(unscaled))
    }

    /// Roubles, as kopecks, of a source whose amounts are positive in every operation.
    pub(crate) fn money(self, place: &str, flags: &mut Vec<&'static str>) -> Result<Option<i64>, Invalid> {
        checks::money(self.kopecks(place, flags)?, place)
    }

    /// A quantity in millionths, negative where the source tells it so.
    pub(crate) fn signed_quantity(self, place: &str, flags: &mut Vec<&'static str>) -> Result<Option<i64>, Invalid> {
        let Some(Fixed { unscaled, rounded }) = self.fixed(QUANTITY_SCALE, place)? else { return Ok(None) };
        if rounded {
            flags::raise(flags, flags::QUANTITY_ROUNDED);
        }
        Ok(Some(unscaled))
    }

    /// A quantity in millionths; 0 with a flag where there is none.
    pub(crate) fn quantity(self, place: &str, flags: &mut Vec<&'static str>) -> Result<i64, Invalid> {
        let quantity = self.signed_quantity(place, flags)?;
        checks::quantity(quantity, place, flags)
    }
}
