//! GTIN: the worldwide numbers of goods (EAN-8, UPC-A, EAN-13, ITF-14).

/// The GTIN in 14 digits, or `None` where the text is not the number of a product: another length,
/// a wrong check digit, only zeros, or prefix 2, which shops give to goods that they weigh
/// themselves: the same number is another product, or another weight, elsewhere.
#[must_use]
pub fn normalize(text: &str) -> Option<String> {
    let text = text.trim();
    if !matches!(text.len(), 8 | 12 | 13 | 14) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut digits = [b'0'; 14];
    digits[14 - text.len()..].copy_from_slice(text.as_bytes());
    checked(&digits)
}

/// As [`normalize`], of a number that was sent as one.
#[must_use]
pub fn of_number(number: u64) -> Option<String> {
    let mut digits = [b'0'; 14];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10).to_le_bytes()[0];
        rest /= 10;
    }
    (rest == 0).then(|| checked(&digits)).flatten()
}

fn checked(digits: &[u8; 14]) -> Option<String> {
    let is_valid = has_right_check_digit(digits) && *digits != [b'0'; 14] && !is_in_store(digits);
    std::str::from_utf8(digits).ok().filter(|_| is_valid).map(str::to_owned)
}

/// GS1 General Specifications, 7.9.1: weights 3 and 1 in turn, from the digit before the last.
fn has_right_check_digit(digits: &[u8; 14]) -> bool {
    let sum: u32 = digits.iter().enumerate().map(|(at, d)| u32::from(d - b'0') * if at % 2 == 0 { 3 } else { 1 }).sum();
    sum.is_multiple_of(10)
}

/// The first digit of the number as it was before zeros were put in front. A GTIN-14 of a package
/// may begin with 2: there the digit says how many pieces are inside.
fn is_in_store(digits: &[u8; 14]) -> bool {
    let first = match digits {
        [b'0', b'0', b'0', b'0', b'0', b'0', first, ..] | [b'0', b'0', first, ..] | [b'0', first, ..] => *first,
        _ => return false,
    };
    first == b'2'
}

#[cfg(test)]
mod tests {
    use super::{normalize, of_number};

    #[test]
    fn right_numbers_get_fourteen_digits() {
        assert_eq!(normalize("4607161623886").as_deref(), Some("04607161623886"));
        assert_eq!(normalize(" 04600439931256 ").as_deref(), Some("04600439931256"));
        assert_eq!(normalize("96385074").as_deref(), Some("00000096385074"));
        assert_eq!(normalize("036000291452").as_deref(), Some("00036000291452"));
        assert_eq!(normalize("00036000291452").as_deref(), Some("00036000291452"));
        // A package of goods: the leading 2 is no in-store prefix.
        assert_eq!(normalize("20012345678909").as_deref(), Some("20012345678909"));
    }

    #[test]
    fn numbers_of_no_product_are_refused() {
        for text in
            ["", "58523523657", "4607161623887", "46071616238860", "460716162388x", "0000000000000", "００００００００"]
        {
            assert_eq!(normalize(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_has_the_same_rules() {
        assert_eq!(of_number(4_607_161_623_886).as_deref(), Some("04607161623886"));
        assert_eq!(of_number(20_012_345_678_909).as_deref(), Some("20012345678909"));
        for number in [0, 4_607_161_623_887, 2_000_000_000_008, 100_000_000_000_000, u64::MAX] {
            assert_eq!(of_number(number), None, "{number}");
        }
    }

    #[test]
    fn goods_weighed_in_the_shop_have_no_number_of_their_own() {
        for text in ["2000000000008", "2212345012343", "20000004", "02000000000008", "00000020000004"] {
            assert_eq!(normalize(text), None, "{text}");
        }
    }
}
