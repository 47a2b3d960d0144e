//! Rows in the databases, as cheaply as they can be counted.

use mongodb::{
    Client as MongoClient, Database,
    bson::{Document, RawDocumentBuf},
};
use tokio_postgres::{Client, NoTls};

use crate::demo::stage::{DATABASE, Stage};

/// Rows that were inserted, by the server's own statistics; none are deleted.
const ROWS: &str = "SELECT \
    coalesce((SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'products'), 0), \
    coalesce((SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'observed_prices'), 0)";
/// Rows that the relays have not published.
const UNPUBLISHED: &str = "SELECT \
    (SELECT count(*) FROM products_dirty) + (SELECT count(*) FROM stop_list_groups_dirty)";

/// How many rows there are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rows {
    /// Receipts in MongoDB, estimated.
    pub receipts: u64,
    /// Shift reports in MongoDB, estimated.
    pub shifts: u64,
    /// Products in PostgreSQL, estimated.
    pub products: i64,
    /// Prices in PostgreSQL, estimated.
    pub prices: i64,
}

/// Connections to both databases, beside those of the services.
#[derive(Debug)]
pub struct Databases {
    /// MongoDB.
    pub mongo: Database,
    /// PostgreSQL.
    pub postgres: Client,
}

impl Databases {
    /// Opens the connections.
    ///
    /// # Errors
    /// When a database cannot be reached.
    pub async fn open(stage: &Stage) -> anyhow::Result<Self> {
        let mongo = MongoClient::with_uri_str(&stage.endpoints.mongodb).await?.database(DATABASE);
        Ok(Self { mongo, postgres: postgres(&stage.endpoints.postgres).await? })
    }

    /// The collection of receipts.
    #[must_use]
    pub fn receipts(&self) -> mongodb::Collection<RawDocumentBuf> {
        self.mongo.collection("receipts")
    }

    /// Counts the rows.
    ///
    /// # Errors
    /// When a database cannot be read.
    pub async fn rows(&self) -> anyhow::Result<Rows> {
        let row = self.postgres.query_one(ROWS, &[]).await?;
        Ok(Rows {
            receipts: self.mongo.collection::<Document>("receipts").estimated_document_count().await?,
            shifts: self.mongo.collection::<Document>("shifts").estimated_document_count().await?,
            products: row.try_get(0)?,
            prices: row.try_get(1)?,
        })
    }

    /// How many rows wait to be published.
    ///
    /// # Errors
    /// When PostgreSQL cannot be read.
    pub async fn unpublished(&self) -> anyhow::Result<i64> {
        Ok(self.postgres.query_one(UNPUBLISHED, &[]).await?.try_get(0)?)
    }
}

/// A connection to PostgreSQL, served in the background until it is dropped.
///
/// # Errors
/// When PostgreSQL cannot be reached.
pub async fn postgres(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // A connection that breaks shows itself in the next query.
    tokio::spawn(async move { connection.await.unwrap_or_default() });
    Ok(client)
}
