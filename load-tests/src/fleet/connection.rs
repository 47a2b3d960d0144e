//! One keep-alive connection to the hub.
//!
//! The fleet shares its machine with what it measures, so a request must cost next to nothing: one write, one
//! read, no header map. An HTTP library would double that.

use std::{io, time::Duration};

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Longest head of an answer that is read.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Longest body of an answer that is read; an answer to one document has some hundred bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// An answer to a request with one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// The hub's verdict on the document, if it gave one.
    pub verdict: Option<Verdict>,
    /// The reason of a verdict or problem, as the hub worded it.
    pub reason: Option<String>,
    /// The hub closes the connection after this answer.
    pub closes: bool,
}

/// What the hub decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Stored.
    Accepted,
    /// Refused for good.
    Rejected,
    /// To be sent again.
    Retry,
}

/// Why there was no answer. The document may have been stored or not: it must be sent again.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The connection could not be opened, or broke.
    #[error("the connection is lost: {0}")]
    Lost(#[from] io::Error),
    /// What came back is not an HTTP/1.1 answer with a length.
    #[error("the answer cannot be read: {0}")]
    Unreadable(&'static str),
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    results: Vec<DocumentResult>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct DocumentResult {
    status: Verdict,
    reason: Option<String>,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens a connection to `host:port`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(address: &str) -> Result<Self, NoAnswer> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1_024) })
    }

    /// Sends a request and reads the answer to it.
    ///
    /// # Errors
    /// When no whole answer came. The connection must not be used any more.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer, NoAnswer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if let Some(answer) = parse(&self.buffer)? {
                return Ok(answer);
            }
        }
    }
}

/// Reads an answer; `None` where more has to come.
fn parse(bytes: &[u8]) -> Result<Option<Answer>, NoAnswer> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut head = httparse::Response::new(&mut headers);
    let start = match head.parse(bytes).map_err(|_| NoAnswer::Unreadable("broken head"))? {
        httparse::Status::Complete(start) => start,
        httparse::Status::Partial if bytes.len() > MAX_HEAD_BYTES => return Err(NoAnswer::Unreadable("endless head")),
        httparse::Status::Partial => return Ok(None),
    };
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
    let length = length.ok_or(NoAnswer::Unreadable("no length"))?;
    if length > MAX_BODY_BYTES {
        return Err(NoAnswer::Unreadable("endless body"));
    }
    let Some(body) = bytes.get(start..start + length) else { return Ok(None) };
    let results: Option<Results> = serde_json::from_slice(body).ok();
    let (result, detail) = results.map_or((None, None), |mut results| (results.results.pop(), results.detail));
    let (verdict, reason) = result.map_or((None, None), |result| (Some(result.status), result.reason));
    Ok(Some(Answer {
        status: head.code.unwrap_or_default(),
        retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
        verdict,
        reason: reason.or(detail),
        closes: header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let body = r#"{"results":[{"index":0,"id":"ab","status":"accepted"}],"unread_from":null}"#;
        let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes.as_bytes()[..end]).unwrap(), None);
        }
        let answer = parse(bytes.as_bytes()).unwrap().unwrap();
        assert_eq!((answer.status, answer.verdict, answer.closes), (200, Some(Verdict::Accepted), false));
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let body = r#"{"type":"urn:x","detail":"the queue is full"}"#;
        let bytes = format!(
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = parse(bytes.as_bytes()).unwrap().unwrap();
        assert_eq!((answer.status, answer.retry_after), (503, Some(Duration::from_secs(7))));
        assert_eq!((answer.verdict, answer.reason.as_deref(), answer.closes), (None, Some("the queue is full"), true));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(parse(b"SSH-2.0-whatever\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").is_err());
    }
}
