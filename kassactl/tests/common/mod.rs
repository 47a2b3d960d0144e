//! kassactl as a process, on an installation of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, reason = "tests")]

use std::{ffi::OsStr, process::Stdio};

use local_servers::testing::endpoints;
use provision::testing::{TOKEN_KEYS, TestInstallation, install};
use serde_json::Value;
use service::Context;
use tokio::{io::AsyncWriteExt as _, process::Command};

/// An installation with topics, schemas and tables.
pub async fn installation() -> TestInstallation {
    install(&endpoints(), 3).await
}

/// Starts a hub and returns its URL. It ends with the test.
pub async fn hub(test: &TestInstallation) -> String {
    let settings = hub_ingest::testing::settings(test.common(), test.kafka.clone(), TOKEN_KEYS).unwrap();
    let running = hub_ingest::start(Context::detached(), settings).await.unwrap();
    let address = running.address().unwrap();
    tokio::spawn(running.serve());
    format!("http://{address}")
}

/// How a run of kassactl ended.
#[derive(Debug)]
pub struct Ended {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The output, if all went well.
    pub fn fine(self) -> String {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self.stdout
    }

    /// The output as JSON, if all went well.
    pub fn json(self) -> Value {
        serde_json::from_str(&self.fine()).unwrap()
    }

    /// The output as lines of JSON, if all went well.
    pub fn json_lines(self) -> Vec<Value> {
        self.fine().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// kassactl with the settings of the installation.
pub fn command<S: AsRef<OsStr>>(test: &TestInstallation, arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kassactl"));
    command
        .args(arguments)
        .env_remove("KASSAFLOW_CONFIG")
        .env_remove("KASSAFLOW_TOKEN")
        .env("KASSAFLOW_KAFKA_BROKERS", &test.kafka.brokers)
        .env("KASSAFLOW_TOPIC_PREFIX", &test.kafka.topic_prefix)
        .env("KASSAFLOW_REGISTRY_URL", &test.kafka.registry_url)
        .env("KASSAFLOW_POSTGRES_URL", &test.postgres.url)
        .env("KASSAFLOW_TOKEN_KEYS", TOKEN_KEYS)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs kassactl to its end.
pub async fn kassactl<S: AsRef<OsStr>>(test: &TestInstallation, arguments: &[S]) -> Ended {
    ended(command(test, arguments)).await
}

/// Runs kassactl to its end with this standard input.
pub async fn kassactl_with_input<S: AsRef<OsStr>>(test: &TestInstallation, arguments: &[S], input: &str) -> Ended {
    let mut command = command(test, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    into_ended(child.wait_with_output().await.unwrap())
}

/// Runs a command to its end.
pub async fn ended(mut command: Command) -> Ended {
    into_ended(command.output().await.unwrap())
}

fn into_ended(output: std::process::Output) -> Ended {
    Ended {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
