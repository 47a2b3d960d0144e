//! From message to BSON, on the consumer's thread.

use std::collections::VecDeque;

use kafka::{Record, consumer};
use mongodb::bson::{DateTime, RawDocumentBuf, cstr};
use rdkafka::message::Message as _;
use schemas::{
    LocalTimestamp, bson,
    receipts::Receipt,
    registry::{ResolveError, Resolver},
    shifts::ShiftDocument,
    wire,
};
use service::Fatal;
use tokio::runtime;

use crate::{
    copies::Facts,
    store::Collection,
    writer::{Job, Unusable, Writer},
};

/// Decodes records and hands them to the writer.
pub(crate) struct Handler {
    /// Full name of the receipts' topic.
    pub receipts: String,
    pub receipt_versions: Resolver,
    pub shift_versions: Resolver,
    pub runtime: runtime::Handle,
    pub writer: Writer,
}

impl consumer::Handler for Handler {
    fn take(&mut self, records: &mut VecDeque<Record<'_>>) -> Result<(), Fatal> {
        while let Some(record) = records.front() {
            match self.job(record) {
                Ok(job) => {
                    if let Some(record) = records.pop_front() {
                        self.writer.write(job, record.ticket);
                    }
                }
                Err(ResolveError::Later { id, problem }) => {
                    tracing::warn!(id, problem, "waiting for a schema");
                    return Ok(());
                }
                Err(error) => {
                    if let Some(record) = records.pop_front() {
                        let unusable = Unusable::of(&record.message, "undecodable", error.to_string());
                        self.writer.reject(unusable, record.ticket);
                    }
                }
            }
        }
        Ok(())
    }

    fn hurry(&mut self) {
        self.writer.hurry();
    }
}

impl Handler {
    fn job(&mut self, record: &Record<'_>) -> Result<Job, ResolveError> {
        let message = &record.message;
        let payload = message.payload().unwrap_or_default();
        let unreadable = |text: &str| ResolveError::Unreadable(text.to_owned());
        let (id, body) = wire::split(payload).ok_or_else(|| unreadable("not in the registry's wire format"))?;
        let is_receipt = message.topic() == self.receipts;
        let (collection, id, document, facts, local_date) = if is_receipt {
            let receipt: Receipt<'_> = self.receipt_versions.read_blocking(&self.runtime, id, body)?;
            let date = receipt.local_time.map(local_date);
            (
                Collection::Receipts,
                receipt.receipt_id.to_string(),
                bson::to_document(&receipt),
                Facts::of_receipt(&receipt),
                date,
            )
        } else {
            let shift: ShiftDocument<'_> = self.shift_versions.read_blocking(&self.runtime, id, body)?;
            (
                Collection::Shifts,
                shift.shift_document_id.to_string(),
                bson::to_document(&shift),
                Facts::of_shift(&shift),
                None,
            )
        };
        let mut document = RawDocumentBuf::from_bytes(document).map_err(|e| unreadable(&e.to_string()))?;
        if let Some(date) = local_date {
            document.append(cstr!("local_date"), date);
        }
        Ok(Job { collection, id, document, facts, source: Unusable::of(message, "", String::new()) })
    }
}

/// The day of a receipt, which the index over products begins with (see `store`): midnight, as if it were UTC
/// like `local_time` itself.
fn local_date(LocalTimestamp(micros): LocalTimestamp) -> DateTime {
    const DAY_MS: i64 = 86_400_000;
    DateTime::from_millis(micros.div_euclid(1000 * DAY_MS) * DAY_MS)
}
