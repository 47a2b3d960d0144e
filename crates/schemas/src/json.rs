//! Records as JSON, in the names of their schemas: for people and tools, not for the wire.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::{
    Decimal, LocalTimestamp, Timestamp,
    time::{local_text, utc_text},
};

impl Serialize for Timestamp {
    /// RFC 3339; the number itself for what lies beyond the calendar.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match utc_text(*self) {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_i64(self.0),
        }
    }
}

impl Serialize for LocalTimestamp {
    /// ISO 8601 without a zone; the number itself for what lies beyond the calendar.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match local_text(*self) {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_i64(self.0),
        }
    }
}

impl<const SCALE: u32> Serialize for Decimal<SCALE> {
    /// A string: a JSON number may become a binary fraction on its way.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Bytes as text, see [`bytes_text`].
///
/// # Errors
/// When the serializer has one.
pub fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&bytes_text(bytes))
}

/// As [`bytes`], for those that may be absent.
///
/// # Errors
/// When the serializer has one.
#[allow(clippy::ref_option, reason = "serde asks for it")]
pub fn optional_bytes<S: Serializer>(bytes: &Option<Cow<'_, [u8]>>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.as_deref().map(bytes_text).serialize(serializer)
}

/// The bytes as text if they are text, else `hex:` and their hexadecimal form.
#[must_use]
pub fn bytes_text(bytes: &[u8]) -> String {
    match as_text(bytes) {
        Some(text) => text.to_owned(),
        None => bytes.iter().fold("hex:".to_owned(), |text, byte| text + &format!("{byte:02x}")),
    }
}

/// The bytes as text, if a person can read them as such.
#[must_use]
pub fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let readable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(readable).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipts::{Item, Operation, Receipt, VatRate, VatSum};

    #[test]
    fn a_receipt_has_the_names_of_its_schema() {
        let receipt = Receipt {
            operation: Operation::SellReturn,
            received_at: Timestamp(1_795_542_723_500_000),
            local_time: Some(LocalTimestamp(1_795_553_522_000_000)),
            cashier_name: Some("Петрова А. И.".into()),
            vat_sums: vec![VatSum { rate: VatRate::Vat20_120, sum_kopecks: 520 }],
            items: vec![Item {
                quantity: Decimal::from_unscaled(1_350_000),
                other_tags: Some([0xA5, 0x04].as_slice().into()),
                ..Item::default()
            }],
            ..Receipt::default()
        };
        let json = serde_json::to_value(&receipt).unwrap();
        assert_eq!((&json["operation"], &json["vat_sums"][0]["rate"]), (&"SELL_RETURN".into(), &"VAT_20_120".into()));
        assert_eq!(json["received_at"], "2026-11-24T17:52:03.5Z");
        assert_eq!(json["local_time"], "2026-11-24T20:52:02");
        assert_eq!(json["cashier_name"], "Петрова А. И.");
        assert_eq!(json["items"][0]["quantity"], "1.35");
        assert_eq!(json["items"][0]["other_tags"], "hex:a504");
        assert_eq!((json.get("shop"), json["items"][0].get("name")), (None, None));
    }

    #[test]
    fn times_beyond_the_calendar_are_numbers() {
        assert_eq!(serde_json::to_value(Timestamp(i64::MAX)).unwrap(), i64::MAX);
        assert_eq!(serde_json::to_value(LocalTimestamp(i64::MIN)).unwrap(), i64::MIN);
    }

    #[test]
    fn bytes_are_text_or_hex() {
        assert_eq!(bytes_text("{\"type\":\n\"SALE\"}".as_bytes()), "{\"type\":\n\"SALE\"}");
        assert_eq!(bytes_text(&[0x03, 0x00, 0xFF]), "hex:0300ff");
        assert_eq!(bytes_text(b"a\x00"), "hex:6100");
    }
}
