use kafka::{admin::AdminError, client::ClientError, reader::ReadError};
use schemas::registry::{RegistryError, ResolveError};

/// Why a step was not done; the variants are the caller's choices.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The changes break a rule: nothing was written. Correct them.
    #[error("nothing was written:\n{}", .0.join("\n"))]
    Rejected(Vec<String>),
    /// Others kept writing the directory at the same time: nothing was written. Try again.
    #[error("nothing was written: others are writing the directory of registers; try again")]
    Contended,
    /// The directory could not be written. It is unknown whether the changes are there; making them again does
    /// no harm.
    #[error("the directory of registers cannot be written ({0}): do it again, that does no harm")]
    Unwritten(rdkafka::error::KafkaError),
    /// The directory cannot be read: try again when the cluster is well.
    #[error("the directory of registers: {0}")]
    Unread(#[from] ReadError),
    /// A record of the directory cannot be understood: nothing may be written before somebody has looked at it.
    #[error("the record at offset {offset} of the directory of registers cannot be read: {problem}")]
    Unreadable {
        /// Where it is.
        offset: i64,
        /// What is wrong with it.
        problem: String,
    },
    /// The directory's end did not come in time: try again when the cluster is well.
    #[error("the directory of registers was not read within {0} s")]
    Slow(u64),
    /// Kafka refuses, or topics differ from the catalogue.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The client settings are unusable.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The schema registry is away or refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A schema that a record was written with is not to be had: try again.
    #[error(transparent)]
    Schema(#[from] ResolveError),
    /// The program is ending.
    #[error("interrupted")]
    Interrupted,
}
