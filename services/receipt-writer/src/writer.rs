//! The writing itself: batches that form while earlier ones are being written, a few at a time.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kafka::{DeadLetters, Ticket, finish_all};
use mongodb::bson::RawDocumentBuf;
use prometheus::{Histogram, IntCounter, IntCounterVec, Registry};
use rdkafka::message::{BorrowedMessage, Message as _};
use schemas::{Timestamp, dead_letters::DeadLetter};
use service::metrics::{Metrics, RECORDS, SECONDS};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    WriterSettings,
    copies::Facts,
    store::{Collection, Refusal, Store, Verdict},
};

/// One document on its way to MongoDB.
#[derive(Debug)]
pub(crate) struct Job {
    pub collection: Collection,
    /// `_id` in that collection.
    pub id: String,
    pub document: RawDocumentBuf,
    pub facts: Facts,
    pub source: Unusable,
}

/// The message that a job came from, for the case that it becomes a dead letter.
#[derive(Debug)]
pub(crate) struct Unusable {
    topic: String,
    partition: i32,
    offset: i64,
    key: Vec<u8>,
    payload: Vec<u8>,
    class: &'static str,
    text: String,
}

impl Unusable {
    pub fn of(message: &BorrowedMessage<'_>, class: &'static str, text: String) -> Self {
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().unwrap_or_default().to_vec(),
            payload: message.payload().unwrap_or_default().to_vec(),
            class,
            text,
        }
    }
}

#[derive(Debug)]
enum Work {
    Write(Box<Job>, Ticket),
    Reject(Box<Unusable>, Ticket),
}

/// The handler's side of the writer. What it is given is bounded by the consumer's books.
#[derive(Debug)]
pub(crate) struct Writer {
    work: mpsc::UnboundedSender<Work>,
    hurry: Arc<Notify>,
}

impl Writer {
    pub fn write(&self, job: Job, ticket: Ticket) {
        self.send(Work::Write(Box::new(job), ticket));
    }

    pub fn reject(&self, unusable: Unusable, ticket: Ticket) {
        self.send(Work::Reject(Box::new(unusable), ticket));
    }

    /// Do not wait for fuller batches.
    pub fn hurry(&self) {
        self.hurry.notify_one();
    }

    fn send(&self, work: Work) {
        // The other side is gone only when the service ends; the record is then delivered again.
        if self.work.send(work).is_err() {
            tracing::debug!("the writer has ended");
        }
    }
}

/// Metrics of the writer.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    documents: IntCounterVec,
    batch: Histogram,
    seconds: Histogram,
    retries: IntCounter,
}

impl Meters {
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Metrics(registry);
        Ok(Self {
            documents: metrics.counters(
                "kassaflow_mongodb_documents_total",
                "Documents by what became of them.",
                &["collection", "verdict"],
            )?,
            batch: metrics.histogram("kassaflow_mongodb_batch_documents", "Documents in one insert.", RECORDS)?,
            seconds: metrics.histogram(
                "kassaflow_mongodb_write_seconds",
                "Time of one batch, with its retries.",
                SECONDS,
            )?,
            retries: metrics
                .counter("kassaflow_mongodb_retries_total", "Writes that are tried again because MongoDB was away.")?,
        })
    }
}

/// Starts the writer's task. It lives until it is aborted.
pub(crate) fn start(
    store: Store,
    dead_letters: DeadLetters,
    settings: WriterSettings,
    meters: Meters,
) -> (Writer, JoinHandle<()>) {
    let (work, queue) = mpsc::unbounded_channel();
    let hurry = Arc::new(Notify::new());
    let batches = Batches { queue, hurry: Arc::clone(&hurry), settings, batch: Vec::new(), full_by: None };
    let shared = Arc::new(Shared { store, dead_letters, meters });
    (Writer { work, hurry }, tokio::spawn(run(batches, shared)))
}

struct Shared {
    store: Store,
    dead_letters: DeadLetters,
    meters: Meters,
}

async fn run(mut batches: Batches, shared: Arc<Shared>) {
    let mut in_flight = FuturesUnordered::new();
    loop {
        let room = in_flight.len() < batches.settings.writes_in_flight;
        tokio::select! {
            Some(()) = in_flight.next(), if !in_flight.is_empty() => {}
            batch = batches.next(), if room => match batch {
                Some(batch) => in_flight.push(write(Arc::clone(&shared), batch)),
                None => break,
            }
        }
    }
    while in_flight.next().await.is_some() {}
}

/// What waits to be written.
struct Batches {
    queue: mpsc::UnboundedReceiver<Work>,
    hurry: Arc<Notify>,
    settings: WriterSettings,
    /// The batch that is forming. It lies here, not in [`Batches::next`], so that dropping that future loses nothing.
    batch: Vec<Work>,
    full_by: Option<Instant>,
}

impl Batches {
    /// The next batch: what waits, and what comes within the batch wait. `None` at the end.
    async fn next(&mut self) -> Option<Vec<Work>> {
        let most = self.settings.batch_documents;
        if self.batch.is_empty() && self.queue.recv_many(&mut self.batch, most).await == 0 {
            return None;
        }
        let wait = Duration::from_millis(self.settings.batch_wait_ms);
        let full_by = *self.full_by.get_or_insert_with(|| Instant::now() + wait);
        while self.batch.len() < most {
            let room = most - self.batch.len();
            tokio::select! {
                taken = self.queue.recv_many(&mut self.batch, room) => if taken == 0 { break },
                () = tokio::time::sleep_until(full_by) => break,
                () = self.hurry.notified() => break,
            }
        }
        self.full_by = None;
        Some(std::mem::take(&mut self.batch))
    }
}

async fn write(shared: Arc<Shared>, batch: Vec<Work>) {
    let _timer = shared.meters.seconds.start_timer();
    shared.meters.batch.observe(batch.len() as f64);
    let (mut receipts, mut shifts, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    for work in batch {
        match work {
            Work::Write(job, ticket) if job.collection == Collection::Receipts => receipts.push((*job, ticket)),
            Work::Write(job, ticket) => shifts.push((*job, ticket)),
            Work::Reject(unusable, ticket) => rejected.push((*unusable, ticket)),
        }
    }
    rejected.extend(store(&shared, Collection::Receipts, receipts).await);
    rejected.extend(store(&shared, Collection::Shifts, shifts).await);
    for (unusable, ticket) in rejected {
        bury(&shared.dead_letters, &unusable, ticket).await;
    }
}

/// Writes until everything is stored or refused. Answers what is refused.
async fn store(shared: &Shared, collection: Collection, jobs: Vec<(Job, Ticket)>) -> Vec<(Unusable, Ticket)> {
    let (mut jobs, mut tickets): (Vec<Job>, Vec<Ticket>) = jobs.into_iter().unzip();
    let mut pauses = pauses();
    let verdicts = loop {
        if jobs.is_empty() {
            return Vec::new();
        }
        match shared.store.write(collection, &mut jobs).await {
            Ok(verdicts) => break verdicts,
            Err(error) => {
                if !tickets.iter().any(Ticket::is_current) {
                    return Vec::new(); // the partitions have another owner: it writes them
                }
                shared.meters.retries.inc();
                tracing::warn!(%error, documents = jobs.len(), "MongoDB is away; waiting");
                tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
            }
        }
    };
    let mut refused = Vec::new();
    let mut stored = Vec::with_capacity(tickets.len());
    for ((job, ticket), verdict) in jobs.into_iter().zip(tickets.drain(..)).zip(verdicts) {
        shared.meters.documents.with_label_values(&[collection.name(), verdict.name()]).inc();
        match verdict {
            Verdict::Refused(Refusal(text)) => {
                refused.push((Unusable { text, class: "refused", ..job.source }, ticket))
            }
            _ => stored.push(ticket),
        }
    }
    finish_all(stored);
    refused
}

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build()
}

async fn bury(dead_letters: &DeadLetters, unusable: &Unusable, ticket: Ticket) {
    let hash = canonical::document_hash(&unusable.payload);
    let mut tickets = vec![ticket];
    loop {
        let letter = DeadLetter {
            stage: "receipt-writer".into(),
            error_class: unusable.class.into(),
            error_text: unusable.text.as_str().into(),
            source_topic: unusable.topic.as_str().into(),
            source_partition: unusable.partition,
            source_offset: unusable.offset,
            source_key: Some(unusable.key.as_slice().into()),
            failed_at: Timestamp::now(),
            body: Some(unusable.payload.as_slice().into()),
            ..DeadLetter::default()
        };
        match dead_letters.bury(letter, &hash, tickets) {
            Ok(()) => return,
            Err(back) => tickets = back,
        }
        tokio::time::sleep(Duration::from_millis(50)).await; // the queue is full of earlier letters
    }
}
