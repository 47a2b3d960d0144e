//! Kafka, a schema registry, MongoDB and PostgreSQL as processes of this machine, without containers.
//!
//! The script `setup` beside this crate installs what they need, once, into `.local` of the repository. Then
//! there are two ways to have them:
//!
//! * [`up`], [`down`] and [`status`]: servers that live until they are stopped, for a person's work. Data in
//!   `.local/data`, logs in `.local/logs/<server>.log`, on the usual ports where those are free.
//! * [`Ephemeral`]: servers for one test run or one demo, with new data on free ports, which die with the
//!   process that started them. [`Server`] is one of them alone, for tests of an outage: stop, kill and start
//!   it on the same data.
//!
//! All of them listen on 127.0.0.1 only and fit into 4 GB together. A start returns when the server has done
//! real work: answered a metadata request, listed subjects, become primary, run a query. One that fails names
//! its log and shows the end of it.
//!
//! Tests take the servers from their environment, see [`testing`].
//!
//! ```no_run
//! # async fn example() -> Result<(), kassaflow_local_servers::Error> {
//! use kassaflow_local_servers::{Ephemeral, Home};
//!
//! let mut servers = Ephemeral::start(&Home::find()?).await?;
//! println!("Kafka is at {}", servers.endpoints().kafka);
//! servers.kafka.kill().await;
//! servers.kafka.start().await?; // the same port, the same data
//! # Ok(())
//! # }
//! ```
//!
//! PostgreSQL's programs refuse to run as root, so as root they run as the user `postgres`. If that user cannot
//! reach the repository, its data lie under `/var/tmp/kassaflow-<path of the repository>`.
//!
//! How servers die with their owner: on Linux each is started through `setpriv --pdeathsig KILL`. The kernel
//! sends that signal when the *thread* that started the child ends; this crate therefore starts all of them
//! from one thread that lives as long as the process, and callers may start servers from any thread or
//! runtime. Elsewhere servers end when their value is dropped, but survive an owner that is killed.

mod endpoints;
mod ephemeral;
mod error;
mod home;
mod long_lived;
mod ports;
mod process;
mod server;
mod servers;
mod state;
pub mod testing;

pub use endpoints::Endpoints;
pub use ephemeral::{Ephemeral, Server};
pub use error::{Error, Result};
pub use home::Home;
pub use long_lived::{DownOutcome, ServerStatus, Up, UpOutcome, down, running, status, up};
pub use servers::Kind;
