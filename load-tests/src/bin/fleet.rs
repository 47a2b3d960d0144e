//! The simulated fleet on its own, against any hub.

use std::{fs::File, io, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use clap::{Args, Parser, Subcommand};
use load_tests::{
    enrolment,
    fleet::{EventClock, Fleet, Load, Offline, Settings, Storm, StormReport, milliseconds},
    ledger::State,
    live::{Live, duration, grouped},
    processes,
    world::World,
};
use serde_json::json;

/// A simulated fleet of cash registers. The same seed makes the same registers, goods and documents.
#[derive(Debug, Parser)]
#[command(name = "fleet", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the fleet's registers as CSV, for `kassactl registers enrol --csv`.
    Registers(Who),
    /// Send documents at a steady rate, then wait until each has its final answer.
    Run {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        how: How,
        /// Documents a second of all registers together.
        #[arg(long, default_value_t = 1_000.0)]
        rate: f64,
        /// Share of the registers, in percent, that are cut off in the middle third and come back at once.
        #[arg(long, default_value_t = 0)]
        offline: u64,
    },
    /// Offer a steady rate without patience: what is refused is sent again at once. Afterwards, with patience, until all is accepted.
    Storm {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        how: How,
        /// Attempts a second.
        #[arg(long, default_value_t = 30_000.0)]
        rate: f64,
        /// Most documents that wait for an acknowledgement at the same time.
        #[arg(long, default_value_t = 50_000)]
        documents: usize,
    },
}

#[derive(Debug, Args)]
struct Who {
    /// Everything follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of registers.
    #[arg(long, default_value_t = 300)]
    registers: usize,
}

#[derive(Debug, Args)]
struct How {
    /// The hub, `http://HOST:PORT`.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    target: String,
    /// File with the tokens, `tenant,register,token`, as `kassactl registers enrol --csv` writes it.
    #[arg(long)]
    tokens: PathBuf,
    /// How long, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Connections to the hub.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// How long to wait for the last answers, in seconds.
    #[arg(long, default_value_t = 300)]
    settle: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from);
    match result.and_then(|runtime| runtime.block_on(run(arguments.command))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fleet: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// False when a document was refused for good or has no final answer.
async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Registers(who) => {
            enrolment::write_registers(&World::new(who.seed, who.registers), io::stdout().lock())?;
            Ok(true)
        }
        Command::Run { who, how, rate, offline } => {
            ensure!(rate > 0.0, "--rate must be above 0");
            ensure!(offline <= 100, "--offline is a percentage");
            let length = Duration::from_secs(how.seconds);
            let offline =
                (offline > 0).then(|| Offline { per_mille: offline * 10, from: length / 3, until: length * 2 / 3 });
            let fleet = start(&who, &how, rate * how.seconds as f64)?;
            watch(&fleet, fleet.load(Load { rate, duration: length, offline, probes: 0.0 })).await?;
            finish(fleet, &how, None).await
        }
        Command::Storm { who, how, rate, documents } => {
            ensure!(rate > 0.0, "--rate must be above 0");
            let fleet = start(&who, &how, rate * how.seconds as f64)?;
            let storm = Storm { rate, duration: Duration::from_secs(how.seconds), documents };
            let report = watch(&fleet, fleet.storm(storm)).await?;
            finish(fleet, &how, Some(report)).await
        }
    }
}

fn start(who: &Who, how: &How, documents: f64) -> anyhow::Result<Fleet> {
    let target = how.target.strip_prefix("http://").context("--target must begin with http://")?;
    let world = Arc::new(World::new(who.seed, who.registers));
    let file = File::open(&how.tokens).with_context(|| format!("opening {}", how.tokens.display()))?;
    let now = jiff::Timestamp::now().as_second();
    let settings = Settings {
        target: target.trim_end_matches('/').to_owned(),
        tokens: enrolment::read_tokens(&world, file)?,
        connections: how.connections,
        per_register: 4,
        timeout: Duration::from_secs(30),
        repeats_per_mille: 50,
        repeats_within: Settings::REPEATS_WITHIN,
        clock: EventClock::ending(now - 60, documents as u64, who.registers),
    };
    Ok(Fleet::start(world, settings, None)?)
}

/// Shows how far the fleet is until `work` is done.
async fn watch<T>(fleet: &Fleet, work: impl Future<Output = T>) -> T {
    let mut live = Live::default();
    let mut before = fleet.progress();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => {}
        }
        let now = fleet.progress();
        let counters = &now.counters;
        live.show(&[
            (
                "acknowledged",
                format!(
                    "{} ({}/s)",
                    grouped(counters.acknowledged),
                    counters.acknowledged - before.counters.acknowledged
                ),
            ),
            ("made", grouped(counters.made)),
            ("open", format!("{} ({} offline)", grouped(now.open), grouped(now.offline))),
            ("retries", grouped(counters.retries)),
            ("p50", duration(milliseconds(&now.recent, 0.5))),
            ("p99", duration(milliseconds(&now.recent, 0.99))),
        ]);
        before = now;
    }
}

async fn finish(fleet: Fleet, how: &How, storm: Option<StormReport>) -> anyhow::Result<bool> {
    let open = watch(&fleet, fleet.settle(Duration::from_secs(how.settle))).await?;
    let record = fleet.end()?;
    let unanswered = record.ledger.entries().iter().filter(|entry| entry.state == State::Open).count();
    let usage = processes::usage(std::process::id()).unwrap_or_default();
    let latency = |histogram| json!({"p50": milliseconds(histogram, 0.5), "p99": milliseconds(histogram, 0.99)});
    let report = json!({
        "counters": record.counters,
        "unanswered": unanswered,
        "ack_ms": latency(&record.fresh_us),
        "backlog_ack_ms": latency(&record.backlog_us),
        "storm": storm,
        "cpu_seconds": usage.cpu.as_secs_f64(),
        "peak_rss_mb": usage.peak_rss as f64 / 1e6,
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(open == 0 && record.counters.rejected == 0)
}
