//! What parsing says of a document.

use schemas::{Timestamp, events::RegisterEvent, receipts::Receipt, shifts::ShiftDocument};

/// What is known of a document beside its bytes: from the raw record and its position.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// From the credential.
    pub tenant: &'a str,
    /// The register that the document was sent for.
    pub register: &'a str,
    /// Shop by the directory.
    pub shop: Option<&'a str>,
    /// IANA name of the register's time zone by the directory.
    pub time_zone: Option<&'a str>,
    /// Id that the sender gave the document beside its bytes.
    pub document_id: Option<&'a str>,
    /// Encoding of its text by the request's `Content-Type`.
    pub charset: Option<&'a str>,
    /// Whether the buyer's contact, name and taxpayer number are kept.
    pub keeps_personal_data: bool,
    /// When hub-ingest took it in.
    pub received_at: Timestamp,
    /// Hash of the document's bytes.
    pub document_hash: &'a str,
    /// Topic of the raw record.
    pub raw_topic: &'a str,
    /// Its partition.
    pub raw_partition: i32,
    /// Its offset.
    pub raw_offset: i64,
}

/// The fields that say where a document comes from: all three records have them.
macro_rules! provenance {
    ($context:expr, $source:expr, $revision:expr, $record:ident) => {
        $record {
            tenant: $context.tenant.into(),
            shop: $context.shop.map(Into::into),
            register: $context.register.into(),
            source: $source.into(),
            revision: $revision,
            document_hash: $context.document_hash.into(),
            raw_topic: $context.raw_topic.into(),
            raw_partition: $context.raw_partition,
            raw_offset: $context.raw_offset,
            received_at: $context.received_at,
            ..$record::default()
        }
    };
}

impl<'a> Context<'a> {
    /// A receipt of which nothing is known but where it comes from.
    pub(crate) fn receipt(&self, source: &'static str, revision: i32) -> Receipt<'a> {
        provenance!(self, source, revision, Receipt)
    }

    /// A shift of which nothing is known but where it comes from.
    pub(crate) fn shift(&self, source: &'static str, revision: i32) -> ShiftDocument<'a> {
        provenance!(self, source, revision, ShiftDocument)
    }

    /// An event of which nothing is known but where it comes from.
    pub(crate) fn event(&self, source: &'static str, revision: i32) -> RegisterEvent<'a> {
        provenance!(self, source, revision, RegisterEvent)
    }
}

/// A document in canonical form.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed<'a> {
    /// A receipt, a strict form or a correction of one.
    Receipt(Box<Receipt<'a>>),
    /// A shift that was opened or closed.
    Shift(Box<ShiftDocument<'a>>),
    /// Anything else that a register reports.
    Event(Box<RegisterEvent<'a>>),
}

impl Parsed<'_> {
    /// Whether the document counts for a register with that primary source. Every fiscal document
    /// does; a non-fiscal one only if it comes from the primary source, because it is a second
    /// tale of the same sale. A register without a primary source has one source only.
    #[must_use]
    pub fn counts(&self, primary_source: Option<&str>) -> bool {
        let (fiscal, source) = match self {
            Self::Receipt(receipt) => (receipt.drive_number.is_some(), &receipt.source),
            Self::Shift(shift) => (shift.drive_number.is_some(), &shift.source),
            Self::Event(event) => (event.drive_number.is_some(), &event.source),
        };
        fiscal || primary_source.is_none_or(|primary| primary == source)
    }

    /// The same, borrowing nothing.
    pub(crate) fn into_owned(self) -> Parsed<'static> {
        match self {
            Self::Receipt(receipt) => Parsed::Receipt(Box::new(receipt.into_owned())),
            Self::Shift(shift) => Parsed::Shift(Box::new(shift.into_owned())),
            Self::Event(event) => Parsed::Event(Box::new(event.into_owned())),
        }
    }

    /// The document's natural key: `receipt_id`, `shift_document_id` or `event_id`.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Receipt(receipt) => &receipt.receipt_id,
            Self::Shift(shift) => &shift.shift_document_id,
            Self::Event(event) => &event.event_id,
        }
    }
}

/// What kind of fault sent a document to the dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The bytes are not of the format.
    Undecodable,
    /// Well-formed, but it contradicts itself so that no canonical form is right.
    Invalid,
    /// Well-formed, but of a kind that this revision does not read. Worth a replay after an upgrade.
    Unsupported,
}

impl Class {
    /// The dead letter's `error_class`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Why a document has no canonical form. The caller makes a dead letter of it and goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {text}")]
pub struct Invalid {
    /// The kind of fault.
    pub class: Class,
    /// Where: a JSON path (`$.positions[0].price`) or a path of tags (`3/1059[0]/1043`).
    pub place: String,
    /// What was found there and what was expected.
    pub text: String,
}

/// Most bytes of a place or a reason. They quote the document, and a value of it may fill the document.
const MOST_TEXT: usize = 1_000;

fn short(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        text.truncate(text.floor_char_boundary(MOST_TEXT));
        text.push('…');
    }
    text
}

impl Invalid {
    /// Of class [`Class::Invalid`].
    pub(crate) fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { class: Class::Invalid, place: short(place.into()), text: short(text.into()) }
    }

    /// The same fault of a part that stands at `place`.
    pub(crate) fn below(self, place: &str) -> Self {
        Self { place: short(format!("{place}.{}", self.place)), ..self }
    }

    pub(crate) fn undecodable(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { class: Class::Undecodable, ..Self::new(place, text) }
    }

    pub(crate) fn unsupported(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { class: Class::Unsupported, ..Self::new(place, text) }
    }
}
