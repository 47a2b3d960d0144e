//! The records of a topic, decoded one after the other.

use std::{ops::ControlFlow, time::Duration};

use kafka::{Reader, Start, reader::ReadError};
use provision::Installation;
use rdkafka::{Message as _, message::BorrowedMessage};
use tokio::runtime::Handle;
use tree::Tree;

use crate::{decode::Decoder, filter::Candidate};

/// How long one question for records takes.
const LOOK: Duration = Duration::from_millis(200);

/// One record.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub partition: i32,
    pub offset: i64,
    /// When the producer or the broker stamped it.
    pub time: Option<jiff::Timestamp>,
    /// Empty where there is none.
    pub key: String,
    /// Its value, or why it cannot be read. A record without a value has [`Tree::Null`].
    pub value: Result<Tree, String>,
    /// The bytes of its value.
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// What filters are asked about.
    pub fn candidate(&self) -> Candidate<'_> {
        let value = self.value.as_ref().unwrap_or(&Tree::Null);
        Candidate { key: &self.key, partition: self.partition, offset: self.offset, value }
    }
}

/// What a reader of records is told.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    Record(Record<'a>),
    /// Nothing came for a moment: what was written may be shown.
    Idle,
}

/// Reads a topic (its name without prefix) until its present end, or for ever if `follow`, or until `each` breaks off.
/// `each` works on a `state`, which is handed back in the end.
///
/// # Errors
/// When the brokers or the registry do not answer, and those of `each`.
pub(crate) async fn read<S: Send + 'static>(
    installation: &Installation,
    topic: &str,
    start: Start,
    follow: bool,
    mut state: S,
    mut each: impl FnMut(&mut S, Step<'_>) -> anyhow::Result<ControlFlow<()>> + Send + 'static,
) -> anyhow::Result<S> {
    let client = installation.client().clone();
    let topic = client.prefixed(topic);
    let mut decoder = Decoder::new(installation.registry().clone());
    let runtime = Handle::current();
    let reading = tokio::task::spawn_blocking(move || -> anyhow::Result<S> {
        let mut reader = Reader::open(&client, &topic, None, start)?;
        loop {
            let next = reader.next(LOOK).map_err(|error| ReadError::Kafka { topic: topic.clone(), error })?;
            let flow = match next {
                Some(message) => each(&mut state, Step::Record(record(&message, &mut decoder, &runtime)?))?,
                None => each(&mut state, Step::Idle)?,
            };
            if flow.is_break() || (!follow && reader.caught_up()) {
                return Ok(state);
            }
        }
    });
    reading.await?
}

fn record<'m>(message: &'m BorrowedMessage<'_>, decoder: &mut Decoder, runtime: &Handle) -> anyhow::Result<Record<'m>> {
    Ok(Record {
        partition: message.partition(),
        offset: message.offset(),
        time: message.timestamp().to_millis().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok()),
        key: message.key().map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default(),
        value: match message.payload() {
            Some(payload) => runtime.block_on(decoder.decode(payload))?,
            None => Ok(Tree::Null),
        },
        payload: message.payload().unwrap_or_default(),
    })
}
