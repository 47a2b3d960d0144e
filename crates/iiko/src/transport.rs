//! What carries the calls: one bounded stack for all logins of the process.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use reqwest::{
    StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, timeout::error::Elapsed, util::BoxCloneSyncService};

use crate::{
    error::{Error, Trouble, judge},
    retry::{Bounds, RetryPolicy},
};

/// How much sooner than we iiko is told to give up: an honest 408 is worth more than a cut connection.
const HEADER_MARGIN: Duration = Duration::from_secs(5);

/// Bounds of the calls. The defaults are for production; only `base_url` has to be looked at.
#[derive(Debug, Clone)]
pub struct Options {
    /// Root of the interface, `https://api-ru.iiko.services`.
    pub base_url: String,
    /// Time to establish a connection.
    pub connect_timeout: Duration,
    /// Longest silence of the server, before and within the answer.
    pub read_timeout: Duration,
    /// Time for one try with its whole body: ends an answer that trickles.
    pub deadline: Duration,
    /// Calls under way at the same time. Pauses between tries take no place.
    pub concurrency: usize,
    /// Tries of a call in all.
    pub attempts: u32,
    /// Upper end of the pause after the first failed try; it doubles with each.
    pub first_pause: Duration,
    /// Longest pause between tries; a longer `Retry-After` ends the call.
    pub longest_pause: Duration,
    /// Largest answer, bytes.
    pub max_answer_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: "https://api-ru.iiko.services".to_owned(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(45),
            deadline: Duration::from_secs(60),
            concurrency: 24,
            attempts: 3,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            max_answer_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Options {
    /// Whether the options fit together. [`Transport::new`] asks, too.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self) -> Result<(), OptionsError> {
        let url = Url::parse(&self.base_url).ok();
        if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none()) {
            return Err(OptionsError::BaseUrl(self.base_url.clone()));
        }
        if self.concurrency == 0 || self.attempts == 0 || self.max_answer_bytes == 0 {
            return Err(OptionsError::Bound("concurrency, attempts and the size of an answer must be above zero"));
        }
        if self.connect_timeout > self.read_timeout || self.read_timeout > self.deadline {
            return Err(OptionsError::Bound("connect timeout <= read timeout <= deadline must hold"));
        }
        Ok(())
    }
}

/// Why the options are unusable. The caller must not start.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The base URL is not one.
    #[error("the base URL `{0}` is not an http(s) URL without a query")]
    BaseUrl(String),
    /// A bound is zero or does not fit another one.
    #[error("{0}")]
    Bound(&'static str),
    /// The HTTP client cannot be built, for example without root certificates.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// One request. A clone shares the body.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    path: &'static str,
    body: Bytes,
    token: Option<Arc<str>>,
}

impl Call {
    pub(crate) fn new(path: &'static str, body: &serde_json::Value) -> Self {
        Self { path, body: Bytes::from(body.to_string()), token: None }
    }

    pub(crate) fn with_token(&self, token: Arc<str>) -> Self {
        Self { token: Some(token), ..self.clone() }
    }
}

/// The bounded way to iiko. Clones share permits, connections and the retry budget.
#[derive(Debug, Clone)]
pub struct Transport {
    stack: BoxCloneSyncService<Call, Bytes, Error>,
}

impl Transport {
    /// Builds the stack.
    ///
    /// # Errors
    /// When the options contradict each other or no HTTP client can be built.
    pub fn new(options: &Options) -> Result<Self, OptionsError> {
        options.check()?;
        let bounds = Bounds {
            attempts: options.attempts,
            first_pause: options.first_pause,
            longest_pause: options.longest_pause,
        };
        // From the outside in. A pause between tries holds no permit, and waiting for a permit
        // does not use up the deadline.
        let stack = ServiceBuilder::new()
            .retry(RetryPolicy::new(bounds))
            .concurrency_limit(options.concurrency)
            .map_err(unbox)
            .timeout(options.deadline)
            .service(Wire::new(options)?);
        Ok(Self { stack: BoxCloneSyncService::new(stack) })
    }

    /// Sends a call and answers the body of a 200.
    pub(crate) async fn send(&self, call: Call) -> Result<Bytes, Error> {
        self.stack.clone().oneshot(call).await
    }
}

/// The timeout layer boxes the errors of what it wraps; this takes them out again.
fn unbox(error: BoxError) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(other) if other.is::<Elapsed>() => {
            Error::later(Trouble::Timeout, "the answer was not complete within the deadline")
        }
        Err(other) => Error::later(Trouble::Network, other.to_string()),
    }
}

/// The innermost service: one HTTP exchange, read to its end.
#[derive(Debug, Clone)]
struct Wire {
    client: reqwest::Client,
    base_url: Arc<str>,
    timeout_header: u64,
    max_answer_bytes: usize,
}

impl Wire {
    fn new(options: &Options) -> Result<Self, OptionsError> {
        let client = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.read_timeout)
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(options.concurrency)
            .user_agent(concat!("kassaflow/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            base_url: options.base_url.trim_end_matches('/').into(),
            timeout_header: options.read_timeout.saturating_sub(HEADER_MARGIN).as_secs().max(1),
            max_answer_bytes: options.max_answer_bytes,
        })
    }

    async fn exchange(self, call: Call) -> Result<Bytes, Error> {
        let mut request = self
            .client
            .post(format!("{}{}", self.base_url, call.path))
            .header(CONTENT_TYPE, "application/json")
            .header("Timeout", self.timeout_header)
            .body(call.body);
        if let Some(token) = &call.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.send().await.map_err(trouble)?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = self.read(response).await?;
        if status == StatusCode::OK { Ok(body) } else { Err(judge(status, &body, retry_after)) }
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(trouble)? {
            if body.len() + piece.len() > self.max_answer_bytes {
                let reason = format!("the answer is larger than {} bytes", self.max_answer_bytes);
                return Err(Error::later(Trouble::TooLarge, reason));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

impl Service<Call> for Wire {
    type Response = Bytes;
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Bytes, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move {
            let (path, begun) = (call.path, Instant::now());
            let result = wire.exchange(call).await;
            let outcome = result.as_ref().map_or_else(Error::outcome, |_| "ok");
            tracing::debug!(path, outcome, millis = begun.elapsed().as_millis(), "called iiko");
            result
        })
    }
}

fn trouble(error: reqwest::Error) -> Error {
    let kind = if error.is_timeout() { Trouble::Timeout } else { Trouble::Network };
    // The cause is the part that helps, and reqwest does not print it.
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        reason = format!("{reason}: {inner}");
        cause = inner.source();
    }
    Error::later(kind, crate::error::shorten(reason))
}

/// `Retry-After` in seconds; the form with a date is not used by iiko and is treated as absent.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_options_are_refused_at_start() {
        let base = Options::default();
        assert!(Transport::new(&base).is_ok());
        for broken in [
            Options { base_url: "api-ru.iiko.services".into(), ..base.clone() },
            Options { base_url: "ftp://example.test".into(), ..base.clone() },
            Options { concurrency: 0, ..base.clone() },
            Options { attempts: 0, ..base.clone() },
            Options { read_timeout: Duration::from_secs(61), ..base.clone() },
        ] {
            assert!(Transport::new(&broken).is_err(), "{broken:?}");
        }
    }
}
