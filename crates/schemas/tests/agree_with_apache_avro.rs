//! The generated types against apache-avro, the independent implementation, on random records.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[macro_use]
mod random;

use apache_avro::{Schema, schema::ResolvedSchema, writer::datum::GenericDatumWriter};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use random::values;
use schemas::{Datum as _, DecodeError, Message as _};

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
                Ok(encoded!(schemas::avro::from_slice::<schemas::$module::$type>(bytes)?))
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
