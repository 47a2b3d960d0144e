//! For integration tests: where the servers are, and a corner of them for each test.

use std::time::Duration;

use rand::RngExt;
use rand::distr::{Alphanumeric, SampleString};

use crate::{Endpoints, servers};

/// How long a test waits for what has to come.
pub const BOUND: Duration = Duration::from_secs(60);
/// Pause between two looks at a fact.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Waits until something is so.
///
/// # Panics
/// If it is not within [`BOUND`].
pub async fn until(what: &str, mut fact: impl AsyncFnMut() -> bool) {
    let so = async {
        let mut again = tokio::time::interval(LOOK_AGAIN);
        while !fact().await {
            again.tick().await;
        }
    };
    assert!(tokio::time::timeout(BOUND, so).await.is_ok(), "not within {BOUND:?}: {what}");
}

/// The servers of this test run.
///
/// # Panics
/// If the variables `KASSAFLOW_TEST_KAFKA`, `..._REGISTRY`, `..._MONGODB` and `..._POSTGRES` are not set.
pub fn endpoints() -> Endpoints {
    match Endpoints::from_test_env(|name| std::env::var(name).ok()) {
        Some(endpoints) => endpoints,
        None => panic!("the servers are not running: use `make test` (or `kassactl with-servers -- cargo test`)"),
    }
}

/// A name that no other test has: the prefix, a hyphen and ten lower-case letters and digits. It fits as a topic
/// prefix, a tenant and a database name.
pub fn unique(prefix: &str) -> String {
    let mut rng = rand::rng();
    let first = char::from(rng.random_range(b'a'..=b'z'));
    let rest = Alphanumeric.sample_string(&mut rng, 9).to_ascii_lowercase();
    format!("{prefix}-{first}{rest}")
}

/// The URL of a new, empty PostgreSQL database.
///
/// # Panics
/// If the server does not answer or refuses.
pub async fn postgres_database(endpoints: &Endpoints) -> String {
    let name = unique("test");
    let statement = format!("CREATE DATABASE \"{name}\"");
    if let Err(reason) = servers::run_in_postgres(&endpoints.postgres, &statement).await {
        panic!("{statement} at {}: {reason}", endpoints.postgres);
    }
    match endpoints.postgres.rsplit_once('/') {
        Some((server, _)) => format!("{server}/{name}"),
        None => panic!("{} names no database", endpoints.postgres),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_names_are_lower_case_and_differ() {
        let (one, other) = (unique("t"), unique("t"));
        assert_ne!(one, other);
        assert!(one.len() == 12 && one.chars().all(|c| c == '-' || c.is_ascii_digit() || c.is_ascii_lowercase()));
    }
}
