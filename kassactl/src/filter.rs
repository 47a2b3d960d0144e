//! Which records a person wants to see.

use std::collections::BTreeSet;

use crate::tree::Tree;

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

    /// As [`Self::new`], for records of a topic.
    ///
    /// # Errors
    /// When a condition asks for a field that no version of the topic's schema has: it would never hold.
    pub fn of_topic(conditions: &[String], topic: &str) -> anyhow::Result<Self> {
        let filter = Self::new(conditions);
        let Some(schemas) = schemas::TopicSchema::of(topic) else { return Ok(filter) };
        let mut known = BTreeSet::from(POSITION.map(str::to_owned));
        for version in schemas.versions {
            fields(&serde_json::from_str(version)?, &mut known);
        }
        for condition in &filter.0 {
            if let Condition::Field { path, .. } = condition
                && let Some(unknown) = path.split('.').find(|name| !known.contains(*name))
            {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                anyhow::bail!("records of {topic} have no field {unknown:?}; there are {}", known.join(", "));
            }
        }
        Ok(filter)
    }

    pub fn holds(&self, candidate: Candidate<'_>) -> bool {
        self.0.iter().all(|condition| condition.holds(candidate))
    }
}

/// What a record has beside its fields.
const POSITION: [&str; 3] = ["key", "partition", "offset"];

/// The names of all fields of a schema, those of records within it included.
fn fields(schema: &serde_json::Value, names: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Array(parts) => parts.iter().for_each(|part| fields(part, names)),
        serde_json::Value::Object(parts) => {
            for field in parts.get("fields").and_then(|fields| fields.as_array()).into_iter().flatten() {
                names.extend(field["name"].as_str().map(str::to_owned));
            }
            parts.values().for_each(|part| fields(part, names));
        }
        _ => {}
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
    fn a_field_that_no_record_has_is_refused_with_those_there_are() {
        let of = |condition: &str| Filter::of_topic(&[condition.to_owned()], "registers.dead-letters.v1");
        for fine in ["error_class=invalid", "key=acme/till-7", "class", "content_type=text/csv"] {
            assert!(of(fine).is_ok(), "{fine}");
        }
        let text = of("class=invalid").unwrap_err().to_string();
        assert!(text.contains("no field \"class\"") && text.contains("error_class"), "{text}");
        assert!(Filter::of_topic(&["items.gtin=1".to_owned()], "registers.receipts.v1").is_ok());
        assert!(Filter::of_topic(&["itms.gtin=1".to_owned()], "registers.receipts.v1").is_err());
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
