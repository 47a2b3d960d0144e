//! One module per command.

pub(crate) mod db;
pub(crate) mod dead_letters;
pub(crate) mod decode;
pub(crate) mod formats;
pub(crate) mod lag;
pub(crate) mod registers;
pub(crate) mod schemas;
pub(crate) mod send;
pub(crate) mod servers;
pub(crate) mod sources;
pub(crate) mod tap;
pub(crate) mod topics;
