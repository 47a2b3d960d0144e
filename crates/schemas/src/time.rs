//! Times as texts.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time},
};

use crate::{LocalTimestamp, Timestamp};

/// `2026-11-23T20:52:02`, with a fraction only if there is one; `None` beyond the calendar.
#[must_use]
pub fn local_text(local: LocalTimestamp) -> Option<String> {
    Some(calendar(local)?.to_string())
}

/// `2026-11-23T17:52:02Z`, with a fraction only if there is one; `None` beyond the calendar.
#[must_use]
pub fn utc_text(utc: Timestamp) -> Option<String> {
    Some(jiff::Timestamp::from_microsecond(utc.0).ok()?.to_string())
}

/// The whole calendar of years with four digits: `jiff::Timestamp`, which ends a day before it, cannot be the way.
#[must_use]
pub fn calendar(local: LocalTimestamp) -> Option<DateTime> {
    let epoch = DateTime::from_parts(Date::new(1970, 1, 1).ok()?, Time::midnight());
    epoch.checked_add(SignedDuration::from_micros(local.0)).ok()
}
