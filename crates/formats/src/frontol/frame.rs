//! From a file to its checks.

use std::{collections::HashMap, ops::Range};

use super::line::Code;
use crate::{
    Framed, Limits, Outcome, Place, Reason,
    framing::{Counter, Full},
};

/// The lines before the first step: `#`, the number of the database, the number of the report.
const HEADER_LINES: usize = 3;

/// The document that is being read.
struct Open<'b> {
    range: Range<usize>,
    line: usize,
    key: Key<'b>,
    begins: bool,
    /// It has a step of a check.
    is_check: bool,
    /// The check was closed or cancelled.
    is_closed: bool,
}

/// What the lines of one check have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key<'b> {
    register: &'b [u8],
    receipt: &'b [u8],
    /// A Z report is a document of its own.
    is_report: bool,
}

/// A check is the lines that follow each other for one register and one number, up to the one that closes or cancels it.
/// A check that is torn apart is none: neither half says what was sold.
pub(super) fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    let mut file = File { counter: Counter::new(limits, each), open: None, torn: HashMap::new() };
    match file.read(body) {
        Ok(()) | Err(Full) => file.counter.finish(),
    }
}

struct File<'f, 'b> {
    counter: Counter<'f>,
    open: Option<Open<'b>>,
    /// The checks that did not end where other lines began, with the line of their begin.
    torn: HashMap<Key<'b>, usize>,
}

impl<'b> File<'_, 'b> {
    fn read(&mut self, body: &'b [u8]) -> Result<(), Full> {
        let mut begin = if body.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let mut is_header = true;
        for (index, line) in body[begin..].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let range = begin..begin + line.trim_ascii_end().len();
            begin += line.len();
            let number = index + 1;
            let text = &body[range.clone()];
            is_header &= number <= HEADER_LINES && !text.contains(&b';');
            if is_header || text.trim_ascii().is_empty() {
                continue;
            }
            let Some((key, code)) = key(text) else {
                self.flush()?;
                let place = Place { offset: range.start, line: Some(number) };
                let reason = "no line of a sales file: number;date;time;code;register;receipt;cashier;…";
                self.counter.reject(range, place, Reason::Malformed(reason.to_owned()))?;
                continue;
            };
            self.take(range, number, key, code)?;
        }
        self.flush()
    }

    fn take(&mut self, range: Range<usize>, line: usize, key: Key<'b>, code: Option<Code>) -> Result<(), Full> {
        let is_check = code.is_some_and(|code| code != Code::Report);
        let begins = key.is_report || code == Some(Code::Open);
        let goes_on =
            self.open.as_ref().is_some_and(|open| open.key == key && !begins && !(open.is_closed && is_check));
        if !goes_on {
            self.flush()?;
        }
        let open = self.open.get_or_insert(Open {
            range: range.clone(),
            line,
            key,
            begins: begins || !is_check,
            is_check: false,
            is_closed: false,
        });
        open.range.end = range.end;
        open.is_check |= is_check;
        open.is_closed |= matches!(code, Some(Code::Close | Code::Cancelled));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Full> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let Open { range, line, key, begins, is_check, is_closed } = open;
        let limit = self.counter.limits().document_bytes;
        let first = self.torn.get(&key).filter(|_| !begins).copied();
        let reason = if let Some(first) = first {
            format!("the rest of the check of line {first}: lines of something else stand between its halves")
        } else if is_check && !is_closed {
            self.torn.insert(key, line);
            "the check does not end here: send it with the line that closes it (code 55), and its lines together"
                .to_owned()
        } else if range.len() > limit {
            let place = Place { offset: range.start, line: Some(line) };
            let reason = Reason::TooLarge { bytes: range.len(), limit };
            return self.counter.reject(range, place, reason);
        } else {
            return self.counter.accept(range);
        };
        let place = Place { offset: range.start, line: Some(line) };
        self.counter.reject(range, place, Reason::Malformed(reason))
    }
}

/// The key of a line, and its code where that says something.
fn key(line: &[u8]) -> Option<(Key<'_>, Option<Code>)> {
    let mut fields = line.split(|byte| *byte == b';');
    let number = fields.next()?.trim_ascii();
    let (_date, _time, code) = (fields.next()?, fields.next()?, std::str::from_utf8(fields.next()?).ok()?);
    let (register, receipt) = (fields.next()?, fields.next()?);
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !digits(number) || !digits(code.trim().as_bytes()) {
        return None;
    }
    let code = Code::of(code);
    Some((Key { register, receipt, is_report: code == Some(Code::Report) }, code))
}
