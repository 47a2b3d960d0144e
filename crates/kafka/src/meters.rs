//! Metrics of the consumer loop.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};
use rdkafka::error::KafkaResult;
use service::metrics::Metrics;

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
    pub fn register(registry: &Registry, most_records: usize, most_bytes: usize) -> prometheus::Result<Self> {
        let metrics = Metrics(registry);
        let bounds = metrics.gauges(
            "kassaflow_consumer_in_flight_bound",
            "Bound of what is taken and not finished.",
            &["unit"],
        )?;
        bounds.with_label_values(&["records"]).set(i64::try_from(most_records).unwrap_or(i64::MAX));
        bounds.with_label_values(&["bytes"]).set(i64::try_from(most_bytes).unwrap_or(i64::MAX));
        Ok(Self {
            records: metrics.counter("kassaflow_consumer_records_total", "Records fetched.")?,
            bytes: metrics.counter("kassaflow_consumer_bytes_total", "Bytes of keys and values fetched.")?,
            pauses: metrics.counter(
                "kassaflow_consumer_pauses_total",
                "Times that fetching was paused because a bound was reached or a neighbour was away.",
            )?,
            rebalances: metrics
                .counter("kassaflow_consumer_rebalances_total", "Times that partitions were assigned or taken away.")?,
            stalled_seconds: metrics.gauge(
                "kassaflow_consumer_stalled_seconds",
                "Time without a finished record although some are at hand.",
            )?,
            commits: metrics.counters(
                "kassaflow_consumer_commits_total",
                "Commits by what the broker said.",
                &["result"],
            )?,
            in_flight_records: metrics
                .gauge("kassaflow_consumer_in_flight_records", "Records taken and not finished.")?,
            in_flight_bytes: metrics.gauge("kassaflow_consumer_in_flight_bytes", "Bytes taken and not finished.")?,
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
