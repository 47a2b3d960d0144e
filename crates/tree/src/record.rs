//! From Avro to trees.

use apache_avro::{
    Schema,
    reader::datum::GenericDatumReader,
    schema::{NamesRef, ResolvedSchema},
    types::Value,
};
use canonical::time::{local_text, utc_text};
use schemas::{LocalTimestamp, Timestamp};

use crate::Tree;

/// A message with the newest schema.
///
/// # Errors
/// When it cannot be read with its own schema: a fault of the program.
pub fn of_message<'a, T: schemas::Message<'a>>(message: &T) -> Result<Tree, String> {
    let mut body = Vec::new();
    message.encode(&mut body);
    let schema = Schema::parse_str(T::SCHEMA).map_err(|error| error.to_string())?;
    of_record(&schema, &body)
}

/// A record's body by the schema that it was written with.
///
/// # Errors
/// With what is wrong with the bytes.
pub fn of_record(schema: &Schema, mut body: &[u8]) -> Result<Tree, String> {
    let value = GenericDatumReader::builder(schema).build().and_then(|reader| reader.read_value(&mut body));
    let value = value.map_err(|error| error.to_string())?;
    if !body.is_empty() {
        return Err(format!("{} bytes are left over", body.len()));
    }
    let names = ResolvedSchema::new(schema).map_err(|error| error.to_string())?;
    Ok(tree(&value, schema, names.get_names()))
}

fn tree(value: &Value, schema: &Schema, names: &NamesRef<'_>) -> Tree {
    if let Schema::Ref { name } = schema
        && let Some(schema) = names.get(name)
    {
        return tree(value, schema, names);
    }
    match (value, schema) {
        (Value::Union(branch, value), Schema::Union(union)) => {
            let branch = usize::try_from(*branch).ok().and_then(|branch| union.variants().get(branch));
            tree(value, branch.unwrap_or(schema), names)
        }
        (Value::Union(_, value), _) => tree(value, schema, names),
        (Value::Record(fields), Schema::Record(record)) => {
            let fields = fields.iter().zip(&record.fields);
            Tree::Fields(
                fields.map(|((name, value), field)| (name.clone(), tree(value, &field.schema, names))).collect(),
            )
        }
        (Value::Array(items), Schema::Array(array)) => {
            Tree::List(items.iter().map(|item| tree(item, &array.items, names)).collect())
        }
        (Value::Map(entries), Schema::Map(map)) => {
            let mut entries: Vec<_> =
                entries.iter().map(|(name, value)| (name.clone(), tree(value, &map.types, names))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Tree::Fields(entries)
        }
        (Value::Decimal(decimal), Schema::Decimal(kind)) => match <Vec<u8>>::try_from(decimal) {
            Ok(digits) => Tree::Text(decimal_text(&digits, kind.scale)),
            Err(_) => Tree::Null,
        },
        (value, _) => single(value),
    }
}

/// A value that needs no schema to be understood.
fn single(value: &Value) -> Tree {
    match value {
        Value::Null => Tree::Null,
        Value::Boolean(truth) => Tree::Boolean(*truth),
        Value::Int(number) => Tree::Integer((*number).into()),
        Value::Long(number) => Tree::Integer(*number),
        Value::Float(number) => Tree::Fraction((*number).into()),
        Value::Double(number) => Tree::Fraction(*number),
        Value::String(text) | Value::Enum(_, text) => Tree::Text(text.clone()),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => Tree::Text(bytes_text(bytes)),
        Value::TimestampMillis(millis) => utc(millis.checked_mul(1_000), *millis),
        Value::TimestampMicros(micros) => utc(Some(*micros), *micros),
        Value::LocalTimestampMillis(millis) => local(millis.checked_mul(1_000), *millis),
        Value::LocalTimestampMicros(micros) => local(Some(*micros), *micros),
        Value::Date(days) => local(Some(i64::from(*days) * 86_400_000_000), (*days).into()),
        Value::Uuid(uuid) => Tree::Text(uuid.to_string()),
        // No schema of ours has anything else; a newer one may.
        other => Tree::Text(format!("{other:?}")),
    }
}

/// RFC 3339; the number itself for what lies beyond the calendar.
fn utc(micros: Option<i64>, number: i64) -> Tree {
    time(micros.and_then(|micros| utc_text(Timestamp(micros))), number)
}

/// ISO 8601 without a zone.
fn local(micros: Option<i64>, number: i64) -> Tree {
    time(micros.and_then(|micros| local_text(LocalTimestamp(micros))), number)
}

fn time(text: Option<String>, number: i64) -> Tree {
    text.map_or(Tree::Integer(number), Tree::Text)
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

/// A two's complement number with `scale` digits after the point, without trailing zeros.
fn decimal_text(bytes: &[u8], scale: usize) -> String {
    if bytes.len() > 16 {
        return bytes_text(bytes);
    }
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let number = bytes.iter().fold(if negative { -1 } else { 0 }, |number: i128, byte| number << 8 | i128::from(*byte));
    let digits = format!("{:0width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let part = part.trim_end_matches('0');
    let (sign, point) = (if number < 0 { "-" } else { "" }, if part.is_empty() { "" } else { "." });
    format!("{sign}{whole}{point}{part}")
}

#[cfg(test)]
mod tests {
    use schemas::{Decimal, receipts, receipts::Receipt};

    use super::*;

    #[test]
    fn a_receipt_shows_goods_prices_vat_cashier_and_times() {
        let receipt = Receipt {
            receipt_id: "acme/9999078900001234/0000000132".into(),
            operation: receipts::Operation::Sell,
            received_at: Timestamp(1_795_542_723_500_000),
            local_time: Some(LocalTimestamp(1_795_553_522_000_000)),
            cashier_name: Some("Петрова А. И.".into()),
            vat_sums: vec![receipts::VatSum { rate: receipts::VatRate::Vat10, sum_kopecks: 520 }],
            items: vec![receipts::Item {
                name: Some("Картофель, кг".into()),
                quantity: Decimal::from_unscaled(1_350_000),
                price_kopecks: Some(4_290),
                vat_rate: Some(receipts::VatRate::Vat10),
                ..Default::default()
            }],
            ..Default::default()
        };
        let shown = serde_json::to_value(of_message(&receipt).unwrap()).unwrap();
        assert_eq!(shown["operation"], "SELL");
        assert_eq!(shown["received_at"], "2026-11-24T17:52:03.5Z");
        assert_eq!(shown["local_time"], "2026-11-24T20:52:02");
        assert_eq!(shown["cashier_name"], "Петрова А. И.");
        assert_eq!(shown["vat_sums"][0]["rate"], "VAT_10");
        let item = &shown["items"][0];
        assert_eq!((&item["name"], &item["price_kopecks"]), (&"Картофель, кг".into(), &4_290.into()));
        assert_eq!((&item["quantity"], &item["vat_rate"]), (&"1.35".into(), &"VAT_10".into()));
        assert_eq!(shown.get("shop"), None);
    }

    #[test]
    fn decimals_are_exact() {
        let text = |number: i64| decimal_text(&number.to_be_bytes(), 6);
        assert_eq!([1_000_000, 350_000, -1_500_000, 1, 0].map(text), ["1", "0.35", "-1.5", "0.000001", "0"]);
        assert_eq!(decimal_text(&[], 0), "0");
        assert_eq!(decimal_text(&[0xFF; 17], 2), format!("hex:{}", "ff".repeat(17)));
    }

    #[test]
    fn bytes_are_text_or_hex() {
        assert_eq!(bytes_text("{\"type\":\n\"SALE\"}".as_bytes()), "{\"type\":\n\"SALE\"}");
        assert_eq!(bytes_text(&[0x03, 0x00, 0xFF]), "hex:0300ff");
        assert_eq!(bytes_text(b"a\x00"), "hex:6100");
    }
}
