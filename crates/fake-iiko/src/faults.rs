//! What goes wrong on demand.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

/// The parts of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/api/1/access_token` and `/api/v2/access_token`.
    AccessToken,
    /// `/api/1/organizations`.
    Organizations,
    /// `/api/1/terminal_groups`.
    TerminalGroups,
    /// `/api/1/stop_lists`.
    StopLists,
}

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An error status with iiko's error body.
    Status {
        /// The status.
        status: u16,
        /// `error`: iiko's code, often null.
        code: Option<String>,
        /// `errorDescription`.
        description: String,
        /// The header `Retry-After`, seconds.
        retry_after: Option<u64>,
    },
    /// 200 with JSON that has lost a level of nesting.
    Malformed,
    /// 200, but the connection breaks in the middle of the body.
    Truncated,
    /// 200, but one byte at a time, ten a second.
    Drip,
    /// No answer at all; the connection stays open.
    Hang,
    /// 200 without the organisations that were asked for.
    OrganizationMissing,
    /// 200 in which every group of the organisations is emptied.
    Emptied,
}

impl Fault {
    /// An error status with a description that fits it.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let description = match status {
            408 => "Terminal did not answer in time",
            423 => "Apilogin has been blocked.",
            429 => "Too many requests within allowed period of time",
            500.. => "Internal server error",
            _ => "Request is refused",
        };
        Self::Status { status, code: None, description: description.to_owned(), retry_after: None }
    }

    /// 429 with `Retry-After`.
    #[must_use]
    pub fn too_many(retry_after: Duration) -> Self {
        match Self::status(429) {
            Self::Status { status, code, description, .. } => {
                Self::Status { status, code, description, retry_after: Some(retry_after.as_secs()) }
            }
            other => other,
        }
    }
}

/// The faults that wait for their call.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: HashMap<Endpoint, VecDeque<Fault>>,
    pub(crate) latency: Duration,
}

impl Faults {
    pub(crate) fn push(&mut self, endpoint: Endpoint, calls: usize, fault: Fault) {
        self.waiting.entry(endpoint).or_default().extend(std::iter::repeat_n(fault, calls));
    }

    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.waiting.get_mut(&endpoint)?.pop_front()
    }
}
