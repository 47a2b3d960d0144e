//! `POST /v1/registers/{register_id}/documents`.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
};
use canonical::TokenKeys;
use formats::Limits;
use hyper::{body::Body as _, http::request::Parts};
use tokio::sync::Semaphore;

use crate::{
    admission::Admission,
    answer::{Results, Verdict},
    body::{self, BodyError, Encoding},
    directory::Directory,
    drain, format,
    intake::{self, RawTopic, Sent},
    meters::Meters,
    problem::{Kind, Problem},
    retry_after::RetryAfter,
    sender::Sender,
    settings,
};

/// Everything that a request needs.
#[derive(Debug)]
pub struct Hub {
    /// The keys that tokens are checked with.
    pub keys: TokenKeys,
    /// The registers.
    pub directory: Directory,
    /// The accounts.
    pub admission: Arc<Admission>,
    /// Where documents go.
    pub raw: RawTopic,
    /// The bounds of a request.
    pub limits: settings::Limits,
    /// The bounds of its time.
    pub timeouts: settings::Timeouts,
    /// When refused clients come back.
    pub retry_after: RetryAfter,
    /// Places for work that would hold up the threads that serve connections.
    pub heavy: Arc<Semaphore>,
    /// The metrics.
    pub meters: Meters,
}

/// Takes one document or a batch.
pub async fn post(
    State(hub): State<Arc<Hub>>,
    register: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    let taken = match register {
        Ok(Path(register)) => hub.take(&head, &mut body, &register).await,
        Err(rejection) => Err(Problem::new(Kind::UnknownPath, rejection.body_text())),
    };
    let response = match taken {
        Ok(results) => results.into_response(&hub.retry_after),
        Err(mut problem) => {
            // What is not read off the connection would reset it, and the answer with it.
            drain::before_answer(&head.headers, body).await;
            if problem.kind().passes() {
                problem = problem.with_retry_after(hub.retry_after.pick());
            }
            problem.into_response()
        }
    };
    hub.meters.answered(response.status());
    response
}

impl Hub {
    async fn take(self: &Arc<Self>, head: &Parts, body: &mut Body, register: &str) -> Result<Results, Problem> {
        let sender = Sender::identify(&self.keys, &self.directory, &head.headers, register)?;
        let limit = self.limits.max_body_bytes;
        if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > limit) {
            return Err(refused(BodyError::TooLarge { limit, compressed: false }));
        }
        let content_type = format::content_type(&head.headers);
        let choice = format::of(&head.uri, content_type, sender.entry())?;
        let encoding = Encoding::of(&head.headers).ok_or_else(|| {
            let detail = "Send the body as it is, or compressed with gzip or zstd and a Content-Encoding that says so.";
            Problem::new(Kind::UnknownEncoding, detail).with_encodings(Encoding::NAMES)
        })?;
        let mut held = self.admission.hold();
        let body = body::read(body, limit, self.timeouts.body(), &mut held).await.map_err(refused)?;
        self.meters.body_bytes.inc_by(body.len() as u64);
        let content_type = content_type.map(str::to_owned);
        let document_id = format::document_id(&head.uri);
        let request = intake::Request { sender, choice, content_type, document_id, encoding, body, held };
        let family = choice.family.name;
        let deadline = Instant::now() + self.timeouts.request();
        let sent = self.send(request, deadline).await?;
        self.admission.charge(sent.documents().saturating_sub(1));
        let results = self.acknowledged(sent, deadline).await;
        for verdict in Verdict::ALL {
            self.meters.judged(family, verdict, results.count(verdict));
        }
        Ok(results)
    }

    async fn send(self: &Arc<Self>, request: intake::Request, deadline: Instant) -> Result<Sent, Problem> {
        let (hub, heavy) = (Arc::clone(self), request.is_heavy());
        let work = move || {
            let limits = Limits {
                document_bytes: hub.limits.max_document_bytes,
                documents: hub.limits.max_documents_per_request,
            };
            request.send(&hub.raw, &limits, hub.limits.max_decompressed_bytes).map_err(refused)
        };
        if !heavy {
            return work();
        }
        let place = tokio::time::timeout_at(deadline.into(), Arc::clone(&self.heavy).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(Problem::new(Kind::Overloaded, "Other large requests took all the time there was."));
        };
        let work = tokio::task::spawn_blocking(move || {
            let sent = work();
            drop(place);
            sent
        });
        work.await.unwrap_or_else(|_| Err(Problem::new(Kind::Overloaded, "The hub is ending.")))
    }

    /// Waits once for all documents of the request.
    async fn acknowledged(&self, sent: Sent, deadline: Instant) -> Results {
        let started = Instant::now();
        if !sent.group().settled(deadline).await {
            self.meters.overdue.inc();
        }
        self.meters.acknowledgement.observe(started.elapsed().as_secs_f64());
        self.meters.documents_per_request.observe(sent.documents() as f64);
        self.meters.document_bytes.inc_by(sent.bytes() as u64);
        sent.results()
    }
}

fn refused(error: BodyError) -> Problem {
    let detail = format!("{error}.");
    match error {
        BodyError::TooLarge { limit, .. } => Problem::new(Kind::TooLarge, detail).with_limit(limit),
        BodyError::Slow(_) => Problem::new(Kind::SlowBody, detail),
        BodyError::Broken(_) => Problem::new(Kind::UnreadableBody, detail),
        BodyError::Full(_) => Problem::new(Kind::Overloaded, detail),
    }
}
