//! The elements of a document with their attributes. Texts between the elements say nothing in the families that are read.

use std::{borrow::Cow, fmt::Write as _};

use quick_xml::{Reader, XmlVersion, events::Event};

use crate::{Context, Invalid, MAX_DEPTH, bounds::most_elements, encoding, number::Number, text};

/// Most attributes of one element, and most names of elements side by side; the longest that are known have 30.
const MOST_NAMES: usize = 200;

/// The characters of a document: as its XML declaration says, or as the request does.
pub(crate) fn decode<'b>(
    document: &'b [u8],
    context: &Context<'_>,
    flags: &mut Vec<&'static str>,
) -> (Cow<'b, str>, &'static str) {
    encoding::decode(document, declared(document).or(context.charset), flags)
}

/// `encoding` of the XML declaration, which is ASCII in every encoding that is read.
pub(super) fn declared(document: &[u8]) -> Option<&str> {
    let document = document.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(document).trim_ascii_start();
    let end = memchr::memmem::find(document, b"?>")?;
    let declaration = std::str::from_utf8(document[..end].strip_prefix(b"<?xml")?).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value[1..].split_once(quote).map(|(label, _)| label)
}

/// An element that begins.
#[derive(Debug)]
pub(crate) struct Element {
    /// Names of the elements around it and its own, from the outermost, with the number of its like before it.
    path: Vec<(String, usize)>,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// Its name and those around it, from the outermost: `["purchase", "positions", "position"]`.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.path.iter().map(|(name, _)| &**name).collect()
    }

    /// Where an attribute stands: `/purchase/positions/position[2]/@amount`.
    pub(crate) fn place(&self, attribute: &str) -> String {
        let mut place = String::new();
        for (name, before) in &self.path {
            let _infallible = write!(place, "/{name}");
            if *before > 0 {
                let _infallible = write!(place, "[{}]", before + 1);
            }
        }
        place + "/@" + attribute
    }

    /// All attributes, in the order of the text.
    pub(crate) fn attributes(&self) -> &[(String, String)] {
        &self.attributes
    }

    /// An attribute that tells something.
    pub(crate) fn text(&self, attribute: &str) -> Option<&str> {
        let value = self.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| &**value);
        value.filter(|value| !value.trim().is_empty())
    }

    /// The same, to keep.
    pub(crate) fn owned<'b>(&self, attribute: &str) -> Option<Cow<'b, str>> {
        text::clean(Cow::Owned(self.text(attribute)?.to_owned()))
    }

    /// The same without blanks around it, to keep.
    pub(crate) fn trimmed<'b>(&self, attribute: &str) -> Option<Cow<'b, str>> {
        text::clean(Cow::Owned(self.text(attribute)?.trim().to_owned()))
    }

    /// The first of several spellings that tells something.
    pub(crate) fn first<'n>(&self, attributes: &[&'n str]) -> Option<&'n str> {
        attributes.iter().copied().find(|attribute| self.text(attribute).is_some())
    }

    /// The first of several spellings, to keep.
    pub(crate) fn first_owned<'b>(&self, attributes: &[&str]) -> Option<Cow<'b, str>> {
        self.owned(self.first(attributes)?)
    }

    pub(crate) fn figure(&self, attribute: &str) -> Number<'_> {
        Number::with_comma(self.text(attribute))
    }

    /// Roubles, as kopecks.
    pub(crate) fn money(&self, attribute: &str, flags: &mut Vec<&'static str>) -> Result<Option<i64>, Invalid> {
        self.figure(attribute).money(&self.place(attribute), flags)
    }

    pub(crate) fn integer(&self, attribute: &str) -> Result<Option<i64>, Invalid> {
        let Some(text) = self.text(attribute) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| {
            Invalid::new(self.place(attribute), format!("{} is no whole number", crate::text::quoted(text)))
        })
    }
}

/// Calls `each` for every element of a document, in the order of the text.
pub(crate) fn read(document: &str, each: &mut dyn FnMut(&Element) -> Result<(), Invalid>) -> Result<(), Invalid> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut element = Element { path: Vec::new(), attributes: Vec::new() };
    // How many elements of which name came so far, for each level.
    let mut before: Vec<Vec<(String, usize)>> = vec![Vec::new()];
    loop {
        let at = reader.buffer_position();
        let broken = |text: String| Invalid::undecodable(format!("byte {at}"), text);
        match reader.read_event() {
            Err(error) => return Err(broken(error.to_string())),
            Ok(Event::Start(_)) if element.path.len() == MAX_DEPTH => {
                return Err(broken(format!("more than {MAX_DEPTH} elements in each other")));
            }
            Ok(Event::Start(start)) => {
                let name = start.name().as_ref().to_owned();
                let Some(number) = count(&mut before, &name) else {
                    let most = most_elements();
                    let text = format!("more than {most} elements of a name, or {MOST_NAMES} names side by side");
                    return Err(Invalid::new(format!("byte {at}"), text));
                };
                element.path.push((name, number));
                before.push(Vec::new());
                element.attributes.clear();
                for attribute in start.attributes() {
                    let attribute = attribute.map_err(|error| broken(error.to_string()))?;
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                    let value = value.map_err(|error| broken(error.to_string()))?.into_owned();
                    element.attributes.push((attribute.key.as_ref().to_owned(), value));
                    if element.attributes.len() > MOST_NAMES {
                        return Err(broken(format!("more than {MOST_NAMES} attributes of one element")));
                    }
                }
                each(&element)?;
            }
            Ok(Event::End(_)) => {
                element.path.pop();
                before.pop();
            }
            Ok(Event::DocType(_)) => return Err(broken("a document type (DOCTYPE) is not read".to_owned())),
            Ok(Event::Eof) if element.path.is_empty() => return Ok(()),
            Ok(Event::Eof) => return Err(broken("the XML ends inside of an element".to_owned())),
            Ok(_) => {}
        }
    }
}

/// How many of that name came before on the level; nothing where that makes no sense.
fn count(before: &mut [Vec<(String, usize)>], name: &str) -> Option<usize> {
    let level = before.last_mut()?;
    if let Some((_, count)) = level.iter_mut().find(|(known, _)| known == name) {
        *count += 1;
        return Some(*count - 1).filter(|before| *before < most_elements());
    }
    level.push((name.to_owned(), 1));
    (level.len() <= MOST_NAMES).then_some(0)
}
