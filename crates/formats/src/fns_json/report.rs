//! A fiscal document that is neither a receipt nor of a shift: it takes a number like all others.

use schemas::events::{EventKind, RegisterEvent};

use super::{NAME, REVISION, document::Document, envelope::Envelope, head};
use crate::{Context, Invalid};

pub(super) fn canonical<'b>(
    mut document: Document<'b>,
    name: &'static str,
    envelope: &Envelope<'b>,
    context: &Context<'b>,
) -> Result<RegisterEvent<'b>, Invalid> {
    let mut flags = Vec::new();
    let moment = head::moment(&document, envelope, context, &mut flags)?;
    let fiscal = head::whole_fiscal(&document, envelope, &mut flags)?;
    let mut event = RegisterEvent {
        kind: EventKind::Other,
        name: Some(name.into()),
        shift_number: document.shift_number.0,
        local_time: Some(moment.local),
        utc_time: moment.utc,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.event(NAME, REVISION)
    };
    fiscal.name_event(&mut event, context);
    event.registration_number = head::registration(&mut document, envelope);
    (event.cashier_name, event.cashier_inn) = document.take_cashier();
    Ok(event)
}
