//! Shared rules for metrics: names start with `kassaflow_`, every metric is registered once, at start.

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    process_collector::ProcessCollector,
};

/// Bounds of latency histograms, seconds: 1 ms to 60 s.
pub const SECONDS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Bounds of batch-size histograms, records.
pub const RECORDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0];

/// Makes metrics and registers them in one step.
#[derive(Debug, Clone)]
pub struct Metrics<'r>(pub &'r Registry);

impl Metrics<'_> {
    /// A counter.
    ///
    /// # Errors
    /// When the name is taken or malformed, a mistake in the program.
    pub fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::new(name, help)?)
    }

    /// A counter for each value of its labels.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    /// A whole-number gauge.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::new(name, help)?)
    }

    /// A whole-number gauge for each value of its labels.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// A gauge with a fraction.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn fraction(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.register(Gauge::new(name, help)?)
    }

    /// A histogram with the given bucket bounds.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> prometheus::Result<Histogram> {
        self.register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))?)
    }

    /// A histogram for each value of its labels.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        bounds: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        self.register(HistogramVec::new(HistogramOpts::new(name, help).buckets(bounds.to_vec()), labels)?)
    }

    fn register<C: prometheus::core::Collector + Clone + 'static>(&self, collector: C) -> prometheus::Result<C> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }
}

/// CPU, memory and open files of the process, and its version.
///
/// # Errors
/// When they are registered already.
pub fn register_process(registry: &Registry, service: &'static str) -> prometheus::Result<()> {
    #[cfg(target_os = "linux")]
    registry.register(Box::new(ProcessCollector::for_self()))?;
    let labels = ["service", "version"];
    let info = Metrics(registry).gauges("kassaflow_build_info", "Always 1; its labels tell what runs.", &labels)?;
    info.with_label_values(&[service, env!("CARGO_PKG_VERSION")]).set(1);
    Ok(())
}
