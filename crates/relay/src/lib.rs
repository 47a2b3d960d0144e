//! Publishes rows of PostgreSQL to a compacted topic, from the rows themselves.
//!
//! A table that is published has a column `version`, raised by every change of a published column. Beside
//! it stands a narrow table of the rows that are dirty, with their versions: whoever changes a row notes it
//! there in the same transaction, and only the relay takes it away. One relay at a time
//!
//! 1. takes an advisory lock that its database session holds, so that others wait;
//! 2. calls `init_transactions` under a fixed transactional id, so that a relay that has lost its lock
//!    without noticing is fenced: what it began can never be committed any more;
//! 3. reads dirty rows, each with all that belongs to it in one statement, publishes them in one
//!    transaction, and after the commit deletes those notes that do not tell of a newer version. It goes
//!    through the notes from the first key to the last, batch by batch, and then from the first again: so
//!    every row gets its turn, also while those before it change without end.
//!
//! Notes in a table of their own, not a column and a partial index: an update of a column that an index
//! looks at writes into every index of the table, and each row would be updated twice.
//!
//! So the topic's newest record of a key is never older than one that a reader saw before, a change is
//! never lost, and a crash between commit and mark repeats a record at worst.
//!
//! While PostgreSQL or Kafka is away the relay waits. After any error of a transaction, whether it
//! says that the transaction failed or only that nobody knows, the producer is dropped and everything
//! starts over from the lock: a late request of the old producer then meets a newer epoch.
//!
//! **Rows that do not fit into a record** are skipped: logged as an error, counted, and marked as
//! published. The topic keeps the row's last state that did fit, and the next change of the row is
//! tried again. Left dirty, a few of them would fill every batch and nothing else would be published.

mod meters;
mod relay;
mod transactions;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_postgres::Row;

pub use relay::{Relay, RelayError};

/// What a table needs to be published.
pub trait Published: Send + Sync + 'static {
    /// The compacted topic, without prefix. It names the lock and the transactional id, too.
    const TOPIC: &'static str;

    /// Reads the first `$1` (bigint) dirty rows behind the row of `$2` (text, tenant) and `$3` (text, id) in the order
    /// of these, each with all that belongs to it, in one statement. Before the first row both are empty.
    ///
    /// The planner knows nothing of a table that is full now and empty in a second. So the rows are limited first, in a
    /// subquery, and what belongs to them comes from lateral parts with an `OFFSET 0`, which are joined row by row
    /// through the key and in no other way.
    const READ: &'static str;

    /// Deletes the notes of the rows in the arrays `$1` (text, tenants) and `$2` (text, ids) whose
    /// version is not above that of `$3` (bigint, the versions sent), also if it is just being raised.
    const MARK: &'static str;

    /// Turns a row of [`Published::READ`] into a record.
    ///
    /// # Errors
    /// When the row has other columns than expected, a mistake in the program.
    fn record(&self, row: &Row) -> Result<Outgoing, tokio_postgres::Error>;
}

/// One dirty row and the record that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Tenant of the row.
    pub tenant: String,
    /// Its id within the tenant, as [`Published::MARK`] finds it.
    pub id: String,
    /// Its version when it was read.
    pub version: i64,
    /// Key of the record.
    pub key: String,
    /// Value of the record, in the wire format.
    pub payload: Vec<u8>,
}

/// Tells a relay that rows were written, so that they need not wait for its next look.
#[derive(Debug, Clone, Default)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// There may be dirty rows. Costs nothing and never waits; many calls are as good as one.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn called(&self) {
        self.0.notified().await;
    }
}
