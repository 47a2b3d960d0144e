//! `?validate=true`: what would become of documents, for those who connect registers. Nothing is stored.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use formats::{Context, Limits, Preview, Reason, Rejection};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use schemas::Timestamp;
use serde::Serialize;

use crate::{
    arrived::{Arrived, with_encoding},
    problem::Problem,
    sorting::{Sorting, Step},
};

/// Most bytes of a body that is looked at, before and after decompression: the answer is many times as long.
pub const MOST_BYTES: usize = 1024 * 1024;
/// Most documents that are looked at.
pub const MOST_DOCUMENTS: usize = 100;

/// What would become of each document.
#[derive(Debug, Serialize)]
pub struct Validated {
    results: Vec<Preview>,
    /// Byte of the (decompressed) body from which nothing was read.
    unread_from: Option<usize>,
}

/// Looks at the documents of a request, at most [`MOST_DOCUMENTS`].
///
/// # Errors
/// When the body cannot be decompressed, or is in no format.
pub fn look(mut arrived: Arrived, limits: &Limits) -> Result<Validated, Problem> {
    let (body, choice) = arrived.open(MOST_BYTES)?;
    let sorting = Sorting { choice, origin: &arrived.origin, keep: false };
    let mut steps = Vec::new();
    let outcome = sorting.sort(&body, arrived.document_id.is_some(), limits, &mut |step| steps.push(step));
    let content_type = with_encoding(arrived.content_type.take(), outcome.encoding);
    let received_at = Timestamp::now();
    let preview = |(index, step): (usize, Step<'_>)| match step {
        Step::Store(range, sender) => {
            let document = &body[range];
            let (tenant, register) = sender.tenant_and_register();
            let entry = sender.entry();
            let context = Context {
                tenant,
                register,
                shop: Some(&entry.shop),
                time_zone: Some(&entry.time_zone),
                document_id: arrived.document_id.as_deref(),
                charset: content_type.as_deref().and_then(formats::charset),
                keeps_personal_data: entry.keeps_personal_data,
                received_at,
                document_hash: &canonical::document_hash(document),
                raw_topic: schemas::raw::TOPIC,
                // It gets no place there.
                raw_partition: -1,
                raw_offset: -1,
            };
            let primary = entry.families.first().map(|family| &**family);
            choice.preview(index, document, &context, primary)
        }
        Step::Bury(_, fault) | Step::Reject(fault) | Step::Postpone(fault) => {
            let rejection = Rejection { range: 0..0, place: fault.place, reason: Reason::Malformed(fault.reason) };
            Preview { class: Some(fault.class), ..Preview::rejected(index, &rejection) }
        }
    };
    let results = steps.into_iter().enumerate().map(preview).collect();
    Ok(Validated { results, unread_from: outcome.unread_from })
}

impl IntoResponse for Validated {
    fn into_response(self) -> Response {
        // Nothing in it can fail to be written: names for keys, texts and numbers for values.
        let json = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(json));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
