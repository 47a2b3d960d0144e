//! A shift that was opened or closed.

use schemas::shifts::{ShiftDocument, ShiftKind};

use super::{NAME, REVISION, container::Envelope, head, other::Others, tag, value::Path};
use crate::{Context, Invalid};

pub(super) fn canonical<'b>(envelope: &Envelope<'b>, context: &Context<'b>) -> Result<ShiftDocument<'b>, Invalid> {
    let path = Path::document(envelope.tag);
    let mut shift = context.shift(NAME, REVISION);
    let (mut head, mut others, mut flags) = (head::Found::default(), Others::new(context), Vec::new());
    let mut elements = envelope.children();
    for element in &mut elements {
        let counter = match element.tag {
            tag::RECEIPTS_OF_SHIFT => &mut shift.receipts,
            tag::DOCUMENTS_OF_SHIFT => &mut shift.documents,
            tag::UNSENT_DOCUMENTS => &mut shift.unsent_documents,
            _ => {
                head.take(element, &path, &mut others)?;
                continue;
            }
        };
        let is_given_back = path.number_into(element, counter)?;
        others.field(element, is_given_back);
    }
    elements.finish().map_err(|cut| path.broken(cut))?;
    let head = head.complete(envelope, context, &mut flags)?;
    Ok(ShiftDocument {
        shift_document_id: head.id.into(),
        drive_number: Some(head.drive_number),
        document_number: Some(head.document_number.into()),
        fiscal_sign: Some(head.fiscal_sign.into()),
        registration_number: head.registration_number,
        kind: if envelope.tag == tag::SHIFT_OPEN { ShiftKind::Open } else { ShiftKind::Close },
        shift_number: head.shift_number,
        local_time: Some(head.local_time),
        utc_time: head.utc_time,
        cashier_name: head.cashier_name,
        cashier_inn: head.cashier_inn,
        other_tags: others.collect(envelope.children()),
        flags: flags.into_iter().map(Into::into).collect(),
        ..shift
    })
}
