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

    /// `20.11.2026` and `14:05:00`, without any offset.
    pub(crate) fn day_first(date: &str, clock: &str) -> Option<Self> {
        let mut parts = date.trim().split('.');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        time::parse_local(&format!("{year}-{month}-{day}T{}", clock.trim())).map(Self::local)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_begin_with_the_day() {
        let time = LocalTimestamp(1_795_183_500_000_000);
        assert_eq!(Moment::day_first("20.11.2026", " 14:05:00"), Some(Moment::local(time)));
        for (date, clock) in [("", ""), ("20.11.2026", ""), ("2026-11-20", "14:05:00"), ("32.11.2026", "14:05:00")] {
            assert_eq!(Moment::day_first(date, clock), None, "{date} {clock}");
        }
        assert_eq!(Moment::day_first("20.11.26", "14:05:00"), None);
    }
}
