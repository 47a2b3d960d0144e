//! Records as people read them: a receipt like the one that the buyer got, others as a list of fields.

use std::fmt::Write as _;

use crate::tree::Tree;

/// Most characters of a field's text.
const MOST_TEXT: usize = 2_000;
/// Characters of a receipt's columns: what was sold, how much of it, its sum.
const NAME: usize = 44;
const AMOUNT: usize = 24;
const SUM: usize = 12;

/// The lines of one value, each indented.
pub(crate) fn lines(value: &Tree) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _: std::fmt::Result = match value {
        Tree::Null => writeln!(text, "  (deleted)"),
        value if value.get("receipt_id").is_some() => receipt(value, &mut text),
        value => fields(value, 1, &mut text),
    };
    text
}

fn receipt(receipt: &Tree, out: &mut String) -> std::fmt::Result {
    let words = |name: &str| receipt.text(name).unwrap_or("?").to_lowercase().replace('_', " ");
    let time =
        receipt.text("local_time").or(receipt.text("utc_time")).unwrap_or("at an unknown time").replace('T', " ");
    write!(out, "  {}, {}, {time}", words("kind"), words("operation"))?;
    for (name, word) in [("shop", "shop"), ("shift_number", "shift"), ("receipt_number", "receipt")] {
        if let Some(value) = receipt.get(name) {
            write!(out, ", {word} {}", plain(value))?;
        }
    }
    writeln!(out)?;
    for item in receipt.list("items") {
        let amount = format!(
            "{}{} × {}",
            item.text("quantity").unwrap_or("?"),
            item.text("unit").map(|unit| format!(" {unit}")).unwrap_or_default(),
            item.integer("price_kopecks").map_or_else(|| "?".to_owned(), money)
        );
        let vat = item.text("vat_rate").map(vat).unwrap_or_default();
        let sum = item.integer("sum_kopecks").map(money).unwrap_or_default();
        let by_code = || item.text("vendor_code").map(|code| format!("(code {code})"));
        let name = item.text("name").map(str::to_owned).or_else(by_code);
        let name = cut(name.as_deref().unwrap_or("(no name)"), NAME);
        writeln!(out, "  {name:<NAME$} {amount:>AMOUNT$} {sum:>SUM$}  {vat}")?;
        discount("  discount", item, out)?;
    }
    discount("discount of the receipt", receipt, out)?;
    let total = receipt.integer("total_kopecks").map(money).unwrap_or_default();
    writeln!(out, "  {:<NAME$} {:>AMOUNT$} {total:>SUM$}", "TOTAL", "")?;
    let mut below = Vec::new();
    for payment in receipt.list("payments") {
        let kind = payment.text("kind").unwrap_or("?").to_lowercase().replace('_', " ");
        below.push(format!("{kind} {}", payment.integer("amount_kopecks").map(money).unwrap_or_default()));
    }
    for sum in receipt.list("vat_sums") {
        let rate = sum.text("rate").map(vat).unwrap_or_default();
        below.push(format!("{rate}: {}", sum.integer("sum_kopecks").map(money).unwrap_or_default()));
    }
    for (name, word) in [
        ("cashier_name", "cashier"),
        ("drive_number", "drive"),
        ("document_number", "document"),
        ("fiscal_sign", "sign"),
    ] {
        below.extend(receipt.get(name).map(|value| format!("{word} {}", plain(value))));
    }
    let flags: Vec<String> = receipt.list("flags").iter().map(plain).collect();
    if !flags.is_empty() {
        below.push(format!("flags {}", flags.join(" ")));
    }
    writeln!(out, "  {}", below.join(", "))
}

/// What an item or a receipt was cheaper by; it is in the sums already.
fn discount(name: &str, of: &Tree, out: &mut String) -> std::fmt::Result {
    match of.integer("discount_kopecks") {
        None | Some(0) => Ok(()),
        Some(kopecks) => writeln!(out, "  {name:<NAME$} {:>AMOUNT$}", money(kopecks)),
    }
}

fn fields(value: &Tree, depth: usize, out: &mut String) -> std::fmt::Result {
    let indent = "  ".repeat(depth);
    match value {
        Tree::Fields(fields_of) => {
            for (name, value) in fields_of.iter().filter(|(_, value)| *value != Tree::Null) {
                match value {
                    Tree::List(items) if items.is_empty() => writeln!(out, "{indent}{name}: none")?,
                    Tree::List(_) | Tree::Fields(_) => {
                        writeln!(out, "{indent}{name}:")?;
                        fields(value, depth + 1, out)?;
                    }
                    single => writeln!(out, "{indent}{name}: {}", cut(&plain(single), MOST_TEXT))?,
                }
            }
            Ok(())
        }
        Tree::List(items) => items.iter().try_for_each(|item| match item {
            Tree::Fields(_) => {
                let mut block = String::new();
                fields(item, depth + 1, &mut block)?;
                // The first field stands behind the hyphen.
                write!(out, "{indent}- {}", block.trim_start())
            }
            single => writeln!(out, "{indent}- {}", plain(single)),
        }),
        single => writeln!(out, "{indent}{}", plain(single)),
    }
}

fn plain(value: &Tree) -> String {
    match value {
        Tree::Null => "-".to_owned(),
        Tree::Boolean(truth) => truth.to_string(),
        Tree::Integer(number) => number.to_string(),
        Tree::Fraction(number) => number.to_string(),
        Tree::Text(text) => text.clone(),
        Tree::List(_) | Tree::Fields(_) => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// Kopecks as roubles.
fn money(kopecks: i64) -> String {
    let sign = if kopecks < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", kopecks.unsigned_abs() / 100, kopecks.unsigned_abs() % 100)
}

/// `VAT_10` as `VAT 10 %`, `VAT_20_120` as `VAT 20/120`.
fn vat(symbol: &str) -> String {
    match symbol.strip_prefix("VAT_") {
        Some(rate) if rate.contains('_') => format!("VAT {}", rate.replace('_', "/")),
        Some(rate) => format!("VAT {rate} %"),
        None if symbol == "NONE" => "no VAT".to_owned(),
        None => symbol.to_lowercase(),
    }
}

/// At most so many characters; three dots stand for the rest.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Tree {
        Tree::Text(value.into())
    }

    fn record(fields: Vec<(&str, Tree)>) -> Tree {
        Tree::Fields(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    #[test]
    fn a_receipt_looks_like_one() {
        let item = record(vec![
            ("name", text("Хлеб бородинский")),
            ("quantity", text("2")),
            ("unit", text("шт")),
            ("price_kopecks", Tree::Integer(6_205)),
            ("sum_kopecks", Tree::Integer(12_410)),
            ("discount_kopecks", Tree::Integer(590)),
            ("vat_rate", text("VAT_10")),
        ]);
        let receipt = record(vec![
            ("receipt_id", text("acme/9999078900001234/0000000132")),
            ("shop", Tree::Null),
            ("kind", text("RECEIPT")),
            ("operation", text("SELL_RETURN")),
            ("shift_number", Tree::Integer(44)),
            ("local_time", text("2026-11-23T20:52:02")),
            ("total_kopecks", Tree::Integer(12_410)),
            (
                "payments",
                Tree::List(vec![record(vec![("kind", text("CARD")), ("amount_kopecks", Tree::Integer(12_410))])]),
            ),
            (
                "vat_sums",
                Tree::List(vec![record(vec![("rate", text("VAT_20_120")), ("sum_kopecks", Tree::Integer(5))])]),
            ),
            ("items", Tree::List(vec![item])),
            ("cashier_name", text("Петрова А. И.")),
        ]);
        let shown = lines(&receipt);
        let lines: Vec<String> =
            shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "receipt, sell return, 2026-11-23 20:52:02, shift 44",
                "Хлеб бородинский 2 шт × 62.05 124.10 VAT 10 %",
                "discount 5.90",
                "TOTAL 124.10",
                "card 124.10, VAT 20/120: 0.05, cashier Петрова А. И.",
            ]
        );
    }

    #[test]
    fn other_records_are_lists_of_fields() {
        let price = record(vec![("shop", text("shop-1")), ("price_kopecks", Tree::Integer(100))]);
        let product = record(vec![
            ("name", text("Молоко")),
            ("unit", Tree::Null),
            ("prices", Tree::List(vec![price])),
            ("flags", Tree::List(Vec::new())),
        ]);
        let shown = lines(&product);
        assert_eq!(shown, "  name: Молоко\n  prices:\n    - shop: shop-1\n      price_kopecks: 100\n  flags: none\n");
        assert_eq!(lines(&Tree::Null), "  (deleted)\n");
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(cut("Молоко", 6), "Молоко");
        assert_eq!(cut("Молоко 3,2 %", 6), "Молок…");
    }

    #[test]
    fn money_has_two_digits() {
        assert_eq!([5, -5, 123_456].map(money), ["0.05", "-0.05", "1234.56"]);
    }
}
