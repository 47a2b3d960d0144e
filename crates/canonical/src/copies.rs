//! Which copy of a document counts.
//!
//! The same document comes more than once: a register sends again, a cloud and a driver tell of
//! the same sale, a later parser reads it better. Every sink must settle on the same copy, in
//! whatever order they arrive.

use std::cmp::Ordering;

use schemas::Timestamp;

/// Families by how much of a document they tell. Sources that are not listed have rank 0.
///
/// `ffd-tlv` is what the fiscal drive itself keeps: sums of VAT and item sums as the register
/// stated them. `dreamkas` is a cloud's extract: item sums and sums of VAT are missing.
pub const SOURCE_RANKS: &[(&str, u8)] = &[("ffd-tlv", 90), ("dreamkas", 50)];

/// The rank of a family: greater is richer.
#[must_use]
pub fn source_rank(source: &str) -> u8 {
    SOURCE_RANKS.iter().find(|(name, _)| *name == source).map_or(0, |(_, rank)| *rank)
}

/// When and where the hub took a document in. The earlier one is the smaller; the raw position
/// decides between two of the same microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reception<'a> {
    /// `received_at`
    pub at: Timestamp,
    /// `raw_topic`
    pub topic: &'a str,
    /// `raw_partition`
    pub partition: i32,
    /// `raw_offset`
    pub offset: i64,
}

/// What decides between two copies of one document (same id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Copy<'a> {
    /// Fiscal sign; `None` for non-fiscal documents.
    pub sign: Option<i64>,
    /// Family of the format.
    pub source: &'a str,
    /// Revision of the family's parser.
    pub revision: i32,
    /// When this copy came.
    pub received: Reception<'a>,
    /// When the first copy with this sign came, as far as is known. For a copy that has just
    /// arrived it is `received`; a sink that replaces a copy by a better one keeps the earlier of
    /// the two. Without it the better copy would forget that its sign was here first.
    pub first_received: Reception<'a>,
}

/// How two copies of one document stand to each other. `Greater` says that the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same document: the better copy is kept, the other is needless. `Equal` only for a
    /// repetition of the very same copy.
    Same(Ordering),
    /// Two documents under one number: the one whose sign came first is stored, the other is kept
    /// as a conflict and reported.
    Conflict(Ordering),
}

/// Compares two copies with the same id.
#[must_use]
pub fn compare_copies(one: &Copy<'_>, other: &Copy<'_>) -> Relation {
    if one.sign != other.sign {
        return Relation::Conflict(other.first_received.cmp(&one.first_received));
    }
    let richness = source_rank(one.source).cmp(&source_rank(other.source));
    // Sources of equal rank: any order will do as long as it is one.
    let richer = richness.then_with(|| one.source.cmp(other.source));
    Relation::Same(richer.then(one.revision.cmp(&other.revision)).then_with(|| other.received.cmp(&one.received)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn copy(sign: i64, source: &'static str, revision: i32, at: i64) -> Copy<'static> {
        let received = Reception { at: Timestamp(at), topic: "registers.raw.v1", partition: 0, offset: at };
        Copy { sign: Some(sign), source, revision, received, first_received: received }
    }

    #[test]
    fn the_richer_source_counts_then_the_revision_then_the_earlier_copy() {
        let tlv = copy(7, "ffd-tlv", 1, 200);
        assert_eq!(compare_copies(&tlv, &copy(7, "dreamkas", 9, 100)), Relation::Same(Ordering::Greater));
        assert_eq!(compare_copies(&tlv, &copy(7, "ffd-tlv", 2, 300)), Relation::Same(Ordering::Less));
        assert_eq!(compare_copies(&tlv, &copy(7, "ffd-tlv", 1, 300)), Relation::Same(Ordering::Greater));
        assert_eq!(compare_copies(&tlv, &tlv), Relation::Same(Ordering::Equal));
    }

    #[test]
    fn another_sign_is_a_conflict_and_the_first_one_stays() {
        let (first, second) = (copy(7, "dreamkas", 1, 100), copy(8, "ffd-tlv", 1, 200));
        assert_eq!(compare_copies(&first, &second), Relation::Conflict(Ordering::Greater));
        assert_eq!(compare_copies(&second, &first), Relation::Conflict(Ordering::Less));
    }

    /// A sink in its smallest form: the best copy of each sign, and which sign is stored.
    #[derive(Default)]
    struct Sink(Vec<Copy<'static>>);

    impl Sink {
        fn take(&mut self, new: Copy<'static>) {
            let Some(old) = self.0.iter_mut().find(|old| old.sign == new.sign) else { return self.0.push(new) };
            let first_received = old.first_received.min(new.first_received);
            let better = if compare_copies(&new, old) == Relation::Same(Ordering::Greater) { new } else { *old };
            *old = Copy { first_received, ..better };
        }

        fn settled(mut self) -> (Vec<Copy<'static>>, Option<Option<i64>>) {
            let stored = self.0.iter().copied().reduce(|one, other| match compare_copies(&one, &other) {
                Relation::Conflict(Ordering::Less) => other,
                _ => one,
            });
            self.0.sort_by_key(|copy| copy.sign);
            (self.0, stored.map(|copy| copy.sign))
        }
    }

    fn copies() -> impl Strategy<Value = Vec<Copy<'static>>> {
        let one = (1..4_i64, prop::sample::select(vec!["dreamkas", "ffd-tlv", "new-a", "new-b"]), 1..3_i32, 0..50_i64)
            .prop_map(|(sign, source, revision, at)| copy(sign, source, revision, at));
        prop::collection::vec(one, 1..12)
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_changes_nothing(
            (copies, shuffled) in copies().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            // A reception is one copy: two different ones cannot share it.
            let unique = |all: Vec<Copy<'static>>| -> Vec<Copy<'static>> {
                all.into_iter().map(|mut copy| {
                    let mark = copy.sign.unwrap_or_default() * 1_000 + i64::from(copy.revision) * 100 + i64::from(copy.source.as_bytes()[copy.source.len() - 1]);
                    copy.received.offset = mark;
                    copy.first_received = copy.received;
                    copy
                }).collect()
            };
            let run = |all: Vec<Copy<'static>>| {
                let mut sink = Sink::default();
                unique(all).into_iter().for_each(|copy| sink.take(copy));
                sink.settled()
            };
            prop_assert_eq!(run(copies), run(shuffled));
        }

        #[test]
        fn the_comparison_is_antisymmetric(all in copies()) {
            for one in &all {
                for other in &all {
                    match (compare_copies(one, other), compare_copies(other, one)) {
                        (Relation::Same(forth), Relation::Same(back)) | (Relation::Conflict(forth), Relation::Conflict(back)) => prop_assert_eq!(forth, back.reverse()),
                        (forth, back) => prop_assert!(false, "{forth:?} against {back:?}"),
                    }
                }
            }
        }
    }
}
