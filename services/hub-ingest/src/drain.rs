//! Reading away the body of a request that is refused.
//!
//! A server that closes a connection with unread bytes in it resets it, and the client may then
//! never see the answer. So a body that nobody wants is read and forgotten, within bounds.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    body::Body,
    header::{EXPECT, HeaderMap},
};

/// A body of at most so many bytes is read before the answer is sent; the answer to a larger one is
/// sent at once.
const SMALL: u64 = 65_536;
/// So long a small body may take before the answer is sent regardless.
const BEFORE_ANSWER: Duration = Duration::from_secs(1);
/// So long and so much is read while and after the answer is sent.
const AFTER_ANSWER: (Duration, usize) = (Duration::from_secs(5), 16 * 1024 * 1024);

/// Reads away a small body; a large or slow one goes on being read in a task of its own.
pub async fn before_answer<B>(headers: &HeaderMap, mut body: B)
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
{
    if body.is_end_stream() || waits_for_permission(headers) {
        return;
    }
    let small = body.size_hint().upper().is_some_and(|most| most <= SMALL);
    let done = small && tokio::time::timeout(BEFORE_ANSWER, read_away(&mut body, usize::MAX)).await.is_ok();
    if !done {
        in_background(body);
    }
}

fn in_background<B>(mut body: B)
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
{
    let (time, bytes) = AFTER_ANSWER;
    tokio::spawn(async move { tokio::time::timeout(time, read_away(&mut body, bytes)).await });
}

/// A client that asked whether it may send its body sends none when the answer is no.
fn waits_for_permission(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

async fn read_away<B: Body<Data = Bytes> + Unpin>(body: &mut B, most: usize) {
    let mut read = 0_usize;
    while let Some(Ok(frame)) = body.frame().await {
        read = read.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if read > most {
            return;
        }
    }
}
