//! Framing: where the documents of a body begin and end.

use super::{
    container, tag,
    tlv::{Cut, Tlvs},
};
use crate::{
    Limits, Outcome, Place, Reason,
    framing::{Counter, Framed},
};

/// Splits a body into documents; a container is part of its document. A fault ends the reading:
/// nothing tells where the next document begins.
pub(super) fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    let mut counter = Counter::new(limits, each);
    if body.is_empty() {
        let _full = counter.reject(0..0, place(0), Reason::Malformed("the body is empty".into()));
        return counter.finish();
    }
    let mut start = 0;
    while start < body.len() {
        let envelope = match container::open(body, start)
            .and_then(|envelope| Ok(check(envelope.children()).map(|()| envelope)?))
        {
            Ok(envelope) => envelope,
            Err(broken) => {
                return counter.stop(start..body.len(), place(broken.offset), Reason::Malformed(broken.text));
            }
        };
        let range = start..envelope.end;
        let (bytes, limit) = (range.len(), counter.limits().document_bytes);
        let taken = if bytes > limit {
            counter.reject(range, place(start), Reason::TooLarge { bytes, limit })
        } else {
            counter.accept(range)
        };
        if taken.is_err() {
            return counter.finish();
        }
        start = envelope.end;
    }
    counter.finish()
}

/// Whether the elements fill their document. Of those with elements of their own only the items
/// are looked into: they are what counts, and what another tag holds differs by format version.
fn check(mut elements: Tlvs<'_>) -> Result<(), Cut> {
    for element in &mut elements {
        if element.tag == tag::ITEM {
            element.children().check()?;
        }
    }
    elements.finish()
}

const fn place(offset: usize) -> Place {
    Place { offset, line: None }
}
