//! What makes an installation ready for work: topics, schemas, tables, and the directory of registers.
//!
//! `kassactl`, the tests and the demo do it through this crate, so that all of them do the same. Every step can be
//! repeated: what is there already stays as it is.
//!
//! ```no_run
//! # async fn example(settings: &service::settings::Kafka) -> Result<(), Box<dyn std::error::Error>> {
//! use provision::{Enrolment, Installation};
//!
//! let installation = Installation::new(settings)?;
//! installation.topics_apply(&schemas::catalogue::Catalogue::load()?, 1).await?;
//! installation.schemas_apply().await?;
//! let till = Enrolment {
//!     tenant: "acme".into(),
//!     register: "till-7".into(),
//!     shop: "shop-1".into(),
//!     time_zone: "Europe/Moscow".into(),
//!     families: vec!["dreamkas".into()],
//!     ..Enrolment::default()
//! };
//! let keys = canonical::TokenKeys::parse("1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")?;
//! let enrolled = installation.registers_enrol(&keys, &[till], None).await?;
//! println!("{}", enrolled[0].token);
//! # Ok(())
//! # }
//! ```

mod change;
mod directory;
mod enrolment;
mod error;
pub mod rows;
mod source;
pub mod testing;

use std::fmt;

use canonical::TokenKeys;
use kafka::{
    Client,
    admin::{self, Applied},
};
use schemas::directory::EntryKind;
use schemas::{
    TOPIC_SCHEMAS,
    catalogue::Catalogue,
    registry::{Registry, SchemaIds},
};
use tokio::runtime::Handle;

pub use change::{Change, Entry};
pub use enrolment::{Enrolment, is_time_zone};
pub use error::Error;
pub use postgres::{MigrationError, migrate as db_migrate};
pub use source::{Added, SourceId};

/// One installation: its cluster, its registry and its prefix. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Installation {
    client: Client,
    registry: Registry,
}

/// A register that was enrolled.
#[derive(Clone, PartialEq)]
pub struct Enrolled {
    /// Its entry in the directory.
    pub entry: Entry,
    /// What it authenticates itself with; a secret.
    pub token: String,
}

impl fmt::Debug for Enrolled {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolled").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl Installation {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Client`] or [`Error::Registry`] when the settings are unusable.
    pub fn new(settings: &service::settings::Kafka) -> Result<Self, Error> {
        Ok(Self {
            client: Client::new(settings)?,
            registry: Registry::new(&settings.registry_url, &settings.topic_prefix)?,
        })
    }

    /// The settings of Kafka clients.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The schema registry.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Creates the missing topics of the catalogue with `replication` copies of each partition, and commits the
    /// beginning for every group that has no offset.
    ///
    /// # Errors
    /// [`Error::Admin`] when the brokers refuse, or when a topic exists with another number of partitions.
    pub async fn topics_apply(&self, catalogue: &Catalogue, replication: i32) -> Result<Vec<Applied>, Error> {
        Ok(admin::apply_topics(&self.client, catalogue, replication).await?)
    }

    /// Registers every version of every topic's schema. The answer names each topic (without prefix) and its ids.
    ///
    /// # Errors
    /// [`Error::Registry`] when the registry is away, or refuses a version, for example as incompatible.
    pub async fn schemas_apply(&self) -> Result<Vec<(&'static str, SchemaIds)>, Error> {
        let mut applied = Vec::with_capacity(TOPIC_SCHEMAS.len());
        for schema in TOPIC_SCHEMAS {
            applied.push((schema.topic, self.registry.apply(schema).await?));
        }
        Ok(applied)
    }

    /// Enrols registers: all of them, or none when one of them cannot be. A register that is enrolled already
    /// gets the new shop, time zone and families, and the same token again.
    ///
    /// `lowest_key_version` makes tokens of lower key versions invalid; `None` leaves that as it is, and starts new
    /// registers with the newest key version.
    ///
    /// # Errors
    /// [`Error::Rejected`] with every reason, if nothing can be written; see [`Error`] for the rest.
    pub async fn registers_enrol(
        &self,
        keys: &TokenKeys,
        enrolments: &[Enrolment],
        lowest_key_version: Option<i32>,
    ) -> Result<Vec<Enrolled>, Error> {
        let key_version = keys.newest_version();
        let changes: Vec<Change> = enrolments
            .iter()
            .map(|enrolment| Change::Enrol { enrolment: enrolment.clone(), key_version, lowest_key_version })
            .collect();
        let entries = self.registers_change(&changes).await?;
        entries.into_iter().map(|entry| enrolled(keys, entry)).collect()
    }

    /// Writes changes to the directory, all of them or none, and returns the entries that they lead to, in the
    /// same order, once every reader can see them. A writer that comes in between makes this one start over, so
    /// that neither loses what the other wrote.
    ///
    /// # Errors
    /// [`Error::Rejected`] with every reason, if nothing can be written; see [`Error`] for the rest.
    pub async fn registers_change(&self, changes: &[Change]) -> Result<Vec<Entry>, Error> {
        directory::change(self, changes).await
    }

    /// Every register of the directory, by tenant and register.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn registers_list(&self) -> Result<Vec<Entry>, Error> {
        directory::list(self, |kind| kind != EntryKind::Source).await
    }
}

/// Runs what blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce(Handle) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let runtime = Handle::current();
    match tokio::task::spawn_blocking(move || work(runtime)).await {
        Ok(result) => result,
        Err(_) => Err(Error::Interrupted),
    }
}

fn enrolled(keys: &TokenKeys, entry: Entry) -> Result<Enrolled, Error> {
    let token = keys
        .issue(&entry.tenant, &entry.register, keys.newest_version())
        .map_err(|error| Error::Rejected(vec![error.to_string()]))?;
    Ok(Enrolled { entry, token })
}
