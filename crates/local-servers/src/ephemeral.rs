//! Servers that die with the process that started them: for tests and the demo.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::home::{Home, make_folder};
use crate::ports::Ports;
use crate::process::{Lifetime, Process, command_line};
use crate::servers::{self, Kind, Site};
use crate::{Endpoints, Result, server, testing};

/// How long the logs of servers that have died are kept.
const LOGS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// All four servers, with data of their own on free ports. They end when this value is dropped or its
/// process dies, however it dies (on Linux; elsewhere a process that is killed leaves them running).
#[derive(Debug)]
pub struct Ephemeral {
    /// Apache Kafka.
    pub kafka: Server,
    /// The schema registry.
    pub registry: Server,
    /// MongoDB.
    pub mongodb: Server,
    /// PostgreSQL.
    pub postgres: Server,
}

impl Ephemeral {
    /// Starts the four servers side by side and returns when all of them do their work.
    ///
    /// # Errors
    /// See [`Error`](crate::Error): something is not installed, or a server did not start; the others are stopped.
    pub async fn start(home: &Home) -> Result<Self> {
        let (kafka, registry, mongodb, postgres) = tokio::try_join!(
            Server::start_new(home, Kind::Kafka),
            Server::start_new(home, Kind::Registry),
            Server::start_new(home, Kind::MongoDb),
            Server::start_new(home, Kind::Postgres),
        )?;
        Ok(Self { kafka, registry, mongodb, postgres })
    }

    /// All four.
    pub const fn servers(&self) -> [&Server; 4] {
        [&self.kafka, &self.registry, &self.mongodb, &self.postgres]
    }

    /// Where they are reached. It stays the same when one of them is stopped and started.
    pub fn endpoints(&self) -> Endpoints {
        servers::endpoints(self.servers().map(|server| &server.site))
    }
}

/// One server of [`Ephemeral`], or one alone: a test of an outage starts a server of its own, because the shared
/// ones serve other tests at the same time.
#[derive(Debug)]
pub struct Server {
    home: Home,
    site: Site,
    process: Option<Process>,
}

impl Server {
    /// Starts one server on a free port with data of its own.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn start_new(home: &Home, kind: Kind) -> Result<Self> {
        let folders = home.area(kind)?.join("ephemeral");
        let logs = home.logs().join("ephemeral");
        make_folder(&folders)?;
        make_folder(&logs)?;
        remove_what_the_dead_left(&folders, &logs);
        let name = testing::unique(&format!("{}-{}", kind.name(), std::process::id()));
        let mut ports = Ports::default();
        let site = Site {
            kind,
            port: ports.any(kind)?,
            inner_port: kind.usual_inner_port().map(|_| ports.any(kind)).transpose()?,
            data: folders.join(&name),
            log: logs.join(format!("{name}.log")),
        };
        drop(ports);
        let mut server = Self { home: home.clone(), site, process: None };
        server.start().await?;
        Ok(server)
    }

    /// Starts it again, on the same port and data. Does nothing if it runs.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn start(&mut self) -> Result<()> {
        if self.process.as_mut().is_none_or(|p| !p.is_alive()) {
            let started = server::start(&self.home, &self.site, Lifetime::OfThisProcess).await?;
            self.process = Some(started);
        }
        Ok(())
    }

    /// Ends it in good order, as an operator would; after 20 s it is killed.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            server::stop(&mut process, &self.site).await;
        }
    }

    /// Kills it, as a power cut would, and returns when it is gone.
    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Which server it is.
    pub fn kind(&self) -> Kind {
        self.site.kind
    }

    /// Its address, as in the field of [`Endpoints`] for its kind.
    pub fn url(&self) -> String {
        self.site.url()
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Its log file; it stays for a day.
    pub fn log(&self) -> &Path {
        &self.site.log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(Process::Child(mut child)) = self.process.take() {
            // An error means that it has ended already.
            drop(child.kill());
            drop(child.wait());
        }
        // What a process of PostgreSQL writes in its last moment is swept up by the next start.
        drop(fs::remove_dir_all(&self.site.data));
    }
}

/// Removes the data of servers whose owner was killed, and old logs. What cannot be removed stays for the
/// next time.
fn remove_what_the_dead_left(folders: &Path, logs: &Path) {
    let long_ago = SystemTime::now() - LOGS_KEPT;
    for entry in fs::read_dir(folders).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(owner_is_dead) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    for entry in fs::read_dir(logs).into_iter().flatten().flatten() {
        let is_old = entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|time| time < long_ago);
        if is_old && entry.file_name().to_str().is_some_and(owner_is_dead) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// `kafka-1234-abcdef`: whether process 1234 has ended.
fn owner_is_dead(name: &str) -> bool {
    name.split('-').nth(1).and_then(|id| id.parse().ok()).is_some_and(|id: u32| command_line(id).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_the_dead_is_removed() {
        let folders = tempfile::tempdir().unwrap();
        let logs = tempfile::tempdir().unwrap();
        let alive = format!("kafka-{}-abc", std::process::id());
        // No process has this id: Linux counts to 2^22 at most.
        let names = ["kafka-4999999-abc", alive.as_str(), "something-else"];
        for name in names {
            fs::create_dir(folders.path().join(name)).unwrap();
        }
        fs::write(logs.path().join("kafka-4999999-abc.log"), "fresh").unwrap();
        remove_what_the_dead_left(folders.path(), logs.path());
        let left = names.map(|name| folders.path().join(name).exists());
        assert_eq!(left, [false, true, true]);
        assert!(logs.path().join("kafka-4999999-abc.log").exists());
    }
}
