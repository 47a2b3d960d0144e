use std::error::Error as _;

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::SqlState;

/// What went wrong with PostgreSQL; the variants are the caller's choices.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server is away, overloaded or lost a race (I/O, SQLSTATE 08, 40, 53, 55P03, 57, 58): try again, for
    /// as long as it takes. Never the data's fault.
    #[error("PostgreSQL, to be tried again: {0}")]
    Retry(String),
    /// The server refuses these rows (SQLSTATE 22, 23, 54): without the culprit the rest goes through.
    #[error("PostgreSQL refuses the data: {0}")]
    Reject(String),
    /// Nothing will help but a person: wrong credentials, a missing migration, a mistake in the program.
    #[error("PostgreSQL: {0}")]
    Stop(String),
}

impl Error {
    /// Whether trying the same again may help.
    #[must_use]
    pub const fn is_retry(&self) -> bool {
        matches!(self, Self::Retry(_))
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            let detail = refusal.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
            let text = format!("{}{detail}, SQLSTATE {}", refusal.message(), refusal.code().code());
            return sort(refusal.code(), text);
        }
        let io = error.source().is_some_and(|cause| cause.is::<std::io::Error>());
        let text = with_causes(&error);
        // A time limit while connecting has neither a cause nor a method that tells it.
        if io || error.is_closed() || text == "timeout waiting for server" {
            Self::Retry(text)
        } else {
            Self::Stop(text)
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
            PoolError::Timeout(step) => Self::Retry(format!("no connection in time ({step:?})")),
            other => Self::Stop(other.to_string()),
        }
    }
}

fn sort(code: &SqlState, text: String) -> Error {
    const HINT: &str = "; `kassactl db migrate` brings the tables up to date";
    match code.code() {
        // A server that is read-only after a change of roles, or waits for a lock, is an outage too.
        "25006" | "55P03" => Error::Retry(text),
        // The session was ended because it idled in a transaction: this process was stopped for a while.
        "25P03" => Error::Retry(text),
        "42P01" | "42703" => Error::Stop(text + HINT),
        other => match other.get(..2) {
            Some("08" | "40" | "53" | "57" | "58") => Error::Retry(text),
            Some("22" | "23" | "54") => Error::Reject(text),
            _ => Error::Stop(text),
        },
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: &str) -> &'static str {
        match sort(&SqlState::from_code(code), String::new()) {
            Error::Retry(_) => "retry",
            Error::Reject(_) => "reject",
            Error::Stop(_) => "stop",
        }
    }

    #[test]
    fn outages_and_lost_races_are_tried_again() {
        for code in ["08006", "40001", "40P01", "53300", "57P01", "57014", "58030", "25006", "55P03"] {
            assert_eq!(class(code), "retry", "{code}");
        }
    }

    #[test]
    fn bad_rows_are_rejected() {
        for code in ["22021", "23514", "54000"] {
            assert_eq!(class(code), "reject", "{code}");
        }
    }

    #[test]
    fn what_no_waiting_helps_stops() {
        for code in ["28P01", "3D000", "42P01", "42601", "XX000"] {
            assert_eq!(class(code), "stop", "{code}");
        }
    }
}
