//! The kills: each service once, with SIGKILL, while it has work in flight.
//!
//! A kill alone says little of the receipt-writer. What it has sent is in `MongoDB`'s socket within a millisecond, and
//! `MongoDB` inserts it, however the writer ends: one that commits offsets before it writes would pass. So `MongoDB` is
//! killed first. What the writer has in hand then can be written by nobody, and it must not be committed either.

use std::time::{Duration, Instant};

use fake_iiko::FakeIiko;
use serde::Serialize;

use crate::{
    demo::{lags::Lags, services::Services, stage::Stage},
    fleet::Progress,
};

/// Which service dies when, in hundredths of the load's time. The line of the offline registers is back at 60.
const PLAN: [(&str, u32); 5] =
    [("receipt-writer", 20), ("product-upserter", 36), ("normalizer", 62), ("hub-ingest", 74), ("stoplist-syncer", 85)];

/// How long the receipt-writer goes on without `MongoDB` before it is killed: several times its commit interval.
const WITHOUT_MONGODB: Duration = Duration::from_secs(2);

/// A service that has nothing to do for so long is killed all the same, and the report says so.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A kill.
#[derive(Debug, Clone, Serialize)]
pub struct Kill {
    /// The service.
    pub service: &'static str,
    /// Seconds from the start of the load.
    pub at_seconds: f64,
    /// The server that was killed before it, and started again after it.
    pub without: Option<&'static str>,
    /// What it was in the middle of: requests, records or calls.
    pub in_flight: i64,
    /// Milliseconds until it was ready again; `None` while it is not.
    pub back_after_ms: Option<u64>,
}

/// The plan and how far it is.
#[derive(Debug)]
pub struct Kills {
    start: Instant,
    load: Duration,
    done: Vec<Kill>,
}

impl Kills {
    /// A plan for a load of this length that starts now.
    #[must_use]
    pub fn new(load: Duration) -> Self {
        Self { start: Instant::now(), load, done: Vec::new() }
    }

    /// Kills what is due and at work. Returns the kill.
    ///
    /// # Errors
    /// When a service cannot be killed or started.
    pub async fn step(
        &mut self,
        services: &mut Services,
        fleet: &Progress,
        lags: Lags,
        stage: &mut Stage,
    ) -> anyhow::Result<Option<Kill>> {
        self.look_who_is_back(services).await?;
        let Some((service, percent)) = PLAN.get(self.done.len()) else { return Ok(None) };
        let elapsed = self.start.elapsed();
        let due = self.load * *percent / 100;
        if elapsed < due {
            return Ok(None);
        }
        let in_flight = work_of(service, fleet, lags, &stage.iiko);
        if in_flight == 0 && elapsed < due + LONGEST_WAIT {
            return Ok(None);
        }
        let mongodb = &mut stage.servers.mongodb;
        let without = (*service == "receipt-writer").then(|| mongodb.kind().name());
        if without.is_some() {
            mongodb.kill().await;
            tokio::time::sleep(WITHOUT_MONGODB).await;
        }
        let at_seconds = self.start.elapsed().as_secs_f64();
        services.kill(service).await?;
        if without.is_some() {
            mongodb.start().await?;
        }
        let kill = Kill { service, at_seconds, without, in_flight, back_after_ms: None };
        self.done.push(kill.clone());
        Ok(Some(kill))
    }

    /// The kills, the last one's recovery included.
    ///
    /// # Errors
    /// When a service is unknown.
    pub async fn finish(mut self, services: &Services) -> anyhow::Result<Vec<Kill>> {
        self.look_who_is_back(services).await?;
        Ok(self.done)
    }

    async fn look_who_is_back(&mut self, services: &Services) -> anyhow::Result<()> {
        for kill in self.done.iter_mut().filter(|kill| kill.back_after_ms.is_none()) {
            if services.answers(kill.service).await? {
                let since = self.start.elapsed().as_secs_f64() - kill.at_seconds;
                kill.back_after_ms = Some((since * 1_000.0) as u64);
            }
        }
        Ok(())
    }
}

fn work_of(service: &str, fleet: &Progress, lags: Lags, iiko: &FakeIiko) -> i64 {
    match service {
        "hub-ingest" => fleet.in_flight as i64,
        "stoplist-syncer" => iiko.calls().iter().rev().take(4).filter(|call| call.status.is_none()).count() as i64,
        other => lags.of(other),
    }
}
