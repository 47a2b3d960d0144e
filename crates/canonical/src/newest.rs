use schemas::Timestamp;

/// Where an observed state of a product stands in time: the greater one is the newer.
///
/// Ordered by event time, then receipt id, then revision, so that a document sent again changes
/// nothing and any order of arrival ends the same. The text is compared byte by byte; a database
/// does the same only under the collation `C`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Newest<Id> {
    /// When it happened.
    pub event_time: Timestamp,
    /// The receipt that tells it.
    pub receipt_id: Id,
    /// Revision of the parser that read the receipt.
    pub revision: i32,
}

impl<Id: Ord> Newest<Id> {
    /// `utc_time` is the receipt's own time where it is known. One after the reception is a wrong
    /// clock: then the reception counts, or a register set to 2036 would freeze its products.
    #[must_use]
    pub fn of(utc_time: Option<Timestamp>, received_at: Timestamp, receipt_id: Id, revision: i32) -> Self {
        let event_time = utc_time.map_or(received_at, |time| time.min(received_at));
        Self { event_time, receipt_id, revision }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(time: Option<i64>, received: i64, id: &str, revision: i32) -> Newest<&str> {
        Newest::of(time.map(Timestamp), Timestamp(received), id, revision)
    }

    #[test]
    fn a_clock_in_the_future_freezes_nothing() {
        assert!(newest(Some(9_000), 100, "a", 1) < newest(Some(200), 300, "a", 1));
        assert_eq!(newest(None, 100, "a", 1), newest(Some(100), 100, "a", 1));
    }

    #[test]
    fn ties_are_decided_by_receipt_and_revision() {
        assert!(newest(Some(5), 9, "a", 1) < newest(Some(5), 9, "b", 1));
        assert!(newest(Some(5), 9, "a", 1) < newest(Some(5), 9, "a", 2));
        assert!(newest(Some(5), 9, "a", 2) < newest(Some(5), 9, "b", 1));
    }
}
