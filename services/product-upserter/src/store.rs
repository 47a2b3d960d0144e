//! The statements. Each takes whole columns as arrays: one prepared text for every size of a batch.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use postgres::{Client, Error, Timestamptz};
use tokio_postgres::{Row, Statement, Transaction};

use crate::{
    observation::{Order, Price, PriceId, Product, ProductId},
    sift::Sifted,
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

/// Rows of one transaction: the newest for each identity, sorted by identity, so that no statement
/// meets a row twice and two writers lock rows in the same order.
#[derive(Debug)]
pub(crate) struct Batch<'r> {
    products: Vec<(&'r ProductId, &'r Product)>,
    prices: Vec<(&'r PriceId, &'r Price)>,
}

impl<'r> Batch<'r> {
    pub fn of(sales: impl Iterator<Item = &'r Sifted> + Clone) -> Self {
        let products = newest(sales.clone().flat_map(|sale| &sale.products));
        Self { products, prices: newest(sales.flat_map(|sale| &sale.prices)) }
    }

    /// Rows of both tables.
    pub fn rows(&self) -> usize {
        self.products.len() + self.prices.len()
    }

    /// Writes the rows in one transaction and answers how many prices' products got a new version
    /// by that. Doing it twice changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write(&self, client: &mut Client) -> Result<usize, Error> {
        // Prepared once a connection.
        let products = client.prepare_cached(PRODUCTS).await?;
        let prices = client.prepare_cached(PRICES).await?;
        let dirty = client.prepare_cached(DIRTY).await?;
        let transaction = tokio_postgres::Client::transaction(client).await?;
        let renewed = self.write_products(&transaction, &products).await?;
        let repriced = self.write_prices(&transaction, &prices).await?;
        mark_dirty(&transaction, &dirty, &renewed, &repriced).await?;
        transaction.commit().await?;
        Ok(repriced.len())
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

async fn mark_dirty(
    transaction: &Transaction<'_>,
    statement: &Statement,
    renewed: &[Row],
    repriced: &[Row],
) -> Result<(), Error> {
    let (tenants, keys): (Vec<&str>, Vec<&str>) = identities(renewed)?.into_iter().unzip();
    let versions = renewed.iter().map(|row| row.try_get(2)).collect::<Result<Vec<i64>, _>>()?;
    // A product that has a new version needs no other one: nobody has seen it yet.
    let known: HashSet<_> = identities(renewed)?.into_iter().collect();
    let (raised_tenants, raised_keys): (Vec<&str>, Vec<&str>) =
        identities(repriced)?.into_iter().filter(|product| !known.contains(product)).unzip();
    if !(tenants.is_empty() && raised_keys.is_empty()) {
        transaction.execute(statement, &[&raised_tenants, &raised_keys, &tenants, &keys, &versions]).await?;
    }
    Ok(())
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

fn newest<'r, Id: Ord + Hash, State: Ord>(rows: impl Iterator<Item = &'r (Id, State)>) -> Vec<(&'r Id, &'r State)> {
    let mut newest: HashMap<&Id, &State> = HashMap::new();
    for (id, state) in rows {
        let best = newest.entry(id).or_insert(state);
        *best = (*best).max(state);
    }
    let mut rows: Vec<_> = newest.into_iter().collect();
    rows.sort_unstable_by_key(|(id, _)| *id);
    rows
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn each_identity_appears_once_with_its_newest_state_in_order() {
        let rows = [("b", 1), ("a", 2), ("b", 3), ("a", 1), ("b", 2)];
        assert_eq!(newest(rows.iter()), [(&"a", &2), (&"b", &3)]);
    }
}
