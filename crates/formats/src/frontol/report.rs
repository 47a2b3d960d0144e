//! The Z report: a shift was closed.

use canonical::{NonFiscalReceipt, time};
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
    let business_date = time::local_date_text(moment.local);
    let business_date = business_date.ok_or_else(|| Invalid::new(report.place(2), "beyond the calendar"))?;
    let id = canonical::non_fiscal_receipt_id(&NonFiscalReceipt {
        tenant: context.tenant,
        source: NAME,
        device: &super::check::device(report, context),
        business_date: &business_date,
        shift: shift_number,
        number: report.needed(1, "the number of the line")?,
        kind: "shift_close",
    });
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
