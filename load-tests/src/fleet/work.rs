//! What the fleet is busy with: a steady load, or a storm.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::{
    patience,
    plan::{Load, Offline, Storm},
    progress::{StormReport, microseconds, milliseconds},
    queues::Pending,
    state::{Outcome, State},
};

/// A steady load that is being made.
pub(super) struct Loading {
    load: Load,
    start: Instant,
    made: u64,
    probes: u64,
    cut: bool,
}

impl Loading {
    pub fn new(load: Load) -> Self {
        Self { load, start: Instant::now(), made: 0, probes: 0, cut: false }
    }

    /// Makes what is due; false when that was the last.
    pub fn advance(&mut self, state: &mut State, now: Instant) -> bool {
        let elapsed = (now - self.start).min(self.load.duration);
        let goes_on = elapsed < self.load.duration;
        if let Some(offline) = self.load.offline {
            self.cut_line(state, offline, goes_on && elapsed >= offline.from && elapsed < offline.until);
        }
        while let Some(due) = slot(self.start, elapsed, &mut self.made, self.load.rate) {
            state.make_next(due);
        }
        while let Some(due) = slot(self.start, elapsed, &mut self.probes, self.load.probes) {
            state.make_probe(due);
        }
        goes_on
    }

    fn cut_line(&mut self, state: &mut State, offline: Offline, cut: bool) {
        if cut != self.cut {
            self.cut = cut;
            for register in 0..state.world.registers.len() as u32 {
                if offline.concerns(&state.world, register) {
                    state.queues.set_offline(register, cut);
                }
            }
        }
    }
}

/// A storm that is going on.
pub(super) struct Storming {
    storm: Storm,
    start: Instant,
    slots: u64,
    refused: VecDeque<Box<Pending>>,
    report: StormReport,
    accepted_us: Histogram<u64>,
    refused_us: Histogram<u64>,
}

impl Storming {
    pub fn new(storm: Storm) -> Self {
        Self {
            storm,
            start: Instant::now(),
            slots: 0,
            refused: VecDeque::new(),
            report: StormReport::default(),
            accepted_us: microseconds(),
            refused_us: microseconds(),
        }
    }

    /// Sends what is due; false when the storm is over.
    pub fn advance(&mut self, state: &mut State, now: Instant) -> bool {
        let elapsed = (now - self.start).min(self.storm.duration);
        while let Some(due) = slot(self.start, elapsed, &mut self.slots, self.storm.rate) {
            if let Some(mut pending) = self.refused.pop_front() {
                pending.due = due;
                state.queues.push(pending);
            } else if state.open() < self.storm.documents as u64 {
                state.make_next(due);
            } else {
                self.report.missed += 1;
            }
        }
        elapsed < self.storm.duration
    }

    /// Notes what came of an attempt.
    pub fn note(&mut self, pending: &Pending, outcome: &Outcome, now: Instant) {
        self.report.attempts += 1;
        let waited = now.saturating_duration_since(pending.due).as_micros() as u64;
        match outcome {
            Outcome::Answered(answer) => {
                *self.report.answers.entry(answer.status).or_default() += 1;
                if answer.status == 200 {
                    self.report.accepted += 1;
                    self.accepted_us.saturating_record(waited);
                } else {
                    self.refused_us.saturating_record(waited);
                }
            }
            Outcome::Unreachable | Outcome::Broken | Outcome::TimedOut => self.report.unanswered += 1,
        }
    }

    /// Takes back a document that was refused or not answered: it is sent again with the next free slot.
    pub fn take_back(&mut self, pending: Box<Pending>) {
        self.refused.push_back(pending);
    }

    /// Patience comes back: what was refused or not sent waits, and comes one by one.
    pub fn end(mut self, state: &mut State, now: Instant) -> StormReport {
        let unsent = state.queues.take_all();
        self.report.missed += unsent.len() as u64;
        for mut pending in unsent.into_iter().chain(self.refused) {
            pending.due = now;
            let wait = patience::wait(5, None, &mut state.random);
            state.queues.postpone(now + wait, pending);
        }
        StormReport {
            seconds: (now - self.start).as_secs_f64(),
            accepted_ms: [milliseconds(&self.accepted_us, 0.5), milliseconds(&self.accepted_us, 0.99)],
            refused_ms: [milliseconds(&self.refused_us, 0.5), milliseconds(&self.refused_us, 0.99)],
            ..self.report
        }
    }
}

/// The intended moment of the next one at a steady rate, if it has come.
fn slot(start: Instant, elapsed: Duration, made: &mut u64, rate: f64) -> Option<Instant> {
    if rate <= 0.0 {
        return None;
    }
    let offset = Duration::from_secs_f64(*made as f64 / rate);
    (offset < elapsed).then(|| {
        *made += 1;
        start + offset
    })
}
