//! How far a partition is done: records are delivered in order and finished in any order; the
//! committed position may pass a record only when it and all before it are finished.

use std::collections::VecDeque;

/// The delivered records of one partition that are not all finished yet, oldest first.
///
/// Offsets are taken from the records themselves: transaction markers and compaction leave holes,
/// so "the next offset" is known only for the record after which one may commit.
#[derive(Debug, Default)]
pub struct Frontier {
    /// Sequence number of the oldest entry.
    first: u64,
    entries: VecDeque<Entry>,
    /// Offset after the last record up to which everything is finished.
    position: Option<i64>,
}

#[derive(Debug)]
struct Entry {
    offset: i64,
    finished: bool,
}

impl Frontier {
    /// Notes the next record of the partition and answers the sequence number to finish it with.
    pub fn deliver(&mut self, offset: i64) -> u64 {
        self.entries.push_back(Entry { offset, finished: false });
        self.first + self.entries.len() as u64 - 1
    }

    /// Marks a record finished. Answers false when it was finished before.
    pub fn finish(&mut self, sequence: u64) -> bool {
        let entry = sequence.checked_sub(self.first).and_then(|i| self.entries.get_mut(usize::try_from(i).ok()?));
        let fresh = entry.is_some_and(|e| !std::mem::replace(&mut e.finished, true));
        while let Some(entry) = self.entries.pop_front_if(|e| e.finished) {
            self.position = Some(entry.offset + 1);
            self.first += 1;
        }
        fresh
    }

    /// The offset that may be committed: everything below it is finished. `None` before the first.
    #[must_use]
    pub const fn position(&self) -> Option<i64> {
        self.position
    }

    /// Delivered records that are not finished, or finished behind one that is not.
    #[must_use]
    pub fn open(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_position_stays_behind_the_oldest_open_record() {
        let mut frontier = Frontier::default();
        let sequences: Vec<u64> = [5, 6, 9].map(|offset| frontier.deliver(offset)).into();
        assert!(frontier.finish(sequences[2]));
        assert_eq!(frontier.position(), None);
        assert!(frontier.finish(sequences[0]));
        assert_eq!(frontier.position(), Some(6));
        assert!(frontier.finish(sequences[1]));
        assert_eq!(frontier.position(), Some(10), "the hole at 7 and 8 is passed");
        assert!(!frontier.finish(sequences[1]));
    }

    proptest! {
        #[test]
        fn in_any_order_of_finishing_no_open_record_is_passed(
            gaps in prop::collection::vec(1_i64..4, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 60),
        ) {
            let mut frontier = Frontier::default();
            let mut offset = 0;
            let mut open: Vec<(u64, i64)> = gaps.iter().map(|gap| { offset += gap; (frontier.deliver(offset), offset) }).collect();
            for index in order {
                if open.is_empty() { break }
                let (sequence, _) = open.swap_remove(index.index(open.len()));
                frontier.finish(sequence);
                let oldest_open = open.iter().map(|(_, offset)| *offset).min();
                let position = frontier.position().unwrap_or(0);
                if let Some(oldest) = oldest_open { prop_assert!(position <= oldest); }
            }
            if open.is_empty() { prop_assert_eq!(frontier.position(), Some(offset + 1)); }
            prop_assert_eq!(frontier.open() == 0, open.is_empty());
        }
    }
}
