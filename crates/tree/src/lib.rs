//! A record as a tree of values that people can read, with its fields in the order of its schema: times are texts of
//! ISO 8601, decimals are texts, bytes are text or hex.

mod record;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

pub use record::{as_text, bytes_text, of_message, of_record};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Nothing is said.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A binary fraction; no schema of ours has one.
    Fraction(f64),
    /// Text, and everything that is shown as text: times, decimals, symbols, bytes.
    Text(String),
    /// An array.
    List(Vec<Tree>),
    /// A record or a map.
    Fields(Vec<(String, Tree)>),
}

impl Tree {
    /// The field of that name; nothing where there is none or where it is null.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Fields(fields) = self else { return None };
        fields.iter().find(|(field, value)| field == name && *value != Self::Null).map(|(_, value)| value)
    }

    /// The text of a field.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a field.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The items of a field; none where there is no such list.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Self] {
        match self.get(name) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }

    /// Calls `visit` with the dotted path and the text of every single value, until it says that it has seen enough.
    /// List items have the path of their list.
    pub fn any(&self, path: &mut String, visit: &mut impl FnMut(&str, &str) -> bool) -> bool {
        match self {
            Self::Null => false,
            Self::Boolean(truth) => visit(path, if *truth { "true" } else { "false" }),
            Self::Integer(number) => visit(path, &number.to_string()),
            Self::Fraction(number) => visit(path, &number.to_string()),
            Self::Text(text) => visit(path, text),
            Self::List(items) => items.iter().any(|item| item.any(path, visit)),
            Self::Fields(fields) => fields.iter().any(|(name, value)| {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                let found = value.any(path, visit);
                path.truncate(length);
                found
            }),
        }
    }
}

impl Serialize for Tree {
    /// As JSON; fields that are null are left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Fraction(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Fields(fields) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in fields.iter().filter(|(_, value)| *value != Self::Null) {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Tree {
        let item = |name: &str| Tree::Fields(vec![("name".into(), Tree::Text(name.into()))]);
        Tree::Fields(vec![
            ("total_kopecks".into(), Tree::Integer(12_760)),
            ("cashier_name".into(), Tree::Null),
            ("items".into(), Tree::List(vec![item("Хлеб"), item("Молоко")])),
        ])
    }

    #[test]
    fn json_keeps_the_order_and_leaves_out_what_is_null() {
        let json = serde_json::to_string(&receipt()).unwrap();
        assert_eq!(json, r#"{"total_kopecks":12760,"items":[{"name":"Хлеб"},{"name":"Молоко"}]}"#);
    }

    #[test]
    fn every_value_is_visited_with_its_path() {
        let mut seen = Vec::new();
        receipt().any(&mut String::new(), &mut |path, text| {
            seen.push(format!("{path}={text}"));
            false
        });
        assert_eq!(seen, ["total_kopecks=12760", "items.name=Хлеб", "items.name=Молоко"]);
    }

    #[test]
    fn a_null_field_is_no_field() {
        assert_eq!(receipt().get("cashier_name"), None);
        assert_eq!(receipt().integer("total_kopecks"), Some(12_760));
        assert_eq!(receipt().list("items")[1].text("name"), Some("Молоко"));
        assert!(receipt().list("payments").is_empty());
    }
}
