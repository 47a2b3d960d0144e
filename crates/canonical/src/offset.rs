//! Offsets of time zones, remembered for a stretch of time: nearly all receipts come from the same one.

use std::{cell::RefCell, ops::Range};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Zones that a thread remembers. Russia has a dozen offsets and three dozen names for them.
const ZONES: usize = 64;

/// Local times outside of the years 1970 to 2199 are looked up each time.
const REMEMBERED: Range<i64> = 0..7_258_118_400 * MICROS_PER_SECOND;

/// Where a zone's clocks neither skip nor repeat a time: one offset holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    zone: Box<str>,
    /// Microseconds of the local clock.
    local: Range<i64>,
    /// Microseconds to take off.
    offset: i64,
}

thread_local! {
    static STRETCHES: RefCell<Vec<Stretch>> = const { RefCell::new(Vec::new()) };
}

/// The offset of a zone, in microseconds, if it is remembered for that local time.
pub(crate) fn recall(local: i64, zone: &str) -> Option<i64> {
    STRETCHES.with_borrow(|stretches| {
        let stretch = stretches.iter().find(|stretch| *stretch.zone == *zone)?;
        stretch.local.contains(&local).then_some(stretch.offset)
    })
}

/// Remembers the stretch around an instant of a zone, in place of another one of that zone.
pub(crate) fn remember(instant: Timestamp, zone: &str, rules: &TimeZone) {
    let Some((local, offset)) = stretch(instant, rules) else { return };
    STRETCHES.with_borrow_mut(|stretches| {
        stretches.retain(|stretch| *stretch.zone != *zone);
        if stretches.len() == ZONES {
            stretches.remove(0);
        }
        stretches.push(Stretch { zone: zone.into(), local, offset });
    });
}

/// The local times around an instant that have its offset and no other, and the offset.
fn stretch(instant: Timestamp, rules: &TimeZone) -> Option<(Range<i64>, i64)> {
    const LEAST: SignedDuration = SignedDuration::from_nanos(1);
    let micros = |at: Timestamp| i64::from(rules.to_offset(at).seconds()) * MICROS_PER_SECOND;
    let offset = micros(instant);
    let (mut from, mut to) = (REMEMBERED.start, REMEMBERED.end);
    // The change at this very instant belongs to what was before.
    if let Some(change) = rules.preceding(instant.checked_add(LEAST).ok()?).next() {
        let at = change.timestamp();
        let before = micros(at.checked_sub(LEAST).ok()?);
        from = from.max(at.as_microsecond() + offset.max(before));
    }
    if let Some(change) = rules.following(instant).next() {
        let at = change.timestamp();
        to = to.min(at.as_microsecond() + offset.min(micros(at)));
    }
    Some((from..to, offset))
}
