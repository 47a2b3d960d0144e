//! Metrics of the consumer loop.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector};
use rdkafka::error::KafkaResult;

/// Every metric of one consumer, made once.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerMeters {
    pub records: IntCounter,
    pub bytes: IntCounter,
    pub pauses: IntCounter,
    pub rebalances: IntCounter,
    pub stalled_seconds: IntGauge,
    commits: IntCounterVec,
    in_flight_records: IntGauge,
    in_flight_bytes: IntGauge,
}

impl ConsumerMeters {
    /// `group` is a label of all of them: a process may have several consumers.
    pub fn register(
        registry: &Registry,
        group: &str,
        most_records: usize,
        most_bytes: usize,
    ) -> prometheus::Result<Self> {
        let of_group = |name: &str, help: &str| Opts::new(name, help).const_label("group", group);
        let counter = |name, help| registered(registry, IntCounter::with_opts(of_group(name, help)));
        let gauge = |name, help| registered(registry, IntGauge::with_opts(of_group(name, help)));
        let bounds = of_group("kassaflow_consumer_in_flight_bound", "Bound of what is taken and not finished.");
        let bounds = registered(registry, IntGaugeVec::new(bounds, &["unit"]))?;
        bounds.with_label_values(&["records"]).set(i64::try_from(most_records).unwrap_or(i64::MAX));
        bounds.with_label_values(&["bytes"]).set(i64::try_from(most_bytes).unwrap_or(i64::MAX));
        let commits = of_group("kassaflow_consumer_commits_total", "Commits by what the broker said.");
        Ok(Self {
            records: counter("kassaflow_consumer_records_total", "Records fetched.")?,
            bytes: counter("kassaflow_consumer_bytes_total", "Bytes of keys and values fetched.")?,
            pauses: counter(
                "kassaflow_consumer_pauses_total",
                "Times that fetching was paused: a bound was reached, a neighbour was away, or a gate was closed.",
            )?,
            rebalances: counter(
                "kassaflow_consumer_rebalances_total",
                "Times that partitions were assigned or taken away.",
            )?,
            stalled_seconds: gauge(
                "kassaflow_consumer_stalled_seconds",
                "Time without a finished record although some are at hand.",
            )?,
            commits: registered(registry, IntCounterVec::new(commits, &["result"]))?,
            in_flight_records: gauge("kassaflow_consumer_in_flight_records", "Records taken and not finished.")?,
            in_flight_bytes: gauge("kassaflow_consumer_in_flight_bytes", "Bytes taken and not finished.")?,
        })
    }

    pub fn committed(&self, result: &KafkaResult<()>) {
        self.commits.with_label_values(&[if result.is_ok() { "ok" } else { "refused" }]).inc();
    }

    pub fn load(&self, records: usize, bytes: usize) {
        self.in_flight_records.set(i64::try_from(records).unwrap_or(i64::MAX));
        self.in_flight_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
