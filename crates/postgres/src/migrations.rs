use crate::{Error, Session, session};

mod embedded {
    refinery::embed_migrations!("../../schemas/postgres");
}

/// Why the tables could not be brought up to date. What was applied before stays applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database cannot be reached, or refuses.
    #[error(transparent)]
    Database(#[from] Error),
    /// A migration failed and was taken back, or the database was migrated with other files than these.
    #[error("migrating the database: {0}")]
    Migration(#[from] refinery::Error),
}

/// The session that migrates holds this lock; the number is arbitrary and must never change.
const LOCK: i64 = 0x6b61_7373_615f_6462;

/// Applies the migrations of `schemas/postgres` that the database has not seen, each in a transaction
/// of its own, and answers their names. Of several runs at the same time one works and the others wait.
///
/// # Errors
/// See [`MigrationError`].
pub async fn migrate(url: &str) -> Result<Vec<String>, MigrationError> {
    // No limit on statements: a migration may rebuild a large table, or wait for another one that does.
    let mut session = Session::open(&session::unbounded(url)?).await?;
    session.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.map_err(Error::from)?;
    // The end of the session gives the lock back.
    let report = embedded::migrations::runner().run_async(&mut *session).await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/postgres");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".sql", ""))
            .collect();
        let embedded: BTreeSet<String> =
            super::embedded::migrations::runner().get_migrations().iter().map(ToString::to_string).collect();
        assert!(files.contains("V1__products"), "{files:?}");
        assert_eq!(embedded, files);
    }

    #[test]
    fn versions_are_numbered_without_holes() {
        let runner = super::embedded::migrations::runner();
        let mut versions: Vec<_> = runner.get_migrations().iter().map(|m| i64::from(m.version())).collect();
        versions.sort_unstable();
        assert_eq!(versions, (1..=versions.len() as i64).collect::<Vec<_>>());
    }
}
