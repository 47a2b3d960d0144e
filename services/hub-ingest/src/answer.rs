//! What a client is told: a verdict for each document, and the status that follows from them.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use formats::Place;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::{Serialize, Serializer};

use crate::{
    problem::{Kind, Problem},
    retry_after::RetryAfter,
    sorting::UNKNOWN_REGISTER,
};

/// Seconds after which a register asks again when it has nothing to send.
const NEXT_POLL_AFTER: u32 = 60;

/// About the size of an accepted document's result in JSON, and of what is around the results.
const BYTES_OF_RESULT: usize = 80;
const BYTES_OF_RESULTS: usize = 80;

/// What the hub decided about a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Stored by all in-sync replicas; the register may forget it.
    Accepted,
    /// Final: it must not be sent again as it is.
    Rejected,
    /// Not known to be stored: send it again.
    Retry,
    /// Stored as a dead letter, because nobody can use it: it must not be sent again. Only clouds are told so; they would
    /// send what is rejected for ever.
    DeadLetter,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Rejected, Self::Retry, Self::DeadLetter];

    /// Its name in answers and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Retry => "retry",
            Self::DeadLetter => "dead-letter",
        }
    }
}

/// The verdict on one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentResult {
    /// Place in the request, from 0.
    pub index: usize,
    /// Its hash; a document that could not be read has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The verdict.
    pub status: Verdict,
    /// Kind of fault, for programs: see [`Fault`](crate::sorting::Fault).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'static str>,
    /// Why, for all but accepted documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// Where in the (decompressed) body a document that is not accepted goes wrong.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub place: Option<Place>,
}

fn as_text<S: Serializer>(place: &Option<Place>, serializer: S) -> Result<S::Ok, S::Error> {
    match place {
        Some(place) => serializer.collect_str(place),
        None => serializer.serialize_none(),
    }
}

/// The verdicts on all documents of a request, in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Results {
    results: Vec<DocumentResult>,
    /// Byte of the (decompressed) body from which nothing was read.
    unread_from: Option<usize>,
    /// Commands that wait for the register.
    pending: u32,
    next_poll_after: u32,
}

impl Results {
    /// The verdicts, and where reading ended if it ended early.
    #[must_use]
    pub const fn new(results: Vec<DocumentResult>, unread_from: Option<usize>) -> Self {
        Self { results, unread_from, pending: 0, next_poll_after: NEXT_POLL_AFTER }
    }

    /// Number of documents with a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.results.iter().filter(|result| result.status == verdict).count()
    }

    fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(BYTES_OF_RESULTS + BYTES_OF_RESULT * self.results.len());
        match serde_json::to_writer(&mut json, self) {
            Ok(()) => json,
            // Nothing in it can fail to be written: no map keys, no foreign types.
            Err(_) => Vec::new(),
        }
    }

    /// For a cloud, which knows of nothing but whole requests: 503 if anything of it is to be sent again, else 200.
    #[must_use]
    pub fn into_response_to_cloud(self, retry_after: &RetryAfter) -> Response {
        if self.count(Verdict::Retry) == 0 {
            return self.success();
        }
        let detail = "Send the request again after the seconds of `Retry-After`; what is stored already counts once.";
        let problem = Problem::new(Kind::NotAllStored, detail).with_retry_after(retry_after.pick());
        problem.with_results(self).into_response()
    }

    fn success(&self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// 200 if anything was accepted, 503 if nothing was and something may be sent again, 422 if all were rejected.
    #[must_use]
    pub fn into_response(self, retry_after: &RetryAfter) -> Response {
        if self.count(Verdict::Accepted) > 0 {
            return self.success();
        }
        if self.count(Verdict::Retry) > 0 {
            let detail = "Send the documents with the status `retry` again after the seconds of `Retry-After`.";
            let problem = Problem::new(Kind::NoneAccepted, detail).with_retry_after(retry_after.pick());
            return problem.with_results(self).into_response();
        }
        let detail = match (self.results.is_empty(), self.unread_from) {
            (true, _) => "The body holds no document.".to_owned(),
            (false, None) if self.results.iter().all(|result| result.class == Some(UNKNOWN_REGISTER)) => {
                "Keep these documents, and send them again when their registers are enrolled: the reasons say what is missing.".to_owned()
            }
            (false, None) => "Do not send these documents again as they are.".to_owned(),
            (false, Some(byte)) => format!("Nothing was read from byte {byte} on. If something follows the rejected document that begins there, send that again without it."),
        };
        Problem::new(Kind::AllRejected, detail).with_results(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use hyper::header::RETRY_AFTER;
    use serde_json::{Value, json};

    use super::*;

    fn result(index: usize, status: Verdict) -> DocumentResult {
        match status {
            Verdict::Accepted => {
                DocumentResult { index, id: Some("00ff".into()), status, class: None, reason: None, place: None }
            }
            Verdict::Rejected => DocumentResult {
                index,
                id: None,
                status,
                class: Some("malformed"),
                reason: Some("not JSON".into()),
                place: Some(Place { offset: 12, line: None }),
            },
            Verdict::Retry | Verdict::DeadLetter => DocumentResult {
                index,
                id: Some("00ff".into()),
                status,
                class: None,
                reason: Some("later".into()),
                place: None,
            },
        }
    }

    async fn answer(verdicts: &[Verdict], unread_from: Option<usize>) -> (u16, Option<String>, Value) {
        let results = verdicts.iter().enumerate().map(|(index, verdict)| result(index, *verdict)).collect();
        let response = Results::new(results, unread_from).into_response(&RetryAfter::around(10));
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let media_type = response.headers()[CONTENT_TYPE].clone();
        assert_eq!(media_type == "application/json", status == 200);
        let body = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, retry_after, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn one_accepted_document_makes_it_a_success() {
        let (status, retry_after, body) = answer(&[Verdict::Rejected, Verdict::Accepted, Verdict::Retry], None).await;
        assert_eq!((status, retry_after), (200, None));
        let expected = json!({
            "results": [
                {"index": 0, "status": "rejected", "class": "malformed", "reason": "not JSON", "place": "byte 12"},
                {"index": 1, "id": "00ff", "status": "accepted"},
                {"index": 2, "id": "00ff", "status": "retry", "reason": "later"},
            ],
            "unread_from": null, "pending": 0, "next_poll_after": 60,
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn with_nothing_accepted_and_something_to_send_again_it_is_503() {
        let (status, retry_after, body) = answer(&[Verdict::Rejected, Verdict::Retry], None).await;
        assert_eq!(status, 503);
        assert!(retry_after.is_some());
        assert_eq!((&body["status"], &body["results"][1]["status"]), (&json!(503), &json!("retry")));
    }

    #[tokio::test]
    async fn a_cloud_sends_again_only_what_is_not_stored() {
        let status = |verdicts: &[Verdict]| {
            let results = verdicts.iter().enumerate().map(|(index, verdict)| result(index, *verdict)).collect();
            let response = Results::new(results, None).into_response_to_cloud(&RetryAfter::around(10));
            (response.status().as_u16(), response.headers().contains_key(RETRY_AFTER))
        };
        assert_eq!(status(&[Verdict::Accepted, Verdict::DeadLetter]), (200, false));
        assert_eq!(status(&[Verdict::DeadLetter]), (200, false));
        assert_eq!(status(&[]), (200, false));
        assert_eq!(status(&[Verdict::Accepted, Verdict::Retry]), (503, true));
    }

    #[tokio::test]
    async fn with_everything_rejected_it_is_422() {
        let (status, retry_after, body) = answer(&[Verdict::Rejected], Some(99)).await;
        assert_eq!((status, retry_after), (422, None));
        assert_eq!((&body["type"], &body["unread_from"]), (&json!("urn:kassaflow:problem:all-rejected"), &json!(99)));
    }

    #[tokio::test]
    async fn a_body_without_documents_says_so() {
        let (status, _, body) = answer(&[], None).await;
        assert_eq!((status, &body["detail"]), (422, &json!("The body holds no document.")));
    }
}
