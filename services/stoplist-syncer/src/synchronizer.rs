//! One organisation: ask, compare, write the difference.

use std::time::Duration;

use iiko::{
    Client, Organization, OrganizationStopLists,
    diff::{self, Changes, Verdict},
};
use postgres::Pool;
use relay::Waker;
use schemas::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    LAST,
    meters::Meters,
    settings::StopLists,
    store::{Place, Store, Written},
};

/// What all logins synchronise through.
#[derive(Debug)]
pub struct Synchronizer {
    store: Store,
    waker: Waker,
    pub(crate) meters: Meters,
    pub(crate) settings: StopLists,
}

/// What became of one organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The lists were equal.
    Unchanged,
    /// So many items were inserted, changed or removed; groups that opened with an empty list count no item.
    Changed {
        /// Their number.
        items: usize,
    },
    /// Another replica was faster; its answer is newer than what this one began with.
    Overtaken,
}

/// Why the lists of an organisation stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// iiko did not answer, or not usably.
    #[error(transparent)]
    Iiko(#[from] iiko::Error),
    /// A good answer that does not speak of the organisation. That is no empty list.
    #[error("the answer leaves the organisation out")]
    LeftOut,
    /// Two answers in a row empty different groups.
    #[error("{items} items would be emptied, and a second answer did not confirm it")]
    NotConfirmed {
        /// Items of the groups that only the second answer empties.
        items: usize,
    },
    /// PostgreSQL refuses what iiko sent, or stops the service ([`postgres::Error::Stop`]).
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// The service ends.
    #[error("the service ends")]
    Ending,
}

impl Failure {
    const fn name(&self) -> &'static str {
        match self {
            Self::Iiko(error) => error.outcome(),
            Self::LeftOut => "left_out",
            Self::NotConfirmed { .. } => "not_confirmed",
            Self::Postgres(_) => "postgres",
            Self::Ending => "ending",
        }
    }
}

/// A difference that is ready to be written.
struct Difference {
    epoch: i64,
    answered_at: Timestamp,
    changes: Changes,
}

impl Synchronizer {
    /// Does not connect yet.
    ///
    /// # Errors
    /// When a metric's name is taken, a mistake in the program.
    pub fn new(
        settings: &StopLists,
        pool: Pool,
        waker: Waker,
        metrics: &prometheus::Registry,
    ) -> prometheus::Result<Self> {
        let meters = Meters::register(metrics)?;
        Ok(Self { store: Store::new(pool), waker, meters, settings: settings.clone() })
    }

    /// Waits for PostgreSQL and looks for the tables.
    ///
    /// # Errors
    /// When only a person can help, for example because the tables are missing.
    pub async fn check(&self) -> Result<(), postgres::Error> {
        self.store.check().await
    }

    /// Asks for the organisations of a login and notes them.
    pub(crate) async fn organizations(
        &self,
        login: usize,
        tenant: &str,
        client: &Client,
    ) -> Result<Vec<Organization>, Failure> {
        let organizations = self.meters.call("organizations", client.organizations()).await?;
        let successes = self.store.list(tenant, &organizations).await?;
        self.meters.freshness.listed(login, successes.into_iter());
        Ok(organizations)
    }

    /// Synchronises one organisation and notes how it went. Shutdown ends the asking at once, but
    /// leaves a transaction some seconds to finish.
    pub(crate) async fn synchronize(
        &self,
        login: usize,
        place: Place<'_>,
        client: &Client,
        shutdown: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let compared = shutdown.run_until_cancelled(self.compare(place, client)).await.unwrap_or(Err(Failure::Ending));
        let result = match compared {
            Ok(difference) => self.write(place, difference, shutdown).await,
            Err(failure) => Err(failure),
        };
        let name = match &result {
            Ok(Outcome::Unchanged) => "unchanged",
            Ok(Outcome::Changed { .. }) => "changed",
            Ok(Outcome::Overtaken) => "overtaken",
            Err(failure) => failure.name(),
        };
        self.meters.organizations.with_label_values(&[name]).inc();
        match &result {
            Ok(_) => self.meters.freshness.succeeded(login, place.organization),
            Err(Failure::Ending | Failure::Postgres(postgres::Error::Stop(_))) => {}
            Err(failure) => self.note(place, failure, shutdown).await?,
        }
        result
    }

    async fn compare(&self, place: Place<'_>, client: &Client) -> Result<Difference, Failure> {
        // The epoch is read before the call: what another replica applies from now on is newer than
        // our answer, or as new.
        let epoch = self.store.epoch(place).await?;
        let mut answer = self.ask("stop_lists", client, place.organization).await?;
        let mut answered_at = Timestamp::now();
        let stored = self.store.lists(place).await?;
        let limit = self.settings.confirm_items;
        if let Verdict::Confirm { items } = diff::judge(&stored, &answer, limit) {
            tracing::warn!(tenant = place.tenant, organization = %place.organization, items, "asking again before so many items are emptied");
            tokio::time::sleep(Duration::from_secs(self.settings.confirm_after_seconds)).await;
            let second = self.ask("stop_lists_again", client, place.organization).await?;
            answered_at = Timestamp::now();
            if let Verdict::Confirm { items } = diff::confirm(&stored, &answer, &second, limit) {
                return Err(Failure::NotConfirmed { items });
            }
            answer = second;
        }
        Ok(Difference { epoch, answered_at, changes: diff::diff(&stored, &answer) })
    }

    async fn ask(
        &self,
        call: &'static str,
        client: &Client,
        organization: Uuid,
    ) -> Result<OrganizationStopLists, Failure> {
        self.meters.call(call, client.stop_lists(organization)).await?.ok_or(Failure::LeftOut)
    }

    async fn write(
        &self,
        place: Place<'_>,
        difference: Difference,
        shutdown: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let Difference { epoch, answered_at, changes } = difference;
        let written = finish(shutdown, self.store.apply(place, epoch, answered_at, &changes)).await?;
        if written == Written::Overtaken {
            return Ok(Outcome::Overtaken);
        }
        if changes.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        self.waker.wake();
        for change in changes.values() {
            for (name, count) in [
                ("inserted", change.inserted.len()),
                ("changed", change.changed.len()),
                ("removed", change.removed.len()),
            ] {
                self.meters.items.with_label_values(&[name]).inc_by(count as u64);
            }
        }
        Ok(Outcome::Changed { items: changes.values().map(diff::GroupChanges::items).sum() })
    }

    async fn note(&self, place: Place<'_>, failure: &Failure, shutdown: &CancellationToken) -> Result<(), Failure> {
        let problem = failure.to_string();
        tracing::warn!(tenant = place.tenant, organization = %place.organization, problem, "stop lists stay as they are");
        finish(shutdown, self.store.fail(place, &problem)).await
    }
}

/// Lets the transaction at hand finish when the service ends, but does not wait for an outage to pass.
async fn finish<T>(
    shutdown: &CancellationToken,
    writing: impl Future<Output = Result<T, postgres::Error>>,
) -> Result<T, Failure> {
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(LAST).await;
    };
    tokio::select! {
        result = writing => Ok(result?),
        () = late => Err(Failure::Ending),
    }
}
