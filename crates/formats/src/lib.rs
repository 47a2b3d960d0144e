//! The formats of cash registers, one module per family.
//!
//! A family does two things, both without I/O:
//! * **framing** (hub-ingest, on every request): splits a body into documents and looks at nothing
//!   but well-formedness and size;
//! * **parsing** (normalizer): turns one document into its canonical form or says what is wrong.
//!
//! Where the values of a canonical record stand in its document is told by [`Choice::preview`], from a table of each
//! family. A new family is a module with a `pub static FAMILY` and one line in [`FAMILIES`].
//!
//! ```
//! use formats::{Framed, Limits};
//!
//! let choice = formats::choose(Some("dreamkas"), Some("application/x-ndjson"))?;
//! let mut documents = Vec::new();
//! let outcome = choice.frame(b"{\"type\":\"SALE\"}\n{broken\n{}\n", &Limits::default(), &mut |framed| documents.push(framed));
//! assert_eq!(documents[0], Framed::Document(0..15));
//! assert!(matches!(&documents[1], Framed::Rejected(rejection) if rejection.place.line == Some(2)));
//! assert_eq!(documents[2], Framed::Document(24..26));
//! assert_eq!(outcome.unread_from, None);
//! # Ok::<(), formats::UnknownFormat>(())
//! ```

pub mod atol;
pub mod atol_online;
mod bounds;
mod buyer;
mod checks;
mod codes;
mod decimal;
pub mod dreamkas;
mod encoding;
pub mod evotor;
pub mod ffd_tlv;
pub mod flags;
pub mod fns_json;
mod framing;
pub mod frontol;
mod identity;
mod json;
pub mod kassir_5;
mod marking;
mod moment;
mod number;
mod parsing;
mod paths;
mod preview;
mod registry;
pub mod set_retail;
mod text;
mod xml;
pub mod xml_1c;

pub use bounds::set_most_elements;
pub use framing::{Frame, Framed, Limits, MAX_DEPTH, Outcome, Place, Reason, Rejection};
pub use parsing::{Class, Context, Invalid, Parsed};
pub use paths::{Field, Paths, Shape, Table};
pub use preview::Preview;
pub use registry::{Choice, Family, MediaType, UnknownFormat, charset, choose, family, recognise};

/// All families, in the order in which they are listed to people.
pub static FAMILIES: &[&Family] = &[
    &atol::FAMILY,
    &atol_online::FAMILY,
    &dreamkas::FAMILY,
    &evotor::FAMILY,
    &ffd_tlv::FAMILY,
    &fns_json::FAMILY,
    &frontol::FAMILY,
    &kassir_5::FAMILY,
    &set_retail::FAMILY,
    &xml_1c::FAMILY,
];
