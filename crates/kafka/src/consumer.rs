//! The one consumer loop. It owns a thread, a consumer and the books of what is being worked on.
//!
//! What it promises:
//! * an offset is committed only after the record and all records before it were finished with
//!   [`Ticket::finish`], that is, after their effects are durable;
//! * before partitions are given away, intake stops, what is at hand is finished within a bound and
//!   committed; work that is later than that belongs to nobody ([`Ticket::is_current`]);
//! * memory is bounded: above [`ConsumerSettings::in_flight_records`] or
//!   [`ConsumerSettings::in_flight_bytes`] nothing more is taken;
//! * nothing is taken that the [`Gate`] does not allow, if there is one;
//! * it never stops polling, so that a slow or absent database does not cost the group membership.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{BorrowedMessage, Message},
    topic_partition_list::Offset,
    types::RDKafkaRespErr,
};
use service::{Component, Context, Fatal};

use crate::{
    client::{Client, ClientError},
    complaints::Complaints,
    gate::Gate,
    meters::ConsumerMeters,
    tracker::{Kept, Ticket, Tracker},
};

/// What a consumer reads and how much of it may be open at a time.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// Consumer group, without prefix.
    pub group: &'static str,
    /// Topics, without prefix; they have the same number of partitions.
    pub topics: Vec<&'static str>,
    /// Most records that are taken and not finished, those of partitions that were taken away included.
    pub in_flight_records: usize,
    /// Most bytes of records that are taken and not finished.
    pub in_flight_bytes: usize,
    /// Time between commits.
    pub commit_interval: Duration,
    /// How long the work at hand may take when partitions are taken away or the service ends.
    pub drain_bound: Duration,
    /// Lets records through; `None`: nothing but the bounds stops them.
    pub gate: Option<Gate>,
}

/// Most records that are offered to the handler at once.
const OFFER_RECORDS: usize = 500;
/// Longest wait for a first record; also how late a request to end is noticed.
const POLL: Duration = Duration::from_millis(100);
/// How long the loop waits for room, for the gate or for the handler before it pauses: pausing throws away what was fetched.
const ROOM: Duration = Duration::from_secs(1);
/// Records that are finished behind one that is not are kept up to so many times
/// [`ConsumerSettings::in_flight_records`]: they are small.
const BEHIND: usize = 4;
/// Nothing finished for so long although work is at hand: not ready.
const STALL: Duration = Duration::from_secs(60);
/// Waits before records that the handler did not take are offered again.
const OFFER_AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A record and the duty to finish it.
#[derive(Debug)]
pub struct Record<'m> {
    /// The message as it was fetched.
    pub message: BorrowedMessage<'m>,
    /// Finish it once the record's effects are durable.
    pub ticket: Ticket,
}

/// What a service does with records. All methods run on the loop's thread.
pub trait Handler: Send {
    /// These partitions (full topic name, partition) are ours from now on. Called before their first record.
    ///
    /// # Errors
    /// When the service cannot go on; the process ends.
    fn assigned(&mut self, partitions: &[(String, i32)]) -> Result<(), Fatal> {
        let _: &[(String, i32)] = partitions;
        Ok(())
    }

    /// Takes records from the front, in order. Those that are left (because something they need is
    /// full or away) are offered again after a wait; if that goes on, the partitions are paused meanwhile.
    ///
    /// # Errors
    /// When the service cannot go on; the process ends, and what is not finished is delivered again.
    fn take(&mut self, records: &mut VecDeque<Record<'_>>) -> Result<(), Fatal>;

    /// Finish what is at hand as soon as possible: partitions are being taken away or the service ends.
    fn hurry(&mut self) {}
}

/// Runs a consumer on a thread of its own until shutdown. The future ends with the loop.
///
/// # Errors
/// When the consumer or the handler cannot go on.
pub async fn run<H: Handler + 'static>(
    client: Client,
    settings: ConsumerSettings,
    handler: H,
    context: Context,
) -> Result<(), Fatal> {
    let (done, ended) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name(format!("consume-{}", settings.group)).spawn(move || {
        // The receiver is gone only when the whole service is.
        let _gone: Result<(), _> = done.send(run_on_this_thread(&client, settings, handler, &context));
    })?;
    ended.await.unwrap_or_else(|_| Err("the consumer's thread panicked".into()))
}

fn run_on_this_thread<H: Handler>(
    client: &Client,
    settings: ConsumerSettings,
    handler: H,
    context: &Context,
) -> Result<(), Fatal> {
    let ConsumerSettings { group, in_flight_records, in_flight_bytes, .. } = settings;
    let meters = ConsumerMeters::register(&context.metrics, group, in_flight_records, in_flight_bytes)?;
    let component = context.health.component(group);
    let group = Group {
        meters: meters.clone(),
        complaints: Complaints::new("Kafka consumer"),
        rebalances: Mutex::default(),
        closing: Mutex::new(false),
    };
    let consumer: BaseConsumer<Group> = client
        .config()
        .set("group.id", client.prefixed(settings.group))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // A group without a committed offset would skip or repeat a whole topic: better to stop and say so.
        .set("auto.offset.reset", "error")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "2000")
        .set("max.poll.interval.ms", "300000")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.queue.backoff.ms", "20")
        // The broker would otherwise answer each append to any of the partitions with a response of its own.
        // The wait is the delay of a stage that has little to do.
        .set("fetch.min.bytes", "1000000")
        .set("fetch.wait.max.ms", "50")
        .create_with_context(group)
        .map_err(ClientError::Refused)?;
    let topics: Vec<String> = settings.topics.iter().map(|t| client.prefixed(t)).collect();
    consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut running = Loop {
        consumer: &consumer,
        handler,
        tracker: Arc::default(),
        component,
        waiting: VecDeque::new(),
        offer_again: OFFER_AGAIN.0,
        refused_since: None,
        paused: false,
        last_commit: Instant::now(),
        settings,
        meters,
    };
    let mut result = Ok(());
    while result.is_ok() && !context.shutdown.is_cancelled() {
        result = running.step();
    }
    running.component.not_ready("ending");
    running.let_go(result.is_ok());
    drop(running);
    consumer.context().close();
    result
}

/// What librdkafka reports from inside `poll`.
struct Group {
    meters: ConsumerMeters,
    complaints: Complaints,
    /// Assignments and revocations that the loop has not acted on yet.
    rebalances: Mutex<VecDeque<Rebalance>>,
    /// The loop has ended; there is nobody left to act.
    closing: Mutex<bool>,
}

enum Rebalance {
    Assigned(TopicPartitionList),
    Revoked,
}

impl Group {
    fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn rebalance_is_due(&self) -> bool {
        !self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn close(&self) {
        *self.closing.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

impl ClientContext for Group {
    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.warn(&error, reason);
    }
}

impl ConsumerContext for Group {
    /// Only notes what is to be done: the loop acts after `poll` has returned, with everything it
    /// owns at hand. librdkafka waits for the assignment to be changed, not for this to return.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        self.meters.rebalances.inc();
        let assigned = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if *self.closing.lock().unwrap_or_else(PoisonError::into_inner) {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "partitions could not be let go");
            }
            return;
        }
        let rebalance = if assigned { Rebalance::Assigned(partitions.clone()) } else { Rebalance::Revoked };
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        self.meters.committed(&result);
        if let Err(error) = result {
            // Refused while the group rebalances: the records are delivered again, which does no harm.
            tracing::warn!(%error, "a commit was refused");
        }
    }
}

struct Loop<'c, H> {
    consumer: &'c BaseConsumer<Group>,
    handler: H,
    tracker: Arc<Tracker>,
    settings: ConsumerSettings,
    component: Component,
    meters: ConsumerMeters,
    /// Fetched, in the books, and not taken by the handler yet.
    waiting: VecDeque<Record<'c>>,
    offer_again: Duration,
    /// Since when the handler took none of them.
    refused_since: Option<Instant>,
    paused: bool,
    last_commit: Instant,
}

impl<'c, H: Handler> Loop<'c, H> {
    /// One turn. The order is deliberate: what must not starve comes first.
    fn step(&mut self) -> Result<(), Fatal> {
        self.rebalance()?;
        self.commit_when_due();
        self.watch_progress();
        if self.waiting.is_empty() {
            self.make_room()?;
            self.fetch(POLL)?;
        } else {
            self.wait_for_handler()?;
        }
        if self.waiting.is_empty() || self.consumer.context().rebalance_is_due() {
            return Ok(());
        }
        let offered = self.waiting.len();
        self.handler.take(&mut self.waiting)?;
        if self.waiting.len() < offered {
            self.offer_again = OFFER_AGAIN.0;
            self.refused_since = None;
        }
        Ok(())
    }

    /// The handler could not take the records at hand: waits for what it needs. A queue that is full for a moment has room
    /// when other records are finished; for what is away longer, the loop pauses and keeps polling.
    fn wait_for_handler(&mut self) -> Result<(), Fatal> {
        let since = *self.refused_since.get_or_insert_with(Instant::now);
        if self.paused || since.elapsed() >= ROOM {
            self.pause()?;
            self.fetch(self.offer_again)?;
        } else {
            let open = self.tracker.kept().load.records;
            self.tracker.wait_for_room(self.offer_again, |kept| kept.load.records + OFFER_RECORDS <= open);
        }
        self.offer_again = (self.offer_again * 2).min(OFFER_AGAIN.1);
        Ok(())
    }

    /// Fetches what is there, at most a batch; waits up to `first` for the first record. It always polls, even
    /// with a whole batch waiting: that keeps the membership, and is the pause before the batch is offered again.
    fn fetch(&mut self, first: Duration) -> Result<(), Fatal> {
        let mut wait = first;
        loop {
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => self.note(message),
                Some(Err(error)) => {
                    self.explain(&error)?;
                    break;
                }
            }
            if self.waiting.len() >= OFFER_RECORDS || !self.may_take() {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn may_take(&self) -> bool {
        self.settings.gate.as_ref().is_none_or(Gate::is_open)
    }

    fn note(&mut self, message: BorrowedMessage<'c>) {
        let bytes = message.payload_len() + message.key_len();
        // A partition that is not in the books was taken away while its last records were in the queue.
        if let Some(ticket) = self.tracker.deliver(message.topic(), message.partition(), message.offset(), bytes) {
            self.meters.records.inc();
            self.meters.bytes.inc_by(bytes as u64);
            if let Some(gate) = &self.settings.gate {
                gate.pass();
            }
            self.waiting.push_back(Record { message, ticket });
        }
    }

    /// Returns when there is room, or with the partitions paused.
    fn make_room(&mut self) -> Result<(), Fatal> {
        let ConsumerSettings { in_flight_records, in_flight_bytes, .. } = self.settings;
        let most_behind = in_flight_records.saturating_mul(BEHIND);
        let kept = self.tracker.kept();
        self.meters.load(kept.load.records, kept.load.bytes);
        if self.paused {
            // A low mark, so that it does not flap between paused and not.
            let Kept { load, behind } = kept;
            let is_light = load.records <= in_flight_records / 2 && load.bytes <= in_flight_bytes / 2;
            if is_light && behind <= most_behind / 2 && self.may_take() {
                self.consumer.resume(&self.consumer.assignment()?)?;
                self.paused = false;
            }
            return Ok(());
        }
        let room = |Kept { load, behind }: Kept| {
            load.records < in_flight_records && load.bytes < in_flight_bytes && behind < most_behind
        };
        let has_room = room(kept) || self.tracker.wait_for_room(ROOM, room);
        if !has_room || self.settings.gate.as_ref().is_some_and(|gate| !gate.wait(ROOM)) {
            self.pause()?;
        }
        Ok(())
    }

    fn pause(&mut self) -> Result<(), Fatal> {
        if !self.paused {
            self.consumer.pause(&self.consumer.assignment()?)?;
            self.paused = true;
            self.meters.pauses.inc();
        }
        Ok(())
    }

    fn rebalance(&mut self) -> Result<(), Fatal> {
        while let Some(rebalance) = self.consumer.context().next_rebalance() {
            match rebalance {
                Rebalance::Revoked => self.let_go(true),
                Rebalance::Assigned(list) => {
                    let partitions: Vec<(String, i32)> =
                        list.elements().iter().map(|e| (e.topic().to_owned(), e.partition())).collect();
                    tracing::info!(partitions = partitions.len(), group = self.settings.group, "assigned");
                    self.tracker
                        .assign(partitions.iter().map(|(topic, partition)| (Arc::from(topic.as_str()), *partition)));
                    self.handler.assigned(&partitions)?;
                    self.consumer.assign(&list)?;
                    // librdkafka keeps a partition paused that was so when it was given back.
                    self.consumer.resume(&list)?;
                    self.paused = false;
                    self.component.ready();
                }
            }
        }
        Ok(())
    }

    /// Gives all partitions back. `orderly`: with what is at hand finished, within the bound, and committed.
    fn let_go(&mut self, orderly: bool) {
        let untaken = self.waiting.len(); // in the books, but nobody works on them
        self.waiting.clear();
        if orderly {
            self.handler.hurry();
            if !self.tracker.wait_for_work(self.settings.drain_bound, untaken) {
                tracing::warn!(
                    records = self.tracker.unfinished().saturating_sub(untaken),
                    group = self.settings.group,
                    "work at hand was not finished in time; it will be done again"
                );
            }
        }
        self.commit(CommitMode::Sync);
        self.tracker.revoke();
        if let Err(error) = self.consumer.unassign() {
            tracing::warn!(%error, "partitions could not be let go");
        }
    }

    fn commit_when_due(&mut self) {
        if self.last_commit.elapsed() >= self.settings.commit_interval {
            self.commit(CommitMode::Async);
            self.last_commit = Instant::now();
        }
    }

    fn commit(&self, mode: CommitMode) {
        let positions = self.tracker.uncommitted();
        if positions.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::new();
        let added = positions.iter().try_for_each(|(topic, partition, offset)| {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
        });
        let result = added.and_then(|()| self.consumer.commit(&list, mode));
        match &result {
            Ok(()) => self.tracker.committed(&positions),
            Err(error) => tracing::warn!(%error, "a commit was refused"),
        }
        if matches!(mode, CommitMode::Sync) {
            self.meters.committed(&result);
        }
    }

    fn watch_progress(&self) {
        let stalled = self.tracker.stalled_for();
        self.meters.stalled_seconds.set(i64::try_from(stalled.as_secs()).unwrap_or(i64::MAX));
        if stalled > STALL {
            self.component.not_ready(format!("records are at hand, but none was finished for {} s", stalled.as_secs()));
        } else if self.tracker.is_assigned() {
            self.component.ready();
        }
    }

    /// Sorts an error of `poll`: most are waited out by librdkafka itself, some end the service.
    fn explain(&self, error: &KafkaError) -> Result<(), Fatal> {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::NoOffset) => Err(format!(
                "the group has no valid offset on a partition ({error}): either `kassactl topics apply` was not run, or records were deleted before they were read"
            )
            .into()),
            Some(RDKafkaErrorCode::Fatal) => Err(format!("the Kafka consumer cannot go on: {error}").into()),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
                Err(format!("the Kafka consumer cannot go on: {error}").into())
            }
            _ => {
                // Most of them the context was told before, with a reason.
                self.consumer.context().complaints.warn(error, "");
                Ok(())
            }
        }
    }
}
