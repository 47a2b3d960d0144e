//! How large and how slow a request may be.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{answer, hub, hub_with, problem};

const JSON: &str = "application/vnd.kassaflow.dreamkas+json";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_bound_is_refused_announced_or_not() {
    let hub = hub_with(|settings| {
        settings.limits.max_body_bytes = 100_000;
        settings.limits.max_document_bytes = 1_000;
    })
    .await;
    let token = hub.enrol("till-1").await;
    let announced = hub.post("till-1", &token).header(CONTENT_TYPE, JSON).body(vec![b' '; 100_001]);
    let pieces = futures_util::stream::iter((0..30).map(|_| Ok::<_, std::io::Error>(vec![b' '; 10_000])));
    let chunked = hub.post("till-1", &token).header(CONTENT_TYPE, JSON).body(reqwest::Body::wrap_stream(pieces));
    for request in [announced, chunked] {
        let (status, body) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, problem(&body), &body["limit"]), (413, "too-large", &json!(100_000)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_refused_before_it_is_expanded() {
    let hub = hub_with(|settings| {
        settings.limits.max_document_bytes = 1_000;
        settings.limits.max_body_bytes = 100_000;
        settings.limits.max_decompressed_bytes = 1_000_000;
    })
    .await;
    let token = hub.enrol("till-1").await;
    let zeros = vec![0; 30_000_000];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&zeros).unwrap();
    for (encoding, bomb) in [("gzip", gzip.finish().unwrap()), ("zstd", zstd::encode_all(&zeros[..], 3).unwrap())] {
        let request =
            hub.post("till-1", &token).header(CONTENT_TYPE, JSON).header(CONTENT_ENCODING, encoding).body(bomb);
        let (status, body) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, problem(&body), &body["limit"]), (413, "too-large", &json!(1_000_000)), "{encoding}");
    }
    assert_eq!(hub.metric("kassaflow_hub_bytes_in_flight"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_broken_compression_is_named() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let send = |encoding: &str| {
        hub.post("till-1", &token)
            .header(CONTENT_TYPE, JSON)
            .header(CONTENT_ENCODING, encoding.to_owned())
            .body("{}")
            .send()
    };
    let unknown = send("br").await.unwrap();
    assert_eq!(unknown.headers()[ACCEPT_ENCODING], "gzip, zstd");
    let (status, body) = answer(unknown).await;
    assert_eq!((status, problem(&body), &body["encodings"]), (415, "unknown-encoding", &json!(["gzip", "zstd"])));
    let (status, body) = answer(send("gzip").await.unwrap()).await;
    assert_eq!((status, problem(&body)), (400, "unreadable-body"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_head_does_not_announce_is_no_rejected_document() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    for (version, announced, status) in [
        ("1.0", "", "400 Bad Request"),
        ("1.1", "Content-Length: 0\r\n", "400 Bad Request"),
        ("1.1", "Transfer-Encoding: gzip, chunked\r\n", "415 Unsupported Media Type"),
    ] {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        let request = format!(
            "POST /v1/registers/till-1/documents HTTP/{version}\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: {JSON}\r\n{announced}\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_head(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/{version} {status}")), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_coming_is_given_up() {
    let hub = hub_with(|settings| settings.timeouts.body_timeout_seconds = 1).await;
    let token = hub.enrol("till-1").await;
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let head = format!(
        "POST /v1/registers/till-1/documents HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(hub.metric("kassaflow_hub_bytes_in_flight"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let hub = hub_with(|settings| settings.http.header_timeout_seconds = 1).await;
    for said in ["", "POST /v1/registers/till-1/documents HTTP/1.1\r\nHost:"] {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert!(rest.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_does_not_cost_the_connection() {
    let hub = hub().await;
    let token = hub.enrol("till-1").await;
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    // The first request is refused before its body is read, the second one is taken.
    let head = |token: &str, length: usize| {
        format!(
            "POST /v1/registers/till-1/documents HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    stream.write_all(head("nonsense", 50_000).as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 50_000]).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 401"));
    stream.write_all((head(&token, 2) + "{}").as_bytes()).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
}

/// Reads one answer and returns its head.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 1_024];
        let count = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut piece)).await.unwrap().unwrap();
        assert!(count > 0, "closed after {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}
