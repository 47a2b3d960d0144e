//! Frontol: the sales file that the cash desk's program writes for the back office.
//!
//! Lines of fields between semicolons, one line a step of a check: opened, an item, a payment, closed. A document is one
//! check, or one Z report. Money is in roubles with a decimal comma, texts are in windows-1251, times are those of the
//! register's clock. Goods have codes and no names; nothing has a fiscal identity.

mod check;
mod frame;
mod line;
mod report;

use schemas::receipts::Receipt;

use self::line::{Code, Line};
use crate::{Context, Family, Invalid, MediaType, Parsed, encoding};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "the sales file of Frontol",
    carries: "receipts, closed shifts, cancelled checks",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "text/csv", shared: true, frame: frame::frame },
        MediaType { name: "application/vnd.kassaflow.frontol", shared: false, frame: frame::frame },
    ],
    parse,
};

const NAME: &str = "frontol";
const REVISION: i32 = 1;

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let mut flags = Vec::new();
    let (text, encoding) = encoding::decode(document, context.charset, &mut flags);
    let mut lines = Vec::new();
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        lines.push(Line::read(text, index + 1)?);
    }
    let has = |code| lines.iter().any(|line| line.code == Some(code));
    if let Some(end) = lines.iter().find(|line| line.code == Some(Code::Cancelled)) {
        return check::cancelled(end, flags, context).map(|event| Parsed::Event(Box::new(event)));
    }
    if let Some(report) = lines.iter().find(|line| line.code == Some(Code::Report)) {
        return report::canonical(report, flags, context).map(|shift| Parsed::Shift(Box::new(shift)));
    }
    if !has(Code::Open) && !has(Code::Item) && !has(Code::Close) {
        return Err(Invalid::unsupported("line 1", "neither a check nor a Z report"));
    }
    let receipt = check::canonical(&lines, flags, context)?;
    Ok(Parsed::Receipt(Box::new(Receipt { encoding: Some(encoding.into()), ..receipt })))
}
