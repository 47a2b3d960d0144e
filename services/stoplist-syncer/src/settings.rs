//! What stoplist-syncer is told.

use std::{path::PathBuf, time::Duration};

use confique::Config;
use service::{
    ServiceSettings,
    settings::{Common, Kafka, Postgres},
};

use crate::logins;

/// Everything that stoplist-syncer is told.
#[derive(Debug, Clone, Config)]
pub struct Settings {
    /// What every service is told.
    #[config(nested)]
    pub common: Common,
    /// The brokers and the schema registry.
    #[config(nested)]
    pub kafka: Kafka,
    /// PostgreSQL.
    #[config(nested)]
    pub postgres: Postgres,
    /// The way to iiko.
    #[config(nested)]
    pub iiko: Iiko,
    /// How often and how carefully the lists are synchronised.
    #[config(nested)]
    pub stop_lists: StopLists,
}

/// The way to iiko.
#[derive(Debug, Clone, Config)]
pub struct Iiko {
    /// Root of the iiko Cloud API.
    #[config(env = "KASSAFLOW_IIKO_BASE_URL", default = "https://api-ru.iiko.services")]
    pub base_url: String,
    /// TOML file of logins, mounted from a secret: `[[login]]` with `tenant` and either `api_login` or `api_key`, `app_id` and `client_secret`.
    #[config(env = "KASSAFLOW_IIKO_LOGINS_FILE")]
    pub logins_file: PathBuf,
    /// Seconds that a connection to iiko may take.
    #[config(env = "KASSAFLOW_IIKO_CONNECT_TIMEOUT_SECONDS", default = 10)]
    pub connect_timeout_seconds: u64,
    /// Longest silence of iiko in seconds. iiko itself is told to give up five seconds earlier.
    #[config(env = "KASSAFLOW_IIKO_READ_TIMEOUT_SECONDS", default = 45)]
    pub read_timeout_seconds: u64,
    /// Seconds for one try of a call with its whole answer.
    #[config(env = "KASSAFLOW_IIKO_DEADLINE_SECONDS", default = 60)]
    pub deadline_seconds: u64,
    /// Most calls to iiko at the same time, all logins together.
    #[config(env = "KASSAFLOW_IIKO_CONCURRENCY", default = 24)]
    pub concurrency: usize,
    /// Most tries of a call.
    #[config(env = "KASSAFLOW_IIKO_ATTEMPTS", default = 3)]
    pub attempts: u32,
    /// Largest answer of iiko in bytes.
    #[config(env = "KASSAFLOW_IIKO_MAX_ANSWER_BYTES", default = 16777216)]
    pub max_answer_bytes: usize,
}

impl Iiko {
    pub(crate) fn options(&self) -> iiko::Options {
        iiko::Options {
            base_url: self.base_url.clone(),
            connect_timeout: Duration::from_secs(self.connect_timeout_seconds),
            read_timeout: Duration::from_secs(self.read_timeout_seconds),
            deadline: Duration::from_secs(self.deadline_seconds),
            concurrency: self.concurrency,
            attempts: self.attempts,
            max_answer_bytes: self.max_answer_bytes,
            ..iiko::Options::default()
        }
    }
}

/// How often and how carefully the lists are synchronised.
#[derive(Debug, Clone, Config)]
pub struct StopLists {
    /// Seconds from the beginning of one round to that of the next, for each login.
    #[config(env = "KASSAFLOW_STOP_LISTS_PERIOD_SECONDS", default = 300)]
    pub period_seconds: u64,
    /// The first round of each login begins after a random part of so many seconds, so that restarted replicas and many logins do not call together.
    #[config(env = "KASSAFLOW_STOP_LISTS_STARTUP_SPREAD_SECONDS", default = 30)]
    pub startup_spread_seconds: u64,
    /// Organisations of one login that are synchronised at the same time.
    #[config(env = "KASSAFLOW_STOP_LISTS_CONCURRENCY", default = 24)]
    pub concurrency: usize,
    /// Seconds after which the organisations of a login are asked for again.
    #[config(env = "KASSAFLOW_STOP_LISTS_ORGANIZATIONS_SECONDS", default = 3600)]
    pub organizations_seconds: u64,
    /// Seconds for which a login that iiko refuses or has blocked is left alone.
    #[config(env = "KASSAFLOW_STOP_LISTS_REFUSED_LOGIN_SECONDS", default = 3600)]
    pub refused_login_seconds: u64,
    /// An answer whose emptied groups lose more items than this needs a second answer that says the same.
    #[config(env = "KASSAFLOW_STOP_LISTS_CONFIRM_ITEMS", default = 50)]
    pub confirm_items: usize,
    /// Seconds before that second answer is asked for.
    #[config(env = "KASSAFLOW_STOP_LISTS_CONFIRM_AFTER_SECONDS", default = 10)]
    pub confirm_after_seconds: u64,
}

impl ServiceSettings for Settings {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self) -> Result<(), String> {
        kafka::check(&self.kafka)?;
        postgres::check(&self.postgres)?;
        self.iiko.options().check().map_err(|e| format!("iiko: {e}"))?;
        if self.stop_lists.period_seconds == 0 || self.stop_lists.concurrency == 0 {
            return Err("stop_lists.period_seconds and stop_lists.concurrency must be above 0".to_owned());
        }
        logins::read(&self.iiko.logins_file).map(drop).map_err(|e| e.to_string())
    }
}
