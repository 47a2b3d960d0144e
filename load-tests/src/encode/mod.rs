//! The fleet's own encoders. They share nothing with the hub's parsers, so that a mistake cannot cancel itself out.

pub mod cp866;
pub mod dreamkas;
pub mod tlv;

use crate::{
    document::Document,
    world::{Family, World},
};

/// Writes the document as its register sends it.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    match world.registers[document.register as usize].family {
        Family::Dreamkas => dreamkas::document(world, document),
        Family::FfdTlv => tlv::document(world, document),
    }
}
