//! Dead letters: what a stage could not use is kept with its reason, and its offset moves only
//! once the letter is acknowledged.

use std::borrow::Cow;

use prometheus::IntCounterVec;
use rdkafka::{
    error::RDKafkaErrorCode,
    message::{BorrowedMessage, Message as _},
};
use schemas::{Timestamp, dead_letters::DeadLetter, wire, wire::SchemaId};
use service::metrics::Metrics;
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Client, ClientError},
    producer::{Delivered, Producer, ProducerSettings, SendError},
    tracker::{Ticket, finish_all},
};

/// Sends dead letters of one stage.
#[derive(Debug)]
pub struct DeadLetters {
    producer: Producer<Burial>,
    topic: String,
    schema_id: SchemaId,
    stage: &'static str,
    buried: IntCounterVec,
    fatal: CancellationToken,
}

/// Most bytes of original document in a letter; a longer one is kept as its hash and position only.
pub const MOST_BODY: usize = 1_900_000;
/// Most bytes of the reason, and of the place.
const MOST_TEXT: usize = 4_000;
/// Most letters and bytes that wait for their acknowledgement.
const QUEUE: (usize, usize) = (10_000, 64 * 1024 * 1024);

impl DeadLetters {
    /// `schema_id` is the id of the dead letters' newest schema. `fatal` is cancelled when letters
    /// can no longer be sent; the process must then end.
    ///
    /// # Errors
    /// When librdkafka refuses the settings or the metric's name is taken.
    pub fn new(
        client: &Client,
        schema_id: SchemaId,
        stage: &'static str,
        metrics: &prometheus::Registry,
        fatal: CancellationToken,
    ) -> Result<Self, ClientError> {
        let settings = ProducerSettings {
            linger: std::time::Duration::from_millis(5),
            message_timeout: None,
            queue_records: QUEUE.0,
            queue_bytes: QUEUE.1,
        };
        let help = "Records that this stage could not use, by the class of the reason.";
        let buried = Metrics(metrics)
            .counters("kassaflow_dead_letters_total", help, &["class"])
            .map_err(|error| ClientError::Metrics(error.to_string()))?;
        Ok(Self {
            producer: Producer::new(client, &settings, fatal.clone())?,
            topic: client.prefixed(schemas::dead_letters::TOPIC),
            schema_id,
            stage,
            buried,
            fatal,
        })
    }

    /// A letter about a message that this stage consumed, with the whole message as its body. What
    /// is known better (tenant, format, the document itself) the caller puts in.
    #[must_use]
    pub fn letter<'m>(&self, message: &'m BorrowedMessage<'_>, class: &'m str, text: &'m str) -> DeadLetter<'m> {
        let body = message.payload().unwrap_or_default();
        DeadLetter {
            stage: self.stage.into(),
            error_class: class.into(),
            error_text: text.into(),
            source_topic: message.topic().into(),
            source_partition: message.partition(),
            source_offset: message.offset(),
            source_key: message.key().map(Into::into),
            failed_at: Timestamp::now(),
            body: Some(body.into()),
            ..DeadLetter::default()
        }
    }

    /// Sends the letter; the tickets are finished when it is acknowledged. A body that does not fit
    /// into a record is left out. `hash` is the body's document hash.
    ///
    /// # Errors
    /// With the tickets handed back when the queue is full: try again later.
    pub fn bury<'l>(&self, mut letter: DeadLetter<'l>, hash: &'l str, tickets: Vec<Ticket>) -> Result<(), Vec<Ticket>> {
        letter.body_hash = hash.into();
        letter.body = letter.body.filter(|body| body.len() <= MOST_BODY);
        letter.error_text = short(letter.error_text);
        letter.error_place = letter.error_place.map(short);
        let key = match (&letter.tenant, &letter.register, &letter.source_key) {
            (Some(tenant), Some(register), _) => format!("{tenant}/{register}").into_bytes(),
            (_, _, Some(key)) => key.to_vec(),
            _ => Vec::new(),
        };
        let mut payload = Vec::new();
        wire::write(self.schema_id, &letter, &mut payload);
        let burial = Burial { tickets, fatal: self.fatal.clone() };
        match self.producer.send(&self.topic, &key, &payload, burial) {
            Ok(()) => {
                self.buried.with_label_values(&[&*letter.error_class]).inc();
                Ok(())
            }
            Err((SendError::Full, burial)) => Err(burial.tickets),
            Err((SendError::Refused(code), burial)) => {
                tracing::error!(%code, "a dead letter cannot be sent");
                self.fatal.cancel();
                Err(burial.tickets)
            }
        }
    }
}

/// The text, cut where it is so long that the letter might not fit into a record: nobody reads on.
#[must_use]
pub fn short(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.get(..text.floor_char_boundary(MOST_TEXT)) {
        Some(cut) if cut.len() < text.len() => format!("{cut}…").into(),
        _ => text,
    }
}

#[derive(Debug)]
struct Burial {
    tickets: Vec<Ticket>,
    fatal: CancellationToken,
}

impl Delivered for Burial {
    fn delivered(self: Box<Self>, result: Result<(), RDKafkaErrorCode>) {
        match result {
            Ok(()) => finish_all(self.tickets),
            Err(code) => {
                // Without a time limit librdkafka tries for ever, so this is an error for good.
                tracing::error!(%code, "a dead letter was not acknowledged");
                self.fatal.cancel();
            }
        }
    }
}
