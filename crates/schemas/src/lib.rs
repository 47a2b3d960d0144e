//! The schemas of every topic as Rust types, the wire format, and the schema registry.
//!
//! ```
//! use schemas::{Datum, wire, receipts::{Operation, Receipt}};
//! let receipt = Receipt { receipt_id: "shop/9999078900001234/0000000007".into(), operation: Operation::Sell, ..Default::default() };
//! let mut message = Vec::new();
//! wire::write(7, &receipt, &mut message);
//! let (schema_id, body) = wire::split(&message).unwrap();
//! assert_eq!(schema_id, 7);
//! assert_eq!(schemas::avro::from_slice::<Receipt>(body).unwrap(), receipt);
//! ```

pub mod avro;
pub mod bson;
pub mod catalogue;
pub mod foreign;
pub mod json;
pub mod registry;
pub mod time;
pub mod wire;

pub use avro::{Datum, Decimal, DecodeError, LocalTimestamp, Message, Timestamp};

/// A topic and all published versions of its schema.
#[derive(Debug, Clone, Copy)]
pub struct TopicSchema {
    /// Name of the topic, without prefix.
    pub topic: &'static str,
    /// JSON text of each version, oldest first; the last is the one that the generated types follow.
    pub versions: &'static [&'static str],
}

impl TopicSchema {
    /// The published versions of one topic, or `None` for a topic without a schema.
    #[must_use]
    pub fn of(topic: &str) -> Option<&'static Self> {
        TOPIC_SCHEMAS.iter().find(|s| s.topic == topic)
    }

    /// The version that producers write.
    #[must_use]
    pub fn newest(&self) -> &'static str {
        self.versions[self.versions.len() - 1]
    }
}

include!(concat!(env!("OUT_DIR"), "/generated.rs"));
