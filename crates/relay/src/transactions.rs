//! The transactional producer. Its calls block, so each runs on a thread for blocking work and has a
//! time limit of its own: some are known to hang after an error.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kafka::{Client, client::ClientError, producer::MAX_RECORD_BYTES};
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use tokio_util::sync::CancellationToken;

use crate::Outgoing;

/// A stuck transaction stops every reader of committed records for so long.
const TRANSACTION: Duration = Duration::from_secs(15);
/// How long one call to the brokers may take.
const CALL: Duration = Duration::from_secs(10);
/// How long the records of a transaction may take to be acknowledged.
const DELIVERY: Duration = Duration::from_secs(12);
/// When a thread that does not come back is left behind: longer than all bounds above together.
const ABANDON: Duration = Duration::from_secs(40);
/// Pause between looks for acknowledgements: `flush`, also inside `commit_transaction`, polls in blocks
/// of 100 ms, so the queue is drained before. The thread sleeps it, because `poll` does not: it spins
/// through the part of its timeout that is below a millisecond.
const DRAIN: Duration = Duration::from_millis(1);

/// Why a transaction came to nothing, or why nobody knows. The producer is of no use after any of them.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// A call failed.
    #[error("{call}: {error}")]
    Kafka {
        /// The call.
        call: &'static str,
        /// What librdkafka said.
        error: KafkaError,
    },
    /// The client settings are unusable.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Records were not acknowledged in time.
    #[error("{0} records were not acknowledged in time")]
    Unacknowledged(i32),
    /// The lock was lost before the commit; the transaction was left to the next relay to abort.
    #[error("the lock was lost before the commit")]
    LockLost,
    /// A call did not come back.
    #[error("a call to Kafka did not come back within {} s", ABANDON.as_secs())]
    Hanging,
}

/// A producer with a fixed transactional id.
#[derive(Clone)]
pub(crate) struct Transactions {
    producer: Arc<Producer>,
    topic: Arc<str>,
}

/// Dropping a producer blocks until its threads have ended.
struct Producer(Option<BaseProducer>);

impl Drop for Producer {
    fn drop(&mut self) {
        let producer = self.0.take();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn_blocking(move || drop(producer)));
        }
    }
}

impl Transactions {
    /// Makes a producer and fences every earlier one with the same id, so that what they have begun
    /// is aborted.
    pub async fn start(client: &Client, id: &str, topic: &str) -> Result<Self, TransactionError> {
        let mut config = client.config();
        config
            .set("transactional.id", id)
            .set("transaction.timeout.ms", TRANSACTION.as_millis().to_string())
            .set("message.timeout.ms", DELIVERY.as_millis().to_string())
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("message.max.bytes", MAX_RECORD_BYTES.to_string())
            .set("queue.buffering.max.kbytes", "65536");
        let topic = Arc::from(topic);
        on_a_thread(move || {
            let producer: BaseProducer = config.create().map_err(ClientError::Refused)?;
            producer.init_transactions(CALL).map_err(failed("init_transactions"))?;
            Ok(Self { producer: Arc::new(Producer(Some(producer))), topic })
        })
        .await
    }

    /// Publishes all records or none, and hands them back. `lost` is asked before the commit.
    pub async fn publish(
        &self,
        records: Vec<Outgoing>,
        lost: CancellationToken,
    ) -> Result<Vec<Outgoing>, TransactionError> {
        let this = self.clone();
        on_a_thread(move || {
            let Some(producer) = &this.producer.0 else { return Err(TransactionError::Hanging) };
            producer.begin_transaction().map_err(failed("begin_transaction"))?;
            let deadline = Instant::now() + DELIVERY;
            for record in &records {
                send(producer, &this.topic, record, deadline)?;
            }
            drain(producer, deadline)?;
            if lost.is_cancelled() {
                return Err(TransactionError::LockLost);
            }
            producer.commit_transaction(CALL).map_err(failed("commit_transaction"))?;
            Ok(records)
        })
        .await
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransactionError> + Send + 'static,
) -> Result<T, TransactionError> {
    match tokio::time::timeout(ABANDON, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Err(TransactionError::Hanging),
    }
}

fn failed(call: &'static str) -> impl Fn(KafkaError) -> TransactionError {
    move |error| TransactionError::Kafka { call, error }
}

fn send(producer: &BaseProducer, topic: &str, record: &Outgoing, deadline: Instant) -> Result<(), TransactionError> {
    loop {
        match producer.send(BaseRecord::to(topic).key(&record.key).payload(&record.payload)) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) if Instant::now() < deadline => {
                look(producer);
            }
            Err((error, _)) => return Err(TransactionError::Kafka { call: "send", error }),
        }
    }
}

fn drain(producer: &BaseProducer, deadline: Instant) -> Result<(), TransactionError> {
    while producer.in_flight_count() > 0 {
        if Instant::now() >= deadline {
            return Err(TransactionError::Unacknowledged(producer.in_flight_count()));
        }
        look(producer);
    }
    Ok(())
}

fn look(producer: &BaseProducer) {
    std::thread::sleep(DRAIN);
    producer.poll(Duration::ZERO);
}
