//! How long a receipt takes from its register into both databases.
//!
//! Probe registers sell one good a receipt, each receipt another one, so the price of that good in their shop is
//! there exactly when the receipt has been dealt with. All receipts that are awaited are asked for together.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::TryStreamExt as _;
use hdrhistogram::Histogram;
use mongodb::{
    Collection,
    bson::{RawDocumentBuf, doc},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_postgres::Client;

use crate::fleet::{Probe, microseconds};

/// Between two looks; half of it is the mean error, and each costs the databases as much as a few receipts.
const BETWEEN: Duration = Duration::from_millis(40);

const PRICES: &str = "SELECT wanted.place FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY \
                      AS wanted(tenant, product_key, shop, at, place) \
                      JOIN observed_prices USING (tenant, product_key, shop) \
                      WHERE observed_at >= to_timestamp(wanted.at)";

/// What the probes tell.
#[derive(Debug, Clone)]
pub struct EndToEnd {
    /// Microseconds from the intended sending to being seen in both databases.
    pub both_us: Histogram<u64>,
    /// Probes that were never seen.
    pub unseen: usize,
}

/// Watches for probes until the sender is gone and all were seen, or `stop` is called.
#[derive(Debug)]
pub struct ProbeWatch {
    task: JoinHandle<anyhow::Result<EndToEnd>>,
    seen: Arc<Mutex<Seen>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// Latencies in microseconds.
#[derive(Debug)]
struct Seen {
    all: Histogram<u64>,
    recent: Histogram<u64>,
}

struct Awaited {
    probe: Probe,
    in_mongo: bool,
    in_postgres: bool,
}

impl ProbeWatch {
    /// Starts watching.
    #[must_use]
    pub fn start(
        receipts: Collection<RawDocumentBuf>,
        postgres: Client,
        probes: mpsc::UnboundedReceiver<Probe>,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Seen { all: microseconds(), recent: microseconds() }));
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let task = tokio::spawn(watch(receipts, postgres, probes, seen.clone(), stopped));
        Self { task, seen, stop }
    }

    /// Latencies since the last call.
    #[must_use]
    pub fn take_recent(&self) -> Histogram<u64> {
        std::mem::replace(&mut lock(&self.seen).recent, microseconds())
    }

    /// Forgets the latencies so far: what comes now is measured.
    pub fn forget_latencies(&self) {
        lock(&self.seen).all.reset();
    }

    /// Ends watching.
    ///
    /// # Errors
    /// When a database could not be read.
    pub async fn end(self) -> anyhow::Result<EndToEnd> {
        self.stop.send_replace(true);
        self.task.await?
    }
}

async fn watch(
    receipts: Collection<RawDocumentBuf>,
    postgres: Client,
    mut probes: mpsc::UnboundedReceiver<Probe>,
    seen: Arc<Mutex<Seen>>,
    stopped: tokio::sync::watch::Receiver<bool>,
) -> anyhow::Result<EndToEnd> {
    let mut awaited: Vec<Awaited> = Vec::new();
    while !*stopped.borrow() {
        tokio::time::sleep(BETWEEN).await;
        while let Ok(probe) = probes.try_recv() {
            awaited.push(Awaited { probe, in_mongo: false, in_postgres: false });
        }
        look_into_mongo(&receipts, &mut awaited).await?;
        look_into_postgres(&postgres, &mut awaited).await?;
        let now = Instant::now();
        let mut latencies = lock(&seen);
        awaited.retain(|one| {
            let both = one.in_mongo && one.in_postgres;
            if both {
                let took = now.saturating_duration_since(one.probe.due).as_micros() as u64;
                latencies.all.saturating_record(took);
                latencies.recent.saturating_record(took);
            }
            !both
        });
    }
    let both_us = lock(&seen).all.clone();
    Ok(EndToEnd { both_us, unseen: awaited.len() })
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn look_into_mongo(receipts: &Collection<RawDocumentBuf>, awaited: &mut [Awaited]) -> anyhow::Result<()> {
    let ids: Vec<&str> = awaited.iter().filter(|one| !one.in_mongo).map(|one| &*one.probe.receipt_id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut found = receipts.find(doc! {"_id": {"$in": ids}}).projection(doc! {"_id": 1}).await?;
    while let Some(document) = found.try_next().await? {
        let id = document.get_str("_id")?;
        if let Some(one) = awaited.iter_mut().find(|one| one.probe.receipt_id == id) {
            one.in_mongo = true;
        }
    }
    Ok(())
}

async fn look_into_postgres(postgres: &Client, awaited: &mut [Awaited]) -> anyhow::Result<()> {
    let mut missing: Vec<&mut Awaited> = awaited.iter_mut().filter(|one| !one.in_postgres).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let column = |pick: fn(&Probe) -> &str| missing.iter().map(|one| pick(&one.probe)).collect::<Vec<_>>();
    let tenants = column(|probe| &probe.tenant);
    let keys = column(|probe| &probe.product_key);
    let shops = column(|probe| &probe.shop);
    let times: Vec<i64> = missing.iter().map(|one| one.probe.observed_at).collect();
    let rows = postgres.query(PRICES, &[&tenants, &keys, &shops, &times]).await?;
    for row in rows {
        let place: i64 = row.try_get(0)?;
        if let Some(one) = usize::try_from(place - 1).ok().and_then(|place| missing.get_mut(place)) {
            one.in_postgres = true;
        }
    }
    Ok(())
}
