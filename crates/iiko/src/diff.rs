//! What has to be written so that the stored lists become the answered ones.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::stop_list::{Item, ItemKey, OrganizationStopLists, StopList};

/// The difference of one organisation by terminal group; groups without a change are not in it.
pub type Changes = BTreeMap<Uuid, GroupChanges>;

/// The difference of one terminal group. All parts are sorted by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupChanges {
    /// The group has not been stored before. A new group may have an empty list.
    pub is_new: bool,
    /// Items that came onto the list.
    pub inserted: Vec<(ItemKey, Item)>,
    /// Items whose balance or remarks changed, as they are now.
    pub changed: Vec<(ItemKey, Item)>,
    /// Items that left the list.
    pub removed: Vec<ItemKey>,
}

impl GroupChanges {
    /// How many items are written or removed.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.inserted.len() + self.changed.len() + self.removed.len()
    }

    const fn is_empty(&self) -> bool {
        !self.is_new && self.items() == 0
    }
}

/// Compares what is stored of one organisation with what iiko answered about it. A group that the
/// answer leaves out has been emptied, like one with an empty list.
#[must_use]
pub fn diff(stored: &OrganizationStopLists, answered: &OrganizationStopLists) -> Changes {
    let empty = StopList::new();
    let answered_groups = answered.iter().map(|(group, list)| {
        let changes = match stored.get(group) {
            Some(before) => compare(before, list),
            None => GroupChanges { is_new: true, ..compare(&empty, list) },
        };
        (*group, changes)
    });
    let left_out = stored
        .iter()
        .filter(|(group, _)| !answered.contains_key(group))
        .map(|(group, before)| (*group, compare(before, &empty)));
    answered_groups.chain(left_out).filter(|(_, changes)| !changes.is_empty()).collect()
}

fn compare(before: &StopList, after: &StopList) -> GroupChanges {
    let mut changes = GroupChanges::default();
    for (key, item) in after {
        match before.get(key) {
            None => changes.inserted.push((*key, item.clone())),
            Some(old) if old != item => changes.changed.push((*key, item.clone())),
            Some(_) => {}
        }
    }
    changes.removed.extend(before.keys().filter(|key| !after.contains_key(key)));
    changes
}

/// Whether an answer may be applied at once. Many items that disappear together are more often a
/// fault of the interface than a delivery of food, so a second answer has to say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Apply it.
    Apply,
    /// Ask again, and judge the second answer with [`confirm`].
    Confirm {
        /// Stored items of the groups that the answer empties.
        items: usize,
    },
}

/// Judges a first answer. `limit` is the number of items that emptied groups may lose without a
/// second answer.
#[must_use]
pub fn judge(stored: &OrganizationStopLists, answered: &OrganizationStopLists, limit: usize) -> Verdict {
    let items = emptied(stored, answered).map(|(_, list)| list.len()).sum();
    if items > limit { Verdict::Confirm { items } } else { Verdict::Apply }
}

/// Judges the second of two answers: it is confirmed when it empties no more than `limit` items in
/// groups that were not emptied in the first one. The second answer is then the one to apply.
#[must_use]
pub fn confirm(
    stored: &OrganizationStopLists,
    first: &OrganizationStopLists,
    second: &OrganizationStopLists,
    limit: usize,
) -> Verdict {
    let said_once = emptied(stored, second).filter(|(group, _)| first.get(group).is_some_and(|list| !list.is_empty()));
    let items = said_once.map(|(_, list)| list.len()).sum();
    if items > limit { Verdict::Confirm { items } } else { Verdict::Apply }
}

/// Stored groups that have items, and none any more in the answer.
fn emptied<'s>(
    stored: &'s OrganizationStopLists,
    answered: &OrganizationStopLists,
) -> impl Iterator<Item = (&'s Uuid, &'s StopList)> {
    stored.iter().filter(|(group, list)| !list.is_empty() && answered.get(group).is_none_or(StopList::is_empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::btree_map, option, prelude::*};
    use schemas::{Decimal, Timestamp};

    /// Few ids, so that lists overlap.
    fn small_id() -> impl Strategy<Value = Uuid> {
        (0_u128..6).prop_map(Uuid::from_u128)
    }

    fn list() -> impl Strategy<Value = StopList> {
        let key =
            (small_id(), option::of(small_id())).prop_map(|(product_id, size_id)| ItemKey { product_id, size_id });
        let item = (-2_i64..3, option::of("[a-c]"), option::of(0_i64..2)).prop_map(|(balance, sku, added_at)| Item {
            balance: Decimal::from_unscaled(balance),
            sku,
            added_at: added_at.map(Timestamp),
        });
        btree_map(key, item, 0..12)
    }

    fn lists() -> impl Strategy<Value = OrganizationStopLists> {
        btree_map(small_id(), list(), 0..5)
    }

    /// Writes the changes as a database would, and refuses what a database would refuse.
    fn apply(changes: &Changes, stored: &mut OrganizationStopLists) {
        for (group, change) in changes {
            assert_eq!(change.is_new, !stored.contains_key(group));
            let list = stored.entry(*group).or_default();
            for key in &change.removed {
                assert!(list.remove(key).is_some(), "removes what is not there");
            }
            for (key, item) in &change.changed {
                assert!(list.insert(*key, item.clone()).is_some_and(|old| old != *item), "changes nothing");
            }
            for (key, item) in &change.inserted {
                assert!(list.insert(*key, item.clone()).is_none(), "inserts what is there");
            }
        }
    }

    proptest! {
        #[test]
        fn the_diff_turns_the_stored_lists_into_the_answered_ones(stored in lists(), answered in lists()) {
            let mut written = stored.clone();
            apply(&diff(&stored, &answered), &mut written);
            for (group, list) in &written {
                let empty = StopList::new();
                prop_assert_eq!(list, answered.get(group).unwrap_or(&empty));
            }
            prop_assert!(answered.keys().all(|group| written.contains_key(group)));
            prop_assert!(diff(&written, &answered).is_empty(), "a second time there is nothing to do");
        }

        #[test]
        fn equal_lists_differ_in_nothing(stored in lists()) {
            prop_assert!(diff(&stored, &stored).is_empty());
        }

        #[test]
        fn both_forms_of_an_emptied_group_mean_the_same(stored in lists()) {
            let left_out = OrganizationStopLists::new();
            let listed_empty = stored.keys().map(|group| (*group, StopList::new())).collect();
            prop_assert_eq!(diff(&stored, &left_out), diff(&stored, &listed_empty));
            prop_assert_eq!(judge(&stored, &left_out, 3), judge(&stored, &listed_empty, 3));
            prop_assert_eq!(confirm(&stored, &left_out, &listed_empty, 0), Verdict::Apply);
        }

        #[test]
        fn a_group_that_keeps_an_item_needs_no_second_answer(stored in lists()) {
            let shorter = stored.iter().map(|(group, list)| (*group, list.clone().into_iter().take(1).collect())).collect();
            prop_assert_eq!(judge(&stored, &shorter, 0), Verdict::Apply);
        }
    }

    fn of(groups: &[(u128, u128)]) -> OrganizationStopLists {
        let item = || Item { balance: Decimal::from_unscaled(0), sku: None, added_at: None };
        let list =
            |count| (0..count).map(|n| (ItemKey { product_id: Uuid::from_u128(n), size_id: None }, item())).collect();
        groups.iter().map(|(group, count)| (Uuid::from_u128(*group), list(*count))).collect()
    }

    #[test]
    fn emptying_more_than_the_limit_needs_a_second_answer() {
        let stored = of(&[(1, 30), (2, 21), (3, 10)]);
        assert_eq!(judge(&stored, &of(&[(2, 21), (3, 10)]), 50), Verdict::Apply, "30 items");
        assert_eq!(judge(&stored, &of(&[(3, 10)]), 50), Verdict::Confirm { items: 51 });
        assert_eq!(judge(&stored, &of(&[(1, 1), (2, 1), (3, 1)]), 0), Verdict::Apply, "shorter is not empty");
    }

    #[test]
    fn a_second_answer_confirms_only_what_the_first_one_said() {
        let stored = of(&[(1, 60), (2, 60)]);
        let (nothing, only_1, only_2) = (of(&[]), of(&[(1, 60)]), of(&[(2, 60)]));
        assert_eq!(confirm(&stored, &nothing, &nothing, 50), Verdict::Apply);
        assert_eq!(confirm(&stored, &nothing, &only_1, 50), Verdict::Apply);
        assert_eq!(confirm(&stored, &nothing, &stored, 50), Verdict::Apply, "the first one was the fault");
        assert_eq!(confirm(&stored, &only_1, &only_2, 50), Verdict::Confirm { items: 60 });
        assert_eq!(confirm(&stored, &only_1, &nothing, 50), Verdict::Confirm { items: 60 });
    }
}
