//! Frontol: the sales file that the cash desk's program writes for the back office.
//!
//! Lines of fields between semicolons, one line a step of a check: opened, an item, a payment, closed. A document is one
//! check, or one Z report. Money is in roubles with a decimal comma, texts are in windows-1251, times are those of the
//! register's clock. Goods have codes and no names; nothing has a fiscal identity.

mod basket;
mod check;
mod fields;
mod frame;
mod line;
mod report;

use self::{
    check::Check,
    line::{Code, Line},
};
use crate::{Context, Family, Invalid, MediaType, Parsed, encoding};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "the sales file of Frontol",
    versions: &[],
    carries: "receipts, closed shifts, cancelled checks",
    example: "frontol/sales.txt",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "text/csv", shared: true, frame: frame::frame },
        MediaType { name: "application/vnd.kassaflow.frontol", shared: false, frame: frame::frame },
    ],
    devices,
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "frontol";
const REVISION: i32 = 1;

/// The number of the register, which is the shop's own.
fn devices(document: &[u8]) -> Vec<String> {
    let first = document.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let register = first.split(|byte| *byte == b';').nth(check::field::REGISTER - 1).map(<[u8]>::trim_ascii);
    let register = register.and_then(|register| std::str::from_utf8(register).ok());
    register.filter(|register| !register.is_empty()).map(str::to_owned).into_iter().collect()
}

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let mut flags = Vec::new();
    let (text, encoding) = encoding::decode(document, context.charset, &mut flags);
    let lines = text.lines().count();
    let mut check = Check::of_lines(lines).map_err(|full| Invalid::new(format!("line {lines}"), full.to_string()))?;
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = Line::read(text, index + 1)?;
        match line.code {
            Some(Code::Report) => {
                return report::canonical(&line, flags, context).map(|shift| Parsed::Shift(Box::new(shift)));
            }
            Some(code) => check.take(code, line, context, &mut flags)?,
            None => {}
        }
    }
    check.canonical(encoding, flags, context)
}
