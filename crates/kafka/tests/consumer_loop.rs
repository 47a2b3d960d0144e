//! The consumer loop on a real broker: what is committed, what is delivered again, and the bounds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use kafka::{
    Client, ConsumerSettings, Delivered, Gate, Handler, Producer, ProducerSettings, Record, Ticket, admin, consumer,
};
use local_servers::testing::{BOUND, until};
use rdkafka::{error::RDKafkaErrorCode, message::Message as _};
use schemas::catalogue::Catalogue;
use service::{Context, Fatal, settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const TOPIC: &str = "registers.raw.v1";

/// A corner of the broker with the catalogue's topics, of few partitions.
async fn installation(partitions: i32) -> Client {
    let prefix = local_servers::testing::unique("loop") + ".";
    let settings = settings::Kafka {
        brokers: local_servers::testing::endpoints().kafka,
        topic_prefix: prefix,
        client_file: None,
        registry_url: String::new(),
    };
    let client = Client::new(&settings).unwrap();
    let catalogue = Catalogue::load().unwrap().with_at_most(partitions);
    admin::apply_topics(&client, &catalogue, 1).await.unwrap();
    client
}

#[derive(Debug)]
struct Report(mpsc::Sender<Result<(), RDKafkaErrorCode>>);

impl Delivered for Report {
    fn delivered(self: Box<Self>, result: Result<(), RDKafkaErrorCode>) {
        self.0.send(result).unwrap();
    }
}

/// Sends `count` records, values "0", "1", ..., all acknowledged when it returns.
fn produce(client: &Client, count: usize) {
    let settings = ProducerSettings {
        linger: Duration::from_millis(1),
        message_timeout: None,
        queue_records: 10_000,
        queue_bytes: 1 << 24,
    };
    let producer = Producer::new(client, &settings, CancellationToken::new()).unwrap();
    let (sender, receiver) = mpsc::channel();
    for n in 0..count {
        let (key, value) = (format!("tenant/r{n}"), n.to_string());
        producer.send(&client.prefixed(TOPIC), key.as_bytes(), value.as_bytes(), Report(sender.clone())).unwrap();
    }
    for _ in 0..count {
        receiver.recv_timeout(BOUND).unwrap().unwrap();
    }
}

/// Keeps every record, finished or not, as the test decides.
#[derive(Clone, Default)]
struct Keep {
    held: Arc<Mutex<Vec<(String, Ticket)>>>,
    finish_at_once: bool,
    refuse: Arc<Mutex<bool>>,
    seen: Arc<Mutex<Vec<String>>>,
    offers: Arc<Mutex<Vec<Instant>>>,
}

impl Handler for Keep {
    fn take(&mut self, records: &mut VecDeque<Record<'_>>) -> Result<(), Fatal> {
        self.offers.lock().unwrap().push(Instant::now());
        if *self.refuse.lock().unwrap() {
            return Ok(());
        }
        for record in records.drain(..) {
            let value = String::from_utf8(record.message.payload().unwrap().to_vec()).unwrap();
            self.seen.lock().unwrap().push(value.clone());
            if self.finish_at_once {
                record.ticket.finish();
            } else {
                self.held.lock().unwrap().push((value, record.ticket));
            }
        }
        Ok(())
    }
}

struct Running {
    context: Context,
    task: JoinHandle<Result<(), Fatal>>,
}

fn start(client: &Client, handler: Keep, most: usize) -> Running {
    start_behind(client, handler, most, None)
}

fn start_behind(client: &Client, handler: Keep, most: usize, gate: Option<Gate>) -> Running {
    let settings = ConsumerSettings {
        group: "normalizer",
        topics: vec![TOPIC],
        in_flight_records: most,
        in_flight_bytes: 1 << 20,
        commit_interval: Duration::from_millis(100),
        drain_bound: Duration::from_secs(2),
        gate,
    };
    let context = Context::detached();
    let task = tokio::spawn(consumer::run(client.clone(), settings, handler, context.clone()));
    Running { context, task }
}

impl Running {
    async fn stop(self) -> Result<(), Fatal> {
        self.context.shutdown.cancel();
        tokio::time::timeout(BOUND, self.task).await.unwrap().unwrap()
    }
}

async fn lag(client: &Client) -> i64 {
    let lags = admin::lag(client, &Catalogue::load().unwrap()).await.unwrap();
    lags.iter().filter(|l| l.group == "normalizer").map(admin::Lag::records).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_committed_past_an_unfinished_record_and_it_is_delivered_again() {
    let client = installation(1).await;
    produce(&client, 10);
    let first = Keep::default();
    let running = start(&client, first.clone(), 1000);
    until("all are delivered", async || first.held.lock().unwrap().len() == 10).await;
    let held = std::mem::take(&mut *first.held.lock().unwrap());
    for (value, ticket) in held {
        if value != "4" {
            ticket.finish();
        }
    }
    running.stop().await.unwrap();
    assert_eq!(lag(&client).await, 6, "the committed position is record 4");

    let second = Keep { finish_at_once: true, ..Keep::default() };
    let running = start(&client, second.clone(), 1000);
    until("the rest is delivered again", async || second.seen.lock().unwrap().len() == 6).await;
    running.stop().await.unwrap();
    assert_eq!(*second.seen.lock().unwrap(), ["4", "5", "6", "7", "8", "9"]);
    assert_eq!(lag(&client).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_stays_within_the_bound_and_goes_on_when_it_is_finished() {
    let client = installation(1).await;
    produce(&client, 3000);
    let handler = Keep::default();
    let running = start(&client, handler.clone(), 100);
    until("the bound is reached", async || handler.held.lock().unwrap().len() >= 100).await;
    let mut finished = 0;
    while finished < 3000 {
        let held = std::mem::take(&mut *handler.held.lock().unwrap());
        // A batch of 500 may already be fetched when the bound is reached.
        assert!(held.len() <= 100 + 500, "{} are open", held.len());
        finished += held.len();
        held.into_iter().for_each(|(_, ticket)| ticket.finish());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    running.stop().await.unwrap();
    assert_eq!(lag(&client).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_were_paused_when_they_were_taken_away_are_read_after_they_come_back() {
    let client = installation(2).await;
    produce(&client, 3000);
    let handler = Keep::default();
    let running = start(&client, handler.clone(), 100);
    until("it is paused", async || running.context.metric("kassaflow_consumer_pauses_total") == Some(1.0)).await;
    let other = start(&client, Keep { finish_at_once: true, ..Keep::default() }, 100);
    until("both have partitions", async || other.context.health.reasons().is_empty()).await;
    // Their partitions were taken away, and yet somebody holds these records: there is still no room.
    let open = running.context.metric("kassaflow_consumer_in_flight_records").unwrap();
    assert!(open >= 100.0, "{open} are in flight");
    other.stop().await.unwrap();
    until("all are read and committed", async || {
        std::mem::take(&mut *handler.held.lock().unwrap()).into_iter().for_each(|(_, ticket)| ticket.finish());
        lag(&client).await == 0
    })
    .await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_not_taken_are_offered_again_and_none_is_lost() {
    let client = installation(2).await;
    produce(&client, 50);
    let handler = Keep { finish_at_once: true, ..Keep::default() };
    *handler.refuse.lock().unwrap() = true;
    let running = start(&client, handler.clone(), 1000);
    until("the group has its partitions", async || running.context.health.reasons().is_empty()).await;
    *handler.refuse.lock().unwrap() = false;
    until("all are taken", async || handler.seen.lock().unwrap().len() == 50).await;
    running.stop().await.unwrap();
    let mut seen: Vec<u32> = handler.seen.lock().unwrap().iter().map(|v| v.parse().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_batch_that_is_not_taken_is_offered_again_after_a_pause() {
    let client = installation(1).await;
    produce(&client, 3000);
    let handler = Keep { finish_at_once: true, ..Keep::default() };
    *handler.refuse.lock().unwrap() = true;
    let running = start(&client, handler.clone(), 10_000);
    until("it was offered often", async || handler.offers.lock().unwrap().len() >= 5).await;
    let offers = handler.offers.lock().unwrap().clone();
    assert!(offers[4] - offers[0] >= Duration::from_millis(250), "20, 40, 80 and 160 ms lie between: {offers:?}");
    *handler.refuse.lock().unwrap() = false;
    until("all are taken", async || handler.seen.lock().unwrap().len() == 3000).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_handler_that_takes_nothing_for_long_is_a_reason_to_pause() {
    let client = installation(1).await;
    produce(&client, 3000);
    let handler = Keep { finish_at_once: true, ..Keep::default() };
    *handler.refuse.lock().unwrap() = true;
    let running = start(&client, handler.clone(), 10_000);
    let pauses = || running.context.metric("kassaflow_consumer_pauses_total");
    until("it was offered again", async || handler.offers.lock().unwrap().len() >= 3).await;
    // What was fetched is thrown away by a pause, and fetched again.
    assert_eq!(pauses(), Some(0.0));
    until("it is paused", async || pauses() == Some(1.0)).await;
    let offers = handler.offers.lock().unwrap().clone();
    assert!(offers[offers.len() - 1] - offers[0] >= Duration::from_millis(500), "{offers:?}");
    *handler.refuse.lock().unwrap() = false;
    until("all are taken", async || handler.seen.lock().unwrap().len() == 3000).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_lets_through_as_many_as_it_was_told_in_order() {
    let client = installation(1).await;
    produce(&client, 2000);
    let handler = Keep { finish_at_once: true, ..Keep::default() };
    let gate = Gate::default();
    let running = start_behind(&client, handler.clone(), 1000, Some(gate.clone()));
    // A gate that stays closed is a reason to pause, and to stay a member of the group.
    until("it is paused", async || running.context.metric("kassaflow_consumer_pauses_total") == Some(1.0)).await;
    assert!(handler.seen.lock().unwrap().is_empty());
    for (allowed, pauses) in [(10, 2.0), (700, 3.0)] {
        gate.allow(allowed);
        until("it is paused again", async || running.context.metric("kassaflow_consumer_pauses_total") == Some(pauses))
            .await;
    }
    assert_eq!(handler.seen.lock().unwrap().len(), 710);
    gate.allow(usize::MAX);
    until("all are taken", async || handler.seen.lock().unwrap().len() == 2000).await;
    running.stop().await.unwrap();
    assert_eq!(*handler.seen.lock().unwrap(), (0..2000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(lag(&client).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_handed_over_after_the_work_at_hand_is_committed() {
    let client = installation(4).await;
    produce(&client, 200);
    let first = Keep { finish_at_once: true, ..Keep::default() };
    let one = start(&client, first.clone(), 1000);
    until("the first has read all", async || first.seen.lock().unwrap().len() == 200).await;
    let second = Keep { finish_at_once: true, ..Keep::default() };
    let other = start(&client, second.clone(), 1000);
    until("the second has partitions", async || other.context.health.reasons().is_empty()).await;
    produce(&client, 200);
    let seen = |keep: &Keep| keep.seen.lock().unwrap().len();
    until("both share the rest", async || seen(&first) + seen(&second) == 400).await;
    assert!(seen(&second) > 0, "the second has got work");
    one.stop().await.unwrap();
    other.stop().await.unwrap();
    assert_eq!(lag(&client).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_an_offset_stops_instead_of_guessing() {
    let client = installation(1).await;
    produce(&client, 1);
    let settings = ConsumerSettings {
        group: "a-group-nobody-knows",
        topics: vec![TOPIC],
        in_flight_records: 10,
        in_flight_bytes: 1 << 20,
        commit_interval: Duration::from_millis(100),
        drain_bound: Duration::from_secs(1),
        gate: None,
    };
    let ended = consumer::run(client, settings, Keep::default(), Context::detached());
    let error = tokio::time::timeout(BOUND, ended).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("kassactl topics apply"), "{error}");
}
