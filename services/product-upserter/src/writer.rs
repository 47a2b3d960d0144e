//! The writing itself, by one task: two writers that lock the same rows are slower than one.
//!
//! What is new or changed in a receipt is written soon, together with what came meanwhile. What
//! only confirms what is known may wait longer (see `confirming`). A receipt is finished when all of
//! it is written.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use kafka::{DeadLetters, Ticket, finish_all};
use postgres::{Error, Pool};
use rdkafka::message::{BorrowedMessage, Message as _};
use relay::Waker;
use schemas::{Timestamp, dead_letters::DeadLetter, receipts::Receipt, wire};
use service::Fatal;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    UpserterSettings,
    confirming::{Bounds, Confirming, Due},
    handler::STAGE,
    meters::Meters,
    observation::Sale,
    sift::{Rows, Sifted},
    store::Batch,
};

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
    key: Bytes,
    payload: Bytes,
}

impl Origin {
    /// Copies the message into `space`. It stays for seconds, among much that goes at once: with memory of
    /// their own, so many messages would scatter all other memory.
    pub fn of(message: &BorrowedMessage<'_>, space: &mut BytesMut) -> Self {
        let mut copy = |bytes: Option<&[u8]>| {
            space.extend_from_slice(bytes.unwrap_or_default());
            space.split().freeze()
        };
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: copy(message.key()),
            payload: copy(message.payload()),
        }
    }

    const fn bytes(&self) -> usize {
        self.key.len() + self.payload.len()
    }

    /// The message's receipt, if it is in the newest version of the schema.
    fn receipt(&self) -> Result<Receipt<'_>, String> {
        let (_, body) = wire::split(&self.payload).ok_or("not in the registry's wire format")?;
        schemas::avro::from_slice(body).map_err(|error| error.to_string())
    }

    /// All that the message tells. Only one in the newest version of the schema has confirmations that wait.
    fn everything(&self) -> Result<Rows, String> {
        // What is no sale tells nothing.
        Ok(Sale::of(&self.receipt()?).map(|sale| Rows::all(&sale)).unwrap_or_default())
    }
}

/// What a receipt is beside its rows.
type Source = (Origin, Ticket);

type Task = (Observed, Ticket);

#[derive(Debug)]
enum Work {
    Receipts(Vec<Task>),
    Hurry,
}

/// The handler's side of the writer. What it is given is bounded by the consumer's books, which count what is left of
/// partitions that were taken away, too.
#[derive(Debug)]
pub(crate) struct Sender {
    queue: mpsc::UnboundedSender<Work>,
    refused: Arc<AtomicBool>,
}

impl Sender {
    /// Hands receipts over.
    pub fn send(&self, receipts: Vec<Task>) {
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
    changing: Changing,
    confirming: Confirming<Source>,
    store: Store,
}

/// Receipts with something new or changed, which wait to be written together.
struct Changing {
    receipts: Vec<Task>,
    rows: usize,
    /// Most rows; at so many it is due.
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
    let changing = Changing {
        receipts: Vec::new(),
        rows: 0,
        most: settings.batch_rows,
        wait: Duration::from_millis(settings.batch_wait_ms),
        due: None,
    };
    // Half of what the consumer may have at hand: the other half can be on its way meanwhile.
    let confirming = Confirming::new(Bounds {
        wait: Duration::from_millis(settings.confirmation_wait_ms),
        receipts: settings.in_flight_records.div_ceil(2),
        bytes: settings.in_flight_bytes.div_ceil(2),
        rows: settings.batch_rows,
    });
    let Parts { pool, relay, dead_letters, topic, meters } = parts;
    let writer = Writer {
        queue,
        changing,
        confirming,
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
            // The time of this turn: what comes during a long write is taken in before anything is judged by its end.
            let now = Instant::now();
            if self.changing.is_due(now) {
                self.write_changes(now).await?;
            }
            self.write_confirmations(now).await?;
            let next = [self.changing.due, self.confirming.due()].into_iter().flatten().min();
            tokio::select! {
                work = self.queue.recv() => match work {
                    Some(work) => self.sort(work),
                    None => break,
                },
                () = until(next) => {}
            }
        }
        let now = Instant::now();
        self.write_changes(now).await?;
        self.confirming.hurry();
        self.write_confirmations(now).await
    }

    fn take_what_waits(&mut self) {
        while !self.changing.is_full() {
            match self.queue.try_recv() {
                Ok(work) => self.sort(work),
                Err(_) => return,
            }
        }
    }

    fn sort(&mut self, work: Work) {
        let now = Instant::now();
        match work {
            Work::Receipts(receipts) => {
                for receipt in receipts {
                    if receipt.0.sifted.changed.is_empty() {
                        self.store.meters.confirms.inc();
                        self.confirm(now, receipt);
                    } else {
                        self.store.meters.changes.inc();
                        self.changing.push(now, receipt);
                    }
                }
            }
            Work::Hurry => {
                self.changing.hurry(now);
                self.confirming.hurry();
            }
        }
    }

    fn confirm(&mut self, now: Instant, (Observed { sifted, origin }, ticket): Task) {
        self.confirming.push(now, origin.bytes(), sifted.confirmed, (origin, ticket));
    }

    /// Writes what is new and changed of the receipts that have it.
    async fn write_changes(&mut self, now: Instant) -> Result<(), Fatal> {
        let receipts = self.changing.take();
        let mut finished = Vec::new();
        for receipt in self.store.settle(receipts).await? {
            if receipt.0.sifted.confirmed.is_empty() {
                finished.push(receipt.1);
            } else {
                self.confirm(now, receipt);
            }
        }
        finish_all(finished);
        Ok(())
    }

    /// Writes the confirmations that are due.
    async fn write_confirmations(&mut self, now: Instant) -> Result<(), Fatal> {
        while let Some(Due { receipts, rows }) = self.confirming.take(now) {
            match self.store.write(&Batch::of(iter::once(&rows))).await {
                Ok(()) => finish_all(receipts.into_iter().map(|(_, ticket)| ticket).collect()),
                Err(Error::Reject(_)) => {
                    let all: Vec<Source> = receipts.into_iter().chain(self.confirming.abandon()).collect();
                    self.store.write_again(all, self.changing.most).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Until then; for ever without a time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Changing {
    fn push(&mut self, now: Instant, receipt: Task) {
        self.rows += receipt.0.sifted.changed.len();
        self.due.get_or_insert(now + self.wait);
        self.receipts.push(receipt);
    }

    /// Nothing of these shall wait.
    fn hurry(&mut self, now: Instant) {
        self.due = self.due.map(|_| now);
        for (observed, _) in &mut self.receipts {
            observed.sifted.hurry();
        }
    }

    const fn is_full(&self) -> bool {
        self.rows >= self.most
    }

    fn is_due(&self, now: Instant) -> bool {
        self.is_full() || self.due.is_some_and(|due| due <= now)
    }

    fn take(&mut self) -> Vec<Task> {
        self.rows = 0;
        self.due = None;
        std::mem::take(&mut self.receipts)
    }
}

impl Store {
    /// Writes what is new and changed in the receipts, and answers those of which it is written. What PostgreSQL
    /// refuses is halved until the culprit is alone: it becomes a dead letter.
    async fn settle(&self, receipts: Vec<Task>) -> Result<Vec<Task>, Fatal> {
        let mut written = Vec::new();
        let mut parts = vec![receipts];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let batch = Batch::of(part.iter().map(|(observed, _)| &observed.sifted.changed));
            match self.write(&batch).await {
                Ok(()) => written.append(&mut part),
                Err(Error::Reject(text)) if part.len() == 1 => {
                    for (Observed { origin, .. }, ticket) in part {
                        self.bury(origin, ticket, &text).await;
                    }
                }
                Err(Error::Reject(_)) => {
                    let half = part.split_off(part.len() / 2);
                    parts.extend([half, part]);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written)
    }

    /// Writes all that each receipt tells, after PostgreSQL has refused something of it, and finishes them. `most`
    /// rows are written together.
    async fn write_again(&self, sources: Vec<Source>, most: usize) -> Result<(), Fatal> {
        let mut sources = sources.into_iter().peekable();
        while sources.peek().is_some() {
            let (mut receipts, mut rows) = (Vec::new(), 0);
            for (origin, ticket) in sources.by_ref() {
                match origin.everything() {
                    Ok(changed) => {
                        rows += changed.len();
                        let sifted = Sifted { changed, ..Sifted::default() };
                        receipts.push((Observed { sifted, origin }, ticket));
                    }
                    Err(text) => self.bury(origin, ticket, &text).await,
                }
                if rows >= most {
                    break;
                }
            }
            finish_all(self.settle(receipts).await?.into_iter().map(|(_, ticket)| ticket).collect());
        }
        Ok(())
    }

    async fn write(&self, batch: &Batch<'_>) -> Result<(), Error> {
        if batch.rows() == 0 {
            return Ok(());
        }
        let timer = self.meters.write_seconds.start_timer();
        let write = async |mut client: postgres::Client| batch.write(&mut client).await;
        let written = self.pool.wait_out("writing products", write).await?;
        timer.observe_duration();
        #[allow(clippy::cast_precision_loss)] // a batch is small
        self.meters.batch_rows.observe(batch.rows() as f64);
        self.meters.price_changes.inc_by(written.repriced as u64);
        if written.marked > 0 {
            self.relay.wake();
        }
        Ok(())
    }

    async fn bury(&self, origin: Origin, ticket: Ticket, text: &str) {
        self.refused.store(true, Ordering::Release);
        let hash = canonical::document_hash(&origin.payload);
        // One of an older schema version stays without these; the letter holds the message itself.
        let receipt = origin.receipt().ok();
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
