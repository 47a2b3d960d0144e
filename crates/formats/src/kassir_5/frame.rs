//! From a file to its transactions.

use std::ops::Range;

use super::line::{self, Line};
use crate::{
    Framed, Limits, Outcome, Place, Reason,
    framing::{Counter, Full},
};

/// The transaction that is being read.
struct Open {
    range: Range<usize>,
    line: usize,
    /// A block of it has begun and not ended.
    in_block: bool,
}

/// A line of fields begins a document. A block `<Document …>…</Document>` behind it is a part of it, however many lines
/// it has.
pub(super) fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    let mut file = File { counter: Counter::new(limits, each), open: None };
    match file.read(body) {
        Ok(()) | Err(Full) => file.counter.finish(),
    }
}

struct File<'f> {
    counter: Counter<'f>,
    open: Option<Open>,
}

impl File<'_> {
    fn read(&mut self, body: &[u8]) -> Result<(), Full> {
        let mut begin = if body.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        for (index, line) in body[begin..].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let range = begin..begin + line.trim_ascii_end().len();
            begin += line.len();
            let text = &body[range.clone()];
            if text.trim_ascii().is_empty() {
                continue;
            }
            // A block that does not end costs its own transaction only: the next line of fields begins the next one.
            if Line::read(text).is_some() {
                self.flush()?;
                self.open = Some(Open { range, line: index + 1, in_block: false });
            } else {
                self.take(text, range, index + 1)?;
            }
        }
        self.flush()
    }

    /// A line that is no transaction: a part of a block, or nothing.
    fn take(&mut self, text: &[u8], range: Range<usize>, line: usize) -> Result<(), Full> {
        let begins = text.trim_ascii_start().starts_with(b"<Document");
        if let Some(open) = self.open.as_mut().filter(|open| open.in_block || begins) {
            open.range.end = range.end;
            let ends = memchr::memmem::rfind(text, b"</Document>").is_some() || (begins && text.ends_with(b"/>"));
            open.in_block = !ends;
            return Ok(());
        }
        self.flush()?;
        let place = Place { offset: range.start, line: Some(line) };
        self.counter.reject(range, place, Reason::Malformed(line::EXPECTED.to_owned()))
    }

    fn flush(&mut self) -> Result<(), Full> {
        let Some(Open { range, line, in_block }) = self.open.take() else { return Ok(()) };
        let place = Place { offset: range.start, line: Some(line) };
        let limit = self.counter.limits().document_bytes;
        if in_block {
            let reason = "the block <Document …> behind the line has no end: send the line with its whole block";
            return self.counter.reject(range, place, Reason::Malformed(reason.to_owned()));
        }
        if range.len() > limit {
            let reason = Reason::TooLarge { bytes: range.len(), limit };
            return self.counter.reject(range, place, reason);
        }
        self.counter.accept(range)
    }
}
