//! What is remembered of the long-lived servers: `.local/servers.json`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::home::{Home, make_folder};
use crate::ports::Ports;
use crate::process::Process;
use crate::servers::{self, Kind, Site};
use crate::{Endpoints, Error, Result};

/// The servers that were ever started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct State {
    servers: BTreeMap<Kind, Entry>,
}

/// One server. Its ports stay when it is stopped, so that URLs do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    port: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inner_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running: Option<Run>,
}

/// A process that was started for a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) pid: u32,
    pub(crate) started_at: Timestamp,
}

impl State {
    pub(crate) fn load(home: &Home) -> Result<Self> {
        let path = file(home);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| Error::State { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::io(format!("reading {}", path.display()))(error)),
        }
    }

    /// Writes the file whole or not at all.
    pub(crate) fn save(&self, home: &Home) -> Result<()> {
        let path = file(home);
        let unfinished = path.with_extension("json.unfinished");
        let text = serde_json::to_vec_pretty(self).map_err(|source| Error::State { path: path.clone(), source })?;
        fs::write(&unfinished, text)
            .and_then(|()| fs::rename(&unfinished, &path))
            .map_err(Error::io(format!("writing {}", path.display())))
    }

    /// Gives each server that does not run its last ports, or the usual ones, or free ones.
    pub(crate) fn choose_ports(&mut self, home: &Home) -> Result<()> {
        // All are held until the last one is chosen.
        let mut ports = Ports::default();
        for kind in Kind::ALL {
            if self.find(home, kind)?.is_some() {
                continue;
            }
            let last = self.servers.get(&kind);
            let inner_port =
                kind.usual_inner_port().map(|usual| ports.prefer(kind, last.and_then(|entry| entry.inner_port), usual));
            let entry = Entry {
                port: ports.prefer(kind, last.map(|entry| entry.port), kind.usual_port())?,
                inner_port: inner_port.transpose()?,
                running: None,
            };
            self.servers.insert(kind, entry);
        }
        Ok(())
    }

    pub(crate) fn set_running(&mut self, kind: Kind, run: Option<Run>) {
        if let Some(entry) = self.servers.get_mut(&kind) {
            entry.running = run;
        }
    }

    /// The recorded process, if it still is the server.
    pub(crate) fn find(&self, home: &Home, kind: Kind) -> Result<Option<(Run, Process)>> {
        let run = self.servers.get(&kind).and_then(|entry| entry.running.clone());
        let (Some(run), Some(site)) = (run, self.site(home, kind)?) else {
            return Ok(None);
        };
        let mark = site.mark();
        Ok(mark.is_on_process(run.pid).then(|| {
            let process = Process::Stranger { id: run.pid, mark };
            (run, process)
        }))
    }

    /// Where the server lives; `None` if it was never started.
    pub(crate) fn site(&self, home: &Home, kind: Kind) -> Result<Option<Site>> {
        let Some(entry) = self.servers.get(&kind) else {
            return Ok(None);
        };
        Ok(Some(Site {
            kind,
            port: entry.port,
            inner_port: entry.inner_port,
            data: home.area(kind)?.join("data").join(kind.name()),
            log: log(home, kind),
        }))
    }

    /// Where the four servers are reached; `None` if one was never started.
    pub(crate) fn endpoints(&self, home: &Home) -> Result<Option<Endpoints>> {
        let mut sites = Vec::new();
        for kind in Kind::ALL {
            sites.extend(self.site(home, kind)?);
        }
        Ok(<[Site; 4]>::try_from(sites).ok().map(|sites| servers::endpoints(sites.each_ref())))
    }
}

/// Only one `up` or `down` at a time: waits for the other one. Released when the file is dropped.
pub(crate) fn lock(home: &Home) -> Result<File> {
    make_folder(&home.local())?;
    let path = home.local().join("servers.lock");
    let action = format!("locking {}", path.display());
    File::create(&path).and_then(|file| file.lock().map(|()| file)).map_err(Error::io(action))
}

/// The log of a long-lived server.
pub(crate) fn log(home: &Home, kind: Kind) -> PathBuf {
    home.logs().join(format!("{}.log", kind.name()))
}

fn file(home: &Home) -> PathBuf {
    home.local().join("servers.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path()).unwrap();
        make_folder(&home.local()).unwrap();
        (folder, home)
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let (_folder, home) = home();
        assert_eq!(State::load(&home).unwrap(), State::default());
        let mut state = State::default();
        state.choose_ports(&home).unwrap();
        let run = Run { pid: 4_999_999, started_at: Timestamp::UNIX_EPOCH };
        state.set_running(Kind::MongoDb, Some(run));
        state.save(&home).unwrap();
        assert_eq!(State::load(&home).unwrap(), state);
    }

    #[test]
    fn ports_stay_while_they_are_free() {
        let (_folder, home) = home();
        let mut state = State::default();
        for (kind, port) in Kind::ALL.into_iter().zip([15_001, 15_002, 15_003, 15_004]) {
            let entry = Entry { port, inner_port: None, running: None };
            state.servers.insert(kind, entry);
        }
        let taken = std::net::TcpListener::bind("127.0.0.1:15003").unwrap();
        state.choose_ports(&home).unwrap();
        let ports = Kind::ALL.map(|kind| state.servers[&kind].port);
        assert_eq!([ports[0], ports[1], ports[3]], [15_001, 15_002, 15_004]);
        assert_ne!(ports[2], 15_003);
        drop(taken);
    }

    #[test]
    fn a_process_that_only_has_the_number_is_not_the_server() {
        let (_folder, home) = home();
        let mut state = State::default();
        state.choose_ports(&home).unwrap();
        let run = Run { pid: std::process::id(), started_at: Timestamp::now() };
        state.set_running(Kind::Kafka, Some(run));
        assert!(state.find(&home, Kind::Kafka).unwrap().is_none());
    }

    #[test]
    fn a_damaged_file_is_named() {
        let (_folder, home) = home();
        fs::write(file(&home), "{").unwrap();
        let message = State::load(&home).unwrap_err().to_string();
        assert!(message.contains("servers.json is damaged"), "{message}");
    }
}
