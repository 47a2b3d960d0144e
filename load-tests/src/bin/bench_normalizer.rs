//! The normalizer beside a loop that only forwards bytes: what turning documents into canonical records costs.
//!
//! `make bench-normalizer`. Both are processes of their own and read the same raw topic with the same settings, one
//! after the other, in pairs; who begins changes from pair to pair. Compare the ratios: machines and hours differ.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use comfy_table::{Table, presets};
use kafka::Client;
use load_tests::{
    demo::{services::dying_with_us, stage::free_address},
    forwarded::{self, Progress},
    live::grouped,
    processes::usage,
    world::World,
};
use local_servers::{Home, Kind, Server};
use provision::Installation;
use rdkafka::admin::{AdminClient, AdminOptions};
use schemas::{catalogue::Catalogue, dead_letters, events, raw, receipts, shifts};

/// Compares the normalizer with a loop that only forwards bytes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Pairs of runs; the medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pairs: u64,
    /// Raw records of each run
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Partitions of each topic
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// Registers of the fleet whose documents are read
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    registers: u64,
    /// The documents follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the logs of the runs
    #[arg(long, default_value = "target/bench-normalizer")]
    folder: PathBuf,
}

/// Between two looks at what has arrived.
const LOOK: Duration = Duration::from_millis(20);
/// The longest run.
const LONGEST: Duration = Duration::from_secs(600);

/// A program that is measured.
struct Subject {
    name: &'static str,
    group: &'static str,
    outputs: &'static [&'static str],
}

const FORWARD: Subject = Subject { name: "forward", group: forwarded::GROUP, outputs: &[forwarded::TOPIC] };
const NORMALIZER: Subject = Subject {
    name: "normalizer",
    group: "normalizer",
    outputs: &[receipts::TOPIC, shifts::TOPIC, events::TOPIC, dead_letters::TOPIC],
};

/// What a run cost.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Microseconds of CPU a record, from the start of the process to its last commit.
    own: f64,
    /// Of Kafka in the same time.
    broker: f64,
    /// Records a second, from the first that arrived to the last.
    rate: f64,
}

struct Bench {
    arguments: Arguments,
    records: usize,
    world: World,
    programs: PathBuf,
    kafka: Server,
    registry: Server,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-normalizer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(arguments: Arguments) -> anyhow::Result<()> {
    let home = Home::find()?;
    fs::create_dir_all(&arguments.folder).with_context(|| format!("making {}", arguments.folder.display()))?;
    let programs = std::env::current_exe()?.parent().context("this program lies nowhere")?.to_owned();
    let (kafka, registry) =
        tokio::try_join!(Server::start_new(&home, Kind::Kafka), Server::start_new(&home, Kind::Registry))?;
    let world = World::new(arguments.seed, usize::try_from(arguments.registers)?);
    let records = usize::try_from(arguments.records)?;
    let bench = Bench { arguments, records, world, programs, kafka, registry };
    let mut pairs = Vec::new();
    for number in 1..=bench.arguments.pairs {
        let pair = bench.pair(number).await?;
        println!("pair {number}: {}", cells(&pair).join("  "));
        pairs.push(pair);
    }
    show(&pairs);
    Ok(())
}

impl Bench {
    /// The forwarder's run and the normalizer's, on the same records.
    async fn pair(&self, number: u64) -> anyhow::Result<[Run; 2]> {
        let settings = service::settings::Kafka {
            brokers: self.kafka.url(),
            topic_prefix: format!("pair-{number}."),
            client_file: None,
            registry_url: self.registry.url(),
        };
        let installation = Installation::new(&settings)?;
        let catalogue = forwarded::catalogue(self.arguments.partitions)?;
        installation.topics_apply(&catalogue, 1).await?;
        installation.schemas_apply().await?;
        let schema = installation.registry().ids(raw::TOPIC).await?.newest;
        let client = installation.client();
        let bytes = tokio::task::block_in_place(|| forwarded::fill(client, schema, &self.world, self.records))?;
        if number == 1 {
            println!("{} documents of {} bytes on average", grouped(self.records as u64), bytes / self.records);
        }
        let pair = if number % 2 == 1 {
            let forward = self.run(&FORWARD, client, &catalogue).await?;
            [forward, self.run(&NORMALIZER, client, &catalogue).await?]
        } else {
            let normalizer = self.run(&NORMALIZER, client, &catalogue).await?;
            [self.run(&FORWARD, client, &catalogue).await?, normalizer]
        };
        // The next pair has topics of its own, so that nobody remembers what was sent before.
        let topics: Vec<String> = catalogue.topics.keys().map(|topic| client.prefixed(topic)).collect();
        let admin: AdminClient<_> = client.config().create()?;
        admin.delete_topics(&topics.iter().map(String::as_str).collect::<Vec<_>>(), &AdminOptions::new()).await?;
        Ok(pair)
    }

    /// One program from its start until it has committed everything.
    async fn run(&self, subject: &Subject, client: &Client, catalogue: &Catalogue) -> anyhow::Result<Run> {
        let log = self.arguments.folder.join(format!("{}.log", subject.name));
        let progress = Progress::of(client, subject.group, subject.outputs, catalogue)?;
        let broker = || self.kafka.pid().and_then(usage).context("Kafka has ended");
        let broker_before = broker()?.cpu;
        let output = File::options().create(true).append(true).open(&log)?;
        let mut child = dying_with_us()
            .arg(self.programs.join(subject.name))
            .env("KASSAFLOW_KAFKA_BROKERS", self.kafka.url())
            .env("KASSAFLOW_REGISTRY_URL", self.registry.url())
            .env("KASSAFLOW_TOPIC_PREFIX", client.prefix())
            .env("KASSAFLOW_ADMIN_LISTEN", free_address()?)
            .env("KASSAFLOW_LOG_FORMAT", "human")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", subject.name))?;
        let process = child.id().context("it has ended")?;
        let (begin, mut first) = (Instant::now(), None);
        let (mut arrived, mut last) = (0, begin);
        while arrived < self.records || tokio::task::block_in_place(|| progress.committed())? < self.records {
            if child.try_wait()?.is_some() || begin.elapsed() > LONGEST {
                bail!("{} stopped after {arrived} records; what it says: {}", subject.name, log.display());
            }
            if arrived < self.records {
                arrived = tokio::task::block_in_place(|| progress.arrived())?;
                last = Instant::now();
            }
            if arrived > 0 {
                first.get_or_insert((last, arrived));
            }
            tokio::time::sleep(LOOK).await;
        }
        let own = usage(process).with_context(|| format!("{} has ended", subject.name))?.cpu;
        let broker = broker()?.cpu - broker_before;
        child.kill().await?;
        ensure!(arrived == self.records, "{} made {arrived} records of {}", subject.name, self.records);
        let (since, before) = first.context("nothing arrived")?;
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / self.records as f64;
        let rate = (self.records - before) as f64 / (last - since).as_secs_f64();
        Ok(Run { own: each(own), broker: each(broker), rate })
    }
}

const HEAD: [&str; 9] =
    ["pair", "forward µs", "broker µs", "records/s", "normalizer µs", "broker µs", "records/s", "× CPU", "× rate"];

fn show(pairs: &[[Run; 2]]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(HEAD);
    for (number, pair) in pairs.iter().enumerate() {
        table.add_row(std::iter::once((number + 1).to_string()).chain(cells(pair)));
    }
    // Each figure's own median.
    let median = (0..HEAD.len() - 1).map(|figure| {
        let mut values: Vec<f64> = pairs.iter().map(|pair| figures(pair)[figure]).collect();
        values.sort_by(f64::total_cmp);
        written(figure, values[values.len() / 2])
    });
    table.add_row(std::iter::once("median".to_owned()).chain(median));
    println!("{table}");
    println!("CPU of the process, and of the broker meanwhile, for each record");
}

fn figures([forward, normalizer]: &[Run; 2]) -> [f64; 8] {
    [
        forward.own,
        forward.broker,
        forward.rate,
        normalizer.own,
        normalizer.broker,
        normalizer.rate,
        normalizer.own / forward.own,
        normalizer.rate / forward.rate,
    ]
}

fn cells(pair: &[Run; 2]) -> [String; 8] {
    let figures = figures(pair);
    std::array::from_fn(|figure| written(figure, figures[figure]))
}

fn written(figure: usize, value: f64) -> String {
    match figure {
        2 | 5 => grouped(value.round() as u64),
        6 | 7 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}
