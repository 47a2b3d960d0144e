//! PostgreSQL as the services use it: a bounded pool, errors sorted by what the caller does next,
//! waiting out an outage, and the migrations.
//!
//! ```no_run
//! # async fn example(settings: &service::settings::Postgres) -> Result<(), postgres::Error> {
//! let pool = postgres::Pool::new(settings)?;
//! let products = pool
//!     .wait_out("counting products", async |client| {
//!         let row = client.query_one("SELECT count(*) FROM products", &[]).await?;
//!         Ok(row.get::<_, i64>(0))
//!     })
//!     .await?;
//! # drop(products);
//! # Ok(())
//! # }
//! ```

mod error;
mod migrations;
mod pool;
mod session;
mod timestamp;

pub use deadpool_postgres::Client;
pub use error::Error;
pub use migrations::{MigrationError, migrate};
pub use pool::Pool;
pub use session::{Session, check};
pub use timestamp::Timestamptz;
