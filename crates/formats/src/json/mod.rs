//! What all JSON families share.

mod frame;
mod values;

pub(crate) use frame::{frame_lines, frame_value};
pub(crate) use values::{Integer, Number, Object, Text, read, read_at, utf8};
