//! The metrics of hub-ingest. Everything on the way of a request is made once, at start.

use std::sync::Arc;

use hyper::StatusCode;
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use service::metrics::{Metrics, RECORDS, SECONDS};

use crate::{admission::Refusal, answer::Verdict};

/// The metrics of one hub.
#[derive(Debug)]
pub struct Meters {
    requests: IntCounterVec,
    refused: IntCounterVec,
    documents: IntCounterVec,
    /// Bytes of bodies as they were sent.
    pub body_bytes: IntCounter,
    /// Bytes of documents after decompression, accepted or not.
    pub document_bytes: IntCounter,
    /// Documents of a request.
    pub documents_per_request: Histogram,
    /// From handing a request's documents to the producer to their last acknowledgement; requests that gave up waiting are counted with the time they waited.
    pub acknowledgement: Histogram,
    /// Requests that gave up waiting.
    pub overdue: IntCounter,
    /// Open connections.
    pub connections: IntGauge,
}

impl Meters {
    /// Makes and registers the metrics.
    ///
    /// # Errors
    /// When a name is taken, a mistake in the program.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let make = Metrics(registry);
        Ok(Self {
            requests: make.counters("kassaflow_hub_requests_total", "Requests by the status of their answer; those refused at the door are counted in kassaflow_hub_refused_total.", &["status"])?,
            refused: make.counters("kassaflow_hub_refused_total", "Requests answered 503 at the door, by the bound that was reached.", &["bound"])?,
            documents: make.counters("kassaflow_hub_documents_total", "Documents by format and verdict.", &["format", "verdict"])?,
            body_bytes: make.counter("kassaflow_hub_body_bytes_total", "Bytes of request bodies as they were sent.")?,
            document_bytes: make.counter("kassaflow_hub_document_bytes_total", "Bytes of the documents that were handed to the producer.")?,
            documents_per_request: make.histogram("kassaflow_hub_documents_per_request", "Documents of a request.", RECORDS)?,
            acknowledgement: make.histogram("kassaflow_hub_acknowledgement_seconds", "From handing a request's documents to the producer to their last acknowledgement; those that were given up are counted with the time they waited.", SECONDS)?,
            overdue: make.counter("kassaflow_hub_overdue_requests_total", "Requests whose documents were not all acknowledged in time.")?,
            connections: IntGauge::new("connections", "Shown with its bound.")?,
        })
    }

    /// Counts an answer.
    pub fn answered(&self, status: StatusCode) {
        self.requests.with_label_values(&[status.as_str()]).inc();
    }

    /// The counter of one kind of refusal at the door.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> IntCounter {
        self.refused.with_label_values(&[refusal.name()])
    }

    /// Counts documents with a verdict.
    pub fn judged(&self, format: &'static str, verdict: Verdict, count: usize) {
        if count > 0 {
            self.documents.with_label_values(&[format, verdict.name()]).inc_by(count as u64);
        }
    }
}

/// Gauges that are read when somebody looks, so that nothing has to be kept up to date meanwhile.
pub struct Live {
    gauges: Vec<(IntGauge, Reading)>,
}

type Reading = Arc<dyn Fn() -> usize + Send + Sync>;

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("gauges", &self.gauges.len()).finish()
    }
}

impl Live {
    /// No gauges yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { gauges: Vec::new() }
    }

    /// Adds a gauge that shows what `reading` answers.
    ///
    /// # Errors
    /// When the name is malformed, a mistake in the program.
    pub fn show(
        &mut self,
        name: &str,
        help: &str,
        reading: impl Fn() -> usize + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        self.gauges.push((IntGauge::new(name, help)?, Arc::new(reading)));
        Ok(())
    }

    /// Adds a gauge for a bound and one for its use.
    ///
    /// # Errors
    /// As [`Live::show`].
    pub fn show_bound(
        &mut self,
        name: &str,
        what: &str,
        bound: usize,
        used: impl Fn() -> usize + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        self.show(name, what, used)?;
        self.show(&format!("{name}_bound"), &format!("Bound of {name}."), move || bound)
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector for Live {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(|(gauge, _)| gauge.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let read = |(gauge, reading): &(IntGauge, Reading)| {
            gauge.set(i64::try_from(reading()).unwrap_or(i64::MAX));
            gauge.collect()
        };
        self.gauges.iter().flat_map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_gauge_shows_what_is_true_when_it_is_looked_at() {
        let (registry, used) = (Registry::new(), Arc::new(AtomicUsize::new(0)));
        let mut live = Live::new();
        let read = Arc::clone(&used);
        live.show_bound("queue", "Records.", 10, move || read.load(Ordering::Relaxed)).unwrap();
        registry.register(Box::new(live)).unwrap();
        used.store(3, Ordering::Relaxed);
        let shown: Vec<(String, f64)> = registry
            .gather()
            .iter()
            .map(|family| (family.name().to_owned(), family.get_metric()[0].get_gauge().get_value()))
            .collect();
        assert_eq!(shown, [("queue".to_owned(), 3.0), ("queue_bound".to_owned(), 10.0)]);
    }
}
