//! A run while it goes on: the fleet, the services and those who watch them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use anyhow::ensure;
use hdrhistogram::Histogram;

use crate::{
    demo::{
        kills::{Kill, Kills},
        lags::LagWatch,
        probes::ProbeWatch,
        rows::{Databases, Rows},
        services::Services,
        stage::Stage,
    },
    fleet::{Fleet, Load, Progress, Storm, StormReport, milliseconds},
    live::{Live, duration, grouped},
    processes::{Account, Usage, tree_usage, usage},
};

/// How often the run is looked after.
const TICK: Duration = Duration::from_millis(100);
/// How often the table is drawn and the rows are counted.
const BETWEEN_TABLES: Duration = Duration::from_secs(1);
/// How often the rows are counted that wait to be published.
const BETWEEN_COUNTS: Duration = Duration::from_millis(200);
/// Changes on the restaurants' stop lists, a second.
const STOP_LIST_CHANGES: usize = 5;
/// How long looks are remembered.
const REMEMBERED: Duration = Duration::from_secs(2);
/// Lags must be nothing in so many looks, one after the other.
const QUIET_LOOKS: u32 = 3;

/// Everything that goes on.
#[derive(Debug)]
pub struct Watched<'a> {
    /// The servers.
    pub stage: &'a mut Stage,
    /// The services.
    pub services: &'a mut Services,
    fleet: &'a Fleet,
    databases: &'a Databases,
    probes: &'a ProbeWatch,
    lags: LagWatch,
    kills: Option<Kills>,
    live: Live,
    start: Instant,
    table_at: Instant,
    progress: Progress,
    /// What was acknowledged when the table was drawn, and when that was.
    drawn: (u64, Instant),
    rows: Rows,
    /// Rows that the relays have not published, and when they were counted.
    unpublished: (Instant, i64),
    /// What each server has used.
    servers: BTreeMap<&'static str, Account>,
    changing: bool,
    /// What was behind at each of the last looks.
    looks: VecDeque<(Instant, i64)>,
}

impl<'a> Watched<'a> {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub fn new(
        stage: &'a mut Stage,
        services: &'a mut Services,
        fleet: &'a Fleet,
        databases: &'a Databases,
        probes: &'a ProbeWatch,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            lags: LagWatch::start(&stage.endpoints.kafka)?,
            stage,
            services,
            fleet,
            databases,
            probes,
            kills: None,
            live: Live::default(),
            start: Instant::now(),
            table_at: Instant::now(),
            progress: Progress::default(),
            drawn: (0, Instant::now()),
            rows: Rows::default(),
            unpublished: (Instant::now(), 0),
            servers: BTreeMap::new(),
            changing: true,
            looks: VecDeque::new(),
        })
    }

    /// Says something that stays.
    pub fn say(&mut self, line: &str) {
        self.live.say(line);
    }

    /// Kills each service once during a load of this length, which starts now.
    pub fn kill_during(&mut self, load: Duration) {
        self.kills = Some(Kills::new(load));
    }

    /// Makes a load and looks after everything meanwhile.
    ///
    /// # Errors
    /// When the fleet or a service stops working.
    pub async fn load(&mut self, load: Load) -> anyhow::Result<()> {
        let fleet = self.fleet;
        let mut loading = std::pin::pin!(fleet.load(load));
        loop {
            tokio::select! {
                done = &mut loading => return Ok(done?),
                () = tokio::time::sleep(TICK) => self.look_after().await?,
            }
        }
    }

    /// Forgets the latencies so far: what comes now is measured.
    ///
    /// # Errors
    /// When the fleet has stopped working.
    pub fn forget_latencies(&self) -> anyhow::Result<()> {
        self.probes.forget_latencies();
        Ok(self.fleet.forget_latencies()?)
    }

    /// Lets the registers lose patience, and looks after everything meanwhile.
    ///
    /// # Errors
    /// When the fleet or a service stops working.
    pub async fn storm(&mut self, storm: Storm) -> anyhow::Result<StormReport> {
        let fleet = self.fleet;
        let mut storming = std::pin::pin!(fleet.storm(storm));
        loop {
            tokio::select! {
                report = &mut storming => return Ok(report?),
                () = tokio::time::sleep(TICK) => self.look_after().await?,
            }
        }
    }

    /// Waits until every document has its final answer; returns those that have none.
    ///
    /// # Errors
    /// When the fleet or a service stops working.
    pub async fn settle(&mut self, longest: Duration) -> anyhow::Result<u64> {
        let fleet = self.fleet;
        let mut settling = std::pin::pin!(fleet.settle(longest));
        loop {
            tokio::select! {
                open = &mut settling => return Ok(open?),
                () = tokio::time::sleep(TICK) => self.look_after().await?,
            }
        }
    }

    /// Waits until nothing is behind, and then until the relays, which gather rows for half a second, have published
    /// everything. Returns how long it took until nothing was behind for the first time; it must stay so for a while.
    ///
    /// # Errors
    /// When that takes longer than `longest`, or something stops working.
    pub async fn drain(&mut self, longest: Duration) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let end = start + longest;
        let (mut quiet, mut drained) = (0, start.elapsed());
        let mut looked_at = self.lags.now().at;
        while quiet < QUIET_LOOKS {
            ensure!(Instant::now() < end, "after {} s {} documents are still behind", longest.as_secs(), self.behind());
            tokio::time::sleep(TICK / 2).await;
            self.look_after().await?;
            let newest = self.lags.now().at;
            if newest != looked_at {
                looked_at = newest;
                match (self.behind(), quiet) {
                    (0, 0) => (quiet, drained) = (1, start.elapsed()),
                    (0, looks) => quiet = looks + 1,
                    _ => quiet = 0,
                }
            }
        }
        while self.unpublished.1 > 0 {
            ensure!(Instant::now() < end, "after {} s there are still rows that are not published", longest.as_secs());
            tokio::time::sleep(TICK).await;
            self.look_after().await?;
        }
        Ok(drained)
    }

    /// What was behind or not published on average in the last seconds: offsets are committed by steps, and a single
    /// look could see any of them.
    #[must_use]
    pub fn mean_behind(&self) -> i64 {
        self.looks.iter().map(|(_, behind)| behind).sum::<i64>() / self.looks.len().max(1) as i64
    }

    /// Documents without a final answer, and records that a stage has not finished.
    pub fn behind(&self) -> i64 {
        let counters = self.fleet.counters();
        let unanswered = counters.made - counters.acknowledged - counters.rejected;
        self.lags.now().sum() + unanswered as i64
    }

    /// Leaves the stop lists as they are and waits until PostgreSQL has them.
    ///
    /// # Errors
    /// When PostgreSQL cannot be read.
    pub async fn settle_stop_lists(&mut self, longest: Duration) -> anyhow::Result<()> {
        self.changing = false;
        let (truth, end) = (self.stage.iiko.stop_lists(), Instant::now() + longest);
        // Lists that still differ then are a finding of the check.
        while !crate::check::stop_lists::agree(&self.databases.postgres, &truth).await? && Instant::now() < end {
            tokio::time::sleep(TICK).await;
            self.look_after().await?;
        }
        Ok(())
    }

    /// Ends watching: the kills, and what each process used.
    ///
    /// # Errors
    /// When a service is unknown.
    pub async fn end(mut self) -> anyhow::Result<(Vec<Kill>, BTreeMap<String, Usage>, BTreeMap<&'static str, u32>)> {
        self.note_usage();
        let mut usages: BTreeMap<String, Usage> =
            self.servers.iter().map(|(name, account)| ((*name).to_owned(), account.sum())).collect();
        let mut ends = BTreeMap::new();
        for (name, usage, unasked) in self.services.usages() {
            usages.insert(name.to_owned(), usage);
            ends.insert(name, unasked);
        }
        usages.insert("fleet and demo".to_owned(), usage(std::process::id()).unwrap_or_default());
        let kills = match self.kills.take() {
            Some(kills) => kills.finish(self.services).await?,
            None => Vec::new(),
        };
        Ok((kills, usages, ends))
    }

    async fn look_after(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        if now - self.unpublished.0 >= BETWEEN_COUNTS {
            self.unpublished = (now, self.databases.unpublished().await?);
        }
        self.looks.push_back((now, self.behind() + self.unpublished.1));
        while self.looks.front().is_some_and(|(at, _)| now - *at > REMEMBERED) {
            self.looks.pop_front();
        }
        for name in self.services.supervise()? {
            self.live.say(&format!("{name} ended by itself and is started again"));
        }
        let progress = self.fleet.progress();
        if let Some(kills) = &mut self.kills
            && let Some(kill) = kills.step(self.services, &progress, self.lags.now(), self.stage).await?
        {
            let without = kill.without.map_or_else(String::new, |server| format!(" after {server}"));
            self.live.say(&format!("killed {}{without} with {} in flight", kill.service, grouped(kill.in_flight)));
        }
        let mut recent = std::mem::replace(&mut self.progress, progress).recent;
        // Both have the same bounds, so adding cannot fail.
        recent.add(&self.progress.recent).unwrap_or_default();
        self.progress.recent = recent;
        if self.table_at <= Instant::now() {
            self.table_at = Instant::now() + BETWEEN_TABLES;
            if self.changing {
                self.stage.iiko.mutate(STOP_LIST_CHANGES);
            }
            self.rows = self.databases.rows().await?;
            self.note_usage();
            self.draw();
            self.progress.recent.reset();
        }
        Ok(())
    }

    fn note_usage(&mut self) {
        for (name, process) in self.stage.processes() {
            if let Some(now) = tree_usage(process) {
                self.servers.entry(name).or_default().note(process, now);
            }
        }
    }

    fn draw(&mut self) {
        let Progress { counters, open, offline, recent, .. } = &self.progress;
        let (before, then) = std::mem::replace(&mut self.drawn, (counters.acknowledged, Instant::now()));
        let rate = (counters.acknowledged - before) as f64 / then.elapsed().as_secs_f64();
        let end_to_end = self.probes.take_recent();
        let lags = self.lags.now();
        let Rows { receipts, shifts, products, prices, .. } = self.rows;
        let quantiles = |histogram: &Histogram<u64>| {
            if histogram.is_empty() {
                return "-".to_owned();
            }
            format!("{} / {}", duration(milliseconds(histogram, 0.5)), duration(milliseconds(histogram, 0.99)))
        };
        self.live.show(&[
            ("time", format!("{:.0} s", self.start.elapsed().as_secs_f64())),
            ("acknowledged", format!("{} ({}/s)", grouped(counters.acknowledged), grouped(rate as u64))),
            ("under way", format!("{} ({} offline)", grouped(*open), grouped(*offline))),
            ("retries", grouped(counters.retries)),
            ("ack p50/p99", quantiles(recent)),
            ("in both databases p50/p99", quantiles(&end_to_end)),
            (
                "lag normalizer/writer/upserter/relays",
                format!("{} / {}", lags.records.map(grouped).join(" / "), grouped(self.unpublished.1)),
            ),
            ("receipts, shifts", format!("{}, {}", grouped(receipts), grouped(shifts))),
            ("products, prices", format!("{}, {}", grouped(products), grouped(prices))),
        ]);
    }
}
