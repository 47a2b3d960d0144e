//! Servers that live until `down`: data in `.local/data`, logs in `.local/logs`, state in
//! `.local/servers.json`.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::home::{Home, make_folder};
use crate::process::{self, Lifetime};
use crate::server::LogOfOneStart;
use crate::servers::{Kind, Site};
use crate::state::{self, Run, State};
use crate::{Endpoints, Error, Result, server};

/// What [`up`] did for one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UpOutcome {
    /// It was started.
    Started {
        /// How long it took.
        milliseconds: u64,
    },
    /// It was running already.
    WasRunning,
}

/// What [`up`] found and did.
#[derive(Clone, Debug, Serialize)]
pub struct Up {
    /// Where the servers are reached.
    pub endpoints: Endpoints,
    /// Each server with what was done.
    pub servers: Vec<(Kind, UpOutcome)>,
}

/// What [`down`] did for one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DownOutcome {
    /// It ended in good order.
    Stopped,
    /// It did not end within 20 s and was killed. Its data survive that.
    Killed,
    /// It was not running.
    WasNotRunning,
}

/// One server as [`status`] sees it.
#[derive(Clone, Debug, Serialize)]
pub struct ServerStatus {
    /// Which server.
    pub kind: Kind,
    /// Its process; `None` if it does not run.
    pub pid: Option<u32>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// Its port, the last one if it does not run; `None` if it never ran.
    pub port: Option<u16>,
    /// Its address, as in the field of [`Endpoints`] for its kind.
    pub url: Option<String>,
    /// Its memory and that of the processes it started, in bytes (pages that they share count once).
    pub memory_bytes: Option<u64>,
    /// What is wrong with it: the answer to a real question was this. `None` if it runs and does its work.
    pub problem: Option<String>,
    /// Its log file.
    pub log: PathBuf,
}

impl ServerStatus {
    /// Whether it runs and does its work.
    pub fn is_healthy(&self) -> bool {
        self.pid.is_some() && self.problem.is_none()
    }
}

/// Starts those of the four servers that do not run, side by side, and returns when all do their work. They are
/// detached from this process and its terminal. After a crash or a reboot they start on the same data.
///
/// # Errors
/// See [`Error`]: something is not installed, or a server did not start; those that did start keep running.
pub async fn up(home: &Home) -> Result<Up> {
    let _lock = state::lock(home)?;
    let mut state = State::load(home)?;
    state.choose_ports(home)?;
    let (kafka, registry, mongodb, postgres) = tokio::join!(
        start_one(home, &state, Kind::Kafka),
        start_one(home, &state, Kind::Registry),
        start_one(home, &state, Kind::MongoDb),
        start_one(home, &state, Kind::Postgres),
    );
    // What has started is written down before anything is said about what has not.
    let mut servers = Vec::new();
    let mut failure = None;
    for (kind, result) in Kind::ALL.into_iter().zip([kafka, registry, mongodb, postgres]) {
        let run = match result {
            Ok((run, outcome)) => {
                servers.push((kind, outcome));
                Some(run)
            }
            Err(error) => {
                failure.get_or_insert(error);
                None
            }
        };
        state.set_running(kind, run);
    }
    state.save(home)?;
    match failure {
        Some(error) => Err(error),
        None => Ok(Up { endpoints: state.endpoints(home)?.ok_or(Error::NoRepository)?, servers }),
    }
}

/// Stops the servers of [`up`] in good order. Only processes that are recognised as these servers are
/// signalled. Data, logs and ports stay.
///
/// # Errors
/// [`Error::State`] or [`Error::Io`] if the record of the servers cannot be read or written.
pub async fn down(home: &Home) -> Result<Vec<(Kind, DownOutcome)>> {
    let _lock = state::lock(home)?;
    let mut state = State::load(home)?;
    let (kafka, registry, mongodb, postgres) = tokio::join!(
        stop_one(home, &state, Kind::Kafka),
        stop_one(home, &state, Kind::Registry),
        stop_one(home, &state, Kind::MongoDb),
        stop_one(home, &state, Kind::Postgres),
    );
    for kind in Kind::ALL {
        state.set_running(kind, None);
    }
    state.save(home)?;
    Kind::ALL.into_iter().zip([kafka, registry, mongodb, postgres]).map(|(kind, result)| Ok((kind, result?))).collect()
}

/// Looks at each server: its process, its memory, and its answer to a real question.
///
/// # Errors
/// [`Error::State`] or [`Error::Io`] if the record of the servers cannot be read.
pub async fn status(home: &Home) -> Result<Vec<ServerStatus>> {
    let state = State::load(home)?;
    let (kafka, registry, mongodb, postgres) = tokio::join!(
        look_at(home, &state, Kind::Kafka),
        look_at(home, &state, Kind::Registry),
        look_at(home, &state, Kind::MongoDb),
        look_at(home, &state, Kind::Postgres),
    );
    Ok(vec![kafka?, registry?, mongodb?, postgres?])
}

/// The endpoints of the servers of [`up`], if all four run. Asks no server anything.
///
/// # Errors
/// [`Error::State`] or [`Error::Io`] if the record of the servers cannot be read.
pub fn running(home: &Home) -> Result<Option<Endpoints>> {
    let state = State::load(home)?;
    for kind in Kind::ALL {
        if state.find(home, kind)?.is_none() {
            return Ok(None);
        }
    }
    state.endpoints(home)
}

async fn start_one(home: &Home, state: &State, kind: Kind) -> Result<(Run, UpOutcome)> {
    let Some(site) = state.site(home, kind)? else {
        return Err(Error::NoPort { kind });
    };
    if let Some((run, mut process)) = state.find(home, kind)? {
        server::until_ready(&mut process, &LogOfOneStart::whole(&site)).await?;
        return Ok((run, UpOutcome::WasRunning));
    }
    make_folder(&home.logs())?;
    // Each start has a log of its own: the last lines are what this start said.
    if site.log.exists() {
        drop(fs::rename(&site.log, site.log.with_extension("old.log")));
    }
    let begun = Instant::now();
    let process = server::start(home, &site, Lifetime::UntilStopped).await?;
    let run = Run { pid: process.id(), started_at: Timestamp::now() };
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((run, UpOutcome::Started { milliseconds }))
}

async fn stop_one(home: &Home, state: &State, kind: Kind) -> Result<DownOutcome> {
    match (state.site(home, kind)?, state.find(home, kind)?) {
        (Some(site), Some((_, mut process))) => {
            if server::stop(&mut process, &site).await {
                Ok(DownOutcome::Stopped)
            } else {
                Ok(DownOutcome::Killed)
            }
        }
        _ => Ok(DownOutcome::WasNotRunning),
    }
}

async fn look_at(home: &Home, state: &State, kind: Kind) -> Result<ServerStatus> {
    let site = state.site(home, kind)?;
    let run = state.find(home, kind)?.map(|(run, _)| run);
    let problem = match (&site, &run) {
        (Some(site), Some(_)) => site.healthy().await.err(),
        _ => Some("not running".to_owned()),
    };
    Ok(ServerStatus {
        kind,
        pid: run.as_ref().map(|run| run.pid),
        started_at: run.as_ref().map(|run| run.started_at),
        port: site.as_ref().map(|site| site.port),
        url: site.as_ref().map(Site::url),
        memory_bytes: run.as_ref().and_then(|run| process::memory(run.pid)),
        problem,
        log: state::log(home, kind),
    })
}
