//! The work on a request whose body is there: decompress it, split it into documents, and hand
//! them to the producer. It needs the CPU and waits for nothing.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use formats::{Choice, Family, Framed, Limits, Place, Reason, Rejection};
use kafka::{Producer, SendError};
use rdkafka::error::RDKafkaErrorCode;
use schemas::{Timestamp, raw::RawDocument, wire};

use crate::{
    admission::Held,
    answer::{DocumentResult, Results, Verdict},
    body::{self, BodyError, Encoding},
    delivery::{Group, Outcome, QueuedBytes, Ticket},
    sender::Sender,
};

/// Where raw documents go.
#[derive(Debug)]
pub struct RawTopic {
    /// Its full name.
    pub name: String,
    /// Id of the schema that is written.
    pub schema: wire::SchemaId,
    /// The producer.
    pub producer: Producer<Ticket>,
    /// What is with the producer.
    pub queued: Arc<QueuedBytes>,
}

/// A request whose body is there.
#[derive(Debug)]
pub struct Request {
    /// Who sends.
    pub sender: Sender,
    /// The format.
    pub choice: Choice,
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

/// A request whose documents are with the producer.
#[derive(Debug)]
pub struct Sent {
    group: Arc<Group>,
    items: Vec<Item>,
    bytes: usize,
    unread_from: Option<usize>,
}

#[derive(Debug)]
enum Item {
    /// Handed to the producer, as the next of its group.
    Sent {
        id: String,
    },
    Rejected(Rejection),
}

/// About what a record has beside its document.
const ENVELOPE: usize = 512;

fn largest(framed: &[Framed]) -> usize {
    let length = |framed: &Framed| if let Framed::Document(range) = framed { range.len() } else { 0 };
    framed.iter().map(length).max().unwrap_or(0)
}

impl Request {
    /// Bodies above this are worked on outside of the threads that serve connections.
    const LIGHT: usize = 256 * 1024;
    /// The same for compressed ones, which may grow a thousandfold.
    const LIGHT_COMPRESSED: usize = 4 * 1024;

    /// Whether the work takes so long that other requests would notice.
    #[must_use]
    pub fn is_heavy(&self) -> bool {
        let light = if self.encoding == Encoding::Identity { Self::LIGHT } else { Self::LIGHT_COMPRESSED };
        self.body.len() > light
    }

    /// Hands the documents to the producer; the body and its place in the account of bytes are free
    /// when this returns.
    ///
    /// # Errors
    /// When the body cannot be decompressed within `decompressed` bytes.
    pub fn send(mut self, topic: &RawTopic, limits: &Limits, decompressed: usize) -> Result<Sent, BodyError> {
        let body = body::decompress(self.encoding, self.body, decompressed, &mut self.held)?;
        let (mut framed, mut taken) = (Vec::new(), 0);
        let outcome = self.choice.frame(&body, limits, &mut |document| {
            let document = named(document, self.choice.family, self.document_id.is_some(), taken);
            taken += usize::from(matches!(document, Framed::Document(_)));
            framed.push(document);
        });
        let content_type = with_encoding(self.content_type, outcome.encoding);
        let group = Group::new(taken, &topic.queued);
        let record = Vec::with_capacity(largest(&framed) + ENVELOPE);
        let mut batch = Batch { topic, group: &group, next: 0, full: false, record };
        let (tenant, register) = self.sender.tenant_and_register();
        let entry = self.sender.entry();
        let mut document = RawDocument {
            tenant: tenant.into(),
            register: register.into(),
            shop: Some((&*entry.shop).into()),
            time_zone: Some((&*entry.time_zone).into()),
            primary_source: entry.families.first().map(|family| (&**family).into()),
            directory_offset: Some(entry.offset),
            format: self.choice.family.name.into(),
            content_type: content_type.as_deref().map(Into::into),
            document_id: self.document_id.as_deref().map(Into::into),
            received_at: Timestamp::now(),
            ..RawDocument::default()
        };
        let mut sent_bytes = 0;
        let mut item = |framed| match framed {
            Framed::Rejected(rejection) => Item::Rejected(rejection),
            Framed::Document(range) => {
                let bytes: &[u8] = &body[Range::clone(&range)];
                document.document_hash = canonical::document_hash(bytes).into();
                document.body = bytes.into();
                batch.send(self.sender.key(), &document);
                sent_bytes += bytes.len();
                Item::Sent { id: std::mem::take(&mut document.document_hash).into_owned() }
            }
        };
        let items = framed.into_iter().map(&mut item).collect();
        Ok(Sent { group, items, bytes: sent_bytes, unread_from: outcome.unread_from })
    }
}

/// A document that is a part of its body does not have the encoding that the body declares: the content type keeps it.
fn with_encoding(content_type: Option<String>, declared: Option<&str>) -> Option<String> {
    let Some(declared) = declared else { return content_type };
    match content_type {
        Some(told) if formats::charset(&told).is_some() => Some(told),
        told => Some(format!("{}; charset={declared}", told.as_deref().unwrap_or("application/xml"))),
    }
}

/// Rejects a document that the id beside its bytes does not tell from others; `before` of the request were taken.
fn named(document: Framed, family: &Family, has_id: bool, before: usize) -> Framed {
    let reason = match (family.needs_document_id, has_id) {
        (true, false) => "it names neither a number nor a time; add ?document_id= with an id of yours to the path",
        (_, true) if before > 0 => "document_id names one document; send each in a request of its own",
        _ => return document,
    };
    let Framed::Document(range) = document else { return document };
    let place = Place { offset: range.start, line: None };
    Framed::Rejected(Rejection { place, reason: Reason::Malformed(reason.to_owned()) })
}

/// The documents of one request on their way to the producer.
struct Batch<'t> {
    topic: &'t RawTopic,
    group: &'t Arc<Group>,
    /// Number of the next document in its group.
    next: usize,
    /// The producer's queue was full: what follows is not tried, so that nothing overtakes.
    full: bool,
    /// Reused for each record.
    record: Vec<u8>,
}

impl Batch<'_> {
    fn send(&mut self, key: &str, document: &RawDocument<'_>) {
        self.record.clear();
        if !self.full {
            wire::write(self.topic.schema, document, &mut self.record);
        }
        let ticket = self.group.ticket(self.next, self.record.len());
        self.next += 1;
        if self.full {
            return ticket.settle(RDKafkaErrorCode::QueueFull);
        }
        if let Err((error, ticket)) = self.topic.producer.send(&self.topic.name, key.as_bytes(), &self.record, ticket) {
            self.full = error == SendError::Full;
            ticket.settle(match error {
                SendError::Full => RDKafkaErrorCode::QueueFull,
                SendError::Refused(code) => code,
            });
        }
    }
}

impl Sent {
    /// Documents that are with the producer or were rejected.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.items.len()
    }

    /// Bytes of the documents that are with the producer.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The documents that are with the producer.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The verdict on each document, as far as the broker has answered.
    #[must_use]
    pub fn results(self) -> Results {
        let mut next = 0;
        let mut result = |(index, item)| match item {
            Item::Rejected(Rejection { place, reason }) => DocumentResult {
                index,
                id: None,
                status: Verdict::Rejected,
                reason: Some(reason.to_string().into()),
                place: Some(place),
            },
            Item::Sent { id } => {
                let outcome = self.group.outcome(next);
                next += 1;
                let (status, reason) = judge(outcome);
                DocumentResult { index, id: Some(id), status, reason: reason.map(Into::into), place: None }
            }
        };
        Results::new(self.items.into_iter().enumerate().map(&mut result).collect(), self.unread_from)
    }
}

const fn judge(outcome: Outcome) -> (Verdict, Option<&'static str>) {
    match outcome {
        Outcome::Acknowledged => (Verdict::Accepted, None),
        Outcome::Refused => (Verdict::Rejected, Some("the document is too large to be stored")),
        Outcome::Failed => (Verdict::Retry, Some("the document could not be stored")),
        Outcome::Pending => (Verdict::Retry, Some("the document was not acknowledged in time")),
    }
}
