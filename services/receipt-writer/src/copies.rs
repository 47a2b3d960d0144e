//! What decides which copy of a document counts, and how MongoDB keeps it.

use canonical::{Copy, Reception};
use mongodb::bson::{Document, doc};
use schemas::{Timestamp, receipts::Receipt, shifts::ShiftDocument};

/// The flag of a copy that only proves that the document exists.
const CONTENT_MISSING: &str = "content-missing";

/// What decides about a copy, on its way to MongoDB or read back from there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub sign: Option<i64>,
    is_empty: bool,
    source: String,
    revision: i32,
    received: Place,
    /// Where the first copy with this sign came, if that is not this one.
    first_received: Option<Place>,
}

/// When and where a raw document came. Time in milliseconds, as MongoDB keeps it.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    at_ms: i64,
    topic: String,
    partition: i32,
    offset: i64,
}

impl Facts {
    pub fn of_receipt(receipt: &Receipt<'_>) -> Self {
        Self {
            sign: receipt.fiscal_sign,
            is_empty: receipt.flags.iter().any(|flag| flag == CONTENT_MISSING),
            source: receipt.source.to_string(),
            revision: receipt.revision,
            received: Place::new(receipt.received_at, &receipt.raw_topic, receipt.raw_partition, receipt.raw_offset),
            first_received: None,
        }
    }

    pub fn of_shift(shift: &ShiftDocument<'_>) -> Self {
        Self {
            sign: shift.fiscal_sign,
            is_empty: false,
            source: shift.source.to_string(),
            revision: shift.revision,
            received: Place::new(shift.received_at, &shift.raw_topic, shift.raw_partition, shift.raw_offset),
            first_received: None,
        }
    }

    /// The fields that [`Facts::of_stored`] reads.
    pub const FIELDS: [&'static str; 9] = [
        "fiscal_sign",
        "flags",
        "source",
        "revision",
        "received_at",
        "raw_topic",
        "raw_partition",
        "raw_offset",
        "first_received",
    ];

    /// Fields that are missing or of another type are those of a document that somebody wrote by
    /// hand. Without a sign and a time of reception it counts as the last that came.
    pub fn of_stored(stored: &Document) -> Self {
        let first = stored.get_document("first_received").ok();
        let flags = stored.get_array("flags");
        Self {
            sign: stored.get_i64("fiscal_sign").ok(),
            is_empty: flags.is_ok_and(|flags| flags.iter().any(|flag| flag.as_str() == Some(CONTENT_MISSING))),
            source: stored.get_str("source").unwrap_or_default().to_owned(),
            revision: int32(stored, "revision"),
            received: Place::of_stored(stored),
            first_received: first.map(Place::of_stored),
        }
    }

    pub fn is_same_copy(&self, other: &Self) -> bool {
        self.sign == other.sign && self.copy().merit() == other.copy().merit()
    }

    /// Whether this stored copy already says everything that the other one can tell.
    pub fn covers(&self, other: &Self) -> bool {
        let (this, that) = (self.copy(), other.copy());
        this.sign == that.sign && this.merit() >= that.merit() && this.first_received <= that.first_received
    }

    /// Id in the collection `conflicts` of a document with this id.
    pub fn conflict_id(&self, id: &str) -> String {
        match self.sign {
            Some(sign) => format!("{id}/{sign}"),
            None => format!("{id}/unsigned"),
        }
    }

    /// What is stored beside the record's own fields when the first copy with this sign came elsewhere.
    pub fn first_received(&self, first: Reception<'_>) -> Option<Document> {
        (first != self.received.reception()).then(|| {
            doc! {
                "received_at": mongodb::bson::DateTime::from_millis(first.at_ms),
                "raw_topic": first.topic,
                "raw_partition": i64::from(first.partition),
                "raw_offset": first.offset,
            }
        })
    }

    fn first(&self) -> &Place {
        self.first_received.as_ref().unwrap_or(&self.received)
    }

    pub fn copy(&self) -> Copy<'_> {
        Copy {
            sign: self.sign,
            is_empty: self.is_empty,
            source: &self.source,
            revision: self.revision,
            received: self.received.reception(),
            first_received: self.first().reception(),
        }
    }
}

impl Place {
    fn new(at: Timestamp, topic: &str, partition: i32, offset: i64) -> Self {
        Self { at_ms: at.0.div_euclid(1000), topic: topic.to_owned(), partition, offset }
    }

    fn of_stored(stored: &Document) -> Self {
        Self {
            at_ms: stored.get_datetime("received_at").map_or(i64::MAX, |at| at.timestamp_millis()),
            topic: stored.get_str("raw_topic").unwrap_or_default().to_owned(),
            partition: int32(stored, "raw_partition"),
            offset: stored.get_i64("raw_offset").unwrap_or_default(),
        }
    }

    fn reception(&self) -> Reception<'_> {
        Reception { at_ms: self.at_ms, topic: &self.topic, partition: self.partition, offset: self.offset }
    }
}

/// Small numbers are stored as int64 like all others.
fn int32(stored: &Document, field: &str) -> i32 {
    stored.get_i64(field).ok().and_then(|n| i32::try_from(n).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_read_back_equal() {
        let receipt = Receipt {
            receipt_id: "t/1/2".into(),
            fiscal_sign: Some(4_000_000_000),
            revision: 3,
            flags: vec![CONTENT_MISSING.into()],
            raw_partition: 5,
            raw_offset: 77,
            received_at: Timestamp(1_700_000_000_123_456),
            ..Receipt::default()
        };
        let document = Document::from_reader(&schemas::bson::to_document(&receipt)[..]).unwrap();
        let facts = Facts::of_receipt(&receipt);
        assert_eq!(Facts::of_stored(&document), facts);
        assert!(Facts::of_stored(&document).covers(&facts));
    }
}
