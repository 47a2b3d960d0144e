//! The newest state of each product and of its price in each shop, as the acknowledged sales tell it.
//!
//! Newest is the greatest event time, then the greatest receipt id. Observations may be added in any order.

use std::{collections::HashMap, ops::RangeInclusive, sync::Arc};

use crate::{
    goods::Good,
    product_key::{ProductKey, Told, told},
    till::vat_rate,
    world::World,
};

/// Which receipt it was, as far as ids decide between two of the same moment. The derived order is that of the ids of a
/// tenant, byte by byte: a drive begins with a digit, the name of a format with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// A fiscal document.
    Fiscal {
        /// Fiscal drive.
        drive: u64,
        /// Fiscal document number.
        number: u32,
    },
    /// A document without a fiscal identity.
    Named(Arc<str>),
}

/// When something was observed.
#[derive(Debug, Clone)]
pub enum Moment {
    /// At the time that the receipt carries, seconds of Unix time.
    At(i64, Id),
    /// At the reception of a receipt that carries no time, somewhere in this span.
    Within(RangeInclusive<i64>),
}

/// What was observed of one thing, as far as it may be the newest.
#[derive(Debug)]
struct Observations<T> {
    /// The newest with a time of its own.
    timed: Option<(i64, Id, T)>,
    /// Those that count from their reception.
    received: Vec<(RangeInclusive<i64>, T)>,
}

impl<T> Default for Observations<T> {
    fn default() -> Self {
        Self { timed: None, received: Vec::new() }
    }
}

impl<T: Copy> Observations<T> {
    fn add(&mut self, moment: &Moment, what: T) {
        match moment {
            Moment::At(at, id) => {
                if self.timed.as_ref().is_none_or(|(newest, of, _)| (newest, of) < (at, id)) {
                    self.timed = Some((*at, id.clone(), what));
                }
            }
            Moment::Within(span) => self.received.push((span.clone(), what)),
        }
    }

    /// What the newest observation may be, and when it was. Only of receptions that were under way together nobody but the
    /// hub knows which one was the later.
    fn newest(&self) -> impl Iterator<Item = (RangeInclusive<i64>, T)> {
        let timed = self.timed.iter().map(|(at, _, what)| (*at..=*at, *what));
        let all = timed.chain(self.received.iter().cloned());
        // The newest is no earlier than the earliest that each of them can be.
        let earliest = all.clone().map(|(span, _)| *span.start()).max().unwrap_or_default();
        all.filter(move |(span, _)| *span.end() >= earliest)
            .map(move |(span, what)| (earliest.max(*span.start())..=*span.end(), what))
    }
}

/// The observations.
#[derive(Debug, Default)]
pub struct Products {
    /// The registers that tell of each product.
    products: HashMap<ProductKey, Observations<u32>>,
    /// The prices of each product in each shop.
    prices: HashMap<(u32, ProductKey), Observations<u32>>,
}

/// A row as it may be: several may be right, because nobody but the hub knows which was the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected<Row> {
    /// The row.
    pub row: Row,
    /// When it was observed, seconds of Unix time; one moment, unless the receipt carries no time.
    pub observed_at: RangeInclusive<i64>,
}

/// A row of `products`.
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
}

/// A row of `observed_prices`.
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
}

impl Products {
    /// Takes the observations of one receipt: goods with their prices.
    pub fn observe(
        &mut self,
        world: &World,
        register: u32,
        moment: &Moment,
        items: impl IntoIterator<Item = (u32, u32)>,
    ) {
        let seller = &world.registers[register as usize];
        for (good, price) in items {
            let key = ProductKey::of(world, seller, good);
            // What has no name describes nothing, but it has a price.
            if seller.family.tells_names() {
                self.products.entry(key).or_default().add(moment, register);
            }
            self.prices.entry((seller.shop, key)).or_default().add(moment, price);
        }
    }

    /// Number of products.
    #[must_use]
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// True before the first observation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.products.is_empty() && self.prices.is_empty()
    }

    /// All rows that `products` may hold.
    pub fn product_rows<'a>(&'a self, world: &'a World) -> impl Iterator<Item = Expected<ProductRow>> + 'a {
        let newest = self.products.iter().flat_map(|(key, of)| of.newest().map(move |newest| (key, newest)));
        newest.map(move |(key, (observed_at, register))| {
            let register = &world.registers[register as usize];
            let good: &Good = &world.goods[key.good as usize];
            let row = ProductRow {
                tenant: world.tenants[key.tenant as usize].id.clone(),
                key: key.text(world),
                name: good.name(register.spelling).text.clone(),
                told: told(world, register, key.good),
                vat: Some(vat_rate(world, register, key.good).symbol().to_owned()),
            };
            Expected { row, observed_at }
        })
    }

    /// All rows that `observed_prices` may hold.
    pub fn price_rows<'a>(&'a self, world: &'a World) -> impl Iterator<Item = Expected<PriceRow>> + 'a {
        let newest = self.prices.iter().flat_map(|(key, of)| of.newest().map(move |newest| (key, newest)));
        newest.map(move |((shop, key), (observed_at, price))| {
            let row = PriceRow {
                tenant: world.tenants[key.tenant as usize].id.clone(),
                shop: world.shops[*shop as usize].id.clone(),
                key: key.text(world),
                price: price.into(),
            };
            Expected { row, observed_at }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, number: u32) -> Moment {
        Moment::At(seconds, Id::Fiscal { drive: 9_999, number })
    }

    fn prices(world: &World, seen: &[(Moment, u32)]) -> Vec<(i64, RangeInclusive<i64>)> {
        let mut products = Products::default();
        for (moment, price) in seen {
            products.observe(world, 0, moment, [(1, *price)]);
        }
        let mut rows: Vec<_> = products.price_rows(world).map(|one| (one.row.price, one.observed_at)).collect();
        rows.sort_by_key(|(price, _)| *price);
        rows
    }

    #[test]
    fn the_newest_wins_in_any_order() {
        let world = World::new(3, 20);
        let mut seen = [(at(100, 7), 500), (at(200, 8), 600), (at(200, 9), 700), (at(150, 30), 800)];
        assert_eq!(prices(&world, &seen), [(700, 200..=200)]);
        seen.reverse();
        assert_eq!(prices(&world, &seen), [(700, 200..=200)]);
        assert_eq!(prices(&world, &seen[..2]), [(700, 200..=200)]);
        assert_eq!(prices(&world, &[seen[0].clone(), seen[3].clone()]), [(800, 150..=150)]);
    }

    #[test]
    fn the_id_of_a_format_is_greater_than_a_drive() {
        let named = |id: &str| Moment::At(200, Id::Named(id.into()));
        let seen = [(named("a/set-retail/1:2/2026-11-20/9/1/sell"), 3), (at(200, 9), 1), (named("a/frontol/x"), 2)];
        assert_eq!(prices(&World::new(3, 20), &seen), [(3, 200..=200)]);
    }

    #[test]
    fn what_carries_no_time_counts_from_its_reception_and_is_not_put_in_order_by_guessing() {
        let world = World::new(3, 20);
        let seen = [
            (at(200, 8), 1),
            (Moment::Within(300..=310), 2),
            (Moment::Within(305..=307), 3),
            (Moment::Within(290..=299), 4),
        ];
        // The last one was answered before the second one was sent.
        assert_eq!(prices(&world, &seen), [(2, 305..=310), (3, 305..=307)]);
        assert_eq!(prices(&world, &seen[2..]), [(3, 305..=307)]);
        assert_eq!(prices(&world, &[(at(400, 8), 1), (Moment::Within(300..=310), 2)]), [(1, 400..=400)]);
    }
}
