//! Judgements that are the same for all families.

use schemas::{
    LocalTimestamp, Timestamp,
    receipts::{Item, Payment, PaymentKind, ReceiptKind},
};

use crate::{Invalid, flags};

/// Largest sum that makes sense, in kopecks: ten trillion roubles. Above it, sums of a day overflow.
pub(crate) const MAX_KOPECKS: i64 = 1_000_000_000_000_000;

/// First value that a quantity's decimal (18 digits) does not hold.
pub(crate) const QUANTITY_LIMIT: i64 = 1_000_000_000_000_000_000;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// Registers' clocks run a little fast.
const CLOCK_ALLOWANCE: i64 = MICROS_PER_HOUR / 12;

/// Offsets from UTC that exist, in hours.
const OFFSETS: std::ops::RangeInclusive<i64> = -12..=14;

/// A fiscal drive's number: 1 to 16 digits. Blanks around it are padding.
pub(crate) fn drive_number(text: &str) -> Option<&str> {
    let number = text.trim_matches([' ', '\0']);
    let digits = !number.is_empty() && number.len() <= 16 && number.bytes().all(|b| b.is_ascii_digit());
    digits.then_some(number)
}

/// An amount in kopecks from a source whose amounts are positive in every operation.
pub(crate) fn money(kopecks: Option<i64>, place: &str) -> Result<Option<i64>, Invalid> {
    match kopecks {
        Some(kopecks) if !(0..=MAX_KOPECKS).contains(&kopecks) => {
            Err(Invalid::new(place, format!("{kopecks} kopecks is outside of 0 to {MAX_KOPECKS}")))
        }
        kopecks => Ok(kopecks),
    }
}

/// A quantity in millionths; 0 with a flag where there is none.
pub(crate) fn quantity(millionths: Option<i64>, place: &str, flags: &mut Vec<&'static str>) -> Result<i64, Invalid> {
    match millionths {
        None => {
            flags::raise(flags, flags::QUANTITY_MISSING);
            Ok(0)
        }
        Some(quantity) if (0..QUANTITY_LIMIT).contains(&quantity) => Ok(quantity),
        Some(_) => Err(Invalid::new(place, "negative, or more than 12 digits before the point")),
    }
}

/// A discount, where there is one: what a sum lost.
pub(crate) fn discount(before: Option<i64>, after: Option<i64>) -> Option<i64> {
    before.zip(after).and_then(|(before, after)| before.checked_sub(after)).filter(|discount| *discount > 0)
}

/// What sums add up to; nothing where one of them is not told.
pub(crate) fn sum_of(sums: impl Iterator<Item = Option<i64>>, place: &str) -> Result<Option<i64>, Invalid> {
    let sum: Option<i128> = sums.map(|sum| sum.map(i128::from)).sum();
    let Some(sum) = sum else { return Ok(None) };
    let too_large = || Invalid::new(place, format!("{sum} kopecks is more than {MAX_KOPECKS}"));
    money(Some(i64::try_from(sum).map_err(|_| too_large())?), place)
}

/// Whether the total is the sum of the items, as far as they tell theirs. A correction may tell its total alone.
pub(crate) fn items_add_up(kind: ReceiptKind, total_kopecks: i64, items: &[Item<'_>]) -> bool {
    if items.is_empty() && matches!(kind, ReceiptKind::ReceiptCorrection | ReceiptKind::StrictFormCorrection) {
        return true;
    }
    let sum: Option<i128> = items.iter().map(|item| item.sum_kopecks.map(i128::from)).sum();
    sum.is_none_or(|sum| sum == i128::from(total_kopecks))
}

/// Takes off the change: cash that was handed over above the total.
pub(crate) fn take_change(payments: &mut Vec<Payment>, total_kopecks: i64) {
    let paid: i128 = payments.iter().map(|payment| i128::from(payment.amount_kopecks)).sum();
    let Ok(mut change) = i64::try_from(paid - i128::from(total_kopecks)) else { return };
    for cash in payments.iter_mut().filter(|payment| payment.kind == PaymentKind::Cash) {
        let part = change.clamp(0, cash.amount_kopecks);
        cash.amount_kopecks -= part;
        change -= part;
    }
    payments.retain(|payment| payment.amount_kopecks != 0);
}

/// Whether the register's clock was ahead when the hub took the document in.
pub(crate) fn is_in_future(local: Option<LocalTimestamp>, utc: Option<Timestamp>, received_at: Timestamp) -> bool {
    let earliest = match (utc, local) {
        (Some(utc), _) => utc.0,
        (None, Some(local)) => local.0.saturating_sub(OFFSETS.end() * MICROS_PER_HOUR),
        (None, None) => return false,
    };
    earliest > received_at.0.saturating_add(CLOCK_ALLOWANCE)
}

/// Whether some time zone lies between a local time and an instant.
pub(crate) fn are_one_moment(local: LocalTimestamp, utc: Timestamp) -> bool {
    let offset = local.0.saturating_sub(utc.0);
    (OFFSETS.start() * MICROS_PER_HOUR..=OFFSETS.end() * MICROS_PER_HOUR).contains(&offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drive_numbers_are_digits() {
        assert_eq!(drive_number("9999078900001234"), Some("9999078900001234"));
        assert_eq!(drive_number("999907891234567 "), Some("999907891234567"));
        for bad in ["", "   ", "99990789000012345", "99990789x", "９９９９"] {
            assert_eq!(drive_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_clock_is_ahead_when_no_time_zone_explains_it() {
        let hour = |h: i64| h * MICROS_PER_HOUR;
        let received = Timestamp(hour(1_000));
        assert!(!is_in_future(None, Some(Timestamp(hour(1_000) + CLOCK_ALLOWANCE)), received));
        assert!(is_in_future(None, Some(Timestamp(hour(1_001))), received));
        assert!(!is_in_future(Some(LocalTimestamp(hour(1_014))), None, received));
        assert!(is_in_future(Some(LocalTimestamp(hour(1_015))), None, received));
        assert!(!is_in_future(Some(LocalTimestamp(i64::MIN)), None, Timestamp(i64::MAX)));
    }

    #[test]
    fn a_local_time_and_an_instant_are_at_most_a_time_zone_apart() {
        let hour = |h: i64| h * MICROS_PER_HOUR;
        assert!(are_one_moment(LocalTimestamp(hour(15)), Timestamp(hour(12))));
        assert!(are_one_moment(LocalTimestamp(hour(0)), Timestamp(hour(12))));
        assert!(!are_one_moment(LocalTimestamp(hour(27)), Timestamp(hour(12))));
        assert!(!are_one_moment(LocalTimestamp(i64::MAX), Timestamp(i64::MIN)));
    }
}
