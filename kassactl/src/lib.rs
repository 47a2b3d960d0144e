//! kassactl: what an operator of kassaflow does by hand, and what scripts do for them.
//!
//! One module per command in [`commands`]; beside them what commands share: [`cli`] (the command line),
//! [`settings`] (where the servers are), [`output`] (tables, JSON, a closed pipe), [`decode`] (records of any schema
//! version as readable values), [`paper`] (records as people read them), [`records`], [`seek`] and
//! [`filter`] (which records of a topic).

mod cli;
mod commands;
mod decode;
mod filter;
mod output;
mod paper;
mod records;
mod seek;
mod settings;

use std::{error::Error, io, process::ExitCode};

use clap::Parser;

use cli::{Cli, Command};
use kafka::reader::ReadError;
use output::Out;
use provision::MigrationError;
use rdkafka::error::KafkaError;
use schemas::registry::RegistryError;
use settings::{Origin, Settings};

pub use settings::reference as settings_reference;

/// How a command ended, when no error stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything is well.
    Fine,
    /// It did its work, and what it found is not well.
    Problems,
    /// The exit status of the command that it ran.
    Status(u8),
}

/// Runs kassactl from the command line to its exit status.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("kassactl: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(cli));
    // Readers that are still waiting for records need not be waited for.
    runtime.shutdown_background();
    match result {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Problems) => ExitCode::FAILURE,
        Ok(Outcome::Status(status)) => ExitCode::from(status),
        // Whoever read the output has seen enough, as in `kassactl tap ... | head`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kassactl: {}", with_causes(&error));
            ExitCode::from(if error.is::<service::settings::SettingsError>() { 2 } else { 1 })
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let out = Out::new(cli.json);
    match cli.command {
        Command::Up => return commands::servers::up(out).await,
        Command::Down => return commands::servers::down(out).await,
        Command::Status => return commands::servers::status(out).await,
        Command::WithServers(arguments) => return commands::servers::with_servers(arguments).await,
        Command::Decode(arguments) => return commands::decode::run(&arguments, out),
        Command::Formats => return commands::formats::run(out),
        Command::Topics(_)
        | Command::Schemas(_)
        | Command::Db(_)
        | Command::Registers(_)
        | Command::Send(_)
        | Command::Tap(_)
        | Command::Lag
        | Command::DeadLetters(_) => {}
    }
    let (settings, origin) = Settings::load(cli.config.as_deref())?;
    let result = run_on_installation(cli.command, &settings, out).await;
    result.map_err(|error| {
        if origin == Origin::Defaults && is_about_servers(&error) {
            error.context(
                "no servers are named, so those at this machine's usual ports were asked (`kassactl up` starts local \
                 ones, --config FILE or the KASSAFLOW_ variables name others)",
            )
        } else {
            error
        }
    })
}

/// Whether other servers might have answered otherwise.
fn is_about_servers(error: &anyhow::Error) -> bool {
    use provision::Error as Step;
    error.chain().any(|cause| {
        cause.is::<KafkaError>()
            || cause.is::<RegistryError>()
            || cause.is::<MigrationError>()
            || matches!(cause.downcast_ref(), Some(ReadError::Kafka { .. }))
            || matches!(
                cause.downcast_ref(),
                Some(Step::Admin(_) | Step::Unread(_) | Step::Slow(_) | Step::Registry(_))
            )
    })
}

async fn run_on_installation(command: Command, settings: &Settings, out: Out) -> anyhow::Result<Outcome> {
    match command {
        Command::Topics(command) => commands::topics::run(command, settings, out).await,
        Command::Schemas(command) => commands::schemas::run(command, settings, out).await,
        Command::Db(command) => commands::db::run(command, settings, out).await,
        Command::Registers(command) => commands::registers::run(command, settings, out).await,
        Command::Send(arguments) => commands::send::run(arguments, settings, out).await,
        Command::Tap(arguments) => commands::tap::run(arguments, settings, out).await,
        Command::Lag => commands::lag::run(settings, out).await,
        Command::DeadLetters(command) => commands::dead_letters::run(command, settings, out).await,
        Command::Up
        | Command::Down
        | Command::Status
        | Command::WithServers(_)
        | Command::Decode(_)
        | Command::Formats => Ok(Outcome::Fine),
    }
}

/// The error and what caused it. Some errors repeat their cause in their own text.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |error: &(dyn Error + 'static)| {
        let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
        let csv = error.downcast_ref::<csv::Error>().and_then(|error| match error.kind() {
            csv::ErrorKind::Io(error) => Some(error.kind()),
            _ => None,
        });
        io.or(csv) == Some(io::ErrorKind::BrokenPipe)
    };
    error.chain().any(closed)
}
