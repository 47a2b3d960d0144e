//! Who sends for many registers: the source that the token names, if the directory lets it.

use std::sync::Arc;

use canonical::{key, source_token};

use crate::{
    directory::{Directory, Entry, Known},
    problem::{Kind, Problem},
};

/// A source that may send: a vendor's cloud or a back office of one tenant.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its tenant, from the token.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// What the directory says of it.
    pub entry: Arc<Entry>,
}

impl Source {
    /// Checks a token.
    ///
    /// # Errors
    /// 401 for a token that is none of the directory's, 503 when nobody can tell.
    pub fn identify(directory: &Directory, token: Option<&str>) -> Result<Self, Problem> {
        let invalid = |detail: &str| Problem::new(Kind::InvalidToken, detail);
        let token = token.ok_or_else(|| invalid("Send the header `Authorization: Bearer <token of a source>`."))?;
        let claim = source_token::read(token)
            .ok_or_else(|| invalid("not the token of a source; `kassactl sources add` makes one."))?;
        match directory.get(&key::source(claim.tenant, claim.source)) {
            Some(Known::Unreadable) => Err(Problem::new(Kind::DirectoryUnreadable, "")),
            Some(Known::Entry(entry))
                if entry.active && source_token::is_known(token, entry.secret_hashes.iter().map(|hash| &**hash)) =>
            {
                Ok(Self { tenant: claim.tenant.to_owned(), name: claim.source.to_owned(), entry })
            }
            _ => Err(invalid("the token is not in use; `kassactl sources list` shows the sources that are.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::directory::{DirectoryEntry, EntryKind, RegisterStatus};

    use super::*;

    fn directory(status: RegisterStatus, token: &str) -> Directory {
        let secret_hashes = vec![source_token::hash(token).into()];
        let entry = DirectoryEntry { status, kind: EntryKind::Source, secret_hashes, ..Default::default() };
        Directory::from_iter([("acme/source/evotor", Known::Entry(Arc::new(Entry::from((entry, 0)))))])
    }

    fn identify(directory: &Directory, token: Option<&str>) -> Result<String, Kind> {
        Source::identify(directory, token).map(|source| source.tenant).map_err(|problem| problem.kind())
    }

    #[test]
    fn only_a_token_that_the_directory_knows_lets_in() {
        let token = source_token::issue("acme", "evotor").unwrap();
        let active = directory(RegisterStatus::Active, &token);
        assert_eq!(identify(&active, Some(&token)), Ok("acme".to_owned()));
        let forged = source_token::issue("acme", "evotor").unwrap();
        let foreign = token.replace("acme", "other");
        for token in [None, Some("nonsense"), Some("kf1.acme.evotor.1.x"), Some(&*forged), Some(&*foreign)] {
            assert_eq!(identify(&active, token), Err(Kind::InvalidToken), "{token:?}");
        }
        let revoked = directory(RegisterStatus::Revoked, &token);
        assert_eq!(identify(&revoked, Some(&token)), Err(Kind::InvalidToken));
        let unreadable = Directory::from_iter([("acme/source/evotor", Known::Unreadable)]);
        assert_eq!(identify(&unreadable, Some(&token)), Err(Kind::DirectoryUnreadable));
    }
}
