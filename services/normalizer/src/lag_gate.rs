//! Lets the bulk lane through while nobody is behind.
//!
//! A look asks how far every group on the road is behind: the normalizer itself on raw, the sinks on what it sends.
//! As many bulk records as the furthest one lacks to the bound may then be read, until the next look. So what is sent
//! now finds at most the bound in front of it. While the lags cannot be read, the lane is closed.

use std::{collections::BTreeMap, time::Duration};

use kafka::{
    Client, Gate,
    admin::{AdminError, Lag, LagReader},
};
use prometheus::{IntGauge, Registry};
use schemas::catalogue::{Catalogue, CatalogueError};
use service::{Fatal, metrics::Metrics};
use tokio_util::sync::CancellationToken;

use crate::NormalizerSettings;

/// The road of a fresh receipt.
const ROAD: [&str; 4] = [schemas::raw::TOPIC, schemas::receipts::TOPIC, schemas::shifts::TOPIC, schemas::events::TOPIC];

/// Looks at the lags and holds the gate.
#[derive(Debug)]
pub(crate) struct Watch {
    client: Client,
    road: Catalogue,
    bound: usize,
    every: Duration,
    gate: Gate,
    meters: Meters,
}

#[derive(Debug)]
struct Meters {
    open: IntGauge,
    lag: IntGauge,
}

impl Watch {
    pub fn new(client: Client, settings: &NormalizerSettings, gate: Gate, metrics: &Registry) -> Result<Self, Fatal> {
        let metrics = Metrics(metrics);
        let bound =
            metrics.gauge("kassaflow_normalizer_bulk_lag_bound", "Lag from which on no bulk record is read.")?;
        bound.set(i64::try_from(settings.bulk_lag_bound).unwrap_or(i64::MAX));
        let meters = Meters {
            open: metrics.gauge(
                "kassaflow_normalizer_bulk_open",
                "1 if the last look let bulk records through, 0 if somebody was behind or the lags could not be read.",
            )?,
            lag: metrics.gauge(
                "kassaflow_normalizer_bulk_lag",
                "Lag of the group on the road that was furthest behind at the last look; -1: it could not be read.",
            )?,
        };
        let every = Duration::from_millis(settings.bulk_look_ms);
        Ok(Self { client, road: road()?, bound: settings.bulk_lag_bound, every, gate, meters })
    }

    /// Looks again and again until shutdown.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Fatal> {
        let mut reader = None;
        let mut is_readable = true;
        loop {
            let (client, road) = (self.client.clone(), self.road.clone());
            let look = tokio::task::spawn_blocking(move || look(&client, &road, reader));
            let Some(looked) = shutdown.run_until_cancelled(look).await else { return Ok(()) };
            let lag = match looked? {
                Ok((lag, opened)) => {
                    reader = Some(opened);
                    Some(lag)
                }
                Err(error) => {
                    reader = None;
                    if is_readable {
                        tracing::warn!(%error, "the lags cannot be read; bulk records wait");
                    }
                    None
                }
            };
            is_readable = lag.is_some();
            let allowed = allowed(self.bound, lag);
            self.gate.allow(allowed);
            self.meters.open.set(i64::from(allowed > 0));
            self.meters.lag.set(lag.unwrap_or(-1));
            if shutdown.run_until_cancelled(tokio::time::sleep(self.every)).await.is_none() {
                return Ok(());
            }
        }
    }
}

/// The part of the catalogue whose lags count.
fn road() -> Result<Catalogue, CatalogueError> {
    let mut road = Catalogue::load()?;
    road.topics.retain(|name, _| ROAD.contains(&&**name));
    Ok(road)
}

/// Why a look says nothing.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Kafka(#[from] AdminError),
    #[error("not every topic is there; `kassactl topics apply` creates them")]
    Incomplete,
}

/// The lag of the group that is furthest behind.
fn look(client: &Client, road: &Catalogue, reader: Option<LagReader>) -> Result<(i64, LagReader), Unreadable> {
    let reader = match reader {
        Some(reader) => reader,
        None => LagReader::open(client, road)?,
    };
    Ok((furthest(&reader.read()?, road)?, reader))
}

fn furthest(lags: &[Lag], road: &Catalogue) -> Result<i64, Unreadable> {
    let mut topics = BTreeMap::<(&str, &str), i64>::new();
    for lag in lags {
        *topics.entry((&lag.group, &lag.topic)).or_default() += lag.records();
    }
    // A topic that is missing has no lag, and yet nobody can be said to keep up with it.
    if topics.len() < road.topics.values().map(|topic| topic.groups.len()).sum() {
        return Err(Unreadable::Incomplete);
    }
    let mut groups = BTreeMap::<&str, i64>::new();
    for ((group, _), records) in topics {
        *groups.entry(group).or_default() += records;
    }
    Ok(groups.into_values().max().unwrap_or(0))
}

fn allowed(bound: usize, lag: Option<i64>) -> usize {
    // A lag below zero, of a topic that was made anew, says that nobody is behind.
    lag.map_or(0, |lag| bound.saturating_sub(usize::try_from(lag).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lag(group: &str, topic: &str, records: i64) -> Lag {
        Lag { group: group.into(), topic: topic.into(), partition: 0, committed: Some(5), end: 5 + records }
    }

    fn lags() -> Vec<Lag> {
        vec![
            lag("normalizer", "p.registers.raw.v1", 3),
            lag("receipt-writer", "p.registers.receipts.v1", 40),
            lag("receipt-writer", "p.registers.receipts.v1", 2),
            lag("receipt-writer", "p.registers.shifts.v1", 1),
            lag("product-upserter", "p.registers.receipts.v1", 42),
        ]
    }

    #[test]
    fn the_group_that_is_furthest_behind_counts_with_all_its_topics() {
        assert_eq!(furthest(&lags(), &road().unwrap()).unwrap(), 43);
    }

    #[test]
    fn without_every_topic_nothing_is_known() {
        let lags: Vec<Lag> = lags().into_iter().filter(|lag| !lag.topic.ends_with("shifts.v1")).collect();
        assert!(matches!(furthest(&lags, &road().unwrap()), Err(Unreadable::Incomplete)));
    }

    #[test]
    fn what_is_missing_to_the_bound_is_allowed_and_nothing_while_the_lag_is_unknown() {
        assert_eq!([Some(0), Some(99), Some(100), Some(500), None].map(|lag| allowed(100, lag)), [100, 1, 0, 0, 0]);
    }
}
