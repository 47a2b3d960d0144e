//! The fleet's own encoders. They share nothing with the hub's parsers, so that a mistake cannot cancel itself out.

pub mod atol;
pub mod atol_online;
pub mod cp866;
pub mod dreamkas;
pub mod evotor;
pub mod fns;
pub mod json;
pub mod tlv;

use crate::{
    document::Document,
    world::{Family, World},
};

/// Writes the document as its register sends it.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    written_as(world.registers[document.register as usize].family, world, document)
}

/// Writes the document as a register of that family would send it.
#[must_use]
pub fn written_as(family: Family, world: &World, document: &Document) -> Vec<u8> {
    match family {
        Family::Atol => atol::document(world, document),
        Family::AtolOnline => atol_online::document(world, document),
        Family::Dreamkas => dreamkas::document(world, document),
        Family::Evotor => evotor::document(world, document),
        Family::FfdTlv => tlv::document(world, document),
        Family::FnsJson => fns::document(world, document),
    }
}
