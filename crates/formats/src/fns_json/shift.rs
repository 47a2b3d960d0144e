//! A shift that was opened or closed.

use schemas::shifts::{ShiftDocument, ShiftKind};

use super::{NAME, REVISION, document::Document, envelope::Envelope, head};
use crate::{Context, Invalid};

pub(super) fn canonical<'b>(
    mut document: Document<'b>,
    kind: ShiftKind,
    envelope: &Envelope<'b>,
    context: &Context<'b>,
) -> Result<ShiftDocument<'b>, Invalid> {
    let mut flags = Vec::new();
    let moment = head::moment(&document, envelope, context, &mut flags)?;
    let fiscal = head::whole_fiscal(&document, envelope, &mut flags)?;
    let mut shift = ShiftDocument {
        kind,
        shift_number: document.shift_number.0,
        local_time: Some(moment.local),
        utc_time: moment.utc,
        flags: flags.into_iter().map(Into::into).collect(),
        ..context.shift(NAME, REVISION)
    };
    fiscal.name_shift(&mut shift, context);
    if kind == ShiftKind::Close {
        shift.receipts = document.receipts();
        shift.documents = document.documents_quantity.0;
        shift.unsent_documents = document.not_transmitted_documents_quantity.0;
    }
    shift.registration_number = head::registration(&mut document, envelope);
    (shift.cashier_name, shift.cashier_inn) = document.take_cashier();
    Ok(shift)
}
