//! Set Retail 10: the purchases that the chain's server hands out.
//!
//! XML: `purchase` with its positions and payments. Money is in roubles, times have the cash desk's offset. Goods have
//! codes and no names; nothing has a fiscal identity.

mod fields;
mod purchase;

use crate::{Context, Family, Framed, Invalid, Limits, MediaType, Outcome, Parsed, encoding, xml};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "purchases of Set Retail 10",
    versions: &["10"],
    carries: "receipts",
    example: "set-retail/purchases.xml",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "application/xml", shared: true, frame },
        MediaType { name: "text/xml", shared: true, frame },
        MediaType { name: "application/vnd.kassaflow.set-retail+xml", shared: false, frame },
    ],
    devices,
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "set-retail";
const REVISION: i32 = 1;

/// Shop and cash desk, `12/3`: desks are numbered in each shop anew.
fn devices(document: &[u8]) -> Vec<String> {
    let (text, _) = encoding::decode(document, None, &mut Vec::new());
    let mut devices = Vec::new();
    // What cannot be read to its end has told what stands before.
    let _broken = xml::read(&text, &mut |element| {
        if let (Some(shop), Some(cash)) = (element.text("shop"), element.text("cash")) {
            devices.push(format!("{}/{}", shop.trim(), cash.trim()));
        }
        Ok(())
    });
    devices.truncate(1);
    devices
}

fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    xml::frame(body, &["purchase"], limits, each)
}

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let mut flags = Vec::new();
    let (text, encoding) = xml::decode(document, context, &mut flags);
    purchase::canonical(&text, encoding, flags, context).map(|receipt| Parsed::Receipt(Box::new(receipt)))
}
