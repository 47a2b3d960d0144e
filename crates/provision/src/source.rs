//! Sources: whoever sends for many registers of a tenant, such as a vendor's cloud or a back office.

use std::fmt;

use canonical::source_token;
use schemas::directory::{EntryKind, RegisterStatus};

use crate::{
    Change, Entry, Error, Installation, directory,
    enrolment::{family_problems, id_problems},
};

/// So many tokens of a source are valid: the newest, and the one that it replaces.
const VALID_TOKENS: usize = 2;

/// Names a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceId {
    /// Whose it is.
    pub tenant: String,
    /// Its name, unique among the tenant's sources.
    pub source: String,
}

/// A source that was added, or got a new token.
#[derive(Clone, PartialEq)]
pub struct Added {
    /// Its entry in the directory.
    pub entry: Entry,
    /// What it authenticates itself with; a secret that nobody can show again.
    pub token: String,
}

impl fmt::Debug for Added {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Added").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl Installation {
    /// Makes a source known, or one known again that was revoked, and gives it a token.
    ///
    /// # Errors
    /// [`Error::Rejected`] with every reason, if nothing can be written; see [`Error`] for the rest.
    pub async fn sources_add(&self, source: SourceId, families: Vec<String>) -> Result<Added, Error> {
        let token = new_token(&source)?;
        let change = Change::AddSource { secret_hash: source_token::hash(&token), source, families };
        self.give(change, token).await
    }

    /// Gives a source a new token; the one before it stays valid until the next time.
    ///
    /// # Errors
    /// As [`Installation::sources_add`].
    pub async fn sources_rotate(&self, source: SourceId) -> Result<Added, Error> {
        let token = new_token(&source)?;
        let change = Change::RotateSource { secret_hash: source_token::hash(&token), source };
        self.give(change, token).await
    }

    /// Refuses everything that the source sends from now on.
    ///
    /// # Errors
    /// As [`Installation::sources_add`].
    pub async fn sources_revoke(&self, source: SourceId) -> Result<Vec<Entry>, Error> {
        self.registers_change(&[Change::RevokeSource { source }]).await
    }

    /// Every source of the directory, by tenant and name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sources_list(&self) -> Result<Vec<Entry>, Error> {
        directory::list(self, |kind| kind == EntryKind::Source).await
    }

    async fn give(&self, change: Change, token: String) -> Result<Added, Error> {
        let mut entries = self.registers_change(&[change]).await?;
        let entry = entries.pop().ok_or(Error::Interrupted)?;
        Ok(Added { entry, token })
    }
}

fn new_token(source: &SourceId) -> Result<String, Error> {
    source_token::issue(&source.tenant, &source.source).map_err(|error| Error::Rejected(vec![error.to_string()]))
}

pub(crate) fn added(
    before: Option<&Entry>,
    source: &SourceId,
    families: &[String],
    secret_hash: &str,
) -> Result<Entry, Vec<String>> {
    let mut problems = family_problems(families);
    problems.extend(id_problems([("tenant", &source.tenant), ("source", &source.source)]));
    if before.is_some_and(|before| before.status == RegisterStatus::Active) {
        problems.push("it is there already; `kassactl sources rotate` gives it a new token".to_owned());
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Entry {
        tenant: source.tenant.clone().into(),
        register: source.source.clone().into(),
        families: families.iter().map(|family| family.clone().into()).collect(),
        status: RegisterStatus::Active,
        kind: EntryKind::Source,
        secret_hashes: vec![secret_hash.to_owned().into()],
        ..Entry::default()
    })
}

pub(crate) fn rotated(before: Option<&Entry>, secret_hash: &str) -> Result<Entry, Vec<String>> {
    let mut entry = active(before)?;
    entry.secret_hashes.push(secret_hash.to_owned().into());
    let replaced = entry.secret_hashes.len().saturating_sub(VALID_TOKENS);
    entry.secret_hashes.drain(..replaced);
    Ok(entry)
}

pub(crate) fn revoked(before: Option<&Entry>) -> Result<Entry, Vec<String>> {
    let entry = active(before)?;
    Ok(Entry { status: RegisterStatus::Revoked, secret_hashes: Vec::new(), ..entry })
}

fn active(before: Option<&Entry>) -> Result<Entry, Vec<String>> {
    let before = before.filter(|before| before.status == RegisterStatus::Active);
    before
        .cloned()
        .ok_or_else(|| vec!["there is no such source; `kassactl sources list` shows those there are".to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> SourceId {
        SourceId { tenant: "acme".into(), source: "evotor".into() }
    }

    fn add(hash: &str, before: Option<&Entry>) -> Result<Entry, Vec<String>> {
        added(before, &id(), &["evotor".to_owned()], hash)
    }

    #[test]
    fn the_token_before_the_newest_stays_valid_until_the_next_one() {
        let mut entry = add("1", None).unwrap();
        assert_eq!((entry.kind, entry.status), (EntryKind::Source, RegisterStatus::Active));
        for (hash, valid) in [("2", ["1", "2"]), ("3", ["2", "3"])] {
            entry = rotated(Some(&entry), hash).unwrap();
            assert_eq!(entry.secret_hashes, valid);
        }
    }

    #[test]
    fn a_revoked_source_has_no_token_until_it_is_added_again() {
        let entry = revoked(Some(&add("1", None).unwrap())).unwrap();
        assert_eq!((entry.status, entry.secret_hashes.len()), (RegisterStatus::Revoked, 0));
        assert!(rotated(Some(&entry), "2").is_err());
        assert!(revoked(Some(&entry)).is_err());
        assert_eq!(add("2", Some(&entry)).unwrap().secret_hashes, ["2"]);
    }

    #[test]
    fn only_what_can_be_is_added() {
        let there = add("1", None).unwrap();
        assert!(add("2", Some(&there)).unwrap_err()[0].contains("sources rotate"));
        let bad = SourceId { tenant: "Acme".into(), source: "a/b".into() };
        assert_eq!(added(None, &bad, &[], "1").unwrap_err().len(), 3);
    }
}
