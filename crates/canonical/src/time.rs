//! The register's clock, the calendar, and UTC.

use jiff::{
    civil::{Date, DateTime},
    tz::TimeZone,
};
pub use schemas::time::{local_text, utc_text};
use schemas::{LocalTimestamp, Timestamp, time::calendar};

use crate::offset;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The instant that a register's clock showed in the IANA time zone `zone`; `None` where the zone
/// is unknown or the time is beyond the calendar.
///
/// Where clocks were put back and a time happened twice, the first one is meant; a time that was
/// skipped is read by the offset before the change (what RFC 5545 asks for).
#[must_use]
pub fn utc(local: LocalTimestamp, zone: &str) -> Option<Timestamp> {
    if let Some(offset) = offset::recall(local.0, zone) {
        return Some(Timestamp(local.0 - offset));
    }
    let rules = TimeZone::get(zone).ok()?;
    let instant = rules.to_ambiguous_timestamp(calendar(local)?).compatible().ok()?;
    offset::remember(instant, zone, &rules);
    Some(Timestamp(instant.as_microsecond()))
}

/// What a clock in the IANA time zone `zone` showed at that instant.
#[must_use]
pub fn local(utc: Timestamp, zone: &str) -> Option<LocalTimestamp> {
    let zone = TimeZone::get(zone).ok()?;
    let instant = jiff::Timestamp::from_microsecond(utc.0).ok()?;
    from_calendar(zone.to_datetime(instant))
}

/// Reads `2026-11-23 20:52:02` or `2026-11-23T20:52:02`, with or without a fraction of the second
/// and without any zone.
#[must_use]
pub fn parse_local(text: &str) -> Option<LocalTimestamp> {
    from_calendar(text.parse::<DateTime>().ok()?)
}

/// Reads an instant with its offset, `2026-11-23T17:52:02.000Z` or `…+03:00`.
#[must_use]
pub fn parse_utc(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|instant| Timestamp(instant.as_microsecond()))
}

/// `2026-11-23`: the day on the register's own clock.
#[must_use]
pub fn local_date_text(local: LocalTimestamp) -> Option<String> {
    Some(calendar(local)?.date().to_string())
}

fn from_calendar(time: DateTime) -> Option<LocalTimestamp> {
    let days = i64::from((time.date() - Date::new(1970, 1, 1).ok()?).get_days());
    let seconds =
        ((days * 24 + i64::from(time.hour())) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    Some(LocalTimestamp(seconds * MICROS_PER_SECOND + i64::from(time.subsec_nanosecond() / 1_000)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(local: &str, zone: &str) -> Option<Timestamp> {
        utc(parse_local(local).unwrap(), zone)
    }

    #[test]
    fn a_registers_clock_becomes_utc() {
        // 2019-04-01 18:27:00 on the clock is 1554143220 "local seconds"; Moscow is three hours ahead.
        assert_eq!(parse_local("2019-04-01 18:27:00"), Some(LocalTimestamp(1_554_143_220_000_000)));
        assert_eq!(at("2019-04-01 18:27:00", "Europe/Moscow"), Some(Timestamp(1_554_132_420_000_000)));
        assert_eq!(at("2019-04-01 18:27:00", "Asia/Kamchatka"), parse_utc("2019-04-01T06:27:00Z"));
        // Moscow was four hours ahead all year in 2012.
        assert_eq!(at("2012-01-15 12:00:00", "Europe/Moscow"), parse_utc("2012-01-15T08:00:00Z"));
    }

    #[test]
    fn times_that_happened_twice_or_never_have_one_meaning() {
        // Moscow, 2010-10-31: 03:00 became 02:00. The first 02:30 was still at +04:00.
        assert_eq!(at("2010-10-31 02:30:00", "Europe/Moscow"), parse_utc("2010-10-30T22:30:00Z"));
        // Moscow, 2010-03-28: 02:00 became 03:00. 02:30 read at +03:00.
        assert_eq!(at("2010-03-28 02:30:00", "Europe/Moscow"), parse_utc("2010-03-27T23:30:00Z"));
    }

    #[test]
    fn what_cannot_be_known_is_none() {
        assert_eq!(at("2019-04-01 18:27:00", "Europe/Nowhere"), None);
        assert_eq!(at("2019-04-01 18:27:00", ""), None);
        assert_eq!(utc(LocalTimestamp(i64::MAX), "Europe/Moscow"), None);
        assert_eq!(parse_local("2026-02-30 00:00:00"), None);
        assert_eq!(parse_local(""), None);
        assert_eq!(parse_utc("2026-02-03 00:00:00"), None);
    }

    #[test]
    fn times_are_spelled_in_one_way() {
        let time = parse_local("2026-11-23 20:52:02").unwrap();
        assert_eq!(local_text(time).as_deref(), Some("2026-11-23T20:52:02"));
        assert_eq!(local_date_text(time).as_deref(), Some("2026-11-23"));
        assert_eq!(utc_text(Timestamp(0)).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(local_date_text(LocalTimestamp(-1)).as_deref(), Some("1969-12-31"));
        assert_eq!(local_text(LocalTimestamp(i64::MIN)), None);
        for last in ["9999-12-31T23:59:59.999999", "9999-12-31T10:00:00", "-009999-01-01T00:00:00"] {
            assert_eq!(local_text(parse_local(last).unwrap()).as_deref(), Some(last));
        }
    }

    /// Without any memory.
    fn looked_up(local: LocalTimestamp, zone: &str) -> Option<Timestamp> {
        let zone = TimeZone::get(zone).ok()?;
        let instant = zone.to_ambiguous_timestamp(calendar(local)?).compatible().ok()?;
        Some(Timestamp(instant.as_microsecond()))
    }

    #[test]
    fn what_is_remembered_is_what_would_be_looked_up() {
        // Each quarter of an hour around the changes of clocks, of zones that have some.
        for zone in ["Europe/Moscow", "America/New_York", "Europe/Volgograd", "Australia/Lord_Howe", "Asia/Kamchatka"] {
            for begin in
                ["2010-03-28", "2010-10-31", "2014-10-26", "2018-10-28", "2024-03-10", "2024-11-03", "2024-04-07"]
            {
                let begin = parse_local(&format!("{begin} 00:00:00")).unwrap();
                for quarter in (-48..144).chain((-48..144).rev()) {
                    let local = LocalTimestamp(begin.0 + quarter * 900 * MICROS_PER_SECOND);
                    assert_eq!(utc(local, zone), looked_up(local, zone), "{zone} {:?}", local_text(local));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_order_of_questions_changes_an_answer(
            questions in prop::collection::vec(
                (prop::sample::select(vec!["Europe/Moscow", "America/New_York", "Europe/Samara"]), -3_000_000_000..9_000_000_000_i64),
                1..20,
            )
        ) {
            for (zone, seconds) in questions {
                let local = LocalTimestamp(seconds * MICROS_PER_SECOND + 7);
                prop_assert_eq!(utc(local, zone), looked_up(local, zone));
            }
        }

        #[test]
        fn nothing_panics(micros in any::<i64>(), text in ".{0,40}", zone in "[A-Za-z/_+0-9-]{0,20}") {
            let _answers = (utc(LocalTimestamp(micros), "Europe/Moscow"), utc(LocalTimestamp(micros), &zone));
            let _answers = (local(Timestamp(micros), "Asia/Vladivostok"), local_text(LocalTimestamp(micros)));
            let _answers = (local_date_text(LocalTimestamp(micros)), parse_local(&text), parse_utc(&text));
        }

        #[test]
        fn the_way_to_utc_and_back_ends_where_it_began(seconds in 1_420_000_000_i64..2_500_000_000) {
            // Moscow's clocks stand still since 2014: no time happens twice.
            let time = LocalTimestamp(seconds * MICROS_PER_SECOND);
            let instant = utc(time, "Europe/Moscow").unwrap();
            prop_assert_eq!(local(instant, "Europe/Moscow"), Some(time));
            prop_assert_eq!(parse_local(&local_text(time).unwrap()), Some(time));
        }
    }
}
