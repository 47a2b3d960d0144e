//! Identities of documents, and how their parts are spelled.
//!
//! Every id begins with the tenant, so that no document can touch another tenant's. Parts are
//! joined by `/`; a part that a vendor chose is escaped by [`push_part`], so that two different
//! documents never share an id.

use crate::hash::document_hash;

/// Longest tenant or register id, in bytes.
pub const MAX_ID_BYTES: usize = 63;

/// Longest part of an id, in bytes before escaping; a longer one is cut and told apart by its hash.
/// `PostgreSQL` refuses index entries of more than 2,704 bytes, and one bad name must stop nothing.
pub const MAX_PART_BYTES: usize = 200;

const CUT_PART_BYTES: usize = 160;

/// Whether this can be a tenant's or a register's id: `[a-z0-9][a-z0-9-]{0,62}`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    match text.as_bytes() {
        [first, rest @ ..] => {
            small(*first) && text.len() <= MAX_ID_BYTES && rest.iter().all(|b| small(*b) || *b == b'-')
        }
        [] => false,
    }
}

/// Appends a part of an id or a key: `/`, `%`, `~`, blanks and control characters become `%XX` of
/// their UTF-8 bytes, all else stays readable. A part longer than [`MAX_PART_BYTES`] is cut and
/// gets `~` and its hash.
pub fn push_part(out: &mut String, part: &str) {
    if part.len() <= MAX_PART_BYTES {
        return push_escaped(out, part);
    }
    push_escaped(out, &part[..part.floor_char_boundary(CUT_PART_BYTES)]);
    out.push('~');
    out.push_str(&document_hash(part.as_bytes()));
}

fn push_escaped(out: &mut String, part: &str) {
    if part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':')) {
        return out.push_str(part);
    }
    for character in part.chars() {
        if matches!(character, '/' | '%' | '~') || character.is_whitespace() || character.is_control() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                push_hex(out, byte);
            }
        } else {
            out.push(character);
        }
    }
}

fn push_hex(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// Identity of a fiscal document: `tenant/drive/0000000132`. The number has ten digits, so that
/// the ids of a drive sort by number. `drive` is the drive's number without padding.
#[must_use]
pub fn fiscal_id(tenant: &str, drive: &str, number: u32) -> String {
    let mut id = String::with_capacity(tenant.len() + drive.len() + 12);
    id.push_str(tenant);
    id.push('/');
    push_part(&mut id, drive);
    id.push('/');
    let mut digits = [b'0'; 10];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10).to_le_bytes()[0];
        rest /= 10;
    }
    id.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    id
}

/// What tells a receipt or a shift's document without a fiscal identity from all others of its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonFiscalReceipt<'a> {
    /// From the credential.
    pub tenant: &'a str,
    /// Family of the format.
    pub source: &'a str,
    /// The vendor's own id of the device.
    pub device: &'a str,
    /// Day of the sale on the register's clock, `2026-11-23`.
    pub business_date: &'a str,
    /// Number of the shift.
    pub shift: i64,
    /// Number of the receipt in its shift.
    pub number: i64,
    /// Separate counters of one device, for example `sell` and `sell_return`.
    pub kind: &'a str,
}

/// Identity of a receipt that has a number but no fiscal drive:
/// `tenant/source/device/business date/shift/number/kind`.
#[must_use]
pub fn non_fiscal_receipt_id(receipt: &NonFiscalReceipt<'_>) -> String {
    joined(
        receipt.tenant,
        &[
            receipt.source,
            receipt.device,
            receipt.business_date,
            &receipt.shift.to_string(),
            &receipt.number.to_string(),
            receipt.kind,
        ],
    )
}

/// Identity of money put into or taken out of the drawer, which has no number anywhere:
/// `tenant/source/device/local time/kind/sum in kopecks`.
#[must_use]
pub fn encashment_id(tenant: &str, source: &str, device: &str, local_time: &str, kind: &str, kopecks: i64) -> String {
    joined(tenant, &[source, device, local_time, kind, &kopecks.to_string()])
}

/// Identity of a document that has nothing but the vendor's own id: `tenant/source/id`.
#[must_use]
pub fn vendor_id(tenant: &str, source: &str, id: &str) -> String {
    joined(tenant, &[source, id])
}

fn joined(tenant: &str, parts: &[&str]) -> String {
    let mut id = String::with_capacity(96);
    id.push_str(tenant);
    for part in parts {
        id.push('/');
        push_part(&mut id, part);
    }
    id
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(text: &str) -> String {
        let mut out = String::new();
        push_part(&mut out, text);
        out
    }

    #[test]
    fn tenants_and_registers_have_plain_ids() {
        for good in ["a", "7", "acme", "till-7", "0-", &"x".repeat(63)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "-a", "A", "till_7", "till.7", "касса", "a/b", "a b", "a\n", &"x".repeat(64)] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn a_fiscal_id_sorts_by_number() {
        assert_eq!(fiscal_id("acme", "9999078900001234", 132), "acme/9999078900001234/0000000132");
        assert_eq!(fiscal_id("acme", "1", u32::MAX), "acme/1/4294967295");
        assert!(fiscal_id("acme", "1", 9) < fiscal_id("acme", "1", 10));
    }

    #[test]
    fn what_a_vendor_wrote_cannot_break_out_of_its_part() {
        assert_eq!(part("Хлеб ржаной/50%"), "Хлеб%20ржаной%2F50%25");
        assert_eq!(part("a\u{0}\u{a0}~"), "a%00%C2%A0%7E");
        let receipt = NonFiscalReceipt {
            tenant: "acme",
            source: "dreamkas",
            device: "3/29",
            business_date: "2026-11-23",
            shift: 44,
            number: 1,
            kind: "sell",
        };
        assert_eq!(non_fiscal_receipt_id(&receipt), "acme/dreamkas/3%2F29/2026-11-23/44/1/sell");
        assert_eq!(
            encashment_id("acme", "dreamkas", "329", "2026-11-23T20:52:02", "cash_in", 50_000),
            "acme/dreamkas/329/2026-11-23T20:52:02/cash_in/50000"
        );
    }

    #[test]
    fn a_very_long_part_stays_short_and_distinct() {
        let (one, other) = ("ж".repeat(5_000), format!("{}а", "ж".repeat(4_999)));
        assert!(part(&one).len() <= 200);
        assert_ne!(part(&one), part(&other));
        assert!(part(&one).starts_with("жжж"));
    }

    proptest! {
        #[test]
        fn different_parts_have_different_spellings(one in ".{0,260}", other in ".{0,260}") {
            prop_assert_eq!(one == other, part(&one) == part(&other));
            prop_assert!(!part(&one).contains(['/', ' ', '\n']));
        }
    }
}
