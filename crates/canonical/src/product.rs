//! Which product an item of a receipt is.

use crate::ids::{MAX_PART_BYTES, push_part};

/// What a receipt's item tells about its product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFacts<'a> {
    /// A GTIN of 14 digits as [`gtin::normalize`](crate::gtin::normalize) gives it.
    pub gtin: Option<&'a str>,
    /// Family of the format: codes of two vendors' systems are not the same codes.
    pub source: &'a str,
    /// Shop by the directory: shops keep their own lists of goods.
    pub shop: Option<&'a str>,
    /// Code in the vendor's system.
    pub vendor_code: Option<&'a str>,
    /// Name as sent.
    pub name: Option<&'a str>,
    /// Unit as sent: a kilogram and a piece of the same name are two products.
    pub unit: Option<&'a str>,
}

/// The key of a product within its tenant, or `None` where neither a code nor a name is given.
///
/// | known | key |
/// |---|---|
/// | a valid GTIN | `gtin:04607161623886` |
/// | else a vendor code | `code:dreamkas/shop-1/АРТ-87499` |
/// | else a name | `name:хлеб%20ржаной/шт`, lower case, blanks collapsed |
///
/// The words before the colon keep the three kinds apart.
#[must_use]
pub fn product_key(facts: &ProductFacts<'_>) -> Option<String> {
    if let Some(gtin) = facts.gtin {
        return Some(format!("gtin:{gtin}"));
    }
    if let Some(code) = facts.vendor_code.map(str::trim).filter(|code| !code.is_empty()) {
        let mut key = String::with_capacity(64);
        key.push_str("code:");
        push_part(&mut key, facts.source);
        key.push('/');
        push_part(&mut key, facts.shop.unwrap_or_default());
        key.push('/');
        push_part(&mut key, code);
        return Some(key);
    }
    let name = facts.name.unwrap_or_default();
    // Room for the name with its blanks escaped, and for the unit.
    let mut key = String::with_capacity(name.len() + name.len() / 4 + 24);
    key.push_str("name:");
    let begin = key.len();
    push_normalized(&mut key, name);
    if key.len() == begin {
        return None;
    }
    key.push('/');
    push_normalized(&mut key, facts.unit.unwrap_or_default());
    Some(key)
}

/// Appends a text in lower case with single blanks, as a part of a key. In one pass for the letters that nearly all texts
/// consist of; anything else takes the long way.
fn push_normalized(key: &mut String, text: &str) {
    let begin = key.len();
    // None of these letters gets longer in lower case, so that a short text stays a whole part.
    if text.len() > MAX_PART_BYTES || !push_simple(key, text) {
        key.truncate(begin);
        push_part(key, &normalized(text));
    }
}

/// False where a letter is met that is not simple.
fn push_simple(key: &mut String, text: &str) -> bool {
    let (mut any, mut blank) = (false, false);
    for letter in text.chars() {
        let lower = match letter {
            ' ' => {
                blank = any;
                continue;
            }
            '!'..='}' => letter.to_ascii_lowercase(),
            'а'..='я' | 'ё' | '№' | '«' | '»' | '–' | '—' | '°' => letter,
            'А'..='Я' => char::from_u32(u32::from(letter) + 0x20).unwrap_or(letter),
            'Ё' => 'ё',
            _ => return false,
        };
        if blank {
            key.push_str("%20");
            blank = false;
        }
        any = true;
        match lower {
            '/' => key.push_str("%2F"),
            '%' => key.push_str("%25"),
            lower => key.push(lower),
        }
    }
    true
}

fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts<'a>() -> ProductFacts<'a> {
        ProductFacts {
            gtin: Some("04607161623886"),
            source: "dreamkas",
            shop: Some("shop-1"),
            vendor_code: Some("АРТ-1/2"),
            name: Some("  ХЛЕБ   Ржаной "),
            unit: Some("Шт"),
        }
    }

    #[test]
    fn the_best_known_fact_names_the_product() {
        let all = facts();
        assert_eq!(product_key(&all).as_deref(), Some("gtin:04607161623886"));
        let code = ProductFacts { gtin: None, ..all };
        assert_eq!(product_key(&code).as_deref(), Some("code:dreamkas/shop-1/АРТ-1%2F2"));
        let name = ProductFacts { vendor_code: Some("  "), ..code };
        assert_eq!(product_key(&name).as_deref(), Some("name:хлеб%20ржаной/шт"));
        let nothing = ProductFacts { name: Some(" \t"), ..name };
        assert_eq!(product_key(&nothing), None);
    }

    proptest! {
        #[test]
        fn the_short_way_gives_what_the_long_one_does(name in "[ А-Яа-яЁё№A-Za-z0-9«»/%~.,\"\t\u{a0}ßÄİ-]{0,40}( {1,3}[А-Яа-я0-9]{0,30}){0,8}") {
            let mut long = String::new();
            push_part(&mut long, &normalized(&name));
            let mut short = String::new();
            push_normalized(&mut short, &name);
            prop_assert_eq!(short, long);
        }
    }

    #[test]
    fn case_and_blanks_do_not_make_another_product() {
        let one = ProductFacts { gtin: None, vendor_code: None, ..facts() };
        let other = ProductFacts { name: Some("хлеб\u{a0}ржаной"), unit: Some("шт"), ..one.clone() };
        assert_eq!(product_key(&one), product_key(&other));
        let by_weight = ProductFacts { unit: Some("кг"), ..one.clone() };
        assert_ne!(product_key(&one), product_key(&by_weight));
    }

    #[test]
    fn a_code_means_nothing_in_another_shop_or_source() {
        let here = ProductFacts { gtin: None, ..facts() };
        let there = ProductFacts { shop: Some("shop-2"), ..here.clone() };
        let elsewhere = ProductFacts { source: "evotor", ..here.clone() };
        assert_ne!(product_key(&here), product_key(&there));
        assert_ne!(product_key(&here), product_key(&elsewhere));
    }

    #[test]
    fn a_name_of_any_length_gives_a_key_that_an_index_can_hold() {
        let name = "ж".repeat(100_000);
        let key = product_key(&ProductFacts { name: Some(&name), ..ProductFacts::default() }).unwrap();
        assert!(key.len() < 700);
    }
}
