//! hub-ingest: takes the documents of registers over HTTP and answers when Kafka has them.
//!
//! The way of a request, in the order of the modules: `server` (connections) → `door` (is
//! there room?) → `documents` and `clouds` (the routes) → `sender` and `source` (who is it?) → `format` → `body` →
//! `sorting` (split, whose is it?) → `intake` (hand to the producer) → `delivery` (wait for all acknowledgements) →
//! `answer` (a verdict for each document).

mod admission;
mod answer;
mod arrived;
mod body;
mod clouds;
mod delivery;
mod directory;
mod documents;
mod door;
mod drain;
mod format;
mod intake;
mod meters;
mod openapi;
mod pace;
pub mod problem;
mod quotas;
mod retry_after;
mod sender;
mod server;
pub mod settings;
mod sorting;
mod source;
mod start;
pub mod testing;
mod validate;
mod watch;

pub use settings::Settings;
pub use start::{Running, run, start};
