//! Which product an item is: the rule of the hub's documentation, written a second time.

use crate::{
    family::Family,
    goods::Good,
    world::{Register, World},
};

/// What identifies the product of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity {
    /// A valid GTIN that is not an in-store code.
    Gtin,
    /// The vendor's code, which counts within a shop and a family only.
    Code {
        /// Index of the shop.
        shop: u32,
        /// The family.
        family: Family,
    },
    /// The name and the unit.
    Name {
        /// Whether the format tells the unit.
        unit: bool,
    },
}

/// A product of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductKey {
    /// Index of the tenant.
    pub tenant: u32,
    /// Index of the good.
    pub good: u32,
    /// What the register tells of it.
    pub identity: Identity,
}

/// What a register tells of a good, beside its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The unit as text.
    pub unit: Option<String>,
    /// The GTIN, 14 digits.
    pub gtin: Option<String>,
    /// The vendor's code.
    pub vendor_code: Option<String>,
}

/// The vendor's code of a good in a format that tells one: chains' back offices have one for everything.
#[must_use]
pub fn code(world: &World, family: Family, tenant: u32, good: u32) -> Option<String> {
    match family {
        Family::Dreamkas | Family::Evotor | Family::EvotorV1 => world.vendor_code(tenant, good),
        Family::Frontol | Family::SetRetail => {
            Some(world.vendor_code(tenant, good).unwrap_or_else(|| good.to_string()))
        }
        Family::Atol | Family::AtolOnline | Family::FfdTlv | Family::FnsJson | Family::Xml1c => None,
    }
}

/// What the format of this register tells of a good.
#[must_use]
pub fn told(world: &World, register: &Register, good: u32) -> Told {
    let Good { measure, marked, .. } = world.goods[good as usize];
    let gtin = world.goods[good as usize].gtin().map(|gtin| format!("{gtin:014}"));
    let family = register.family;
    Told {
        unit: family.tells_units().then(|| measure.unit().to_owned()),
        gtin: gtin.filter(|_| marked || family.tells_barcodes()),
        vendor_code: code(world, family, register.tenant, good),
    }
}

impl ProductKey {
    /// The product that this register sells as `good`.
    #[must_use]
    pub fn of(world: &World, register: &Register, good: u32) -> Self {
        let family = register.family;
        let sold = &world.goods[good as usize];
        let identity = if sold.gtin().is_some() && (sold.marked || family.tells_barcodes()) {
            Identity::Gtin
        } else if code(world, family, register.tenant, good).is_some() {
            // The cloud has one list of goods for both of its versions.
            let family = if family == Family::EvotorV1 { Family::Evotor } else { family };
            Identity::Code { shop: register.shop, family }
        } else {
            Identity::Name { unit: family.tells_units() }
        };
        Self { tenant: register.tenant, good, identity }
    }

    /// The key as the hub spells it.
    #[must_use]
    pub fn text(&self, world: &World) -> String {
        let good = &world.goods[self.good as usize];
        match self.identity {
            Identity::Gtin => format!("gtin:{:014}", good.gtin().unwrap_or_default()),
            Identity::Code { shop, family } => {
                let code = code(world, family, self.tenant, self.good).unwrap_or_default();
                format!("code:{}/{}/{}", family.name(), escape(&world.shops[shop as usize].id), escape(&code))
            }
            Identity::Name { unit } => {
                ["name:", &good.name_in_keys, "/", if unit { good.measure.unit() } else { "" }].concat()
            }
        }
    }
}

/// The name as it stands in a key: lower case, single blanks, escaped.
#[must_use]
pub fn name_in_keys(name: &str) -> String {
    escape(&normal_name(name))
}

/// Lower case, single blanks.
fn normal_name(name: &str) -> String {
    name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A part of a key: slashes, percent signs, tildes, blanks and control characters become `%XX`, all else stays.
pub(crate) fn escape(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for letter in part.chars() {
        if "/%~".contains(letter) || letter.is_whitespace() || letter.is_control() {
            out.extend(letter.to_string().bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goods::{Spelling, all};

    #[test]
    fn parts_are_escaped_as_documented() {
        assert_eq!(escape("АРТ-00012/5 a~%"), "АРТ-00012%2F5%20a%7E%25");
        assert_eq!(normal_name(" ХЛЕБ  Ржаной "), "хлеб ржаной");
    }

    #[test]
    fn all_spellings_of_a_name_are_one_product_and_no_key_must_be_cut() {
        for good in all(4) {
            let names = [Spelling::Plain, Spelling::Capitals, Spelling::Blanks]
                .map(|spelling| normal_name(&good.name(spelling).text));
            assert!(names.iter().all(|name| *name == names[0] && name.len() <= 200), "{names:?}");
        }
    }
}
