//! What of a sale is worth writing.

use crate::{
    known::{Known, News},
    meters::Meters,
    observation::{Position, Price, PriceId, Product, ProductId, Sale},
};

/// The observations of one sale that are not old.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    pub products: Vec<(ProductId, Product)>,
    pub prices: Vec<(PriceId, Price)>,
    /// Whether any of them is more than a confirmation.
    pub changes: bool,
}

impl Sifted {
    pub fn of(sale: &Sale<'_>, known: &mut Known, meters: &Meters) -> Self {
        let mut sifted = Self::default();
        for position in sale.positions() {
            let id = sale.product_id(&position);
            if let Some(news) = product_news(sale, &position, known, meters) {
                sifted.changes |= news == News::Changes;
                sifted.products.extend(sale.product(&position).map(|product| (id.clone(), product)));
            }
            if let Some(news) = price_news(sale, &position, known, meters) {
                sifted.changes |= news == News::Changes;
                sifted.prices.extend(sale.price(&position, id));
            }
        }
        sifted
    }

    pub fn is_empty(&self) -> bool {
        self.products.is_empty() && self.prices.is_empty()
    }

    /// Rows of the table that gets more of them.
    pub fn positions(&self) -> usize {
        self.products.len().max(self.prices.len())
    }
}

/// What the position's product is to what is known, unless it is old.
fn product_news(sale: &Sale<'_>, position: &Position<'_>, known: &mut Known, meters: &Meters) -> Option<News> {
    let content = position.product()?;
    let news = known.product(sale.tenant(), position.product_key, &sale.order, &content);
    meters.products.count(news);
    (news != News::Old).then_some(news)
}

/// What the position's price is to what is known, unless it is old.
fn price_news(sale: &Sale<'_>, position: &Position<'_>, known: &mut Known, meters: &Meters) -> Option<News> {
    let (shop, kopecks) = (sale.shop()?, position.price_kopecks()?);
    let news = known.price(sale.tenant(), position.product_key, shop, &sale.order, kopecks);
    meters.prices.count(news);
    (news != News::Old).then_some(news)
}
