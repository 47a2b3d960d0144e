//! Dreamkas: receipts and encashments as the vendor's Kabinet API gives them out.
//!
//! JSON in UTF-8; money in kopecks, quantities in thousandths. Sums of items are not sent: price
//! times quantity, rounded half up, gives them. Sums of VAT are not sent either. Documents without
//! a body in any public source (shifts) are not read.

mod device;
mod document;
mod encashment;
mod fields;
mod receipt;

use self::document::{Document, Kind};
use crate::{Context, Family, Framed, Invalid, Limits, MediaType, Outcome, Parsed, json};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "documents of the Dreamkas Kabinet API",
    versions: &["Kabinet API 1", "Kabinet API 2"],
    carries: "receipts, cash in and out, descriptions of devices",
    example: "dreamkas/sale.json",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "application/json", shared: true, frame },
        MediaType { name: "application/x-ndjson", shared: true, frame: json::frame_lines },
        MediaType { name: "application/ndjson", shared: true, frame: json::frame_lines },
        MediaType { name: "application/vnd.kassaflow.dreamkas+json", shared: false, frame },
        MediaType { name: "application/vnd.kassaflow.dreamkas+ndjson", shared: false, frame: json::frame_lines },
    ],
    devices: |document| json::texts_named(document, &["deviceId", "fnNumber", "registryNumber"]),
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "dreamkas";
const REVISION: i32 = 1;

/// The vendor's lists, `{"query": …, "data": […]}`, are batches.
fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    json::frame_value(body, "data", limits, each)
}

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let document: Document<'b> = json::read(document)?;
    match document.kind()? {
        Kind::Receipt(operation) => {
            receipt::canonical(document, operation, context).map(|r| Parsed::Receipt(Box::new(r)))
        }
        Kind::Device => device::canonical(document, context).map(|e| Parsed::Event(Box::new(e))),
        Kind::Encashment(kind) => encashment::canonical(document, kind, context).map(|e| Parsed::Event(Box::new(e))),
    }
}
