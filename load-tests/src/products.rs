//! The newest state of each product and of its price in each shop, as the acknowledged sales tell it.
//!
//! Newest is the greatest event time, then the greatest receipt id (within a tenant: drive, then number).
//! Observations may be added in any order.

use std::collections::HashMap;

use crate::{
    goods::Good,
    product_key::{ProductKey, Told, told},
    till::vat_rate,
    world::World,
};

/// Where and when something was observed; the greatest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Event time, seconds of Unix time.
    pub at: i64,
    /// Fiscal drive.
    pub drive: u64,
    /// Fiscal document number.
    pub number: u32,
}

/// The newest observations.
#[derive(Debug, Default)]
pub struct Products {
    /// The newest moment of each product and the register that it comes from.
    newest: HashMap<ProductKey, (Moment, u32)>,
    /// The newest moment and price of each product in each shop.
    prices: HashMap<(u32, ProductKey), (Moment, u32)>,
}

/// A row of `products` as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRow {
    /// Id of the tenant.
    pub tenant: String,
    /// Key of the product.
    pub key: String,
    /// Name as the newest receipt has it.
    pub name: String,
    /// What else that receipt tells.
    pub told: Told,
    /// Symbol of its VAT rate there.
    pub vat: Option<String>,
    /// Event time of that receipt, seconds of Unix time.
    pub observed_at: i64,
}

/// A row of `observed_prices` as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceRow {
    /// Id of the tenant.
    pub tenant: String,
    /// Name of the shop.
    pub shop: String,
    /// Key of the product.
    pub key: String,
    /// Price in kopecks.
    pub price: i64,
    /// Event time of the receipt, seconds of Unix time.
    pub observed_at: i64,
}

impl Products {
    /// Takes the observations of one receipt: goods with their prices.
    pub fn observe(
        &mut self,
        world: &World,
        register: u32,
        at: i64,
        number: u32,
        items: impl IntoIterator<Item = (u32, u32)>,
    ) {
        let seller = &world.registers[register as usize];
        let moment = Moment { at, drive: seller.drive, number };
        for (good, price) in items {
            let key = ProductKey::of(world, seller, good);
            let newest = self.newest.entry(key).or_insert((moment, register));
            if newest.0 < moment {
                *newest = (moment, register);
            }
            let newest = self.prices.entry((seller.shop, key)).or_insert((moment, price));
            if newest.0 < moment {
                *newest = (moment, price);
            }
        }
    }

    /// Number of products.
    #[must_use]
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// True before the first observation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }

    /// All rows that `products` must hold.
    pub fn product_rows<'a>(&'a self, world: &'a World) -> impl Iterator<Item = ProductRow> + 'a {
        self.newest.iter().map(move |(key, &(moment, register))| {
            let register = &world.registers[register as usize];
            let good: &Good = &world.goods[key.good as usize];
            ProductRow {
                tenant: world.tenants[key.tenant as usize].id.clone(),
                key: key.text(world),
                name: good.name(register.spelling).text.clone(),
                told: told(world, register, key.good),
                vat: Some(vat_rate(world, register, key.good).symbol().to_owned()),
                observed_at: moment.at,
            }
        })
    }

    /// All rows that `observed_prices` must hold.
    pub fn price_rows<'a>(&'a self, world: &'a World) -> impl Iterator<Item = PriceRow> + 'a {
        self.prices.iter().map(move |((shop, key), &(moment, price))| PriceRow {
            tenant: world.tenants[key.tenant as usize].id.clone(),
            shop: world.shops[*shop as usize].id.clone(),
            key: key.text(world),
            price: price.into(),
            observed_at: moment.at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wins_in_any_order() {
        let world = World::new(3, 20);
        let seen = [(100, 7, 500), (200, 8, 600), (200, 9, 700), (150, 30, 800)];
        let rows = |order: &[usize]| {
            let mut products = Products::default();
            for &place in order {
                let (at, number, price) = seen[place];
                products.observe(&world, 0, at, number, [(1, price)]);
            }
            products.price_rows(&world).map(|row| (row.price, row.observed_at)).collect::<Vec<_>>()
        };
        assert_eq!(rows(&[0, 1, 2, 3]), [(700, 200)]);
        assert_eq!(rows(&[3, 2, 1, 0]), [(700, 200)]);
        assert_eq!(rows(&[0, 3]), [(800, 150)]);
    }
}
