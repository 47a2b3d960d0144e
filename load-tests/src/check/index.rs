//! Which documents were seen in a store, beside what the ledger says of them.

use std::collections::HashMap;

use crate::{
    check::findings::Mistakes,
    content::ContentHash,
    ledger::{Entry, Kind, Ledger, State},
    recall::Recalled,
    world::World,
};

/// The documents of the ledger, to be ticked off.
#[derive(Debug)]
pub struct Index<'a> {
    /// The world that the documents are of.
    pub world: &'a World,
    ledger: &'a Ledger,
    recalled: &'a Recalled,
    /// Registers whose documents are known by their drive, by tenant and drive.
    drives: HashMap<(&'a str, u64), u32>,
    seen: Vec<bool>,
}

/// What is wrong with a document that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Right,
    /// It was never sent, or had been refused.
    Foreign,
    /// It says something else.
    WrongContent,
}

impl<'a> Index<'a> {
    /// An index in which nothing was seen yet.
    #[must_use]
    pub fn new(world: &'a World, ledger: &'a Ledger, recalled: &'a Recalled) -> Self {
        let drives = world.registers.iter().zip(0..).filter(|(register, _)| register.family.is_fiscal());
        Self {
            drives: drives.map(|(register, index)| ((&*world.tenant_of(register).id, register.drive), index)).collect(),
            seen: vec![false; ledger.entries().len()],
            world,
            ledger,
            recalled,
        }
    }

    /// The place of a document in the ledger, by its id: `tenant/drive/number`, or what the fleet calls one without a fiscal identity.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<u32> {
        if let Some(place) = self.recalled.named.get(id) {
            return Some(*place);
        }
        let mut parts = id.split('/');
        let (tenant, drive, number) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || number.len() != 10 {
            return None;
        }
        let register = self.drives.get(&(tenant, drive.parse().ok()?))?;
        self.ledger.find(*register, number.parse().ok()?)
    }

    /// Ticks off a document that was found under an id, with the hash of its content.
    pub fn tick_off(&mut self, id: &str, kind: Kind, hash: &ContentHash) -> Verdict {
        match self.place(id) {
            Some(place) if self.entry(place).kind == kind => self.tick_off_place(place, hash),
            _ => Verdict::Foreign,
        }
    }

    /// Ticks off a document whose place is known.
    pub fn tick_off_place(&mut self, place: u32, hash: &ContentHash) -> Verdict {
        self.seen[place as usize] = true;
        let entry = self.entry(place);
        match entry.state {
            State::Rejected => Verdict::Foreign,
            _ if self.recalled.hashes[place as usize] == *hash => Verdict::Right,
            _ => Verdict::WrongContent,
        }
    }

    /// Acknowledged documents of these kinds that were not seen.
    #[must_use]
    pub fn lost(&self, kinds: &[Kind]) -> Mistakes {
        let mut lost = Mistakes::default();
        for (entry, seen) in self.ledger.entries().iter().zip(&self.seen) {
            if !seen && entry.state == State::Acknowledged && kinds.contains(&entry.kind) {
                lost.add(|| self.describe(entry));
            }
        }
        lost
    }

    /// What the receipts of each tenant add up to: the acknowledged ones, and those without an answer that were seen.
    #[must_use]
    pub fn money(&self) -> HashMap<&'a str, i64> {
        let mut money: HashMap<&str, i64> = HashMap::new();
        for (entry, seen) in self.ledger.entries().iter().zip(&self.seen) {
            let counts = entry.state == State::Acknowledged || entry.state == State::Open && *seen;
            if counts && entry.kind == Kind::Receipt {
                let tenant = self.world.tenant_of(&self.world.registers[entry.register as usize]);
                *money.entry(&tenant.id).or_default() += entry.signed_total;
            }
        }
        money
    }

    /// The encashments by the hash of their content.
    #[must_use]
    pub fn encashments(&self) -> HashMap<ContentHash, u32> {
        let entries = self.ledger.entries().iter().zip(&self.recalled.hashes).zip(0..);
        entries
            .filter(|((entry, _), _)| entry.kind == Kind::Encashment)
            .map(|((_, hash), place)| (*hash, place))
            .collect()
    }

    fn entry(&self, place: u32) -> &'a Entry {
        self.ledger.entry(place)
    }

    fn describe(&self, entry: &Entry) -> String {
        let register = &self.world.registers[entry.register as usize];
        let (tenant, drive) = (&self.world.tenant_of(register).id, register.drive);
        let kind = match entry.kind {
            Kind::Encashment => return format!("an encashment of {tenant}/{} at {}", register.id, entry.at),
            Kind::Receipt => "receipt",
            Kind::Shift => "shift report",
        };
        if register.family.is_fiscal() {
            return format!("{kind} {tenant}/{drive}/{:010} of {}", entry.number, register.id);
        }
        format!("{kind} {} of {tenant}/{}, a register of {}", entry.number, register.id, register.family.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{family::Family, till::Till};

    #[test]
    fn documents_without_a_fiscal_identity_are_judged_like_all_others() {
        let world = World::new(4, 120);
        let mut ledger = Ledger::new(world.registers.len());
        let now = 1_760_000_000;
        for mut till in Till::all(&world) {
            let place = ledger.enter(&till.next(&world, now), now);
            assert!(ledger.acknowledge(place, 1));
        }
        let recalled = Recalled::of(&world, &ledger);
        let mut index = Index::new(&world, &ledger, &recalled);
        for family in [Family::Frontol, Family::SetRetail, Family::Xml1c] {
            let is_of_family = |place: u32| world.registers[ledger.entry(place).register as usize].family == family;
            let (id, place) = recalled.named.iter().find(|(_, place)| is_of_family(**place)).unwrap();
            let (id, hash, entry) = (id.to_string(), recalled.hashes[*place as usize], ledger.entry(*place).clone());
            let mut other = hash;
            other[0] ^= 1;
            assert_eq!(index.tick_off(&id, Kind::Receipt, &other), Verdict::WrongContent);
            assert_eq!(index.tick_off(&id, Kind::Receipt, &hash), Verdict::Right);
            assert_eq!(index.tick_off(&id, Kind::Shift, &hash), Verdict::Foreign);
            assert_eq!(index.tick_off(&format!("{id}0"), Kind::Receipt, &hash), Verdict::Foreign);
            // Its drive is never told, so a document under the drive's number is not the fleet's.
            let register = &world.registers[entry.register as usize];
            let by_drive = format!("{}/{}/{:010}", world.tenant_of(register).id, register.drive, entry.number);
            assert_eq!(index.tick_off(&by_drive, Kind::Receipt, &hash), Verdict::Foreign);
        }
        let lost = index.lost(&[Kind::Receipt]);
        let receipts = ledger.count(Kind::Receipt, State::Acknowledged) as u64;
        assert_eq!(lost.count, receipts - 3);
    }
}
