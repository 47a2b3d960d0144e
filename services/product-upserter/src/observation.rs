//! What a receipt tells of products and prices, and which of two tales counts. Pure.
//!
//! Only sales tell something: receipts and strict forms with the operation `SELL`. A return repeats
//! the price of the day of the sale, a correction is written by hand, and what the shop buys is not
//! what it sells.
//!
//! An observation is newer than another of the same product, or of the same product's price in the
//! same shop, by
//!
//! 1. event time: the receipt's own time, in UTC where the offset is known and as the register's
//!    clock showed it otherwise; or the reception, if that was earlier, so that a clock set to 2036
//!    freezes nothing;
//! 2. receipt id, byte by byte;
//! 3. revision of the parser;
//! 4. content. Of two positions of one receipt the one with the higher price counts, so that the
//!    second piece at half the price does not hide the price.
//!
//! This is a total order, so the newest of any set of observations is the same in any order of
//! arrival. The derived order of [`Product`] and [`Price`] is this order; PostgreSQL compares the same
//! columns in the same order (see `store`).

use std::{borrow::Cow, sync::Arc};

use canonical::Newest;
use schemas::{
    Timestamp,
    receipts::{Item, Operation, Receipt, ReceiptKind, VatRate},
};

/// Where an observation stands in time.
pub type Order = Newest<Arc<str>>;

/// Identity of a product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its key within the tenant.
    pub product_key: Arc<str>,
}

/// Identity of an observed price.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceId {
    /// The product.
    pub product: ProductId,
    /// Where it was sold.
    pub shop: Arc<str>,
}

/// A product as one position of a receipt shows it. The greater one is the newer one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Product {
    /// When it was so.
    pub order: Order,
    /// Its name.
    pub name: Box<str>,
    /// Its unit.
    pub unit: Option<Box<str>>,
    /// Its GTIN, 14 digits.
    pub gtin: Option<Box<str>>,
    /// Its code in the vendor's system.
    pub vendor_code: Option<Box<str>>,
    /// Symbol of its VAT rate.
    pub vat_rate: Option<&'static str>,
}

/// A price as one position of a receipt shows it. The greater one is the newer one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    /// When it was so.
    pub order: Order,
    /// The price of one unit.
    pub price_kopecks: i64,
}

/// What one position of a receipt tells.
#[derive(Debug)]
pub struct Position<'r> {
    /// Key of its product.
    pub product_key: &'r str,
    item: &'r Item<'r>,
}

/// A sale, with what all of its positions share.
#[derive(Debug)]
pub struct Sale<'r> {
    receipt: &'r Receipt<'r>,
    /// When it was.
    pub order: Order,
    tenant: Arc<str>,
    shop: Option<Arc<str>>,
}

impl<'r> Sale<'r> {
    /// The receipt as a sale, or `None` if it is none.
    #[must_use]
    pub fn of(receipt: &'r Receipt<'r>) -> Option<Self> {
        let is_sale = receipt.operation == Operation::Sell
            && matches!(receipt.kind, ReceiptKind::Receipt | ReceiptKind::StrictForm);
        is_sale.then(|| Self {
            receipt,
            order: order(receipt),
            tenant: Arc::from(&*receipt.tenant),
            shop: receipt.shop.as_deref().map(Arc::from),
        })
    }

    /// Positions with a product key, in the order of the receipt.
    pub fn positions(&self) -> impl Iterator<Item = Position<'r>> {
        self.receipt.items.iter().filter_map(|item| Some(Position { product_key: item.product_key.as_deref()?, item }))
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The shop, where it is known. Without one a sale tells of products, but not of prices.
    #[must_use]
    pub fn shop(&self) -> Option<&str> {
        self.shop.as_deref()
    }

    /// Identity of a position's product.
    #[must_use]
    pub fn product_id(&self, position: &Position<'_>) -> ProductId {
        ProductId { tenant: Arc::clone(&self.tenant), product_key: position.product_key.into() }
    }

    /// The position's product as it is stored, if the position names it.
    #[must_use]
    pub fn product(&self, position: &Position<'_>, id: &ProductId) -> Option<(ProductId, Product)> {
        let ProductContent { name, unit, gtin, vendor_code, vat_rate } = position.product()?;
        let boxed = |text: Cow<'_, str>| text.into_owned().into_boxed_str();
        let product = Product {
            order: self.order.clone(),
            name: boxed(name),
            unit: unit.map(boxed),
            gtin: gtin.map(boxed),
            vendor_code: vendor_code.map(boxed),
            vat_rate,
        };
        Some((id.clone(), product))
    }

    /// The position's price as it is stored, where shop and price are known.
    #[must_use]
    pub fn price(&self, position: &Position<'_>, product: ProductId) -> Option<(PriceId, Price)> {
        let id = PriceId { product, shop: Arc::clone(self.shop.as_ref()?) };
        Some((id, Price { order: self.order.clone(), price_kopecks: position.price_kopecks()? }))
    }
}

/// What is published of a product, but for its prices.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ProductContent<'r> {
    name: Cow<'r, str>,
    unit: Option<Cow<'r, str>>,
    gtin: Option<Cow<'r, str>>,
    vendor_code: Option<Cow<'r, str>>,
    vat_rate: Option<&'static str>,
}

impl<'r> Position<'r> {
    /// What the position tells of its product. One without a name describes nothing, and must not
    /// take the name away that another receipt gave.
    #[must_use]
    pub fn product(&self) -> Option<ProductContent<'r>> {
        let item = self.item;
        Some(ProductContent {
            name: text(item.name.as_ref())?,
            unit: text(item.unit.as_ref()),
            gtin: text(item.gtin.as_ref()),
            vendor_code: text(item.vendor_code.as_ref()),
            vat_rate: item.vat_rate.filter(|rate| *rate != VatRate::Unknown).map(VatRate::symbol),
        })
    }

    /// The price of one unit.
    #[must_use]
    pub const fn price_kopecks(&self) -> Option<i64> {
        self.item.price_kopecks
    }
}

/// Where a receipt stands in time.
#[must_use]
pub fn order(receipt: &Receipt<'_>) -> Order {
    let time = receipt.utc_time.or_else(|| receipt.local_time.map(|local| Timestamp(local.0)));
    Newest::of(time, receipt.received_at, Arc::from(&*receipt.receipt_id), receipt.revision)
}

/// Text that PostgreSQL takes: it has no NUL character. Blank text says nothing.
fn text<'r>(text: Option<&'r Cow<'_, str>>) -> Option<Cow<'r, str>> {
    let text = text.map(|text| &**text).filter(|text| !text.trim().is_empty())?;
    Some(if text.contains('\0') { text.replace('\0', "\u{FFFD}").into() } else { text.into() })
}

#[cfg(test)]
mod tests {
    use schemas::LocalTimestamp;

    use super::*;

    fn receipt() -> Receipt<'static> {
        Receipt {
            receipt_id: "acme/1/0000000001".into(),
            tenant: "acme".into(),
            shop: Some("shop-1".into()),
            received_at: Timestamp(1_000),
            utc_time: Some(Timestamp(900)),
            kind: ReceiptKind::Receipt,
            operation: Operation::Sell,
            items: vec![Item {
                name: Some("Хлеб\0ржаной".into()),
                product_key: Some("gtin:04607161623886".into()),
                unit: Some(" ".into()),
                price_kopecks: Some(5_990),
                vat_rate: Some(VatRate::Vat10),
                ..Item::default()
            }],
            ..Receipt::default()
        }
    }

    #[test]
    fn only_sales_tell_of_products() {
        assert!(Sale::of(&receipt()).is_some());
        assert!(Sale::of(&Receipt { kind: ReceiptKind::StrictForm, ..receipt() }).is_some());
        for operation in [Operation::SellReturn, Operation::Buy, Operation::BuyReturn, Operation::Unknown] {
            assert!(Sale::of(&Receipt { operation, ..receipt() }).is_none(), "{operation:?}");
        }
        assert!(Sale::of(&Receipt { kind: ReceiptKind::ReceiptCorrection, ..receipt() }).is_none());
    }

    #[test]
    fn a_position_tells_what_it_has() {
        let receipt = receipt();
        let sale = Sale::of(&receipt).unwrap();
        let position = sale.positions().next().unwrap();
        let (_, product) = sale.product(&position, &sale.product_id(&position)).unwrap();
        assert_eq!(&*product.name, "Хлеб\u{FFFD}ржаной");
        assert_eq!((product.unit, product.vat_rate), (None, Some("VAT_10")));
        let (id, price) = sale.price(&position, sale.product_id(&position)).unwrap();
        assert_eq!((&*id.shop, price.price_kopecks), ("shop-1", 5_990));
    }

    #[test]
    fn without_a_shop_there_is_no_price_and_without_a_name_no_product() {
        let mut nowhere = receipt();
        nowhere.shop = None;
        nowhere.items[0].name = None;
        let sale = Sale::of(&nowhere).unwrap();
        let position = sale.positions().next().unwrap();
        assert_eq!(sale.product(&position, &sale.product_id(&position)), None);
        assert_eq!(sale.price(&position, sale.product_id(&position)), None);
    }

    #[test]
    fn the_reception_is_the_latest_time() {
        let at = |utc: Option<i64>, local: Option<i64>| {
            order(&Receipt { utc_time: utc.map(Timestamp), local_time: local.map(LocalTimestamp), ..receipt() })
                .event_time
                .0
        };
        assert_eq!(at(Some(900), Some(5)), 900);
        assert_eq!(at(None, Some(500)), 500);
        assert_eq!(at(Some(7_000), None), 1_000);
        assert_eq!(at(None, Some(7_000)), 1_000);
        assert_eq!(at(None, None), 1_000);
    }

    #[test]
    fn content_decides_what_time_does_not() {
        let order = order(&receipt());
        let price = |price_kopecks| Price { order: order.clone(), price_kopecks };
        assert!(price(500) > price(250));
    }
}
