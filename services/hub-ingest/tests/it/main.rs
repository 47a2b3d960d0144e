//! hub-ingest as its clients see it, on real servers.

mod access;
mod interface;
mod lifecycle;
mod limits;
mod outage;
mod overload;
mod storage;
mod support;
mod verdicts;
