//! What the cloud knows of a device: no sale and no money, but worth keeping.

use schemas::events::{EventKind, RegisterEvent};

use super::{NAME, REVISION, document::Document};
use crate::{Context, Invalid};

pub(super) fn canonical<'b>(mut document: Document<'b>, context: &Context<'b>) -> Result<RegisterEvent<'b>, Invalid> {
    let device = document.take_id().ok_or_else(|| Invalid::new("$.id", "missing: it says which device this is"))?;
    // A description has no time; one that was changed is another one.
    let id = format!("device:{device}:{}", context.document_hash);
    Ok(RegisterEvent {
        event_id: canonical::vendor_id(context.tenant, NAME, &id).into(),
        kind: EventKind::Other,
        name: Some("device".into()),
        device: Some(device),
        ..context.event(NAME, REVISION)
    })
}
