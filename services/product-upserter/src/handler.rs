//! From message to observations, on the consumer's thread.

use std::{collections::VecDeque, sync::Arc};

use bytes::BytesMut;
use kafka::{DeadLetters, Record, Ticket, consumer, finish_all};
use rdkafka::message::{BorrowedMessage, Message as _};
use schemas::{
    receipts::Receipt,
    registry::{ResolveError, Resolver},
    wire,
};
use service::Fatal;
use tokio::runtime;

use crate::{
    known::Known,
    meters::Meters,
    observation::Sale,
    sift::Sifted,
    writer::{Observed, Origin, Sender},
};

/// This service in dead letters.
pub(crate) const STAGE: &str = "product-upserter";

/// Decodes receipts and hands what is new in them to the writer.
pub(crate) struct Handler {
    pub versions: Resolver,
    pub runtime: runtime::Handle,
    pub known: Known,
    pub dead_letters: Arc<DeadLetters>,
    /// Where messages are kept until they are written, many in one piece.
    pub space: BytesMut,
    pub writer: Sender,
    pub meters: Meters,
}

impl consumer::Handler for Handler {
    /// What is known was partly learnt from receipts that belong to another process now, or come
    /// again here while their first copies still wait to be written. Taken for old, their offsets
    /// would move before their effects are durable.
    fn assigned(&mut self, _: &[(String, i32)]) -> Result<(), Fatal> {
        self.known.forget();
        Ok(())
    }

    fn take(&mut self, records: &mut VecDeque<Record<'_>>) -> Result<(), Fatal> {
        if self.writer.has_refused() {
            self.known.forget();
        }
        let (mut work, mut nothing_new) = (Vec::new(), Vec::new());
        while let Some(Record { message, ticket }) = records.pop_front() {
            let left = match self.observe(&message) {
                Ok(Some(observed)) => {
                    work.push((observed, ticket));
                    None
                }
                Ok(None) => {
                    nothing_new.push(ticket);
                    None
                }
                Err(error @ ResolveError::Later { .. }) => {
                    tracing::warn!(%error, "waiting for a schema");
                    Some(ticket)
                }
                Err(error) => self.bury(&message, &error.to_string(), ticket),
            };
            if let Some(ticket) = left {
                records.push_front(Record { message, ticket });
                break;
            }
        }
        self.meters.nothing_new.inc_by(nothing_new.len() as u64);
        self.meters.known.set(i64::try_from(self.known.len()).unwrap_or(i64::MAX));
        finish_all(nothing_new);
        self.writer.send(work);
        Ok(())
    }

    fn hurry(&mut self) {
        self.writer.hurry();
    }
}

impl Handler {
    /// What the message tells that may be new, or `None` if it tells nothing.
    fn observe(&mut self, message: &BorrowedMessage<'_>) -> Result<Option<Observed>, ResolveError> {
        let no_header = || ResolveError::Unreadable("not in the registry's wire format".to_owned());
        let (id, body) = wire::split(message.payload().unwrap_or_default()).ok_or_else(no_header)?;
        let receipt: Receipt<'_> = self.versions.read_blocking(&self.runtime, id, body)?;
        let Some(sale) = Sale::of(&receipt) else { return Ok(None) };
        let mut sifted = Sifted::of(&sale, &mut self.known, &self.meters);
        if !self.versions.is_newest(id) {
            sifted.hurry();
        }
        Ok((!sifted.is_empty()).then(|| Observed { sifted, origin: Origin::of(message, &mut self.space) }))
    }

    /// Keeps a message that cannot be read. Hands the ticket back when the letters' queue is full.
    fn bury(&self, message: &BorrowedMessage<'_>, text: &str, ticket: Ticket) -> Option<Ticket> {
        let hash = canonical::document_hash(message.payload().unwrap_or_default());
        let letter = self.dead_letters.letter(message, "undecodable", text);
        match self.dead_letters.bury(letter, &hash, vec![ticket]) {
            Ok(()) => {
                self.meters.dead_letters.inc();
                None
            }
            Err(mut back) => back.pop(),
        }
    }
}
