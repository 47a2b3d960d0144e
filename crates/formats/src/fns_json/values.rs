//! Values of several forms: times and product codes.

use std::{borrow::Cow, fmt};

use canonical::gtin;
use schemas::LocalTimestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor},
};

use crate::{
    json::{Text, begin_of},
    marking,
    moment::Moment,
};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The register's own clock: seconds of it since 1970, a text, or `{"$date": …}` in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DateTime(pub Option<Moment>);

fn seconds(seconds: i64) -> Option<Moment> {
    seconds.checked_mul(MICROS_PER_SECOND).map(|micros| Moment::local(LocalTimestamp(micros)))
}

fn milliseconds(milliseconds: i64) -> Option<Moment> {
    milliseconds.checked_mul(1_000).map(|micros| Moment::local(LocalTimestamp(micros)))
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DateTimeVisitor)
    }
}

struct DateTimeVisitor;

impl<'de> Visitor<'de> for DateTimeVisitor {
    type Value = DateTime;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<DateTime, E> {
        let moment = seconds(number).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))?;
        Ok(DateTime(Some(moment)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<DateTime, E> {
        let told = i64::try_from(number).ok().and_then(seconds);
        told.map(|moment| DateTime(Some(moment))).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<DateTime, E> {
        if text.trim().is_empty() {
            return Ok(DateTime(None));
        }
        let told = text.trim().parse().map_or_else(|_| Moment::text(text), seconds);
        told.map(|moment| DateTime(Some(moment))).ok_or_else(|| E::invalid_value(begin_of(text), &self))
    }

    fn visit_unit<E>(self) -> Result<DateTime, E> {
        Ok(DateTime(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<DateTime, A::Error> {
        let mut told = DateTime(None);
        while let Some(key) = fields.next_key::<Cow<'de, str>>()? {
            match &*key {
                "$date" => told = fields.next_value::<MongoDate>()?.0,
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(told)
    }
}

/// What stands behind `$date`: milliseconds, `{"$numberLong": "…"}`, or a text.
struct MongoDate(DateTime);

impl<'de> Deserialize<'de> for MongoDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MongoDateVisitor).map(Self)
    }
}

struct MongoDateVisitor;

impl<'de> Visitor<'de> for MongoDateVisitor {
    type Value = DateTime;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("milliseconds or a time")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<DateTime, E> {
        let told = milliseconds(number);
        told.map(|moment| DateTime(Some(moment))).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, milliseconds: u64) -> Result<DateTime, E> {
        let signed = i64::try_from(milliseconds);
        self.visit_i64(signed.map_err(|_| E::invalid_value(Unexpected::Unsigned(milliseconds), &"milliseconds"))?)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<DateTime, E> {
        let told = text.trim().parse().map_or_else(|_| Moment::text(text), milliseconds);
        told.map(|moment| DateTime(Some(moment))).ok_or_else(|| E::invalid_value(begin_of(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<DateTime, A::Error> {
        let mut told = DateTime(None);
        while let Some(key) = fields.next_key::<Cow<'de, str>>()? {
            match &*key {
                "$numberLong" => {
                    told = MongoDateVisitor.visit_str(&fields.next_value::<Cow<'de, str>>()?)?;
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(told)
    }
}

/// Tag 1163 or 1162: a text, or an object with the kind of the code, below which a text or its parts stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ProductCode<'a> {
    /// The code as it was sent.
    pub raw: Option<Cow<'a, str>>,
    /// GTIN with a right check digit.
    pub gtin: Option<String>,
    /// It is a bar code and no mark.
    pub is_barcode: bool,
}

impl<'a> ProductCode<'a> {
    pub const fn is_told(&self) -> bool {
        self.raw.is_some() || self.gtin.is_some()
    }

    fn text(raw: Option<Cow<'a, str>>) -> Self {
        let gtin = raw.as_deref().and_then(marking::gtin_of_text);
        Self { raw, gtin, is_barcode: false }
    }

    fn barcode(self) -> Self {
        Self { gtin: self.raw.as_deref().and_then(gtin::normalize), is_barcode: true, ..self }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ProductCode<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ProductCodeVisitor)
    }
}

struct ProductCodeVisitor;

impl<'de> Visitor<'de> for ProductCodeVisitor {
    type Value = ProductCode<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a product code")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<ProductCode<'de>, E> {
        Ok(ProductCode::text(crate::text::clean(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<ProductCode<'de>, E> {
        Ok(ProductCode::text(crate::text::clean(Cow::Owned(text.to_owned()))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<ProductCode<'de>, E> {
        Ok(ProductCode::text(Some(number.to_string().into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<ProductCode<'de>, E> {
        Ok(ProductCode::text(Some(number.to_string().into())))
    }

    fn visit_unit<E>(self) -> Result<ProductCode<'de>, E> {
        Ok(ProductCode::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<ProductCode<'de>, A::Error> {
        let mut code = ProductCode::default();
        while let Some(key) = fields.next_key::<Cow<'de, str>>()? {
            match &*key {
                "gtin" => code.gtin = fields.next_value::<Text<'de>>()?.get().and_then(gtin::normalize),
                "rawProductCode" => code.raw = fields.next_value::<Text<'de>>()?.take(),
                "sernum" | "productIdType" => drop(fields.next_value::<IgnoredAny>()?),
                kind => {
                    let is_barcode = matches!(kind, "ean8" | "ean13" | "itf14");
                    let told: ProductCode<'de> = fields.next_value()?;
                    let told = if is_barcode { told.barcode() } else { told };
                    if told.is_told() {
                        code = told;
                    }
                }
            }
        }
        if code.gtin.is_none() {
            code.gtin = code.raw.as_deref().and_then(marking::gtin_of_text);
        }
        Ok(code)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut codes: A) -> Result<ProductCode<'de>, A::Error> {
        let mut first = ProductCode::default();
        while let Some(code) = codes.next_element::<ProductCode<'de>>()? {
            if !first.is_told() {
                first = code;
            }
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(json: &str) -> Option<(i64, Option<i64>, bool)> {
        let told = serde_json::from_str::<DateTime>(json).ok()?.0?;
        Some((told.local.0 / MICROS_PER_SECOND, told.utc.map(|utc| utc.0 / MICROS_PER_SECOND), told.day_only))
    }

    #[test]
    fn a_time_has_many_forms() {
        let at = 1_667_318_940;
        for json in [
            "1667318940",
            "\"1667318940\"",
            "\"2022-11-01T16:09:00\"",
            "\"2022-11-01 16:09:00\"",
            "\"2022-11-01T16:09:00Z\"",
            "{\"$date\":1667318940000}",
            "{\"$date\":\"2022-11-01T16:09:00Z\"}",
            "{\"$date\":{\"$numberLong\":\"1667318940000\"}}",
        ] {
            assert_eq!(moment(json), Some((at, None, false)), "{json}");
        }
        assert_eq!(moment("\"2022-11-01T16:09:00+03:00\""), Some((at, Some(at - 3 * 3_600), false)));
        assert_eq!(moment("\"2022-11-01\""), Some((1_667_260_800, None, true)));
        for json in ["null", "\"\"", "\"soon\"", "[]", "true", "{}", "9223372036854775807", "\"2022-13-01\""] {
            assert_eq!(moment(json), None, "{json}");
        }
    }

    #[test]
    fn a_product_code_has_many_forms() {
        let code = |json: &str| {
            let code = serde_json::from_str::<ProductCode<'_>>(json).unwrap();
            (code.raw.as_deref().map(str::to_owned), code.gtin, code.is_barcode)
        };
        let gtin = Some("04064057194699".to_owned());
        assert_eq!(code("\"444D03B23CAF78CB70\""), (Some("444D03B23CAF78CB70".into()), gtin.clone(), false));
        assert_eq!(code("{\"ean13\":\"4064057194699\"}"), (Some("4064057194699".into()), gtin.clone(), true));
        assert_eq!(
            code("{\"gs1m\":\"010406405719469921a\"}"),
            (Some("010406405719469921a".into()), gtin.clone(), false)
        );
        assert_eq!(
            code(
                "{\"gs1m\":{\"gtin\":\"04064057194699\",\"sernum\":\"a\",\"rawProductCode\":\"010406405719469921a\"}}"
            ),
            (Some("010406405719469921a".into()), gtin, false)
        );
        assert_eq!(code("{\"undefined\":\"??\"}"), (Some("??".into()), None, false));
        assert_eq!(code("null"), (None, None, false));
        assert_eq!(code("{}"), (None, None, false));
    }
}
