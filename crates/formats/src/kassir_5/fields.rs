//! Where the values of a document stand: fields of its line by their numbers.

use crate::paths::{self, Field, Shape, Syntax, Table};

/// Where the canonical fields come from.
pub(super) static TABLE: Table = Table {
    syntax: Syntax::Lines,
    read: paths::lines,
    bases: &[],
    shapes: &[Shape { when: "", within: "", fields: FIELDS }],
};

const FIELDS: &[Field] = &[Field("event: name", "4"), Field("local_time", "2 and 3"), Field("utc_time", "2 and 3")];
