//! Tokens of registers: verified with a key, without a database.
//!
//! `kf1.<tenant>.<register>.<key version>.<mac>`, where the MAC is the first 16 bytes of
//! HMAC-SHA256 over all that stands before the last point, in base64url without padding. The
//! directory names the lowest valid key version of a register and so revokes older tokens.

use std::fmt;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::ids::is_id;

const SCHEME: &str = "kf1";
const MAC_BYTES: usize = 16;
const MIN_KEY_BYTES: usize = 32;

/// The secret keys, by version.
#[derive(Clone)]
pub struct TokenKeys(Vec<(i32, hmac::Key)>);

impl fmt::Debug for TokenKeys {
    /// Names the versions, never a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<i32> = self.0.iter().map(|(version, _)| *version).collect();
        f.debug_struct("TokenKeys").field("versions", &versions).finish_non_exhaustive()
    }
}

/// Why a list of keys cannot be used. No variant holds any part of a key. The service must not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenKeysError {
    /// The setting is empty.
    #[error("no token key is given: expected VERSION:HEX, separated by commas")]
    Empty,
    /// An entry is not `VERSION:HEX`.
    #[error("token key {entry} of the list is not VERSION:HEX with a version from 1 to 2147483647")]
    Malformed {
        /// Which entry, from 1.
        entry: usize,
    },
    /// A key is too short to be secret.
    #[error("token key of version {version} has {bytes} bytes: at least 32 are needed")]
    TooShort {
        /// Its version.
        version: i32,
        /// Its length.
        bytes: usize,
    },
    /// Two keys claim one version.
    #[error("token key of version {version} is given twice")]
    Repeated {
        /// The version.
        version: i32,
    },
}

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The tenant: from here, never from a body.
    pub tenant: &'a str,
    /// The register.
    pub register: &'a str,
    /// Version of the key that the token was made with.
    pub key_version: i32,
}

/// Why a token is refused. The answer to the client is the same for all: 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not have the form of a token.
    #[error("not a register token")]
    Malformed,
    /// It was made with a key that is not (or no longer) in use.
    #[error("the token's key version is not in use")]
    UnknownKey,
    /// Its MAC is not right.
    #[error("the token's signature is wrong")]
    WrongMac,
}

/// Why no token can be issued. The caller asked for something that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// Tenant or register does not have the form of an id.
    #[error("{0:?} is no id: a-z, 0-9 and -, at most 63 characters, not beginning with -")]
    BadId(String),
    /// There is no key of that version.
    #[error("there is no token key of version {0}")]
    UnknownKey(i32),
}

impl TokenKeys {
    /// Reads a secret setting: `1:<hex>,2:<hex>`, each key of at least 32 bytes.
    ///
    /// # Errors
    /// When the list is empty or an entry is malformed, too short or repeated.
    pub fn parse(setting: &str) -> Result<Self, TokenKeysError> {
        let mut keys: Vec<(i32, hmac::Key)> = Vec::new();
        for (index, entry) in setting.split(',').map(str::trim).enumerate() {
            if entry.is_empty() && setting.trim().is_empty() {
                return Err(TokenKeysError::Empty);
            }
            let malformed = TokenKeysError::Malformed { entry: index + 1 };
            let (version, hex) = entry.split_once(':').ok_or(malformed.clone())?;
            let version = parse_version(version.trim()).ok_or(malformed.clone())?;
            let key = bytes_of_hex(hex.trim()).ok_or(malformed)?;
            if key.len() < MIN_KEY_BYTES {
                return Err(TokenKeysError::TooShort { version, bytes: key.len() });
            }
            if keys.iter().any(|(other, _)| *other == version) {
                return Err(TokenKeysError::Repeated { version });
            }
            keys.push((version, hmac::Key::new(hmac::HMAC_SHA256, &key)));
        }
        Ok(Self(keys))
    }

    /// The newest key version: what new tokens are made with.
    #[must_use]
    pub fn newest_version(&self) -> i32 {
        self.0.iter().map(|(version, _)| *version).max().unwrap_or_default()
    }

    /// Makes the token of a register.
    ///
    /// # Errors
    /// When an id has not the form of one, or the version has no key.
    pub fn issue(&self, tenant: &str, register: &str, key_version: i32) -> Result<String, IssueError> {
        if let Some(bad) = [tenant, register].into_iter().find(|id| !is_id(id)) {
            return Err(IssueError::BadId(bad.to_owned()));
        }
        let key = self.key(key_version).ok_or(IssueError::UnknownKey(key_version))?;
        let signed = format!("{SCHEME}.{tenant}.{register}.{key_version}");
        let mac = hmac::sign(key, signed.as_bytes());
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(&mac.as_ref()[..MAC_BYTES])))
    }

    /// Checks a token; the comparison takes the same time wherever the MAC differs.
    ///
    /// # Errors
    /// When it is not a token of these keys. Whether the register may still use it, the directory says.
    pub fn verify<'t>(&self, token: &'t str) -> Result<Credential<'t>, TokenError> {
        let (signed, mac) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let mut parts = signed.split('.');
        let (Some(SCHEME), Some(tenant), Some(register), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        if !is_id(tenant) || !is_id(register) {
            return Err(TokenError::Malformed);
        }
        let key_version = parse_version(version).ok_or(TokenError::Malformed)?;
        let mut claimed = [0; MAC_BYTES];
        let decoded = BASE64_URL_SAFE_NO_PAD.decode_slice(mac, &mut claimed).map_err(|_| TokenError::Malformed)?;
        if decoded != MAC_BYTES {
            return Err(TokenError::Malformed);
        }
        let key = self.key(key_version).ok_or(TokenError::UnknownKey)?;
        let expected = hmac::sign(key, signed.as_bytes());
        verify_slices_are_equal(&expected.as_ref()[..MAC_BYTES], &claimed).map_err(|_| TokenError::WrongMac)?;
        Ok(Credential { tenant, register, key_version })
    }

    fn key(&self, version: i32) -> Option<&hmac::Key> {
        self.0.iter().find(|(other, _)| *other == version).map(|(_, key)| key)
    }
}

/// One spelling per version: no sign, no leading zero.
fn parse_version(text: &str) -> Option<i32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> TokenKeys {
        TokenKeys::parse(&format!("1:{},2:{}", "ab".repeat(32), "0C".repeat(40))).unwrap()
    }

    #[test]
    fn a_token_speaks_for_its_register() {
        let token = keys().issue("acme", "till-7", 2).unwrap();
        assert!(token.starts_with("kf1.acme.till-7.2."));
        assert_eq!(keys().verify(&token), Ok(Credential { tenant: "acme", register: "till-7", key_version: 2 }));
    }

    #[test]
    fn a_token_never_changes_once_it_was_printed() {
        // Computed with Python's hmac: registers keep their tokens for years.
        assert_eq!(keys().issue("acme", "till-7", 1).unwrap(), "kf1.acme.till-7.1.9WT1UrpJr65hRQ3NxIvfsA");
    }

    #[test]
    fn a_changed_token_speaks_for_nobody() {
        let token = keys().issue("acme", "till-7", 1).unwrap();
        for (from, to) in [("acme", "acm3"), ("till-7", "till-8"), (".1.", ".2.")] {
            assert_eq!(keys().verify(&token.replace(from, to)), Err(TokenError::WrongMac));
        }
        assert_eq!(keys().verify(&token.replace(".1.", ".3.")), Err(TokenError::UnknownKey));
        let cut = &token[..token.len() - 2];
        for bad in [
            "",
            "kf1",
            "....",
            cut,
            &token.replace("kf1", "kf2"),
            &token.replace(".1.", ".01."),
            &format!("{token}AA"),
            &format!("{token}="),
            "kf1.ACME.till.1.AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(keys().verify(bad), Err(TokenError::Malformed), "{bad}");
        }
    }

    #[test]
    fn only_what_exists_gets_a_token() {
        assert_eq!(keys().issue("Acme", "till", 1), Err(IssueError::BadId("Acme".into())));
        assert_eq!(keys().issue("acme", "a.b", 1), Err(IssueError::BadId("a.b".into())));
        assert_eq!(keys().issue("acme", "till", 3), Err(IssueError::UnknownKey(3)));
        assert_eq!(keys().newest_version(), 2);
    }

    #[test]
    fn bad_settings_are_named_without_showing_a_key() {
        let good = "ab".repeat(32);
        let error = |setting: &str| TokenKeys::parse(setting).unwrap_err();
        assert_eq!(error(" "), TokenKeysError::Empty);
        assert_eq!(error(&good), TokenKeysError::Malformed { entry: 1 });
        assert_eq!(error(&format!("1:{good},x:{good}")), TokenKeysError::Malformed { entry: 2 });
        assert_eq!(error(&format!("1:{good},")), TokenKeysError::Malformed { entry: 2 });
        assert_eq!(error(&format!("0:{good}")), TokenKeysError::Malformed { entry: 1 });
        assert_eq!(error(&format!("1:{}g", &good[1..])), TokenKeysError::Malformed { entry: 1 });
        assert_eq!(error("1:abcd"), TokenKeysError::TooShort { version: 1, bytes: 2 });
        assert_eq!(error(&format!("1:{good},1:{good}")), TokenKeysError::Repeated { version: 1 });
        assert_eq!(format!("{:?}", keys()), "TokenKeys { versions: [1, 2], .. }");
    }

    proptest! {
        #[test]
        fn no_text_is_a_token_by_chance(text in ".{0,120}", mac in "[A-Za-z0-9_-]{22}") {
            prop_assert!(keys().verify(&text).is_err());
            let forged = format!("kf1.acme.till-7.1.{mac}");
            prop_assert!(keys().verify(&forged).is_err());
        }
    }
}
