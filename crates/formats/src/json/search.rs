//! Finding fields by their names, wherever they stand.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::MAX_DEPTH;

/// Most values of a name that are found: what names a register stands in a document a few times at most.
const MOST_OF_A_NAME: usize = 8;

/// The texts and whole numbers of all fields with one of the `names`: first those of the first name. Nothing is found in
/// what is no JSON.
pub(crate) fn texts_named(document: &[u8], names: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let walk = Walk { names, name: None, depth: 0, found: &mut found };
    let mut json = serde_json::Deserializer::from_slice(document);
    // A document that breaks off later has told what stands before.
    let _broken: Result<(), serde_json::Error> = walk.deserialize(&mut json);
    found.sort_by_key(|(name, _)| *name);
    found.into_iter().map(|(_, text)| text).collect()
}

/// One value.
struct Walk<'n, 'f> {
    names: &'n [&'n str],
    /// Which of the names the value has.
    name: Option<usize>,
    depth: usize,
    found: &'f mut Vec<(usize, String)>,
}

impl Walk<'_, '_> {
    fn take(self, text: &str) {
        let Some(name) = self.name else { return };
        if self.found.iter().filter(|(other, _)| *other == name).count() == MOST_OF_A_NAME {
            return;
        }
        let text = text.trim();
        if !text.is_empty() {
            self.found.push((name, text.to_owned()));
        }
    }

    fn child(&mut self, name: Option<usize>) -> Walk<'_, '_> {
        Walk { names: self.names, name, depth: self.depth + 1, found: self.found }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Without recursion, so that it may be as deep as it likes.
        if self.depth > MAX_DEPTH {
            deserializer.deserialize_ignored_any(IgnoredAny).map(drop)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key_seed(Name(self.names))? {
            fields.next_value_seed(self.child(name))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(self.child(None))?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.take(text);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.take(&number.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Which of the names a key is.
struct Name<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

#[cfg(test)]
mod tests {
    use super::texts_named;

    #[test]
    fn fields_are_found_wherever_they_stand_in_the_order_of_the_names() {
        let document = br#"{"a":{"drive":9999070001},"list":[{"device":" D-1 "},{"device":null,"drive":""}],"device":{"drive":"2"}}"#;
        assert_eq!(texts_named(document, &["device", "drive"]), ["D-1", "9999070001", "2"]);
    }

    #[test]
    fn what_stands_before_a_fault_is_found_and_depth_costs_nothing() {
        assert_eq!(texts_named(br#"{"device":"D-1","broken":"#, &["device"]), ["D-1"]);
        let deep = format!(r#"{{"deep":{}1{},"device":"D-1"}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(texts_named(deep.as_bytes(), &["device"]), ["D-1"]);
        assert!(texts_named(b"\xFF", &["device"]).is_empty());
    }
}
