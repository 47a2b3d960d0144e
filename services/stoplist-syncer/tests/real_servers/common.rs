//! A fake iiko, a database of one's own, and what both say.

use std::{collections::BTreeMap, time::Duration};

use ::service::settings::{self, Postgres};
use fake_iiko::{FakeIiko, ListedItem, Scenario};
use iiko::{Client, Login as Credentials, Options, Transport};
use postgres::{Pool, Timestamptz};
use stoplist_syncer::{Login, Round, Synchronizer, settings::StopLists};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a test waits for what has to come.
pub const BOUND: Duration = Duration::from_secs(60);
pub const TENANT: &str = "acme";

/// Stop lists of all groups, items sorted.
pub type Lists = BTreeMap<Uuid, Vec<ListedItem>>;

/// What iiko would answer now.
pub fn truth(fake: &FakeIiko) -> Lists {
    fake.stop_lists().into_values().flatten().collect()
}

/// A group's list without the items.
pub fn emptied(lists: &Lists) -> Lists {
    lists.keys().map(|group| (*group, Vec::new())).collect()
}

pub struct Database {
    pub pool: Pool,
}

impl Database {
    pub async fn new() -> Self {
        Self::at(local_servers::testing::postgres_database(&local_servers::testing::endpoints()).await).await
    }

    pub async fn at(url: String) -> Self {
        provision::db_migrate(&url).await.unwrap();
        let settings = Postgres { url, ..settings::defaults().unwrap() };
        Self { pool: Pool::new(&settings).unwrap() }
    }

    /// What is stored, read without the service's own code, in one statement.
    pub async fn lists(&self, tenant: &str) -> Lists {
        let client = self.pool.get().await.unwrap();
        let text = "SELECT g.terminal_group_id, i.product_id, i.size_id, (i.balance * 1e6)::bigint, i.sku, i.added_at
                      FROM stop_list_groups g LEFT JOIN stop_list_items i USING (tenant, terminal_group_id)
                     WHERE tenant = $1 ORDER BY 1, 2, 3 NULLS FIRST";
        let mut lists = Lists::new();
        for row in client.query(text, &[&tenant]).await.unwrap() {
            let list = lists.entry(row.get(0)).or_default();
            let Some(product_id) = row.get(1) else { continue };
            list.push(ListedItem {
                product_id,
                size_id: row.get(2),
                balance_millionths: row.get(3),
                sku: row.get(4),
                added_at_millis: row.get::<_, Option<Timestamptz>>(5).map(|time| time.0 / 1000),
            });
        }
        lists
    }

    /// The last error of each organisation.
    pub async fn errors(&self) -> Vec<Option<String>> {
        self.column("SELECT last_error FROM iiko_organizations ORDER BY tenant, organization_id").await
    }

    /// Of one column, all rows.
    pub async fn column<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, text: &str) -> Vec<T> {
        let rows = self.pool.get().await.unwrap().query(text, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// Settings of a synchronisation that nobody has to wait for.
pub fn quick() -> StopLists {
    StopLists {
        confirm_after_seconds: 0,
        startup_spread_seconds: 0,
        period_seconds: 1,
        ..settings::defaults().unwrap()
    }
}

/// One replica with one login.
pub struct Replica {
    pub synchronizer: Synchronizer,
    pub login: Login,
    pub metrics: prometheus::Registry,
    pub shutdown: CancellationToken,
}

impl Replica {
    pub fn new(fake: &FakeIiko, database: &Database, settings: &StopLists) -> Self {
        Self::of(fake, database, settings, TENANT, "demo-login")
    }

    pub fn of(fake: &FakeIiko, database: &Database, settings: &StopLists, tenant: &str, word: &str) -> Self {
        let options = Options {
            base_url: fake.base_url(),
            connect_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(1),
            deadline: Duration::from_secs(2),
            attempts: 2,
            first_pause: Duration::from_millis(5),
            ..Options::default()
        };
        let client = Client::new(Transport::new(&options).unwrap(), Credentials::ApiLogin(word.to_owned()));
        let metrics = prometheus::Registry::new();
        let waker = relay::Waker::default();
        Self {
            synchronizer: Synchronizer::new(settings, database.pool.clone(), waker, &metrics).unwrap(),
            login: Login::new(0, tenant.to_owned(), client),
            metrics,
            shutdown: CancellationToken::new(),
        }
    }

    pub async fn round(&mut self) -> Round {
        let round = self.login.round(&self.synchronizer, &self.shutdown);
        tokio::time::timeout(BOUND, round).await.expect("a round ends").unwrap()
    }
}

pub async fn fake(organizations: usize, groups: usize, items: usize) -> FakeIiko {
    FakeIiko::start(Scenario { organizations, groups, items, ..Scenario::default() }).await.unwrap()
}
