//! The check: what became of the fleet's documents, against the fleet's own ledger.
//!
//! It reads the stores with public clients and judges by the fleet's truth alone; nothing of the hub's code is
//! in it.

pub mod findings;
pub mod index;
pub mod mongo;
pub mod postgres;
pub mod stop_lists;
pub mod topics;

pub use findings::{Findings, Mistakes};

/// Why the check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// MongoDB cannot be read.
    #[error("MongoDB cannot be read: {0}")]
    Mongo(#[from] mongodb::error::Error),
    /// PostgreSQL cannot be read.
    #[error("PostgreSQL cannot be read: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// The Python reader failed.
    #[error("the Python reader failed: {0}")]
    Python(String),
    /// The Python reader cannot be started, or its files cannot be read.
    #[error("the Python reader or its files: {0}")]
    Files(std::io::Error),
}
