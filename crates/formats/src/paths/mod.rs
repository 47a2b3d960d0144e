//! Where in a document the values of its canonical form stand.
//!
//! Each family says it once, in the table of its `fields.rs`; the pages under `docs/formats/` have to say the same. A
//! [`Field`] is a canonical name and an expression. `items[]` says which parts of the document the items are, and
//! `items[].name` where the name stands in one of them.
//!
//! | expression | means |
//! |---|---|
//! | `a.b` | `b` in `a`; a list on the way stands for its first element |
//! | `.` | the part itself |
//! | `a\|b` | either of them, in the order of the document; `*` is any |
//! | `a[]` | every element |
//! | `a[k=v\|w]`, `a[k!=v]` | the elements whose `k` is one of these, or none of them |
//! | `a[k]` | the elements whose `k` is an amount other than zero |
//! | `a[*]` | all elements together, each of which tells something |
//! | `(a\|b)` | the part `a` or `b` where there is one, else the whole; `(a\|b)*` as often as there is one |
//! | `^a` | in the part, else in what lies around it, the nearest first |
//! | `>[k=v]` | the last of these among the elements that follow, up to the next of the part's own kind |
//! | `{base}` | one of the table's bases, in the part |
//! | `x and y` | both together |
//! | `x else y` | the first that tells something |
//!
//! Lists may come from several places: `x, y` one after the other, `x + y` added up, `x by k` added up by `k`; amounts of
//! zero are left out.

mod node;
mod resolve;

pub(crate) use node::{Node, Root, json, lines, xml};
use resolve::{Found, Resolver};
use serde::{Serialize, Serializer};

use crate::Context;

/// How a syntax writes places: as in the faults of the parsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `$.items[0].name`
    Json,
    /// `/purchase/positions/position[2]/@amount`, where the first has no number
    Xml,
    /// `3/1059[0]/1043`
    Tlv,
    /// `line 2, field 16`
    Lines,
}

/// Where the canonical fields of a family come from.
#[derive(Debug)]
pub struct Table {
    pub(crate) syntax: Syntax,
    pub(crate) read: for<'d> fn(&'d [u8], &Context<'_>) -> Option<Root<'d>>,
    /// Names for expressions that many fields begin with.
    pub(crate) bases: &'static [(&'static str, &'static str)],
    /// The shapes of the family's documents.
    pub shapes: &'static [Shape],
}

/// One shape of a family's documents.
#[derive(Debug)]
pub struct Shape {
    /// What tells it from the shapes after it; empty for the last.
    pub(crate) when: &'static str,
    /// The part in which everything stands; empty for the whole document.
    pub(crate) within: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// A canonical field, `name`, `items[].name` or, where only one kind of record has it from there, `shift: name`; and the
/// expression that finds it.
#[derive(Debug, Clone, Copy)]
pub struct Field(pub &'static str, pub &'static str);

/// The place of each value, by its canonical name (`items[0].name`), in the order of the schema. Ids, keys of products and
/// what the hub adds come from no single place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths(Vec<(String, String)>);

impl Paths {
    /// Name and place.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, place)| (&**name, &**place))
    }

    /// Whether no place is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Paths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Table {
    /// The places of a document's canonical values. `record` is `receipt`, `shift` or `event`.
    pub(crate) fn paths(&self, record: &str, canonical: &Node<'_>, document: &[u8], context: &Context<'_>) -> Paths {
        let mut paths = Paths::default();
        let (Some(root), Node::Object(values)) = ((self.read)(document, context), canonical) else { return paths };
        let Some((resolver, shape)) = Resolver::open(self, &root) else { return paths };
        for (name, value) in values {
            match value {
                Node::Value(text) => {
                    if let Some(expression) = shape.expression(record, name) {
                        paths.add(name.to_string(), resolver.scalar(expression, name, text));
                    }
                }
                Node::List(elements) => {
                    let Some(expression) = shape.expression(record, &format!("{name}[]")) else { continue };
                    let of = |field: &str| shape.expression(record, &format!("{name}[].{field}"));
                    let sources = resolver.list(expression, elements, &of);
                    for (index, (element, source)) in elements.iter().zip(&sources).enumerate() {
                        let Node::Object(values) = element else { continue };
                        for (field, value) in values {
                            if let (Node::Value(text), Some(expression)) = (value, of(field)) {
                                let found = resolver.in_element(source, expression, field, text);
                                paths.add(format!("{name}[{index}].{field}"), found);
                            }
                        }
                    }
                }
                Node::Object(_) => {}
            }
        }
        paths
    }
}

impl Paths {
    fn add(&mut self, name: String, places: Found) {
        if !places.is_empty() {
            self.0.push((name, places.join(" and ")));
        }
    }
}

impl Shape {
    fn expression(&self, record: &str, name: &str) -> Option<&'static str> {
        let is_meant = |field: &&Field| match field.0.split_once(": ") {
            Some((only, field)) => only == record && field == name,
            None => field.0 == name,
        };
        self.fields.iter().find(is_meant).map(|field| field.1)
    }
}
