//! A shift that was opened or closed.

use schemas::shifts::{ShiftDocument, ShiftKind};

use super::{NAME, REVISION, pair::Pair};
use crate::{Context, Invalid, json::Object};

pub(super) fn canonical<'b>(
    pair: Pair<'b>,
    kind: ShiftKind,
    context: &Context<'b>,
) -> Result<ShiftDocument<'b>, Invalid> {
    let Pair { task, mut fiscal, fiscal_place, .. } = pair;
    let mut flags = Vec::new();
    let moment = fiscal.moment(&fiscal_place, context, &mut flags)?;
    let mut shift = ShiftDocument {
        kind,
        shift_number: fiscal.shift_number.0,
        local_time: Some(moment.local),
        utc_time: moment.utc,
        receipts: fiscal.receipts_count.0.filter(|_| kind == ShiftKind::Close),
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.shift(NAME, REVISION)
    };
    fiscal.identity(&fiscal_place)?.name_shift(&mut shift, context);
    shift.registration_number = fiscal.registration_number.take_trimmed();
    if let Some(Object(mut operator)) = task.operator {
        (shift.cashier_name, shift.cashier_inn) = (operator.name.take(), operator.vatin.take_trimmed());
    }
    Ok(shift)
}
