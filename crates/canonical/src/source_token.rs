//! Tokens of sources: whoever sends for many registers of a tenant, such as a vendor's cloud or a back office.
//!
//! `kfs1.<tenant>.<source>.<secret>`, where the secret is 32 random bytes in base64url without padding. It can stand in
//! a header and, for clouds that can set none, in an address. The directory knows its hash only.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, rand};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::ids::is_id;

const SCHEME: &str = "kfs1";
const SECRET_BYTES: usize = 32;

/// Whom a source's token claims to be from. Whether it is, [`is_known`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The source.
    pub source: &'a str,
}

/// The machine gave no random bytes: nothing can be issued, try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness;

/// A new token. `tenant` and `source` are ids.
///
/// # Errors
/// [`NoRandomness`].
pub fn issue(tenant: &str, source: &str) -> Result<String, NoRandomness> {
    let mut secret = [0; SECRET_BYTES];
    rand::fill(&mut secret).map_err(|_| NoRandomness)?;
    Ok(format!("{SCHEME}.{tenant}.{source}.{}", BASE64_URL_SAFE_NO_PAD.encode(secret)))
}

/// Reads a token; `None` for what has not the form of one.
#[must_use]
pub fn read(token: &str) -> Option<Claim<'_>> {
    let mut parts = token.split('.');
    let (Some(SCHEME), Some(tenant), Some(source), Some(secret), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    (is_id(tenant) && is_id(source) && !secret.is_empty()).then_some(Claim { tenant, source })
}

/// What the directory keeps of a token: its SHA-256 in lower-case hex.
#[must_use]
pub fn hash(token: &str) -> String {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether one of the hashes is the token's; the comparison takes the same time wherever they differ.
#[must_use]
pub fn is_known<'h>(token: &str, hashes: impl IntoIterator<Item = &'h str>) -> bool {
    let shown = hash(token);
    hashes.into_iter().any(|known| verify_slices_are_equal(known.as_bytes(), shown.as_bytes()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whom_it_is_from_and_only_its_own_hash_fits() {
        let (one, other) = (issue("acme", "evotor").unwrap(), issue("acme", "evotor").unwrap());
        assert_eq!(read(&one), Some(Claim { tenant: "acme", source: "evotor" }));
        assert!(is_known(&one, [&*hash(&other), &*hash(&one)]));
        assert!(!is_known(&one, [&*hash(&other), "", "00"]));
        assert!(
            one.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
            "{one} cannot stand in an address"
        );
    }

    #[test]
    fn a_hash_never_changes_once_it_was_written() {
        // Computed with sha256sum.
        assert_eq!(hash("kfs1.acme.evotor.AAAA"), "bbd587358a6e0675d921b0601f14aca0ab05674b38af8b7af1352381deb68ec4");
    }

    #[test]
    fn what_has_another_form_is_no_token() {
        for text in [
            "",
            "kfs1",
            "kfs1.acme.evotor",
            "kfs1.acme.evotor.",
            "kfs1.Acme.evotor.x",
            "kf1.acme.till.1.x",
            "kfs1.a.b.c.d",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
