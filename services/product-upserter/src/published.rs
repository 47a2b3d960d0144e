//! The products as the relay publishes them.

use postgres::Timestamptz;
use relay::{Outgoing, Published};
use schemas::{
    Timestamp,
    products::{self, ObservedPrice, Product},
    wire,
};
use tokio_postgres::Row;

/// Products, each with its prices.
#[derive(Debug)]
pub(crate) struct Products {
    pub schema_id: wire::SchemaId,
}

impl Published for Products {
    const TOPIC: &'static str = products::TOPIC;

    // The prices are sorted before they are put into arrays, which costs nothing: the index has that
    // order. `array_agg(.. ORDER BY ..)` sorts once more for each array.
    const READ: &'static str = "
        SELECT d.tenant, d.product_key, p.version, p.name, p.unit, p.gtin, p.vendor_code, p.vat_rate, p.observed_at,
               o.shops, o.prices, o.times
          FROM (SELECT tenant, product_key
                  FROM products_dirty
                 WHERE (tenant, product_key) > ($2, $3)
                 ORDER BY tenant, product_key
                 LIMIT $1) d
         CROSS JOIN LATERAL (
               SELECT version, name, unit, gtin, vendor_code, vat_rate, observed_at
                 FROM products
                WHERE tenant = d.tenant AND product_key = d.product_key
               OFFSET 0) p
         CROSS JOIN LATERAL (
               SELECT coalesce(array_agg(shop), '{}') AS shops,
                      coalesce(array_agg(price_kopecks), '{}') AS prices,
                      coalesce(array_agg(observed_at), '{}') AS times
                 FROM (SELECT shop, price_kopecks, observed_at
                         FROM observed_prices
                        WHERE tenant = d.tenant AND product_key = d.product_key
                        ORDER BY shop) sorted) o
         ORDER BY d.tenant, d.product_key";

    // Rows are locked in the order in which the writer locks them, too: a deletion alone takes them
    // in any order, and two of them may wait for each other. A row that has a newer version by the
    // time that its lock is free is left.
    const MARK: &'static str = "
        DELETE FROM products_dirty
         WHERE ctid = ANY (ARRAY(
               SELECT d.ctid
                 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS sent (tenant, product_key, version)
                 JOIN products_dirty d ON d.tenant = sent.tenant AND d.product_key = sent.product_key
                WHERE d.version <= sent.version
                ORDER BY d.tenant, d.product_key
                  FOR UPDATE OF d))";

    fn record(&self, row: &Row) -> Result<Outgoing, tokio_postgres::Error> {
        let (tenant, product_key): (&str, &str) = (row.try_get("tenant")?, row.try_get("product_key")?);
        let version = row.try_get("version")?;
        let text = |column| Ok::<_, tokio_postgres::Error>(row.try_get::<_, Option<&str>>(column)?.map(Into::into));
        let product = Product {
            tenant: tenant.into(),
            product_key: product_key.into(),
            version,
            name: row.try_get::<_, &str>("name")?.into(),
            unit: text("unit")?,
            gtin: text("gtin")?,
            vendor_code: text("vendor_code")?,
            vat_rate: text("vat_rate")?,
            observed_at: moment(row.try_get("observed_at")?),
            prices: prices(row)?,
        };
        let mut payload = Vec::new();
        wire::write(self.schema_id, &product, &mut payload);
        let key = canonical::key::product(tenant, product_key);
        Ok(Outgoing { tenant: tenant.to_owned(), id: product_key.to_owned(), version, key, payload })
    }
}

/// The prices come as one array for each column, in one order.
fn prices(row: &Row) -> Result<Vec<ObservedPrice<'_>>, tokio_postgres::Error> {
    let shops: Vec<&str> = row.try_get("shops")?;
    let prices: Vec<i64> = row.try_get("prices")?;
    let times: Vec<Timestamptz> = row.try_get("times")?;
    let columns = shops.into_iter().zip(prices).zip(times);
    Ok(columns
        .map(|((shop, price_kopecks), time)| ObservedPrice {
            shop: shop.into(),
            price_kopecks,
            observed_at: moment(time),
        })
        .collect())
}

const fn moment(time: Timestamptz) -> Timestamp {
    Timestamp(time.0)
}

#[cfg(test)]
mod tests {
    use provision::testing::{tables, until_blocked};
    use relay::Published as _;

    use super::Products;
    use crate::store::DIRTY;

    const INSERT: &str = "INSERT INTO products (tenant, product_key, name, observed_at, receipt_id, revision)
        VALUES ('acme', 'name:хлеб', 'Хлеб', now(), '1', 1)";

    /// The writer has raised a version and not committed yet when the relay marks the one before.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_version_that_comes_during_the_mark_stays_dirty() {
        let pool = tables().await;
        let (writer, relay, watcher) =
            (pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap());
        let (tenants, keys): (&[&str], &[&str]) = (&["acme"], &["name:хлеб"]);
        let (first, second): (&[i64], &[i64]) = (&[1], &[2]);
        let (nobody, none): (&[&str], &[i64]) = (&[], &[]);
        writer.batch_execute(INSERT).await.unwrap();
        writer.execute(DIRTY, &[&nobody, &nobody, &tenants, &keys, &first]).await.unwrap();

        writer.batch_execute("BEGIN").await.unwrap();
        writer.execute(DIRTY, &[&tenants, &keys, &nobody, &nobody, &none]).await.unwrap();
        let mark = tokio::spawn(async move { relay.execute(Products::MARK, &[&tenants, &keys, &first]).await });
        until_blocked(&watcher, 1, &mark).await;
        writer.batch_execute("COMMIT").await.unwrap();
        assert_eq!(mark.await.unwrap().unwrap(), 0, "a note of version 2 was deleted for version 1");

        let left = watcher.query_one("SELECT version FROM products_dirty", &[]).await.unwrap();
        assert_eq!(left.get::<_, i64>(0), 2);
        assert_eq!(watcher.execute(Products::MARK, &[&tenants, &keys, &second]).await.unwrap(), 1);
    }
}
