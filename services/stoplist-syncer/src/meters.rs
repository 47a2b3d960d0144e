use std::time::Instant;

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge};
use service::metrics::{Metrics, SECONDS};

use crate::freshness::Freshness;

/// Every metric of the synchronisation, made once.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    pub rounds: IntCounter,
    calls: IntCounterVec,
    call_seconds: HistogramVec,
    /// Organisations by what their synchronisation came to.
    pub organizations: IntCounterVec,
    pub items: IntCounterVec,
    pub refused_logins: IntGauge,
    pub freshness: Freshness,
}

impl Meters {
    pub fn register(registry: &prometheus::Registry) -> prometheus::Result<Self> {
        let metrics = Metrics(registry);
        Ok(Self {
            rounds: metrics.counter("kassaflow_stop_lists_rounds_total", "Rounds that ended, of all logins.")?,
            calls: metrics.counters(
                "kassaflow_iiko_calls_total",
                "Calls to iiko with all their tries, by their last outcome.",
                &["call", "outcome"],
            )?,
            call_seconds: metrics.histograms(
                "kassaflow_iiko_call_seconds",
                "Duration of calls to iiko with all their tries.",
                &["call"],
                SECONDS,
            )?,
            organizations: metrics.counters(
                "kassaflow_stop_lists_organizations_total",
                "Synchronisations of an organisation by result.",
                &["result"],
            )?,
            items: metrics.counters(
                "kassaflow_stop_lists_items_total",
                "Items of stop lists that were written, by change.",
                &["change"],
            )?,
            refused_logins: metrics.gauge(
                "kassaflow_iiko_refused_logins",
                "Logins that iiko refuses or has blocked and that are left alone.",
            )?,
            freshness: Freshness::register(registry)?,
        })
    }

    /// Counts and times a call.
    pub async fn call<T>(
        &self,
        call: &'static str,
        asked: impl Future<Output = Result<T, iiko::Error>>,
    ) -> Result<T, iiko::Error> {
        let begun = Instant::now();
        let result = asked.await;
        self.call_seconds.with_label_values(&[call]).observe(begun.elapsed().as_secs_f64());
        let outcome = result.as_ref().map_or_else(iiko::Error::outcome, |_| "ok");
        self.calls.with_label_values(&[call, outcome]).inc();
        result
    }
}
