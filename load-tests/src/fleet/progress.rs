//! How far the fleet is, for those who look on.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Documents made, each counted once.
    pub made: u64,
    /// Documents acknowledged, each counted once.
    pub acknowledged: u64,
    /// Documents refused for good.
    pub rejected: u64,
    /// Requests sent, repeats and retries among them.
    pub requests: u64,
    /// Acknowledged documents sent a second time.
    pub repeats: u64,
    /// Requests that had to be repeated: refused for now, or never answered.
    pub retries: u64,
    /// Answers by HTTP status.
    pub answers: BTreeMap<u16, u64>,
    /// Connections that could not be opened.
    pub unreachable: u64,
    /// Connections that broke under a request.
    pub broken: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// First reasons of refusals for good.
    pub reasons: Vec<String>,
}

/// How far the fleet is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Counts since the start.
    pub counters: Counters,
    /// Documents and repeats that are not answered for good.
    pub open: u64,
    /// Those of them that wait for the line to be back.
    pub offline: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Acknowledgements since somebody last took this, microseconds from the intended sending.
    pub recent: Histogram<u64>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { counters: Counters::default(), open: 0, offline: 0, in_flight: 0, recent: microseconds() }
    }
}

/// What a storm met with.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StormReport {
    /// Seconds that it lasted.
    pub seconds: f64,
    /// Attempts that were sent.
    pub attempts: u64,
    /// Attempts that could not be made in time: all connections were busy, or no document was left to send.
    pub missed: u64,
    /// Documents acknowledged.
    pub accepted: u64,
    /// Answers by HTTP status.
    pub answers: BTreeMap<u16, u64>,
    /// Attempts without an answer: connection refused, reset, or silence.
    pub unanswered: u64,
    /// Milliseconds from the intended sending to the acknowledgement: median, 99 of 100.
    pub accepted_ms: [f64; 2],
    /// Milliseconds from the intended sending to the refusal: median, 99 of 100.
    pub refused_ms: [f64; 2],
}

/// A histogram of microseconds up to ten minutes, three digits exact.
#[must_use]
#[allow(clippy::expect_used, reason = "the bounds are constants")]
pub fn microseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("1 to 600,000,000 with three digits are valid bounds")
}

/// A quantile in milliseconds; 0 for an empty histogram.
#[must_use]
pub fn milliseconds(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1_000.0
}
