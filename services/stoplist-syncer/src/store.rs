//! The tables `iiko_organizations`, `stop_list_groups` and `stop_list_items`.

use deadpool_postgres::Transaction;
use iiko::{
    Item, ItemKey, Organization, OrganizationStopLists,
    diff::{Changes, GroupChanges},
};
use postgres::{Client, Error, Pool, Timestamptz};
use schemas::{Decimal, Timestamp};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

/// Only a change of the name is a change.
const LIST: &str = "
    INSERT INTO iiko_organizations AS o (tenant, organization_id, name)
    SELECT $1, n.id, n.name FROM unnest($2::uuid[], $3::text[]) AS n (id, name) ORDER BY n.id
        ON CONFLICT (tenant, organization_id) DO UPDATE SET name = excluded.name WHERE o.name <> excluded.name";
const SUCCESSES: &str = "
    SELECT organization_id, last_success_at FROM iiko_organizations WHERE tenant = $1 AND organization_id = ANY ($2)";
const EPOCH: &str = "SELECT epoch FROM iiko_organizations WHERE tenant = $1 AND organization_id = $2";
/// One statement, so that all rows are of one moment.
const READ: &str = "
    SELECT g.terminal_group_id, i.product_id, i.size_id, (i.balance * 1000000)::bigint AS balance, i.sku, i.added_at
      FROM stop_list_groups g
      LEFT JOIN stop_list_items i ON i.tenant = g.tenant AND i.terminal_group_id = g.terminal_group_id
     WHERE g.tenant = $1 AND g.organization_id = $2";
const LOCK: &str = "
    SELECT epoch FROM iiko_organizations WHERE tenant = $1 AND organization_id = $2 FOR NO KEY UPDATE";
/// A group that has moved to this organisation has a row already.
const OPEN_GROUPS: &str = "
    INSERT INTO stop_list_groups AS g (tenant, terminal_group_id, organization_id, synchronized_at)
    SELECT $1, n.id, $3, $4 FROM unnest($2::uuid[]) AS n (id) ORDER BY n.id
        ON CONFLICT (tenant, terminal_group_id) DO UPDATE
       SET organization_id = excluded.organization_id, version = g.version + 1, synchronized_at = excluded.synchronized_at";
const CLEAR_GROUPS: &str = "DELETE FROM stop_list_items WHERE tenant = $1 AND terminal_group_id = ANY ($2)";
/// In any order: the organisation's row is locked, and only a group that has moved is changed under another one's.
const RAISE_GROUPS: &str = "
    UPDATE stop_list_groups SET version = version + 1, synchronized_at = $4
     WHERE tenant = $1 AND terminal_group_id = ANY ($2) AND organization_id = $3";
/// In the relay's order: otherwise the two may wait for each other.
const MARK_DIRTY: &str = "
    INSERT INTO stop_list_groups_dirty (tenant, terminal_group_id, version)
    SELECT tenant, terminal_group_id, version FROM stop_list_groups
     WHERE tenant = $1 AND terminal_group_id = ANY ($2) ORDER BY tenant, terminal_group_id
        ON CONFLICT (tenant, terminal_group_id) DO UPDATE SET version = excluded.version";
const REMOVE_ITEMS: &str = "
    DELETE FROM stop_list_items i
     USING unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS gone (terminal_group_id, product_id, size_id)
     WHERE i.tenant = $1 AND i.terminal_group_id = gone.terminal_group_id AND i.product_id = gone.product_id
       AND i.size_id IS NOT DISTINCT FROM gone.size_id";
const WRITE_ITEMS: &str = "
    INSERT INTO stop_list_items (tenant, terminal_group_id, product_id, size_id, balance, sku, added_at)
    SELECT $1, n.terminal_group_id, n.product_id, n.size_id, n.balance * 0.000001, n.sku, n.added_at
      FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::timestamptz[])
           AS n (terminal_group_id, product_id, size_id, balance, sku, added_at)
        ON CONFLICT (tenant, terminal_group_id, product_id, size_id) DO UPDATE
       SET balance = excluded.balance, sku = excluded.sku, added_at = excluded.added_at";
const SUCCEED: &str = "
    UPDATE iiko_organizations SET epoch = epoch + 1, last_success_at = $3, last_error = NULL, last_error_at = NULL
     WHERE tenant = $1 AND organization_id = $2";
const FAIL: &str = "
    UPDATE iiko_organizations SET last_error = $3, last_error_at = $4 WHERE tenant = $1 AND organization_id = $2";

/// Outages of PostgreSQL are waited out inside; what comes back is never [`Error::Retry`].
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: Pool,
}

/// What the writing of a difference came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is stored.
    Applied,
    /// Another replica has applied an answer since this one began, or another organisation has taken over one of the
    /// groups: nothing was written.
    Overtaken,
}

/// An organisation of one tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub tenant: &'a str,
    pub organization: Uuid,
}

impl Store {
    pub const fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Answers when the tables are there.
    pub async fn check(&self) -> Result<(), Error> {
        self.pool
            .wait_out("looking for the tables", |client| async move {
                client
                    .execute("SELECT FROM stop_list_items, stop_list_groups, stop_list_groups_dirty, iiko_organizations LIMIT 0", &[])
                    .await?;
                Ok(())
            })
            .await
    }

    /// Notes organisations and answers when each was last synchronised.
    pub async fn list(
        &self,
        tenant: &str,
        organizations: &[Organization],
    ) -> Result<Vec<(Uuid, Option<Timestamp>)>, Error> {
        let ids: Vec<Uuid> = organizations.iter().map(|o| o.id).collect();
        let names: Vec<&str> = organizations.iter().map(|o| o.name.as_str()).collect();
        let (ids, names) = (&ids, &names);
        self.pool
            .wait_out("noting organisations", |client| async move {
                client.execute(&client.prepare_cached(LIST).await?, &[&tenant, ids, names]).await?;
                let rows = client.query(&client.prepare_cached(SUCCESSES).await?, &[&tenant, ids]).await?;
                let success = |row: &Row| Ok((row.try_get(0)?, row.try_get::<_, Option<Timestamptz>>(1)?.map(moment)));
                rows.iter().map(success).collect()
            })
            .await
    }

    /// The epoch with which a synchronisation begins.
    pub async fn epoch(&self, place: Place<'_>) -> Result<i64, Error> {
        self.pool
            .wait_out("reading an organisation's epoch", |client| async move {
                Ok(client
                    .query_one(&client.prepare_cached(EPOCH).await?, &[&place.tenant, &place.organization])
                    .await?
                    .try_get(0)?)
            })
            .await
    }

    /// The stored lists of an organisation.
    pub async fn lists(&self, place: Place<'_>) -> Result<OrganizationStopLists, Error> {
        self.pool
            .wait_out("reading stop lists", |client| async move {
                let rows =
                    client.query(&client.prepare_cached(READ).await?, &[&place.tenant, &place.organization]).await?;
                Ok(stored(&rows)?)
            })
            .await
    }

    /// Writes a difference if the organisation is still in the epoch with which the work began, else
    /// nothing. Without changes only the time of the success is written.
    pub async fn apply(
        &self,
        place: Place<'_>,
        epoch: i64,
        answered_at: Timestamp,
        changes: &Changes,
    ) -> Result<Written, Error> {
        self.pool
            .wait_out("writing stop lists", |mut client: Client| async move {
                let transaction = client.transaction().await?;
                let lock = transaction.prepare_cached(LOCK).await?;
                let now: i64 = transaction.query_one(&lock, &[&place.tenant, &place.organization]).await?.try_get(0)?;
                if now != epoch {
                    return Ok(Written::Overtaken);
                }
                let answered_at = Timestamptz(answered_at.0);
                if write(&transaction, place, answered_at, changes).await? == Written::Overtaken {
                    return Ok(Written::Overtaken);
                }
                let succeed = transaction.prepare_cached(SUCCEED).await?;
                transaction.execute(&succeed, &[&place.tenant, &place.organization, &answered_at]).await?;
                transaction.commit().await?;
                Ok(Written::Applied)
            })
            .await
    }

    /// Notes why a synchronisation failed. The lists stay.
    pub async fn fail(&self, place: Place<'_>, problem: &str) -> Result<(), Error> {
        let now = Timestamptz(Timestamp::now().0);
        self.pool
            .wait_out("noting a failure", |client| async move {
                let fail = client.prepare_cached(FAIL).await?;
                client.execute(&fail, &[&place.tenant, &place.organization, &problem, &now]).await?;
                Ok(())
            })
            .await
    }
}

const fn moment(time: Timestamptz) -> Timestamp {
    Timestamp(time.0)
}

fn stored(rows: &[Row]) -> Result<OrganizationStopLists, tokio_postgres::Error> {
    let mut lists = OrganizationStopLists::new();
    for row in rows {
        let list = lists.entry(row.try_get("terminal_group_id")?).or_default();
        // A group without items is one row of nulls.
        let Some(product_id) = row.try_get("product_id")? else { continue };
        let item = Item {
            balance: Decimal::from_unscaled(row.try_get("balance")?),
            sku: row.try_get("sku")?,
            added_at: row.try_get::<_, Option<Timestamptz>>("added_at")?.map(moment),
        };
        list.insert(ItemKey { product_id, size_id: row.try_get("size_id")? }, item);
    }
    Ok(lists)
}

/// Groups first, then items: one statement for each kind of change, and none for a kind that does not occur.
async fn write(
    transaction: &Transaction<'_>,
    place: Place<'_>,
    answered_at: Timestamptz,
    changes: &Changes,
) -> Result<Written, Error> {
    let Place { tenant, organization } = place;
    let changed: Vec<Uuid> = changes.keys().copied().collect();
    let (opened, raised): (Vec<_>, Vec<_>) = changes.iter().partition(|(_, change)| change.is_new);
    let groups = |part: Vec<(&Uuid, &GroupChanges)>| part.into_iter().map(|(id, _)| *id).collect::<Vec<Uuid>>();
    let (opened, raised) = (groups(opened), groups(raised));
    if !opened.is_empty() {
        run(transaction, OPEN_GROUPS, &[&tenant, &opened, &organization, &answered_at]).await?;
        run(transaction, CLEAR_GROUPS, &[&tenant, &opened]).await?;
    }
    if !raised.is_empty() {
        let ours = run(transaction, RAISE_GROUPS, &[&tenant, &raised, &organization, &answered_at]).await?;
        if ours < raised.len() as u64 {
            return Ok(Written::Overtaken);
        }
    }
    if !changed.is_empty() {
        run(transaction, MARK_DIRTY, &[&tenant, &changed]).await?;
    }
    let gone = Keys::of(changes.iter().flat_map(|(group, change)| change.removed.iter().map(|key| (*group, *key))));
    if !gone.groups.is_empty() {
        run(transaction, REMOVE_ITEMS, &[&tenant, &gone.groups, &gone.products, &gone.sizes]).await?;
    }
    let items = || {
        changes.iter().flat_map(|(group, change)| {
            change.inserted.iter().chain(&change.changed).map(|(key, item)| (*group, *key, item))
        })
    };
    let keys = Keys::of(items().map(|(group, key, _)| (group, key)));
    if !keys.groups.is_empty() {
        let balances: Vec<i64> = items().map(|(.., item)| item.balance.unscaled()).collect();
        let skus: Vec<Option<&str>> = items().map(|(.., item)| item.sku.as_deref()).collect();
        let added: Vec<_> = items().map(|(.., item)| item.added_at.map(|time| Timestamptz(time.0))).collect();
        let Keys { groups, products, sizes } = &keys;
        run(transaction, WRITE_ITEMS, &[&tenant, groups, products, sizes, &balances, &skus, &added]).await?;
    }
    Ok(Written::Applied)
}

/// Keys of items as columns.
#[derive(Default)]
struct Keys {
    groups: Vec<Uuid>,
    products: Vec<Uuid>,
    sizes: Vec<Option<Uuid>>,
}

impl Keys {
    fn of(keys: impl Iterator<Item = (Uuid, ItemKey)>) -> Self {
        let mut columns = Self::default();
        for (group, key) in keys {
            columns.groups.push(group);
            columns.products.push(key.product_id);
            columns.sizes.push(key.size_id);
        }
        columns
    }
}

/// Answers how many rows there were.
async fn run(transaction: &Transaction<'_>, text: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
    Ok(transaction.execute(&transaction.prepare_cached(text).await?, parameters).await?)
}

#[cfg(test)]
mod tests {
    use iiko::diff;

    use super::*;

    const A: Uuid = Uuid::from_u128(0xa);
    const B: Uuid = Uuid::from_u128(0xb);
    const GROUP: Uuid = Uuid::from_u128(1);

    /// The group's list with one item.
    fn answer(balance: i64) -> OrganizationStopLists {
        let item = Item { balance: Decimal::from_unscaled(balance), sku: None, added_at: None };
        let key = ItemKey { product_id: Uuid::from_u128(2), size_id: None };
        [(GROUP, [(key, item)].into())].into()
    }

    /// An answer for the old organisation is under way while the new one takes the group over.
    #[tokio::test]
    async fn a_group_that_has_moved_is_left_to_its_new_organisation() {
        let store = Store::new(provision::testing::tables().await);
        let [a, b] = [A, B].map(|organization| Place { tenant: "acme", organization });
        let named = [A, B].map(|id| Organization { id, name: id.to_string() });
        store.list("acme", &named).await.unwrap();
        let apply = async |place, answer: &OrganizationStopLists| {
            let changes = diff::diff(&store.lists(place).await.unwrap(), answer);
            let epoch = store.epoch(place).await.unwrap();
            store.apply(place, epoch, Timestamp(0), &changes).await.unwrap()
        };
        assert_eq!(apply(a, &answer(5)).await, Written::Applied);

        let late = diff::diff(&store.lists(a).await.unwrap(), &answer(4));
        let epoch = store.epoch(a).await.unwrap();
        assert_eq!(apply(b, &answer(3)).await, Written::Applied);
        assert_eq!(store.apply(a, epoch, Timestamp(0), &late).await.unwrap(), Written::Overtaken);

        assert_eq!(store.lists(b).await.unwrap(), answer(3));
        assert_eq!(store.lists(a).await.unwrap(), OrganizationStopLists::new());
        assert_eq!(store.epoch(a).await.unwrap(), epoch, "nothing of the late answer counts");
    }
}
