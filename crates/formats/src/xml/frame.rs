//! From a body to its documents.

use quick_xml::{Reader, errors::Error, events::Event};

use super::read::declared;
use crate::{
    Framed, Limits, MAX_DEPTH, Outcome, Place, Reason,
    framing::{Counter, Full},
};

/// Why reading ends.
enum End {
    Full,
    /// Nothing after this place can be read.
    Broken {
        start: usize,
        offset: usize,
        reason: Reason,
    },
}

impl From<Full> for End {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

/// Each element of one of the `names` is a document, wherever it stands. The outermost element takes what stands before it, so that a
/// document that is the whole body keeps its XML declaration.
pub(crate) fn frame(body: &[u8], names: &[&str], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    // Markup is ASCII in every encoding that is read: one letter for all other bytes makes text of the same length.
    let text: String = body.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { 'x' }).collect();
    let mut counter = Counter::new(limits, each);
    let outcome = match documents(&text, names, &mut counter) {
        Ok(()) | Err(End::Full) => counter.finish(),
        Err(End::Broken { start, offset, reason }) => {
            let line = 1 + memchr::memchr_iter(b'\n', &body[..offset]).count();
            counter.stop(start..body.len(), Place { offset, line: Some(line) }, reason)
        }
    };
    let declared = declared(body).and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    Outcome { encoding: declared.map(|encoding| encoding.name()), ..outcome }
}

fn documents(text: &str, names: &[&str], counter: &mut Counter<'_>) -> Result<(), End> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    // What a client sends again from the middle of a list has the end of the list without its begin.
    reader.config_mut().allow_unmatched_ends = true;
    let offset = |reader: &Reader<&[u8]>| usize::try_from(reader.buffer_position()).unwrap_or(text.len());
    let (mut depth, mut found, mut any, mut read_to) = (0_usize, None, false, 0);
    loop {
        let before = offset(&reader);
        let start = found.map_or(before, |(start, _)| start);
        let broken = |offset: usize, text: String| End::Broken { start, offset, reason: Reason::Malformed(text) };
        match reader.read_event() {
            Err(error) => {
                let offset = usize::try_from(reader.error_position()).unwrap_or(text.len()).min(text.len());
                return Err(broken(offset, said(&error)));
            }
            Ok(Event::Start(element)) => {
                if found.is_none() && names.contains(&element.name().as_ref()) {
                    // What stands before the outermost element belongs to it.
                    found = Some((if depth == 0 { read_to } else { before }, depth));
                }
                depth += 1;
                any |= found.is_some();
                if depth > MAX_DEPTH {
                    return Err(End::Broken { start, offset: before, reason: Reason::TooDeep });
                }
            }
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                if let Some((start, _)) = found.filter(|(_, outside)| *outside == depth) {
                    read_to = offset(&reader);
                    accept(text, start..read_to, counter)?;
                    found = None;
                }
            }
            Ok(Event::DocType(_)) => return Err(broken(before, "a document type (DOCTYPE) is not read".to_owned())),
            Ok(Event::Eof) if depth > 0 => {
                return Err(broken(text.len(), "the XML ends inside of an element".to_owned()));
            }
            Ok(Event::Eof) if !any => {
                let reason = Reason::Malformed(format!("no document: an element {} is expected", names.join(" or ")));
                return Err(End::Broken { start: 0, offset: 0, reason });
            }
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
        }
    }
}

fn accept(text: &str, range: std::ops::Range<usize>, counter: &mut Counter<'_>) -> Result<(), Full> {
    let limit = counter.limits().document_bytes;
    if range.len() > limit {
        let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..range.start]).count();
        let place = Place { offset: range.start, line: Some(line) };
        let reason = Reason::TooLarge { bytes: range.len(), limit };
        return counter.reject(range, place, reason);
    }
    counter.accept(range)
}

/// The fault in words, without the text of the document.
fn said(error: &Error) -> String {
    match error {
        Error::IllFormed(error) => error.to_string(),
        Error::Syntax(error) => error.to_string(),
        error => error.to_string(),
    }
}
