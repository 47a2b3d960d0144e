//! The generated types against apache-avro, the independent implementation, on random records.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use apache_avro::{
    Decimal, Schema,
    schema::{ResolvedSchema, SchemaKind},
    types::Value,
    writer::datum::GenericDatumWriter,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use schemas::{Datum as _, DecodeError, Message as _};

/// Random values of a schema, as apache-avro holds them.
fn values(schema: &Schema, names: &ResolvedSchema<'_>) -> BoxedStrategy<Value> {
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

/// `recode` decodes a body into the generated type and encodes it again.
fn agrees(schema: &str, recode: fn(&[u8]) -> Result<Vec<u8>, DecodeError>) {
    let schema = Schema::parse_str(schema).unwrap();
    let names = ResolvedSchema::try_from(&schema).unwrap();
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&values(&schema, &names), |value| {
        let theirs = writer.write_value_to_vec(value).unwrap();
        let ours = recode(&theirs).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(&ours, &theirs, "the bytes differ");
        for cut in 0..ours.len() {
            prop_assert!(recode(&ours[..cut]).is_err(), "cut at {} and still read", cut);
        }
        Ok(())
    });
    outcome.unwrap();
}

macro_rules! agree {
    ($($module:ident::$type:ident),* $(,)?) => { $(
        #[test]
        fn $module() {
            agrees(schemas::$module::$type::SCHEMA, |bytes| {
                let message = schemas::avro::from_slice::<schemas::$module::$type>(bytes)?;
                let (mut out, mut owned) = (Vec::new(), Vec::new());
                message.encode(&mut out);
                message.into_owned().encode(&mut owned);
                assert_eq!(out, owned);
                Ok(out)
            });
        }
    )* };
}

agree!(
    raw::RawDocument,
    receipts::Receipt,
    shifts::ShiftDocument,
    events::RegisterEvent,
    dead_letters::DeadLetter,
    directory::DirectoryEntry,
    products::Product,
    stop_lists::StopList,
);

#[test]
fn a_receipt_becomes_the_same_bson_that_the_bson_crate_reads() {
    use schemas::receipts::{Item, Operation, Receipt, VatRate};
    let receipt = Receipt {
        receipt_id: "shop/9999078900001234/0000000007".into(),
        operation: Operation::SellReturn,
        total_kopecks: 1_234,
        received_at: schemas::Timestamp(1_700_000_000_123_456),
        items: vec![Item {
            name: Some("Хлеб".into()),
            quantity: schemas::Decimal::from_unscaled(-350_000),
            vat_rate: Some(VatRate::Vat10),
            ..Item::default()
        }],
        flags: vec!["time-in-future".into()],
        ..Receipt::default()
    };
    let bytes = schemas::bson::to_document(&receipt);
    let document = bson::Document::from_reader(&bytes[..]).unwrap();
    assert_eq!(document.get_str("_id").unwrap(), "shop/9999078900001234/0000000007");
    assert_eq!(document.get_str("operation").unwrap(), "SELL_RETURN");
    assert_eq!(document.get_i64("total_kopecks").unwrap(), 1_234);
    assert_eq!(document.get_datetime("received_at").unwrap().timestamp_millis(), 1_700_000_000_123);
    assert!(!document.contains_key("shop"), "null is left out");
    let item = document.get_array("items").unwrap()[0].as_document().unwrap();
    assert_eq!(item.get_str("name").unwrap(), "Хлеб");
    assert_eq!(item.get_str("vat_rate").unwrap(), "VAT_10");
    assert_eq!(item.get_decimal128("quantity").unwrap().to_string(), "-0.350000");
    assert_eq!(document.get_array("flags").unwrap()[0].as_str().unwrap(), "time-in-future");
}
