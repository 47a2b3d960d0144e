//! What this process last saw of products and prices, within a bound of memory.
//!
//! It answers two questions before PostgreSQL is asked: is an observation newer at all, and does it
//! change anything? A wrong "yes" costs a row; a wrong "no" would lose one, so where it cannot tell,
//! it says yes.
//!
//! An entry may be ahead of PostgreSQL: the observation that it comes from can still be on its way.
//! An older one may be dropped all the same, because the newer one is written before its offset
//! moves. Where that no longer holds, because the partitions change hands or PostgreSQL refused
//! something, everything is forgotten ([`Known::forget`]). What was dropped before that, for a newer one that
//! PostgreSQL then refused, stays dropped: the normalizer makes no receipt that it would refuse.

use std::{collections::HashMap, hash::Hash};

use ahash::RandomState;

use crate::observation::{Order, ProductContent};

/// What an observation is to what was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Not newer: it can be dropped.
    Old,
    /// Newer, with the same content: only its place in time has to be kept. Or another one of the same moment, which
    /// may be newer by the rest of the order; that it changes something can wait as long.
    Confirms,
    /// New or different, for all that is known here.
    Changes,
}

/// The cache. Two generations: when the young one is full it becomes the old one, and what was
/// not used since is gone. So an entry lives as long as it is used, and no list has to be kept.
#[derive(Debug)]
pub(crate) struct Known {
    young: Entries,
    old: Entries,
    most: usize,
    /// Two independent 64-bit hashes make a key that no two identities share in practice, and the
    /// random seeds keep anybody from choosing one.
    seeds: (RandomState, RandomState),
}

type Entries = HashMap<u128, Entry, RandomState>;

#[derive(Debug, Clone, Copy)]
struct Entry {
    event_time: i64,
    /// Hash of receipt id, revision and content: tells a repeat from another receipt of the same microsecond.
    source: u64,
    content: u64,
}

impl Known {
    pub fn new(entries: usize) -> Self {
        let seeds = (RandomState::new(), RandomState::new());
        Self { young: Entries::default(), old: Entries::default(), most: (entries / 2).max(1), seeds }
    }

    /// Judges a product's observation and remembers it if it is newer.
    pub fn product(&mut self, tenant: &str, product_key: &str, order: &Order, content: &ProductContent<'_>) -> News {
        self.judge(&("product", tenant, product_key), order, &content)
    }

    /// Judges a price's observation and remembers it if it is newer.
    pub fn price(&mut self, tenant: &str, product_key: &str, shop: &str, order: &Order, kopecks: i64) -> News {
        self.judge(&("price", tenant, product_key, shop), order, &kopecks)
    }

    /// What was remembered may be wrong.
    pub fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    fn judge(&mut self, identity: &impl Hash, order: &Order, content: &impl Hash) -> News {
        let key = u128::from(self.seeds.0.hash_one(identity)) << 64 | u128::from(self.seeds.1.hash_one(identity));
        let content = self.seeds.0.hash_one(content);
        let source = self.seeds.0.hash_one((&order.receipt_id, order.revision, content));
        let seen = Entry { event_time: order.event_time.0, source, content };
        let Some(last) = self.young.get(&key).or_else(|| self.old.get(&key)).copied() else {
            self.remember(key, seen);
            return News::Changes;
        };
        if seen.event_time <= last.event_time {
            self.remember(key, last);
            // Which of two observations of a moment is newer is for the whole order to say, among those that wait and in
            // PostgreSQL. The entry stays true either way, because only earlier observations are dropped by it.
            let is_tie = seen.event_time == last.event_time && seen.source != last.source;
            return if is_tie { News::Confirms } else { News::Old };
        }
        self.remember(key, seen);
        if seen.content == last.content { News::Confirms } else { News::Changes }
    }

    fn remember(&mut self, key: u128, entry: Entry) {
        self.young.insert(key, entry);
        if self.young.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use canonical::Newest;
    use schemas::Timestamp;

    use super::*;

    fn at(time: i64, id: &str) -> Order {
        Newest { event_time: Timestamp(time), receipt_id: id.into(), revision: 1 }
    }

    #[test]
    fn newer_same_and_older_are_told_apart() {
        let mut known = Known::new(100);
        let mut price = |time, id, kopecks| known.price("acme", "gtin:1", "shop-1", &at(time, id), kopecks);
        assert_eq!(price(10, "a", 500), News::Changes);
        assert_eq!(price(10, "a", 500), News::Old);
        assert_eq!(price(9, "b", 700), News::Old);
        assert_eq!(price(11, "c", 500), News::Confirms);
        assert_eq!(price(12, "d", 700), News::Changes);
        assert_eq!(price(12, "e", 900), News::Confirms, "a tie is not for this memory to decide");
        assert_eq!(price(13, "f", 700), News::Confirms);
        assert_eq!(price(12, "d", 700), News::Old);
    }

    #[test]
    fn tenants_shops_and_products_are_apart() {
        let mut known = Known::new(100);
        for (tenant, key, shop) in [("a", "k", "s"), ("b", "k", "s"), ("a", "l", "s"), ("a", "k", "t"), ("a", "ks", "")]
        {
            assert_eq!(known.price(tenant, key, shop, &at(10, "a"), 500), News::Changes);
        }
        assert_eq!(known.len(), 5);
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let mut known = Known::new(100);
        let mut used = News::Changes;
        for n in 0..10_000 {
            let shop = n.to_string();
            assert_eq!(known.price("a", "k", &shop, &at(10, "a"), 1), News::Changes);
            used = known.price("a", "used", "s", &at(10, "a"), 1);
            assert!(known.len() <= 100);
        }
        assert_eq!(used, News::Old);
        assert_eq!(known.price("a", "k", "0", &at(10, "a"), 1), News::Changes, "forgotten");
        known.forget();
        assert_eq!(known.len(), 0);
    }
}
