//! The fleet's own encoders. They share nothing with the hub's parsers, so that a mistake cannot cancel itself out.

pub mod atol;
pub mod atol_online;
pub mod cp1251;
pub mod cp866;
pub mod dreamkas;
pub mod evotor;
pub mod evotor_v1;
pub mod fns;
pub mod frontol;
pub mod set_retail;
pub mod text;
pub mod tlv;
pub mod xml;
pub mod xml_1c;

use crate::{document::Document, family::Family, world::World};

/// Writes the document as its register sends it.
#[must_use]
pub fn document(world: &World, document: &Document) -> Vec<u8> {
    written_as(world.registers[document.register as usize].family, world, document)
}

/// What the request calls the document beside its bytes, where the format does not say which one it is.
#[must_use]
pub fn document_id(world: &World, document: &Document) -> Option<String> {
    let family = world.registers[document.register as usize].family;
    (family == Family::Xml1c).then(|| xml_1c::document_id(document))
}

/// Writes the document as a register of that family would send it.
#[must_use]
pub fn written_as(family: Family, world: &World, document: &Document) -> Vec<u8> {
    match family {
        Family::Atol => atol::document(world, document),
        Family::AtolOnline => atol_online::document(world, document),
        Family::Dreamkas => dreamkas::document(world, document),
        Family::Evotor => evotor::document(world, document),
        Family::EvotorV1 => evotor_v1::document(world, document),
        Family::FfdTlv => tlv::document(world, document),
        Family::FnsJson => fns::document(world, document),
        Family::Frontol => frontol::document(world, document),
        Family::SetRetail => set_retail::document(world, document),
        Family::Xml1c => xml_1c::document(world, document),
    }
}
