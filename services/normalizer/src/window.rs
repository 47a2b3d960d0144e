//! The repeats that the normalizer remembers: a bounded window of what it lately sent, for each partition.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// Of this process: nobody outside can make two documents alike.
static KEYS: LazyLock<ahash::RandomState> = LazyLock::new(ahash::RandomState::new);

/// Tells a repeat: the same identity, sign, source, parser revision and raw bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint {
    /// The document hash, 128 bits.
    document: u128,
    /// The rest, hashed.
    identity: u64,
}

impl Fingerprint {
    pub fn new(id: &str, fiscal_sign: Option<i64>, source: &str, revision: i32, document_hash: &str) -> Self {
        let identity = KEYS.hash_one((id, fiscal_sign, source, revision));
        // A hash that is no hex, which nobody sends, only makes the window blind to that document.
        Self { document: u128::from_str_radix(document_hash, 16).unwrap_or_default(), identity }
    }
}

/// The window of one partition. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug)]
struct Seen {
    known: HashSet<Fingerprint, ahash::RandomState>,
    oldest_first: VecDeque<Fingerprint>,
    most: usize,
}

impl Window {
    pub fn new(most: usize) -> Self {
        let seen = Seen { known: HashSet::default(), oldest_first: VecDeque::new(), most };
        Self { seen: Arc::new(Mutex::new(seen)) }
    }

    pub fn knows(&self, fingerprint: &Fingerprint) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).known.contains(fingerprint)
    }

    /// Remembers a document whose canonical record was acknowledged. Not earlier: the first copy
    /// could still be lost, and a repeat would then be the only one.
    pub fn remember(&self, fingerprint: Fingerprint) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.known.insert(fingerprint) {
            seen.oldest_first.push_back(fingerprint);
            if seen.oldest_first.len() > seen.most
                && let Some(oldest) = seen.oldest_first.pop_front()
            {
                seen.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(id: &str) -> Fingerprint {
        Fingerprint::new(id, Some(7), "dreamkas", 1, "00112233445566778899aabbccddeeff")
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let window = Window::new(2);
        for id in ["a", "b", "a", "c"] {
            window.remember(fingerprint(id));
        }
        assert!(!window.knows(&fingerprint("a")));
        assert!(window.knows(&fingerprint("b")) && window.knows(&fingerprint("c")));
    }

    #[test]
    fn another_revision_sign_or_content_is_no_repeat() {
        let window = Window::new(10);
        window.remember(fingerprint("a"));
        let hash = "00112233445566778899aabbccddeeff";
        assert!(window.knows(&Fingerprint::new("a", Some(7), "dreamkas", 1, hash)));
        assert!(!window.knows(&Fingerprint::new("a", Some(8), "dreamkas", 1, hash)));
        assert!(!window.knows(&Fingerprint::new("a", Some(7), "dreamkas", 2, hash)));
        assert!(!window.knows(&Fingerprint::new("a", Some(7), "dreamkas", 1, "00")));
    }
}
