//! Times as documents write them.

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Seconds of a clock without a zone, counted like Unix time; shown as `2024-01-02 03:04:05`.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    seconds: i64,
    separator: char,
}

impl Clock {
    /// Shown with a blank between date and time.
    #[must_use]
    pub fn spaced(seconds: i64) -> Self {
        Self { seconds, separator: ' ' }
    }

    /// Shown with a `T` between date and time.
    #[must_use]
    pub fn iso(seconds: i64) -> Self {
        Self { seconds, separator: 'T' }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = Timestamp::from_second(self.seconds).map_err(|_| fmt::Error)?;
        let time: DateTime = TimeZone::UTC.to_datetime(timestamp);
        let (date, time) = (time.date(), time.time());
        write!(f, "{:04}-{:02}-{:02}{}", date.year(), date.month(), date.day(), self.separator)?;
        write!(f, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_instant() {
        assert_eq!(Clock::spaced(1_554_143_220).to_string(), "2019-04-01 18:27:00");
        assert_eq!(Clock::iso(0).to_string(), "1970-01-01T00:00:00");
    }
}
