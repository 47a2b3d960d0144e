//! When a failed call is repeated, and after which pause.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Sleep;
use tower::retry::{
    Policy,
    budget::{Budget, TpsBudget},
};

use crate::{error::Error, transport::Call};

/// Bounds of the repetitions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Tries in all, the first one included.
    pub attempts: u32,
    /// Upper end of the first pause; it doubles with each try.
    pub first_pause: Duration,
    /// Longest pause. A server that asks for a longer one is not asked again in this call.
    pub longest_pause: Duration,
}

/// Repeats a call while the trouble can pass, the tries last, and the budget shared by all calls
/// allows it: when iiko fails for everybody, repetitions add at most a fifth to its load.
#[derive(Debug, Clone)]
pub(crate) struct RetryPolicy {
    bounds: Bounds,
    budget: Arc<TpsBudget>,
    failures: u32,
}

impl RetryPolicy {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let budget = TpsBudget::new(Duration::from_secs(10), 1, 0.2);
        Self { bounds, budget: Arc::new(budget), failures: 0 }
    }

    /// The pause before the next try: full jitter, so that callers that failed together do not come
    /// back together. `None` when the server asks for more patience than there is.
    fn pause(&self, asked: Option<Duration>) -> Option<Duration> {
        let Bounds { first_pause, longest_pause, .. } = self.bounds;
        let doubled = first_pause.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        let jitter = doubled.min(longest_pause).mul_f64(rand::random::<f64>());
        match asked {
            Some(asked) if asked > longest_pause => None,
            Some(asked) => Some(asked + jitter),
            None => Some(jitter),
        }
    }
}

impl Policy<Call, Bytes, Error> for RetryPolicy {
    type Future = Sleep;

    fn retry(&mut self, _call: &mut Call, result: &mut Result<Bytes, Error>) -> Option<Sleep> {
        let error = match result {
            Err(error) if error.worth_repeating() => error,
            _ => {
                self.budget.deposit();
                return None;
            }
        };
        self.failures += 1;
        if self.failures >= self.bounds.attempts {
            return None;
        }
        let asked = match error {
            Error::RetryLater { retry_after, .. } => *retry_after,
            Error::Rejected { .. } | Error::StopLogin { .. } => None,
        };
        let pause = self.pause(asked)?;
        self.budget.withdraw().then(|| tokio::time::sleep(pause))
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Trouble;

    const BOUNDS: Bounds =
        Bounds { attempts: 3, first_pause: Duration::from_millis(500), longest_pause: Duration::from_secs(30) };

    fn call() -> Call {
        Call::new("/api/1/stop_lists", &serde_json::json!({}))
    }

    #[test]
    fn pauses_grow_within_bounds_and_honour_what_the_server_asks() {
        let mut policy = RetryPolicy::new(BOUNDS);
        for (failures, most) in [(1, 500), (2, 1_000), (5, 8_000), (7, 30_000), (40, 30_000)] {
            policy.failures = failures;
            assert!((0..100).all(|_| policy.pause(None).unwrap() <= Duration::from_millis(most)));
        }
        assert!(policy.pause(Some(Duration::from_secs(7))).unwrap() >= Duration::from_secs(7));
        assert_eq!(policy.pause(Some(Duration::from_secs(31))), None);
    }

    #[tokio::test]
    async fn tries_are_bounded_and_final_answers_are_not_repeated() {
        let mut policy = RetryPolicy::new(BOUNDS);
        let mut failed = Err(Error::later(Trouble::Server, "500"));
        assert!(policy.retry(&mut call(), &mut failed).is_some());
        assert!(policy.retry(&mut call(), &mut failed).is_some());
        assert!(policy.retry(&mut call(), &mut failed).is_none(), "the third try was the last");
        let mut rejected = Err(Error::Rejected { reason: String::new() });
        assert!(RetryPolicy::new(BOUNDS).retry(&mut call(), &mut rejected).is_none());
    }

    #[tokio::test]
    async fn when_everything_fails_the_budget_ends_the_repetitions() {
        let shared = RetryPolicy::new(BOUNDS);
        let mut failed = Err(Error::later(Trouble::Server, "500"));
        let repeated = (0..1000).filter(|_| shared.clone().retry(&mut call(), &mut failed).is_some()).count();
        assert!(repeated <= 11, "{repeated} of 1000 failed calls were repeated");
    }
}
