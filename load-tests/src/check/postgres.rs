//! Products and prices in PostgreSQL against those that the acknowledged receipts tell.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, Row};

use crate::{
    check::{CheckError, findings::Findings},
    product_key::Told,
    products::{Expected, PriceRow, ProductRow},
    recall::Recalled,
    world::World,
};

const PRODUCTS: &str = "SELECT tenant, product_key, name, unit, gtin, vendor_code, vat_rate, \
                        extract(epoch FROM observed_at)::bigint FROM products";
const PRICES: &str = "SELECT tenant, shop, product_key, price_kopecks, extract(epoch FROM observed_at)::bigint \
                      FROM observed_prices";

/// Reads the tables `products` and `observed_prices`.
///
/// # Errors
/// When PostgreSQL cannot be read.
pub async fn check(
    client: &Client,
    world: &World,
    recalled: &Recalled,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    products(client, world, recalled, findings).await?;
    prices(client, world, recalled, findings).await
}

async fn products(
    client: &Client,
    world: &World,
    recalled: &Recalled,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let key = |row: &ProductRow| (row.tenant.clone(), row.key.clone());
    let mut expected = by_key(recalled.products.product_rows(world), key);
    let doubtful: HashSet<_> = recalled.doubtful.product_rows(world).map(|expected| key(&expected.row)).collect();
    expected.retain(|key, _| !doubtful.contains(key));
    let mut found = std::pin::pin!(client.query_raw(PRODUCTS, None::<&str>).await?);
    while let Some(row) = found.try_next().await? {
        findings.products_in_postgres += 1;
        let observed_at: i64 = row.try_get(7)?;
        let row = product(&row)?;
        match expected.remove(&key(&row)) {
            Some(right) if is_one_of(&right, &row, observed_at) => {}
            Some(right) => findings.wrong_products.add(|| format!("{row:?} at {observed_at} should be {right:?}")),
            None if doubtful.contains(&key(&row)) => {}
            None => findings.foreign.add(|| format!("product {:?} is in PostgreSQL", key(&row))),
        }
    }
    for missing in expected.into_values() {
        findings.wrong_products.add(|| format!("{missing:?} is missing"));
    }
    Ok(())
}

async fn prices(
    client: &Client,
    world: &World,
    recalled: &Recalled,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let key = |row: &PriceRow| (row.tenant.clone(), row.shop.clone(), row.key.clone());
    let mut expected = by_key(recalled.products.price_rows(world), key);
    let doubtful: HashSet<_> = recalled.doubtful.price_rows(world).map(|expected| key(&expected.row)).collect();
    expected.retain(|key, _| !doubtful.contains(key));
    let mut found = std::pin::pin!(client.query_raw(PRICES, None::<&str>).await?);
    while let Some(row) = found.try_next().await? {
        findings.prices_in_postgres += 1;
        let observed_at: i64 = row.try_get(4)?;
        let row = price(&row)?;
        match expected.remove(&key(&row)) {
            Some(right) if is_one_of(&right, &row, observed_at) => {}
            Some(right) => findings.wrong_products.add(|| format!("{row:?} at {observed_at} should be {right:?}")),
            None if doubtful.contains(&key(&row)) => {}
            None => findings.foreign.add(|| format!("price {:?} is in PostgreSQL", key(&row))),
        }
    }
    for missing in expected.into_values() {
        findings.wrong_products.add(|| format!("{missing:?} is missing"));
    }
    Ok(())
}

/// The rows that may be there, by the key of the one that is.
fn by_key<Row, Key: Hash + Eq>(
    rows: impl Iterator<Item = Expected<Row>>,
    key: impl Fn(&Row) -> Key,
) -> HashMap<Key, Vec<Expected<Row>>> {
    let mut by_key: HashMap<Key, Vec<Expected<Row>>> = HashMap::new();
    for expected in rows {
        by_key.entry(key(&expected.row)).or_default().push(expected);
    }
    by_key
}

/// Whether a row that was found is one of those that may be there.
fn is_one_of<Row: PartialEq>(expected: &[Expected<Row>], row: &Row, observed_at: i64) -> bool {
    expected.iter().any(|one| one.row == *row && one.observed_at.contains(&observed_at))
}

fn product(row: &Row) -> Result<ProductRow, tokio_postgres::Error> {
    Ok(ProductRow {
        tenant: row.try_get(0)?,
        key: row.try_get(1)?,
        name: row.try_get(2)?,
        told: Told { unit: row.try_get(3)?, gtin: row.try_get(4)?, vendor_code: row.try_get(5)? },
        vat: row.try_get(6)?,
    })
}

fn price(row: &Row) -> Result<PriceRow, tokio_postgres::Error> {
    Ok(PriceRow { tenant: row.try_get(0)?, shop: row.try_get(1)?, key: row.try_get(2)?, price: row.try_get(3)? })
}
