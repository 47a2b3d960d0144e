//! Generates Rust types with Avro, BSON and JSON code from Avro schemas, at build time.
//!
//! Encoding by generated code is ten times faster than the general crates, because field order and
//! types are known: there is no schema to walk. The input is the subset of Avro that the project's
//! schemas use; anything else stops the build with the place in the schema.
//!
//! | Avro | Rust | BSON | JSON |
//! |---|---|---|---|
//! | string, bytes | `Cow<'a, str>`, `Cow<'a, [u8]>`: decoding borrows from the message | string, binary | string; bytes that are no text in hex after `hex:` |
//! | int, long, boolean | `i32`, `i64`, `bool` | int64 (never int32, so that sums cannot overflow), boolean | number, boolean |
//! | decimal | `Decimal<SCALE>` | Decimal128 | string |
//! | timestamp-micros, local-timestamp-micros | `Timestamp`, `LocalTimestamp` | date | RFC 3339, the same without a zone |
//! | enum | an enum; the schema's default is `Default` | string | string |
//! | `["null", T]` | `Option<T>` | left out when null | left out when null |
//! | array, record | `Vec<T>`, a struct | array, document | array, object |
//!
//! Each older published version has a decoder into the types of the newest one, too: fields in its writer's order, defaults for
//! what it lacks, symbols by name.
//!
//! A field attribute `"bson": "_id"` gives a field another name in BSON.

mod emit;
mod model;
mod older;

pub use emit::generate;
pub use model::{Schema, parse};

/// What is wrong with a schema, with the path of the place.
#[derive(Debug)]
pub struct SchemaError {
    /// Dotted path of the field within the schema.
    pub path: String,
    /// What was expected or found there.
    pub problem: String,
}

impl std::fmt::Display for SchemaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for SchemaError {}
