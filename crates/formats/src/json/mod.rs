//! What all JSON families share.

mod frame;
mod search;
mod values;

pub(crate) use frame::{frame_checked, frame_lines, frame_lines_checked, frame_value, is_too_deep};
pub(crate) use search::texts_named;
pub(crate) use values::{Aside, Inner, Integer, List, Object, Text, Texts, first_of, read, read_at, utf8};
