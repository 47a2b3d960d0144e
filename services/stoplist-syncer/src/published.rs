//! The table as the relay publishes it.

use postgres::Timestamptz;
use relay::{Outgoing, Published};
use schemas::{
    Decimal, Timestamp,
    stop_lists::{self, StopList, StopListItem},
    wire,
};
use tokio_postgres::Row;

/// Whole lists of terminal groups.
#[derive(Debug)]
pub(crate) struct StopLists {
    pub schema_id: wire::SchemaId,
}

impl Published for StopLists {
    const TOPIC: &'static str = stop_lists::TOPIC;

    // A UUID and its text have the same order.
    const READ: &'static str = "
        SELECT d.tenant, d.terminal_group_id::text AS id, g.organization_id::text AS organization_id, g.version,
               g.synchronized_at, i.products, i.sizes, i.balances, i.skus, i.added
          FROM (SELECT tenant, terminal_group_id
                  FROM stop_list_groups_dirty
                 WHERE (tenant, terminal_group_id::text COLLATE \"C\") > ($2, $3)
                 ORDER BY tenant, terminal_group_id
                 LIMIT $1) d
         CROSS JOIN LATERAL (
               SELECT organization_id, version, synchronized_at
                 FROM stop_list_groups
                WHERE tenant = d.tenant AND terminal_group_id = d.terminal_group_id
               OFFSET 0) g
         CROSS JOIN LATERAL (
               SELECT coalesce(array_agg(product_id::text ORDER BY product_id, size_id), '{}') AS products,
                      coalesce(array_agg(size_id::text ORDER BY product_id, size_id), '{}') AS sizes,
                      coalesce(array_agg((balance * 1000000)::bigint ORDER BY product_id, size_id), '{}') AS balances,
                      coalesce(array_agg(sku ORDER BY product_id, size_id), '{}') AS skus,
                      coalesce(array_agg(added_at ORDER BY product_id, size_id), '{}') AS added
                 FROM stop_list_items
                WHERE tenant = d.tenant AND terminal_group_id = d.terminal_group_id) i
         ORDER BY d.tenant, d.terminal_group_id";

    // Rows are locked in the order in which the synchronisation locks them, too: a deletion alone
    // takes them in any order, and two of them may wait for each other. A row that has a newer version
    // by the time that its lock is free is left.
    const MARK: &'static str = "
        DELETE FROM stop_list_groups_dirty
         WHERE ctid = ANY (ARRAY(
               SELECT d.ctid
                 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS sent (tenant, id, version)
                 JOIN stop_list_groups_dirty d ON d.tenant = sent.tenant AND d.terminal_group_id = sent.id::uuid
                WHERE d.version <= sent.version
                ORDER BY d.tenant, d.terminal_group_id
                  FOR UPDATE OF d))";

    fn record(&self, row: &Row) -> Result<Outgoing, tokio_postgres::Error> {
        let (tenant, id): (&str, &str) = (row.try_get("tenant")?, row.try_get("id")?);
        let version = row.try_get("version")?;
        let list = StopList {
            tenant: tenant.into(),
            organization_id: row.try_get::<_, &str>("organization_id")?.into(),
            terminal_group_id: id.into(),
            version,
            synchronized_at: moment(row.try_get("synchronized_at")?),
            items: items(row)?,
        };
        let mut payload = Vec::new();
        wire::write(self.schema_id, &list, &mut payload);
        let key = canonical::key::terminal_group(tenant, id);
        Ok(Outgoing { tenant: tenant.to_owned(), id: id.to_owned(), version, key, payload })
    }
}

/// The items come as one array for each column, in one order.
fn items(row: &Row) -> Result<Vec<StopListItem<'_>>, tokio_postgres::Error> {
    let products: Vec<&str> = row.try_get("products")?;
    let sizes: Vec<Option<&str>> = row.try_get("sizes")?;
    let balances: Vec<i64> = row.try_get("balances")?;
    let skus: Vec<Option<&str>> = row.try_get("skus")?;
    let added: Vec<Option<Timestamptz>> = row.try_get("added")?;
    let columns = products.into_iter().zip(sizes).zip(balances).zip(skus).zip(added);
    let items = columns.map(|((((product_id, size_id), balance), sku), added_at)| StopListItem {
        product_id: product_id.into(),
        size_id: size_id.map(Into::into),
        balance: Decimal::from_unscaled(balance),
        sku: sku.map(Into::into),
        added_at: added_at.map(moment),
    });
    Ok(items.collect())
}

const fn moment(time: Timestamptz) -> Timestamp {
    Timestamp(time.0)
}
