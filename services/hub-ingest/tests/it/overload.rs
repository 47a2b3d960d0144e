//! Overload is answered, not suffered.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use local_servers::testing::until;
use schemas::raw::{RawDocument, TOPIC};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::support::{TestHub, answer, hub_with, problem, statuses};

const CLIENTS: usize = 300;
const REQUESTS: usize = 20;

/// What clients saw.
#[derive(Debug, Default)]
struct Seen {
    accepted: BTreeSet<String>,
    refused: usize,
}

/// Sends one document after the other on one connection and notes each answer. Any broken
/// connection and any answer but 200 and 503 with `Retry-After` is a panic.
async fn client(address: std::net::SocketAddr, token: String, name: usize) -> Seen {
    let mut seen = Seen::default();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for number in 0..REQUESTS {
        let body = format!(r#"{{"client":{name},"number":{number},"text":"{}"}}"#, "т".repeat(700));
        let request = format!(
            "POST /v1/registers/till-1/documents HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: application/vnd.kassaflow.dreamkas+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_answer(&mut stream).await;
        if head.starts_with("HTTP/1.1 200") {
            seen.accepted.insert(body);
        } else {
            assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: "), "{head}");
            seen.refused += 1;
        }
        if head.contains("connection: close") {
            stream = TcpStream::connect(address).await.unwrap();
        }
    }
    seen
}

async fn read_answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 2_048];
        let count = stream.read(&mut piece).await.expect("the connection was reset");
        assert!(count > 0, "the connection was closed without an answer");
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
        if body.len() >= length {
            return head.replacen("http/1.1", "HTTP/1.1", 1);
        }
    }
}

async fn rush(hub: &TestHub) -> Seen {
    let token = hub.enrol("till-1").await;
    let mut clients = JoinSet::new();
    for name in 0..CLIENTS {
        clients.spawn(client(hub.address, token.clone(), name));
    }
    clients.join_all().await.into_iter().fold(Seen::default(), |mut all, seen| {
        all.accepted.extend(seen.accepted);
        all.refused += seen.refused;
        all
    })
}

async fn check(hub: &TestHub, seen: Seen) {
    assert_eq!(seen.accepted.len() + seen.refused, CLIENTS * REQUESTS);
    assert!(
        !seen.accepted.is_empty() && seen.refused > 0,
        "{} accepted, {} refused",
        seen.accepted.len(),
        seen.refused
    );
    let records = hub.installation.read_all(TOPIC).await;
    let stored: BTreeSet<String> = records
        .iter()
        .map(|record| String::from_utf8(record.decode::<RawDocument<'_>>().body.into_owned()).unwrap())
        .collect();
    assert!(seen.accepted.is_subset(&stored), "something that was accepted is not on the topic");
    assert_eq!(hub.metric("kassaflow_hub_requests_in_flight"), 0.0);
    assert_eq!(hub.metric("kassaflow_hub_bytes_in_flight"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_refused_and_no_connection_is_reset() {
    let hub = hub_with(|settings| settings.admission.max_requests_in_flight = 8).await;
    let seen = rush(&hub).await;
    assert!(hub.metric("kassaflow_hub_refused_total") >= seen.refused as f64);
    check(&hub, seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_documents_is_kept() {
    let hub = hub_with(|settings| settings.admission.documents_per_second = Some(200)).await;
    let begun = std::time::Instant::now();
    let seen = rush(&hub).await;
    let most = 200.0 * begun.elapsed().as_secs_f64() + 100.0;
    assert!((seen.accepted.len() as f64) < most, "{} accepted, at most {most}", seen.accepted.len());
    check(&hub, seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_charged_with_all_its_documents() {
    let hub = hub_with(|settings| settings.admission.documents_per_second = Some(100)).await;
    let token = hub.enrol("till-1").await;
    let batch = format!("[{}]", vec!["{}"; 1_000].join(","));
    until("the batch is let in", async || hub.send_json("till-1", &token, batch.clone()).await.0 == 200).await;
    // Ten seconds of the rate are spent.
    let (status, body) = hub.send_json("till-1", &token, "{}").await;
    assert_eq!((status, problem(&body)), (503, "overloaded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_the_queue_is_to_be_sent_again() {
    let hub = hub_with(|settings| settings.producer.queue_records = 100).await;
    let token = hub.enrol("till-1").await;
    let documents: Vec<String> = (0..5_000).map(|number| format!(r#"{{"number":{number}}}"#)).collect();
    let (status, body) = hub.send_json("till-1", &token, format!("[{}]", documents.join(","))).await;
    assert_eq!(status, 200);
    // Nothing overtakes: those that were accepted are the first ones, and only they are stored.
    let accepted = statuses(&body).iter().take_while(|status| **status == "accepted").count();
    assert!((100..5_000).contains(&accepted), "{accepted} accepted");
    assert!(statuses(&body)[accepted..].iter().all(|status| *status == "retry"));
    let records = hub.installation.read_all(TOPIC).await;
    let stored: Vec<String> = records
        .iter()
        .map(|record| String::from_utf8(record.decode::<RawDocument<'_>>().body.into_owned()).unwrap())
        .collect();
    assert_eq!(stored, documents[..accepted]);
    assert_eq!(hub.metric("kassaflow_hub_producer_queue_bytes"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_held_are_bounded() {
    let hub = hub_with(|settings| {
        settings.admission.max_bytes_in_flight = 300_000;
        settings.limits.max_document_bytes = 1_000;
        settings.limits.max_body_bytes = 150_000;
        settings.limits.max_decompressed_bytes = 150_000;
    })
    .await;
    let token = hub.enrol("till-1").await;
    // Three clients send most of what they announced and stop.
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        let head = format!(
            "POST /v1/registers/till-1/documents HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: application/vnd.kassaflow.dreamkas+json\r\nContent-Length: 150000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; 99_000]).await.unwrap();
        streams.push(stream);
    }
    until("the bodies are held", async || hub.metric("kassaflow_hub_bytes_in_flight") >= 297_000.0).await;
    let large = format!(r#"[{}{{}}]"#, " ".repeat(10_000));
    let request =
        hub.post("till-1", &token).header("content-type", "application/vnd.kassaflow.dreamkas+json").body(large);
    let response = request.send().await.unwrap();
    assert!(response.headers().contains_key("retry-after"));
    let (status, body) = answer(response).await;
    assert_eq!((status, problem(&body)), (503, "overloaded"));
    // A client that hangs up gives back what it held.
    drop(streams);
    until("nothing is held", async || hub.metric("kassaflow_hub_bytes_in_flight") == 0.0).await;
    assert_eq!(hub.send_json("till-1", &token, "{}").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_bound_get_their_turn() {
    let hub = hub_with(|settings| settings.http.max_connections = 20).await;
    let token = hub.enrol("till-1").await;
    let answered = AtomicUsize::new(0);
    // Five times as many connections as there is room for, each kept open by its client.
    let clients: Vec<_> = (0..100)
        .map(|_| async {
            let mut stream = TcpStream::connect(hub.address).await.unwrap();
            let request = format!("POST /v1/registers/till-1/documents HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: application/vnd.kassaflow.dreamkas+json\r\nContent-Length: 2\r\n\r\n{{}}");
            stream.write_all(request.as_bytes()).await.unwrap();
            assert!(read_answer(&mut stream).await.starts_with("HTTP/1.1 200"));
            answered.fetch_add(1, Ordering::Relaxed);
            stream
        })
        .collect();
    let streams = tokio::time::timeout(Duration::from_secs(40), futures_util::future::join_all(clients)).await;
    assert!(streams.is_ok(), "only {} were answered", answered.load(Ordering::Relaxed));
    assert!(hub.metric("kassaflow_hub_connections") <= 20.0);
}
