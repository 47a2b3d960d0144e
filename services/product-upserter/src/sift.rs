//! What of a sale is worth writing.

use std::{collections::HashSet, hash::Hash};

use ahash::RandomState;

use crate::{
    known::{Known, News},
    meters::Meters,
    observation::{Position, Price, PriceId, Product, ProductId, Sale},
};

/// The observations of one sale that are not old.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    /// What is new or different, for all that is known.
    pub changed: Rows,
    /// What only confirms what is known: its place in time has to be kept.
    pub confirmed: Rows,
}

/// Rows of both tables.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub products: Vec<(ProductId, Product)>,
    pub prices: Vec<(PriceId, Price)>,
}

impl Sifted {
    pub fn of(sale: &Sale<'_>, known: &mut Known, meters: &Meters) -> Self {
        let mut sifted = Self::default();
        for position in sale.positions() {
            let id = sale.product_id(&position);
            if let Some(rows) = sifted.rows(product_news(sale, &position, known, meters)) {
                rows.products.extend(sale.product(&position, &id));
            }
            if let Some(rows) = sifted.rows(price_news(sale, &position, known, meters)) {
                rows.prices.extend(sale.price(&position, id));
            }
        }
        let Self { changed, confirmed } = &mut sifted;
        join(&mut changed.products, &mut confirmed.products);
        join(&mut changed.prices, &mut confirmed.prices);
        sifted
    }

    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.confirmed.is_empty()
    }

    /// Nothing of it shall wait.
    pub fn hurry(&mut self) {
        self.changed.products.append(&mut self.confirmed.products);
        self.changed.prices.append(&mut self.confirmed.prices);
    }

    const fn rows(&mut self, news: News) -> Option<&mut Rows> {
        match news {
            News::Old => None,
            News::Confirms => Some(&mut self.confirmed),
            News::Changes => Some(&mut self.changed),
        }
    }
}

impl Rows {
    /// All that a sale tells.
    pub fn all(sale: &Sale<'_>) -> Self {
        let mut rows = Self::default();
        for position in sale.positions() {
            let id = sale.product_id(&position);
            rows.products.extend(sale.product(&position, &id));
            rows.prices.extend(sale.price(&position, id));
        }
        rows
    }

    pub fn is_empty(&self) -> bool {
        self.products.is_empty() && self.prices.is_empty()
    }

    /// Rows of both tables.
    pub fn len(&self) -> usize {
        self.products.len() + self.prices.len()
    }
}

/// A receipt may name an identity several times, with different content. All of it is written at once: one of
/// them alone would be seen until the others follow.
fn join<Id: Eq + Hash, State>(changed: &mut Vec<(Id, State)>, confirmed: &mut Vec<(Id, State)>) {
    if changed.is_empty() || confirmed.is_empty() {
        return;
    }
    let ids: HashSet<&Id, RandomState> = changed.iter().map(|(id, _)| id).collect();
    let same: Vec<_> = confirmed.extract_if(.., |(id, _)| ids.contains(id)).collect();
    drop(ids);
    changed.extend(same);
}

/// What the position's product is to what is known. A position that tells nothing is as good as an old one.
fn product_news(sale: &Sale<'_>, position: &Position<'_>, known: &mut Known, meters: &Meters) -> News {
    let Some(content) = position.product() else { return News::Old };
    let news = known.product(sale.tenant(), position.product_key, &sale.order, &content);
    meters.products.count(news);
    news
}

/// What the position's price is to what is known.
fn price_news(sale: &Sale<'_>, position: &Position<'_>, known: &mut Known, meters: &Meters) -> News {
    let (Some(shop), Some(kopecks)) = (sale.shop(), position.price_kopecks()) else { return News::Old };
    let news = known.price(sale.tenant(), position.product_key, shop, &sale.order, kopecks);
    meters.prices.count(news);
    news
}

#[cfg(test)]
mod tests {
    use schemas::{
        Timestamp,
        receipts::{Item, Operation, Receipt, ReceiptKind},
    };

    use super::*;

    /// How many prices of a sale of bread at these prices are changed and confirmed, after one for 700.
    fn split(prices: &[i64]) -> (usize, usize) {
        let meters = Meters::register(&prometheus::Registry::new(), 0).unwrap();
        let mut known = Known::new(100);
        let mut sift = |time: i64, prices: &[i64]| {
            let item =
                |price| Item { product_key: Some("gtin:1".into()), price_kopecks: Some(price), ..Item::default() };
            let receipt = Receipt {
                receipt_id: time.to_string().into(),
                shop: Some("shop-1".into()),
                utc_time: Some(Timestamp(time)),
                received_at: Timestamp(100),
                kind: ReceiptKind::Receipt,
                operation: Operation::Sell,
                items: prices.iter().copied().map(item).collect(),
                ..Receipt::default()
            };
            let sifted = Sifted::of(&Sale::of(&receipt).unwrap(), &mut known, &meters);
            (sifted.changed.len(), sifted.confirmed.len())
        };
        assert_eq!(sift(10, &[700]), (1, 0));
        sift(20, prices)
    }

    #[test]
    fn all_prices_of_a_product_in_a_receipt_are_written_together() {
        assert_eq!(split(&[700]), (0, 1));
        assert_eq!(split(&[350]), (1, 0));
        assert_eq!(split(&[700, 350]), (0, 2));
        assert_eq!(split(&[350, 700]), (2, 0));
    }
}
