//! The routes that take documents, and what they have in common.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
};
use canonical::{TokenKeys, key};
use formats::{Choice, Limits};
use hyper::{body::Body as _, http::request::Parts};
use tokio::sync::Semaphore;

use crate::{
    admission::Admission,
    answer::{Results, Verdict},
    arrived::Arrived,
    body::{self, BodyError, Encoding},
    directory::Directory,
    drain, format,
    intake::{self, Faults, Outlet, Sent},
    meters::Meters,
    problem::{Kind, Problem},
    quotas::{Lane, OverQuota, Quotas},
    retry_after::RetryAfter,
    sender::{self, Sender},
    settings,
    sorting::{Format, Origin},
    source::Source,
    validate::{self, Validated},
};

/// Everything that a request needs.
#[derive(Debug)]
pub struct Hub {
    /// The keys that tokens are checked with.
    pub keys: TokenKeys,
    /// The registers and sources.
    pub directory: Directory,
    /// The accounts.
    pub admission: Arc<Admission>,
    /// What each tenant may send.
    pub quotas: Quotas,
    /// Where documents go.
    pub outlet: Outlet,
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

/// Who sends a request, and what is special about it.
#[derive(Debug)]
pub struct Way {
    /// Whom its documents are from.
    pub origin: Origin,
    /// Their format.
    pub format: Format,
    /// What becomes of documents that nobody can use.
    pub faults: Faults,
    /// The lane that the client asks for.
    pub lane: Option<Lane>,
    /// Nothing is stored; the client is told what would become of its documents.
    pub validate: bool,
    /// So long the client waits for the answer, beginning with the head of its request.
    pub patience: Duration,
}

impl Way {
    /// The way of a client that looks at verdicts.
    fn to_told(head: &Parts, origin: Origin, format: Format) -> Result<Self, Problem> {
        let (lane, validate) = (format::lane(&head.uri)?, format::validate(&head.uri)?);
        Ok(Self { origin, format, faults: Faults::Tell, lane, validate, patience: REGISTERS_PATIENCE })
    }
}

/// So long a register waits: longer than any request takes, which the settings make sure of.
const REGISTERS_PATIENCE: Duration = Duration::MAX;

/// `POST /v1/registers/{register_id}/documents`: one document or a batch of a register.
pub async fn of_register(
    State(hub): State<Arc<Hub>>,
    register: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let way = |hub: &Hub, head: &Parts| {
        let Path(register) = register.map_err(|rejection| Problem::new(Kind::UnknownPath, rejection.body_text()))?;
        let sender = Sender::identify(&hub.keys, &hub.directory, &head.headers, &register)?;
        format::only_known(&head.uri, None)?;
        let format = format::of(&head.uri, format::content_type(&head.headers), &sender.entry().families)?;
        Way::to_told(head, Origin::Register(sender), format)
    };
    hub.answer(request, way, Results::into_response).await
}

/// `POST /v1/documents`: documents of many registers of a tenant, or of the one that the parameter `register` names.
pub async fn of_source(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    let way = |hub: &Hub, head: &Parts| {
        let source = Source::identify(&hub.directory, sender::bearer(&head.headers))?;
        format::only_known(&head.uri, Some("register"))?;
        let format = format::of(&head.uri, format::content_type(&head.headers), &source.entry.families)?;
        let origin = match format::register(&head.uri) {
            Some(register) if canonical::is_id(&register) => {
                Origin::Register(Sender::of(&hub.directory, key::register(&source.tenant, &register))?)
            }
            Some(other) => {
                return Err(Problem::new(Kind::BadParameter, format!("{other:?} is no id of a register.")));
            }
            None => Origin::Devices { tenant: source.tenant, directory: hub.directory.clone() },
        };
        Way::to_told(head, origin, format)
    };
    hub.answer(request, way, Results::into_response).await
}

impl Hub {
    /// Answers a request; `way` says who sends it, and `respond` makes the verdicts an answer.
    pub async fn answer(
        self: Arc<Self>,
        request: Request,
        way: impl FnOnce(&Self, &Parts) -> Result<Way, Problem>,
        respond: fn(Results, &RetryAfter) -> Response,
    ) -> Response {
        let (head, mut body) = request.into_parts();
        let taken = match way(&self, &head) {
            Ok(way) => self.take(&head, &mut body, way).await,
            Err(problem) => Err(problem),
        };
        let response = match taken {
            Ok(Taken::In(results)) => respond(results, &self.retry_after),
            Ok(Taken::Looked(validated)) => validated.into_response(),
            Err(mut problem) => {
                // What is not read off the connection would reset it, and the answer with it.
                drain::before_answer(&head.headers, body).await;
                if problem.kind().passes() {
                    problem = problem.with_retry_after(self.retry_after.pick());
                }
                problem.into_response()
            }
        };
        self.meters.answered(response.status());
        response
    }

    async fn take(self: &Arc<Self>, head: &Parts, body: &mut Body, way: Way) -> Result<Taken, Problem> {
        let Way { origin, format, faults, lane, validate, patience } = way;
        let begun = Instant::now();
        if validate {
            let arrived = self.arrive(head, body, origin, format, validate::MOST_BYTES, self.timeouts.body()).await?;
            let limits = self.limits(validate::MOST_DOCUMENTS);
            let look = move || validate::look(arrived, &limits);
            return self.heavily(Instant::now() + self.timeouts.request(), look).await.map(Taken::Looked);
        }
        let booking = self.quotas.book(origin.tenant(), lane, begun);
        let booking = booking.map_err(|OverQuota| Problem::new(Kind::OverQuota, ""))?;
        let limit = self.limits.max_body_bytes;
        if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > limit) {
            return Err(BodyError::TooLarge { limit, compressed: false }.into());
        }
        let arrived = self.arrive(head, body, origin, format, limit, self.timeouts.body().min(patience)).await?;
        self.meters.body_bytes.inc_by(arrived.body.len() as u64);
        let request = intake::Request { arrived, faults, lane: booking.lane };
        let wait = self.timeouts.request().min(patience.saturating_sub(begun.elapsed()));
        let deadline = Instant::now() + wait;
        let (choice, sent) = self.send(request, deadline).await?;
        self.admission.charge(sent.documents().saturating_sub(1));
        booking.charge(sent.stored().saturating_sub(1), Instant::now());
        let results = self.acknowledged(sent, deadline).await;
        for verdict in Verdict::ALL {
            self.meters.judged(choice.family.name, verdict, results.count(verdict));
        }
        Ok(Taken::In(results))
    }

    /// Reads the body of a request, at most `limit` bytes of it, within `time`.
    async fn arrive(
        &self,
        head: &Parts,
        body: &mut Body,
        origin: Origin,
        format: Format,
        limit: usize,
        time: Duration,
    ) -> Result<Arrived, Problem> {
        let encoding = Encoding::of(&head.headers).ok_or_else(|| {
            let detail = "Send the body as it is, or compressed with gzip or zstd and a Content-Encoding that says so.";
            Problem::new(Kind::UnknownEncoding, detail).with_encodings(Encoding::NAMES)
        })?;
        let mut held = self.admission.hold();
        let body = body::read(body, limit, time, &mut held).await?;
        let content_type = format::content_type(&head.headers).map(str::to_owned);
        let document_id = format::document_id(&head.uri);
        Ok(Arrived { origin, format, content_type, document_id, encoding, body, held })
    }

    const fn limits(&self, documents: usize) -> Limits {
        Limits { document_bytes: self.limits.max_document_bytes, documents }
    }

    async fn send(self: &Arc<Self>, request: intake::Request, deadline: Instant) -> Result<(Choice, Sent), Problem> {
        let (hub, heavy) = (Arc::clone(self), request.arrived.is_heavy());
        let work = move || {
            let limits = hub.limits(hub.limits.max_documents_per_request);
            request.send(&hub.outlet, &limits, hub.limits.max_decompressed_bytes)
        };
        if heavy { self.heavily(deadline, work).await } else { work() }
    }

    /// Does work that would hold up the threads that serve connections, as much at a time as there are processors.
    async fn heavily<T: Send + 'static>(
        self: &Arc<Self>,
        deadline: Instant,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
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

/// What was done with a request.
enum Taken {
    /// Its documents were taken in, as far as the verdicts say so.
    In(Results),
    /// They were only looked at.
    Looked(Validated),
}
