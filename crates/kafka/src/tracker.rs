//! The books of a consumer: what was delivered and is not finished, for all its partitions.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::frontier::Frontier;

/// Shared between the loop, which delivers, and whoever finishes records.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    books: Mutex<Books>,
    finished: Condvar,
    /// Raised whenever partitions are taken away: tickets of earlier epochs mean nothing any more.
    epoch: AtomicU64,
}

#[derive(Debug, Default)]
struct Books {
    partitions: Vec<Partition>,
    /// Of tickets of this epoch that were not finished.
    load: Load,
    /// Of those among them that were dropped: they will not be finished.
    dropped: Load,
    /// Of tickets of earlier epochs that somebody still holds: their memory is taken, too.
    stale: Load,
    /// Something was finished, or began, since somebody last asked for how long nothing was: the clock is looked at then.
    has_progressed: bool,
    last_progress: Option<Instant>,
    /// The loop waits for `finished`. Waking costs a system call, also when nobody sleeps.
    is_waiting: bool,
}

#[derive(Debug)]
struct Partition {
    topic: Arc<str>,
    partition: i32,
    frontier: Frontier,
    committed: Option<i64>,
}

/// What is delivered and not finished.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub records: usize,
    pub bytes: usize,
}

impl Load {
    const fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }

    const fn subtract(&mut self, other: Self) {
        self.records = self.records.saturating_sub(other.records);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// What a consumer keeps in memory.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Records that somebody works on, those of partitions that were taken away included.
    pub load: Load,
    /// Records that the committed positions have not passed, most of them finished.
    pub behind: usize,
}

/// The right and duty to finish one record, once its effects are durable.
///
/// A ticket that is dropped unfinished holds its partition's committed position for ever; the
/// record is then delivered again to the partition's next owner.
#[derive(Debug)]
#[must_use = "an unfinished record is delivered again"]
pub struct Ticket {
    tracker: Arc<Tracker>,
    epoch: u64,
    slot: usize,
    sequence: u64,
    bytes: usize,
    finished: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.finished {
            self.tracker.dropped(self);
        }
    }
}

impl Ticket {
    /// The record's effects are durable: its offset may be committed.
    pub fn finish(self) {
        let tracker = Arc::clone(&self.tracker);
        tracker.finish(std::iter::once(self));
    }

    /// Whether the partition still belongs to this consumer. Work for one that does not may stop.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.tracker.epoch.load(Ordering::Acquire) == self.epoch
    }

    const fn load(&self) -> Load {
        Load { records: 1, bytes: self.bytes }
    }
}

/// Finishes many records with one look into the books.
pub fn finish_all(tickets: Vec<Ticket>) {
    if let Some(first) = tickets.first() {
        let tracker = Arc::clone(&first.tracker);
        tracker.finish(tickets.into_iter());
    }
}

impl Tracker {
    fn books(&self) -> MutexGuard<'_, Books> {
        // The books are consistent after each method; a panic of a holder does not spoil them.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn assign(&self, partitions: impl Iterator<Item = (Arc<str>, i32)>) {
        let mut books = self.books();
        books.partitions = partitions
            .map(|(topic, partition)| Partition { topic, partition, frontier: Frontier::default(), committed: None })
            .collect();
        books.load = Load::default();
        books.dropped = Load::default();
        books.has_progressed = books.stale.records > 0;
        books.last_progress = None;
    }

    /// Forgets all partitions; what is still being worked on belongs to nobody.
    pub fn revoke(&self) {
        let mut books = self.books();
        self.epoch.fetch_add(1, Ordering::AcqRel);
        books.partitions.clear();
        let (mut left, dropped) = (std::mem::take(&mut books.load), std::mem::take(&mut books.dropped));
        left.subtract(dropped);
        books.stale.add(left);
        self.wake(books);
    }

    pub fn deliver(self: &Arc<Self>, topic: &str, partition: i32, offset: i64, bytes: usize) -> Option<Ticket> {
        let mut books = self.books();
        let slot = books.partitions.iter().position(|p| p.partition == partition && *p.topic == *topic)?;
        let sequence = books.partitions[slot].frontier.deliver(offset);
        books.has_progressed |= books.load.records == 0;
        let epoch = self.epoch.load(Ordering::Acquire);
        let ticket = Ticket { tracker: Arc::clone(self), epoch, slot, sequence, bytes, finished: false };
        books.load.add(ticket.load());
        Some(ticket)
    }

    fn finish(&self, tickets: impl Iterator<Item = Ticket>) {
        let mut books = self.books();
        let epoch = self.epoch.load(Ordering::Acquire);
        for mut ticket in tickets {
            ticket.finished = true;
            if ticket.epoch != epoch {
                books.stale.subtract(ticket.load());
            } else if books.partitions[ticket.slot].frontier.finish(ticket.sequence) {
                books.load.subtract(ticket.load());
            }
        }
        books.has_progressed = true;
        self.wake(books);
    }

    /// Nobody works on it any more, and it was not finished.
    fn dropped(&self, ticket: &Ticket) {
        let mut books = self.books();
        if ticket.is_current() {
            books.dropped.add(ticket.load());
        } else {
            books.stale.subtract(ticket.load());
            self.wake(books);
        }
    }

    /// Lets the loop look again, if it waits.
    fn wake(&self, books: MutexGuard<'_, Books>) {
        let is_waiting = books.is_waiting;
        drop(books);
        if is_waiting {
            self.finished.notify_all();
        }
    }

    /// Whether partitions were assigned and not taken away since.
    pub fn is_assigned(&self) -> bool {
        !self.books().partitions.is_empty()
    }

    pub fn kept(&self) -> Kept {
        self.books().kept()
    }

    /// Records of the partitions at hand that were not finished.
    pub fn unfinished(&self) -> usize {
        self.books().load.records
    }

    /// How long nothing was finished although something is being worked on, as far as those who ask again and again can tell.
    pub fn stalled_for(&self) -> Duration {
        let mut books = self.books();
        if std::mem::take(&mut books.has_progressed) {
            books.last_progress = Some(Instant::now());
        }
        match books.last_progress {
            Some(last) if books.kept().load.records > 0 => last.elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// Waits until what is kept meets the condition, at most for `bound`. Answers whether it does.
    pub fn wait_for_room(&self, bound: Duration, room: impl Fn(Kept) -> bool) -> bool {
        self.wait(bound, |books| room(books.kept()))
    }

    /// Waits until no more than so many records are unfinished, at most for `bound`. Answers whether it is so.
    pub fn wait_for_work(&self, bound: Duration, untaken: usize) -> bool {
        self.wait(bound, |books| books.load.records <= untaken)
    }

    fn wait(&self, bound: Duration, enough: impl Fn(&Books) -> bool) -> bool {
        let mut books = self.books();
        books.is_waiting = true;
        let (mut books, _) = self
            .finished
            .wait_timeout_while(books, bound, |books| !enough(books))
            .unwrap_or_else(PoisonError::into_inner);
        books.is_waiting = false;
        enough(&books)
    }

    /// Positions that moved since they were last committed: topic, partition, offset.
    pub fn uncommitted(&self) -> Vec<(Arc<str>, i32, i64)> {
        let books = self.books();
        let moved = books.partitions.iter().filter(|p| p.frontier.position() != p.committed);
        moved.filter_map(|p| Some((Arc::clone(&p.topic), p.partition, p.frontier.position()?))).collect()
    }

    /// Notes that these positions were handed to the broker.
    pub fn committed(&self, positions: &[(Arc<str>, i32, i64)]) {
        let mut books = self.books();
        for (topic, partition, offset) in positions {
            let slot = books.partitions.iter_mut().find(|p| p.partition == *partition && p.topic == *topic);
            if let Some(slot) = slot {
                slot.committed = Some(*offset);
            }
        }
    }
}

impl Books {
    fn kept(&self) -> Kept {
        let mut load = self.load;
        load.add(self.stale);
        Kept { load, behind: self.partitions.iter().map(|partition| partition.frontier.open()).sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(records: usize, bytes: usize) -> Load {
        Load { records, bytes }
    }

    fn tracker() -> Arc<Tracker> {
        let tracker = Arc::new(Tracker::default());
        tracker.assign([(Arc::from("t"), 0), (Arc::from("t"), 1)].into_iter());
        tracker
    }

    #[test]
    fn only_moved_positions_are_to_be_committed() {
        let tracker = tracker();
        let first = tracker.deliver("t", 0, 10, 5).unwrap();
        let second = tracker.deliver("t", 1, 20, 5).unwrap();
        assert_eq!(tracker.kept(), Kept { load: load(2, 10), behind: 2 });
        second.finish();
        let moved = tracker.uncommitted();
        assert_eq!(moved, [(Arc::from("t"), 1, 21)]);
        tracker.committed(&moved);
        assert!(tracker.uncommitted().is_empty());
        let third = tracker.deliver("t", 0, 11, 5).unwrap();
        third.finish();
        assert_eq!(tracker.kept(), Kept { load: load(1, 5), behind: 2 }, "the third one is behind the first");
        first.finish();
        assert_eq!(tracker.kept(), Kept::default());
    }

    #[test]
    fn a_ticket_of_an_earlier_assignment_changes_nothing() {
        let tracker = tracker();
        let late = tracker.deliver("t", 0, 10, 5).unwrap();
        tracker.revoke();
        tracker.assign(std::iter::once((Arc::from("t"), 0)));
        assert!(!late.is_current());
        let current = tracker.deliver("t", 0, 10, 5).unwrap();
        late.finish();
        assert!(tracker.uncommitted().is_empty());
        assert_eq!(tracker.unfinished(), 1);
        current.finish();
        assert_eq!(tracker.uncommitted(), [(Arc::from("t"), 0, 11)]);
    }

    #[test]
    fn what_is_still_held_after_partitions_were_taken_away_takes_room() {
        let tracker = tracker();
        let [finished, dropped, early] = [10, 11, 12].map(|offset| tracker.deliver("t", 0, offset, 5).unwrap());
        drop(early);
        tracker.revoke();
        tracker.assign(std::iter::once((Arc::from("t"), 0)));
        assert_eq!((tracker.kept().load, tracker.unfinished()), (load(2, 10), 0));
        finished.finish();
        assert_eq!(tracker.kept().load, load(1, 5));
        drop(dropped);
        assert_eq!(tracker.kept(), Kept::default());
        // One that was lost in this assignment keeps its place until the next one.
        drop(tracker.deliver("t", 0, 10, 5).unwrap());
        assert_eq!(tracker.kept().load, load(1, 5));
        tracker.revoke();
        assert_eq!(tracker.kept(), Kept::default());
    }

    #[test]
    fn a_record_of_a_partition_that_is_not_ours_is_not_delivered() {
        assert!(tracker().deliver("t", 7, 1, 1).is_none());
    }
}
