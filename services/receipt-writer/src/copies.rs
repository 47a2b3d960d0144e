//! Which of two copies of a document counts, with what MongoDB keeps of them.

use std::cmp::Ordering;

use canonical::{Copy, Reception, Relation, compare_copies};
use mongodb::bson::{Document, doc};
use schemas::{Timestamp, receipts::Receipt, shifts::ShiftDocument};

/// What decides about a document, on its way to MongoDB or read back from there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub id: String,
    sign: Option<i64>,
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

/// What is to be done with a document whose id is stored already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is the very same copy.
    Same,
    /// The stored copy counts.
    Superseded,
    /// This copy counts.
    Better,
    /// Another document under this number, and the stored one came first.
    ConflictLater,
    /// Another document under this number, and this one came first.
    ConflictEarlier,
}

impl Facts {
    pub fn of_receipt(receipt: &Receipt<'_>) -> Self {
        Self {
            id: receipt.receipt_id.to_string(),
            sign: receipt.fiscal_sign,
            source: receipt.source.to_string(),
            revision: receipt.revision,
            received: Place::new(receipt.received_at, &receipt.raw_topic, receipt.raw_partition, receipt.raw_offset),
            first_received: None,
        }
    }

    pub fn of_shift(shift: &ShiftDocument<'_>) -> Self {
        Self {
            id: shift.shift_document_id.to_string(),
            sign: shift.fiscal_sign,
            source: shift.source.to_string(),
            revision: shift.revision,
            received: Place::new(shift.received_at, &shift.raw_topic, shift.raw_partition, shift.raw_offset),
            first_received: None,
        }
    }

    /// The fields that [`Facts::of_stored`] reads.
    pub fn projection() -> Document {
        doc! { "fiscal_sign": 1, "source": 1, "revision": 1, "received_at": 1, "raw_topic": 1, "raw_partition": 1, "raw_offset": 1, "first_received": 1 }
    }

    /// Fields that are missing or of another type are those of a document that somebody wrote by
    /// hand; it then counts as an old copy without a sign.
    pub fn of_stored(stored: &Document) -> Self {
        let first = stored.get_document("first_received").ok();
        Self {
            id: stored.get_str("_id").unwrap_or_default().to_owned(),
            sign: stored.get_i64("fiscal_sign").ok(),
            source: stored.get_str("source").unwrap_or_default().to_owned(),
            revision: int32(stored, "revision"),
            received: Place::of_stored(stored),
            first_received: first.map(Place::of_stored),
        }
    }

    pub fn judge(&self, stored: &Self) -> Judgement {
        match compare_copies(&self.copy(), &stored.copy()) {
            Relation::Same(Ordering::Equal) => Judgement::Same,
            Relation::Same(Ordering::Less) => Judgement::Superseded,
            Relation::Same(Ordering::Greater) => Judgement::Better,
            Relation::Conflict(Ordering::Greater) => Judgement::ConflictEarlier,
            Relation::Conflict(_) => Judgement::ConflictLater,
        }
    }

    /// This copy as the one that is stored from now on. A better copy of the same document does not
    /// forget when the first one came.
    pub fn instead_of(&self, stored: &Self) -> Self {
        let earliest = [self.first(), stored.first()].into_iter().min_by_key(|place| place.reception());
        let first_received = earliest.filter(|first| self.sign == stored.sign && **first != self.received).cloned();
        Self { first_received, ..self.clone() }
    }

    /// What is stored beside the record's own fields.
    pub fn extra(&self) -> Option<Document> {
        let place = self.first_received.as_ref()?;
        Some(doc! {
            "received_at": mongodb::bson::DateTime::from_millis(place.at_ms),
            "raw_topic": &place.topic,
            "raw_partition": i64::from(place.partition),
            "raw_offset": place.offset,
        })
    }

    /// Matches the stored document only as long as it is the copy that was judged.
    pub fn filter(&self) -> Document {
        doc! { "_id": &self.id, "raw_partition": i64::from(self.received.partition), "raw_offset": self.received.offset, "revision": i64::from(self.revision) }
    }

    /// Id in the collection `conflicts`.
    pub fn conflict_id(&self) -> String {
        match self.sign {
            Some(sign) => format!("{}/{sign}", self.id),
            None => format!("{}/unsigned", self.id),
        }
    }

    fn first(&self) -> &Place {
        self.first_received.as_ref().unwrap_or(&self.received)
    }

    fn copy(&self) -> Copy<'_> {
        Copy {
            sign: self.sign,
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
            at_ms: stored.get_datetime("received_at").map_or(0, |at| at.timestamp_millis()),
            topic: stored.get_str("raw_topic").unwrap_or_default().to_owned(),
            partition: int32(stored, "raw_partition"),
            offset: stored.get_i64("raw_offset").unwrap_or_default(),
        }
    }

    fn reception(&self) -> Reception<'_> {
        Reception { at: Timestamp(self.at_ms), topic: &self.topic, partition: self.partition, offset: self.offset }
    }
}

/// Small numbers are stored as int64 like all others.
fn int32(stored: &Document, field: &str) -> i32 {
    stored.get_i64(field).ok().and_then(|n| i32::try_from(n).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(sign: i64, source: &str, at_ms: i64) -> Facts {
        let receipt = Receipt {
            receipt_id: "t/1/0000000001".into(),
            fiscal_sign: Some(sign),
            source: source.to_owned().into(),
            raw_topic: "registers.raw.v1".into(),
            raw_offset: at_ms,
            received_at: Timestamp(at_ms * 1000 + 7),
            ..Receipt::default()
        };
        Facts::of_receipt(&receipt)
    }

    #[test]
    fn what_was_stored_is_read_back_equal() {
        let receipt = Receipt {
            receipt_id: "t/1/2".into(),
            fiscal_sign: Some(4_000_000_000),
            revision: 3,
            raw_partition: 5,
            raw_offset: 77,
            received_at: Timestamp(1_700_000_000_123_456),
            ..Receipt::default()
        };
        let document = Document::from_reader(&schemas::bson::to_document(&receipt)[..]).unwrap();
        let facts = Facts::of_receipt(&receipt);
        assert_eq!(Facts::of_stored(&document), facts);
        assert_eq!(facts.judge(&Facts::of_stored(&document)), Judgement::Same);
    }

    #[test]
    fn a_better_copy_remembers_when_the_first_one_came() {
        let (cloud, drive) = (facts(7, "dreamkas", 100), facts(7, "ffd-tlv", 300));
        assert_eq!(drive.judge(&cloud), Judgement::Better);
        assert_eq!(cloud.judge(&drive), Judgement::Superseded);
        let stored = drive.instead_of(&cloud);
        let other = facts(8, "ffd-tlv", 200);
        assert_eq!(other.judge(&stored), Judgement::ConflictLater, "the sign 7 was first, at 100");
        assert_eq!(other.judge(&drive), Judgement::ConflictEarlier, "without the memory it would not be");
        let mut document = doc! { "_id": "t/1/0000000001" };
        document.insert("first_received", stored.extra().unwrap());
        assert_eq!(Facts::of_stored(&document).first_received, stored.first_received);
    }
}
