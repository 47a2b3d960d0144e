//! Times as JSON sources write them.

use canonical::time;
use schemas::{LocalTimestamp, Timestamp};

use crate::{Context, checks, flags};

/// A time as a document tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// On the register's own clock.
    pub local: LocalTimestamp,
    /// Where the text has an offset. A plain `Z` says nothing: there are services that put it behind local times.
    pub utc: Option<Timestamp>,
    /// Only the day is told.
    pub day_only: bool,
}

impl Moment {
    /// Without any offset.
    pub(crate) const fn local(local: LocalTimestamp) -> Self {
        Self { local, utc: None, day_only: false }
    }

    /// `2026-11-20T14:05:00`, with a blank for the `T`, with or without an offset, or the day alone.
    pub(crate) fn text(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() == "2026-11-20".len() {
            return Some(Self { day_only: true, ..Self::local(time::parse_local(&format!("{text}T00:00:00"))?) });
        }
        let bare = text.strip_suffix(['Z', 'z']).unwrap_or(text);
        let offset = bare.rfind(['+', '-']).filter(|at| *at > "2026-11-20T".len());
        let Some(at) = offset else { return time::parse_local(bare).map(Self::local) };
        Some(Self { utc: Some(time::parse_utc(bare)?), ..Self::local(time::parse_local(&bare[..at])?) })
    }

    /// With the instant from the directory's time zone where the document tells none, and flags for what is odd.
    pub(crate) fn in_zone(mut self, context: &Context<'_>, flags: &mut Vec<&'static str>) -> Self {
        if self.day_only {
            flags.push(flags::TIME_OF_DAY_MISSING);
        } else {
            self.utc = self.utc.or_else(|| time::utc(self.local, context.time_zone?));
        }
        if checks::is_in_future(Some(self.local), self.utc, context.received_at) {
            flags.push(flags::TIME_IN_FUTURE);
        }
        self
    }
}
