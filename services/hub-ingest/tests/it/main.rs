//! hub-ingest as its clients see it, on real servers.

// Clippy's exception for tests does not reach the functions that they share.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod clouds;
mod docs;
mod interface;
mod lifecycle;
mod limits;
mod outage;
mod overload;
mod sources;
mod storage;
mod support;
mod validation;
mod verdicts;
