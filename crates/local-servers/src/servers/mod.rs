//! What is particular to each server: how it is prepared and started, and what its readiness means.

mod kafka;
mod mongod;
mod postgres;
mod registry;

use std::ffi::OsString;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::home::{Home, program};
use crate::process::{Invocation, Mark};
use crate::{Endpoints, Result};

/// One of the four servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Apache Kafka, one node that is broker and controller.
    Kafka,
    /// Apicurio Registry, a Confluent-compatible schema registry.
    Registry,
    /// MongoDB, a replica set of one member.
    MongoDb,
    /// PostgreSQL.
    Postgres,
}

impl Kind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Kafka, Self::Registry, Self::MongoDb, Self::Postgres];

    /// The name of its data folder and its log file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::MongoDb => "mongodb",
            Self::Postgres => "postgres",
        }
    }

    /// The port on which people expect it.
    pub(crate) fn usual_port(self) -> u16 {
        match self {
            Self::Kafka => 9092,
            Self::Registry => 8081,
            Self::MongoDb => 27017,
            Self::Postgres => 5432,
        }
    }

    /// A second port that it needs, for itself.
    pub(crate) fn usual_inner_port(self) -> Option<u16> {
        (self == Self::Kafka).then_some(9093)
    }

    /// The signal on which it ends in good order.
    pub(crate) fn stop_signal(self) -> Signal {
        match self {
            // SIGTERM would make PostgreSQL wait until the last client has gone.
            Self::Postgres => Signal::INT,
            _ => Signal::TERM,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kafka => "Kafka",
            Self::Registry => "registry",
            Self::MongoDb => "MongoDB",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// Where one server lives.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) kind: Kind,
    pub(crate) port: u16,
    /// Kafka's controller port.
    pub(crate) inner_port: Option<u16>,
    pub(crate) data: PathBuf,
    pub(crate) log: PathBuf,
}

impl Site {
    /// What a client is given to reach it.
    pub(crate) fn url(&self) -> String {
        let port = self.port;
        match self.kind {
            Kind::Kafka => format!("127.0.0.1:{port}"),
            Kind::Registry => format!("http://127.0.0.1:{port}/apis/ccompat/v7"),
            Kind::MongoDb => format!("mongodb://127.0.0.1:{port}/?replicaSet=rs0"),
            Kind::Postgres => format!("postgres://kassaflow@127.0.0.1:{port}/kassaflow"),
        }
    }

    /// How its process is recognised.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            program: match self.kind {
                Kind::Kafka | Kind::Registry => "java",
                Kind::MongoDb => "mongod",
                Kind::Postgres => "postgres",
            },
            data: self.data.clone(),
        }
    }

    /// Makes the data folder what the server needs, if it is not yet, and says how to start the server.
    /// Blocks for up to some seconds.
    pub(crate) fn prepare(&self, home: &Home) -> Result<Invocation> {
        match self.kind {
            Kind::Kafka => kafka::prepare(self, home),
            Kind::Registry => registry::prepare(self, home),
            Kind::MongoDb => mongod::prepare(self, home),
            Kind::Postgres => postgres::prepare(self, home),
        }
    }

    /// Asks the server to do its work once, and does what has to be done once after its first start; says
    /// what is wrong if it cannot (yet).
    pub(crate) async fn ready(&self) -> std::result::Result<(), String> {
        self.listens().await?;
        within(async {
            match self.kind {
                Kind::Kafka => kafka::healthy(self.port).await,
                Kind::Registry => registry::healthy(&self.url()).await,
                Kind::MongoDb => mongod::ready(self.port).await,
                Kind::Postgres => postgres::ready(self.port).await,
            }
        })
        .await
    }

    /// Asks the server to do its work once, and changes nothing.
    pub(crate) async fn healthy(&self) -> std::result::Result<(), String> {
        self.listens().await?;
        within(async {
            match self.kind {
                Kind::Kafka => kafka::healthy(self.port).await,
                Kind::Registry => registry::healthy(&self.url()).await,
                Kind::MongoDb => mongod::healthy(self.port).await,
                Kind::Postgres => postgres::healthy(&self.url()).await,
            }
        })
        .await
    }

    /// The clients would take their time to find out that nobody is there yet.
    async fn listens(&self) -> std::result::Result<(), String> {
        within(async {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
                .await
                .map(drop)
                .map_err(|error| format!("port {}: {error}", self.port))
        })
        .await
    }
}

async fn within(probe: impl Future<Output = std::result::Result<(), String>>) -> std::result::Result<(), String> {
    timeout(Duration::from_secs(5), probe).await.unwrap_or_else(|_| Err("no answer within 5 s".to_owned()))
}

/// The endpoints of four sites, in the order of [`Kind::ALL`].
pub(crate) fn endpoints([kafka, registry, mongodb, postgres]: [&Site; 4]) -> Endpoints {
    Endpoints { kafka: kafka.url(), registry: registry.url(), mongodb: mongodb.url(), postgres: postgres.url() }
}

/// The option with which Java starts from the classes that the setup script has kept loaded in a file, if it
/// has: that halves the processor time of a start.
fn loaded_classes(home: &Home, kind: Kind) -> Option<OsString> {
    let file = home.download(&format!("classes/{}.jsa", kind.name()));
    file.ok().map(|file| format!("-XX:SharedArchiveFile={}", file.display()).into())
}

/// The Java program of this machine.
fn java() -> Result<PathBuf> {
    let folders: Vec<PathBuf> = std::env::var_os("JAVA_HOME")
        .map(|home| PathBuf::from(home).join("bin"))
        .into_iter()
        .chain([PathBuf::from("/opt/homebrew/opt/openjdk@17/bin"), PathBuf::from("/usr/local/opt/openjdk@17/bin")])
        .collect();
    program("java", &folders)
}

/// Runs a statement on a connection of its own to PostgreSQL.
pub(crate) async fn run_in_postgres(url: &str, statement: &str) -> std::result::Result<(), String> {
    postgres::run(url, statement).await
}
