//! One raw record after another: parse, judge, send.

use std::{collections::VecDeque, sync::Arc};

use kafka::{DeadLetters, Record, SendError, Ticket, consumer};
use prometheus::{IntCounter, IntCounterVec, Registry};
use rdkafka::message::{BorrowedMessage, Message as _};
use schemas::{
    dead_letters::DeadLetter,
    raw::RawDocument,
    registry::{ResolveError, Resolver},
    wire,
};
use service::{Fatal, metrics::Metrics};
use tokio::runtime;

use crate::{
    output::{NotSent, Output, Target},
    warm_up::Memory,
    window::Fingerprint,
};

/// The normalizer's side of a consumer loop.
pub(crate) struct Normalizer {
    /// The topic that is read, without prefix.
    pub topic: &'static str,
    pub versions: Resolver,
    pub runtime: runtime::Handle,
    pub memory: Memory,
    pub output: Output,
    pub dead_letters: Arc<DeadLetters>,
    pub meters: Meters,
}

/// Metrics of the normalizer.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    documents: IntCounterVec,
    /// Of each family and [`Target`], looked up once: with the labels that costs each document a hash and a lock.
    sent: Vec<[IntCounter; 3]>,
    repeats: IntCounter,
}

impl Meters {
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Metrics(registry);
        let help = "Raw documents by family and by what they became.";
        let documents = metrics.counters("kassaflow_normalizer_documents_total", help, &["family", "became"])?;
        let of_family = |family: &&formats::Family| {
            Target::BECAME.map(|became| documents.with_label_values(&[family.name, became]))
        };
        Ok(Self {
            sent: formats::FAMILIES.iter().map(of_family).collect(),
            documents,
            repeats: metrics
                .counter("kassaflow_normalizer_repeats_total", "Documents that were sent before and are dropped.")?,
        })
    }
}

/// The reason of a dead letter, with what is known of the document.
struct Dead {
    class: &'static str,
    text: String,
    place: Option<String>,
}

impl consumer::Handler for Normalizer {
    fn assigned(&mut self, partitions: &[(String, i32)]) -> Result<(), Fatal> {
        let partitions: Vec<i32> = partitions.iter().map(|(_, partition)| *partition).collect();
        self.memory.warm_up(&partitions);
        Ok(())
    }

    fn take(&mut self, records: &mut VecDeque<Record<'_>>) -> Result<(), Fatal> {
        while let Some(Record { message, ticket }) = records.pop_front() {
            if let Err(ticket) = self.normalize(&message, ticket) {
                records.push_front(Record { message, ticket });
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Normalizer {
    /// Deals with one raw record, or hands its ticket back to be offered again.
    fn normalize(&mut self, message: &BorrowedMessage<'_>, ticket: Ticket) -> Result<(), Ticket> {
        let payload = message.payload().unwrap_or_default();
        let Some((id, body)) = wire::split(payload) else {
            return self.bury(message, None, &dead("undecodable", "not in the registry's wire format"), ticket);
        };
        match self.versions.read_blocking::<RawDocument<'_>>(&self.runtime, id, body) {
            Ok(raw) => self.parse(message, &raw, ticket),
            Err(ResolveError::Undecodable(error)) => {
                self.bury(message, None, &dead("undecodable", error.to_string()), ticket)
            }
            Err(ResolveError::Unreadable(text)) => self.bury(message, None, &dead("unknown-schema", text), ticket),
            Err(error @ ResolveError::Later { .. }) => {
                tracing::warn!(%error, "waiting for a schema");
                Err(ticket)
            }
        }
    }

    fn parse(&mut self, message: &BorrowedMessage<'_>, raw: &RawDocument<'_>, ticket: Ticket) -> Result<(), Ticket> {
        let Some(family) = formats::FAMILIES.iter().position(|family| family.name == raw.format) else {
            let reason = dead("unknown-format", format!("no parser for the format `{}`", raw.format));
            return self.bury(message, Some(raw), &reason, ticket);
        };
        let context = formats::Context {
            tenant: &raw.tenant,
            register: &raw.register,
            shop: raw.shop.as_deref(),
            time_zone: raw.time_zone.as_deref(),
            document_id: raw.document_id.as_deref(),
            charset: raw.content_type.as_deref().and_then(formats::charset),
            keeps_personal_data: raw.keeps_personal_data,
            received_at: raw.received_at,
            document_hash: &raw.document_hash,
            raw_topic: self.topic,
            raw_partition: message.partition(),
            raw_offset: message.offset(),
        };
        match formats::FAMILIES[family].parse(&raw.body, &context) {
            Ok(parsed) if parsed.counts(raw.primary_source.as_deref()) => {
                self.send(message, (raw, family), &parsed, ticket)
            }
            Ok(_) => {
                // A second tale of a sale that the register's primary source tells: raw keeps it.
                self.meters.documents.with_label_values(&[&*raw.format, "not-primary"]).inc();
                ticket.finish();
                Ok(())
            }
            Err(invalid) => {
                let reason = Dead { class: invalid.class.name(), text: invalid.text, place: Some(invalid.place) };
                self.bury(message, Some(raw), &reason, ticket)
            }
        }
    }

    fn send(
        &mut self,
        message: &BorrowedMessage<'_>,
        (raw, family): (&RawDocument<'_>, usize),
        parsed: &formats::Parsed<'_>,
        ticket: Ticket,
    ) -> Result<(), Ticket> {
        let window = self.memory.window(message.partition());
        let fingerprint = fingerprint(parsed);
        if window.knows(&fingerprint) {
            self.meters.repeats.inc();
            ticket.finish();
            return Ok(());
        }
        let key = message.key().unwrap_or_default();
        let memory = (window, fingerprint);
        let (target, sent) = match parsed {
            formats::Parsed::Receipt(r) => {
                (Target::Receipts, self.output.send(Target::Receipts, key, &**r, memory, ticket))
            }
            formats::Parsed::Shift(s) => (Target::Shifts, self.output.send(Target::Shifts, key, &**s, memory, ticket)),
            formats::Parsed::Event(e) => (Target::Events, self.output.send(Target::Events, key, &**e, memory, ticket)),
        };
        match sent {
            Ok(()) => {
                self.meters.sent[family][target as usize].inc();
                Ok(())
            }
            Err(NotSent { error: SendError::Full, ticket }) => Err(ticket),
            Err(NotSent { error: SendError::Refused(code), ticket }) => {
                let reason = dead("too-large", format!("the canonical record cannot be sent: {code}"));
                self.bury(message, Some(raw), &reason, ticket)
            }
        }
    }

    /// Keeps a document that became nothing. With `raw` known, the letter holds the register's own
    /// bytes; otherwise the whole record.
    fn bury(
        &self,
        message: &BorrowedMessage<'_>,
        raw: Option<&RawDocument<'_>>,
        reason: &Dead,
        ticket: Ticket,
    ) -> Result<(), Ticket> {
        let letter = self.dead_letters.letter(message, reason.class, &reason.text);
        let place = reason.place.as_deref().map(Into::into);
        let (letter, hash, family) = match raw {
            Some(raw) => {
                let known = DeadLetter {
                    tenant: Some((&*raw.tenant).into()),
                    register: Some((&*raw.register).into()),
                    format: Some((&*raw.format).into()),
                    received_at: Some(raw.received_at),
                    error_place: place,
                    body: Some((&*raw.body).into()),
                    ..letter
                };
                (known, raw.document_hash.to_string(), &*raw.format)
            }
            None => (letter, canonical::document_hash(message.payload().unwrap_or_default()), "unknown"),
        };
        match self.dead_letters.bury(letter, &hash, vec![ticket]) {
            Ok(()) => {
                self.meters.documents.with_label_values(&[family, "dead-letter"]).inc();
                Ok(())
            }
            Err(mut tickets) => match tickets.pop() {
                Some(ticket) => Err(ticket),
                None => Ok(()),
            },
        }
    }
}

fn dead(class: &'static str, text: impl Into<String>) -> Dead {
    Dead { class, text: text.into(), place: None }
}

fn fingerprint(parsed: &formats::Parsed<'_>) -> Fingerprint {
    match parsed {
        formats::Parsed::Receipt(r) => {
            Fingerprint::new(&r.receipt_id, r.fiscal_sign, &r.source, r.revision, &r.document_hash)
        }
        formats::Parsed::Shift(s) => {
            Fingerprint::new(&s.shift_document_id, s.fiscal_sign, &s.source, s.revision, &s.document_hash)
        }
        formats::Parsed::Event(e) => {
            Fingerprint::new(&e.event_id, e.fiscal_sign, &e.source, e.revision, &e.document_hash)
        }
    }
}
