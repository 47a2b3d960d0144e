//! The HTTP side.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    Shared,
    answers::{self, Refusal},
    faults::{Endpoint, Fault},
    journal::Call,
};

/// iiko's own patience when the caller does not name one.
const DEFAULT_TIMEOUT_SECONDS: u64 = 15;

pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    let at = |endpoint, version| post(move |state, headers, body| call(endpoint, version, state, headers, body));
    let router = Router::new()
        .route("/api/1/access_token", at(Endpoint::AccessToken, 1))
        .route("/api/v2/access_token", at(Endpoint::AccessToken, 2))
        .route("/api/1/organizations", at(Endpoint::Organizations, 1))
        .route("/api/1/terminal_groups", at(Endpoint::TerminalGroups, 1))
        .route("/api/1/stop_lists", at(Endpoint::StopLists, 1))
        .route("/control/stop-lists", get(truth))
        .with_state(shared);
    axum::serve(listener, router).await
}

async fn truth(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(answers::truth(&shared.world()))
}

/// Ends the journal's entry also when the caller goes away and the handler is dropped.
struct Entry {
    shared: Arc<Shared>,
    number: u64,
    status: Option<u16>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.journal().ended(self.number, self.status);
    }
}

async fn call(
    endpoint: Endpoint,
    version: u8,
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parsed: Result<Value, _> = serde_json::from_slice(&body);
    let body = parsed.as_ref().ok().cloned().unwrap_or_default();
    let timeout_header = headers.get("Timeout").and_then(|value| value.to_str().ok()?.parse().ok());
    let number = shared.journal().arrived(Call {
        endpoint,
        at: Instant::now(),
        organization_ids: answers::ids(&body, "organizationIds").ok().flatten().unwrap_or_default(),
        timeout_header,
        body: body.clone(),
        status: None,
    });
    let mut entry = Entry { shared: Arc::clone(&shared), number, status: None };
    let fault = shared.faults().take(endpoint);
    let answer = match parsed {
        Ok(_) => judge(endpoint, version, &shared, &headers, &body),
        Err(e) => Err(Refusal::new(400, Some("INVALID_BODY_JSON_FORMAT"), e.to_string())),
    };
    if endpoint != Endpoint::AccessToken && !wait(&shared, timeout_header).await {
        entry.status = Some(408);
        return refuse(&Refusal::new(408, None, "Terminal did not answer in time"));
    }
    let response = respond(answer, fault).await;
    entry.status = Some(response.status().as_u16());
    response
}

/// Takes the time that an answer takes; `false` when the caller's patience ends before.
async fn wait(shared: &Shared, timeout_header: Option<u64>) -> bool {
    let latency = shared.faults().latency;
    let patience = Duration::from_secs(timeout_header.unwrap_or(DEFAULT_TIMEOUT_SECONDS));
    tokio::time::sleep(latency.min(patience)).await;
    latency <= patience
}

fn judge(
    endpoint: Endpoint,
    version: u8,
    shared: &Shared,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Value, Refusal> {
    if endpoint == Endpoint::AccessToken {
        let mut tokens = shared.tokens();
        let login = tokens.login(version, body).ok_or_else(|| Refusal::new(401, None, "Login is not authorized"))?;
        return Ok(json!({ "correlationId": uuid::Uuid::new_v4(), "token": tokens.give(login) }));
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let login = bearer.and_then(|token| shared.tokens().check(token));
    let login = login.ok_or_else(|| Refusal::new(401, None, "Token is expired or not valid"))?;
    let world = shared.world();
    match endpoint {
        Endpoint::Organizations => answers::organizations(&world, login, body),
        Endpoint::TerminalGroups => answers::terminal_groups(&world, login, body),
        Endpoint::StopLists | Endpoint::AccessToken => answers::stop_lists(&world, login, body),
    }
}

async fn respond(answer: Result<Value, Refusal>, fault: Option<Fault>) -> Response {
    let body = match answer {
        Ok(body) => body,
        Err(refusal) => return refuse(&refusal),
    };
    match fault {
        None => Json(body).into_response(),
        Some(Fault::Status { status, code, description, retry_after }) => {
            let mut response = refuse(&Refusal { status, code, description });
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
        Some(Fault::Malformed) => Json(flattened(body)).into_response(),
        Some(Fault::OrganizationMissing) => Json(edited(body, |_| json!([]))).into_response(),
        Some(Fault::Emptied) => Json(edited(body, emptied)).into_response(),
        Some(Fault::Truncated) => truncated(&body),
        Some(Fault::Drip) => drip(&body),
        Some(Fault::Hang) => std::future::pending().await,
    }
}

fn refuse(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(refusal.body())).into_response()
}

/// Applies an edit to every list at the top of an answer.
fn edited(mut body: Value, edit: impl Fn(Value) -> Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        for value in fields.values_mut().filter(|value| value.is_array()) {
            *value = edit(value.take());
        }
    }
    body
}

/// The lists lose their level of organisations.
fn flattened(body: Value) -> Value {
    edited(body, |parts| {
        let parts = parts.as_array().cloned().unwrap_or_default();
        let inner = |part: Value| part.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        parts.into_iter().flat_map(inner).collect()
    })
}

/// The organisations keep nothing.
fn emptied(mut parts: Value) -> Value {
    for part in parts.as_array_mut().into_iter().flatten() {
        part["items"] = json!([]);
    }
    parts
}

/// Promises the whole body and breaks the connection after half of it.
fn truncated(body: &Value) -> Response {
    let whole = body.to_string();
    let half = Bytes::copy_from_slice(&whole.as_bytes()[..whole.len() / 2]);
    let pieces = stream::iter([Ok(half), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
    let headers =
        [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_LENGTH, whole.len().to_string())];
    (headers, Body::from_stream(pieces)).into_response()
}

fn drip(body: &Value) -> Response {
    let bytes = body.to_string().into_bytes();
    let drops = stream::unfold(bytes.into_iter(), |mut rest| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let byte = rest.next()?;
        Some((Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte])), rest))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(drops)).into_response()
}
