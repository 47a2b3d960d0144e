//! The items of a check, of which some are taken back again.

use std::collections::HashMap;

use schemas::{Decimal, receipts::Item};

use super::line::Line;
use crate::{Invalid, bounds::most_elements, flags};

/// Code and bar code: what a storno names.
type Product = (Option<String>, Option<String>);

/// Items in the order in which they were rung up.
#[derive(Default)]
pub(super) struct Basket<'b> {
    items: Vec<Option<Item<'b>>>,
    /// The places of the items that are left of each product.
    left: HashMap<Product, Vec<usize>>,
}

fn product(item: &Item<'_>) -> Product {
    (item.vendor_code.as_deref().map(str::to_owned), item.barcode.as_deref().map(str::to_owned))
}

impl<'b> Basket<'b> {
    pub fn put(&mut self, item: Item<'b>, line: &Line<'_>) -> Result<(), Invalid> {
        let most = most_elements();
        if self.items.len() == most {
            return Err(Invalid::new(line.place(1), format!("more than {most} items make no sense")));
        }
        self.left.entry(product(&item)).or_default().push(self.items.len());
        self.items.push(Some(item));
        Ok(())
    }

    /// Takes a quantity of a product back, from the last of its items on. What is not there cannot be taken back: flagged.
    pub fn take_back(&mut self, storno: &Item<'_>, flags: &mut Vec<&'static str>) {
        let mut rest = storno.quantity.unscaled();
        let mut places = self.left.get_mut(&product(storno));
        while rest > 0 {
            let Some(place) = places.as_mut().and_then(|places| places.pop()) else {
                return flags::raise(flags, flags::ITEMS_DO_NOT_ADD_UP);
            };
            let Some(item) = self.items[place].take() else { continue };
            let quantity = item.quantity.unscaled();
            if quantity > rest {
                self.items[place] = Some(reduced(item, storno, quantity - rest));
                if let Some(places) = places {
                    places.push(place);
                }
                return;
            }
            rest -= quantity;
        }
    }

    pub fn into_items(self) -> Vec<Item<'b>> {
        self.items.into_iter().flatten().collect()
    }
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
