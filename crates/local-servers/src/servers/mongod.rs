//! MongoDB as a replica set of one member, so that majority writes and transactions are what they are in
//! production.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error as MongoError, ErrorKind};
use mongodb::options::{ClientOptions, ServerAddress};
use mongodb::{Client, Database};

use super::Site;
use crate::Result;
use crate::home::{Home, make_folder, program};
use crate::process::Invocation;

/// "This node was not started with, or has not got, a replica set configuration."
const NOT_YET_INITIALIZED: i32 = 94;

pub(super) fn prepare(site: &Site, home: &Home) -> Result<Invocation> {
    // Where the setup script has no download for the platform, the installed one serves.
    let executable = home.download("mongodb/mongod").or_else(|missing| program("mongod", &[]).map_err(|_| missing))?;
    make_folder(&site.data)?;
    let mut arguments: Vec<_> = [
        "--replSet",
        "rs0",
        "--bind_ip",
        "127.0.0.1",
        "--nounixsocket",
        "--wiredTigerCacheSizeGB",
        "1",
        // The defaults, 5 % and 20 % of the cache, are made for caches of tens of gigabytes. Here they would
        // have every page of an index written and read again after a few inserts.
        "--wiredTigerEngineConfigString",
        "eviction_dirty_target=40,eviction_dirty_trigger=60,eviction_updates_target=30,eviction_updates_trigger=50",
        // These servers live for minutes: compressing costs a tenth of the time here and saves disk that nobody needs.
        "--wiredTigerJournalCompressor",
        "none",
        "--wiredTigerCollectionBlockCompressor",
        "none",
        // The default is a twentieth of the disk.
        "--oplogSize",
        "512",
        "--quiet",
        "--setParameter",
        "diagnosticDataCollectionEnabled=false",
        // A primary that is told to end waits 15 s for another one to take over; there is none.
        "--setParameter",
        "shutdownTimeoutMillisForSignaledShutdown=100",
    ]
    .map(Into::into)
    .into();
    arguments.extend(["--port".into(), site.port.to_string().into(), "--dbpath".into(), site.data.clone().into()]);
    Ok(Invocation { program: executable, arguments, user: None })
}

/// Whether the server is a primary that accepts writes.
pub(super) async fn healthy(port: u16) -> std::result::Result<(), String> {
    let (client, admin) = connect(port)?;
    let answer = is_primary(&admin).await;
    client.shutdown().immediate(true).await;
    answer
}

/// Initiates the replica set at the first start, follows a changed port, and then says whether the server
/// is a primary.
pub(super) async fn ready(port: u16) -> std::result::Result<(), String> {
    let (client, admin) = connect(port)?;
    let answer = async {
        configure(&admin, port).await.map_err(|error| error.to_string())?;
        is_primary(&admin).await
    }
    .await;
    client.shutdown().immediate(true).await;
    answer
}

fn connect(port: u16) -> std::result::Result<(Client, Database), String> {
    let options = ClientOptions::builder()
        .hosts(vec![ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(port) }])
        .direct_connection(true)
        .server_selection_timeout(Duration::from_secs(3))
        .build();
    let client = Client::with_options(options).map_err(|error| error.to_string())?;
    let admin = client.database("admin");
    Ok((client, admin))
}

async fn is_primary(admin: &Database) -> std::result::Result<(), String> {
    let answer = admin.run_command(doc! { "hello": 1 }).await.map_err(|error| error.to_string())?;
    if answer.get_bool("isWritablePrimary").is_ok_and(|primary| primary) {
        Ok(())
    } else {
        Err("it is not the primary yet".to_owned())
    }
}

async fn configure(admin: &Database, port: u16) -> std::result::Result<(), MongoError> {
    let host = format!("127.0.0.1:{port}");
    let members = vec![doc! { "_id": 0, "host": &host }];
    match admin.run_command(doc! { "replSetGetConfig": 1 }).await {
        Ok(answer) if !is_member(&answer, &host) => {
            let version = answer.get_document("config").and_then(|config| config.get_i32("version")).unwrap_or(1);
            let config = doc! { "_id": "rs0", "version": version + 1, "members": members };
            admin.run_command(doc! { "replSetReconfig": config, "force": true }).await.map(drop)
        }
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(NOT_YET_INITIALIZED) => {
            let config = doc! { "_id": "rs0", "members": members };
            admin.run_command(doc! { "replSetInitiate": config }).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

fn is_member(answer: &Document, host: &str) -> bool {
    answer.get_document("config").and_then(|config| config.get_array("members")).is_ok_and(|members| {
        members.iter().any(|member| member.as_document().and_then(|member| member.get_str("host").ok()) == Some(host))
    })
}

fn code(error: &MongoError) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}
