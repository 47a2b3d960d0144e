//! What was asked.

use std::{collections::VecDeque, time::Instant};

use uuid::Uuid;

use crate::faults::Endpoint;

/// How many calls are remembered.
const KEPT: usize = 100_000;

/// One call as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// What was called.
    pub endpoint: Endpoint,
    /// When it arrived.
    pub at: Instant,
    /// Organisations that it named.
    pub organization_ids: Vec<Uuid>,
    /// The header `Timeout`.
    pub timeout_header: Option<u64>,
    /// The whole body.
    pub body: serde_json::Value,
    /// The answer's status; `None` while the call is under way, and when the caller went away.
    pub status: Option<u16>,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: VecDeque<(u64, Call)>,
    next: u64,
    under_way: usize,
    pub(crate) most_concurrent: usize,
}

impl Journal {
    /// Notes an arrival and answers its number.
    pub(crate) fn arrived(&mut self, call: Call) -> u64 {
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        let number = self.next;
        self.calls.push_back((number, call));
        self.next += 1;
        self.under_way += 1;
        self.most_concurrent = self.most_concurrent.max(self.under_way);
        number
    }

    /// Notes the end of a call, with the status when it was answered.
    pub(crate) fn ended(&mut self, number: u64, status: Option<u16>) {
        self.under_way = self.under_way.saturating_sub(1);
        let oldest = self.calls.front().map_or(0, |(oldest, _)| *oldest);
        let place = number.checked_sub(oldest).and_then(|place| usize::try_from(place).ok());
        if let Some((_, call)) = place.and_then(|place| self.calls.get_mut(place)) {
            call.status = status;
        }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.iter().map(|(_, call)| call.clone()).collect()
    }
}
