//! The writing itself, by one task: two writers that lock the same rows are slower than one.
//!
//! Receipts wait in two queues. One that holds something new or changed is written soon,
//! together with what came meanwhile. One that only confirms what is known changes nothing that
//! anybody sees, but where its products stand in time has to be kept: otherwise a register that was
//! offline could later bring back an older price. So it is written too, but it may wait longer, for
//! others that confirm the same products: of a thousand positions a few hundred rows are left, and
//! the rows touch no index. Its offset waits with it, so a crash loses no place in time.
//!
//! Keeping these places in memory only, or not at all, would be cheaper still and wrong after a
//! crash; updating them without the content would be wrong where another process wrote in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kafka::{DeadLetters, Ticket, finish_all};
use postgres::{Error, Pool};
use rdkafka::message::{BorrowedMessage, Message as _};
use relay::Waker;
use schemas::{Timestamp, dead_letters::DeadLetter, receipts, wire};
use service::Fatal;
use tokio::{sync::mpsc, time::Instant};

use crate::{UpserterSettings, handler::STAGE, meters::Meters, sift::Sifted, store::Batch};

/// Pause before a dead letter is tried again while their queue is full.
const FULL: Duration = Duration::from_millis(50);

/// What a receipt tells that may be new.
#[derive(Debug)]
pub(crate) struct Observed {
    pub sifted: Sifted,
    pub origin: Origin,
}

/// The message that it comes from, for the case that it becomes a dead letter.
#[derive(Debug)]
pub(crate) struct Origin {
    partition: i32,
    offset: i64,
    key: Box<[u8]>,
    payload: Box<[u8]>,
}

impl Origin {
    pub fn of(message: &BorrowedMessage<'_>) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().unwrap_or_default().into(),
            payload: message.payload().unwrap_or_default().into(),
        }
    }
}

type Receipt = (Observed, Ticket);

#[derive(Debug)]
enum Work {
    Receipts(Vec<Receipt>),
    Hurry,
}

/// The handler's side of the writer. What it is given is bounded by the consumer's books.
#[derive(Debug)]
pub(crate) struct Sender {
    queue: mpsc::UnboundedSender<Work>,
    refused: Arc<AtomicBool>,
}

impl Sender {
    /// Hands receipts over.
    pub fn send(&self, receipts: Vec<Receipt>) {
        if !receipts.is_empty() {
            self.push(Work::Receipts(receipts));
        }
    }

    /// Write what was handed over before, without waiting for more.
    pub fn hurry(&self) {
        self.push(Work::Hurry);
    }

    /// Whether PostgreSQL has refused something since the last call.
    pub fn has_refused(&self) -> bool {
        self.refused.swap(false, Ordering::AcqRel)
    }

    fn push(&self, work: Work) {
        // The other side is gone only when the service ends; the receipts are then delivered again.
        if self.queue.send(work).is_err() {
            tracing::debug!("the writer has ended");
        }
    }
}

/// The writer's task.
pub(crate) struct Writer {
    queue: mpsc::UnboundedReceiver<Work>,
    changing: Waiting,
    confirming: Waiting,
    store: Store,
}

/// Receipts that wait to be written together.
struct Waiting {
    receipts: Vec<Receipt>,
    positions: usize,
    /// Most positions; at so many it is due.
    most: usize,
    wait: Duration,
    due: Option<Instant>,
}

/// What writing needs.
struct Store {
    pool: Pool,
    relay: Waker,
    dead_letters: Arc<DeadLetters>,
    /// Full name of the topic, for dead letters.
    topic: String,
    refused: Arc<AtomicBool>,
    meters: Meters,
}

/// Everything that a writer is made of.
pub(crate) struct Parts {
    pub pool: Pool,
    pub relay: Waker,
    pub dead_letters: Arc<DeadLetters>,
    pub topic: String,
    pub meters: Meters,
}

/// A writer and the way to hand it work.
pub(crate) fn new(parts: Parts, settings: &UpserterSettings) -> (Sender, Writer) {
    let (sender, queue) = mpsc::unbounded_channel();
    let refused = Arc::<AtomicBool>::default();
    let waiting = |wait| Waiting {
        receipts: Vec::new(),
        positions: 0,
        most: settings.batch_rows,
        wait: Duration::from_millis(wait),
        due: None,
    };
    let Parts { pool, relay, dead_letters, topic, meters } = parts;
    let writer = Writer {
        queue,
        changing: waiting(settings.batch_wait_ms),
        confirming: waiting(settings.confirmation_wait_ms),
        store: Store { pool, relay, dead_letters, topic, refused: Arc::clone(&refused), meters },
    };
    (Sender { queue: sender, refused }, writer)
}

impl Writer {
    /// Writes until the handler is gone.
    ///
    /// # Errors
    /// When only a person can help, for example because a table is missing.
    pub async fn run(mut self) -> Result<(), Fatal> {
        loop {
            self.take_what_waits();
            let now = Instant::now();
            // What changes something goes first; the other one cannot starve, because both are due by time.
            let due = [&mut self.changing, &mut self.confirming].into_iter().find(|waiting| waiting.is_due(now));
            if let Some(due) = due {
                let receipts = due.take();
                self.store.settle(receipts).await?;
                continue;
            }
            let next = [self.changing.due, self.confirming.due].into_iter().flatten().min();
            tokio::select! {
                work = self.queue.recv() => match work {
                    Some(work) => self.sort(work),
                    None => break,
                },
                () = until(next) => {}
            }
        }
        for mut rest in [self.changing, self.confirming] {
            self.store.settle(rest.take()).await?;
        }
        Ok(())
    }

    fn take_what_waits(&mut self) {
        while !self.changing.is_full() && !self.confirming.is_full() {
            match self.queue.try_recv() {
                Ok(work) => self.sort(work),
                Err(_) => return,
            }
        }
    }

    fn sort(&mut self, work: Work) {
        match work {
            Work::Receipts(receipts) => {
                for receipt in receipts {
                    let waiting = if receipt.0.sifted.changes { &mut self.changing } else { &mut self.confirming };
                    waiting.push(receipt);
                }
            }
            Work::Hurry => {
                let now = Instant::now();
                for waiting in [&mut self.changing, &mut self.confirming] {
                    waiting.due = waiting.due.map(|_| now);
                }
            }
        }
    }
}

/// Until then; for ever without a time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Waiting {
    fn push(&mut self, receipt: Receipt) {
        self.positions += receipt.0.sifted.positions();
        self.due.get_or_insert_with(|| Instant::now() + self.wait);
        self.receipts.push(receipt);
    }

    fn is_full(&self) -> bool {
        self.positions >= self.most
    }

    fn is_due(&self, now: Instant) -> bool {
        self.is_full() || self.due.is_some_and(|due| due <= now)
    }

    fn take(&mut self) -> Vec<Receipt> {
        self.positions = 0;
        self.due = None;
        std::mem::take(&mut self.receipts)
    }
}

impl Store {
    /// Writes receipts and finishes them. What PostgreSQL refuses is halved until the culprit is
    /// alone: it becomes a dead letter, and all others are written.
    async fn settle(&self, receipts: Vec<Receipt>) -> Result<(), Fatal> {
        let mut parts = vec![receipts];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.write(&part).await {
                Ok(()) => finish_all(part.into_iter().map(|(_, ticket)| ticket).collect()),
                Err(Error::Reject(text)) if part.len() == 1 => {
                    for receipt in part {
                        self.bury(receipt, &text).await;
                    }
                }
                Err(Error::Reject(_)) => {
                    let half = part.split_off(part.len() / 2);
                    parts.extend([half, part]);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn write(&self, receipts: &[Receipt]) -> Result<(), Error> {
        let batch = Batch::of(receipts.iter().map(|(observed, _)| &observed.sifted));
        let timer = self.meters.write_seconds.start_timer();
        let write = async |mut client: postgres::Client| batch.write(&mut client).await;
        let changed = self.pool.wait_out("writing products", write).await?;
        timer.observe_duration();
        #[allow(clippy::cast_precision_loss)] // a batch is small
        self.meters.batch_rows.observe(batch.rows() as f64);
        self.meters.price_changes.inc_by(changed as u64);
        let changing = receipts.iter().filter(|(observed, _)| observed.sifted.changes).count();
        self.meters.changes.inc_by(changing as u64);
        self.meters.confirms.inc_by((receipts.len() - changing) as u64);
        if changing > 0 {
            self.relay.wake();
        }
        Ok(())
    }

    async fn bury(&self, (Observed { origin, .. }, ticket): Receipt, text: &str) {
        self.refused.store(true, Ordering::Release);
        let hash = canonical::document_hash(&origin.payload);
        let body = wire::split(&origin.payload).map(|(_, body)| body).unwrap_or_default();
        // One of an older schema version stays without these; the letter holds the message itself.
        let receipt = schemas::avro::from_slice::<receipts::Receipt<'_>>(body).ok();
        let receipt = receipt.as_ref();
        let mut tickets = vec![ticket];
        loop {
            let letter = DeadLetter {
                tenant: receipt.map(|receipt| (&*receipt.tenant).into()),
                register: receipt.map(|receipt| (&*receipt.register).into()),
                stage: STAGE.into(),
                error_class: "refused".into(),
                error_text: text.into(),
                source_topic: self.topic.as_str().into(),
                source_partition: origin.partition,
                source_offset: origin.offset,
                source_key: Some((&*origin.key).into()),
                format: receipt.map(|receipt| (&*receipt.source).into()),
                received_at: receipt.map(|receipt| receipt.received_at),
                failed_at: Timestamp::now(),
                body: Some((&*origin.payload).into()),
                ..DeadLetter::default()
            };
            match self.dead_letters.bury(letter, &hash, tickets) {
                Ok(()) => break,
                Err(back) => tickets = back,
            }
            tokio::time::sleep(FULL).await;
        }
        self.meters.dead_letters.inc();
    }
}
