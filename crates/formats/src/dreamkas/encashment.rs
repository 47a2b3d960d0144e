//! Money put into the drawer or taken out of it.

use canonical::time;
use schemas::events::{EventKind, RegisterEvent};

use super::{NAME, REVISION, document::Document};
use crate::{Context, Invalid, checks, codes, flags};

pub(super) fn canonical<'b>(
    mut document: Document<'b>,
    kind: EventKind,
    context: &Context<'b>,
) -> Result<RegisterEvent<'b>, Invalid> {
    let times = document.times(context)?;
    let sum = checks::money(document.sum.0, "$.sum")?.ok_or_else(|| Invalid::new("$.sum", "the sum is missing"))?;
    let device = document.device_id.take_trimmed().ok_or_else(|| {
        Invalid::new(
            "$.deviceId",
            "missing: an encashment has no number, only device, time and sum tell it from others",
        )
    })?;
    // The time as the document states it, so that the id does not depend on the directory's time zone.
    let stated = if document.local_date.get().is_some() {
        times.local.and_then(time::local_text)
    } else {
        times.utc.and_then(time::utc_text)
    };
    let stated = stated.ok_or_else(|| Invalid::new("$.localDate", "beyond the calendar"))?;
    let event_id = canonical::encashment_id(context.tenant, NAME, &device, &stated, codes::event_name(kind), sum);
    let mut flags = Vec::new();
    if times.disagree {
        flags.push(flags::TIMES_DISAGREE.into());
    }
    if times.in_future {
        flags.push(flags::TIME_IN_FUTURE.into());
    }
    let (cashier_name, cashier_inn) = document.take_cashier();
    Ok(RegisterEvent {
        event_id: event_id.into(),
        kind,
        device: Some(device),
        shift_number: document.shift_id.0,
        local_time: times.local,
        utc_time: times.utc,
        amount_kopecks: Some(sum),
        cashier_name,
        cashier_inn,
        flags,
        ..context.event(NAME, REVISION)
    })
}
