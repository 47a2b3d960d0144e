use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use prometheus::{
    Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use service::metrics::{Metrics, RECORDS};

/// What makes a relay start over.
pub(crate) const CAUSES: [&str; 3] = ["postgres", "lock", "kafka"];

/// Every metric of a relay, made once.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    pub published: IntCounter,
    pub too_large: IntCounter,
    pub batches: Histogram,
    pub failures: IntCounterVec,
    pub active: IntGauge,
    clean: Clean,
}

impl Meters {
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Metrics(registry);
        let rows = metrics.counters("kassaflow_relay_rows_total", "Dirty rows by what became of them.", &["result"])?;
        let help =
            "Time since the relay last saw every change published; says nothing where kassaflow_relay_active is 0.";
        let age = Gauge::with_opts(Opts::new("kassaflow_relay_behind_seconds", help))?;
        let failures =
            metrics.counters("kassaflow_relay_failures_total", "Times that the relay started over.", &["cause"])?;
        for cause in CAUSES {
            failures.with_label_values(&[cause]); // shown from the start, so that a rise from zero is seen
        }
        let clean = Clean { started: Instant::now(), millis: Arc::default() };
        registry.register(Box::new(Age { age, clean: clean.clone() }))?;
        Ok(Self {
            published: rows.with_label_values(&["published"]),
            too_large: rows.with_label_values(&["too_large"]),
            batches: metrics.histogram("kassaflow_relay_batch_rows", "Rows of each transaction.", RECORDS)?,
            failures,
            active: metrics.gauge("kassaflow_relay_active", "1 while this process holds the relay's lock.")?,
            clean,
        })
    }

    /// Everything that was written before `moment` is published, or another relay is in charge of it.
    pub fn clean_since(&self, moment: Instant) {
        let millis = moment.saturating_duration_since(self.clean.started).as_millis();
        self.clean.millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

#[derive(Debug, Clone)]
struct Clean {
    started: Instant,
    millis: Arc<AtomicU64>,
}

/// Computed when it is asked for, so that it grows while the relay is stuck.
struct Age {
    age: Gauge,
    clean: Clean,
}

impl Collector for Age {
    fn desc(&self) -> Vec<&Desc> {
        self.age.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let clean = std::time::Duration::from_millis(self.clean.millis.load(Ordering::Relaxed));
        self.age.set(self.clean.started.elapsed().saturating_sub(clean).as_secs_f64());
        self.age.collect()
    }
}
