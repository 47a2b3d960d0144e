//! One request waits once for the acknowledgements of all its documents.
//!
//! The producer's thread writes each document's outcome into the request's table and counts down;
//! the last one wakes the request. A wait for each document would cost the linger time and a round
//! trip for each.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Instant,
};

use futures_util::task::AtomicWaker;
use kafka::Delivered;
use rdkafka::error::RDKafkaErrorCode;

/// What became of a document that was handed to the producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is known yet.
    Pending,
    /// All in-sync replicas have it.
    Acknowledged,
    /// Nobody knows whether it is there; sending it again does no harm.
    Failed,
    /// The broker will never take it.
    Refused,
}

/// The documents of one request.
#[derive(Debug)]
pub struct Group {
    outcomes: Box<[AtomicU8]>,
    /// Documents without an outcome.
    open: AtomicUsize,
    waker: AtomicWaker,
    queued: Arc<QueuedBytes>,
}

/// Bytes that wait for the broker's acknowledgement, of all requests.
#[derive(Debug, Default)]
pub struct QueuedBytes(AtomicUsize);

impl QueuedBytes {
    /// How many there are now.
    #[must_use]
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Group {
    /// A group of documents without an outcome.
    #[must_use]
    pub fn new(documents: usize, queued: &Arc<QueuedBytes>) -> Arc<Self> {
        let outcomes = (0..documents).map(|_| AtomicU8::new(0)).collect();
        let open = AtomicUsize::new(documents);
        Arc::new(Self { outcomes, open, waker: AtomicWaker::new(), queued: Arc::clone(queued) })
    }

    /// What the producer hands back with the outcome of document `index` of the group, whose record
    /// has so many bytes.
    #[must_use]
    pub fn ticket(self: &Arc<Self>, index: usize, bytes: usize) -> Ticket {
        self.queued.0.fetch_add(bytes, Ordering::Relaxed);
        Ticket { group: Arc::clone(self), index, bytes }
    }

    /// What is known of a document now.
    #[must_use]
    pub fn outcome(&self, index: usize) -> Outcome {
        match self.outcomes[index].load(Ordering::Acquire) {
            ACKNOWLEDGED => Outcome::Acknowledged,
            FAILED => Outcome::Failed,
            REFUSED => Outcome::Refused,
            _ => Outcome::Pending,
        }
    }

    /// Waits until every document has its outcome, at most until `deadline`. Answers whether all have.
    pub async fn settled(&self, deadline: Instant) -> bool {
        let all = poll_fn(|context| {
            self.waker.register(context.waker());
            if self.open.load(Ordering::Acquire) == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::time::timeout_at(deadline.into(), all).await.is_ok()
    }

    fn set(&self, index: usize, outcome: u8) {
        self.outcomes[index].store(outcome, Ordering::Release);
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waker.wake();
        }
    }
}

const ACKNOWLEDGED: u8 = 1;
const FAILED: u8 = 2;
const REFUSED: u8 = 3;

/// One document's place in its group.
#[derive(Debug)]
pub struct Ticket {
    group: Arc<Group>,
    index: usize,
    bytes: usize,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.group.queued.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Ticket {
    /// Settles a document that the producer did not take.
    pub fn settle(self, error: RDKafkaErrorCode) {
        self.group.set(self.index, sort(error));
    }
}

impl Delivered for Ticket {
    fn delivered(self: Box<Self>, result: Result<(), RDKafkaErrorCode>) {
        match result {
            Ok(()) => self.group.set(self.index, ACKNOWLEDGED),
            Err(error) => self.settle(error),
        }
    }
}

/// Only the size of a record is its own fault; everything else passes.
const fn sort(error: RDKafkaErrorCode) -> u8 {
    match error {
        RDKafkaErrorCode::MessageSizeTooLarge => REFUSED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn deliver(group: &Arc<Group>, index: usize, result: Result<(), RDKafkaErrorCode>) {
        Box::new(group.ticket(index, 10)).delivered(result);
    }

    #[tokio::test]
    async fn the_last_outcome_wakes_the_request() {
        let group = Group::new(3, &Arc::default());
        let producer = {
            let group = Arc::clone(&group);
            std::thread::spawn(move || {
                deliver(&group, 2, Ok(()));
                deliver(&group, 0, Err(RDKafkaErrorCode::MessageTimedOut));
                deliver(&group, 1, Err(RDKafkaErrorCode::MessageSizeTooLarge));
            })
        };
        assert!(group.settled(soon()).await);
        producer.join().unwrap();
        let outcomes = [0, 1, 2].map(|index| group.outcome(index));
        assert_eq!(outcomes, [Outcome::Failed, Outcome::Refused, Outcome::Acknowledged]);
    }

    #[tokio::test]
    async fn a_document_without_an_answer_is_still_pending_at_the_deadline() {
        let group = Group::new(2, &Arc::default());
        deliver(&group, 0, Ok(()));
        assert!(!group.settled(Instant::now() + Duration::from_millis(1)).await);
        assert_eq!([group.outcome(0), group.outcome(1)], [Outcome::Acknowledged, Outcome::Pending]);
        // An acknowledgement after the answer has gone out harms nobody.
        deliver(&group, 1, Ok(()));
    }

    #[test]
    fn bytes_are_queued_until_their_outcome_is_known() {
        let queued = Arc::default();
        let group = Group::new(3, &queued);
        let tickets = [group.ticket(0, 10), group.ticket(1, 20), group.ticket(2, 30)];
        assert_eq!(queued.now(), 60);
        let [first, second, third] = tickets;
        Box::new(first).delivered(Ok(()));
        second.settle(RDKafkaErrorCode::QueueFull);
        assert_eq!(queued.now(), 30);
        drop(third);
        assert_eq!(queued.now(), 0);
    }

    #[tokio::test]
    async fn a_group_without_documents_has_nothing_to_wait_for() {
        assert!(Group::new(0, &Arc::default()).settled(soon()).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_wake_up_is_missed() {
        for _ in 0..2_000 {
            let group = Group::new(1, &Arc::default());
            let other = Arc::clone(&group);
            let producer = tokio::task::spawn_blocking(move || deliver(&other, 0, Ok(())));
            assert!(group.settled(soon()).await);
            producer.await.unwrap();
        }
    }
}
