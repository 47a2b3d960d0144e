//! What is to be kept of a number that has more than one copy, and the changes that lead there.

use canonical::Kept;
use mongodb::bson::{Bson, Document, doc};

use crate::{copies::Facts, store::Verdict};

/// Where a document lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shelf {
    /// In `receipts` or `shifts`: the document that counts.
    Numbers,
    /// In `conflicts` or `shift_conflicts`: one document for each sign, as soon as there are two under the same number.
    Conflicts,
}

/// A copy, as it was found or as it has just arrived.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub shelf: Shelf,
    pub facts: Facts,
    pub document: Document,
}

impl Found {
    pub fn new(shelf: Shelf, document: Document) -> Self {
        Self { shelf, facts: Facts::of_stored(&document), document }
    }

    fn is_at(&self, shelf: Shelf, id: &str) -> bool {
        self.shelf == shelf && self.document.get_str("_id").is_ok_and(|found| found == id)
    }

    /// Matches the document only as long as it is what was found, whatever somebody wrote into its fields.
    fn seen(&self) -> Document {
        let is = |field| Bson::from(doc! { "$eq": self.document.get(field).cloned().unwrap_or(Bson::Null) });
        ["_id"].into_iter().chain(Facts::FIELDS).map(|field| (field.to_owned(), is(field))).collect()
    }
}

/// A change of one document.
#[derive(Debug)]
pub(crate) struct Change {
    pub shelf: Shelf,
    /// Filter for the document as it was seen; without it there was none.
    pub seen: Option<Document>,
    /// What is there afterwards.
    pub document: Document,
}

/// What a copy is, and what it changes.
#[derive(Debug)]
pub(crate) struct Settled {
    pub verdict: Verdict,
    /// In the order in which they are to be made.
    pub changes: Vec<Change>,
}

/// Ids of the conflicts that decide about a new copy: of its own sign and of the sign that counts. The others
/// came later than that one, or their writers are still at it.
pub(crate) fn conflicts_to_see(id: &str, counts: Option<&Found>, new: &Found) -> Vec<String> {
    [counts, Some(new)].into_iter().flatten().map(|found| found.facts.conflict_id(id)).collect()
}

/// Settles the number `id`, of which was found what decides about the new copy.
///
/// Nothing is ever removed, and a document is only replaced by one that tells more: so writers that
/// work at the same time, or are killed between two changes, cannot undo what others did. For that the
/// document that counts lies among the conflicts too before another sign takes its place.
pub(crate) fn settle(id: &str, found: &[Found], new: &Found) -> Settled {
    let all: Vec<&Found> = found.iter().chain([new]).collect();
    let copies: Vec<_> = all.iter().map(|found| found.facts.copy()).collect();
    let settled = canonical::settle(&copies);
    let wanted = |kept: &Kept<'_>, shelf| {
        let Found { facts, document, .. } = all[kept.index];
        let id = if shelf == Shelf::Numbers { id.to_owned() } else { facts.conflict_id(id) };
        let mut document = document.clone();
        document.insert("_id", &id);
        document.remove("first_received");
        if let Some(first) = facts.first_received(kept.first_received) {
            document.insert("first_received", first);
        }
        let before = found.iter().find(|found| found.is_at(shelf, &id));
        let differs = before.is_none_or(|before| before.facts != Facts::of_stored(&document));
        differs.then(|| Change { shelf, seen: before.map(Found::seen), document })
    };
    let is_disputed = settled.len() > 1 || found.iter().any(|found| found.shelf == Shelf::Conflicts);
    let conflicts = if is_disputed { &settled[..] } else { &[] };
    let conflicts = conflicts.iter().map(|kept| wanted(kept, Shelf::Conflicts));
    let counts = settled.first().map(|kept| wanted(kept, Shelf::Numbers));
    let changes = conflicts.chain(counts).flatten().collect();
    Settled { verdict: verdict(&all, &settled), changes }
}

/// What the last of all copies is.
fn verdict(all: &[&Found], settled: &[Kept<'_>]) -> Verdict {
    let new = all.len() - 1;
    let sign = |index: usize| all[index].facts.sign;
    let Some(counts) = settled.first().filter(|counts| sign(counts.index) == sign(new)) else {
        return Verdict::Conflict;
    };
    match all[..new].iter().find(|found| found.shelf == Shelf::Numbers) {
        None => Verdict::Inserted,
        Some(stored) if stored.facts.sign != sign(new) => Verdict::Conflict,
        Some(_) if counts.index == new => Verdict::Replaced,
        Some(_) => Verdict::Superseded,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use canonical::copies::source_rank;
    use proptest::prelude::*;
    use schemas::{Timestamp, receipts::Receipt};

    use super::*;

    const ID: &str = "t/9999078900001234/0000000001";

    type Key = (Shelf, String);

    /// MongoDB in its smallest form: each change of one document happens wholly or not at all.
    #[derive(Debug, Default, PartialEq)]
    struct Store(BTreeMap<Key, Document>);

    impl Store {
        fn look(&self, shelf: Shelf, ids: &[String]) -> Vec<Found> {
            let there = ids.iter().collect::<BTreeSet<_>>().into_iter();
            let there = there.filter_map(|id| self.0.get(&(shelf, id.clone())));
            there.map(|document| Found::new(shelf, document.clone())).collect()
        }

        fn apply(&mut self, change: Change) -> bool {
            let key = (change.shelf, change.document.get_str("_id").unwrap().to_owned());
            let now = self.0.get(&key).map(|document| Found::new(change.shelf, document.clone()).seen());
            if now != change.seen {
                return false;
            }
            self.0.insert(key, change.document);
            true
        }
    }

    /// A writer with one copy, which does one thing at a time.
    #[derive(Debug)]
    struct Writer {
        new: Found,
        at: Step,
    }

    #[derive(Debug)]
    enum Step {
        Insert,
        LookAtNumbers,
        LookAtConflicts(Vec<Found>),
        Change(std::vec::IntoIter<Change>),
        Done,
    }

    impl Writer {
        fn step(&mut self, store: &mut Store) {
            self.at = match std::mem::replace(&mut self.at, Step::Done) {
                Step::Insert => {
                    let document = self.new.document.clone();
                    match store.apply(Change { shelf: Shelf::Numbers, seen: None, document }) {
                        true => Step::Done,
                        false => Step::LookAtNumbers,
                    }
                }
                Step::LookAtNumbers => Step::LookAtConflicts(store.look(Shelf::Numbers, &[ID.to_owned()])),
                Step::LookAtConflicts(mut found) => {
                    let ids = conflicts_to_see(ID, found.first(), &self.new);
                    found.extend(store.look(Shelf::Conflicts, &ids));
                    match settle(ID, &found, &self.new).changes {
                        none if none.is_empty() => Step::Done,
                        changes => Step::Change(changes.into_iter()),
                    }
                }
                Step::Change(mut changes) => match changes.next().is_some_and(|change| store.apply(change)) {
                    true => Step::Change(changes),
                    false => Step::LookAtNumbers,
                },
                Step::Done => Step::Done,
            }
        }

        fn finish(&mut self, store: &mut Store) {
            for _ in 0..100 {
                self.step(store);
            }
            assert!(matches!(self.at, Step::Done), "still changing: {self:?}");
        }
    }

    fn found(sign: i64, source: &str, at_ms: i64) -> Found {
        let receipt = Receipt {
            receipt_id: ID.into(),
            fiscal_sign: Some(sign),
            source: source.to_owned().into(),
            raw_topic: "registers.raw.v1".into(),
            raw_offset: at_ms,
            received_at: Timestamp(at_ms * 1000 + 7),
            ..Receipt::default()
        };
        let document = Document::from_reader(&schemas::bson::to_document(&receipt)[..]).unwrap();
        Found { shelf: Shelf::Numbers, facts: Facts::of_receipt(&receipt), document }
    }

    fn signs(store: &Store) -> Vec<(&str, i64, &str)> {
        let entries = store.0.iter();
        entries
            .map(|((_, id), d)| (&id[ID.len()..], d.get_i64("fiscal_sign").unwrap(), d.get_str("source").unwrap()))
            .collect()
    }

    #[test]
    fn a_poorer_copy_that_came_first_is_remembered_though_it_is_not_kept() {
        let mut store = Store::default();
        for new in [found(2, "ffd-tlv", 300), found(2, "dreamkas", 100), found(1, "dreamkas", 200)] {
            Writer { new, at: Step::Insert }.finish(&mut store);
        }
        let all = [("", 2, "ffd-tlv"), ("/1", 1, "dreamkas"), ("/2", 2, "ffd-tlv")];
        assert_eq!(signs(&store), all, "the sign 2 was first, at 100");
    }

    #[test]
    fn a_sign_that_turns_out_to_be_first_brings_its_best_copy_from_the_conflicts() {
        let mut store = Store::default();
        for new in [found(1, "dreamkas", 200), found(2, "ffd-tlv", 300), found(2, "dreamkas", 100)] {
            Writer { new, at: Step::Insert }.finish(&mut store);
        }
        assert_eq!(signs(&store), [("", 2, "ffd-tlv"), ("/1", 1, "dreamkas"), ("/2", 2, "ffd-tlv")]);
    }

    #[test]
    fn verdicts_say_what_became_of_the_copy() {
        let verdict = |found: &[Found], new| settle(ID, found, &new).verdict.name();
        let stored = [found(2, "ffd-tlv", 200)];
        assert_eq!(verdict(&[], found(2, "dreamkas", 100)), "inserted");
        assert_eq!(verdict(&stored, found(2, "dreamkas", 100)), "superseded");
        assert_eq!(verdict(&stored, found(2, "ffd-tlv", 100)), "replaced");
        assert_eq!(verdict(&stored, found(3, "ffd-tlv", 100)), "conflict", "it came first");
        assert_eq!(verdict(&stored, found(3, "ffd-tlv", 300)), "conflict", "it came later");
    }

    #[test]
    fn a_document_that_somebody_wrote_by_hand_is_neither_lost_nor_in_the_way() {
        let mut store = Store::default();
        let by_hand = doc! { "_id": ID, "raw_partition": 5.5, "revision": { "$gt": 1 }, "note": "mine" };
        store.0.insert((Shelf::Numbers, ID.into()), by_hand);
        Writer { new: found(7, "ffd-tlv", 100), at: Step::Insert }.finish(&mut store);
        assert_eq!(store.0[&(Shelf::Numbers, ID.into())].get_i64("fiscal_sign").unwrap(), 7);
        assert_eq!(store.0[&(Shelf::Conflicts, format!("{ID}/unsigned"))].get_str("note").unwrap(), "mine");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Three writers at a time do their steps in any order, and some are killed in the middle: their copies
        /// are delivered again.
        #[test]
        fn whoever_writes_and_is_killed_when_the_same_is_kept_in_the_end(
            copies in prop::collection::vec((1..4_i64, prop::sample::select(vec!["dreamkas", "ffd-tlv"])), 1..8),
            receptions in Just((0..8_i64).collect::<Vec<_>>()).prop_shuffle(),
            turns in prop::collection::vec((0..3_usize, prop::bool::weighted(0.05)), 0..80),
        ) {
            let copies: Vec<Found> =
                copies.iter().zip(receptions).map(|((sign, source), at)| found(*sign, source, at)).collect();
            let mut store = Store::default();
            let mut waiting = copies.clone();
            let mut writers: Vec<Writer> = Vec::new();
            for (turn, killed) in turns {
                while writers.len() < 3 && let Some(new) = waiting.pop() {
                    writers.push(Writer { new, at: Step::Insert });
                }
                let Some(writer) = writers.get_mut(turn) else { continue };
                writer.step(&mut store);
                if killed {
                    waiting.push(writers.remove(turn).new);
                } else if matches!(writer.at, Step::Done) {
                    writers.remove(turn);
                }
            }
            for writer in &mut writers {
                writer.finish(&mut store);
            }
            for new in waiting {
                Writer { new, at: Step::Insert }.finish(&mut store);
            }

            let expected = expected(&copies);
            prop_assert_eq!(signs(&store).len(), expected.len());
            for ((shelf, id), best, first) in expected {
                let kept = &store.0[&(shelf, id)];
                prop_assert_eq!(kept.get_i64("raw_offset").unwrap(), best);
                let place = kept.get_document("first_received").unwrap_or(kept);
                prop_assert_eq!(place.get_i64("raw_offset").unwrap(), first);
            }
        }
    }

    /// Where which copy is to lie, and when its sign came first, said without the code that is tested: a copy's
    /// raw offset is also the time of its reception.
    fn expected(copies: &[Found]) -> Vec<(Key, i64, i64)> {
        let fact = |found: &Found, field| found.document.get_i64(field).unwrap();
        let rank = |found: &Found| source_rank(found.document.get_str("source").unwrap());
        let first_of_all = copies.iter().min_by_key(|found| fact(found, "raw_offset")).unwrap();
        let mut expected = Vec::new();
        for sign in 1..4 {
            let of_sign: Vec<&Found> = copies.iter().filter(|found| fact(found, "fiscal_sign") == sign).collect();
            let Some(best) = of_sign.iter().max_by_key(|found| (rank(found), -fact(found, "raw_offset"))) else {
                continue;
            };
            let first = of_sign.iter().map(|found| fact(found, "raw_offset")).min().unwrap();
            let mut expect = |shelf, id| expected.push(((shelf, id), fact(best, "raw_offset"), first));
            if sign == fact(first_of_all, "fiscal_sign") {
                expect(Shelf::Numbers, ID.to_owned());
            }
            if of_sign.len() < copies.len() {
                expect(Shelf::Conflicts, format!("{ID}/{sign}"));
            }
        }
        expected
    }
}
