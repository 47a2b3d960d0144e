//! What was sent and what was answered: one small entry a document, 40 bytes and 4 for the index.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
};

use crate::{
    document::{Body, Document},
    family::Family,
    world::World,
};

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Made, and not answered for good: it may be stored or not.
    Open,
    /// Answered 200 and accepted: it must be stored.
    Acknowledged,
    /// Refused for good: it must not be stored.
    Rejected,
}

/// What kind of document an entry is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A receipt.
    Receipt,
    /// Opening or closing of a shift.
    Shift,
    /// Cash put in or taken out.
    Encashment,
}

/// A document that was made.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Index of the register.
    pub register: u32,
    /// Number of the document; 0 for an encashment.
    pub number: u32,
    /// The fleet's time when it was made, seconds of Unix time.
    pub made_at: i64,
    /// The time that it carries, seconds of Unix time.
    pub at: i64,
    /// What it adds to the money of its register, kopecks.
    pub signed_total: i64,
    /// Microseconds from the intended sending to the acknowledgement.
    pub latency_us: u32,
    /// Its kind.
    pub kind: Kind,
    /// What became of it.
    pub state: State,
}

/// All documents that were made.
#[derive(Debug)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// Documents of each register by rising number; encashments have no number and are not here.
    by_register: Vec<Vec<u32>>,
    /// From the first sending to the last answer, seconds of Unix time, of documents that carry no time of their own.
    under_way: HashMap<u32, RangeInclusive<i64>>,
}

impl Ledger {
    /// A ledger for so many registers.
    #[must_use]
    pub fn new(registers: usize) -> Self {
        Self { entries: Vec::new(), by_register: vec![Vec::new(); registers], under_way: HashMap::new() }
    }

    /// Enters a document that was made at this time of the fleet, and returns its place.
    pub fn enter(&mut self, document: &Document, made_at: i64) -> u32 {
        let place = self.entries.len() as u32;
        self.entries.push(Entry {
            register: document.register,
            number: document.number,
            made_at,
            at: document.at,
            signed_total: document.signed_total(),
            latency_us: 0,
            kind: match document.body {
                Body::Receipt(_) => Kind::Receipt,
                Body::ShiftOpen | Body::ShiftClose(_) => Kind::Shift,
                Body::Encashment { .. } => Kind::Encashment,
            },
            state: State::Open,
        });
        if document.number > 0 {
            self.by_register[document.register as usize].push(place);
        }
        place
    }

    /// Notes that a document was acknowledged. An acknowledgement is final: what comes later changes nothing.
    pub fn acknowledge(&mut self, place: u32, latency_us: u64) -> bool {
        let entry = &mut self.entries[place as usize];
        let first = entry.state != State::Acknowledged;
        if first {
            entry.state = State::Acknowledged;
            entry.latency_us = u32::try_from(latency_us).unwrap_or(u32::MAX);
        }
        first
    }

    /// Notes that a document was refused for good, unless it was acknowledged before.
    pub fn reject(&mut self, place: u32) {
        let entry = &mut self.entries[place as usize];
        if entry.state == State::Open {
            entry.state = State::Rejected;
        }
    }

    /// Notes that a document is being sent, or was answered, at this time (seconds of Unix time).
    pub fn note_under_way(&mut self, place: u32, at: i64) {
        let span = self.under_way.entry(place).or_insert(at..=at);
        *span = *span.start()..=at.max(*span.end());
    }

    /// When a document was under way, if that was noted: somewhere in this span the hub took it in.
    #[must_use]
    pub fn under_way(&self, place: u32) -> Option<RangeInclusive<i64>> {
        self.under_way.get(&place).cloned()
    }

    /// The entry at a place.
    #[must_use]
    pub fn entry(&self, place: u32) -> &Entry {
        &self.entries[place as usize]
    }

    /// All entries in the order in which they were made.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries of a kind and state.
    #[must_use]
    pub fn count(&self, kind: Kind, state: State) -> usize {
        self.entries.iter().filter(|entry| entry.kind == kind && entry.state == state).count()
    }

    /// Acknowledged documents by the format of their registers; a format that no document came in is there with 0.
    #[must_use]
    pub fn acknowledged_by_format(&self, world: &World) -> BTreeMap<&'static str, u64> {
        let mut by_format: BTreeMap<_, _> = Family::ALL.iter().map(|family| (family.name(), 0)).collect();
        for entry in self.entries.iter().filter(|entry| entry.state == State::Acknowledged) {
            *by_format.entry(world.registers[entry.register as usize].family.name()).or_default() += 1;
        }
        by_format
    }

    /// The place of a document, by register and number.
    #[must_use]
    pub fn find(&self, register: u32, number: u32) -> Option<u32> {
        let places = self.by_register.get(register as usize)?;
        places.binary_search_by_key(&number, |place| self.entry(*place).number).ok().map(|index| places[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::till::Till;

    #[test]
    fn every_fiscal_document_is_found_by_its_number() {
        let world = World::new(9, 6);
        let mut ledger = Ledger::new(world.registers.len());
        let mut tills = Till::all(&world);
        let mut made = Vec::new();
        for step in 0..900 {
            for till in &mut tills {
                let now = 1_700_000_000 + step * 30;
                let document = till.next(&world, now);
                made.push((ledger.enter(&document, now), document));
            }
        }
        for (place, document) in &made {
            if document.number > 0 {
                assert_eq!(ledger.find(document.register, document.number), Some(*place));
            }
            assert_eq!(ledger.entry(*place).signed_total, document.signed_total());
        }
        let missing = made
            .iter()
            .filter(|(_, document)| document.number > 0)
            .map(|(_, document)| (document.register, document.number))
            .collect::<std::collections::HashSet<_>>();
        for (register, number) in missing.iter().map(|(register, number)| (*register, number + 1)) {
            assert_eq!(ledger.find(register, number).is_some(), missing.contains(&(register, number)));
        }
        assert_eq!(ledger.find(0, 1_000_000), None);
        assert!(made.iter().any(|(_, document)| document.number == 0));
    }

    #[test]
    fn an_acknowledgement_counts_once_and_is_final() {
        let world = World::new(9, 1);
        let mut ledger = Ledger::new(world.registers.len());
        let now = 1_700_000_000;
        let place = ledger.enter(&Till::new(&world, 0).next(&world, now), now);
        ledger.reject(place);
        assert_eq!(ledger.entry(place).state, State::Rejected);
        assert!(ledger.acknowledge(place, 5));
        assert!(!ledger.acknowledge(place, 9));
        ledger.reject(place);
        assert_eq!((ledger.entry(place).state, ledger.entry(place).latency_us), (State::Acknowledged, 5));
    }

    #[test]
    fn an_entry_stays_small() {
        assert!(size_of::<Entry>() <= 40);
    }
}
