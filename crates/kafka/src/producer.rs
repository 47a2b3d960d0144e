//! The producer: every record is acknowledged by all in-sync replicas, and whoever sent it is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Client, ClientError},
    complaints::Complaints,
};

/// How long the thread that reports deliveries outlives its producer at most.
const POLL: Duration = Duration::from_secs(1);

/// Bounds of a producer.
#[derive(Debug, Clone)]
pub struct ProducerSettings {
    /// How long a record waits for others to share a request with.
    pub linger: Duration,
    /// When an unacknowledged record is given up; `None` waits for ever, for stages behind the hub.
    pub message_timeout: Option<Duration>,
    /// Most records that wait for their acknowledgement.
    pub queue_records: usize,
    /// Most bytes that wait for their acknowledgement.
    pub queue_bytes: usize,
}

/// Is told, once, what became of a record.
pub trait Delivered: Send + Sync + 'static {
    /// `Ok` when all in-sync replicas have the record. An error says that nobody knows: it may be
    /// there, but must be counted as not sent.
    fn delivered(self: Box<Self>, result: Result<(), RDKafkaErrorCode>);
}

/// Why a record was not taken. It is handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue is full: try again when something was acknowledged.
    #[error("the producer's queue is full")]
    Full,
    /// This record cannot be sent, now or later, for example because it is too large.
    #[error("the record cannot be sent: {0}")]
    Refused(RDKafkaErrorCode),
}

/// A producer with a thread of its own that reports deliveries.
pub struct Producer<D: Delivered> {
    inner: Arc<BaseProducer<Context<D>>>,
    watch: Arc<Watch>,
}

impl<D: Delivered> std::fmt::Debug for Producer<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("watch", &self.watch).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Watch {
    started: Instant,
    /// Something was acknowledged since somebody last asked for how long nothing was: the clock is looked at then.
    has_progressed: AtomicBool,
    /// Milliseconds after `started` when progress was last noticed.
    last_progress: AtomicU64,
    /// Cancelled by an error after which this producer never works again.
    fatal: CancellationToken,
}

impl Watch {
    /// A flag that is set already is not written again: all threads that send share its line.
    fn progress(&self) {
        if !self.has_progressed.load(Ordering::Relaxed) {
            self.has_progressed.store(true, Ordering::Relaxed);
        }
    }
}

struct Context<D> {
    watch: Arc<Watch>,
    complaints: Complaints,
    deliveries: std::marker::PhantomData<fn(D)>,
}

impl<D: Delivered> ClientContext for Context<D> {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            tracing::error!(%error, reason, "the Kafka producer cannot go on");
            self.watch.fatal.cancel();
        } else {
            self.complaints.warn(&error, reason);
        }
    }
}

impl<D: Delivered> ProducerContext for Context<D> {
    type DeliveryOpaque = Box<D>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Box<D>) {
        let result = match result {
            Ok(_) => {
                self.watch.progress();
                Ok(())
            }
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        opaque.delivered(result);
    }
}

impl<D: Delivered> Producer<D> {
    /// Connects. `fatal` is cancelled when the producer can never work again; the process must then end.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(client: &Client, settings: &ProducerSettings, fatal: CancellationToken) -> Result<Self, ClientError> {
        let timeout = settings.message_timeout.map_or(0, |t| t.as_millis());
        let mut config = client.config();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", settings.linger.as_millis().to_string())
            .set("message.timeout.ms", timeout.to_string())
            .set("message.max.bytes", MAX_RECORD_BYTES.to_string())
            .set("queue.buffering.max.messages", settings.queue_records.to_string())
            .set("queue.buffering.max.kbytes", settings.queue_bytes.div_ceil(1024).to_string());
        let watch = Arc::new(Watch {
            started: Instant::now(),
            has_progressed: AtomicBool::new(false),
            last_progress: AtomicU64::new(0),
            fatal,
        });
        let context = Context {
            watch: Arc::clone(&watch),
            complaints: Complaints::new("Kafka producer"),
            deliveries: std::marker::PhantomData,
        };
        let inner = Arc::new(config.create_with_context(context)?);
        report_deliveries(&inner).map_err(ClientError::Thread)?;
        Ok(Self { inner, watch })
    }

    /// Queues a record and returns at once; `delivery` is told when it is acknowledged or given up.
    ///
    /// # Errors
    /// With the delivery handed back, untold.
    pub fn send(&self, topic: &str, key: &[u8], payload: &[u8], delivery: D) -> Result<(), (SendError, Box<D>)> {
        let record = BaseRecord::with_opaque_to(topic, Box::new(delivery)).key(key).payload(payload);
        self.inner.send(record).map_err(|(error, record)| {
            let error = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => SendError::Full,
                code => SendError::Refused(code.unwrap_or(RDKafkaErrorCode::Fail)),
            };
            (error, record.delivery_opaque)
        })
    }

    /// Records that wait for their acknowledgement.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.inner.in_flight_count()).unwrap_or(0)
    }

    /// How long records have waited without a single acknowledgement, as far as those who ask again and again can tell;
    /// zero when none waits.
    #[must_use]
    pub fn stalled_for(&self) -> Duration {
        let Watch { started, has_progressed, last_progress, .. } = &*self.watch;
        let now = started.elapsed();
        if self.in_flight() == 0 || has_progressed.swap(false, Ordering::Relaxed) {
            last_progress.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            return Duration::ZERO;
        }
        now.saturating_sub(Duration::from_millis(last_progress.load(Ordering::Relaxed)))
    }

    /// Waits until every queued record is acknowledged or given up, at most for `bound`. Blocks the thread.
    ///
    /// # Errors
    /// When records are still waiting at the end of it.
    pub fn flush(&self, bound: Duration) -> Result<(), KafkaError> {
        self.inner.flush(bound)
    }
}

/// Reports deliveries on a thread, until the producer is dropped. Not by a `ThreadedProducer`: it asks for
/// 100 ms at a time, and `poll` spins through the last millisecond of each, idle or not.
fn report_deliveries<D: Delivered>(producer: &Arc<BaseProducer<Context<D>>>) -> std::io::Result<()> {
    let producer = Arc::downgrade(producer);
    std::thread::Builder::new().name("kafka deliveries".to_owned()).spawn(move || {
        while let Some(producer) = producer.upgrade() {
            producer.poll(POLL);
        }
    })?;
    Ok(())
}

/// The largest record that any producer sends, bytes; the catalogue's `max_message_bytes` are not above it.
pub const MAX_RECORD_BYTES: usize = 2_097_152;
