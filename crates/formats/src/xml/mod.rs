//! What the XML families share.
//!
//! No entity is known but the five of XML itself, and nothing is ever fetched: a document type is refused where the
//! document is taken in.

mod frame;
mod read;

pub(crate) use frame::frame;
pub(crate) use read::{Element, decode, read};
