//! Which copy of a document counts.
//!
//! The same document comes more than once: a register sends again, a cloud and a driver tell of
//! the same sale, a later parser reads it better. Every sink must settle on the same copy, in
//! whatever order they arrive.

use std::cmp::Reverse;

/// Families by how much of a document they tell. Sources that are not listed have rank 0.
///
/// `ffd-tlv` is what the fiscal drive itself keeps: sums of VAT and item sums as the register
/// stated them. `fns-json` is that document as an operator of fiscal data passed it on: some leave parts out.
/// `atol` is what a driver was asked for and what the drive answered: sums of VAT are missing. `evotor` and `dreamkas` are clouds' extracts: sums of VAT are missing, of `dreamkas` item sums as well.
/// `atol-online` is often a report alone, without any content. The others have no fiscal identity, so that they never meet
/// another family's copy of the same document.
pub const SOURCE_RANKS: &[(&str, u8)] = &[
    ("ffd-tlv", 90),
    ("fns-json", 80),
    ("atol", 70),
    ("evotor", 60),
    ("dreamkas", 50),
    ("atol-online", 40),
    ("set-retail", 30),
    ("frontol", 20),
    ("xml-1c", 10),
    ("kassir-5", 5),
];

/// The rank of a family: greater is richer.
#[must_use]
pub fn source_rank(source: &str) -> u8 {
    SOURCE_RANKS.iter().find(|(name, _)| *name == source).map_or(0, |(_, rank)| *rank)
}

/// When and where the hub took a document in. The earlier one is the smaller; the raw position
/// decides between two of the same millisecond, which is the finest that every sink keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reception<'a> {
    /// `received_at`, in milliseconds.
    pub at_ms: i64,
    /// `raw_topic`
    pub topic: &'a str,
    /// `raw_partition`
    pub partition: i32,
    /// `raw_offset`
    pub offset: i64,
}

/// What decides about one copy of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Copy<'a> {
    /// Fiscal sign; `None` for non-fiscal documents.
    pub sign: Option<i64>,
    /// It only proves that the document exists: what was sold is not told (flag `content-missing`).
    pub is_empty: bool,
    /// Family of the format.
    pub source: &'a str,
    /// Revision of the family's parser.
    pub revision: i32,
    /// When this copy came.
    pub received: Reception<'a>,
    /// When the first copy with this sign came, as far as is known. For a copy that has just
    /// arrived it is `received`; a sink that keeps one copy of several keeps the earliest of their
    /// receptions. Without it the kept copy would forget that its sign was here first.
    pub first_received: Reception<'a>,
}

impl<'a> Copy<'a> {
    /// Of two copies with the same id and sign the one with the greater merit is kept: one with
    /// content, the richer source, the newer parser, the one received earlier. Equal only for the
    /// very same copy.
    #[must_use]
    pub fn merit(self) -> impl Ord + use<'a> {
        // Sources of equal rank: any order will do as long as it is one.
        (!self.is_empty, source_rank(self.source), self.source, self.revision, Reverse(self.received))
    }
}

/// One sign of a number: what is to be kept of its copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a> {
    /// Index of the copy that is kept.
    pub index: usize,
    /// When the first copy with this sign came.
    pub first_received: Reception<'a>,
}

/// Settles copies with the same id: of each sign the copy of the greatest merit. The first in the
/// answer is the one that is stored, since its sign came first; the others are documents that carry
/// the number of another one: they are kept as conflicts and reported.
///
/// What was settled can be settled again with further copies; the order of arrival changes nothing.
#[must_use]
pub fn settle<'a>(copies: &[Copy<'a>]) -> Vec<Kept<'a>> {
    let mut signs: Vec<Kept<'a>> = Vec::new();
    for (index, copy) in copies.iter().enumerate() {
        match signs.iter_mut().find(|kept| copies[kept.index].sign == copy.sign) {
            None => signs.push(Kept { index, first_received: copy.first_received }),
            Some(kept) => {
                kept.first_received = kept.first_received.min(copy.first_received);
                if copy.merit() > copies[kept.index].merit() {
                    kept.index = index;
                }
            }
        }
    }
    signs.sort_by_key(|kept| (kept.first_received, copies[kept.index].sign));
    signs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn copy(sign: i64, source: &'static str, revision: i32, at: i64) -> Copy<'static> {
        let received = Reception { at_ms: at, topic: "registers.raw.v1", partition: 0, offset: at };
        Copy { sign: Some(sign), is_empty: false, source, revision, received, first_received: received }
    }

    #[test]
    fn the_richer_source_counts_then_the_revision_then_the_earlier_copy() {
        let tlv = copy(7, "ffd-tlv", 1, 200);
        assert!(tlv.merit() > copy(7, "dreamkas", 9, 100).merit());
        assert!(tlv.merit() < copy(7, "ffd-tlv", 2, 300).merit());
        assert!(tlv.merit() > copy(7, "ffd-tlv", 1, 300).merit());
        assert!(tlv.merit() == tlv.merit());
        let report = Copy { is_empty: true, ..copy(7, "atol-online", 1, 100) };
        assert!(report.merit() < copy(7, "atol-online", 1, 200).merit());
        assert!(report.merit() < copy(7, "a-family-of-no-rank", 1, 200).merit());
    }

    #[test]
    fn the_sign_that_came_first_is_stored_even_if_a_poorer_copy_told_of_it() {
        let copies = [copy(8, "ffd-tlv", 1, 200), copy(7, "dreamkas", 1, 100), copy(7, "ffd-tlv", 1, 300)];
        let kept = |index, first: usize| Kept { index, first_received: copies[first].received };
        assert_eq!(settle(&copies), [kept(2, 1), kept(0, 0)]);
        assert_eq!(settle(&copies[..1]), [kept(0, 0)]);
    }

    fn copies() -> impl Strategy<Value = Vec<Copy<'static>>> {
        let sources = prop::sample::select(vec!["dreamkas", "ffd-tlv", "new-a", "new-b"]);
        let one = (1..4_i64, any::<bool>(), sources, 1..3_i32, 0..50_i64)
            .prop_map(|(sign, is_empty, source, revision, at)| Copy { is_empty, ..copy(sign, source, revision, at) });
        prop::collection::vec(one, 1..12).prop_map(|mut copies| {
            // A reception is one copy: two different ones cannot share it.
            for (offset, copy) in (0..).zip(&mut copies) {
                copy.received.offset = offset;
                copy.first_received = copy.received;
            }
            copies
        })
    }

    /// What is kept: each sign's copy with the earliest reception of its sign.
    fn kept(copies: &[Copy<'static>]) -> Vec<Copy<'static>> {
        let kept = settle(copies).into_iter();
        kept.map(|Kept { index, first_received }| Copy { first_received, ..copies[index] }).collect()
    }

    proptest! {
        #[test]
        fn of_each_sign_the_best_copy_is_kept_and_the_sign_that_came_first_is_stored(copies in copies()) {
            let kept = kept(&copies);
            let first = copies.iter().min_by_key(|copy| copy.received).unwrap();
            prop_assert_eq!(kept[0].sign, first.sign);
            for copy in &copies {
                let of_its_sign: Vec<_> = kept.iter().filter(|kept| kept.sign == copy.sign).collect();
                prop_assert_eq!(of_its_sign.len(), 1);
                prop_assert!(of_its_sign[0].merit() >= copy.merit());
                prop_assert!(of_its_sign[0].first_received <= copy.received);
            }
        }

        #[test]
        fn the_order_of_arrival_changes_nothing(
            (copies, shuffled) in copies().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            let one_by_one = shuffled.into_iter().fold(Vec::new(), |mut sink, new| {
                sink.push(new);
                kept(&sink)
            });
            prop_assert_eq!(one_by_one, kept(&copies));
        }
    }
}
