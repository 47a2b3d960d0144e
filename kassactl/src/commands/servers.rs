//! `up`, `down`, `status`, `with-servers`: the local servers.

use std::{collections::BTreeMap, ffi::OsString, process::ExitStatus};

use anyhow::Context as _;
use local_servers::{DownOutcome, Ephemeral, Home, ServerStatus, UpOutcome};
use serde::Serialize;
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    Outcome,
    cli::WithServers,
    output::{Out, ago, bytes, spinner},
};

/// What a command did about one server.
#[derive(Serialize)]
struct Done<O> {
    outcome: O,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// As JSON, each server stands under its name.
type ByName<T> = BTreeMap<&'static str, T>;

pub(crate) async fn up(mut out: Out) -> anyhow::Result<Outcome> {
    let home = Home::find()?;
    let waiting = spinner("starting the local servers");
    let up = local_servers::up(&home).await;
    waiting.finish_and_clear();
    let up = up?;
    let addresses = up.endpoints.service_env().map(|(_, address)| address);
    let told: Vec<_> = up.endpoints.unusual_service_env().collect();
    let servers = up.servers.iter().zip(addresses);
    if out.json {
        let done = servers.map(|((kind, outcome), url)| (kind.name(), Done { outcome: *outcome, url: Some(url) }));
        out.json(&done.collect::<ByName<_>>())?;
        return Ok(Outcome::Fine);
    }
    let rows = servers.map(|((kind, outcome), address)| {
        let outcome = match outcome {
            UpOutcome::Started { milliseconds } => {
                format!("started in {}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
            }
            UpOutcome::WasRunning => "was running".to_owned(),
        };
        [kind.name().to_owned(), outcome, address]
    });
    out.table(["server", "", "address"], rows)?;
    if !told.is_empty() {
        eprintln!("a usual port was taken; in every terminal that runs a service:");
    }
    for (name, address) in told {
        eprintln!("export {name}={address}");
    }
    Ok(Outcome::Fine)
}

pub(crate) async fn down(mut out: Out) -> anyhow::Result<Outcome> {
    let home = Home::find()?;
    let waiting = spinner("stopping the local servers");
    let down = local_servers::down(&home).await;
    waiting.finish_and_clear();
    let down = down?;
    if out.json {
        let done = down.iter().map(|(kind, outcome)| (kind.name(), Done { outcome: *outcome, url: None }));
        out.json(&done.collect::<ByName<_>>())?;
        return Ok(Outcome::Fine);
    }
    let rows = down.iter().map(|(kind, outcome)| {
        let outcome = match outcome {
            DownOutcome::Stopped => "stopped",
            DownOutcome::Killed => "killed: it did not end in time; its data survive that",
            DownOutcome::WasNotRunning => "was not running",
        };
        [kind.name().to_owned(), outcome.to_owned()]
    });
    out.table(["server", ""], rows)?;
    Ok(Outcome::Fine)
}

pub(crate) async fn status(mut out: Out) -> anyhow::Result<Outcome> {
    let servers = local_servers::status(&Home::find()?).await?;
    let healthy = servers.iter().all(ServerStatus::is_healthy);
    if out.json {
        out.json(&servers.iter().map(|server| (server.kind.name(), server)).collect::<ByName<_>>())?;
    } else {
        let now = jiff::Timestamp::now();
        let header = ["server", "state", "process", "memory", "running for", "address", "log"];
        out.table(header, servers.iter().map(|server| status_row(server, now)))?;
        if servers.iter().all(|server| server.pid.is_none()) {
            eprintln!("`kassactl up` starts the local servers");
        }
    }
    Ok(if healthy { Outcome::Fine } else { Outcome::Problems })
}

fn status_row(server: &ServerStatus, now: jiff::Timestamp) -> [String; 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        server.kind.name().to_owned(),
        server.problem.clone().unwrap_or_else(|| "well".to_owned()),
        or_dash(server.pid.map(|pid| pid.to_string())),
        or_dash(server.memory_bytes.map(bytes)),
        or_dash(server.started_at.map(|start| ago(now.duration_since(start).as_secs()))),
        or_dash(server.url.clone()),
        server.log.display().to_string(),
    ]
}

pub(crate) async fn with_servers(arguments: WithServers) -> anyhow::Result<Outcome> {
    // From the first moment on, so that an interrupted start stops what it has started.
    let mut signals = Signals::new()?;
    let home = Home::find()?;
    let waiting = spinner("starting servers for this command");
    let servers = tokio::select! {
        servers = Ephemeral::start(&home) => servers?,
        number = signals.next() => return Ok(Outcome::Status(128 + number)),
    };
    waiting.finish_and_clear();
    let child = start(&arguments.command, servers.endpoints().test_env())?;
    let status = wait(child, &mut signals).await?;
    drop(servers);
    Ok(Outcome::Status(exit_status(status)))
}

fn start(command: &[OsString], environment: [(&'static str, String); 4]) -> anyhow::Result<Child> {
    let [program, arguments @ ..] = command else { anyhow::bail!("no command is given") };
    let started = Command::new(program).args(arguments).envs(environment).spawn();
    started.with_context(|| format!("{} cannot be run", program.display()))
}

/// Waits for the command to its end: the servers must not go before it. A terminal sends Ctrl-C to the command as
/// well; what is sent to kassactl alone is passed on.
async fn wait(mut child: Child, signals: &mut Signals) -> std::io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            number = signals.next() => {
                if i32::from(number) == SignalKind::terminate().as_raw_value()
                    && let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
                {
                    // An error says that it has ended, and then the next round sees it.
                    let _: Result<(), rustix::io::Errno> =
                        rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                }
            }
        }
    }
}

fn exit_status(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    // As a shell reports a command that a signal has ended.
    let status = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or(1)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> u8 {
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        u8::try_from(kind.as_raw_value()).unwrap_or_default()
    }
}
