//! What a failed call means for the caller.

use std::{fmt, time::Duration};

use reqwest::StatusCode;
use serde::Deserialize;

/// Longest piece of an error text that is kept: it goes into logs and into a database column.
const TEXT_LIMIT: usize = 300;

/// Why a call brought no answer, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing is wrong with the request: the same call may succeed later.
    #[error("iiko gave no usable answer ({trouble}): {reason}")]
    RetryLater {
        /// The kind of trouble.
        trouble: Trouble,
        /// What happened, for people.
        reason: String,
        /// How long iiko asked to wait.
        retry_after: Option<Duration>,
    },
    /// iiko refuses this request and will refuse it again. It must not be repeated: iiko punishes
    /// a login for repeated faulty requests.
    #[error("iiko refuses the request: {reason}")]
    Rejected {
        /// What iiko said.
        reason: String,
    },
    /// iiko refuses the login. No call of this login may follow until a person has looked at it.
    #[error("iiko refuses the login ({cause}): {reason}")]
    StopLogin {
        /// Why it is refused.
        cause: StopCause,
        /// What iiko said.
        reason: String,
    },
}

/// The kinds of trouble that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No connection, or it broke before the answer was complete.
    Network,
    /// The answer did not come in time, by our clock or by iiko's (408).
    Timeout,
    /// Too many calls (429).
    RateLimited,
    /// iiko failed (5xx, or an error code that names a system behind it).
    Server,
    /// The answer is not what the interface promises.
    Malformed,
    /// The answer is larger than the bound.
    TooLarge,
}

/// Why a login is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// Wrong credentials, or a fresh token that is refused (401).
    Unauthorized,
    /// iiko has blocked or locked the login.
    Blocked,
}

impl Error {
    /// A short constant name of the outcome, for metrics.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::RetryLater { trouble, .. } => trouble.name(),
            Self::Rejected { .. } => "rejected",
            Self::StopLogin { cause: StopCause::Unauthorized, .. } => "unauthorized",
            Self::StopLogin { cause: StopCause::Blocked, .. } => "blocked",
        }
    }

    /// Whether the same call is worth another try at once, after a pause. An answer that is complete
    /// but malformed or too large will not be better a second later.
    pub(crate) const fn worth_repeating(&self) -> bool {
        use Trouble::{Network, RateLimited, Server, Timeout};
        matches!(self, Self::RetryLater { trouble: Network | Timeout | RateLimited | Server, .. })
    }

    pub(crate) fn later(trouble: Trouble, reason: impl Into<String>) -> Self {
        Self::RetryLater { trouble, reason: reason.into(), retry_after: None }
    }
}

impl Trouble {
    const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Server => "server_error",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthorized => "unauthorized",
            Self::Blocked => "blocked",
        })
    }
}

/// iiko's error body. Newer interfaces say `message` instead of `errorDescription`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ErrorBody {
    #[serde(alias = "message")]
    error_description: Option<String>,
    error: Option<String>,
}

/// Judges an answer that is not 200: by iiko's error code first, since a 400 is not always final,
/// then by the status.
pub(crate) fn judge(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Error {
    // A proxy's error page has no such body; then the status alone decides.
    let said: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let code = said.error.unwrap_or_default();
    let text = said.error_description.unwrap_or_default();
    let reason = shorten(format!("{} {code} {text}", status.as_u16()));
    let blocked = text.to_lowercase().contains("locked"); // "blocked", too
    let trouble = match status.as_u16() {
        423 => return Error::StopLogin { cause: StopCause::Blocked, reason },
        400 | 401 | 403 if blocked => return Error::StopLogin { cause: StopCause::Blocked, reason },
        401 => return Error::StopLogin { cause: StopCause::Unauthorized, reason },
        400 if code.ends_with("_TIMEOUT") => Trouble::Server,
        408 => Trouble::Timeout,
        429 => Trouble::RateLimited,
        500.. => Trouble::Server,
        _ => return Error::Rejected { reason },
    };
    Error::RetryLater { trouble, reason, retry_after }
}

/// One line of at most [`TEXT_LIMIT`] characters, without control characters.
pub(crate) fn shorten(text: String) -> String {
    let blank = |c: char| c.is_whitespace() || c.is_control();
    let mut line = text.split(blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(TEXT_LIMIT) {
        line.truncate(end);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &str) -> &'static str {
        judge(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None).outcome()
    }

    #[test]
    fn the_code_and_the_status_decide_together() {
        assert_eq!(
            outcome(400, r#"{"correlationId":"x","errorDescription":"bad","error":"INVALID_BODY_JSON_FORMAT"}"#),
            "rejected"
        );
        assert_eq!(outcome(400, r#"{"errorDescription":"wait","error":"EXTERNAL_SYSTEM_TIMEOUT"}"#), "server_error");
        assert_eq!(outcome(400, r#"{"errorDescription":"Apilogin has been blocked.","error":null}"#), "blocked");
        assert_eq!(outcome(423, ""), "blocked");
        assert_eq!(outcome(401, r#"{"errorDescription":"Token is expired"}"#), "unauthorized");
        assert_eq!(outcome(408, ""), "timeout");
        assert_eq!(outcome(429, r#"{"message":"Too many requests within allowed period of time"}"#), "rate_limited");
        assert_eq!(outcome(502, "<html>"), "server_error");
        assert_eq!(outcome(404, "<html>"), "rejected");
        assert_eq!(outcome(302, ""), "rejected");
    }

    #[test]
    fn only_trouble_that_passes_is_repeated() {
        let repeated = |trouble| Error::later(trouble, "").worth_repeating();
        assert!([Trouble::Network, Trouble::Timeout, Trouble::RateLimited, Trouble::Server].into_iter().all(repeated));
        assert!(![Trouble::Malformed, Trouble::TooLarge].into_iter().any(repeated));
        assert!(!Error::Rejected { reason: String::new() }.worth_repeating());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = shorten(format!("400\n\0{}", "ы".repeat(1000)));
        assert_eq!(text.chars().count(), TEXT_LIMIT);
        assert!(text.starts_with("400 ыы"));
    }
}
