//! stoplist-syncer on real servers, against the fake iiko.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
mod rounds;
mod service;
