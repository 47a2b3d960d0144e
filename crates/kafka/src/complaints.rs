//! What librdkafka reports, without its repetitions: it repeats an error with every attempt to connect.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};

/// An error that lasts is logged so often.
const AGAIN: Duration = Duration::from_secs(10);

/// The log lines of one client.
#[derive(Debug)]
pub(crate) struct Complaints {
    client: &'static str,
    /// When each error was last logged; as long as librdkafka's list of errors at most.
    logged: Mutex<Vec<(RDKafkaErrorCode, Instant)>>,
}

impl Complaints {
    /// `client` begins each line.
    pub(crate) const fn new(client: &'static str) -> Self {
        Self { client, logged: Mutex::new(Vec::new()) }
    }

    /// Logs an error that librdkafka itself recovers from, unless the same was logged a moment ago.
    pub(crate) fn warn(&self, error: &KafkaError, reason: &str) {
        if self.is_due(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown), Instant::now()) {
            tracing::warn!(%error, reason, "{}", self.client);
        }
    }

    fn is_due(&self, code: RDKafkaErrorCode, now: Instant) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        match logged.iter_mut().find(|(known, _)| *known == code) {
            Some((_, at)) if now.saturating_duration_since(*at) < AGAIN => return false,
            Some((_, at)) => *at = now,
            None => logged.push((code, now)),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_lasts_is_logged_once_in_ten_seconds_and_another_at_once() {
        let complaints = Complaints::new("Kafka consumer");
        let start = Instant::now();
        let due = |code, milliseconds| complaints.is_due(code, start + Duration::from_millis(milliseconds));
        assert!(due(RDKafkaErrorCode::AllBrokersDown, 0));
        assert!(!due(RDKafkaErrorCode::AllBrokersDown, 20));
        assert!(due(RDKafkaErrorCode::BrokerTransportFailure, 30));
        assert!(!due(RDKafkaErrorCode::AllBrokersDown, 9_999));
        assert!(due(RDKafkaErrorCode::AllBrokersDown, 10_000));
        assert!(!due(RDKafkaErrorCode::AllBrokersDown, 10_001));
        assert!(!due(RDKafkaErrorCode::BrokerTransportFailure, 10_029));
    }
}
