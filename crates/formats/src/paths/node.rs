//! A document as a tree, whatever its syntax is.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::{Context, encoding, xml::Element};

/// A part of a document.
#[derive(Debug)]
pub(crate) enum Node<'d> {
    /// A single value as text; what tells nothing is blank.
    Value(Cow<'d, str>),
    /// Parts of the same kind.
    List(Vec<Self>),
    /// Named parts.
    Object(Vec<(Cow<'d, str>, Self)>),
}

/// A whole document, and how its place is written.
#[derive(Debug)]
pub(crate) struct Root<'d> {
    pub node: Node<'d>,
    pub place: String,
}

impl<'d> Node<'d> {
    /// The text of a single value, without blanks around it.
    pub fn text(&self) -> &str {
        match self {
            Self::Value(text) => text.trim(),
            Self::List(_) | Self::Object(_) => "",
        }
    }

    /// Whether there is anything in it.
    pub fn tells(&self) -> bool {
        match self {
            Self::Value(text) => !text.trim().is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Object(_) => true,
        }
    }

    /// Whether it is an amount of zero, or none.
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Value(text) if !text.bytes().any(|byte| matches!(byte, b'1'..=b'9')))
    }

    /// The parts of one name, as a list.
    pub fn list_of(&mut self, name: &str) -> Option<&mut Vec<Self>> {
        let Self::Object(parts) = self else { return None };
        let index = parts.iter().position(|(known, _)| known == name).unwrap_or(parts.len());
        if index == parts.len() {
            parts.push((name.to_owned().into(), Self::List(Vec::new())));
        }
        match &mut parts.get_mut(index)?.1 {
            Self::List(list) => Some(list),
            Self::Value(_) | Self::Object(_) => None,
        }
    }
}

/// A document in JSON.
pub(crate) fn json<'d>(document: &'d [u8], _: &Context<'_>) -> Option<Root<'d>> {
    Some(Root { node: serde_json::from_slice(document).ok()?, place: "$".to_owned() })
}

/// A document in XML: elements, and attributes under `@name`.
pub(crate) fn xml<'d>(document: &'d [u8], context: &Context<'_>) -> Option<Root<'d>> {
    let (text, _) = crate::xml::decode(document, context, &mut Vec::new());
    let mut root = Node::Object(Vec::new());
    crate::xml::read(&text, &mut |element| {
        put(&mut root, &element.names(), element);
        Ok(())
    })
    .ok()?;
    let Node::Object(mut elements) = root else { return None };
    let (name, Node::List(mut list)) = elements.pop()? else { return None };
    Some(Root { node: list.pop()?, place: format!("/{name}") })
}

fn put(parent: &mut Node<'_>, names: &[&str], element: &Element) {
    let [name, inner @ ..] = names else { return };
    let Some(list) = parent.list_of(name) else { return };
    if !inner.is_empty() {
        return list.last_mut().map_or((), |parent| put(parent, inner, element));
    }
    let attributes = element.attributes().iter();
    let attributes = attributes.map(|(name, value)| (format!("@{name}").into(), Node::Value(value.clone().into())));
    list.push(Node::Object(attributes.collect()));
}

/// A document of lines with fields between semicolons, which are called by their numbers from 1.
pub(crate) fn lines<'d>(document: &'d [u8], context: &Context<'_>) -> Option<Root<'d>> {
    let (text, _) = encoding::decode(document, context.charset, &mut Vec::new());
    let field = |(index, text): (usize, &str)| ((index + 1).to_string().into(), Node::Value(text.to_owned().into()));
    let line = |line: &str| Node::Object(line.split(';').enumerate().map(field).collect());
    Some(Root { node: Node::List(text.lines().map(line).collect()), place: String::new() })
}

impl<'de: 'd, 'd> Deserialize<'de> for Node<'d> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Node<'de>, E> {
        Ok(Node::Value(if truth { "true" } else { "false" }.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Value(number.to_string().into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'de>, E> {
        Ok(Node::Value(number.to_string().into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node<'de>, E> {
        Ok(Node::Value(number.to_string().into()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Value(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Value(text.to_owned().into()))
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Value("".into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Node<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node<'de>, A::Error> {
        let mut parts = Vec::new();
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            parts.push((name, fields.next_value()?));
        }
        Ok(Node::Object(parts))
    }
}
