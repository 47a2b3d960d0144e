//! What all JSON families share.

mod frame;
mod search;
mod values;

pub(crate) use frame::{frame_checked, frame_lines, frame_lines_checked, frame_value, is_too_deep};
pub(crate) use search::texts_named;
pub(crate) use values::{Aside, Integer, List, Object, Text, Texts, read, read_at, read_list, utf8};
