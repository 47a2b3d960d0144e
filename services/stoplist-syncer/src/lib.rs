//! stoplist-syncer: keeps the stop lists of restaurants in PostgreSQL equal to those of iiko, and
//! publishes them to `restaurants.stop-lists.v1`.
//!
//! Once a period each login asks once for each of its organisations: one answer covers all terminal
//! groups. The answer is compared with what is stored, and only the difference is written, in one
//! short transaction for each organisation. The relay publishes the lists that changed.
//!
//! An answer that failed, was cut, is malformed or leaves the organisation out changes no list. One
//! that empties many items has to be confirmed by a second one. Replicas may run side by side: who
//! was overtaken by another one's answer writes nothing.

mod freshness;
pub mod login;
pub mod logins;
mod meters;
mod published;
pub mod settings;
mod store;
pub mod synchronizer;

use std::{sync::Arc, time::Duration};

use kafka::Client;
use postgres::Pool;
use relay::Relay;
use schemas::{registry::Registry, stop_lists};
use service::{Context, Fatal};
use tokio::task::JoinSet;

pub use login::{Login, Round};
pub use settings::Settings;
pub use synchronizer::Synchronizer;

/// One line about the service, for `--help`.
pub const ABOUT: &str = "Keeps restaurants' stop lists equal to those of iiko.";

/// Runs the service until shutdown.
///
/// # Errors
/// When it cannot go on; see [`service::main`].
pub async fn run(context: Context, settings: Settings) -> Result<(), Fatal> {
    let logins = logins::read(&settings.iiko.logins_file)?;
    let transport = iiko::Transport::new(&settings.iiko.options())?;
    let pool = Pool::new(&settings.postgres)?;
    pool.register(&context.metrics)?;
    let health = context.health.component("stop-lists");
    let client = Client::new(&settings.kafka)?;
    let registry = Registry::new(&settings.kafka.registry_url, &settings.kafka.topic_prefix)?;
    let known = context.shutdown.run_until_cancelled(registry.wait_for_ids(stop_lists::TOPIC)).await;
    let Some(ids) = known.transpose()? else { return Ok(()) };
    let published = published::StopLists { schema_id: ids.newest };
    let relay = Relay::new(&client, &settings.postgres, published, &context.metrics)?;
    let synchronizer = Synchronizer::new(&settings.stop_lists, pool, relay.waker(), &context.metrics)?;
    let reached = context.shutdown.run_until_cancelled(synchronizer.check()).await;
    let Some(()) = reached.transpose()? else { return Ok(()) };
    health.ready();
    let logins = logins
        .into_iter()
        .enumerate()
        .map(|(number, entry)| Login::new(number, entry.tenant, iiko::Client::new(transport.clone(), entry.login)));
    let polling = poll(logins, Arc::new(synchronizer), context.clone());
    tokio::try_join!(relay.run(context), polling)?;
    Ok(())
}

/// Every login on its own task: none waits for another one's restaurants.
async fn poll(
    logins: impl Iterator<Item = Login>,
    synchronizer: Arc<Synchronizer>,
    context: Context,
) -> Result<(), Fatal> {
    let mut tasks = JoinSet::new();
    for login in logins {
        tasks.spawn(login.run(Arc::clone(&synchronizer), context.shutdown.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// How long the transaction at hand may take when the service ends.
const LAST: Duration = Duration::from_secs(5);
