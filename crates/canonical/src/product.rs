//! Which product an item of a receipt is.

use crate::{ids::push_part, spelled};

pub use crate::spelled::Letters;

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
        return Some(["gtin:", gtin].concat());
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
    let (name, unit) = (facts.name.unwrap_or_default(), facts.unit.unwrap_or_default());
    match spelled::name_key(name, unit) {
        Some(key) => (!key.is_empty()).then_some(key),
        None => name_key(name, unit),
    }
}

/// The name of a product of which nothing but the name is known, and its key as [`product_key`] gives it. The name was
/// sent in the encoding of `letters`: keys are made from that in a quarter of the time.
#[must_use]
pub fn name_and_key(sent: &[u8], letters: &Letters, unit: &str) -> (String, Option<String>) {
    let (name, key) = letters.name_and_key(sent, unit);
    let key = match key {
        Some(key) => (!key.is_empty()).then_some(key),
        None => name_key(&name, unit),
    };
    (name, key)
}

fn name_key(name: &str, unit: &str) -> Option<String> {
    let name = normalized(name);
    if name.is_empty() {
        return None;
    }
    let mut key = String::from("name:");
    push_part(&mut key, &name);
    key.push('/');
    push_part(&mut key, &normalized(unit));
    Some(key)
}

/// A text in lower case with single blanks.
pub(crate) fn normalized(text: &str) -> String {
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
        fn the_short_way_gives_what_the_long_one_does(
            name in "[ А-Яа-яЁё№A-Za-z0-9«»/%~.,\"\t\u{a0}ßÄİȺ\u{85}–Ωω-]{0,40}( {1,3}[А-Яа-я0-9]{0,30}){0,8}",
            unit in "[ А-Яа-я./%\u{a0}]{0,8}|.{0,80}",
        ) {
            if let Some(short) = spelled::name_key(&name, &unit) {
                prop_assert_eq!((!short.is_empty()).then_some(short), name_key(&name, &unit));
            }
        }
    }

    #[test]
    fn every_letter_has_its_key() {
        for letter in (0..=0x2FFF).filter_map(char::from_u32) {
            for name in [format!("{letter}"), format!(" {letter}{letter}"), format!("A{letter} {letter}b")] {
                if let Some(short) = spelled::name_key(&name, "Шт") {
                    assert_eq!((!short.is_empty()).then_some(short), name_key(&name, "Шт"), "{name:?}");
                }
            }
        }
    }

    #[test]
    fn usual_names_go_the_short_way() {
        for name in ["Молоко \"Луговое\" 2,5% 0,9 л", "Пакет №2 «Майка» – 1/2", "СЫР РОССИЙСКИЙ 50%", "Ёлка~", "15 °C"]
        {
            assert!(spelled::name_key(name, "шт").is_some(), "{name}");
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
