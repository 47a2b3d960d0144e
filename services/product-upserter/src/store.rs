//! The statements. Each takes whole columns as arrays: one prepared text for every size of a batch.

use std::collections::HashSet;

use postgres::{Client, Error, Timestamptz};
use tokio_postgres::{Row, Statement, Transaction};

use crate::{
    observation::{Order, Price, PriceId, Product, ProductId},
    sift::Rows,
};

/// Writes products that are newer than what is there, and answers those that have a new version by
/// that. The order of the comparison is that of [`Product`]; a missing text is stored as null and
/// compared as an empty one, which no text is.
const PRODUCTS: &str = "
    WITH written AS (
         INSERT INTO products AS t
                (tenant, product_key, name, unit, gtin, vendor_code, vat_rate, observed_at, receipt_id, revision)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                              $8::timestamptz[], $9::text[], $10::integer[])
             ON CONFLICT (tenant, product_key) DO UPDATE
            SET name = excluded.name, unit = excluded.unit, gtin = excluded.gtin,
                vendor_code = excluded.vendor_code, vat_rate = excluded.vat_rate,
                observed_at = excluded.observed_at, receipt_id = excluded.receipt_id, revision = excluded.revision,
                previous_version = t.version,
                version = t.version + CASE WHEN (t.name, t.unit, t.gtin, t.vendor_code, t.vat_rate)
                    IS DISTINCT FROM
                    (excluded.name, excluded.unit, excluded.gtin, excluded.vendor_code, excluded.vat_rate)
                    THEN 1 ELSE 0 END
          WHERE (excluded.observed_at, excluded.receipt_id, excluded.revision, excluded.name,
                 coalesce(excluded.unit, ''), coalesce(excluded.gtin, ''), coalesce(excluded.vendor_code, ''),
                 coalesce(excluded.vat_rate, ''))
              > (t.observed_at, t.receipt_id, t.revision, t.name,
                 coalesce(t.unit, ''), coalesce(t.gtin, ''), coalesce(t.vendor_code, ''), coalesce(t.vat_rate, ''))
         RETURNING tenant, product_key, version, previous_version)
    SELECT tenant, product_key, version FROM written WHERE version <> previous_version";

/// Writes prices that are newer than what is there, and answers the products of those that changed.
const PRICES: &str = "
    WITH written AS (
         INSERT INTO observed_prices AS t
                (tenant, product_key, shop, price_kopecks, observed_at, receipt_id, revision)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[],
                              $7::integer[])
             ON CONFLICT (tenant, product_key, shop) DO UPDATE
            SET previous_kopecks = t.price_kopecks, price_kopecks = excluded.price_kopecks,
                observed_at = excluded.observed_at, receipt_id = excluded.receipt_id, revision = excluded.revision
          WHERE (excluded.observed_at, excluded.receipt_id, excluded.revision, excluded.price_kopecks)
              > (t.observed_at, t.receipt_id, t.revision, t.price_kopecks)
         RETURNING tenant, product_key, price_kopecks IS DISTINCT FROM previous_kopecks AS changed)
    SELECT DISTINCT tenant, product_key FROM written WHERE changed ORDER BY tenant, product_key";

/// Marks products for the relay: those of `$3` to `$5` with the versions that they have, those of
/// `$1` and `$2` with a new one, which they get here. A product's prices are published with it, so a
/// changed one makes a new version.
pub(crate) const DIRTY: &str = "
    WITH raised AS (
         UPDATE products p SET version = p.version + 1
           FROM unnest($1::text[], $2::text[]) AS changed (tenant, product_key)
          WHERE p.tenant = changed.tenant AND p.product_key = changed.product_key
         RETURNING p.tenant, p.product_key, p.version)
    INSERT INTO products_dirty AS d (tenant, product_key, version)
    SELECT * FROM (SELECT * FROM raised UNION ALL SELECT * FROM unnest($3::text[], $4::text[], $5::bigint[])) AS new
     ORDER BY tenant, product_key
        ON CONFLICT (tenant, product_key) DO UPDATE SET version = excluded.version";

/// Lets nobody else write products until the end of the transaction, and waits for those who do.
const ALONE: &str = "LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE";

/// The statements, prepared once a connection.
struct Statements {
    products: Statement,
    prices: Statement,
    dirty: Statement,
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            products: client.prepare_cached(PRODUCTS).await?,
            prices: client.prepare_cached(PRICES).await?,
            dirty: client.prepare_cached(DIRTY).await?,
        })
    }
}

/// What a transaction did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Products with changed prices.
    pub repriced: usize,
    /// Products that wait for the relay.
    pub marked: usize,
    /// Whether all of them have a row, whose version was raised.
    all_raised: bool,
}

/// Rows of one transaction: the newest for each identity, sorted by identity, so that no statement
/// meets a row twice and two writers lock rows in the same order.
#[derive(Debug)]
pub(crate) struct Batch<'r> {
    products: Vec<(&'r ProductId, &'r Product)>,
    prices: Vec<(&'r PriceId, &'r Price)>,
}

impl<'r> Batch<'r> {
    pub fn of(rows: impl Iterator<Item = &'r Rows> + Clone) -> Self {
        let products = newest(rows.clone().flat_map(|rows| &rows.products));
        Self { products, prices: newest(rows.flat_map(|rows| &rows.prices)) }
    }

    /// Rows of both tables.
    pub fn rows(&self) -> usize {
        self.products.len() + self.prices.len()
    }

    /// Writes the rows in one transaction. Doing it twice changes nothing.
    ///
    /// A price may come before any receipt names its product. Then there is no version to raise, and
    /// the product is published with the price when it is named. But another process may be naming it
    /// at this moment, unseen by us as we are by it, and its product may be published before our
    /// price is there. So such prices are written once more, with nobody writing products meanwhile.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write(&self, client: &mut Client) -> Result<Written, Error> {
        let statements = Statements::prepare(client).await?;
        let transaction = tokio_postgres::Client::transaction(client).await?;
        let written = self.write_in(&transaction, &statements).await?;
        if written.all_raised {
            transaction.commit().await?;
            return Ok(written);
        }
        transaction.rollback().await?;
        let transaction = tokio_postgres::Client::transaction(client).await?;
        transaction.batch_execute(ALONE).await?;
        let written = self.write_in(&transaction, &statements).await?;
        transaction.commit().await?;
        Ok(written)
    }

    async fn write_in(&self, transaction: &Transaction<'_>, statements: &Statements) -> Result<Written, Error> {
        let renewed = self.write_products(transaction, &statements.products).await?;
        let repriced = self.write_prices(transaction, &statements.prices).await?;
        let (marked, all_raised) = mark_dirty(transaction, &statements.dirty, &renewed, &repriced).await?;
        Ok(Written { repriced: repriced.len(), marked, all_raised })
    }

    /// Answers those that have a new version.
    async fn write_products(&self, transaction: &Transaction<'_>, statement: &Statement) -> Result<Vec<Row>, Error> {
        let rows = &self.products;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let tenants = column(rows, |(id, _)| &*id.tenant);
        let keys = column(rows, |(id, _)| &*id.product_key);
        let names = column(rows, |(_, product)| &*product.name);
        let units = column(rows, |(_, product)| product.unit.as_deref());
        let gtins = column(rows, |(_, product)| product.gtin.as_deref());
        let codes = column(rows, |(_, product)| product.vendor_code.as_deref());
        let rates = column(rows, |(_, product)| product.vat_rate);
        let (times, receipts, revisions) = orders(rows.iter().map(|(_, product)| &product.order));
        Ok(transaction
            .query(statement, &[&tenants, &keys, &names, &units, &gtins, &codes, &rates, &times, &receipts, &revisions])
            .await?)
    }

    /// Answers the products whose prices changed.
    async fn write_prices(&self, transaction: &Transaction<'_>, statement: &Statement) -> Result<Vec<Row>, Error> {
        let rows = &self.prices;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let tenants = column(rows, |(id, _)| &*id.product.tenant);
        let keys = column(rows, |(id, _)| &*id.product.product_key);
        let shops = column(rows, |(id, _)| &*id.shop);
        let kopecks = column(rows, |(_, price)| price.price_kopecks);
        let (times, receipts, revisions) = orders(rows.iter().map(|(_, price)| &price.order));
        Ok(transaction.query(statement, &[&tenants, &keys, &shops, &kopecks, &times, &receipts, &revisions]).await?)
    }
}

/// Answers how many products were marked, and whether those are all, because each had a row.
async fn mark_dirty(
    transaction: &Transaction<'_>,
    statement: &Statement,
    renewed: &[Row],
    repriced: &[Row],
) -> Result<(usize, bool), Error> {
    let (tenants, keys): (Vec<&str>, Vec<&str>) = identities(renewed)?.into_iter().unzip();
    let versions = renewed.iter().map(|row| row.try_get(2)).collect::<Result<Vec<i64>, _>>()?;
    // A product that has a new version needs no other one: nobody has seen it yet.
    let known: HashSet<_> = identities(renewed)?.into_iter().collect();
    let (raised_tenants, raised_keys): (Vec<&str>, Vec<&str>) =
        identities(repriced)?.into_iter().filter(|product| !known.contains(product)).unzip();
    let products = tenants.len() + raised_keys.len();
    if products == 0 {
        return Ok((0, true));
    }
    let marked = transaction.execute(statement, &[&raised_tenants, &raised_keys, &tenants, &keys, &versions]).await?;
    let marked = usize::try_from(marked).unwrap_or(usize::MAX);
    Ok((marked, marked == products))
}

/// Tenant and key of each product that a statement answers.
fn identities(products: &[Row]) -> Result<Vec<(&str, &str)>, Error> {
    products.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

fn orders<'r>(orders: impl Iterator<Item = &'r Order> + Clone) -> (Vec<Timestamptz>, Vec<&'r str>, Vec<i32>) {
    (
        orders.clone().map(|order| Timestamptz(order.event_time.0)).collect(),
        orders.clone().map(|order| &*order.receipt_id).collect(),
        orders.map(|order| order.revision).collect(),
    )
}

/// The newest state of each identity, in the identities' order.
fn newest<'r, Id: Ord, State: Ord>(rows: impl Iterator<Item = &'r (Id, State)>) -> Vec<(&'r Id, &'r State)> {
    let mut rows: Vec<_> = rows.map(|(id, state)| (id, state)).collect();
    rows.sort_unstable_by(|(id, state), (other, newer)| id.cmp(other).then_with(|| newer.cmp(state)));
    rows.dedup_by(|next, first| next.0 == first.0);
    rows
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use canonical::Newest;
    use postgres::Pool;
    use provision::testing::{tables, until_blocked};
    use relay::Published as _;
    use schemas::Timestamp;

    use super::{Batch, newest};
    use crate::{
        observation::{Price, PriceId, Product, ProductId},
        published::Products,
        sift::Rows,
    };

    const MILK: &str = "gtin:04600000000312";

    fn sale(shop: &str, product_key: &str, name: Option<&str>, price_kopecks: i64) -> Rows {
        let order = Newest { event_time: Timestamp(0), receipt_id: format!("acme/{shop}").into(), revision: 1 };
        let id = ProductId { tenant: "acme".into(), product_key: product_key.into() };
        let product = |name: &str| Product {
            order: order.clone(),
            name: name.into(),
            unit: None,
            gtin: None,
            vendor_code: None,
            vat_rate: None,
        };
        Rows {
            products: name.map(|name| (id.clone(), product(name))).into_iter().collect(),
            prices: vec![(PriceId { product: id, shop: shop.into() }, Price { order: order.clone(), price_kopecks })],
        }
    }

    /// As the relay does it: versions and prices of what is dirty and of `key`.
    async fn publish(pool: &Pool, key: &str) -> Vec<(i64, Vec<i64>)> {
        let client = pool.get().await.unwrap();
        let rows = client.query(Products::READ, &[&100_i64, &"", &""]).await.unwrap();
        let (mut published, mut sent) = (Vec::new(), (Vec::new(), Vec::new(), Vec::new()));
        for row in rows {
            let product_key: String = row.get("product_key");
            let version: i64 = row.get("version");
            if product_key == key {
                published.push((version, row.get("prices")));
            }
            sent.0.push(row.get::<_, String>("tenant"));
            sent.1.push(product_key);
            sent.2.push(version);
        }
        client.execute(Products::MARK, &[&sent.0, &sent.1, &sent.2]).await.unwrap();
        published
    }

    /// One upserter has a price of a product that no receipt has named yet and is held up before its commit, when
    /// another one brings the name and the relay publishes it.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_price_that_comes_with_its_product_from_two_sides_is_published() {
        let pool = Arc::new(tables().await);
        let blocker = pool.get().await.unwrap();
        blocker.batch_execute("BEGIN; INSERT INTO products_dirty VALUES ('acme', 'zz', 1)").await.unwrap();
        let watcher = pool.get().await.unwrap();
        let write = |sales: Vec<Rows>| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { Batch::of(sales.iter()).write(&mut pool.get().await.unwrap()).await.unwrap() })
        };

        let nameless = write(vec![sale("shop-1", MILK, None, 777), sale("shop-1", "zz", Some("Сыр"), 900)]);
        until_blocked(&watcher, 1, &nameless).await;
        let named = write(vec![sale("shop-2", MILK, Some("Молоко"), 500)]);
        until_blocked(&watcher, 2, &named).await;
        let mut published = publish(&pool, MILK).await;
        blocker.batch_execute("ROLLBACK").await.unwrap();
        nameless.await.unwrap();
        named.await.unwrap();
        published.extend(publish(&pool, MILK).await);

        assert_eq!(published.last().unwrap().1, [777, 500], "{published:?}");
        let mut versions: Vec<i64> = published.iter().map(|(version, _)| *version).collect();
        versions.dedup();
        assert_eq!(versions.len(), published.len(), "two contents of one version: {published:?}");
    }

    #[test]
    fn each_identity_appears_once_with_its_newest_state_in_order() {
        let rows = [("b", 1), ("a", 2), ("b", 3), ("a", 1), ("b", 2)];
        assert_eq!(newest(rows.iter()), [(&"a", &2), (&"b", &3)]);
    }
}
