//! Handing the documents of a request to the producer.

use std::{ops::Range, sync::Arc};

use formats::{Choice, Family, Limits};
use kafka::{Producer, SendError, dead_letters};
use rdkafka::error::RDKafkaErrorCode;
use schemas::{Message, Timestamp, dead_letters::DeadLetter, raw::RawDocument, wire};

use crate::{
    answer::{DocumentResult, Results, Verdict},
    arrived::{Arrived, with_encoding},
    delivery::{Group, Outcome, QueuedBytes, Ticket},
    problem::Problem,
    quotas::Lane,
    sender::Sender,
    sorting::{Fault, Sorting, Step},
};

/// The way into Kafka.
#[derive(Debug)]
pub struct Outlet {
    /// Where fresh documents go.
    pub raw: Topic,
    /// Where imports and backlogs go.
    pub bulk: Topic,
    /// Where the documents of clouds go that nobody can use.
    pub dead_letters: Topic,
    /// The producer.
    pub producer: Producer<Ticket>,
    /// What is with the producer.
    pub queued: Arc<QueuedBytes>,
}

impl Outlet {
    const fn lane(&self, lane: Lane) -> &Topic {
        match lane {
            Lane::Fresh => &self.raw,
            Lane::Bulk => &self.bulk,
        }
    }
}

/// A topic that is written to.
#[derive(Debug)]
pub struct Topic {
    /// Its full name.
    pub name: String,
    /// Id of the schema that is written.
    pub schema: wire::SchemaId,
}

/// What becomes of documents that nobody can use.
#[derive(Debug)]
pub enum Faults {
    /// The client is told; it does not send them again.
    Tell,
    /// They are kept as dead letters.
    Keep(Letters),
}

/// Whom dead letters are from.
#[derive(Debug)]
pub struct Letters {
    /// The tenant.
    pub tenant: String,
    /// The source that sent them.
    pub source: String,
}

/// A request whose documents are to be stored.
#[derive(Debug)]
pub struct Request {
    /// What arrived.
    pub arrived: Arrived,
    /// What becomes of documents that nobody can use.
    pub faults: Faults,
    /// The way on which its documents go on.
    pub lane: Lane,
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
    /// Handed to the producer, as the next of its group; with a fault where it went to the dead letters.
    Sent {
        id: String,
        fault: Option<Fault>,
    },
    Rejected(Fault),
    /// Whose it is cannot be told now.
    Later(Fault),
}

/// About what a record has beside its document.
const ENVELOPE: usize = 512;

impl Request {
    /// Hands the documents to the producer; the body and its place in the account of bytes are free
    /// when this returns.
    ///
    /// # Errors
    /// When the body cannot be decompressed within `decompressed` bytes, or is in no format.
    pub fn send(mut self, outlet: &Outlet, limits: &Limits, decompressed: usize) -> Result<(Choice, Sent), Problem> {
        let (body, choice) = self.arrived.open(decompressed)?;
        let keep = matches!(self.faults, Faults::Keep(_));
        let sorting = Sorting { choice, origin: &self.arrived.origin, keep };
        let mut steps = Vec::new();
        let has_id = self.arrived.document_id.is_some();
        let outcome = sorting.sort(&body, has_id, limits, &mut |step| steps.push(step));
        let group = Group::new(steps.iter().filter_map(Step::sent).count(), &outlet.queued);
        let longest = steps.iter().filter_map(Step::sent).max().unwrap_or(0);
        let record = Vec::with_capacity(longest + ENVELOPE);
        let mut batch = Batch { outlet, group: &group, next: 0, full: false, record };
        let content_type = with_encoding(self.arrived.content_type.take(), outcome.encoding);
        let records = Records {
            body: &body,
            topic: outlet.lane(self.lane),
            family: choice.family,
            content_type: content_type.as_deref(),
            document_id: self.arrived.document_id.as_deref(),
            received_at: Timestamp::now(),
        };
        let mut bytes = 0;
        let mut item = |step| match (step, &self.faults) {
            (Step::Store(range, sender), _) => {
                bytes += range.len();
                Item::Sent { id: records.store(range, &sender, &mut batch), fault: None }
            }
            (Step::Bury(range, fault), Faults::Keep(letters)) => {
                let id = records.bury(range, &fault, letters, &mut batch);
                Item::Sent { id, fault: Some(fault) }
            }
            (Step::Bury(_, fault) | Step::Reject(fault), _) => Item::Rejected(fault),
            (Step::Postpone(fault), _) => Item::Later(fault),
        };
        let items = steps.into_iter().map(&mut item).collect();
        Ok((choice, Sent { group, items, bytes, unread_from: outcome.unread_from }))
    }
}

/// What the records of a request have in common.
struct Records<'r> {
    body: &'r [u8],
    /// Where documents go.
    topic: &'r Topic,
    family: &'static Family,
    content_type: Option<&'r str>,
    document_id: Option<&'r str>,
    received_at: Timestamp,
}

impl<'r> Records<'r> {
    /// Hands a document to the producer, and answers its id.
    fn store(&self, range: Range<usize>, sender: &Sender, batch: &mut Batch<'r>) -> String {
        let (tenant, register) = sender.tenant_and_register();
        let entry = sender.entry();
        let bytes = &self.body[range];
        let document = RawDocument {
            tenant: tenant.into(),
            register: register.into(),
            shop: Some((&*entry.shop).into()),
            time_zone: Some((&*entry.time_zone).into()),
            primary_source: entry.families.first().map(|family| (&**family).into()),
            directory_offset: Some(entry.offset),
            format: self.family.name.into(),
            content_type: self.content_type.map(Into::into),
            document_id: self.document_id.map(Into::into),
            received_at: self.received_at,
            keeps_personal_data: entry.keeps_personal_data,
            document_hash: canonical::document_hash(bytes).into(),
            body: bytes.into(),
        };
        batch.send(self.topic, sender.key(), &document);
        document.document_hash.into_owned()
    }

    /// Hands a dead letter to the producer, and answers the id of the document.
    fn bury(&self, range: Range<usize>, fault: &Fault, letters: &Letters, batch: &mut Batch<'r>) -> String {
        let bytes = &self.body[range];
        let letter = DeadLetter {
            tenant: Some((&*letters.tenant).into()),
            stage: "hub-ingest".into(),
            error_class: fault.class.into(),
            error_text: dead_letters::short((&*fault.reason).into()),
            error_place: Some(fault.place.to_string().into()),
            source_partition: -1,
            source_offset: -1,
            format: Some(self.family.name.into()),
            content_type: self.content_type.map(Into::into),
            received_at: Some(self.received_at),
            failed_at: self.received_at,
            body_hash: canonical::document_hash(bytes).into(),
            body: Some(bytes.into()),
            ..DeadLetter::default()
        };
        let key = canonical::key::source(&letters.tenant, &letters.source);
        batch.send(&batch.outlet.dead_letters, &key, &letter);
        letter.body_hash.into_owned()
    }
}

/// The documents of one request on their way to the producer.
struct Batch<'t> {
    outlet: &'t Outlet,
    group: &'t Arc<Group>,
    /// Number of the next document in its group.
    next: usize,
    /// The producer's queue was full: what follows is not tried, so that nothing overtakes.
    full: bool,
    /// Reused for each record.
    record: Vec<u8>,
}

impl<'t> Batch<'t> {
    fn send<'m>(&mut self, topic: &'t Topic, key: &str, message: &impl Message<'m>) {
        self.record.clear();
        if !self.full {
            wire::write(topic.schema, message, &mut self.record);
        }
        let ticket = self.group.ticket(self.next, self.record.len());
        self.next += 1;
        if self.full {
            return ticket.settle(RDKafkaErrorCode::QueueFull);
        }
        if let Err((error, ticket)) = self.outlet.producer.send(&topic.name, key.as_bytes(), &self.record, ticket) {
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

    /// Documents that are with the producer.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, Item::Sent { .. })).count()
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
            Item::Rejected(fault) => judged(index, Verdict::Rejected, fault),
            Item::Later(fault) => judged(index, Verdict::Retry, fault),
            Item::Sent { id, fault } => {
                let outcome = self.group.outcome(next);
                next += 1;
                match (judge(outcome), fault) {
                    ((Verdict::Accepted, _), Some(fault)) => {
                        DocumentResult { id: Some(id), ..judged(index, Verdict::DeadLetter, fault) }
                    }
                    ((status, reason), _) => DocumentResult {
                        index,
                        id: Some(id),
                        status,
                        class: None,
                        reason: reason.map(Into::into),
                        place: None,
                    },
                }
            }
        };
        Results::new(self.items.into_iter().enumerate().map(&mut result).collect(), self.unread_from)
    }
}

fn judged(index: usize, status: Verdict, fault: Fault) -> DocumentResult {
    let Fault { class, reason, place } = fault;
    DocumentResult { index, id: None, status, class: Some(class), reason: Some(reason.into()), place: Some(place) }
}

const fn judge(outcome: Outcome) -> (Verdict, Option<&'static str>) {
    match outcome {
        Outcome::Acknowledged => (Verdict::Accepted, None),
        Outcome::Refused => (Verdict::Rejected, Some("the document is too large to be stored")),
        Outcome::Failed => (Verdict::Retry, Some("the document could not be stored")),
        Outcome::Pending => (Verdict::Retry, Some("the document was not acknowledged in time")),
    }
}
