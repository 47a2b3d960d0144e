//! One login: its organisations, and the rounds over them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use iiko::{Client, Error, Organization};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    store::Place,
    synchronizer::{Failure, Outcome, Synchronizer},
};

/// A login and what is known of it.
#[derive(Debug)]
pub struct Login {
    number: usize,
    tenant: String,
    client: Client,
    organizations: Vec<Organization>,
    refreshed: Option<Instant>,
    /// Organisations whose request iiko refused. A faulty request is not repeated before the
    /// organisations have been asked for again.
    rejected: BTreeSet<Uuid>,
    /// Until when the login is left alone because iiko refuses it.
    refused_until: Option<Instant>,
}

/// What one round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Organisations whose lists are now equal to iiko's.
    pub synchronized: usize,
    /// Those of them whose lists changed.
    pub changed: usize,
    /// Items that were inserted, changed or removed.
    pub items: usize,
    /// Organisations whose lists stay as they were.
    pub failed: usize,
}

/// What the organisations of a round share.
#[derive(Debug, Default)]
struct Progress {
    round: Mutex<(Round, BTreeSet<Uuid>)>,
    refused: AtomicBool,
}

impl Progress {
    fn add(&self, act: impl FnOnce(&mut Round, &mut BTreeSet<Uuid>)) {
        let mut shared = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        let (round, rejected) = &mut *shared;
        act(round, rejected);
    }
}

impl Login {
    /// The login of a tenant. `number` tells the logins of a process apart.
    #[must_use]
    pub const fn new(number: usize, tenant: String, client: Client) -> Self {
        Self {
            number,
            tenant,
            client,
            organizations: Vec::new(),
            refreshed: None,
            rejected: BTreeSet::new(),
            refused_until: None,
        }
    }

    /// Rounds until shutdown.
    ///
    /// # Errors
    /// When PostgreSQL says that only a person can help.
    pub async fn run(
        mut self,
        synchronizer: Arc<Synchronizer>,
        shutdown: CancellationToken,
    ) -> Result<(), postgres::Error> {
        let settings = &synchronizer.settings;
        let spread = Duration::from_secs(settings.startup_spread_seconds).mul_f64(rand::random());
        let mut next = Instant::now() + spread;
        while shutdown.run_until_cancelled(tokio::time::sleep_until(next.into())).await.is_some() {
            let begun = Instant::now();
            self.round(&synchronizer, &shutdown).await?;
            // A twentieth of jitter keeps replicas and logins from falling into step. A round that took
            // longer than the period is followed by one round, not by all that were missed.
            let jitter = 0.95 + 0.1 * rand::random::<f64>();
            next = begun + Duration::from_secs(settings.period_seconds).mul_f64(jitter);
        }
        Ok(())
    }

    /// One round: one successful call at most for each organisation, some of them at the same time.
    ///
    /// # Errors
    /// As [`Login::run`].
    pub async fn round(
        &mut self,
        synchronizer: &Synchronizer,
        shutdown: &CancellationToken,
    ) -> Result<Round, postgres::Error> {
        if self.refused_until.is_some_and(|until| Instant::now() < until) {
            return Ok(Round::default());
        }
        if self.refused_until.take().is_some() {
            synchronizer.meters.refused_logins.dec();
        }
        let begun = Instant::now();
        let asked = shutdown.run_until_cancelled(self.refresh(synchronizer)).await;
        if let Some(Err(failure)) = asked {
            self.refuse(synchronizer, stop_or_log(&self.tenant, failure)?);
        }
        let progress = Progress::default();
        if self.refused_until.is_none() && !shutdown.is_cancelled() {
            self.organizations(synchronizer, shutdown, &progress).await?;
        }
        let (round, rejected) = progress.round.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.rejected.extend(rejected);
        if progress.refused.into_inner() {
            self.refuse(synchronizer, true);
        }
        synchronizer.meters.rounds.inc();
        tracing::info!(
            tenant = self.tenant,
            synchronized = round.synchronized,
            changed = round.changed,
            items = round.items,
            failed = round.failed,
            millis = begun.elapsed().as_millis(),
            "a round ended"
        );
        Ok(round)
    }

    /// Asks for the organisations now and then. Those of the last time stay when it fails.
    async fn refresh(&mut self, synchronizer: &Synchronizer) -> Result<(), Failure> {
        let old = Duration::from_secs(synchronizer.settings.organizations_seconds);
        if self.refreshed.is_some_and(|at| at.elapsed() < old) {
            return Ok(());
        }
        self.organizations = synchronizer.organizations(self.number, &self.tenant, &self.client).await?;
        self.refreshed = Some(Instant::now());
        self.rejected.clear();
        if self.organizations.is_empty() {
            tracing::warn!(tenant = self.tenant, "the login sees no organisation");
        }
        Ok(())
    }

    async fn organizations(
        &self,
        synchronizer: &Synchronizer,
        shutdown: &CancellationToken,
        progress: &Progress,
    ) -> Result<(), postgres::Error> {
        let mut due = self.organizations.iter().map(|o| o.id).filter(|id| !self.rejected.contains(id));
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < synchronizer.settings.concurrency
                && let Some(id) = due.next()
            {
                under_way.push(self.organization(id, synchronizer, shutdown, progress));
            }
            let Some(result) = under_way.next().await else { break };
            result?;
        }
        Ok(())
    }

    async fn organization(
        &self,
        id: Uuid,
        synchronizer: &Synchronizer,
        shutdown: &CancellationToken,
        progress: &Progress,
    ) -> Result<(), postgres::Error> {
        if progress.refused.load(Ordering::Relaxed) || shutdown.is_cancelled() {
            return Ok(());
        }
        let place = Place { tenant: &self.tenant, organization: id };
        match synchronizer.synchronize(self.number, place, &self.client, shutdown).await {
            Ok(outcome) => progress.add(|round, _| {
                round.synchronized += 1;
                if let Outcome::Changed { items } = outcome {
                    round.changed += 1;
                    round.items += items;
                }
            }),
            Err(Failure::Ending) => {}
            Err(Failure::Postgres(error @ postgres::Error::Stop(_))) => return Err(error),
            Err(failure) => {
                progress.add(|round, rejected| {
                    round.failed += 1;
                    if matches!(failure, Failure::Iiko(Error::Rejected { .. })) {
                        rejected.insert(id);
                    }
                });
                if matches!(failure, Failure::Iiko(Error::StopLogin { .. })) {
                    progress.refused.store(true, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, synchronizer: &Synchronizer, refused: bool) {
        if !refused {
            return;
        }
        let seconds = synchronizer.settings.refused_login_seconds;
        tracing::error!(tenant = self.tenant, login = self.number, seconds, "iiko refuses the login; it is left alone");
        self.refused_until = Some(Instant::now() + Duration::from_secs(seconds));
        synchronizer.meters.refused_logins.inc();
    }
}

/// Whether the login is refused; other failures are logged, and the round goes on with the
/// organisations that are known.
fn stop_or_log(tenant: &str, failure: Failure) -> Result<bool, postgres::Error> {
    match failure {
        Failure::Postgres(error @ postgres::Error::Stop(_)) => return Err(error),
        Failure::Iiko(error @ Error::StopLogin { .. }) => {
            tracing::error!(tenant, %error, "the organisations cannot be read");
            return Ok(true);
        }
        failure => tracing::warn!(tenant, problem = %failure, "the organisations cannot be read"),
    }
    Ok(false)
}
