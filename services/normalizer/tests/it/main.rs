//! normalizer on real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod bulk;
mod normalizes;
mod support;
