//! A fiscal document that is neither a receipt nor of a shift: it takes a number like all others.

use schemas::events::{EventKind, RegisterEvent};

use super::{NAME, REVISION, container::Envelope, head, other::Others, value::Path};
use crate::{Context, Invalid};

pub(super) fn canonical<'b>(
    envelope: &Envelope<'b>,
    name: &'static str,
    context: &Context<'b>,
) -> Result<RegisterEvent<'b>, Invalid> {
    let path = Path::document(envelope.tag);
    let (mut head, mut others, mut flags) = (head::Found::default(), Others::new(context), Vec::new());
    let mut elements = envelope.children();
    for element in &mut elements {
        head.take(element, &path, &mut others)?;
    }
    elements.finish().map_err(|cut| path.broken(cut))?;
    let head = head.complete(envelope, context, &mut flags)?;
    Ok(RegisterEvent {
        event_id: head.id.into(),
        kind: EventKind::Other,
        name: Some(name.into()),
        drive_number: Some(head.drive_number),
        document_number: Some(head.document_number.into()),
        fiscal_sign: Some(head.fiscal_sign.into()),
        registration_number: head.registration_number,
        shift_number: head.shift_number,
        local_time: Some(head.local_time),
        utc_time: head.utc_time,
        cashier_name: head.cashier_name,
        cashier_inn: head.cashier_inn,
        other_tags: others.collect(envelope.children()),
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.event(NAME, REVISION)
    })
}
