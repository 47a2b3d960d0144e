//! The fleet against a hub that fails in every way a hub can: whatever happens, each document is acknowledged
//! exactly once in the ledger, and is stored at least once.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use load_tests::{
    fleet::{EventClock, Fleet, Load, Offline, Settings, Storm},
    ledger::{Kind, State},
    random::mix,
    recall::Recalled,
    world::World,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::unbounded_channel,
};

/// A hub in its smallest form. `fate` says what becomes of the n-th request.
struct Hub {
    stored: Mutex<HashMap<Request, u32>>,
    requests: AtomicU64,
    fate: fn(u64) -> Fate,
}

/// What makes a document another one: two checks of 1C may have the same bytes.
#[derive(PartialEq, Eq, Hash)]
struct Request {
    path: String,
    body: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Accept,
    /// Stored, but the answer is lost.
    StoreAndHangUp,
    HangUp,
    Silence,
    Unavailable,
    TooMany,
    Reject,
}

const ACCEPTED: &str =
    r#"{"results":[{"index":0,"id":"00ff","status":"accepted"}],"unread_from":null,"pending":0,"next_poll_after":60}"#;
const REJECTED: &str =
    r#"{"type":"urn:x","status":422,"results":[{"index":0,"status":"rejected","reason":"not for me"}]}"#;
const BUSY: &str = r#"{"type":"urn:x","status":503,"detail":"busy"}"#;

impl Hub {
    async fn start(fate: fn(u64) -> Fate) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let hub = Arc::new(Self { stored: Mutex::default(), requests: AtomicU64::new(0), fate });
        let serving = hub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let hub = serving.clone();
                tokio::spawn(async move { hub.serve(stream).await });
            }
        });
        (hub, address)
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let request = read_request(&mut stream, &mut buffer).await?;
            let fate = (self.fate)(self.requests.fetch_add(1, Ordering::Relaxed));
            if matches!(fate, Fate::Accept | Fate::StoreAndHangUp) {
                *self.stored.lock().unwrap().entry(request).or_default() += 1;
            }
            let (status, extra, body) = match fate {
                Fate::Accept => ("200 OK", "", ACCEPTED),
                Fate::Reject => ("422 Unprocessable Content", "", REJECTED),
                Fate::Unavailable => ("503 Service Unavailable", "retry-after: 0\r\n", BUSY),
                Fate::TooMany => ("429 Too Many Requests", "retry-after: 0\r\nconnection: close\r\n", BUSY),
                Fate::HangUp | Fate::StoreAndHangUp => return Ok(()),
                Fate::Silence => continue,
            };
            let answer = format!("HTTP/1.1 {status}\r\n{extra}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Request> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut head = httparse::Request::new(&mut headers);
        if let Ok(httparse::Status::Complete(start)) = head.parse(buffer) {
            let header = |name: &str| {
                let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).unwrap();
                std::str::from_utf8(found.value).unwrap().to_owned()
            };
            let path = head.path.unwrap().to_owned();
            assert!(path.starts_with("/v1/registers/kassa-"), "{path}");
            assert!(header("authorization").starts_with("Bearer token-"));
            let (_, format) = path.split_once("?format=").unwrap();
            let content_type = match format.split('&').next().unwrap() {
                "ffd-tlv" => "application/octet-stream",
                "frontol" => "text/csv; charset=windows-1251",
                "set-retail" => "text/xml",
                "xml-1c" => "application/xml",
                _ => "application/json",
            };
            assert_eq!(header("content-type"), content_type, "{path}");
            assert_eq!(format.starts_with("xml-1c"), path.contains("&document_id=%D0%A7%D0%9A-"), "{path}");
            let end = start + header("content-length").parse::<usize>().unwrap();
            if buffer.len() >= end {
                let request = Request { path, body: buffer[start..end].to_vec() };
                buffer.drain(..end);
                return Ok(request);
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn settings(world: &World, target: String) -> Settings {
    Settings {
        target,
        tokens: (0..world.registers.len()).map(|register| format!("token-{register}")).collect(),
        connections: 16,
        per_register: 4,
        timeout: Duration::from_millis(400),
        repeats_per_mille: 50,
        repeats_within: Settings::REPEATS_WITHIN,
        clock: EventClock::ending(1_760_000_000, 2_000, 30),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_is_acknowledged_once_whatever_the_hub_does() {
    let (hub, target) = Hub::start(|request| match mix(&[request]) % 20 {
        0 => Fate::StoreAndHangUp,
        1 => Fate::HangUp,
        2 => Fate::Silence,
        3..=4 => Fate::Unavailable,
        5 => Fate::TooMany,
        _ => Fate::Accept,
    })
    .await;
    let world = Arc::new(World::new(36, 60));
    let (probes, mut announced) = unbounded_channel();
    let fleet = Fleet::start(world.clone(), settings(&world, target), Some(probes)).unwrap();
    let offline = Offline { per_mille: 333, from: Duration::from_millis(300), until: Duration::from_millis(1_200) };
    let load = Load { rate: 1_000.0, duration: Duration::from_secs(2), offline: Some(offline), probes: 20.0 };
    fleet.load(load).await.unwrap();
    assert_eq!(fleet.settle(Duration::from_secs(60)).await.unwrap(), 0);
    let record = fleet.end().unwrap();

    assert_eq!(record.counters.made, 2_040);
    assert_eq!((record.counters.acknowledged, record.counters.rejected), (2_040, 0));
    assert!(record.ledger.entries().iter().all(|entry| entry.state == State::Acknowledged));
    assert!(record.counters.retries > 100 && record.counters.broken > 50 && record.counters.timeouts > 20);
    assert!(record.counters.answers[&503] > 100 && record.counters.answers[&429] > 20);
    assert!((60..160).contains(&record.counters.repeats), "{}", record.counters.repeats);
    assert!(record.backlog_us.len() > 100, "{}", record.backlog_us.len());
    assert_eq!(record.backlog_us.len() + record.fresh_us.len(), 2_040);
    let recalled = Recalled::of(&world, &record.ledger);
    assert!(!recalled.products.is_empty() && recalled.doubtful.is_empty());

    // Stored: every document, none that was not made, some more than once.
    let stored = hub.stored.lock().unwrap();
    assert_eq!(stored.len(), 2_040);
    assert!(stored.values().any(|copies| *copies > 1));
    // Formats without a number of a fiscal drive are sent, and sent again, like all others.
    let named = ["frontol", "set-retail", "xml-1c"].map(|format| {
        let of_format: Vec<_> = stored.iter().filter(|(request, _)| request.path.contains(format)).collect();
        assert!(!of_format.is_empty(), "{format}");
        of_format.iter().filter(|(_, copies)| **copies > 1).count()
    });
    assert!(named.iter().sum::<usize>() > 0);
    let mut seen = 0;
    while let Ok(probe) = announced.try_recv() {
        assert!(probe.receipt_id.starts_with("probe/9999078900"));
        seen += 1;
    }
    assert_eq!(seen, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_not_sent_again() {
    let (hub, target) = Hub::start(|request| if request % 10 == 0 { Fate::Reject } else { Fate::Accept }).await;
    let world = Arc::new(World::new(32, 10));
    let settings = Settings { repeats_per_mille: 0, ..settings(&world, target) };
    let fleet = Fleet::start(world, settings, None).unwrap();
    fleet.load(Load { rate: 1_000.0, duration: Duration::from_millis(500), offline: None, probes: 0.0 }).await.unwrap();
    assert_eq!(fleet.settle(Duration::from_secs(20)).await.unwrap(), 0);
    let record = fleet.end().unwrap();
    assert_eq!((record.counters.acknowledged, record.counters.rejected), (450, 50));
    assert_eq!(hub.requests.load(Ordering::Relaxed), 500);
    assert!(record.counters.reasons[0].contains("not for me"));
    let kinds = [Kind::Receipt, Kind::Shift, Kind::Encashment];
    assert_eq!(kinds.map(|kind| record.ledger.count(kind, State::Rejected)).iter().sum::<usize>(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_away_loses_nothing() {
    let world = Arc::new(World::new(33, 5));
    // A port on which nobody listens.
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let fleet = Fleet::start(world.clone(), settings(&world, target), None).unwrap();
    fleet.load(Load { rate: 200.0, duration: Duration::from_millis(500), offline: None, probes: 0.0 }).await.unwrap();
    let open = fleet.settle(Duration::from_millis(500)).await.unwrap();
    let record = fleet.end().unwrap();
    assert_eq!((open, record.counters.made, record.counters.acknowledged), (100, 100, 0));
    assert!(record.counters.unreachable >= 100);
    let recalled = Recalled::of(&world, &record.ledger);
    assert!(recalled.products.is_empty() && !recalled.doubtful.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_asks_again_without_waiting_and_ends_in_patience() {
    let (hub, target) =
        Hub::start(|request| if request % 5 == 0 || request > 1_900 { Fate::Accept } else { Fate::Unavailable }).await;
    let world = Arc::new(World::new(34, 10));
    // Long enough for a machine that is busy with other work: no answer is to be missed.
    let timeout = Duration::from_secs(10);
    let settings = Settings { connections: 64, repeats_per_mille: 0, timeout, ..settings(&world, target) };
    let fleet = Fleet::start(world, settings, None).unwrap();
    let report = fleet.storm(Storm { rate: 2_000.0, duration: Duration::from_secs(1), documents: 500 }).await.unwrap();
    assert!(report.attempts + report.missed >= 1_900, "{report:?}");
    assert!(report.answers[&503] > report.accepted * 3 && report.unanswered == 0, "{report:?}");
    assert_eq!(fleet.settle(Duration::from_secs(60)).await.unwrap(), 0);
    let record = fleet.end().unwrap();
    assert_eq!(record.counters.acknowledged, record.counters.made);
    assert_eq!(hub.stored.lock().unwrap().len() as u64, record.counters.made);
}
