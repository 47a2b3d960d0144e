//! Kassir 5: the text export of the cash desk's program.
//!
//! Lines of fields between semicolons, one line a transaction; behind some stands a block `<Document …>…</Document>`, which
//! belongs to it. What the fields mean is published nowhere but for the first four (number, date, time, code), so a line
//! becomes an event that says which transaction took place and when. Nothing has a fiscal identity.

mod fields;
mod frame;
mod line;

use schemas::events::{EventKind, RegisterEvent};

use self::line::Line;
use crate::{Context, Family, Invalid, MediaType, Parsed};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "the text export of Kassir 5",
    versions: &["5"],
    carries: "transactions by their number, time and code",
    example: "kassir-5/export.txt",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "text/csv", shared: true, frame: frame::frame },
        MediaType { name: "application/vnd.kassaflow.kassir-5", shared: false, frame: frame::frame },
    ],
    // The field of the register, if there is one, is not known.
    devices: |_| Vec::new(),
    fields: &fields::TABLE,
    parse,
};

const NAME: &str = "kassir-5";
const REVISION: i32 = 1;

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let line = document.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = Line::read(line).ok_or_else(|| Invalid::undecodable("line 1", line::EXPECTED))?;
    let (moment, stated) = line.moment()?;
    let mut flags = Vec::new();
    let moment = moment.in_zone(context, &mut flags);
    // The number alone may begin anew: with the second and the code of the transaction it does not meet another one.
    let id = format!("{}:{stated}:{}:{}", context.register, line.number, line.code);
    Ok(Parsed::Event(Box::new(RegisterEvent {
        event_id: canonical::vendor_id(context.tenant, NAME, &id).into(),
        kind: EventKind::Other,
        name: Some(format!("transaction-{}", line.code).into()),
        local_time: Some(moment.local),
        utc_time: moment.utc,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.event(NAME, REVISION)
    })))
}
