//! The routes of vendors' clouds, which push to paths and in shapes of their own.
//!
//! They know nothing of verdicts: what is not answered with 200 they send again, whole, for ever. So a document that
//! nobody can use is stored as a dead letter, and 503 is answered only for what Kafka did not take.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::Response,
};
use formats::{Family, atol_online, dreamkas, evotor};
use hyper::{Uri, http::request::Parts};

use crate::{
    answer::Results,
    documents::{Hub, Way},
    format,
    intake::{Faults, Letters},
    problem::Problem,
    sender,
    sorting::{Format, Origin},
    source::Source,
};

/// Evotor waits 10 s for an answer, and reading away a body that does not arrive takes one. Nothing is known of the others.
const PATIENCE: Duration = Duration::from_secs(8);

/// `PUT /api/v1/inventories/stores/{store}/documents` and `POST /api/v2/receipts`.
pub async fn evotor(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    take(hub, request, &evotor::FAMILY).await
}

/// `POST /v1/callbacks/atol-online`.
pub async fn atol_online(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    take(hub, request, &atol_online::FAMILY).await
}

/// `POST /v1/callbacks/dreamkas`.
pub async fn dreamkas(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    take(hub, request, &dreamkas::FAMILY).await
}

async fn take(hub: Arc<Hub>, request: Request, family: &'static Family) -> Response {
    let way = |hub: &Hub, head: &Parts| {
        let source = Source::identify(&hub.directory, token(head).as_deref())?;
        let letters = Letters { tenant: source.tenant.clone(), source: source.name };
        Ok::<_, Problem>(Way {
            origin: Origin::Devices { tenant: source.tenant, directory: hub.directory.clone() },
            format: Format::Named(format::first_of(family)),
            faults: Faults::Keep(letters),
            lane: None,
            validate: format::validate(&head.uri)?,
            patience: PATIENCE,
        })
    };
    hub.answer(request, way, Results::into_response_to_cloud).await
}

/// The token of the header, or that of the address: some clouds are told an address and nothing else.
fn token(head: &Parts) -> Option<String> {
    let of_address = |uri: &Uri| format::parameter(uri, "token").map(std::borrow::Cow::into_owned);
    sender::bearer(&head.headers).map(str::to_owned).or_else(|| of_address(&head.uri))
}
