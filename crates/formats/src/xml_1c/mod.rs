//! 1C: the `CheckPackage` that 1C's programs hand to the driver of a register, in its three revisions.
//!
//! XML; money is in roubles. It tells neither a time nor a number nor a fiscal identity: who sends it names each document
//! by a `document_id` beside it.

mod check;
mod fields;

use crate::{Context, Family, Framed, Invalid, Limits, MediaType, Outcome, Parsed, xml};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "the CheckPackage of 1C, in its three revisions",
    versions: &["revision 1", "revision 2", "revision 3"],
    carries: "receipts, corrections",
    example: "xml-1c/check.xml",
    revision: REVISION,
    needs_document_id: true,
    media_types: &[
        MediaType { name: "application/xml", shared: true, frame },
        MediaType { name: "text/xml", shared: true, frame },
        MediaType { name: "application/vnd.kassaflow.xml-1c+xml", shared: false, frame },
    ],
    devices: |_| Vec::new(),
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "xml-1c";
const REVISION: i32 = 1;

fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    xml::frame(body, &["CheckPackage", "CheckCorrectionPackage"], limits, each)
}

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let mut flags = Vec::new();
    let (text, encoding) = xml::decode(document, context, &mut flags);
    check::canonical(&text, encoding, flags, context).map(|receipt| Parsed::Receipt(Box::new(receipt)))
}
