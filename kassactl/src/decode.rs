//! Records of any schema version as trees, with the schema that the registry keeps under the record's id.

use std::{collections::HashMap, sync::Arc};

use apache_avro::{
    Schema,
    reader::datum::GenericDatumReader,
    schema::{NamesRef, ResolvedSchema},
    types::Value,
};
use canonical::time::{local_text, utc_text};
use schemas::{
    LocalTimestamp, Timestamp,
    json::bytes_text,
    registry::{Registry, RegistryError},
    wire,
};

use crate::tree::Tree;

/// Decodes the values of records. Each schema is asked for once.
#[derive(Debug)]
pub(crate) struct Decoder {
    registry: Registry,
    schemas: HashMap<wire::SchemaId, Arc<Schema>>,
}

impl Decoder {
    pub fn new(registry: Registry) -> Self {
        Self { registry, schemas: HashMap::new() }
    }

    /// The value of a record, or why this one cannot be read.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub async fn decode(&mut self, payload: &[u8]) -> Result<Result<Tree, String>, RegistryError> {
        let Some((id, body)) = wire::split(payload) else {
            return Ok(Err("not in the wire format: no schema is named".to_owned()));
        };
        Ok(match self.schema(id).await? {
            Ok(schema) => read(&schema, body).map_err(|problem| format!("schema {id}: {problem}")),
            Err(problem) => Err(problem),
        })
    }

    async fn schema(&mut self, id: wire::SchemaId) -> Result<Result<Arc<Schema>, String>, RegistryError> {
        if let Some(known) = self.schemas.get(&id) {
            return Ok(Ok(Arc::clone(known)));
        }
        let Some(text) = self.registry.schema(id).await? else {
            return Ok(Err(format!("the schema registry does not know the schema {id}")));
        };
        Ok(match Schema::parse_str(&text) {
            Ok(schema) => {
                let schema = Arc::new(schema);
                self.schemas.insert(id, Arc::clone(&schema));
                Ok(schema)
            }
            Err(error) => Err(format!("schema {id}: {error}")),
        })
    }
}

fn read(schema: &Schema, mut body: &[u8]) -> Result<Tree, String> {
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

    /// What `tap` shows of a message with the newest schema, and what `decode` does.
    fn both<'a, T: schemas::Message<'a> + serde::Serialize>(message: &T) -> [serde_json::Value; 2] {
        let mut body = Vec::new();
        message.encode(&mut body);
        let tree = read(&Schema::parse_str(T::SCHEMA).unwrap(), &body).unwrap();
        [serde_json::to_value(tree).unwrap(), serde_json::to_value(message).unwrap()]
    }

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
                other_tags: Some([0xA5, 0x04].as_slice().into()),
                ..Default::default()
            }],
            ..Default::default()
        };
        let [shown, decoded] = both(&receipt);
        assert_eq!(shown, decoded);
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
}
