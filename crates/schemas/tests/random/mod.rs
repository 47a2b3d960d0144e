//! Random records of any schema that the project uses.

use apache_avro::{
    Decimal, Schema,
    schema::{ResolvedSchema, SchemaKind},
    types::Value,
};
use proptest::prelude::*;

/// The bytes of a message, which its owned copy has as well.
macro_rules! encoded {
    ($message:expr) => {{
        let (message, mut out, mut owned) = ($message, Vec::new(), Vec::new());
        message.encode(&mut out);
        message.into_owned().encode(&mut owned);
        assert_eq!(out, owned);
        out
    }};
}

/// Random values of a schema, as apache-avro holds them.
pub fn values(schema: &Schema, names: &ResolvedSchema<'_>) -> BoxedStrategy<Value> {
    match schema {
        Schema::Ref { name } => values(names.get_names()[name], names),
        Schema::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Schema::Int => any::<i32>().prop_map(Value::Int).boxed(),
        Schema::Long => any::<i64>().prop_map(Value::Long).boxed(),
        Schema::String => ".{0,12}".prop_map(Value::String).boxed(),
        Schema::Bytes => prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes).boxed(),
        Schema::Decimal(_) => {
            // Within the schema's precision of 18 digits; as short as two's complement allows.
            (-999_999_999_999_999_999..=999_999_999_999_999_999_i64)
                .prop_map(|unscaled| {
                    let mut bytes = Vec::new();
                    schemas::Decimal::<6>::from_unscaled(unscaled).encode(&mut bytes);
                    Value::Decimal(Decimal::from(&bytes[1..]))
                })
                .boxed()
        }
        Schema::TimestampMicros => any::<i64>().prop_map(Value::TimestampMicros).boxed(),
        Schema::LocalTimestampMicros => any::<i64>().prop_map(Value::LocalTimestampMicros).boxed(),
        Schema::Enum(definition) => {
            let symbols = definition.symbols.clone();
            (0..symbols.len()).prop_map(move |i| Value::Enum(u32::try_from(i).unwrap(), symbols[i].clone())).boxed()
        }
        Schema::Array(array) => prop::collection::vec(values(&array.items, names), 0..4).prop_map(Value::Array).boxed(),
        Schema::Union(union) => {
            let inner = values(&union.variants()[1], names);
            prop_oneof![Just(Value::Union(0, Box::new(Value::Null))), inner.prop_map(|v| Value::Union(1, Box::new(v)))]
                .boxed()
        }
        Schema::Record(record) => {
            let mut fields: BoxedStrategy<Vec<(String, Value)>> = Just(Vec::new()).boxed();
            for field in &record.fields {
                let name = field.name.clone();
                fields = (fields, values(&field.schema, names))
                    .prop_map(move |(mut fields, value)| {
                        fields.push((name.clone(), value));
                        fields
                    })
                    .boxed();
            }
            fields.prop_map(Value::Record).boxed()
        }
        other => panic!("the schemas do not use {:?}", SchemaKind::from(other)),
    }
}
