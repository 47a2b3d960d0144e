//! The door: a tower layer around everything else that refuses what the hub cannot take, before
//! the token is looked at and before the body is read.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use hyper::{
    Request, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use prometheus::IntCounter;
use tower::{Layer, Service};

use crate::{
    admission::{Admission, Refusal},
    drain,
    problem::{Kind, PROBLEM_JSON, Problem},
    retry_after::RetryAfter,
};

/// Puts a [`Door`] around a service.
#[derive(Debug, Clone)]
pub struct DoorLayer {
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    admission: Arc<Admission>,
    retry_after: RetryAfter,
    /// The answer to each [`Refusal`], in the order of [`Refusal::ALL`], and how often it was given.
    answers: [(Bytes, IntCounter); 4],
}

impl DoorLayer {
    /// A door with the given bounds; `refused` counts each kind of refusal.
    #[must_use]
    pub fn new(admission: Arc<Admission>, retry_after: RetryAfter, refused: impl Fn(Refusal) -> IntCounter) -> Self {
        let answers = Refusal::ALL.map(|refusal| (Bytes::from(answer(refusal)), refused(refusal)));
        Self { inside: Arc::new(Inside { admission, retry_after, answers }) }
    }
}

fn answer(refusal: Refusal) -> Vec<u8> {
    let detail = match refusal {
        Refusal::Requests => "As many requests are being worked on as the hub takes at the same time.",
        Refusal::Bytes => "The hub holds as many bytes as it takes at the same time.",
        Refusal::Documents => "More documents come in than the hub takes in a second.",
        Refusal::Stalled => "The hub cannot store documents at the moment.",
    };
    Problem::new(Kind::Overloaded, detail).to_json()
}

impl<S> Layer<S> for DoorLayer {
    type Service = Door<S>;

    fn layer(&self, inner: S) -> Door<S> {
        Door { inner, inside: Arc::clone(&self.inside) }
    }
}

/// Lets requests in, or answers 503 with `Retry-After`.
#[derive(Debug, Clone)]
pub struct Door<S> {
    inner: S,
    inside: Arc<Inside>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl<S, B> Service<Request<B>> for Door<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        match self.inside.admission.enter() {
            Ok(place) => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    let answer = answer.await;
                    drop(place);
                    answer
                })
            }
            Err(refusal) => {
                let answer = self.inside.refuse(refusal);
                Box::pin(async move {
                    // What is not read off the connection would reset it, and the answer with it.
                    let (head, body) = request.into_parts();
                    drain::before_answer(&head.headers, body).await;
                    Ok(answer)
                })
            }
        }
    }
}

impl Inside {
    fn refuse(&self, refusal: Refusal) -> Response {
        let (body, count) = &self.answers[refusal as usize];
        count.inc();
        let mut response = Response::new(Body::from(body.clone()));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        response.headers_mut().insert(RETRY_AFTER, self.retry_after.pick());
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::settings::AdmissionSettings;

    fn door() -> (Arc<Admission>, DoorLayer) {
        let admission = Arc::new(Admission::new(&AdmissionSettings {
            max_requests_in_flight: 1,
            max_bytes_in_flight: 10,
            documents_per_second: None,
            retry_after_seconds: 10,
        }));
        let count = |refusal: Refusal| IntCounter::new(refusal.name(), "refused").unwrap();
        (Arc::clone(&admission), DoorLayer::new(admission, RetryAfter::around(10), count))
    }

    #[tokio::test]
    async fn a_request_keeps_its_place_until_its_answer() {
        let (admission, layer) = door();
        let inside = Arc::clone(&admission);
        let service = layer.layer(service_fn(move |_: Request<Body>| {
            let inside = Arc::clone(&inside);
            async move {
                assert_eq!(inside.requests_in_flight(), 1);
                Ok(Response::new(Body::empty()))
            }
        }));
        assert_eq!(service.oneshot(Request::new(Body::empty())).await.unwrap().status(), 200);
        assert_eq!(admission.requests_in_flight(), 0);
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_gives_its_place_back() {
        let (admission, layer) = door();
        let service = layer.layer(service_fn(|_: Request<Body>| std::future::pending()));
        let answer = tokio::spawn(service.oneshot(Request::new(Body::empty())));
        while admission.requests_in_flight() == 0 {
            tokio::task::yield_now().await;
        }
        answer.abort();
        assert!(answer.await.unwrap_err().is_cancelled());
        assert_eq!(admission.requests_in_flight(), 0);
    }

    #[tokio::test]
    async fn a_full_hub_answers_without_asking_anybody() {
        let (admission, layer) = door();
        let _place = admission.enter().unwrap();
        let service = layer.layer(service_fn(|_: Request<Body>| async { unreachable!("the door is closed") }));
        let answer = service.oneshot(Request::new(Body::from("a receipt"))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let seconds: u32 = answer.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((5..=15).contains(&seconds));
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        assert!(body.starts_with(br#"{"type":"urn:kassaflow:problem:overloaded""#));
    }
}
