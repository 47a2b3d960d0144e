//! How much one document may hold: so many elements, and as much memory as its size allows.
//!
//! Reading takes at most 64 KiB and eight times the document's size. Elements of a few bytes become records of some
//! hundreds, so their memory is asked for here before it is taken, and that of their texts where they are not the
//! document's own.

use std::{
    borrow::Cow,
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use schemas::receipts::Item;

/// See [`set_most_elements`].
static MOST_ELEMENTS: AtomicUsize = AtomicUsize::new(8_000);

/// Sets the most items, payments or other repeated elements of one document, for the whole process; 8,000 where nobody
/// does. A document with more is refused before memory is taken for them. A fiscal document holds some hundreds (32 KB).
pub fn set_most_elements(most: usize) {
    MOST_ELEMENTS.store(most, Ordering::Relaxed);
}

pub(crate) fn most_elements() -> usize {
    MOST_ELEMENTS.load(Ordering::Relaxed)
}

/// What the elements of every document may take beside eight times its size; the rest is for what each needs once.
const FREE_BYTES: usize = 48 * 1024;

/// What of its share the document that this thread reads has not taken yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    document_bytes: usize,
    left: usize,
}

thread_local! {
    static SHARE: Cell<Share> = const { Cell::new(Share { document_bytes: usize::MAX, left: usize::MAX }) };
}

impl Share {
    /// That of the document which is being read.
    pub(crate) fn present() -> Self {
        SHARE.get()
    }

    /// Goes back to it: what was taken since is given back, to read the same again.
    pub(crate) fn restore(self) {
        SHARE.set(self);
    }
}

/// Reads a document of that size within its share.
pub(crate) fn within_share<T>(document_bytes: usize, read: impl FnOnce() -> T) -> T {
    let before = SHARE.replace(Share { document_bytes, left: FREE_BYTES + 8 * document_bytes });
    let result = read();
    SHARE.set(before);
    result
}

/// More elements than a document of its size has room for.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("more elements than a document of {document_bytes} bytes has room for")]
pub(crate) struct NoRoom {
    document_bytes: usize,
}

/// Takes memory for elements that are read and given back.
pub(crate) fn take(bytes: usize) -> Result<(), NoRoom> {
    let Share { document_bytes, left } = SHARE.get();
    let left = left.checked_sub(bytes).ok_or(NoRoom { document_bytes })?;
    SHARE.set(Share { document_bytes, left });
    Ok(())
}

/// Takes memory for one more element of a list of which nobody knows how long it will be: as it becomes longer, it is copied
/// into twice its room.
pub(crate) fn take_growing<T>() -> Result<(), NoRoom> {
    take(3 * size_of::<T>())
}

/// Takes memory for so many records.
pub(crate) fn room_for<T>(count: usize) -> Result<Vec<T>, NoRoom> {
    take(count.saturating_mul(size_of::<T>()))?;
    Ok(Vec::with_capacity(count))
}

/// Takes the memory that an item's texts have, where they are not the document's own.
pub(crate) fn take_texts(item: &Item<'_>) -> Result<(), NoRoom> {
    let Item { name, product_key, unit, gtin, barcode, vendor_code, marking_code, marking_serial, .. } = item;
    let texts = [name, product_key, unit, gtin, barcode, vendor_code, marking_code, marking_serial];
    let texts = texts.into_iter().chain([&item.supplier_inn, &item.supplier_name]);
    let own = texts.map(|text| match text {
        Some(Cow::Owned(text)) => text.capacity(),
        _ => 0,
    });
    let tags = match &item.other_tags {
        Some(Cow::Owned(tags)) => tags.capacity(),
        _ => 0,
    };
    take(own.sum::<usize>() + tags)
}
