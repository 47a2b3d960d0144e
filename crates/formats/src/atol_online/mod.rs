//! ATOL Online, versions 4 and 5: reports of the cloud, alone as its callback sends them, or with their requests.
//!
//! A report names the fiscal document and its total, but neither what was sold nor whether it was a sale. JSON in
//! UTF-8; money in roubles (numbers or texts), quantities are decimal numbers, times are those of the register's clock.

mod fields;
mod receipt;
mod report;
mod request;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::{report::Report, request::Request};
use crate::{Context, Family, Framed, Invalid, Limits, MediaType, Outcome, Parsed, json, json::Text};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "reports of ATOL Online, versions 4 and 5, alone or with their requests",
    versions: &["4", "5"],
    carries: "receipts, corrections",
    example: "atol-online/pairs.ndjson",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "application/json", shared: true, frame },
        MediaType { name: "application/x-ndjson", shared: true, frame: json::frame_lines },
        MediaType { name: "application/ndjson", shared: true, frame: json::frame_lines },
        MediaType { name: "application/vnd.kassaflow.atol-online+json", shared: false, frame },
        MediaType { name: "application/vnd.kassaflow.atol-online+ndjson", shared: false, frame: json::frame_lines },
    ],
    devices: |document| json::texts_named(document, &["device_code", "fn_number", "ecr_registration_number"]),
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "atol-online";
const REVISION: i32 = 1;

fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    json::frame_value(body, "documents", limits, each)
}

/// A report alone has `payload`; with its request it is a part. The operation is a part of the request's address only,
/// so it is named beside the two.
#[derive(Debug, Deserialize)]
struct Parts<'a> {
    #[serde(default, borrow)]
    operation: Text<'a>,
    #[serde(default, borrow)]
    request: Option<&'a RawValue>,
    #[serde(default, borrow)]
    report: Option<&'a RawValue>,
}

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let text = json::utf8(document)?;
    let parts: Parts<'b> = json::read_at(text, "$")?;
    let told = |part: Option<&'b RawValue>| part.map(RawValue::get).filter(|text| *text != "null");
    let (report, place) = told(parts.report).map_or((text, "$"), |report| (report, "$.report"));
    let report: Report<'b> = json::read_at(report, place)?;
    let request: Option<Request<'b>> =
        told(parts.request).map(|request| json::read_at(request, "$.request")).transpose()?;
    receipt::canonical(report, place, request, &parts.operation, context)
        .map(|receipt| Parsed::Receipt(Box::new(receipt)))
}
