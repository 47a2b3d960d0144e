//! Confluent's wire format: a zero byte, the schema's id (4 bytes, big-endian), the Avro body. Any
//! Kafka tool with a schema registry reads it.

use crate::Datum;

/// The id that the registry gave a schema.
pub type SchemaId = u32;

/// Bytes before the Avro body.
pub const HEADER: usize = 5;

/// Appends a message.
pub fn write<'a>(schema_id: SchemaId, value: &impl Datum<'a>, out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&schema_id.to_be_bytes());
    value.encode(out);
}

/// The schema id and the Avro body of a message, or `None` when it is not in this format.
#[must_use]
pub fn split(message: &[u8]) -> Option<(SchemaId, &[u8])> {
    match message {
        [0, a, b, c, d, body @ ..] => Some((u32::from_be_bytes([*a, *b, *c, *d]), body)),
        _ => None,
    }
}
