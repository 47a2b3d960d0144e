use prometheus::{Histogram, IntCounter, IntGauge, Registry};
use service::metrics::{Metrics, RECORDS, SECONDS};

use crate::known::News;

/// Metrics of the service, made once.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    pub nothing_new: IntCounter,
    pub confirms: IntCounter,
    pub changes: IntCounter,
    pub dead_letters: IntCounter,
    pub products: ByNews,
    pub prices: ByNews,
    pub price_changes: IntCounter,
    pub batch_rows: Histogram,
    pub write_seconds: Histogram,
    pub known: IntGauge,
}

/// Observations by what they are to what is known.
#[derive(Debug, Clone)]
pub(crate) struct ByNews {
    old: IntCounter,
    confirms: IntCounter,
    changes: IntCounter,
}

impl ByNews {
    pub fn count(&self, news: News) {
        match news {
            News::Old => self.old.inc(),
            News::Confirms => self.confirms.inc(),
            News::Changes => self.changes.inc(),
        }
    }
}

impl Meters {
    pub fn register(registry: &Registry, known_entries: usize) -> prometheus::Result<Self> {
        let metrics = Metrics(registry);
        let bound = metrics.gauge("kassaflow_upserter_known_bound", "Most products and prices that are remembered.")?;
        bound.set(i64::try_from(known_entries).unwrap_or(i64::MAX));
        let help = "Receipts by what they told to what is known, and those that became dead letters.";
        let receipts = metrics.counters("kassaflow_upserter_receipts_total", help, &["became"])?;
        let help = "Observations of products and prices by what they are to what is known.";
        let observations = metrics.counters("kassaflow_upserter_observations_total", help, &["table", "news"])?;
        let by_news = |table| {
            let [old, confirms, changes] =
                ["old", "confirms", "changes"].map(|news| observations.with_label_values(&[table, news]));
            ByNews { old, confirms, changes }
        };
        Ok(Self {
            nothing_new: receipts.with_label_values(&["nothing_new"]),
            confirms: receipts.with_label_values(&["confirms"]),
            changes: receipts.with_label_values(&["changes"]),
            dead_letters: receipts.with_label_values(&["dead_letter"]),
            products: by_news("products"),
            prices: by_news("prices"),
            price_changes: metrics.counter(
                "kassaflow_upserter_price_changes_total",
                "Products that got a new version because a price changed.",
            )?,
            batch_rows: metrics.histogram(
                "kassaflow_upserter_batch_rows",
                "Rows of each transaction, of both tables.",
                RECORDS,
            )?,
            write_seconds: metrics.histogram(
                "kassaflow_upserter_write_seconds",
                "Time of each transaction, with its retries.",
                SECONDS,
            )?,
            known: metrics.gauge("kassaflow_upserter_known", "Products and prices that are remembered.")?,
        })
    }
}
