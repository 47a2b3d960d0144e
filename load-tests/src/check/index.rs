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
    /// Registers by tenant and drive.
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
        let drives = world.registers.iter().zip(0..);
        Self {
            drives: drives.map(|(register, index)| ((&*world.tenant_of(register).id, register.drive), index)).collect(),
            seen: vec![false; ledger.entries().len()],
            world,
            ledger,
            recalled,
        }
    }

    /// The place of a fiscal document in the ledger, by its id `tenant/drive/number`.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<u32> {
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
        match entry.kind {
            Kind::Encashment => format!("an encashment of {tenant}/{} at {}", register.id, entry.at),
            Kind::Receipt => format!("receipt {tenant}/{drive}/{:010} of {}", entry.number, register.id),
            Kind::Shift => format!("shift report {tenant}/{drive}/{:010} of {}", entry.number, register.id),
        }
    }
}
