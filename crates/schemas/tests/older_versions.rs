//! Messages of older published versions, read by generated code, against the resolving reader of apache-avro.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[macro_use]
mod random;
/// Two versions of a schema that differ in every way that versions may.
#[allow(clippy::all, clippy::pedantic, dead_code, reason = "generated")]
mod evolution {
    include!(concat!(env!("OUT_DIR"), "/evolution.rs"));
}

use apache_avro::{Schema, schema::ResolvedSchema, types::Value, writer::datum::GenericDatumWriter};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use schemas::{Datum as _, DecodeError, TopicSchema, foreign::Rewriter};
// What the generated code calls.
use schemas::{avro, bson, json};

/// Reads a body of that version and writes it as the newest one.
type Recode = fn(usize, &[u8]) -> Result<Vec<u8>, DecodeError>;

/// Writes every array in blocks of one item, every other one with its size: apache-avro writes one block.
fn write_in_blocks(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Boolean(value) => out.push(u8::from(*value)),
        Value::Int(value) => avro::put_long(out, i64::from(*value)),
        Value::Long(value) | Value::TimestampMicros(value) | Value::LocalTimestampMicros(value) => {
            avro::put_long(out, *value);
        }
        Value::String(text) => avro::put_bytes(out, text.as_bytes()),
        Value::Bytes(bytes) => avro::put_bytes(out, bytes),
        Value::Decimal(decimal) => avro::put_bytes(out, &Vec::<u8>::try_from(decimal).unwrap()),
        Value::Enum(index, _) => avro::put_long(out, i64::from(*index)),
        Value::Union(branch, value) => {
            avro::put_long(out, i64::from(*branch));
            write_in_blocks(value, out);
        }
        Value::Record(fields) => fields.iter().for_each(|(_, value)| write_in_blocks(value, out)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let mut block = Vec::new();
                write_in_blocks(item, &mut block);
                if index % 2 == 0 {
                    avro::put_long(out, 1);
                } else {
                    avro::put_long(out, -1);
                    avro::put_long(out, i64::try_from(block.len()).unwrap());
                }
                out.extend_from_slice(&block);
            }
            out.push(0);
        }
        other => panic!("the schemas do not use {other:?}"),
    }
}

fn agrees(versions: &[&str], recode: Recode) {
    for (index, text) in versions.iter().enumerate() {
        let version = index + 1;
        let schema = Schema::parse_str(text).unwrap();
        let oracle = Rewriter::new(text, versions[versions.len() - 1]).unwrap();
        let names = ResolvedSchema::try_from(&schema).unwrap();
        let writer = GenericDatumWriter::builder(&schema).build().unwrap();
        let mutations = prop::collection::vec((any::<Index>(), 1_u8..), 8);
        let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&(random::values(&schema, &names), mutations), |(value, mutations)| {
            let mut in_blocks = Vec::new();
            write_in_blocks(&value, &mut in_blocks);
            let written = writer.write_value_to_vec(value).unwrap();
            for body in [&written, &in_blocks] {
                let ours = recode(version, body).map_err(|e| TestCaseError::fail(e.to_string()))?;
                prop_assert_eq!(&ours, &oracle.rewrite(body).unwrap(), "version {} is read in another way", version);
                for cut in 0..body.len() {
                    prop_assert!(recode(version, &body[..cut]).is_err(), "cut at {} and still read", cut);
                }
            }
            prop_assert!(recode(version, &[&*written, &[0]].concat()).is_err(), "a byte too many");
            for (at, flipped) in mutations {
                let mut mutated = written.clone();
                mutated[at.index(written.len())] ^= flipped;
                // What cannot be read is an error, never a panic; what can be read means the same to both.
                // A number may be longer than it must be then, so theirs is read, too.
                if let Ok(ours) = recode(version, &mutated) {
                    let theirs = oracle.rewrite(&mutated).map_err(|e| TestCaseError::fail(e.to_string()))?;
                    prop_assert_eq!(Ok(ours), recode(versions.len(), &theirs));
                }
            }
            Ok(())
        });
        outcome.unwrap();
    }
    assert!(recode(0, &[]).is_err() && recode(versions.len() + 1, &[]).is_err(), "no such version");
}

macro_rules! recode {
    ($type:ty) => {
        |version, bytes| Ok(encoded!(avro::from_slice_of::<$type>(version, bytes)?))
    };
}

macro_rules! agree {
    ($($module:ident::$type:ident),* $(,)?) => { $(
        #[test]
        fn $module() {
            let topic = TopicSchema::of(schemas::$module::TOPIC).unwrap();
            agrees(topic.versions, recode!(schemas::$module::$type<'_>));
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
);

#[test]
fn whatever_may_differ_between_versions_is_read_as_apache_avro_reads_it() {
    agrees(&[include_str!("evolution/1.avsc"), include_str!("evolution/2.avsc")], recode!(evolution::Root<'_>));
}
