//! Canonical records on their way to Kafka.

use std::sync::Arc;

use kafka::{Client, Delivered, Producer, SendError, Ticket};
use rdkafka::error::RDKafkaErrorCode;
use schemas::{
    Datum,
    registry::{Registry, SchemaIds},
    wire,
    wire::SchemaId,
};
use service::Fatal;
use tokio_util::sync::CancellationToken;

use crate::window::{Fingerprint, Window};

/// Ids of the schemas that the normalizer reads and writes.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub raw: SchemaIds,
    pub raw_bulk: SchemaIds,
    pub receipts: SchemaId,
    pub shifts: SchemaId,
    pub events: SchemaId,
    pub dead_letters: SchemaId,
}

impl Ids {
    pub async fn wait(registry: &Registry) -> Result<Self, Fatal> {
        Ok(Self {
            raw: registry.wait_for_ids(schemas::raw::TOPIC).await?,
            raw_bulk: registry.wait_for_ids(schemas::raw_bulk::TOPIC).await?,
            receipts: registry.wait_for_ids(schemas::receipts::TOPIC).await?.newest,
            shifts: registry.wait_for_ids(schemas::shifts::TOPIC).await?.newest,
            events: registry.wait_for_ids(schemas::events::TOPIC).await?.newest,
            dead_letters: registry.wait_for_ids(schemas::dead_letters::TOPIC).await?.newest,
        })
    }
}

/// The topic that a record goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Receipts,
    Shifts,
    Events,
}

impl Target {
    /// What a document became that goes there, in the order of this type.
    pub const BECAME: [&str; 3] = ["receipt", "shift", "event"];
}

/// What is to be done when a record is acknowledged.
#[derive(Debug)]
pub(crate) struct Sent {
    pub ticket: Ticket,
    pub window: Window,
    pub fingerprint: Fingerprint,
    pub fatal: Arc<CancellationToken>,
}

impl Delivered for Sent {
    fn delivered(self: Box<Self>, result: Result<(), RDKafkaErrorCode>) {
        match result {
            Ok(()) => {
                self.window.remember(self.fingerprint);
                self.ticket.finish();
            }
            Err(code) => {
                // Without a time limit librdkafka tries for ever, so this is an error for good.
                tracing::error!(%code, "a canonical record was not acknowledged");
                self.fatal.cancel();
            }
        }
    }
}

/// Encodes and sends canonical records.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// Both lanes send through one.
    producer: Arc<Producer<Sent>>,
    topics: [(String, SchemaId); 3],
    /// Each record has it: a token's own clones take a lock, and this one is shared with the thread that reports.
    fatal: Arc<CancellationToken>,
    /// Reused for every record: librdkafka copies what it is given.
    payload: Vec<u8>,
}

/// A record that was not taken, with its ticket.
#[derive(Debug)]
pub(crate) struct NotSent {
    pub error: SendError,
    pub ticket: Ticket,
}

impl Output {
    pub fn new(client: &Client, ids: &Ids, producer: Arc<Producer<Sent>>, fatal: CancellationToken) -> Self {
        let topics = [
            (client.prefixed(schemas::receipts::TOPIC), ids.receipts),
            (client.prefixed(schemas::shifts::TOPIC), ids.shifts),
            (client.prefixed(schemas::events::TOPIC), ids.events),
        ];
        Self { producer, topics, fatal: Arc::new(fatal), payload: Vec::new() }
    }

    /// Sends one record under the raw record's key; its ticket is finished when it is acknowledged.
    pub fn send<'r>(
        &mut self,
        target: Target,
        key: &[u8],
        record: &impl Datum<'r>,
        (window, fingerprint): (Window, Fingerprint),
        ticket: Ticket,
    ) -> Result<(), NotSent> {
        let (topic, schema_id) = &self.topics[target as usize];
        self.payload.clear();
        wire::write(*schema_id, record, &mut self.payload);
        let sent = Sent { ticket, window, fingerprint, fatal: Arc::clone(&self.fatal) };
        self.producer
            .send(topic, key, &self.payload, sent)
            .map_err(|(error, sent)| NotSent { error, ticket: sent.ticket })
    }
}
