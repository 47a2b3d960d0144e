//! ATOL driver, version 10: a task and its result, sent together.
//!
//! The task says what was sold, the result says that it was done and as which fiscal document: neither is a document
//! without the other. JSON in UTF-8; money in roubles, quantities are decimal numbers, times have the register's offset.

mod fields;
mod pair;
pub(crate) mod parts;
mod receipt;
mod result;
mod shift;
mod task;
pub(crate) mod words;

use self::{pair::Pair, task::Kind};
use crate::{Context, Family, Framed, Invalid, Limits, MediaType, Outcome, Parsed, json};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "tasks of the ATOL driver, version 10, with their results",
    versions: &["driver 10"],
    carries: "receipts, corrections, shifts",
    example: "atol/sell.json",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "application/json", shared: true, frame },
        MediaType { name: "application/x-ndjson", shared: true, frame: frame_lines },
        MediaType { name: "application/ndjson", shared: true, frame: frame_lines },
        MediaType { name: "application/vnd.kassaflow.atol+json", shared: false, frame },
        MediaType { name: "application/vnd.kassaflow.atol+ndjson", shared: false, frame: frame_lines },
    ],
    devices: |document| json::texts_named(document, &["fnNumber", "registrationNumber"]),
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "atol";
const REVISION: i32 = 1;

fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    json::frame_checked(body, "documents", pair::half, limits, each)
}

fn frame_lines(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    json::frame_lines_checked(body, pair::half, limits, each)
}

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let pair = Pair::open(json::utf8(document)?)?;
    match pair.task.kind(&pair.task_place)? {
        Kind::Receipt(kind, operation) => {
            receipt::canonical(pair, kind, operation, context).map(|receipt| Parsed::Receipt(Box::new(receipt)))
        }
        Kind::Shift(kind) => shift::canonical(pair, kind, context).map(|shift| Parsed::Shift(Box::new(shift))),
    }
}
