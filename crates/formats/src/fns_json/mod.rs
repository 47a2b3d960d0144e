//! FNS JSON: fiscal documents as the tax service and the operators of fiscal data hand them out.
//!
//! The fields are the fiscal document's tags under English names, of which most have several spellings. Money is in
//! kopecks, quantities are decimal numbers, times are those of the register's own clock. A document comes bare, under
//! the name of its kind (`{"receipt": {…}}`), in the tax service's application's export (`ticket`, `document`), or in
//! the answer of its check service (`data`, `json`, with the QR text in `request`), or packed into a string (`payload`).

mod document;
mod envelope;
mod fields;
mod head;
mod receipt;
mod report;
mod shift;
mod values;

use self::{
    document::Document,
    envelope::{Envelope, Kind},
};
use crate::{Context, Family, Framed, Invalid, Limits, MediaType, Outcome, Parsed, json};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "fiscal documents of the tax service and the operators of fiscal data",
    versions: &["FFD 1.05", "FFD 1.1", "FFD 1.2"],
    carries: "receipts, strict forms, corrections, shifts, registrations and reports",
    example: "fns-json/export.json",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "application/json", shared: true, frame },
        MediaType { name: "application/x-ndjson", shared: true, frame: json::frame_lines },
        MediaType { name: "application/ndjson", shared: true, frame: json::frame_lines },
        MediaType { name: "application/vnd.kassaflow.fns-json+json", shared: false, frame },
        MediaType { name: "application/vnd.kassaflow.fns-json+ndjson", shared: false, frame: json::frame_lines },
    ],
    devices: |document| json::texts_named(document, &["fiscalDriveNumber", "kktRegId"]),
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "fns-json";
const REVISION: i32 = 1;

/// Lists come as arrays. An operator's `{"documents": […]}` is one as well.
fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    json::frame_value(body, "documents", limits, each)
}

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    read(Envelope::around(json::utf8(document)?), context)
}

/// Reads a document with what lies around it.
fn read<'b>(mut envelope: Envelope<'b>, context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    if let Some(unpacked) = envelope.open()? {
        // A text of its own: nothing of it can be borrowed from the document.
        return read(envelope.with_text(&unpacked), context).map(Parsed::into_owned);
    }
    let document: Document<'b> = json::read_at(envelope.text, &envelope.place)?;
    match envelope.kind(&document)? {
        Kind::Receipt(kind) => {
            receipt::canonical(document, kind, &envelope, context).map(|receipt| Parsed::Receipt(Box::new(receipt)))
        }
        Kind::Shift(kind) => {
            shift::canonical(document, kind, &envelope, context).map(|shift| Parsed::Shift(Box::new(shift)))
        }
        Kind::Report(name) => {
            report::canonical(document, name, &envelope, context).map(|event| Parsed::Event(Box::new(event)))
        }
    }
}
