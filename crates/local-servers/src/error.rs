use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::Kind;

/// What can go wrong with local servers. Nothing here is worth an automatic retry: each message tells a
/// person what to do or which log to read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither `KASSAFLOW_HOME` nor a folder above the current one leads to the repository.
    #[error("no kassaflow repository here or in a folder above: change into it, or set KASSAFLOW_HOME")]
    NoRepository,

    /// A program or a download is missing on this machine.
    #[error("{what} is missing: run `make setup`")]
    Missing {
        /// What was looked for, and where.
        what: String,
    },

    /// A file, folder or process could not be handled.
    #[error("{action}: {source}")]
    Io {
        /// What was being done, with the path or program.
        action: String,
        /// Why it failed.
        source: io::Error,
    },

    /// The record of the running servers cannot be read.
    #[error(
        "{} is damaged ({source}): stop the servers by hand and delete it", path.display()
    )]
    State {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },

    /// A server's data folder could not be made.
    #[error("{kind}: the data folder could not be made ({status}):\n{output}")]
    Prepare {
        /// The server.
        kind: Kind,
        /// How the preparing program ended.
        status: ExitStatus,
        /// The last lines that it wrote.
        output: String,
    },

    /// A server ended instead of starting.
    #[error("{kind} ended while it was starting. Its log, {}, ends with:\n{tail}", log.display())]
    Ended {
        /// The server.
        kind: Kind,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },

    /// A server runs but did not become ready in time; it was killed.
    #[error(
        "{kind} was not ready after {seconds} s ({reason}). Its log, {}, ends with:\n{tail}",
        log.display()
    )]
    NotReady {
        /// The server.
        kind: Kind,
        /// How long it was waited for.
        seconds: u64,
        /// What the last probe said.
        reason: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },

    /// No free port was found on 127.0.0.1.
    #[error("no free port on 127.0.0.1 for {kind}")]
    NoPort {
        /// The server.
        kind: Kind,
    },
}

impl Error {
    /// For `map_err`: an I/O error with what was being done.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
