//! From expressions to the places of one document.

use std::rc::Rc;

use canonical::gtin;

use super::{Node, Root, Shape, Syntax, Table};
use crate::marking;

/// Canonical fields by which the elements of a list are told apart, where the document has more of them.
const TELLING: [&str; 3] = ["name", "vendor_code", "barcode"];

/// Places that make one value together.
pub(super) type Found = Vec<String>;

/// A part of the document, and where it stands.
#[derive(Debug, Clone)]
struct At<'n> {
    node: &'n Node<'n>,
    place: String,
    /// What it stands in.
    around: Option<Rc<Self>>,
    peers: Option<Peers<'n>>,
}

/// The list of which a part is an element.
#[derive(Debug, Clone)]
struct Peers<'n> {
    list: &'n [Node<'n>],
    place: String,
    index: usize,
    /// What its own kind is known by.
    selectors: &'static str,
}

/// Where one element of a canonical list comes from.
#[derive(Debug)]
pub(super) struct Source<'n> {
    parts: Vec<At<'n>>,
    /// Otherwise it is one of the parts, and nothing tells which.
    is_certain: bool,
}

/// One document.
#[derive(Debug)]
pub(super) struct Resolver<'n> {
    syntax: Syntax,
    bases: &'static [(&'static str, &'static str)],
    root: At<'n>,
    /// The part in which everything stands.
    start: At<'n>,
}

impl Syntax {
    fn part(self, place: &str, name: &str) -> String {
        match self {
            Self::Json => format!("{place}.{name}"),
            Self::Xml | Self::Tlv => format!("{place}/{name}"),
            Self::Lines => format!("{place}, field {name}"),
        }
    }

    /// An element of a list, by its number from 0; without a number all of them.
    fn element(self, place: &str, index: Option<usize>) -> String {
        match (self, index) {
            (Self::Lines, None) => "line *".to_owned(),
            (Self::Lines, Some(index)) => format!("line {}", index + 1),
            (_, None) => format!("{place}[*]"),
            (Self::Xml, Some(0)) => place.to_owned(),
            (Self::Xml, Some(index)) => format!("{place}[{}]", index + 1),
            (Self::Json | Self::Tlv, Some(index)) => format!("{place}[{index}]"),
        }
    }
}

impl<'n> Resolver<'n> {
    /// The document, and the shape that it has.
    pub fn open(table: &Table, root: &'n Root<'n>) -> Option<(Self, &'static Shape)> {
        let root = At { node: &root.node, place: root.place.clone(), around: None, peers: None };
        let mut resolver = Self { syntax: table.syntax, bases: table.bases, start: root.clone(), root };
        let is_there = |at: &At<'_>| at.node.tells() || matches!(at.node, Node::List(_));
        let has =
            |shape: &&Shape| shape.when.is_empty() || resolver.path(&resolver.root, shape.when).iter().any(is_there);
        let shape = table.shapes.iter().find(has)?;
        if !shape.within.is_empty() {
            resolver.start = resolver.one(&resolver.root, shape.within)?;
        }
        Some((resolver, shape))
    }

    /// The places of a value that is in no list.
    pub fn scalar(&self, expression: &'static str, name: &str, value: &str) -> Found {
        self.value(&self.start, expression, name, value)
    }

    /// The places of a value of one element. Sums come from all of its parts.
    pub fn in_element(&self, source: &Source<'n>, expression: &'static str, name: &str, value: &str) -> Found {
        let all = !source.is_certain || name.ends_with("_kopecks");
        let parts = source.parts.iter().take(if all { source.parts.len() } else { 1 });
        parts.flat_map(|part| self.value(part, expression, name, value)).collect()
    }

    fn value(&self, from: &At<'n>, expression: &'static str, name: &str, value: &str) -> Found {
        let mut known = Found::new();
        for alternative in expression.split(" else ") {
            let Some(parts) = self.together(from, alternative) else { continue };
            // A bar code that is none leaves the GTIN to the mark.
            let is_it = name != "gtin" || parts.iter().any(|at| tells_gtin(at.node.text(), value));
            let tells = parts.iter().all(|at| at.node.tells());
            let places = parts.into_iter().map(|at| at.place).collect();
            if tells && is_it {
                return places;
            }
            if known.is_empty() {
                known = places;
            }
        }
        known
    }

    /// What `x and y` means, if both are there.
    fn together(&self, from: &At<'n>, alternative: &'static str) -> Option<Vec<At<'n>>> {
        alternative.split(" and ").map(|path| self.first(from, path)).collect()
    }

    /// The first that tells something, else the first.
    fn first(&self, from: &At<'n>, path: &'static str) -> Option<At<'n>> {
        let mut found: Vec<At<'n>> = self.path(from, path).into_iter().map(|at| at.entered(self.syntax)).collect();
        if path.contains("[*]") && !found.iter().all(|at| at.node.tells()) {
            return None;
        }
        let index = found.iter().position(|at| at.node.tells()).unwrap_or_default();
        (index < found.len()).then(|| found.swap_remove(index))
    }

    /// The part that an expression without `and` means.
    fn one(&self, from: &At<'n>, expression: &'static str) -> Option<At<'n>> {
        let mut told = expression.split(" else ").filter_map(|path| self.first(from, path));
        told.find(|at| at.node.tells())
    }

    fn path(&self, from: &At<'n>, path: &'static str) -> Vec<At<'n>> {
        let (from, path) = match path.strip_prefix('{').and_then(|path| path.split_once('}')) {
            None => (Some(from.clone()), path),
            Some((base, rest)) => {
                let base = self.bases.iter().find(|(name, _)| *name == base);
                let from = base.and_then(|(_, expression)| self.one(from, expression));
                (from, rest.strip_prefix('.').unwrap_or("."))
            }
        };
        let mut found: Vec<At<'n>> = from.into_iter().collect();
        if path != "." {
            for step in path.split('.') {
                found = found.iter().flat_map(|at| at.step(step, self.syntax)).collect();
            }
        }
        found
    }

    /// Where the elements of a canonical list come from; as many as there are elements, or none.
    pub fn list(
        &self,
        expression: &'static str,
        elements: &[Node<'_>],
        of: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Vec<Source<'n>> {
        let (sources, key) =
            expression.split_once(" by ").map_or((expression, None), |(sources, key)| (sources, Some(key)));
        let mut found = Vec::new();
        for source in sources.split(", ") {
            found.extend(self.sources(source));
        }
        if self.syntax == Syntax::Tlv {
            found.sort_by_key(|source| source.parts.first().map(|part| self.order(part)));
        }
        if let Some(key) = key {
            found = self.grouped(found, key);
        }
        if found.len() == elements.len() {
            return found;
        }
        let told = elements.iter().scan(&found[..], |rest, element| {
            let at = rest.iter().position(|source| self.agrees(source, element, of))?;
            let source = Source { parts: rest[at].parts.clone(), is_certain: true };
            *rest = &rest[at + 1..];
            Some(source)
        });
        let told: Vec<Source<'n>> = told.collect();
        if told.len() == elements.len() {
            return told;
        }
        let any: Vec<At<'n>> = found.into_iter().flat_map(|source| source.parts).collect();
        elements.iter().map(|_| Source { parts: any.clone(), is_certain: false }).collect()
    }

    fn sources(&self, source: &'static str) -> Vec<Source<'n>> {
        let parts = |path| self.path(&self.start, path).into_iter().map(|at| at.entered(self.syntax));
        if source.contains(" + ") {
            let parts: Vec<At<'n>> = source.split(" + ").flat_map(parts).filter(|at| !at.node.is_zero()).collect();
            return if parts.is_empty() { Vec::new() } else { vec![Source { parts, is_certain: true }] };
        }
        let mut spellings = source.split(" else ").map(|path| parts(path).collect::<Vec<_>>());
        let told = spellings.find(|parts| parts.iter().any(|at| at.node.tells())).unwrap_or_default();
        let told = told.into_iter().filter(|at| !at.node.is_zero());
        told.map(|at| Source { parts: vec![at], is_certain: true }).collect()
    }

    /// The number of the part of the document in which it stands.
    fn order(&self, at: &At<'n>) -> Option<usize> {
        let Node::Object(parts) = self.root.node else { return None };
        let name = at.place.strip_prefix(&*self.root.place)?.split(['/', '[']).nth(1)?;
        parts.iter().position(|(known, _)| known == name)
    }

    fn grouped(&self, found: Vec<Source<'n>>, key: &'static str) -> Vec<Source<'n>> {
        let mut groups: Vec<(String, Source<'n>)> = Vec::new();
        for source in found {
            let text = source.parts.first().and_then(|part| self.first(part, key));
            let text = text.map_or_else(String::new, |at| at.node.text().to_owned());
            match groups.iter_mut().find(|(known, _)| *known == text) {
                Some((_, group)) => group.parts.extend(source.parts),
                None => groups.push((text, source)),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }

    /// Whether an element names the same thing as a part of the document.
    fn agrees(&self, source: &Source<'n>, element: &Node<'_>, of: &dyn Fn(&str) -> Option<&'static str>) -> bool {
        let (Node::Object(values), Some(part)) = (element, source.parts.first()) else { return false };
        let mut names = TELLING.iter().filter_map(|name| Some((*name, of(name)?))).peekable();
        names.peek().is_some()
            && names.all(|(name, path)| {
                let value = values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.text());
                self.first(part, path).is_some_and(|at| at.node.text() == value)
            })
    }
}

fn tells_gtin(text: &str, gtin: &str) -> bool {
    [gtin::normalize(text), marking::gtin_of_text(text)].into_iter().flatten().any(|told| told == gtin)
}

impl<'n> At<'n> {
    /// The first element, if it is a list.
    fn entered(self, syntax: Syntax) -> Self {
        match self.node {
            Node::List(list) if !list.is_empty() => {
                // The number of a tag tells nothing where there can be one only.
                let place = if syntax == Syntax::Tlv { self.place } else { syntax.element(&self.place, Some(0)) };
                Self { node: &list[0], place, around: self.around, peers: None }
            }
            _ => self,
        }
    }

    fn step(&self, step: &'static str, syntax: Syntax) -> Vec<Self> {
        if let Some(step) = step.strip_prefix('^') {
            return self.and_around().iter().flat_map(|at| at.named(step, syntax)).collect();
        }
        if let Some(selectors) = step.strip_prefix('>') {
            return self.following(selectors, syntax).into_iter().collect();
        }
        match step.strip_prefix('(').and_then(|step| step.split_once(')')) {
            None => self.named(step, syntax),
            Some((names, rest)) => {
                let (often, selectors) = rest.strip_prefix('*').map_or((false, rest), |rest| (true, rest));
                let mut at = self.clone();
                while let Some(inner) = at.inner(names, syntax) {
                    at = inner;
                    if !often {
                        break;
                    }
                }
                at.selected(selectors, syntax)
            }
        }
    }

    fn and_around(&self) -> Vec<Self> {
        std::iter::successors(Some(self.clone()), |at| at.around.as_deref().cloned()).collect()
    }

    fn following(&self, selectors: &'static str, syntax: Syntax) -> Option<Self> {
        let peers = self.peers.as_ref()?;
        let rest = (peers.index + 1..peers.list.len()).map(|index| Self {
            node: &peers.list[index],
            place: syntax.element(&peers.place, Some(index)),
            around: self.around.clone(),
            peers: None,
        });
        let until_next = rest.take_while(|at| !at.holds(peers.selectors, syntax));
        until_next.filter(|at| at.holds(selectors, syntax)).last()
    }

    /// The first of these parts that has parts of its own.
    fn inner(&self, names: &'static str, syntax: Syntax) -> Option<Self> {
        let mut parts = names.split('|').flat_map(|name| self.named(name, syntax));
        parts.find(|at| !matches!(at.node, Node::Value(_)))
    }

    /// `name`, `a|b`, `*`, each with or without selectors.
    fn named(&self, step: &'static str, syntax: Syntax) -> Vec<Self> {
        let (names, selectors) = step.split_at(step.find('[').unwrap_or(step.len()));
        if names.is_empty() {
            return self.clone().selected(selectors, syntax);
        }
        let object = Rc::new(self.clone().entered(syntax));
        let Node::Object(parts) = object.node else { return Vec::new() };
        let is_meant = |name: &str| names == "*" || names.split('|').any(|one| one == name);
        let parts = parts.iter().filter(|(name, _)| is_meant(name)).map(|(name, node)| Self {
            node,
            place: syntax.part(&object.place, name),
            around: Some(Rc::clone(&object)),
            peers: None,
        });
        parts.flat_map(|part| part.selected(selectors, syntax)).collect()
    }

    /// The elements that the selectors mean.
    fn selected(self, selectors: &'static str, syntax: Syntax) -> Vec<Self> {
        let Node::List(list) = self.node else {
            return if self.holds(selectors, syntax) { vec![self] } else { Vec::new() };
        };
        if selectors.is_empty() {
            return vec![self];
        }
        let is_sum = selectors.contains("[*]");
        let elements = list.iter().enumerate().map(|(index, node)| Self {
            node,
            place: syntax.element(&self.place, (!is_sum).then_some(index)),
            around: self.around.clone(),
            peers: Some(Peers { list, place: self.place.clone(), index, selectors }),
        });
        elements.filter(|at| at.holds(selectors, syntax)).collect()
    }

    /// Whether all of `[a=b][c]` hold.
    fn holds(&self, selectors: &'static str, syntax: Syntax) -> bool {
        let part = |key| self.named(key, syntax).into_iter().next().map(|at| at.entered(syntax));
        let text = |key| part(key).map_or("", |at| at.node.text());
        selectors.split(['[', ']']).all(|selector| {
            if matches!(selector, "" | "*") {
                true
            } else if let Some((key, words)) = selector.split_once("!=") {
                words.split('|').all(|word| word != text(key))
            } else if let Some((key, words)) = selector.split_once('=') {
                words.split('|').any(|word| word == text(key))
            } else {
                part(selector).is_some_and(|at| !at.node.is_zero())
            }
        })
    }
}
