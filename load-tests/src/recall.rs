//! What the documents of a ledger say, made once more.
//!
//! A till makes the same documents from the same seed and times. So a fleet at work does not spend its time
//! on what only the check needs, and does not have to keep it.

use std::{collections::HashMap, sync::Arc};

use crate::{
    content::ContentHash,
    document::{Body, Document},
    ledger::{Ledger, State},
    products::{Id, Moment, Products},
    till::Till,
    truth,
    world::World,
};

/// What the documents of a ledger say.
#[derive(Debug, Default)]
pub struct Recalled {
    /// Hash of the content of each document, in the order of the ledger.
    pub hashes: Vec<ContentHash>,
    /// The places in the ledger of documents without a fiscal identity, by their ids.
    pub named: HashMap<Arc<str>, u32>,
    /// Products and prices that the acknowledged sales tell.
    pub products: Products,
    /// Those that sales without a final answer tell: they may be stored or not.
    pub doubtful: Products,
}

impl Recalled {
    /// Makes all documents again.
    #[must_use]
    pub fn of(world: &World, ledger: &Ledger) -> Self {
        let mut tills = Till::all(world);
        let mut recalled = Self::default();
        for (place, entry) in (0..).zip(ledger.entries()) {
            let document = tills[entry.register as usize].next(world, entry.made_at);
            recalled.hashes.push(truth::content_hash(world, &document));
            let named: Option<Arc<str>> = truth::named_id(world, &document).map(Into::into);
            if let Some(id) = &named {
                recalled.named.insert(id.clone(), place);
            }
            let products = match entry.state {
                State::Acknowledged => &mut recalled.products,
                State::Open => &mut recalled.doubtful,
                State::Rejected => continue,
            };
            // Only sales tell of products: a return repeats the name and the price of an earlier day.
            if let Body::Receipt(receipt) = &document.body
                && !receipt.refund
            {
                let items = receipt.items.iter().map(|item| (item.good, item.price));
                products.observe(world, entry.register, &moment(world, ledger, place, &document, named), items);
            }
        }
        recalled
    }
}

/// When the hub has what a receipt tells.
fn moment(world: &World, ledger: &Ledger, place: u32, document: &Document, named: Option<Arc<str>>) -> Moment {
    let register = &world.registers[document.register as usize];
    if !register.family.tells_time() {
        // What was never sent may still be received at any time.
        return Moment::Within(ledger.under_way(place).unwrap_or(document.at..=i64::MAX));
    }
    let fiscal = Id::Fiscal { drive: register.drive, number: document.number };
    Moment::At(document.at, named.map_or(fiscal, Id::Named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_recalled_as_they_were_made() {
        let world = World::new(11, 9);
        let mut tills = Till::all(&world);
        let mut ledger = Ledger::new(world.registers.len());
        let mut made = Vec::new();
        for step in 0..6_000 {
            let till = (step * step % world.registers.len() as i64) as usize;
            let now = 1_700_000_000 + step * 7;
            let document = tills[till].next(&world, now);
            let place = ledger.enter(&document, now);
            match step % 3 {
                0 => assert!(ledger.acknowledge(place, 1)),
                1 => ledger.reject(place),
                _ => {}
            }
            made.push(truth::content_hash(&world, &document));
        }
        let recalled = Recalled::of(&world, &ledger);
        assert!(recalled.hashes == made);
        let sizes = [recalled.products.len(), recalled.doubtful.len()];
        assert!(sizes.iter().all(|size| (100..40_000).contains(size)), "{sizes:?}");
    }
}
