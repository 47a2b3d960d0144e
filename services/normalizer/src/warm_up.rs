//! What the last owner of a partition sent last: read back from the topics when the partition is
//! assigned, so that a restart does not repeat it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kafka::{Client, Reader, Start};
use rdkafka::message::Message as _;
use schemas::{events::RegisterEvent, receipts::Receipt, shifts::ShiftDocument, wire, wire::SchemaId};

use crate::{
    output::Ids,
    window::{Fingerprint, Window},
};

/// The windows of the partitions that this process owns.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Where it is read back from; `None`: it starts empty.
    outputs: Option<(Client, Ids)>,
    most: usize,
    windows: HashMap<i32, Window, ahash::RandomState>,
}

/// Longest time that an assignment waits for its memory. A colder memory only lets repeats pass,
/// which every reader of the topics must expect.
const BOUND: Duration = Duration::from_secs(20);

impl Memory {
    /// With `outputs`, an assignment begins with what was sent last. What has time is not worth that reading.
    pub fn new(outputs: Option<(Client, Ids)>, most: usize) -> Self {
        Self { outputs, most, windows: HashMap::default() }
    }

    pub fn window(&mut self, partition: i32) -> Window {
        self.windows.entry(partition).or_insert_with(|| Window::new(self.most)).clone()
    }

    /// Starts over for a new assignment: raw and its outputs share key and partition count, so the
    /// outputs of a raw partition are in the partition of the same number.
    pub fn warm_up(&mut self, partitions: &[i32]) {
        self.windows.clear();
        let Some((client, ids)) = self.outputs.clone().filter(|_| !partitions.is_empty()) else { return };
        let begun = Instant::now();
        let topics: [(&str, SchemaId, ReadFingerprint); 3] = [
            (schemas::receipts::TOPIC, ids.receipts, of_receipt),
            (schemas::shifts::TOPIC, ids.shifts, of_shift),
            (schemas::events::TOPIC, ids.events, of_event),
        ];
        let mut read = 0;
        for (topic, schema_id, fingerprint) in topics {
            match self.read_tail(&client, (topic, schema_id, fingerprint), partitions, begun) {
                Ok(count) => read += count,
                Err(error) => tracing::warn!(topic, %error, "the memory stays colder; repeats may pass"),
            }
        }
        tracing::info!(
            records = read,
            partitions = partitions.len(),
            ms = begun.elapsed().as_millis(),
            "memory is warm"
        );
    }

    fn read_tail(
        &mut self,
        client: &Client,
        (topic, schema_id, fingerprint): (&str, SchemaId, ReadFingerprint),
        partitions: &[i32],
        begun: Instant,
    ) -> Result<usize, service::Fatal> {
        let tail = i64::try_from(self.most).unwrap_or(i64::MAX);
        let full = client.prefixed(topic);
        let mut reader = Reader::open(client, &full, Some(partitions), Start::Tail(tail))?;
        let mut read = 0;
        while !reader.caught_up() && begun.elapsed() < BOUND {
            let Some(message) = reader.next(Duration::from_millis(100))? else { continue };
            let body = message.payload().and_then(wire::split).filter(|(id, _)| *id == schema_id);
            // A record of another schema version is of no use here: its parser revision differs too.
            if let Some(fingerprint) = body.and_then(|(_, body)| fingerprint(body)) {
                let partition = message.partition();
                self.window(partition).remember(fingerprint);
                read += 1;
            }
        }
        Ok(read)
    }
}

type ReadFingerprint = fn(&[u8]) -> Option<Fingerprint>;

fn of_receipt(body: &[u8]) -> Option<Fingerprint> {
    let r: Receipt<'_> = schemas::avro::from_slice(body).ok()?;
    Some(Fingerprint::new(&r.receipt_id, r.fiscal_sign, &r.source, r.revision, &r.document_hash))
}

fn of_shift(body: &[u8]) -> Option<Fingerprint> {
    let s: ShiftDocument<'_> = schemas::avro::from_slice(body).ok()?;
    Some(Fingerprint::new(&s.shift_document_id, s.fiscal_sign, &s.source, s.revision, &s.document_hash))
}

fn of_event(body: &[u8]) -> Option<Fingerprint> {
    let e: RegisterEvent<'_> = schemas::avro::from_slice(body).ok()?;
    Some(Fingerprint::new(&e.event_id, None, &e.source, e.revision, &e.document_hash))
}
