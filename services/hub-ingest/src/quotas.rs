//! What each tenant may send, so that one tenant's backlog starves no other: what exceeds its rate goes to the bulk lane,
//! which is read when there is time, and what exceeds that too is answered 429.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use crate::{pace::Pace, settings::QuotaSettings};

/// The way on which documents go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Fresh documents: at once.
    Fresh,
    /// Imports and backlogs: when there is time.
    Bulk,
}

/// The tenant may send no more at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverQuota;

/// The place of one request.
#[derive(Debug)]
pub struct Booking {
    /// Where its documents go on.
    pub lane: Lane,
    rates: Arc<Rates>,
}

impl Booking {
    /// Books documents that were admitted without having been counted.
    pub fn charge(&self, documents: usize, now: Instant) {
        let pace = if self.lane == Lane::Fresh { &self.rates.fresh } else { &self.rates.bulk };
        if let Some(pace) = pace {
            pace.charge(documents, now);
        }
    }
}

/// The rates of all tenants.
#[derive(Debug)]
pub struct Quotas {
    settings: QuotaSettings,
    /// As many as the directory has tenants, at most.
    tenants: RwLock<HashMap<Box<str>, Arc<Rates>>>,
}

#[derive(Debug)]
struct Rates {
    fresh: Option<Pace>,
    bulk: Option<Pace>,
}

impl Quotas {
    /// Rates of which nothing is used.
    #[must_use]
    pub fn new(settings: QuotaSettings) -> Self {
        Self { settings, tenants: RwLock::default() }
    }

    /// Books a tenant's request as one document.
    ///
    /// # Errors
    /// When there is room in neither lane.
    pub fn book(&self, tenant: &str, declared: Option<Lane>, now: Instant) -> Result<Booking, OverQuota> {
        let rates = self.rates(tenant, now);
        let admits = |pace: &Option<Pace>| pace.as_ref().is_none_or(|pace| pace.admit(now));
        if declared != Some(Lane::Bulk) && admits(&rates.fresh) {
            return Ok(Booking { lane: Lane::Fresh, rates });
        }
        if admits(&rates.bulk) { Ok(Booking { lane: Lane::Bulk, rates }) } else { Err(OverQuota) }
    }

    fn rates(&self, tenant: &str, now: Instant) -> Arc<Rates> {
        let known = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned();
        known.unwrap_or_else(|| {
            let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
            let new = || {
                let pace = |rate: Option<u32>| rate.map(|rate| Pace::new(rate, now));
                let QuotaSettings { documents_per_second, bulk_documents_per_second } = self.settings;
                Arc::new(Rates { fresh: pace(documents_per_second), bulk: pace(bulk_documents_per_second) })
            };
            Arc::clone(tenants.entry(tenant.into()).or_insert_with(new))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn quotas(documents_per_second: Option<u32>, bulk_documents_per_second: Option<u32>) -> Quotas {
        Quotas::new(QuotaSettings { documents_per_second, bulk_documents_per_second })
    }

    #[test]
    fn without_quotas_everything_is_fresh_unless_it_is_declared() {
        let (quotas, now) = (quotas(None, None), Instant::now());
        let booked = |declared| quotas.book("acme", declared, now).unwrap();
        booked(None).charge(1_000_000, now);
        assert_eq!(booked(None).lane, Lane::Fresh);
        assert_eq!(booked(Some(Lane::Bulk)).lane, Lane::Bulk);
    }

    #[test]
    fn what_exceeds_the_rate_is_bulk_and_what_exceeds_that_is_refused_until_time_has_passed() {
        let (quotas, now) = (quotas(Some(10), Some(10)), Instant::now());
        let lane = |tenant, now| quotas.book(tenant, None, now).map(|booking| booking.lane);
        quotas.book("acme", None, now).unwrap().charge(10, now);
        let bulk = quotas.book("acme", None, now).unwrap();
        assert_eq!(bulk.lane, Lane::Bulk);
        bulk.charge(10, now);
        assert_eq!(lane("acme", now), Err(OverQuota));
        assert_eq!(lane("other", now), Ok(Lane::Fresh), "another tenant's rate is its own");
        assert_eq!(lane("acme", now + Duration::from_secs(2)), Ok(Lane::Fresh));
    }
}
