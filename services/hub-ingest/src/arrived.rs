//! A request whose body is there: what is done with its documents needs the CPU and waits for nothing.

use bytes::Bytes;
use formats::Choice;

use crate::{
    admission::Held,
    body::{self, Encoding},
    problem::Problem,
    sorting::{Format, Origin},
};

/// A request whose body is there.
#[derive(Debug)]
pub struct Arrived {
    /// Who sends.
    pub origin: Origin,
    /// The format.
    pub format: Format,
    /// The header `Content-Type`, as it was sent.
    pub content_type: Option<String>,
    /// Id of the document that the request brings, beside its bytes.
    pub document_id: Option<String>,
    /// How the body is compressed.
    pub encoding: Encoding,
    /// The body as it was sent.
    pub body: Bytes,
    /// The bytes that the request holds.
    pub held: Held,
}

impl Arrived {
    /// Bodies above this are worked on outside of the threads that serve connections.
    const LIGHT: usize = 256 * 1024;
    /// The same for compressed ones, which may grow a thousandfold, and for those that every format has to look at.
    const LIGHT_BUT_WORK: usize = 4 * 1024;

    /// Whether the work takes so long that other requests would notice.
    #[must_use]
    pub fn is_heavy(&self) -> bool {
        let plain = self.encoding == Encoding::Identity && matches!(self.format, Format::Named(_));
        self.body.len() > if plain { Self::LIGHT } else { Self::LIGHT_BUT_WORK }
    }

    /// Takes the body, decompressed, and says its format.
    ///
    /// # Errors
    /// When it cannot be decompressed within `limit` bytes, or is in no format.
    pub fn open(&mut self, limit: usize) -> Result<(Bytes, Choice), Problem> {
        let sent = std::mem::take(&mut self.body);
        let body = body::decompress(self.encoding, sent, limit, &mut self.held)?;
        let choice = self.format.choice(&body, self.content_type.as_deref())?;
        Ok((body, choice))
    }
}

/// A document that is a part of its body does not have the encoding that the body declares: the content type keeps it.
pub fn with_encoding(content_type: Option<String>, declared: Option<&str>) -> Option<String> {
    let Some(declared) = declared else { return content_type };
    match content_type {
        Some(told) if formats::charset(&told).is_some() => Some(told),
        told => Some(format!("{}; charset={declared}", told.as_deref().unwrap_or("application/xml"))),
    }
}
