//! The report: `report.json` for programs, a summary for people.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use serde::Serialize;

use crate::{
    check::{Findings, Mistakes},
    demo::{
        kills::Kill,
        max_rate::{self, Trial},
        probes::EndToEnd,
    },
    fleet::{Counters, Record, StormReport, milliseconds},
    ledger::{Kind, State},
    live::{duration, grouped},
    processes::Usage,
};

/// Everything that a run of the demo found out. The names of the first fields are an interface.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Documents made by the fleet, each counted once.
    pub sent: u64,
    /// Documents acknowledged, each counted once.
    pub acknowledged: u64,
    /// Those by format.
    pub acknowledged_by_format: BTreeMap<&'static str, u64>,
    /// Documents refused for good.
    pub rejected: u64,
    /// Receipts in MongoDB.
    pub receipts_in_mongo: u64,
    /// Acknowledged documents that are nowhere.
    pub lost: u64,
    /// What was never sent and is somewhere.
    pub foreign: u64,
    /// Documents that say something else than was sent.
    pub wrong_content: u64,
    /// What the tenants' money differs by.
    pub money_difference_kopecks: u64,
    /// Records on the topics that repeat another one.
    pub topic_repeats: u64,
    /// Rows of `products`.
    pub products_in_postgres: u64,
    /// Products and prices that are missing or not the newest.
    pub wrong_products: u64,
    /// Items on stop lists in PostgreSQL.
    pub stop_list_items: u64,
    /// Receipts acknowledged a second, over the time of the load; with `RATE=max` the highest sustained rate.
    pub receipts_per_second: f64,
    /// From the intended sending to the acknowledgement; documents of a backlog not counted.
    pub ack_p50_ms: f64,
    /// The same, 99 of 100.
    pub ack_p99_ms: f64,
    /// From the intended sending to being seen in MongoDB and PostgreSQL.
    pub end_to_end_p50_ms: f64,
    /// The same, 99 of 100.
    pub end_to_end_p99_ms: f64,
    /// CPU seconds of each process.
    pub cpu_seconds_by_process: BTreeMap<String, f64>,
    /// Peak memory of each process.
    pub peak_rss_mb_by_process: BTreeMap<String, f64>,
    /// CPU seconds of each process for a million acknowledged documents.
    pub cpu_seconds_per_million_by_process: BTreeMap<String, f64>,

    /// Everything was right.
    pub passed: bool,
    /// What the run was asked for.
    pub settings: RunSettings,
    /// Seconds that the load lasted.
    pub load_seconds: f64,
    /// Seconds from the end of the load until everything was in the databases.
    pub drain_seconds: f64,
    /// The kills.
    pub kills: Vec<Kill>,
    /// Ends of services that nobody asked for.
    pub unasked_ends: BTreeMap<&'static str, u32>,
    /// Documents without a final answer.
    pub unanswered: u64,
    /// Documents collected while their register was cut off.
    pub backlog_documents: u64,
    /// From the first sending of a document of a backlog to its acknowledgement, 99 of 100.
    pub backlog_ack_p99_ms: f64,
    /// Probe receipts that were never seen in both databases.
    pub unseen_probes: u64,
    /// Everything that the fleet counted.
    pub fleet: Counters,
    /// Everything that the check found, with examples.
    pub findings: Findings,
    /// The rates that were tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<Trial>,
    /// What the storm met with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormReport>,
}

/// What the run was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct RunSettings {
    /// Seed of the fleet.
    pub seed: u64,
    /// Number of registers.
    pub registers: usize,
    /// Documents a second, or `max`.
    pub rate: String,
    /// Seconds of load.
    pub seconds: u64,
    /// Connections of the fleet.
    pub connections: usize,
}

/// What a report is made from.
#[derive(Debug)]
pub struct Run {
    /// What the run was asked for.
    pub settings: RunSettings,
    /// The fleet's record.
    pub record: Record,
    /// Acknowledged documents by format.
    pub acknowledged_by_format: BTreeMap<&'static str, u64>,
    /// What the probes tell.
    pub end_to_end: EndToEnd,
    /// What the processes used, and ends that nobody asked for.
    pub usages: BTreeMap<String, Usage>,
    /// Ends of services that nobody asked for.
    pub unasked_ends: BTreeMap<&'static str, u32>,
    /// The kills.
    pub kills: Vec<Kill>,
    /// Seconds that the load lasted.
    pub load_seconds: f64,
    /// Seconds from its end until everything was in the databases.
    pub drain_seconds: f64,
    /// The rates that were tried.
    pub trials: Vec<Trial>,
    /// What the storm met with.
    pub storm: Option<StormReport>,
    /// What the check found.
    pub findings: Findings,
}

impl Report {
    /// Puts the report together.
    #[must_use]
    pub fn new(run: Run) -> Self {
        let Run { settings, record, end_to_end, usages, unasked_ends, kills, .. } = run;
        let Run { acknowledged_by_format, load_seconds, drain_seconds, trials, storm, findings, .. } = run;
        let counters = record.counters;
        let receipts = record.ledger.count(Kind::Receipt, State::Acknowledged) as f64;
        // A search that found nothing found no rate, whatever was acknowledged meanwhile.
        let searched = (!trials.is_empty()).then(|| max_rate::found(&trials).unwrap_or_default());
        let million = counters.acknowledged.max(1) as f64 / 1e6;
        let cpu =
            |scale: f64| usages.iter().map(|(name, usage)| (name.clone(), usage.cpu.as_secs_f64() / scale)).collect();
        let refused_or_open = counters.made - counters.acknowledged;
        Self {
            sent: counters.made,
            acknowledged: counters.acknowledged,
            acknowledged_by_format,
            rejected: counters.rejected,
            receipts_in_mongo: findings.receipts_in_mongo,
            lost: findings.lost.count,
            foreign: findings.foreign.count,
            wrong_content: findings.wrong_content.count,
            money_difference_kopecks: findings.money_difference_kopecks,
            topic_repeats: findings.topic_repeats,
            products_in_postgres: findings.products_in_postgres,
            wrong_products: findings.wrong_products.count,
            stop_list_items: findings.stop_list_items,
            receipts_per_second: searched.unwrap_or(receipts / load_seconds.max(1e-9)),
            ack_p50_ms: milliseconds(&record.fresh_us, 0.5),
            ack_p99_ms: milliseconds(&record.fresh_us, 0.99),
            end_to_end_p50_ms: milliseconds(&end_to_end.both_us, 0.5),
            end_to_end_p99_ms: milliseconds(&end_to_end.both_us, 0.99),
            cpu_seconds_by_process: cpu(1.0),
            peak_rss_mb_by_process: usages
                .iter()
                .map(|(name, usage)| (name.clone(), usage.peak_rss as f64 / 1e6))
                .collect(),
            cpu_seconds_per_million_by_process: cpu(million),
            passed: findings.is_clean()
                && refused_or_open == 0
                && end_to_end.unseen == 0
                && unasked_ends.values().all(|ends| *ends == 0),
            settings,
            load_seconds,
            drain_seconds,
            kills,
            unasked_ends,
            unanswered: refused_or_open - counters.rejected,
            backlog_documents: record.backlog_us.len(),
            backlog_ack_p99_ms: milliseconds(&record.backlog_us, 0.99),
            unseen_probes: end_to_end.unseen as u64,
            fleet: counters,
            findings,
            trials,
            storm,
        }
    }

    /// Writes `report.json`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)?).with_context(|| format!("writing {}", path.display()))
    }

    /// The summary for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut lines = vec![String::new()];
        lines.extend(self.road());
        lines.extend(self.verdict());
        lines.extend(self.costs());
        lines.join("\n")
    }

    fn road(&self) -> Vec<String> {
        let Findings { shifts_in_mongo, encashments_on_topic, prices_in_postgres, .. } = self.findings;
        let mut lines = vec![
            format!(
                "{} documents in {:.0} s ({} receipts/s), {} of them collected offline; all in the databases {:.1} s after the end",
                grouped(self.sent),
                self.load_seconds,
                grouped(self.receipts_per_second as u64),
                grouped(self.backlog_documents),
                self.drain_seconds,
            ),
            format!(
                "by format: {}",
                self.acknowledged_by_format
                    .iter()
                    .map(|(format, documents)| format!("{format} {}", grouped(*documents)))
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            format!(
                "acknowledged after {} (median), {} (99 of 100); in both databases after {} and {}",
                duration(self.ack_p50_ms),
                duration(self.ack_p99_ms),
                duration(self.end_to_end_p50_ms),
                duration(self.end_to_end_p99_ms),
            ),
            format!(
                "MongoDB: {} receipts, {} shift reports; topic of events: {} encashments; PostgreSQL: {} products, {} prices, {} items on stop lists",
                grouped(self.receipts_in_mongo),
                grouped(shifts_in_mongo),
                grouped(encashments_on_topic),
                grouped(self.products_in_postgres),
                grouped(prices_in_postgres),
                grouped(self.stop_list_items),
            ),
            format!(
                "the registers sent {} documents twice and repeated {} requests; {} repeats got onto the topics, none of them counts",
                grouped(self.fleet.repeats),
                grouped(self.fleet.retries),
                grouped(self.topic_repeats),
            ),
        ];
        if let Some(storm) = &self.storm {
            let refused = storm.answers.get(&503).copied().unwrap_or_default();
            lines.push(format!(
                "storm: {} attempts/s, {}/s accepted, {} refused with 503, {} without an answer; accepted after {} and {}, refused after {} and {}",
                grouped((storm.attempts as f64 / storm.seconds) as u64),
                grouped((storm.accepted as f64 / storm.seconds) as u64),
                grouped(refused),
                grouped(storm.unanswered),
                duration(storm.accepted_ms[0]),
                duration(storm.accepted_ms[1]),
                duration(storm.refused_ms[0]),
                duration(storm.refused_ms[1]),
            ));
        }
        for kill in &self.kills {
            let back = kill.back_after_ms.map_or("not yet".to_owned(), |back| duration(back as f64));
            let (service, at, work) = (kill.service, kill.at_seconds, grouped(kill.in_flight));
            let without = kill.without.map_or_else(String::new, |server| format!("; {server} was killed before it"));
            lines.push(format!(
                "killed {service:<17} at {at:>4.1} s with {work:>6} in flight; ready again after {back}{without}"
            ));
        }
        lines.push(String::new());
        lines
    }

    fn verdict(&self) -> Vec<String> {
        let one = |name: &str, mistakes: &Mistakes| {
            let mark = if mistakes.count == 0 { "✓" } else { "✗" };
            let mut lines = vec![format!("  {mark} {name:<24} {}", grouped(mistakes.count))];
            lines
                .extend(mistakes.examples.iter().map(|example| format!("      {}", example.replace('\n', "\n      "))));
            lines
        };
        let number = |name: &str, count: u64| one(name, &Mistakes { count, examples: Vec::new() });
        let findings = &self.findings;
        [
            one("lost", &findings.lost),
            one("foreign", &findings.foreign),
            one("wrong content", &findings.wrong_content),
            number("money difference, kopecks", findings.money_difference_kopecks),
            one("wrong products, prices", &findings.wrong_products),
            number("products not published", findings.products_in_postgres.abs_diff(findings.products_on_topic)),
            one("wrong stop lists", &findings.wrong_stop_lists),
            one("dead letters", &findings.dead_letters),
            number("conflicts", findings.conflicts_in_mongo),
            one("rejected", &Mistakes { count: self.rejected, examples: self.fleet.reasons.clone() }),
            number("without an answer", self.unanswered),
            number("probes never seen", self.unseen_probes),
            number("ends of services unasked", self.unasked_ends.values().copied().map(u64::from).sum()),
        ]
        .concat()
    }

    fn costs(&self) -> Vec<String> {
        let mut lines =
            vec![String::new(), format!("  {:<18} {:>8} {:>14} {:>9}", "process", "CPU s", "CPU s/million", "peak MB")];
        for (name, cpu) in &self.cpu_seconds_by_process {
            let million = self.cpu_seconds_per_million_by_process.get(name).copied().unwrap_or_default();
            let memory = self.peak_rss_mb_by_process.get(name).copied().unwrap_or_default();
            lines.push(format!("  {name:<18} {cpu:>8.1} {million:>14.1} {memory:>9.0}"));
        }
        lines.push(String::new());
        lines
    }
}
