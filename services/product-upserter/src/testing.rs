//! For the unit tests that need the tables.

use local_servers::testing;
use postgres::Pool;

/// Connections to a new database with the tables of `schemas/postgres`.
pub(crate) async fn tables() -> Pool {
    let mut settings: service::settings::Postgres = service::settings::defaults().unwrap();
    settings.url = testing::postgres_database(&testing::endpoints()).await;
    settings.connections = 8;
    postgres::migrate(&settings.url).await.unwrap();
    Pool::new(&settings).unwrap()
}
