//! Stop lists in memory.

use std::collections::BTreeMap;

use schemas::{Decimal, Timestamp};
use uuid::Uuid;

/// What an item of a stop list is found by. Sorted, so that everything made from it is sorted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// The dish.
    pub product_id: Uuid,
    /// Its size, for dishes that have sizes.
    pub size_id: Option<Uuid>,
}

/// The rest of an item. Being listed is not being stopped: zero or less is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is left.
    pub balance: Decimal<6>,
    /// The dish's article number.
    pub sku: Option<String>,
    /// When it came onto the list.
    pub added_at: Option<Timestamp>,
}

/// The stop list of one terminal group.
pub type StopList = BTreeMap<ItemKey, Item>;

/// The stop lists of one organisation by terminal group.
pub type OrganizationStopLists = BTreeMap<Uuid, StopList>;
