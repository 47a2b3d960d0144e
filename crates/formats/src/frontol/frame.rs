//! From a file to its checks.

use std::ops::Range;

use super::line::Code;
use crate::{
    Framed, Limits, Outcome, Place, Reason,
    framing::{Counter, Full},
};

/// The lines before the first step: `#`, the number of the database, the number of the report.
const HEADER_LINES: usize = 3;

/// The check that is being read.
struct Open<'b> {
    range: Range<usize>,
    line: usize,
    key: Key<'b>,
}

/// What the lines of one check have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key<'b> {
    register: &'b [u8],
    receipt: &'b [u8],
    /// A Z report is a document of its own.
    is_report: bool,
}

/// A check is the lines that follow each other for one register and one number; an opening line begins another one.
pub(super) fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    let mut counter = Counter::new(limits, each);
    match read(body, &mut counter) {
        Ok(()) | Err(Full) => counter.finish(),
    }
}

fn read(body: &[u8], counter: &mut Counter<'_>) -> Result<(), Full> {
    let mut open: Option<Open<'_>> = None;
    let mut begin = 0;
    for (index, line) in body.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let range = begin..begin + line.trim_ascii_end().len();
        begin += line.len();
        let number = index + 1;
        let text = &body[range.clone()];
        if text.trim_ascii().is_empty() || (number <= HEADER_LINES && !text.contains(&b';')) {
            continue;
        }
        let Some((key, begins)) = key(text) else {
            flush(&mut open, counter)?;
            let place = Place { offset: range.start, line: Some(number) };
            let reason = "no line of a sales file: number;date;time;code;register;receipt;cashier;…";
            counter.reject(range.start, place, Reason::Malformed(reason.to_owned()))?;
            continue;
        };
        match &mut open {
            Some(open) if open.key == key && !begins => open.range.end = range.end,
            _ => {
                flush(&mut open, counter)?;
                open = Some(Open { range, line: number, key });
            }
        }
    }
    flush(&mut open, counter)
}

fn flush(open: &mut Option<Open<'_>>, counter: &mut Counter<'_>) -> Result<(), Full> {
    let Some(Open { range, line, .. }) = open.take() else { return Ok(()) };
    let limit = counter.limits().document_bytes;
    if range.len() > limit {
        let place = Place { offset: range.start, line: Some(line) };
        return counter.reject(range.start, place, Reason::TooLarge { bytes: range.len(), limit });
    }
    counter.accept(range)
}

/// The key of a line, and whether it begins a document.
fn key(line: &[u8]) -> Option<(Key<'_>, bool)> {
    let mut fields = line.split(|byte| *byte == b';');
    let number = fields.next()?.trim_ascii();
    let (_date, _time, code) = (fields.next()?, fields.next()?, std::str::from_utf8(fields.next()?).ok()?);
    let (register, receipt) = (fields.next()?, fields.next()?);
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !digits(number) || !digits(code.trim().as_bytes()) {
        return None;
    }
    let code = Code::of(code);
    let is_report = code == Some(Code::Report);
    Some((Key { register, receipt, is_report }, is_report || code == Some(Code::Open)))
}
