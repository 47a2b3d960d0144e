//! Who sends: the register that the token names, if the directory lets it.

use std::sync::Arc;

use canonical::{TokenKeys, key, source_token};
use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::{
    directory::{Directory, Entry, Known},
    problem::{Kind, Problem},
};

/// A register that may send.
#[derive(Debug, Clone)]
pub struct Sender {
    key: String,
    entry: Arc<Entry>,
}

impl Sender {
    /// The key of its records: `tenant/register`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its tenant and its own name. Both come from the token.
    #[must_use]
    pub fn tenant_and_register(&self) -> (&str, &str) {
        self.key.split_once('/').unwrap_or_default()
    }

    /// What the directory says of it.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Checks the token, and that it is the one of the register in the path.
    ///
    /// # Errors
    /// 401 for a token that is not ours, 403 for a register that may not send, 503 when nobody can tell.
    pub fn identify(
        keys: &TokenKeys,
        directory: &Directory,
        headers: &HeaderMap,
        register: &str,
    ) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(Kind::InvalidToken, detail);
        let token =
            bearer(headers).ok_or_else(|| invalid("Send the header `Authorization: Bearer <token>`.".to_owned()))?;
        let credential = keys.verify(token).map_err(|error| match source_token::read(token) {
            Some(_) => invalid("This is the token of a source: it sends to `/v1/documents`.".to_owned()),
            None => invalid(format!("{error}.")),
        })?;
        if credential.register != register {
            let detail = format!("The token is that of the register `{}`.", credential.register);
            return Err(Problem::new(Kind::ForeignRegister, detail));
        }
        let sender = Self::of(directory, key::register(credential.tenant, credential.register))?;
        let lowest = sender.entry.lowest_key_version;
        if credential.key_version < lowest {
            let detail =
                format!("Tokens of key version {lowest} are valid, this one is of {}.", credential.key_version);
            return Err(Problem::new(Kind::ReplacedToken, detail));
        }
        Ok(sender)
    }

    /// The register with the key `tenant/register`, for one who may send for it.
    ///
    /// # Errors
    /// 403 for a register that may not send, 503 when nobody can tell.
    pub fn of(directory: &Directory, key: String) -> Result<Self, Problem> {
        match directory.get(&key) {
            None => {
                let detail = format!(
                    "Keep the documents; the operator enrols it with `kassactl registers enrol {key}` and its shop, time zone and families."
                );
                Err(Problem::new(Kind::UnknownRegister, detail))
            }
            Some(Known::Unreadable) => Err(Problem::new(Kind::DirectoryUnreadable, "")),
            Some(Known::Entry(entry)) if !entry.active => {
                let detail = format!(
                    "Keep the documents; the operator takes it back with `kassactl registers reinstate {key}`."
                );
                Err(Problem::new(Kind::RevokedRegister, detail))
            }
            Some(Known::Entry(entry)) => Ok(Self { key, entry }),
        }
    }
}

/// The token of the header `Authorization`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use schemas::directory::{DirectoryEntry, RegisterStatus};

    use super::*;

    fn keys() -> TokenKeys {
        TokenKeys::parse(&format!("1:{},2:{}", "ab".repeat(32), "cd".repeat(32))).unwrap()
    }

    fn directory(status: RegisterStatus, lowest_key_version: i32) -> Directory {
        let entry = DirectoryEntry { status, lowest_key_version, ..Default::default() };
        Directory::from_iter([("acme/till-7", Known::Entry(Arc::new(Entry::from((entry, 0)))))])
    }

    fn identify(directory: &Directory, header: Option<&str>, register: &str) -> Result<Sender, Kind> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        Sender::identify(&keys(), directory, &headers, register).map_err(|problem| problem.kind())
    }

    fn token(register: &str, version: i32) -> String {
        format!("Bearer {}", keys().issue("acme", register, version).unwrap())
    }

    #[test]
    fn an_enrolled_register_may_send() {
        let sender = identify(&directory(RegisterStatus::Active, 1), Some(&token("till-7", 1)), "till-7").unwrap();
        assert_eq!((sender.key(), sender.tenant_and_register()), ("acme/till-7", ("acme", "till-7")));
    }

    #[test]
    fn a_missing_or_forged_token_is_not_ours() {
        let directory = directory(RegisterStatus::Active, 1);
        let forged = token("till-7", 1).replace("acme", "acm3");
        for header in [None, Some("Bearer"), Some("Basic dGlsbA=="), Some("Bearer nonsense"), Some(&*forged)] {
            assert_eq!(identify(&directory, header, "till-7").unwrap_err(), Kind::InvalidToken, "{header:?}");
        }
    }

    #[test]
    fn a_valid_token_is_not_enough() {
        let active = directory(RegisterStatus::Active, 2);
        assert_eq!(identify(&active, Some(&token("till-7", 1)), "till-7").unwrap_err(), Kind::ReplacedToken);
        assert_eq!(identify(&active, Some(&token("till-7", 2)), "till-8").unwrap_err(), Kind::ForeignRegister);
        assert_eq!(identify(&active, Some(&token("till-8", 2)), "till-8").unwrap_err(), Kind::UnknownRegister);
        let revoked = directory(RegisterStatus::Revoked, 1);
        assert_eq!(identify(&revoked, Some(&token("till-7", 1)), "till-7").unwrap_err(), Kind::RevokedRegister);
        let unreadable = Directory::from_iter([("acme/till-7", Known::Unreadable)]);
        assert_eq!(identify(&unreadable, Some(&token("till-7", 1)), "till-7").unwrap_err(), Kind::DirectoryUnreadable);
    }
}
