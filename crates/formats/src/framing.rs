//! What framing says of a body.

use std::{fmt, ops::Range};

/// Bounds of one request. Named settings of hub-ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest document, in bytes as sent.
    pub document_bytes: usize,
    /// Most documents of one body, rejected ones included.
    pub documents: usize,
}

impl Default for Limits {
    /// 512 KiB, 10,000 documents.
    fn default() -> Self {
        Self { document_bytes: 512 * 1024, documents: 10_000 }
    }
}

/// Deepest nesting of a JSON document. Receipts have four levels; a parser that recurses must not
/// meet ten thousand.
pub const MAX_DEPTH: usize = 64;

/// Splits a body into documents and calls the last argument for each, in input order.
pub type Frame = fn(&[u8], &Limits, &mut dyn FnMut(Framed)) -> Outcome;

/// One document of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// Well-formed and small enough: the bytes of this range of the body.
    Document(Range<usize>),
    /// Not a document. Final: the same bytes will never be one.
    Rejected(Rejection),
}

/// Why bytes were not taken, and where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What is not taken: the document, or all from it on where reading cannot go on.
    pub range: Range<usize>,
    /// Where the fault was found; for a document that is too large, its begin.
    pub place: Place,
    /// What the fault is.
    pub reason: Reason,
}

/// A place in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Byte offset, from 0.
    pub offset: usize,
    /// Line, from 1, of a text body.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}, byte {}", self.offset),
            None => write!(f, "byte {}", self.offset),
        }
    }
}

/// What is wrong with bytes that are not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// They break the rules of their format.
    #[error("{0}")]
    Malformed(String),
    /// The document is larger than [`Limits::document_bytes`].
    #[error("the document has {bytes} bytes; at most {limit} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It is nested deeper than [`MAX_DEPTH`].
    #[error("the document is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

impl Reason {
    /// A short name that never changes, for answers and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too-large",
            Self::TooDeep => "too-deep",
        }
    }
}

/// How far a body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Documents that were found well-formed.
    pub documents: usize,
    /// Documents that were rejected.
    pub rejected: usize,
    /// Byte offset of what was not read, if anything. After a broken document it is that
    /// document's begin: all from there is to be sent again without the broken one. After
    /// [`Limits::documents`] it is the first document that was too many: nothing was rejected, all
    /// from there is to be sent again.
    pub unread_from: Option<usize>,
    /// The encoding that the body itself declares for all of its documents.
    pub encoding: Option<&'static str>,
}

/// Counts documents against the limit while a body is read.
pub(crate) struct Counter<'f> {
    limits: Limits,
    each: &'f mut dyn FnMut(Framed),
    outcome: Outcome,
}

/// The batch is full: stop reading.
#[derive(Debug)]
pub(crate) struct Full;

impl<'f> Counter<'f> {
    pub(crate) fn new(limits: &Limits, each: &'f mut dyn FnMut(Framed)) -> Self {
        Self { limits: *limits, each, outcome: Outcome::default() }
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes a well-formed document.
    pub(crate) fn accept(&mut self, range: Range<usize>) -> Result<(), Full> {
        self.room(range.start)?;
        self.outcome.documents += 1;
        (self.each)(Framed::Document(range));
        Ok(())
    }

    /// Rejects the bytes of a document.
    pub(crate) fn reject(&mut self, range: Range<usize>, place: Place, reason: Reason) -> Result<(), Full> {
        self.room(range.start)?;
        self.outcome.rejected += 1;
        (self.each)(Framed::Rejected(Rejection { range, place, reason }));
        Ok(())
    }

    /// Rejects all that is left of the body, because reading cannot go on.
    pub(crate) fn stop(mut self, rest: Range<usize>, place: Place, reason: Reason) -> Outcome {
        let start = rest.start;
        if self.reject(rest, place, reason).is_ok() {
            self.outcome.unread_from = Some(start);
        }
        self.outcome
    }

    pub(crate) fn finish(self) -> Outcome {
        self.outcome
    }

    fn room(&mut self, start: usize) -> Result<(), Full> {
        if self.outcome.documents + self.outcome.rejected < self.limits.documents {
            return Ok(());
        }
        self.outcome.unread_from = Some(start);
        Err(Full)
    }
}
