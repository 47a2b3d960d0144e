//! A loop that only forwards bytes: the normalizer's consumer, producer, settings and commits, and nothing in between.
//!
//! `bench-normalizer` starts it and compares the normalizer with it.

use std::{collections::VecDeque, process::ExitCode, sync::Arc, time::Duration};

use confique::Config;
use kafka::{Client, ConsumerSettings, Delivered, Handler, Producer, ProducerSettings, Record, SendError, Ticket};
use load_tests::forwarded;
use normalizer::{COMMIT_INTERVAL, LINGER, NormalizerSettings};
use rdkafka::{error::RDKafkaErrorCode, message::Message as _};
use service::{Context, Fatal, ServiceSettings, settings};
use tokio_util::sync::CancellationToken;

const ABOUT: &str = "Sends every raw record to another topic, as it is.";

/// Those of the normalizer.
#[derive(Debug, Clone, Config)]
struct Settings {
    #[config(nested)]
    common: settings::Common,
    #[config(nested)]
    kafka: settings::Kafka,
    #[config(nested)]
    normalizer: NormalizerSettings,
}

impl ServiceSettings for Settings {
    fn common(&self) -> &settings::Common {
        &self.common
    }
}

struct Forward {
    producer: Producer<Sent>,
    topic: String,
    fatal: Arc<CancellationToken>,
}

#[derive(Debug)]
struct Sent {
    ticket: Ticket,
    fatal: Arc<CancellationToken>,
}

impl Delivered for Sent {
    fn delivered(self: Box<Self>, result: Result<(), RDKafkaErrorCode>) {
        match result {
            Ok(()) => self.ticket.finish(),
            Err(_) => self.fatal.cancel(),
        }
    }
}

impl Handler for Forward {
    fn take(&mut self, records: &mut VecDeque<Record<'_>>) -> Result<(), Fatal> {
        while let Some(Record { message, ticket }) = records.pop_front() {
            let (key, payload) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
            let sent = Sent { ticket, fatal: Arc::clone(&self.fatal) };
            match self.producer.send(&self.topic, key, payload, sent) {
                Ok(()) => {}
                Err((SendError::Full, sent)) => {
                    records.push_front(Record { message, ticket: sent.ticket });
                    return Ok(());
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

async fn run(context: Context, settings: Settings) -> Result<(), Fatal> {
    let client = Client::new(&settings.kafka)?;
    let bounds = &settings.normalizer;
    let queue = ProducerSettings {
        linger: LINGER,
        message_timeout: None,
        queue_records: bounds.in_flight_records + 1,
        queue_bytes: bounds.in_flight_bytes * 2,
    };
    let handler = Forward {
        producer: Producer::new(&client, &queue, context.fatal.clone())?,
        topic: client.prefixed(forwarded::TOPIC),
        fatal: Arc::new(context.fatal.clone()),
    };
    let consumer = ConsumerSettings {
        group: forwarded::GROUP,
        topics: vec![schemas::raw::TOPIC],
        in_flight_records: bounds.in_flight_records,
        in_flight_bytes: bounds.in_flight_bytes,
        commit_interval: COMMIT_INTERVAL,
        drain_bound: Duration::from_secs(settings.common.shutdown_timeout_seconds / 2),
        gate: None,
    };
    kafka::consumer::run(client, consumer, handler, context).await
}

fn main() -> ExitCode {
    service::main("forward", ABOUT, run)
}
