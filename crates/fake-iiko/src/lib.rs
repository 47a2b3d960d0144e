//! A server on 127.0.0.1 that plays the iiko Cloud API, for tests and for the demo.
//!
//! It knows tokens (both versions), organisations, terminal groups and stop lists. Its data follow
//! from a seed, it keeps a journal of the calls, and it misbehaves when told to. It shares no code
//! with our client, so that the two cannot agree on a mistake.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use fake_iiko::{Endpoint, FakeIiko, Fault, Scenario};
//! let fake = FakeIiko::start(Scenario { organizations: 2, groups: 3, items: 5, ..Scenario::default() }).await?;
//! fake.fail_next(Endpoint::StopLists, 1, Fault::status(500));
//! fake.mutate(10);
//! assert_eq!(fake.stop_lists().len(), 2);
//! # Ok(())
//! # }
//! ```

mod answers;
pub mod faults;
pub mod journal;
mod server;
mod tokens;
pub mod world;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinHandle};
use uuid::Uuid;

pub use faults::{Endpoint, Fault};
pub use journal::Call;
pub use world::{EmptyForm, ListedItem, StopLists};

use crate::{faults::Faults, journal::Journal, tokens::Tokens, world::World};

/// The application of version 2 logins.
pub const APP_ID: Uuid = Uuid::from_u128(0x0a0b_0c0d_0000_4000_8000_0000_0000_0001);
/// Its secret.
pub const CLIENT_SECRET: &str = "demo-secret";

/// What the fake consists of.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Everything follows from it; equal seeds give equal data.
    pub seed: u64,
    /// Number of organisations, dealt to the logins in turn.
    pub organizations: usize,
    /// Terminal groups of each organisation.
    pub groups: usize,
    /// Items on the stop list of each group at the beginning.
    pub items: usize,
    /// Accepted logins: `apiLogin` of version 1, `apiKey` of version 2 (with [`APP_ID`] and [`CLIENT_SECRET`]).
    pub logins: Vec<String>,
    /// How long a token lives.
    pub token_life: Duration,
    /// How a group without items is answered; iiko does not say which form it uses.
    pub empty_form: EmptyForm,
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            organizations: 2,
            groups: 3,
            items: 20,
            logins: vec!["demo-login".to_owned()],
            token_life: Duration::from_secs(3600),
            empty_form: EmptyForm::Listed,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }
}

/// A running fake. It ends when this handle is dropped.
#[derive(Debug)]
pub struct FakeIiko {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<io::Result<()>>,
}

/// What the handle and the server share.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    journal: Mutex<Journal>,
    faults: Mutex<Faults>,
    tokens: Mutex<Tokens>,
}

impl Shared {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        lock(&self.tokens)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked while it held the lock has failed anyway; the others may go on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeIiko {
    /// Starts the fake.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(scenario: Scenario) -> io::Result<Self> {
        let listener = TcpListener::bind(scenario.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new(&scenario)),
            journal: Mutex::default(),
            faults: Mutex::default(),
            tokens: Mutex::new(Tokens::new(&scenario)),
        });
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// Root of the interface, for the client's settings.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All organisations with their terminal groups.
    #[must_use]
    pub fn organizations(&self) -> Vec<(Uuid, Vec<Uuid>)> {
        self.shared.world().organizations()
    }

    /// The truth: what every terminal group's stop list is now.
    #[must_use]
    pub fn stop_lists(&self) -> StopLists {
        self.shared.world().stop_lists()
    }

    /// Replaces one group's list; a group that is not there yet opens. Answers `false` when there is
    /// no such organisation.
    #[must_use]
    pub fn set_stop_list(&self, organization_id: Uuid, terminal_group_id: Uuid, items: Vec<ListedItem>) -> bool {
        self.shared.world().set_stop_list(organization_id, terminal_group_id, items)
    }

    /// Makes `changes` random changes: dishes come onto lists, leave them, and get other balances.
    pub fn mutate(&self, changes: usize) {
        self.shared.world().mutate(changes);
    }

    /// How groups without items are answered from now on.
    pub fn set_empty_form(&self, form: EmptyForm) {
        self.shared.world().set_empty_form(form);
    }

    /// The next `calls` calls of an endpoint go wrong in this way. Further faults queue up behind.
    pub fn fail_next(&self, endpoint: Endpoint, calls: usize, fault: Fault) {
        self.shared.faults().push(endpoint, calls, fault);
    }

    /// Every answer but a token's takes this long from now on. Beyond the caller's `Timeout` header
    /// the answer is 408, as with iiko.
    pub fn latency(&self, latency: Duration) {
        self.shared.faults().latency = latency;
    }

    /// Every token that was given out is refused from now on.
    pub fn revoke_tokens(&self) {
        self.shared.tokens().revoke_all();
    }

    /// The calls so far, in the order of arrival; only the newest 100,000 are kept.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.journal().calls()
    }

    /// The largest number of calls that were under way at the same time.
    #[must_use]
    pub fn most_concurrent(&self) -> usize {
        self.shared.journal().most_concurrent
    }
}

impl Drop for FakeIiko {
    fn drop(&mut self) {
        self.server.abort();
    }
}
