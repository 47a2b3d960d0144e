//! A gate in front of a consumer: it counts what may still be taken.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many records a consumer may still take. A new gate is closed. Clones are the same gate.
///
/// Whoever holds it looks from time to time and allows anew. A number instead of "open" bounds what passes between
/// two looks, however fast the consumer is and however long the next look takes.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    left: Mutex<usize>,
    allowed: Condvar,
}

impl Gate {
    /// From now on so many records may be taken, whatever was left before; 0 closes the gate.
    pub fn allow(&self, records: usize) {
        *self.left() = records;
        self.0.allowed.notify_all();
    }

    /// A record was taken. One that was fetched while the gate closed passes, too.
    pub(crate) fn pass(&self) {
        let mut left = self.left();
        *left = left.saturating_sub(1);
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.left() > 0
    }

    /// Waits until the gate is open, at most for `bound`. Answers whether it is.
    pub(crate) fn wait(&self, bound: Duration) -> bool {
        let waited = self.0.allowed.wait_timeout_while(self.left(), bound, |left| *left == 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 > 0
    }

    fn left(&self) -> MutexGuard<'_, usize> {
        // A number is valid whoever panicked.
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_lets_through_what_was_allowed_last() {
        let gate = Gate::default();
        assert!(!gate.is_open(), "nobody has looked yet");
        gate.allow(5);
        gate.allow(2);
        gate.pass();
        assert!(gate.is_open());
        gate.pass();
        gate.pass();
        assert!(!gate.is_open() && !gate.wait(Duration::ZERO));
        gate.clone().allow(1);
        assert!(gate.wait(Duration::ZERO));
        gate.allow(0);
        assert!(!gate.is_open());
    }
}
