//! Fields that vendors send in several spellings, and reading a document with the place of a fault.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

use serde_json::value::RawValue;

use crate::{
    Invalid, checks,
    decimal::{self, Fixed},
    flags, text,
};

/// Digits after the point of a rouble.
const KOPECK_SCALE: u32 = 2;
/// Digits after the point of a quantity.
const QUANTITY_SCALE: u32 = 6;

/// Reads a document. A fault names its JSON path; finding it costs a second pass, which only
/// broken documents pay.
pub(crate) fn read<'b, T: Deserialize<'b>>(document: &'b [u8]) -> Result<T, Invalid> {
    read_at(utf8(document)?, "$")
}

/// The document as text.
pub(crate) fn utf8(document: &[u8]) -> Result<&str, Invalid> {
    simdutf8::basic::from_utf8(document).map_err(|_| Invalid::undecodable("$", "the document is not UTF-8"))
}

/// Reads a part of a document, which stands at `place`.
pub(crate) fn read_at<'b, T: Deserialize<'b>>(text: &'b str, place: &str) -> Result<T, Invalid> {
    let error = match serde_json::from_str::<Object<T>>(text) {
        Ok(Object(value)) => return Ok(value),
        Err(error) => error,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, Object<T>>(&mut json) {
        Ok(_) => Err(fault(place, &error)),
        Err(error) => {
            let path = error.path().to_string();
            let inner = if path == "." { place.to_owned() } else { format!("{place}.{path}") };
            Err(fault(&inner, error.inner()))
        }
    }
}

/// Reads an array, which stands at `place`.
pub(crate) fn read_list<'b, T: Deserialize<'b>>(text: &'b str, place: &str) -> Result<Vec<T>, Invalid> {
    serde_json::from_str(text).map_err(|error| fault(place, &error))
}

fn fault(place: &str, error: &serde_json::Error) -> Invalid {
    if error.is_data() {
        Invalid::new(place, error.to_string())
    } else {
        Invalid::undecodable(place, error.to_string())
    }
}

/// A struct that is written as an object. Without it serde takes an array too and reads its
/// elements as the fields, in the order in which the source code declares them.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(ObjectsOnly(deserializer)).map(Object)
    }
}

struct ObjectsOnly<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectsOnly<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A string, or a number where a string was meant; nothing where it is null, missing or blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// As sent.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Without blanks around it.
    pub(crate) fn trimmed(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim)
    }

    /// As sent; leaves nothing behind.
    pub(crate) fn take(&mut self) -> Option<Cow<'a, str>> {
        self.0.take()
    }

    /// Without blanks around it; leaves nothing behind.
    pub(crate) fn take_trimmed(&mut self) -> Option<Cow<'a, str>> {
        self.0.take().map(|text| match text {
            Cow::Borrowed(text) => text.trim().into(),
            Cow::Owned(text) => text.trim().to_owned().into(),
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(text::clean(Cow::Borrowed(value))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Text<'de>, E> {
        Ok(Text(text::clean(Cow::Owned(value.to_owned()))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Text<'de>, E> {
        Ok(Text(Some(value.to_string().into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Text<'de>, E> {
        Ok(Text(Some(value.to_string().into())))
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }
}

/// A decimal number as it stands in the text, also one in a string; nothing where it is null, missing or blank.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Number<'a>(Option<&'a str>);

impl Number<'_> {
    /// With `scale` digits after the point.
    pub(crate) fn fixed(self, scale: u32, place: &str) -> Result<Option<Fixed>, Invalid> {
        let Some(text) = self.0 else { return Ok(None) };
        let fixed = decimal::parse(text, b'.', scale);
        fixed.map(Some).ok_or_else(|| Invalid::new(place, format!("{text:?} is no number, or a very large one")))
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

impl<'de: 'a, 'a> Deserialize<'de> for Number<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let number = match text.as_bytes() {
            [b'"', .., b'"'] => text[1..text.len() - 1].trim(),
            [b'-' | b'0'..=b'9', ..] => text,
            [b'n', ..] => "",
            _ => return Err(D::Error::invalid_type(Unexpected::Other(text.get(..1).unwrap_or_default()), &"a number")),
        };
        Ok(Self(Some(number).filter(|number| !number.is_empty())))
    }
}

/// A whole number, also one in a string; nothing where it is null, missing or blank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Integer(pub(crate) Option<i64>);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Integer, E> {
        Ok(Integer(Some(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Integer, E> {
        i64::try_from(value).map(|v| Integer(Some(v))).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    /// `382500.0` is a whole number too; beyond 2^53 a float no longer tells which.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Integer, E> {
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            return format!("{value:.0}").parse().map(|v| Integer(Some(v))).map_err(E::custom);
        }
        Err(E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Integer, E> {
        let digits = value.trim();
        if digits.is_empty() {
            return Ok(Integer(None));
        }
        digits.parse().map(|v| Integer(Some(v))).map_err(|_| E::invalid_value(Unexpected::Str(value), &self))
    }

    fn visit_unit<E>(self) -> Result<Integer, E> {
        Ok(Integer(None))
    }
}
