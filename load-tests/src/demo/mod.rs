//! The demo: the whole road on real servers, with kills in the middle, and the check of what came of it.

pub mod kills;
pub mod lags;
pub mod max_rate;
pub mod probes;
pub mod report;
pub mod rows;
pub mod run;
pub mod services;
pub mod stage;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use tokio::sync::mpsc;

use crate::{
    check::{self, Findings, index::Index},
    fleet::{EventClock, Fleet, Load, Offline, Settings, Storm, StormReport},
    ledger::Ledger,
    processes::Usage,
    recall::Recalled,
    world::World,
};
use kills::Kill;
use max_rate::Trial;
use probes::ProbeWatch;
use report::{Report, Run, RunSettings};
use rows::Databases;
use run::Watched;
use services::Services;
use stage::Stage;

/// Everything must be answered so soon after the end of the load.
const LONGEST_SETTLE: Duration = Duration::from_secs(120);
/// Everything must be in the databases so soon after that.
const LONGEST_DRAIN: Duration = Duration::from_secs(180);
/// Documents that `RATE=max` makes at most, for the clock that they carry.
const MOST_DOCUMENTS: u64 = 5_000_000;
/// What the brokers and databases need before their figures say something.
const WARM_UP: Duration = Duration::from_secs(15);
/// Documents of a storm that wait for an acknowledgement at the same time.
const STORM_DOCUMENTS: usize = 50_000;
/// Probe receipts a second.
const PROBES: f64 = 20.0;

/// Documents a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// So many.
    Fixed(f64),
    /// The highest that is sustained.
    Max,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            _ if text == "max" => Ok(Self::Max),
            Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(Self::Fixed(rate)),
            _ => Err("expected a number above 0, or `max`".to_owned()),
        }
    }
}

/// The whole road on real servers: registers, hub, Kafka, MongoDB, PostgreSQL. Each service is killed once, then everything is checked.
#[derive(Debug, Clone, Parser)]
#[command(name = "demo", version)]
pub struct Options {
    /// Documents a second of all registers together, or `max` to look for the highest rate that is sustained.
    #[arg(long, default_value = "1000")]
    pub rate: Rate,
    /// Seconds of load.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Number of registers; a third of them goes offline and comes back at once.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub registers: u64,
    /// Everything that the fleet does follows from it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Leave everything running after the check, and say where to look.
    #[arg(long)]
    pub hold: bool,
    /// Kill nothing, cut nobody off, and measure only after a warm-up: for figures at a steady rate.
    #[arg(long)]
    pub steady: bool,
    /// Offer the rate without any patience: what is refused is sent again at once. Nothing is killed.
    #[arg(long, conflicts_with = "steady")]
    pub storm: bool,
    /// Connections of the fleet to the hub.
    #[arg(long, default_value_t = 256)]
    pub connections: usize,
    /// Most partitions of a topic. The catalogue's 24 are for a cluster: each costs requests, and so a broker's time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(i32).range(1..))]
    pub partitions: i32,
    /// Folder for the report, the logs of the services and what was read from the topics.
    #[arg(long, default_value = "target/demo")]
    pub folder: PathBuf,
    /// A further setting for the services, `NAME=VALUE`; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    pub settings: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What the load was.
struct Loaded {
    load_seconds: f64,
    drain_seconds: f64,
    trials: Vec<Trial>,
    kills: Vec<Kill>,
    usages: BTreeMap<String, Usage>,
    unasked_ends: BTreeMap<&'static str, u32>,
    storm: Option<StormReport>,
}

/// Runs the demo. Returns whether everything was right.
///
/// # Errors
/// When the servers or services do not come up, or nothing can be checked.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    let registers = usize::try_from(options.registers)?;
    let world = Arc::new(World::new(options.seed, registers));
    println!(
        "fleet: {} registers of {} tenants in {} shops, {} goods, seed {}",
        registers,
        world.tenants.len(),
        world.shops.len(),
        world.goods.len(),
        options.seed
    );
    let begin = Instant::now();
    let mut stage = Stage::set_up(&world, options.seed, &options.folder, options.partitions).await?;
    let mut services = Services::start(&stage, &options.settings)?;
    services.ready(Duration::from_secs(60)).await?;
    println!("servers and services are ready after {:.1} s", begin.elapsed().as_secs_f64());

    let databases = Databases::open(&stage).await?;
    let (probe, probes) = mpsc::unbounded_channel();
    let probes = ProbeWatch::start(databases.receipts(), rows::postgres(&stage.endpoints.postgres).await?, probes);
    let fleet = Fleet::start(world.clone(), fleet_settings(&options, &stage, &services)?, Some(probe))?;
    let loaded = load(&options, &mut stage, &mut services, &fleet, &databases, &probes).await?;
    let (record, end_to_end) = (fleet.end()?, probes.end().await?);
    let findings = check(&world, &stage, &record.ledger, &databases).await?;

    let settings = RunSettings {
        seed: options.seed,
        registers,
        rate: match options.rate {
            Rate::Fixed(rate) => rate.to_string(),
            Rate::Max => "max".to_owned(),
        },
        seconds: options.seconds,
        connections: options.connections,
    };
    let report = Report::new(Run {
        settings,
        acknowledged_by_format: record.ledger.acknowledged_by_format(&world),
        record,
        end_to_end,
        usages: loaded.usages,
        unasked_ends: loaded.unasked_ends,
        kills: loaded.kills,
        load_seconds: loaded.load_seconds,
        drain_seconds: loaded.drain_seconds,
        trials: loaded.trials,
        storm: loaded.storm,
        findings,
    });
    let file = options.folder.join("report.json");
    report.write(&file)?;
    println!("{}", report.summary());
    println!("{} {}", if report.passed { "PASSED" } else { "FAILED" }, file.display());
    if options.hold {
        hold(&stage, &services, &options.folder).await?;
    }
    Ok(report.passed)
}

fn fleet_settings(options: &Options, stage: &Stage, services: &Services) -> anyhow::Result<Settings> {
    let (documents, repeats_within) = match options.rate {
        Rate::Fixed(rate) => ((rate * options.seconds as f64) as u64, Settings::REPEATS_WITHIN),
        // What comes after the end of a trial counts as a backlog, so the repeats must not trickle in for long.
        Rate::Max => (MOST_DOCUMENTS, Duration::from_millis(800)),
    };
    let now = jiff::Timestamp::now().as_second();
    Ok(Settings {
        target: services.hub.clone(),
        tokens: stage.tokens.clone(),
        connections: options.connections,
        per_register: 4,
        timeout: Duration::from_secs(30),
        repeats_per_mille: 50,
        repeats_within,
        clock: EventClock::ending(now - 60, documents, usize::try_from(options.registers)?),
    })
}

async fn load(
    options: &Options,
    stage: &mut Stage,
    services: &mut Services,
    fleet: &Fleet,
    databases: &Databases,
    probes: &ProbeWatch,
) -> anyhow::Result<Loaded> {
    let length = Duration::from_secs(options.seconds);
    let mut watched = Watched::new(stage, services, fleet, databases, probes)?;
    let begin = Instant::now();
    let (mut trials, mut storm) = (Vec::new(), None);
    match options.rate {
        Rate::Max => trials = max_rate::search(&mut watched, length).await?,
        Rate::Fixed(rate) if options.storm => {
            storm = Some(watched.storm(Storm { rate, duration: length, documents: STORM_DOCUMENTS }).await?);
        }
        Rate::Fixed(rate) => {
            let load = Load { rate, duration: length, offline: None, probes: PROBES };
            if options.steady {
                watched.load(Load { duration: WARM_UP, ..load }).await?;
                watched.drain(LONGEST_DRAIN).await?;
                watched.forget_latencies()?;
                watched.load(load).await?;
            } else {
                watched.kill_during(length);
                let offline = Offline { per_mille: 333, from: length * 25 / 100, until: length * 60 / 100 };
                watched.load(Load { offline: Some(offline), ..load }).await?;
            }
        }
    }
    let load_seconds = begin.elapsed().as_secs_f64();
    let drain = Instant::now();
    let open = watched.settle(LONGEST_SETTLE).await?;
    if open > 0 {
        watched.say(&format!("{open} documents have no final answer"));
    } else {
        watched.drain(LONGEST_DRAIN).await?;
    }
    let drain_seconds = drain.elapsed().as_secs_f64();
    watched.settle_stop_lists(Duration::from_secs(60)).await?;
    let (kills, usages, unasked_ends) = watched.end().await?;
    Ok(Loaded { load_seconds, drain_seconds, trials, kills, usages, unasked_ends, storm })
}

async fn check(world: &World, stage: &Stage, ledger: &Ledger, databases: &Databases) -> anyhow::Result<Findings> {
    println!("checking {} documents", crate::live::grouped(ledger.entries().len() as u64));
    let mut findings = Findings::default();
    let recalled = Recalled::of(world, ledger);
    let mut index = Index::new(world, ledger, &recalled);
    println!("  in MongoDB");
    check::mongo::check(&stage.endpoints.mongodb, stage::DATABASE, &mut index, &mut findings).await?;
    println!("  on the topics, read by a Python client");
    check::topics::check(&stage.topic_reader(), &mut index, &mut findings).await?;
    println!("  in PostgreSQL");
    check::postgres::check(&databases.postgres, world, &recalled, &mut findings).await?;
    check::stop_lists::check(&databases.postgres, &stage.iiko.stop_lists(), &mut findings).await?;
    Ok(findings)
}

/// Leaves everything running until somebody presses Ctrl-C.
async fn hold(stage: &Stage, services: &Services, folder: &Path) -> anyhow::Result<()> {
    let endpoints = &stage.endpoints;
    let script = folder.join("environment");
    let lines: String =
        services.environment().iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    std::fs::write(&script, lines)?;
    println!("\nEverything is still running. To look around, paste:");
    println!("  . {}", script.display());
    println!("  target/release/kassactl tap registers.receipts.v1 --json | head -n 3");
    println!("  target/release/kassactl lag");
    println!("  psql {} -c 'SELECT tenant, name, unit, vat_rate FROM products LIMIT 10'", endpoints.postgres);
    println!("MongoDB   {} (database {})", endpoints.mongodb, stage::DATABASE);
    println!("Kafka     {}", endpoints.kafka);
    println!("registry  {}/subjects", endpoints.registry);
    println!("hub       http://{}/v1/registers/REGISTER/documents", services.hub);
    println!("iiko      {}/control/stop-lists (fake)", stage.iiko.base_url());
    for (name, admin) in services.admins() {
        println!("metrics   http://{admin}/metrics ({name})");
    }
    println!("Ctrl-C ends all of it.");
    tokio::signal::ctrl_c().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_max() {
        assert_eq!("1000".parse(), Ok(Rate::Fixed(1_000.0)));
        assert_eq!("max".parse(), Ok(Rate::Max));
        for wrong in ["0", "-5", "fast", "inf", "NaN"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
