//! Client of the iiko Cloud API, as far as stop lists need it, and the comparison of stop lists.
//!
//! A [`Transport`] carries all calls of a process and bounds them: permits, timeouts, a deadline,
//! retries, the size of an answer. A [`Client`] is one login on it. Every [`Error`] says what the
//! caller can do: try later, give the request up, or stop using the login.
//!
//! [`diff`] is pure: what is stored and what iiko answered go in, what has to be written comes out.

pub mod client;
pub mod diff;
pub mod error;
pub mod login;
mod model;
mod number;
mod retry;
pub mod stop_list;
pub mod transport;

pub use client::{Client, Organization, TerminalGroup, TerminalGroups};
pub use error::{Error, StopCause, Trouble};
pub use login::Login;
pub use stop_list::{Item, ItemKey, OrganizationStopLists, StopList};
pub use transport::{Options, OptionsError, Transport};
