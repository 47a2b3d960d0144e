//! hub-ingest: takes the documents of registers over HTTP and answers when Kafka has them.
//!
//! The way of a request, in the order of the modules: [`server`] (connections) → [`door`] (is
//! there room?) → [`documents`] (the route) → [`sender`] (who is it?) → [`format`] → [`body`] →
//! [`intake`] (split, hand to the producer) → [`delivery`] (wait for all acknowledgements) →
//! [`answer`] (a verdict for each document).

pub mod admission;
pub mod answer;
pub mod body;
pub mod delivery;
pub mod directory;
pub mod documents;
pub mod door;
mod drain;
pub mod format;
pub mod intake;
mod meters;
mod openapi;
mod pace;
pub mod problem;
pub mod retry_after;
pub mod sender;
pub mod server;
pub mod settings;
mod start;
mod watch;

pub use settings::Settings;
pub use start::{Running, run, start};
