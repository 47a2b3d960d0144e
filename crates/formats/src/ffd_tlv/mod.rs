//! FFD TLV: the encoding of the fiscal drive itself (formats of fiscal documents 1.05 to 1.2).
//!
//! A document is a tag and a length, both 16 bits, little-endian, and children of the same form in
//! any order. It comes bare, or with the drive's container around it: 32 bytes of header before
//! it and 10 bytes of message sign behind it. Documents follow each other without a separator.
//! Texts are CP866, money is in kopecks, times are seconds of the register's own clock.

mod container;
mod cp866;
mod fields;
mod frame;
mod head;
mod item;
mod other;
mod receipt;
mod report;
mod shift;
mod tag;
mod tlv;
mod value;

use std::borrow::Cow;

use crate::{Context, Family, Invalid, MediaType, Parsed, codes};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "fiscal documents as the drive encodes them, FFD 1.05 to 1.2, bare or in its container",
    versions: &["FFD 1.05", "FFD 1.1", "FFD 1.2"],
    carries: "receipts, strict forms, corrections, shifts, registrations and reports",
    example: "ffd-tlv/receipt.hex",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[MediaType { name: "application/vnd.kassaflow.ffd-tlv", shared: false, frame: frame::frame }],
    devices,
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "ffd-tlv";
const REVISION: i32 = 2;

/// The drive and the registration number.
fn devices(bytes: &[u8]) -> Vec<String> {
    let Ok(envelope) = container::open(bytes, 0) else { return Vec::new() };
    let elements = envelope.children();
    let named = elements.filter(|element| matches!(element.tag, tag::DRIVE_NUMBER | tag::REGISTRATION_NUMBER));
    named.filter_map(|element| value::padded(element.value)).map(Cow::into_owned).collect()
}

fn parse<'b>(bytes: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let envelope = container::open(bytes, 0)
        .map_err(|broken| Invalid::undecodable(format!("byte {}", broken.offset), broken.text))?;
    if envelope.end != bytes.len() {
        return Err(Invalid::undecodable(format!("byte {}", envelope.end), "something follows the document"));
    }
    match envelope.tag {
        tag::RECEIPT | tag::CORRECTION | tag::STRICT_FORM | tag::STRICT_FORM_CORRECTION => {
            receipt::canonical(&envelope, context).map(Parsed::Receipt)
        }
        tag::SHIFT_OPEN | tag::SHIFT_CLOSE => {
            shift::canonical(&envelope, context).map(|shift| Parsed::Shift(Box::new(shift)))
        }
        other => match codes::report_name(other.into()) {
            Some(name) => report::canonical(&envelope, name, context).map(|event| Parsed::Event(Box::new(event))),
            None => Err(Invalid::unsupported(other.to_string(), format!("documents of tag {other} are not read"))),
        },
    }
}
