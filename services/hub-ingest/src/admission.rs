//! Who is let in: the bounds on requests, bytes and documents that are worked on at the same time.
//!
//! The accounts here are plain atomics. Whoever takes from an account holds a guard that gives back
//! when it is dropped, so that no path through the program can keep anything: a client that hangs
//! up, a panic, a deadline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use crate::{pace::Pace, settings::AdmissionSettings};

/// The accounts of one hub.
#[derive(Debug)]
pub struct Admission {
    requests: Account,
    bytes: Account,
    pace: Option<Pace>,
    /// The broker has not acknowledged anything for too long; more work would only wait for it.
    stalled: AtomicBool,
}

/// Why a request was refused at the door. All of them pass: the client is told to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many requests are being worked on as the bound allows.
    Requests,
    /// The bodies of the requests that are being worked on fill the bound.
    Bytes,
    /// More documents came in than the rate allows.
    Documents,
    /// The broker does not answer.
    Stalled,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Requests, Self::Bytes, Self::Documents, Self::Stalled];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Bytes => "bytes",
            Self::Documents => "documents",
            Self::Stalled => "stalled",
        }
    }
}

impl Admission {
    /// Accounts with nothing taken.
    #[must_use]
    pub fn new(settings: &AdmissionSettings) -> Self {
        Self {
            requests: Account::new(settings.max_requests_in_flight),
            bytes: Account::new(settings.max_bytes_in_flight),
            pace: settings.documents_per_second.map(|rate| Pace::new(rate, Instant::now())),
            stalled: AtomicBool::new(false),
        }
    }

    /// Lets a request in, as one document; [`Admission::charge`] adds the others when they were counted.
    ///
    /// # Errors
    /// With the bound that is reached. Nothing is taken then.
    pub fn enter(self: &Arc<Self>) -> Result<Entered, Refusal> {
        if self.stalled.load(Ordering::Relaxed) {
            return Err(Refusal::Stalled);
        }
        if self.bytes.is_full() {
            return Err(Refusal::Bytes);
        }
        if !self.requests.take(1) {
            return Err(Refusal::Requests);
        }
        let entered = Entered { admission: Arc::clone(self) };
        match &self.pace {
            // Dropping `entered` gives the request's place back.
            Some(pace) if !pace.admit(Instant::now()) => Err(Refusal::Documents),
            _ => Ok(entered),
        }
    }

    /// Books documents that were admitted without having been counted.
    pub fn charge(&self, documents: usize) {
        if let Some(pace) = &self.pace {
            pace.charge(documents, Instant::now());
        }
    }

    /// An empty hold on the account of bytes.
    #[must_use]
    pub fn hold(self: &Arc<Self>) -> Held {
        Held { admission: Arc::clone(self), bytes: 0 }
    }

    /// Says whether the broker answers.
    pub fn set_stalled(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::Relaxed);
    }

    /// Requests that are being worked on.
    #[must_use]
    pub fn requests_in_flight(&self) -> usize {
        self.requests.taken()
    }

    /// Bytes of bodies that are held.
    #[must_use]
    pub fn bytes_in_flight(&self) -> usize {
        self.bytes.taken()
    }
}

/// The place of one request.
#[derive(Debug)]
pub struct Entered {
    admission: Arc<Admission>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.admission.requests.give(1);
    }
}

/// Bytes held for one request's body.
#[derive(Debug)]
pub struct Held {
    admission: Arc<Admission>,
    bytes: usize,
}

/// The account of bytes is full. The request gives back what it holds and is told to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub holds as many bytes as it may")]
pub struct Full;

impl Held {
    /// Takes more bytes.
    ///
    /// # Errors
    /// When they are not to be had; what was held before is still held.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        if !self.admission.bytes.take(bytes) {
            return Err(Full);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.admission.bytes.give(self.bytes);
    }
}

/// A number that is taken from and given back to, never above its bound.
#[derive(Debug)]
struct Account {
    taken: AtomicUsize,
    bound: usize,
}

impl Account {
    const fn new(bound: usize) -> Self {
        Self { taken: AtomicUsize::new(0), bound }
    }

    fn take(&self, amount: usize) -> bool {
        let more = |taken: usize| taken.checked_add(amount).filter(|sum| *sum <= self.bound);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give(&self, amount: usize) {
        self.taken.fetch_sub(amount, Ordering::Relaxed);
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn is_full(&self) -> bool {
        self.taken() >= self.bound
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn admission(requests: usize, bytes: usize) -> Arc<Admission> {
        Arc::new(Admission::new(&AdmissionSettings {
            max_requests_in_flight: requests,
            max_bytes_in_flight: bytes,
            documents_per_second: None,
            retry_after_seconds: 10,
        }))
    }

    #[test]
    fn a_full_account_refuses_and_a_dropped_guard_makes_room() {
        let admission = admission(1, 10);
        let first = admission.enter().unwrap();
        assert_eq!(admission.enter().unwrap_err(), Refusal::Requests);
        drop(first);
        let mut held = admission.hold();
        held.grow(10).unwrap();
        assert_eq!(held.grow(1), Err(Full));
        assert_eq!(admission.enter().unwrap_err(), Refusal::Bytes);
        drop(held);
        assert!(admission.enter().is_ok());
    }

    #[test]
    fn nothing_enters_while_the_broker_does_not_answer() {
        let admission = admission(1, 10);
        admission.set_stalled(true);
        assert_eq!(admission.enter().unwrap_err(), Refusal::Stalled);
        admission.set_stalled(false);
        assert!(admission.enter().is_ok());
    }

    #[test]
    fn a_request_that_the_rate_refuses_keeps_no_place() {
        let settings = AdmissionSettings {
            max_requests_in_flight: 10,
            max_bytes_in_flight: 10,
            documents_per_second: Some(1),
            retry_after_seconds: 10,
        };
        let admission = Arc::new(Admission::new(&settings));
        admission.charge(100);
        assert_eq!(admission.enter().unwrap_err(), Refusal::Documents);
        assert_eq!(admission.requests_in_flight(), 0);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enter,
        Leave(usize),
        Hold,
        Grow(usize, usize),
        Release(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Enter),
            any::<usize>().prop_map(Step::Leave),
            Just(Step::Hold),
            (any::<usize>(), 0_usize..60).prop_map(|(which, bytes)| Step::Grow(which, bytes)),
            any::<usize>().prop_map(Step::Release),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order: the accounts are what the living guards hold, never
        /// above the bound, and nothing once the last guard is gone.
        #[test]
        fn everything_taken_is_given_back(steps in vec(step(), 0..200)) {
            let admission = admission(5, 100);
            let (mut entered, mut held) = (Vec::new(), Vec::<Held>::new());
            for step in steps {
                match step {
                    Step::Enter => match admission.enter() {
                        Ok(place) => entered.push(place),
                        Err(Refusal::Requests) => prop_assert_eq!(entered.len(), 5),
                        Err(Refusal::Bytes) => prop_assert_eq!(admission.bytes_in_flight(), 100),
                        Err(other) => prop_assert!(false, "{:?}", other),
                    },
                    Step::Leave(which) if !entered.is_empty() => {
                        let which = which % entered.len();
                        drop(entered.swap_remove(which));
                    }
                    Step::Hold => held.push(admission.hold()),
                    Step::Grow(which, bytes) if !held.is_empty() => {
                        let (which, before) = (which % held.len(), admission.bytes_in_flight());
                        let fits = held[which].grow(bytes).is_ok();
                        prop_assert_eq!(fits, before + bytes <= 100);
                    }
                    Step::Release(which) if !held.is_empty() => {
                        let which = which % held.len();
                        drop(held.swap_remove(which));
                    }
                    _ => {}
                }
                prop_assert_eq!(admission.requests_in_flight(), entered.len());
                prop_assert_eq!(admission.bytes_in_flight(), held.iter().map(Held::bytes).sum::<usize>());
            }
            drop((entered, held));
            prop_assert_eq!((admission.requests_in_flight(), admission.bytes_in_flight()), (0, 0));
        }
    }

    #[test]
    fn threads_never_pass_the_bound_together() {
        let admission = admission(3, 100);
        let highest = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        if let Ok(_place) = admission.enter() {
                            highest.fetch_max(admission.requests_in_flight(), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert!(highest.load(Ordering::Relaxed) <= 3);
        assert_eq!(admission.requests_in_flight(), 0);
    }
}
