//! Messages of schema versions that this program was not built with.

use apache_avro::{Error, Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use serde_json::Value;

/// Rewrites messages of one version as messages of another one, by apache-avro's schema resolution.
#[derive(Debug)]
pub struct Rewriter {
    written: Schema,
    wanted: Schema,
}

impl Rewriter {
    /// From the JSON texts of both schemas.
    ///
    /// # Errors
    /// When one of them is no Avro schema.
    pub fn new(written: &str, wanted: &str) -> Result<Self, Error> {
        Ok(Self { written: parse(written)?, wanted: parse(wanted)? })
    }

    /// Rewrites an Avro body.
    ///
    /// # Errors
    /// When it does not fit its schema, or one schema cannot become the other.
    pub fn rewrite(&self, body: &[u8]) -> Result<Vec<u8>, Error> {
        let reader = GenericDatumReader::builder(&self.written).reader_schema(&self.wanted).build()?;
        let value = reader.read_value(&mut &body[..])?;
        GenericDatumWriter::builder(&self.wanted).build()?.write_value_to_vec(value)
    }
}

/// Decimals are left as the bytes that they are: apache-avro 0.22 resolves no decimal whose bytes are too few for the
/// precision of its schema, which is nearly every number.
fn parse(text: &str) -> Result<Schema, Error> {
    match serde_json::from_str(text) {
        Ok(mut json) => {
            as_bytes(&mut json);
            Schema::parse(&json)
        }
        Err(_) => Schema::parse_str(text), // which says what is wrong with it
    }
}

fn as_bytes(json: &mut Value) {
    match json {
        Value::Array(values) => values.iter_mut().for_each(as_bytes),
        Value::Object(fields) => {
            if fields.get("logicalType").is_some_and(|logical| logical == "decimal") {
                fields.remove("logicalType");
            }
            fields.values_mut().for_each(as_bytes);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Datum as _, Decimal, Message as _, TopicSchema, receipts};

    #[test]
    fn quantities_of_a_later_version_are_read() {
        let item = receipts::Item { quantity: Decimal::from_unscaled(1_500_000), ..Default::default() };
        let receipt = receipts::Receipt { items: vec![item], ..Default::default() };
        let mut body = Vec::new();
        receipt.encode(&mut body);
        let newest = TopicSchema::of(receipts::TOPIC).unwrap().newest();
        let mut later: Value = serde_json::from_str(newest).unwrap();
        let field = serde_json::json!({ "name": "comment", "type": ["null", "string"], "default": null });
        later["fields"].as_array_mut().unwrap().push(field);
        let rewriter = Rewriter::new(&later.to_string(), newest).unwrap();
        let rewritten = rewriter.rewrite(&[&*body, &[0]].concat()).unwrap();
        assert_eq!(receipts::Receipt::owned_from_slice(&rewritten).unwrap(), receipt);
    }
}
