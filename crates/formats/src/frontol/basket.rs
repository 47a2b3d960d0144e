//! The items of a check, of which some are taken back again.

use std::collections::HashMap;

use schemas::{Decimal, receipts::Item};

use super::line::Line;
use crate::{
    Invalid,
    bounds::{self, NoRoom, most_elements},
    flags,
};

/// Code and bar code: what a storno names.
type Product = (Option<String>, Option<String>);

/// Items in the order in which they were rung up.
#[derive(Default)]
pub(super) struct Basket<'b> {
    items: Vec<Option<Item<'b>>>,
    /// The places of the items that are left of each product, once something is taken back.
    left: Option<HashMap<Product, Vec<usize>>>,
}

fn product(item: &Item<'_>) -> Product {
    (item.vendor_code.as_deref().map(str::to_owned), item.barcode.as_deref().map(str::to_owned))
}

impl<'b> Basket<'b> {
    /// For a check of so many lines.
    pub fn of_lines(lines: usize) -> Result<Self, NoRoom> {
        Ok(Self { items: bounds::room_for(lines)?, left: None })
    }

    pub fn put(&mut self, item: Item<'b>, line: &Line<'_>) -> Result<(), Invalid> {
        let most = most_elements();
        if self.items.len() == most {
            return Err(Invalid::new(line.place(1), format!("more than {most} items make no sense")));
        }
        bounds::take_texts(&item).map_err(|full| Invalid::new(line.place(1), full.to_string()))?;
        if let Some(left) = &mut self.left {
            left.entry(product(&item)).or_default().push(self.items.len());
        }
        self.items.push(Some(item));
        Ok(())
    }

    /// Takes a quantity of a product back, from the last of its items on. What is not there cannot be taken back: flagged.
    pub fn take_back(&mut self, storno: &Item<'_>, flags: &mut Vec<&'static str>) {
        let mut rest = storno.quantity.unscaled();
        let Self { items, left } = self;
        let left = left.get_or_insert_with(|| places_of(items));
        let mut places = left.get_mut(&product(storno));
        while rest > 0 {
            let Some(place) = places.as_mut().and_then(|places| places.pop()) else {
                return flags::raise(flags, flags::ITEMS_DO_NOT_ADD_UP);
            };
            let Some(item) = items[place].take() else { continue };
            let quantity = item.quantity.unscaled();
            if quantity > rest {
                items[place] = Some(reduced(item, storno, quantity - rest));
                if let Some(places) = places {
                    places.push(place);
                }
                return;
            }
            // One without a quantity has nothing that could be taken back.
            if quantity == 0 {
                items[place] = Some(item);
            }
            rest -= quantity;
        }
    }

    pub fn into_items(self) -> Vec<Item<'b>> {
        #[expect(clippy::filter_map_identity, reason = "in the same memory, which flattening is not")]
        self.items.into_iter().filter_map(|item| item).collect()
    }
}

fn places_of(items: &[Option<Item<'_>>]) -> HashMap<Product, Vec<usize>> {
    let mut places = HashMap::<Product, Vec<usize>>::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(item) = item {
            places.entry(product(item)).or_default().push(place);
        }
    }
    places
}

/// An item of which a part was taken back.
fn reduced<'b>(item: Item<'b>, storno: &Item<'_>, left: i64) -> Item<'b> {
    let less = |of_item: Option<i64>, of_storno: Option<i64>| {
        of_item.map(|sum| sum.saturating_sub(of_storno.unwrap_or_default()).max(0))
    };
    Item {
        quantity: Decimal::from_unscaled(left),
        sum_kopecks: less(item.sum_kopecks, storno.sum_kopecks),
        discount_kopecks: less(item.discount_kopecks, storno.discount_kopecks).filter(|discount| *discount > 0),
        ..item
    }
}
