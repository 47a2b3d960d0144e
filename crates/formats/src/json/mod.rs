//! What all JSON families share.

mod frame;
mod items;
mod search;
mod values;

pub(crate) use frame::{frame_checked, frame_lines, frame_lines_checked, frame_value, is_too_deep};
pub(crate) use items::Items;
pub(crate) use search::texts_named;
pub(crate) use values::{Aside, Inner, Integer, List, Object, Text, Texts, begin_of, first_of, read, read_at, utf8};
