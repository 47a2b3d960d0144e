//! Which records a person wants to see.

use tree::Tree;

/// All conditions of a command; every one must hold.
#[derive(Debug, Clone)]
pub(crate) struct Filter(Vec<Condition>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// The key or a value contains the text, in any case; it is in lower case here.
    Contains(String),
    /// A field with this (end of a) path has this value.
    Field { path: String, value: String },
}

/// What conditions are asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub key: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub value: &'a Tree,
}

impl Filter {
    pub fn new(conditions: &[String]) -> Self {
        Self(conditions.iter().map(|text| Condition::parse(text)).collect())
    }

    pub fn holds(&self, candidate: Candidate<'_>) -> bool {
        self.0.iter().all(|condition| condition.holds(candidate))
    }
}

impl Condition {
    fn parse(text: &str) -> Self {
        let is_path = |path: &str| {
            !path.is_empty() && path.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.".contains(&b))
        };
        match text.split_once('=').filter(|(path, _)| is_path(path)) {
            Some((path, value)) => Self::Field { path: path.to_owned(), value: value.to_owned() },
            None => Self::Contains(text.to_lowercase()),
        }
    }

    fn holds(&self, candidate: Candidate<'_>) -> bool {
        let Candidate { key, partition, offset, value } = candidate;
        match self {
            Self::Contains(text) => {
                let contains = |found: &str| found.to_lowercase().contains(text);
                contains(key) || value.any(&mut String::new(), &mut |_, found| contains(found))
            }
            Self::Field { path, value: wanted } => match path.as_str() {
                "key" => key == wanted,
                "partition" => partition.to_string() == *wanted,
                "offset" => offset.to_string() == *wanted,
                path => value.any(&mut String::new(), &mut |found, value| ends_with(found, path) && value == wanted),
            },
        }
    }
}

/// Whether `path` is the whole of `found` or its last names.
fn ends_with(found: &str, path: &str) -> bool {
    found.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(conditions: &[&str]) -> bool {
        let item = Tree::Fields(vec![
            ("name".into(), Tree::Text("Хлеб бородинский".into())),
            ("price_kopecks".into(), Tree::Integer(6_200)),
        ]);
        let value = Tree::Fields(vec![
            ("operation".into(), Tree::Text("SELL".into())),
            ("items".into(), Tree::List(vec![item])),
        ]);
        let conditions: Vec<String> = conditions.iter().map(|text| (*text).to_owned()).collect();
        Filter::new(&conditions).holds(Candidate { key: "acme/till-7", partition: 2, offset: 10, value: &value })
    }

    #[test]
    fn text_is_found_anywhere_in_any_case() {
        assert!(holds(&["хлеб"]) && holds(&["TILL-7"]) && holds(&["6200"]));
        assert!(!holds(&["молоко"]));
    }

    #[test]
    fn a_field_is_named_by_the_end_of_its_path() {
        assert!(holds(&["operation=SELL"]) && holds(&["items.price_kopecks=6200"]) && holds(&["price_kopecks=6200"]));
        assert!(!holds(&["operation=SELL_RETURN"]) && !holds(&["name=Хлеб"]) && !holds(&["ame=Хлеб бородинский"]));
    }

    #[test]
    fn the_place_of_a_record_counts_as_fields() {
        assert!(holds(&["key=acme/till-7", "partition=2", "offset=10"]));
        assert!(!holds(&["offset=1"]));
    }

    #[test]
    fn every_condition_must_hold() {
        assert!(holds(&[]) && holds(&["хлеб", "operation=SELL"]));
        assert!(!holds(&["хлеб", "operation=BUY"]));
    }

    #[test]
    fn what_is_no_path_before_the_sign_is_text() {
        assert_eq!(Condition::parse("Скидка=10"), Condition::Contains("скидка=10".into()));
        assert_eq!(Condition::parse("=x"), Condition::Contains("=x".into()));
    }
}
