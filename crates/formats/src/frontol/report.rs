//! The Z report: a shift was closed.

use schemas::shifts::{ShiftDocument, ShiftKind};

use super::{NAME, REVISION, line::Line};
use crate::{Context, Invalid};

/// Field of the shift's number in a report.
const SHIFT: usize = 9;

pub(super) fn canonical<'b>(
    report: &Line<'_>,
    mut flags: Vec<&'static str>,
    context: &Context<'b>,
) -> Result<ShiftDocument<'b>, Invalid> {
    let moment = report.moment()?.in_zone(context, &mut flags);
    let shift_number = report.needed(SHIFT, "the shift")?;
    let number = report.needed(1, "the number of the line")?;
    let id = super::check::id(report, moment, (shift_number, number), "shift_close", context)?;
    Ok(ShiftDocument {
        shift_document_id: id.into(),
        kind: ShiftKind::Close,
        shift_number: Some(shift_number),
        local_time: Some(moment.local),
        utc_time: moment.utc,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.shift(NAME, REVISION)
    })
}
