//! How much one document may hold: so many elements, and as much memory as its size allows.
//!
//! Reading takes at most 64 KiB and eight times the document's size. Elements of a few bytes become records of some
//! hundreds, so their memory is asked for here before it is taken; texts cannot become more than four times as long.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

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

/// What the elements of every document may take. The rest is for what each document needs once, and for rooms that are
/// not full.
const FREE_BYTES: usize = 32 * 1024;

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
    let before = SHARE.replace(Share { document_bytes, left: FREE_BYTES + 7 * document_bytes });
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

/// Takes memory for so many records, beside which their texts find room.
pub(crate) fn room_for<T>(count: usize) -> Result<Vec<T>, NoRoom> {
    let document_bytes = SHARE.get().document_bytes;
    let bytes = count.saturating_mul(size_of::<T>());
    if bytes > FREE_BYTES.saturating_add(document_bytes.saturating_mul(4)) {
        return Err(NoRoom { document_bytes });
    }
    take(bytes)?;
    Ok(Vec::with_capacity(count))
}
