//! A rate of documents that may be overdrawn: how many a request brings is known only after it was
//! let in, so it is let in on credit and the others wait until the debt is paid back.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// So much of the rate may come in at once after a pause.
const BURST: Duration = Duration::from_millis(250);

/// A leaky bucket, held as the moment at which it will have run dry.
#[derive(Debug)]
pub struct Pace {
    origin: Instant,
    /// Nanoseconds that one document stands for.
    interval: u64,
    /// Nanoseconds after `origin` at which everything that was let in will have been paid for.
    paid_at: AtomicU64,
}

impl Pace {
    /// A bucket with nothing in it.
    #[must_use]
    pub fn new(documents_per_second: u32, now: Instant) -> Self {
        Self {
            origin: now,
            interval: 1_000_000_000 / u64::from(documents_per_second.max(1)),
            paid_at: AtomicU64::new(0),
        }
    }

    /// Lets one document in unless the debt is larger than the burst.
    #[must_use]
    pub fn admit(&self, now: Instant) -> bool {
        let now = self.nanoseconds(now);
        let book = |paid_at: u64| {
            let debt = paid_at.saturating_sub(now);
            (u128::from(debt) < BURST.as_nanos()).then(|| paid_at.max(now).saturating_add(self.interval))
        };
        self.paid_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, book).is_ok()
    }

    /// Books documents that are in already.
    pub fn charge(&self, documents: usize, now: Instant) {
        let now = self.nanoseconds(now);
        let amount = self.interval.saturating_mul(documents as u64);
        let book = |paid_at: u64| Some(paid_at.max(now).saturating_add(amount));
        // The closure always answers, so this cannot fail.
        let _: Result<u64, u64> = self.paid_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, book);
    }

    fn nanoseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents let in when asked every millisecond for `seconds`.
    fn admitted(pace: &Pace, from: Instant, seconds: u64, each: usize) -> usize {
        let admitted = (0..seconds * 1000).filter(|ms| {
            let now = from + Duration::from_millis(*ms);
            let admitted = pace.admit(now);
            if admitted {
                pace.charge(each - 1, now);
            }
            admitted
        });
        admitted.count() * each
    }

    #[test]
    fn the_rate_is_kept_whatever_the_size_of_the_batches() {
        for each in [1, 7, 300] {
            let start = Instant::now();
            let count = admitted(&Pace::new(500, start), start, 10, each);
            assert!((5_000..=5_000 + 125 + each).contains(&count), "{count} in batches of {each}");
        }
    }

    #[test]
    fn a_pause_saves_up_no_more_than_the_burst() {
        let start = Instant::now();
        let pace = Pace::new(1_000, start);
        let later = start + Duration::from_secs(60);
        let at_once = (0..10_000).filter(|_| pace.admit(later)).count();
        assert_eq!(at_once, 250);
    }
}
