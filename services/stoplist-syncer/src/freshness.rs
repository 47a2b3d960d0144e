//! How old the oldest list is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus::{
    Gauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use schemas::Timestamp;
use uuid::Uuid;

/// The last success of every organisation that this process synchronises, by login and organisation.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    successes: Arc<Mutex<HashMap<(usize, Uuid), Timestamp>>>,
    age: Gauge,
}

impl Freshness {
    pub fn register(registry: &prometheus::Registry) -> prometheus::Result<Self> {
        let age = Gauge::new(
            "kassaflow_stop_lists_oldest_success_age_seconds",
            "Time since the organisation that waits longest was last synchronised.",
        )?;
        let freshness = Self { successes: Arc::default(), age };
        registry.register(Box::new(freshness.clone()))?;
        Ok(freshness)
    }

    /// The organisations of a login are now these, with their last successes. One that never had a
    /// success counts from now on, one that is known keeps its own.
    pub fn listed(&self, login: usize, organizations: impl Iterator<Item = (Uuid, Option<Timestamp>)>) {
        let now = Timestamp::now();
        let mut successes = self.lock();
        let fresh: Vec<_> = organizations
            .map(|(id, success)| {
                let known = successes.get(&(login, id)).copied();
                ((login, id), known.max(success).unwrap_or(now))
            })
            .collect();
        successes.retain(|(owner, _), _| *owner != login);
        successes.extend(fresh);
    }

    /// An organisation was synchronised.
    pub fn succeeded(&self, login: usize, organization: Uuid) {
        if let Some(success) = self.lock().get_mut(&(login, organization)) {
            *success = Timestamp::now();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(usize, Uuid), Timestamp>> {
        self.successes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn oldest_age_seconds(&self) -> f64 {
        let oldest = self.lock().values().min().copied();
        let micros = oldest.map_or(0, |oldest| Timestamp::now().0.saturating_sub(oldest.0).max(0));
        std::time::Duration::from_micros(micros.unsigned_abs()).as_secs_f64()
    }
}

/// Computed when it is asked for, so that it grows while nothing works.
impl Collector for Freshness {
    fn desc(&self) -> Vec<&Desc> {
        self.age.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.age.set(self.oldest_age_seconds());
        self.age.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_success_counts_and_organisations_that_left_do_not() {
        let freshness = Freshness::register(&prometheus::Registry::new()).unwrap();
        assert!(freshness.oldest_age_seconds() < 1.0, "nothing to do is fresh");
        let ago = |seconds: i64| Some(Timestamp(Timestamp::now().0 - seconds * 1_000_000));
        let (a, b, c) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        freshness.listed(0, [(a, ago(100)), (b, ago(900)), (c, None)].into_iter());
        freshness.listed(1, [(a, ago(50))].into_iter());
        assert!((899.0..910.0).contains(&freshness.oldest_age_seconds()));
        freshness.succeeded(0, b);
        assert!((99.0..110.0).contains(&freshness.oldest_age_seconds()));
        freshness.listed(0, [(b, ago(900))].into_iter());
        assert!((49.0..60.0).contains(&freshness.oldest_age_seconds()), "b's own success is the later one");
    }
}
