//! Starting and stopping one server.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::home::Home;
use crate::process::{Lifetime, PAUSE, Process};
use crate::servers::Site;
use crate::{Error, Result};

/// How long a start may take. It takes seconds; the rest is for a machine that is busy.
const START: Duration = Duration::from_secs(60);
/// How long a server may take to end in good order.
const STOP: Duration = Duration::from_secs(20);
/// How many lines of a log an error shows.
const LINES: usize = 15;
/// How many lines that speak of errors it shows before them.
const ERRORS: usize = 3;

/// Starts the server and returns when it does its work.
pub(crate) async fn start(home: &Home, site: &Site, lifetime: Lifetime) -> Result<Process> {
    let invocation = {
        let (home, site) = (home.clone(), site.clone());
        tokio::task::spawn_blocking(move || site.prepare(&home))
            .await
            .map_err(|error| Error::Io { action: "preparing a server".to_owned(), source: error.into() })??
    };
    let log = LogOfOneStart::from_here(site);
    let child = invocation.start(lifetime, &site.log)?;
    let mut process = Guard(Some(Process::Child(child)));
    process.ready(&log).await?;
    process.release().ok_or_else(|| log.ended())
}

/// Waits until a running server does its work. One that does not in time is killed.
pub(crate) async fn until_ready(process: &mut Process, log: &LogOfOneStart<'_>) -> Result<()> {
    let site = log.site;
    let deadline = Instant::now() + START;
    loop {
        if !process.is_alive() {
            return Err(log.ended());
        }
        match site.ready().await {
            // Another program may have taken the port while ours failed to.
            Ok(()) if process.is_alive() => return Ok(()),
            Ok(()) => {}
            Err(reason) if Instant::now() > deadline => {
                process.kill().await;
                return Err(Error::NotReady {
                    kind: site.kind,
                    seconds: START.as_secs(),
                    reason,
                    log: site.log.clone(),
                    tail: log.tail(),
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Ends the server in good order; `false` if it took too long and was killed.
pub(crate) async fn stop(process: &mut Process, site: &Site) -> bool {
    process.signal(site.kind.stop_signal());
    if process.ended_within(STOP).await {
        return true;
    }
    process.kill().await;
    false
}

/// Kills a server whose start is given up half-way, for instance because its future was dropped.
struct Guard(Option<Process>);

impl Guard {
    async fn ready(&mut self, log: &LogOfOneStart<'_>) -> Result<()> {
        match &mut self.0 {
            Some(process) => until_ready(process, log).await,
            None => Ok(()),
        }
    }

    fn release(mut self) -> Option<Process> {
        self.0.take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(Process::Child(child)) = &mut self.0 {
            // An error means that it has ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A server's log from the moment of a start: what it said before would mislead.
pub(crate) struct LogOfOneStart<'a> {
    site: &'a Site,
    begin: u64,
}

impl<'a> LogOfOneStart<'a> {
    /// For a server that is about to be started.
    fn from_here(site: &'a Site) -> Self {
        let begin = fs::metadata(&site.log).map_or(0, |meta| meta.len());
        Self { site, begin }
    }

    /// For a server that was started into a new log.
    pub(crate) fn whole(site: &'a Site) -> Self {
        Self { site, begin: 0 }
    }

    fn ended(&self) -> Error {
        Error::Ended { kind: self.site.kind, log: self.site.log.clone(), tail: self.tail() }
    }

    fn tail(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.site.log)?;
            file.seek(SeekFrom::Start(self.begin))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_or_else(
            |error| format!("(not readable: {error})"),
            |bytes| last_lines(&String::from_utf8_lossy(&bytes)),
        )
    }
}

/// The last lines, and before them the first errors: mongod says why it ends and then describes for fifty lines
/// how it ends.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let (before, last) = lines.split_at(lines.len().saturating_sub(LINES));
    let errors = before.iter().filter(|line| is_error(line)).take(ERRORS);
    let mut shown: Vec<&str> = errors.copied().collect();
    if !shown.is_empty() {
        shown.push("...");
    }
    shown.extend(last);
    shown.join("\n")
}

/// In the manner of Kafka and the registry, of PostgreSQL, and of mongod.
fn is_error(line: &str) -> bool {
    ["ERROR", "FATAL", r#""s":"E""#, r#""s":"F""#].iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown() {
        let text: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let shown = last_lines(&text);
        assert!(shown.starts_with("line 6\n") && shown.ends_with("line 20"));
        assert_eq!(last_lines("one\n"), "one");
    }

    #[test]
    fn an_error_before_the_last_lines_is_shown_too() {
        let mut text = String::from("fine\n{\"s\":\"E\", \"msg\":\"port taken\"}\n");
        text.extend((1..=20).map(|n| format!("line {n}\n")));
        let shown = last_lines(&text);
        assert!(shown.starts_with("{\"s\":\"E\", \"msg\":\"port taken\"}\n...\nline 6\n"), "{shown}");
    }
}
