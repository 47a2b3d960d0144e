//! What can be odd about a document that is accepted nevertheless. Each flag is a word in the
//! canonical record's `flags`; the register's own figures stay as they are.

/// The total is neither the sum of the items nor that sum less the discounts.
pub const ITEMS_DO_NOT_ADD_UP: &str = "items-do-not-add-up";

/// The register's clock showed a time well after the document's reception.
pub const TIME_IN_FUTURE: &str = "time-in-future";

/// The document states its local time and its instant, and no time zone lies between them. The
/// instant is then computed from the local time and the directory's time zone.
pub const TIMES_DISAGREE: &str = "times-disagree";

/// A code that this revision does not know: the field holds `UNKNOWN` or `OTHER`, or nothing.
pub const UNKNOWN_CODE: &str = "unknown-code";

/// Some, but not all, of drive, document number and sign are there: the receipt has a
/// non-fiscal identity.
pub const FISCAL_IDENTITY_INCOMPLETE: &str = "fiscal-identity-incomplete";

/// The container around a document names another drive or another document number. The document counts.
pub const CONTAINER_DISAGREES: &str = "container-disagrees";

/// An item does not state its quantity: it holds 0.
pub const QUANTITY_MISSING: &str = "quantity-missing";

/// A quantity had more than six digits after the point and was rounded half up.
pub const QUANTITY_ROUNDED: &str = "quantity-rounded";

/// The source names the document and its total, and neither its operation nor its items.
pub const CONTENT_MISSING: &str = "content-missing";

/// An amount in roubles had more than two digits after the point and was rounded half up.
pub const MONEY_ROUNDED: &str = "money-rounded";

/// A source tells the day of a document but not its time: `local_time` is the beginning of that day, `utc_time` null.
pub const TIME_OF_DAY_MISSING: &str = "time-of-day-missing";

/// The text is neither in UTF-8 nor in an encoding that was declared: its letters told which one it is in.
pub const ENCODING_GUESSED: &str = "encoding-guessed";

/// The text is in another encoding than the one that was declared.
pub const ENCODING_DISAGREES: &str = "encoding-disagrees";

/// Every flag with its meaning, as the documentation says it.
pub const ALL: &[(&str, &str)] = &[
    (ITEMS_DO_NOT_ADD_UP, "the total is neither the sum of the items nor that sum less the discounts"),
    (TIME_IN_FUTURE, "the register's clock was well ahead of the hub's"),
    (TIMES_DISAGREE, "local time and instant are told, and no time zone lies between them; the local time counts"),
    (UNKNOWN_CODE, "a code that is not known: the field holds `UNKNOWN` or `OTHER`, or nothing"),
    (
        FISCAL_IDENTITY_INCOMPLETE,
        "some, but not all, of drive, document number and sign are told: the receipt has a non-fiscal identity",
    ),
    (CONTAINER_DISAGREES, "what lies around a document names another drive, number or sign; the document counts"),
    (QUANTITY_MISSING, "an item has no quantity: it holds 0"),
    (QUANTITY_ROUNDED, "a quantity had more than six digits after the point"),
    (CONTENT_MISSING, "a proof that the document exists: neither its items nor, often, its operation are told"),
    (MONEY_ROUNDED, "an amount had more than two digits after the point"),
    (TIME_OF_DAY_MISSING, "only the day is told: `local_time` is its beginning, `utc_time` null"),
    (ENCODING_GUESSED, "the text is neither in UTF-8 nor in a declared encoding: its letters told which one"),
    (ENCODING_DISAGREES, "the text is in another encoding than the declared one"),
];

/// A flag with its meaning.
pub(crate) fn with_meaning(flag: &str) -> Option<(&'static str, &'static str)> {
    ALL.iter().copied().find(|(known, _)| *known == flag)
}

/// Raises a flag once.
pub(crate) fn raise(flags: &mut Vec<&'static str>, flag: &'static str) {
    if !flags.contains(&flag) {
        flags.push(flag);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_flag_is_documented() {
        let documented = include_str!("../../../docs/data.md");
        for (flag, meaning) in super::ALL {
            let line = format!("| `{flag}` | {meaning} |");
            assert!(documented.contains(&line), "docs/data.md has no line {line}");
        }
    }
}
