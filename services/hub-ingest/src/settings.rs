//! What hub-ingest is told, and the rules between its settings.

use std::time::Duration;

use canonical::TokenKeys;
use confique::Config;
use service::{
    ServiceSettings,
    settings::{Common, Kafka, listen_address},
};

/// Everything that hub-ingest is told.
#[derive(Debug, Clone, Config)]
pub struct Settings {
    /// What every service is told.
    #[config(nested)]
    pub common: Common,
    /// The brokers and the schema registry.
    #[config(nested)]
    pub kafka: Kafka,
    /// The port that registers talk to.
    #[config(nested)]
    pub http: Http,
    /// Who may send.
    #[config(nested)]
    pub tokens: Tokens,
    /// How much is taken in at the same time.
    #[config(nested)]
    pub admission: AdmissionSettings,
    /// How much each tenant may send.
    #[config(nested)]
    pub quotas: QuotaSettings,
    /// How large a request may be.
    #[config(nested)]
    pub limits: Limits,
    /// The way into Kafka.
    #[config(nested)]
    pub producer: ProducerBounds,
    /// Who waits how long for whom.
    #[config(nested)]
    pub timeouts: Timeouts,
}

/// The port that registers talk to.
#[derive(Debug, Clone, Config)]
pub struct Http {
    /// Address of the port that registers talk to.
    #[config(env = "KASSAFLOW_HTTP_LISTEN", default = "127.0.0.1:8080")]
    pub listen: String,
    /// Most open connections. Above it new ones wait in the kernel's queue; from nine tenths of it on, connections are closed after their next answer, so that others get a turn.
    #[config(env = "KASSAFLOW_HTTP_MAX_CONNECTIONS", default = 10000)]
    pub max_connections: usize,
    /// Seconds that a new connection may take to send the head of its first request.
    #[config(env = "KASSAFLOW_HTTP_HEADER_TIMEOUT_SECONDS", default = 10)]
    pub header_timeout_seconds: u64,
    /// Seconds that an open connection may take until the head of its next request has arrived. Longer than a proxy in front keeps its idle connections.
    #[config(env = "KASSAFLOW_HTTP_IDLE_TIMEOUT_SECONDS", default = 75)]
    pub idle_timeout_seconds: u64,
}

/// The keys that tokens are checked with.
#[derive(Clone, Config)]
pub struct Tokens {
    /// Keys that the tokens of registers are made with, as `kassactl registers enrol` has them; a secret.
    #[config(env = "KASSAFLOW_TOKEN_KEYS")]
    pub keys: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("keys", &"(secret)").finish()
    }
}

/// The bounds of what is taken in at the same time. What does not fit is answered with 503 before anything of it is read.
#[derive(Debug, Clone, Config)]
pub struct AdmissionSettings {
    /// Most requests that are worked on at the same time, from their head to their answer.
    #[config(env = "KASSAFLOW_MAX_REQUESTS_IN_FLIGHT", default = 4096)]
    pub max_requests_in_flight: usize,
    /// Most bytes of request bodies that are held at the same time, compressed and decompressed ones counted alike.
    #[config(env = "KASSAFLOW_MAX_BYTES_IN_FLIGHT", default = 67108864)]
    pub max_bytes_in_flight: usize,
    /// Documents a second that are taken in on average; not set: as many as the other bounds let through. A batch may overdraw it, then others wait until it is paid back.
    #[config(env = "KASSAFLOW_ADMISSION_DOCUMENTS_PER_SECOND")]
    pub documents_per_second: Option<u32>,
    /// Middle of the `Retry-After` that refused requests get, seconds; each gets a random one from half to one and a half times this.
    #[config(env = "KASSAFLOW_RETRY_AFTER_SECONDS", default = 10)]
    pub retry_after_seconds: u32,
}

/// What each tenant may send to one hub.
#[derive(Debug, Clone, Copy, Config)]
pub struct QuotaSettings {
    /// Documents a second of a tenant that go on at once, on average; what exceeds it goes to the bulk lane, which is read when there is time. Not set: all.
    #[config(env = "KASSAFLOW_TENANT_DOCUMENTS_PER_SECOND")]
    pub documents_per_second: Option<u32>,
    /// Documents a second of a tenant that the bulk lane takes, on average; what exceeds it is answered with 429. Not set: all.
    #[config(env = "KASSAFLOW_TENANT_BULK_DOCUMENTS_PER_SECOND")]
    pub bulk_documents_per_second: Option<u32>,
}

/// The bounds of one request.
#[derive(Debug, Clone, Config)]
pub struct Limits {
    /// Most bytes of a request's body as it was sent.
    #[config(env = "KASSAFLOW_MAX_BODY_BYTES", default = 33554432)]
    pub max_body_bytes: usize,
    /// Most bytes of a request's body after it was decompressed.
    #[config(env = "KASSAFLOW_MAX_DECOMPRESSED_BYTES", default = 33554432)]
    pub max_decompressed_bytes: usize,
    /// Most documents of a request.
    #[config(env = "KASSAFLOW_MAX_DOCUMENTS_PER_REQUEST", default = 50000)]
    pub max_documents_per_request: usize,
    /// Most bytes of a document.
    #[config(env = "KASSAFLOW_MAX_DOCUMENT_BYTES", default = 524288)]
    pub max_document_bytes: usize,
}

/// The bounds of the producer.
#[derive(Debug, Clone, Config)]
pub struct ProducerBounds {
    /// Milliseconds that a record waits for others to share a request to the broker with.
    #[config(env = "KASSAFLOW_PRODUCER_LINGER_MILLISECONDS", default = 20)]
    pub linger_milliseconds: u64,
    /// Most records that wait for the broker's acknowledgement.
    #[config(env = "KASSAFLOW_PRODUCER_QUEUE_RECORDS", default = 100000)]
    pub queue_records: usize,
    /// Most bytes that wait for the broker's acknowledgement.
    #[config(env = "KASSAFLOW_PRODUCER_QUEUE_BYTES", default = 67108864)]
    pub queue_bytes: usize,
    /// Seconds with waiting records and not one acknowledgement after which the hub is not ready and refuses at the door.
    #[config(env = "KASSAFLOW_PRODUCER_STALL_SECONDS", default = 5)]
    pub stall_seconds: u64,
}

/// Who waits how long for whom: register > ingress > request > message, checked at start.
#[derive(Debug, Clone, Config)]
pub struct Timeouts {
    /// Seconds that registers wait for an answer. Only compared with the others.
    #[config(env = "KASSAFLOW_REGISTER_TIMEOUT_SECONDS", default = 30)]
    pub register_timeout_seconds: u64,
    /// Seconds that the proxy in front waits for an answer after it has passed on the request. Only compared with the others.
    #[config(env = "KASSAFLOW_INGRESS_TIMEOUT_SECONDS", default = 15)]
    pub ingress_timeout_seconds: u64,
    /// Seconds from the end of a request's body to its answer at the latest. Documents without an acknowledgement are then answered `retry`.
    #[config(env = "KASSAFLOW_REQUEST_TIMEOUT_SECONDS", default = 10)]
    pub request_timeout_seconds: u64,
    /// Seconds after which the producer gives up a record (`message.timeout.ms`).
    #[config(env = "KASSAFLOW_MESSAGE_TIMEOUT_SECONDS", default = 8)]
    pub message_timeout_seconds: u64,
    /// Seconds that the body of a request may take to arrive.
    #[config(env = "KASSAFLOW_BODY_TIMEOUT_SECONDS", default = 15)]
    pub body_timeout_seconds: u64,
}

impl Timeouts {
    /// From the end of a body to its answer.
    #[must_use]
    pub const fn request(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }

    /// From the head of a request to the end of its body.
    #[must_use]
    pub const fn body(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }

    /// Until the producer gives up a record.
    #[must_use]
    pub const fn message(&self) -> Duration {
        Duration::from_secs(self.message_timeout_seconds)
    }

    fn check(&self) -> Result<(), String> {
        let Self {
            register_timeout_seconds: register,
            ingress_timeout_seconds: ingress,
            request_timeout_seconds: request,
            message_timeout_seconds: message,
            body_timeout_seconds: body,
        } = *self;
        if !(register > ingress && ingress > request && request > message && message > 0) {
            return Err(format!(
                "register_timeout_seconds ({register}) > ingress_timeout_seconds ({ingress}) > request_timeout_seconds ({request}) > message_timeout_seconds ({message}) > 0 does not hold"
            ));
        }
        if body == 0 || body + request >= register {
            return Err(format!(
                "body_timeout_seconds ({body}) must be above 0, and with request_timeout_seconds ({request}) below register_timeout_seconds ({register})"
            ));
        }
        Ok(())
    }
}

/// The largest document that the raw topic takes together with what the hub adds to it.
const LARGEST_DOCUMENT: usize = 524_288;

impl ServiceSettings for Settings {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self) -> Result<(), String> {
        kafka::check(&self.kafka)?;
        listen_address("http.listen (KASSAFLOW_HTTP_LISTEN)", &self.http.listen)?;
        TokenKeys::parse(&self.tokens.keys).map_err(|error| format!("tokens.keys (KASSAFLOW_TOKEN_KEYS): {error}"))?;
        self.timeouts.check()?;
        let Limits { max_body_bytes, max_decompressed_bytes, max_documents_per_request, max_document_bytes } =
            self.limits;
        if max_document_bytes > LARGEST_DOCUMENT {
            return Err(format!(
                "max_document_bytes ({max_document_bytes}) is above {LARGEST_DOCUMENT}, the most that the topics take"
            ));
        }
        if max_document_bytes > max_body_bytes || max_body_bytes > max_decompressed_bytes {
            return Err(format!(
                "max_document_bytes ({max_document_bytes}) <= max_body_bytes ({max_body_bytes}) <= max_decompressed_bytes ({max_decompressed_bytes}) does not hold"
            ));
        }
        // A request that can never be admitted would be refused as "busy" for ever.
        let held = max_body_bytes.saturating_add(max_decompressed_bytes);
        if held > self.admission.max_bytes_in_flight {
            return Err(format!(
                "max_bytes_in_flight ({}) is below max_body_bytes + max_decompressed_bytes ({held}), what one compressed request may need",
                self.admission.max_bytes_in_flight
            ));
        }
        let positive = [
            ("max_connections", self.http.max_connections),
            ("max_requests_in_flight", self.admission.max_requests_in_flight),
            ("max_documents_per_request", max_documents_per_request),
            ("queue_records", self.producer.queue_records),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} must be above 0"));
        }
        if self.producer.queue_bytes < max_document_bytes {
            return Err(format!(
                "queue_bytes ({}) is below max_document_bytes ({max_document_bytes})",
                self.producer.queue_bytes
            ));
        }
        let QuotaSettings { documents_per_second, bulk_documents_per_second } = self.quotas;
        if [self.admission.documents_per_second, documents_per_second, bulk_documents_per_second].contains(&Some(0)) {
            return Err("documents_per_second and bulk_documents_per_second must be above 0 or not set".to_owned());
        }
        if self.http.header_timeout_seconds == 0 || self.http.idle_timeout_seconds == 0 {
            return Err("header_timeout_seconds and idle_timeout_seconds must be above 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::builder().preloaded(with_keys()).load().unwrap()
    }

    fn with_keys() -> <Settings as Config>::Layer {
        let mut layer = <<Settings as Config>::Layer as confique::Layer>::default_values();
        layer.tokens.keys = Some(format!("1:{}", "5ec7e7".repeat(11)));
        layer
    }

    #[test]
    fn the_defaults_agree_with_each_other() {
        assert_eq!(settings().check(), Ok(()));
    }

    #[test]
    fn timeouts_out_of_order_are_refused_by_name() {
        let mut settings = settings();
        settings.timeouts.message_timeout_seconds = 10;
        let problem = settings.check().unwrap_err();
        assert!(problem.contains("request_timeout_seconds (10) > message_timeout_seconds (10)"), "{problem}");
    }

    #[test]
    fn a_bound_that_no_request_could_ever_pass_is_refused() {
        let mut settings = settings();
        settings.admission.max_bytes_in_flight = 10_000_000;
        assert!(settings.check().unwrap_err().starts_with("max_bytes_in_flight"));
    }

    #[test]
    fn the_keys_are_not_shown() {
        assert!(!format!("{:?}", settings()).contains("5ec7e7"));
    }
}
