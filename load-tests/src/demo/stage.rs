//! The servers that the road needs, made ready for work: topics, schemas, tables, registers.

use std::{
    fs,
    io::{self, Read as _},
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use canonical::TokenKeys;
use fake_iiko::{FakeIiko, Scenario};
use local_servers::{Endpoints, Ephemeral, Home};
use provision::{Enrolment, Installation};
use schemas::catalogue::Catalogue;

use crate::{check::topics::TopicReader, enrolment, world::World};

/// The name of the databases of the demo.
pub const DATABASE: &str = "kassaflow";
/// The tenant that the restaurants belong to.
const RESTAURANTS: &str = "restaurants";
/// What the fake iiko takes to answer: long enough to be killed in the middle.
const IIKO_LATENCY: Duration = Duration::from_millis(150);

/// Servers, provisioned.
#[derive(Debug)]
pub struct Stage {
    /// Where the servers are.
    pub endpoints: Endpoints,
    /// The restaurants.
    pub iiko: FakeIiko,
    /// Tokens in the order of the world's registers.
    pub tokens: Vec<String>,
    /// The secret that they were made with, as a setting.
    pub token_keys: String,
    /// The file with the login for the restaurants.
    pub logins_file: PathBuf,
    /// Folder of the demo.
    pub folder: PathBuf,
    root: PathBuf,
    /// The servers themselves.
    pub servers: Ephemeral,
}

impl Stage {
    /// Starts the servers and makes them ready.
    ///
    /// # Errors
    /// When a server does not start or refuses.
    pub async fn set_up(world: &World, seed: u64, folder: &Path, partitions: i32) -> anyhow::Result<Self> {
        let home = Home::find()?;
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let scenario = Scenario { seed, organizations: 4, groups: 5, items: 25, ..Scenario::default() };
        let login = format!("[[login]]\ntenant = \"{RESTAURANTS}\"\napi_login = \"{}\"\n", scenario.logins[0]);
        let logins_file = folder.join("iiko-logins.toml");
        fs::write(&logins_file, login)?;
        let (servers, iiko) =
            tokio::try_join!(async { Ephemeral::start(&home).await.context("starting the servers") }, async {
                FakeIiko::start(scenario).await.context("starting the fake iiko")
            },)?;
        iiko.latency(IIKO_LATENCY);
        let endpoints = servers.endpoints();
        let token_keys = format!("1:{}", secret()?);
        let tokens = provision(world, &endpoints, &token_keys, partitions).await?;
        let root = home.root().to_owned();
        Ok(Self { endpoints, iiko, tokens, token_keys, logins_file, folder: folder.to_owned(), root, servers })
    }

    /// Folder with the programs of the services.
    ///
    /// # Errors
    /// When this program's own place is unknown.
    pub fn programs(&self) -> io::Result<PathBuf> {
        // The demo is built together with the services.
        Ok(std::env::current_exe()?.parent().map_or_else(|| self.root.join("target/release"), Path::to_owned))
    }

    /// How the topics are read for the check.
    #[must_use]
    pub fn topic_reader(&self) -> TopicReader {
        TopicReader {
            python: self.root.join(".local/venv/bin/python"),
            script: self.root.join("load-tests/python/read_topics.py"),
            brokers: self.endpoints.kafka.clone(),
            registry: self.endpoints.registry.clone(),
            folder: self.folder.join("topics"),
        }
    }

    /// The servers' names and process numbers.
    #[must_use]
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        self.servers.servers().into_iter().filter_map(|server| Some((server.kind().name(), server.pid()?))).collect()
    }
}

/// Makes topics, schemas and tables, and enrols the registers. Returns their tokens.
async fn provision(
    world: &World,
    endpoints: &Endpoints,
    token_keys: &str,
    partitions: i32,
) -> anyhow::Result<Vec<String>> {
    let installation = Installation::new(&service::settings::Kafka {
        brokers: endpoints.kafka.clone(),
        topic_prefix: String::new(),
        client_file: None,
        registry_url: endpoints.registry.clone(),
    })?;
    let catalogue = Catalogue::load()?.with_at_most(partitions);
    let (_, _, _) = tokio::try_join!(
        async { installation.topics_apply(&catalogue, 1).await.context("creating the topics") },
        async { installation.schemas_apply().await.context("registering the schemas") },
        async { provision::db_migrate(&endpoints.postgres).await.context("creating the tables") },
    )?;
    let registers: Vec<Enrolment> = world
        .registers
        .iter()
        .map(|register| Enrolment {
            tenant: world.tenant_of(register).id.clone(),
            register: register.id.clone(),
            shop: world.shop_of(register).id.clone(),
            time_zone: world.shop_of(register).zone.name.to_owned(),
            families: vec![register.family.name().to_owned()],
            ..Enrolment::default()
        })
        .collect();
    let keys = TokenKeys::parse(token_keys)?;
    let enrolled = installation.registers_enrol(&keys, &registers, None).await.context("enrolling the registers")?;
    let tokens =
        enrolled.into_iter().map(|one| ((one.entry.tenant.into_owned(), one.entry.register.into_owned()), one.token));
    Ok(enrolment::in_order(world, tokens.collect())?)
}

/// 32 random bytes in hex.
fn secret() -> io::Result<String> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A free port of 127.0.0.1. Another program could take it before it is used; then the service says so.
///
/// # Errors
/// When there is none.
pub fn free_address() -> io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
