//! Framing of JSON: one object, an array, a vendor's list, or one object per line.

use std::{borrow::Cow, fmt, ops::Range};

use serde::de::{DeserializeSeed, Deserializer as _, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Error, de::StrRead, value::RawValue};

use crate::{
    Limits, MAX_DEPTH, Outcome, Place, Reason,
    framing::{Counter, Framed, Full},
};

const NOT_UTF8: &str = "the bytes are not UTF-8";
const NOT_AN_OBJECT: &str = "a document must be an object";
const EMPTY: &str = "the body is empty";
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Splits one JSON value: an object is a document, an array a batch of them. An object whose
/// field `list_key` is an array is a batch of that array's elements.
///
/// Elements are handed on while the text is read, so that a syntax error costs only what comes
/// after it.
pub(crate) fn frame_value(body: &[u8], list_key: &str, limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    frame_checked(body, list_key, |_| None, limits, each)
}

/// What is wrong with a well-formed object that a family cannot take: nothing that is sent later can mend it.
pub(crate) type Check = fn(&str) -> Option<&'static str>;

/// [`frame_value`] with a look at each document.
pub(crate) fn frame_checked(
    body: &[u8],
    list_key: &str,
    check: Check,
    limits: &Limits,
    each: &mut dyn FnMut(Framed),
) -> Outcome {
    let counter = Counter::new(limits, each);
    let (text, not_utf8_from) = utf8_prefix(body);
    let begin = skip(body, byte_order_mark(body), is_blank);
    let mut reader = Reader {
        body,
        counter,
        list_key,
        check,
        text,
        in_list: false,
        next: begin,
        is_no_page: false,
        lines: Lines::default(),
        full: false,
    };
    let result = match body.get(begin) {
        None => return reader.reject_body(EMPTY),
        Some(b'[') => reader.array(begin),
        Some(b'{') => reader.object(begin),
        Some(_) => return reader.reject_body("a body is an object or an array of objects"),
    };
    let (offset, reason) = match (result, not_utf8_from) {
        (Ok(()), None) => return reader.finish(begin),
        _ if reader.full => return reader.counter.finish(),
        (Ok(()), Some(offset)) => (offset, Reason::Malformed(NOT_UTF8.into())),
        (Err(error), Some(offset)) if error.is_eof() => (offset, Reason::Malformed(NOT_UTF8.into())),
        (Err(error), _) => (begin + offset_of(text.get(begin..).unwrap_or_default(), &error), malformed(&error)),
    };
    reader.stop(offset, reason)
}

/// Splits a body of one object per line. A bad line costs itself only; blank lines are skipped.
pub(crate) fn frame_lines(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    frame_lines_checked(body, |_| None, limits, each)
}

/// [`frame_lines`] with a look at each document.
pub(crate) fn frame_lines_checked(body: &[u8], check: Check, limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    let mut counter = Counter::new(limits, each);
    // One fast check for all lines; only where it fails each line is checked alone.
    let whole = simdutf8::basic::from_utf8(body).ok();
    let mut start = byte_order_mark(body);
    let mut line = 0;
    let mut blank = true;
    while start < body.len() {
        let end = memchr::memchr(b'\n', &body[start..]).map_or(body.len(), |at| start + at);
        let range = trimmed(body, start..end);
        start = end + 1;
        line += 1;
        if range.is_empty() {
            continue;
        }
        blank = false;
        let taken = match check_line(body, whole, &range, check, counter.limits()) {
            Ok(()) => counter.accept(range),
            Err((offset, reason)) => counter.reject(range, Place { offset, line: Some(line) }, reason),
        };
        if let Err(Full) = taken {
            return counter.finish();
        }
    }
    if blank {
        // A body of blank lines is a mistake of the sender: it must not look like a success.
        let _full = counter.reject(0..body.len(), Place { offset: 0, line: Some(1) }, Reason::Malformed(EMPTY.into()));
    }
    counter.finish()
}

fn check_line(
    body: &[u8],
    whole: Option<&str>,
    range: &Range<usize>,
    check: Check,
    limits: &Limits,
) -> Result<(), (usize, Reason)> {
    let bytes = &body[range.clone()];
    let start = range.start;
    // Size first: what is too large is not worth reading.
    if let Some(reason) = too_large(bytes, limits) {
        return Err((start, reason));
    }
    let text = match whole.and_then(|text| text.get(range.clone())) {
        Some(text) => text,
        None => simdutf8::compat::from_utf8(bytes)
            .map_err(|error| (start + error.valid_up_to(), Reason::Malformed(NOT_UTF8.into())))?,
    };
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| (start + offset_of(text, &error), malformed(&error)))?;
    fault(text, check, limits).map_or(Ok(()), |reason| Err((start, reason)))
}

/// What is wrong with a well-formed value as a document.
fn fault(text: &str, check: Check, limits: &Limits) -> Option<Reason> {
    let value = text.as_bytes();
    if value.first() != Some(&b'{') {
        return Some(Reason::Malformed(NOT_AN_OBJECT.into()));
    }
    too_large(value, limits)
        .or_else(|| is_too_deep(value).then_some(Reason::TooDeep))
        .or_else(|| check(text).map(|half| Reason::Malformed(half.into())))
}

fn too_large(value: &[u8], limits: &Limits) -> Option<Reason> {
    let (bytes, limit) = (value.len(), limits.document_bytes);
    (bytes > limit).then_some(Reason::TooLarge { bytes, limit })
}

/// `serde_json` skips values without recursion, at any depth: the bound is checked here. Most
/// documents have fewer brackets than levels are allowed, and counting those is nearly free.
pub(crate) fn is_too_deep(value: &[u8]) -> bool {
    let brackets = value.iter().filter(|b| matches!(b, b'{' | b'[')).count();
    brackets > MAX_DEPTH && depth(value) > MAX_DEPTH
}

fn depth(value: &[u8]) -> usize {
    let (mut now, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in value {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// One pass over a body.
struct Reader<'b, 'f> {
    body: &'b [u8],
    /// The body as far as it is UTF-8.
    text: &'b str,
    counter: Counter<'f>,
    list_key: &'b str,
    check: Check,
    /// Whether elements are being handed on.
    in_list: bool,
    /// Where the last element ended.
    next: usize,
    /// An object has other parts than a page of a list would have.
    is_no_page: bool,
    lines: Lines,
    full: bool,
}

impl<'b> Reader<'b, '_> {
    fn array(&mut self, begin: usize) -> Result<(), Error> {
        let mut json = Deserializer::from_str(self.text.get(begin..).unwrap_or_default());
        self.in_list = true;
        self.next = begin + 1;
        json.deserialize_seq(Elements(self))?;
        self.end(json, begin)
    }

    /// What follows the value was not read.
    fn end(&mut self, mut json: Deserializer<StrRead<'b>>, begin: usize) -> Result<(), Error> {
        json.end().inspect_err(|error| {
            self.next = begin + offset_of(self.text.get(begin..).unwrap_or_default(), error);
        })
    }

    fn object(&mut self, begin: usize) -> Result<(), Error> {
        let mut json = Deserializer::from_str(self.text.get(begin..).unwrap_or_default());
        json.deserialize_map(Object(self))?;
        self.end(json, begin)
    }

    /// The text was read to its end. An object that was no list is the document.
    fn finish(mut self, begin: usize) -> Outcome {
        let range = trimmed(self.body, begin..self.body.len());
        // Room for one document there is always, unless the limit is zero.
        if !self.in_list {
            let _full = self.one(range);
        } else if self.is_no_page {
            // The elements were handed on before that was known; what stands beside them must not get lost.
            let place = self.place(range.start);
            let reason = Reason::Malformed(format!(
                "other parts beside the list `{}`: neither a list nor a document",
                self.list_key
            ));
            let _full = self.counter.reject(range, place, reason);
        }
        self.counter.finish()
    }

    /// Hands on a well-formed value.
    fn one(&mut self, range: Range<usize>) -> Result<(), Full> {
        match fault(&self.text[range.clone()], self.check, self.counter.limits()) {
            None => self.counter.accept(range),
            Some(reason) => {
                let place = self.place(range.start);
                self.counter.reject(range, place, reason)
            }
        }
    }

    fn place(&mut self, offset: usize) -> Place {
        Place { offset, line: Some(self.lines.at(self.body, offset)) }
    }

    /// Nothing of the body is a document.
    fn reject_body(mut self, reason: &str) -> Outcome {
        let place = Place { offset: skip(self.body, byte_order_mark(self.body), is_blank), line: Some(1) };
        let _full = self.counter.reject(0..self.body.len(), place, Reason::Malformed(reason.into()));
        self.counter.finish()
    }

    /// The text breaks off: all from the broken element on was not read.
    fn stop(mut self, offset: usize, reason: Reason) -> Outcome {
        let place = self.place(offset);
        if self.in_list {
            let start = skip(self.body, self.next, |b| is_blank(b) || b == b',').min(offset).max(self.next);
            return self.counter.stop(start..self.body.len(), place, reason);
        }
        // The body was one document: there is nothing else to send again.
        let _full = self.counter.reject(0..self.body.len(), place, reason);
        self.counter.finish()
    }
}

/// An array of documents.
struct Elements<'r, 'b, 'f>(&'r mut Reader<'b, 'f>);

impl<'b> Visitor<'b> for Elements<'_, 'b, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of documents")
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&'b RawValue>()? {
            // A raw value is a part of the text that it was read from.
            let start = element.get().as_ptr().addr() - self.0.text.as_ptr().addr();
            let range = start..start + element.get().len();
            self.0.next = range.end;
            if self.0.one(range).is_err() {
                self.0.full = true;
                return Err(A::Error::custom("the batch is full"));
            }
        }
        Ok(())
    }
}

/// An object: a document, or a list with documents in one field.
struct Object<'r, 'b, 'f>(&'r mut Reader<'b, 'f>);

impl<'b> Visitor<'b> for Object<'_, 'b, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key_seed(KeyIs(self.0.list_key))? {
            match key {
                Key::List if !self.0.is_no_page => fields.next_value_seed(List(self.0))?,
                Key::List | Key::Page => drop(fields.next_value::<IgnoredAny>()?),
                Key::Other => {
                    // Numbers and texts tell of the list; an object or another list may be the document itself.
                    let value = fields.next_value::<&'b RawValue>()?.get();
                    self.0.is_no_page |= value.starts_with(['{', '[']) && value.len() > "{}".len();
                }
            }
        }
        Ok(())
    }
}

/// What a page of a list has beside it.
const OF_A_PAGE: &[&str] = &["query", "paging"];

/// What a field of an object that may be a page of a list is.
enum Key {
    List,
    Page,
    Other,
}

/// Which of them a key is, for the key of the list.
struct KeyIs<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for KeyIs<'_> {
    type Value = Key;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyIs<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(match key {
            _ if key == self.0 => Key::List,
            _ if OF_A_PAGE.contains(&key) => Key::Page,
            _ => Key::Other,
        })
    }
}

/// The field that may hold the list. Where it holds something else, the object is a document.
struct List<'r, 'b, 'f>(&'r mut Reader<'b, 'f>);

impl<'b> DeserializeSeed<'b> for List<'_, 'b, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for List<'_, 'b, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'b>>(self, elements: A) -> Result<(), A::Error> {
        self.0.in_list = true;
        Elements(self.0).visit_seq(elements)
    }

    fn visit_map<A: MapAccess<'b>>(self, mut fields: A) -> Result<(), A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Counts lines once, however many places are asked for.
#[derive(Default)]
struct Lines {
    offset: usize,
    breaks: usize,
}

impl Lines {
    /// The line, from 1, of an offset; offsets come in rising order.
    fn at(&mut self, body: &[u8], offset: usize) -> usize {
        let offset = offset.min(body.len());
        if let Some(passed) = body.get(self.offset..offset) {
            self.breaks += memchr::memchr_iter(b'\n', passed).count();
            self.offset = offset;
        }
        self.breaks + 1
    }
}

fn utf8_prefix(body: &[u8]) -> (&str, Option<usize>) {
    if let Ok(text) = simdutf8::basic::from_utf8(body) {
        return (text, None);
    }
    let valid = simdutf8::compat::from_utf8(body).map_or_else(|error| error.valid_up_to(), str::len);
    (std::str::from_utf8(&body[..valid]).unwrap_or_default(), Some(valid))
}

/// `serde_json` counts lines, and bytes within the line, from 1; at the end of the text it names
/// the last byte.
fn offset_of(text: &str, error: &Error) -> usize {
    if error.is_eof() {
        return text.len();
    }
    let before = error.line().saturating_sub(1);
    let line = if before == 0 {
        0
    } else {
        memchr::memchr_iter(b'\n', text.as_bytes()).nth(before - 1).map_or(0, |at| at + 1)
    };
    (line + error.column().saturating_sub(1)).min(text.len())
}

/// The message without its place, which is given beside it.
fn malformed(error: &Error) -> Reason {
    let text = error.to_string();
    let message: Cow<'_, str> = match text.rfind(" at line ") {
        Some(end) => text[..end].into(),
        None => text.as_str().into(),
    };
    if message == "trailing characters" {
        return Reason::Malformed(
            "not JSON: something follows the value; documents on a line each come as application/x-ndjson".into(),
        );
    }
    Reason::Malformed(format!("not JSON: {message}"))
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn byte_order_mark(body: &[u8]) -> usize {
    if body.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 }
}

fn skip(body: &[u8], from: usize, skipped: impl Fn(u8) -> bool) -> usize {
    let rest = body.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|b| skipped(**b)).count()
}

fn trimmed(body: &[u8], range: Range<usize>) -> Range<usize> {
    let start = skip(body, range.start, is_blank).min(range.end);
    let blanks = body[start..range.end].iter().rev().take_while(|b| is_blank(**b)).count();
    start..range.end - blanks
}
