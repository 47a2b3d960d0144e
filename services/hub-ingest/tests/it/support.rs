//! A hub of one's own, and clients for it.

use std::net::SocketAddr;

use hub_ingest::{Settings, testing};
use local_servers::testing::{endpoints, until};
use provision::{
    Enrolment, SourceId,
    testing::{TOKEN_KEYS, TestInstallation, install},
};
use reqwest::{Client, RequestBuilder, Response, header::CONTENT_TYPE};
use serde_json::Value;
use service::{Context, Fatal};
use tokio::task::JoinHandle;

pub const PARTITIONS: i32 = 6;

pub struct TestHub {
    pub installation: TestInstallation,
    pub address: SocketAddr,
    pub context: Context,
    pub task: JoinHandle<Result<(), Fatal>>,
    http: Client,
}

/// A hub with default settings on the servers of the test run.
pub async fn hub() -> TestHub {
    hub_with(|_| {}).await
}

/// A hub with some settings changed.
pub async fn hub_with(change: impl FnOnce(&mut Settings)) -> TestHub {
    start(install(&endpoints(), PARTITIONS).await, change).await
}

/// The settings of a hub of an installation.
pub fn settings_of(installation: &TestInstallation) -> Settings {
    testing::settings(installation.common(), installation.kafka.clone(), TOKEN_KEYS).unwrap()
}

/// A hub of an installation.
pub async fn start(installation: TestInstallation, change: impl FnOnce(&mut Settings)) -> TestHub {
    let mut settings = settings_of(&installation);
    change(&mut settings);
    let context = Context::detached();
    let running = hub_ingest::start(context.clone(), settings).await.unwrap();
    let address = running.address().unwrap();
    let task = tokio::spawn(running.serve());
    TestHub { installation, address, context, task, http: Client::new() }
}

impl TestHub {
    /// Enrols a register, and waits until the hub knows it. The answer is its token.
    pub async fn enrol(&self, register: &str) -> String {
        let token = self.installation.enrol(register).await;
        self.wait_until_known(register, &token).await;
        token
    }

    /// Enrols a register whose documents name it by these devices.
    pub async fn enrol_with(&self, register: &str, families: &[&str], devices: &[&str]) -> String {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let token = self
            .installation
            .enrol_as(&Enrolment {
                tenant: self.installation.tenant.clone(),
                register: register.to_owned(),
                shop: "shop-1".to_owned(),
                time_zone: "Europe/Moscow".to_owned(),
                families: list(families),
                devices: list(devices),
                ..Enrolment::default()
            })
            .await;
        self.wait_until_known(register, &token).await;
        token
    }

    /// Adds a source, and waits until the hub knows it. The answer is its token.
    pub async fn add_source(&self, name: &str, families: &[&str]) -> String {
        let id = SourceId { tenant: self.installation.tenant.clone(), source: name.to_owned() };
        let families = families.iter().map(|family| (*family).to_owned()).collect();
        let token = self.installation.installation().sources_add(id, families).await.unwrap().token;
        until("the hub knows the source", async || {
            self.source_post("?format=none", &token).send().await.unwrap().status() == 415
        })
        .await;
        token
    }

    /// A request of a source, without a body.
    pub fn source_post(&self, query: &str, token: &str) -> RequestBuilder {
        self.http.post(self.url(&format!("/v1/documents{query}"))).bearer_auth(token)
    }

    /// Waits until the hub lets the register in.
    pub async fn wait_until_known(&self, register: &str, token: &str) {
        until("the hub knows the register", async || {
            self.post_as("none", register, token).send().await.unwrap().status() == 415
        })
        .await;
    }

    /// A request of a register, without a body.
    pub fn post(&self, register: &str, token: &str) -> RequestBuilder {
        self.http.post(self.url(&format!("/v1/registers/{register}/documents"))).bearer_auth(token)
    }

    /// The same with the parameter `format`.
    pub fn post_as(&self, format: &str, register: &str, token: &str) -> RequestBuilder {
        self.http.post(self.url(&format!("/v1/registers/{register}/documents?format={format}"))).bearer_auth(token)
    }

    /// Sends JSON in the Dreamkas format.
    pub async fn send_json(&self, register: &str, token: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let request = self.post(register, token).header(CONTENT_TYPE, "application/vnd.kassaflow.dreamkas+json");
        answer(request.body(body).send().await.unwrap()).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn http(&self) -> &Client {
        &self.http
    }

    /// The value of a metric, or of the sum over its labels.
    pub fn metric(&self, name: &str) -> f64 {
        self.context.metric(name).unwrap_or_default()
    }
}

/// Status and body of an answer.
pub async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

/// The last part of a problem's type.
pub fn problem(body: &Value) -> &str {
    body["type"].as_str().unwrap_or_default().strip_prefix("urn:kassaflow:problem:").unwrap_or_default()
}

/// The status of each document.
pub fn statuses(body: &Value) -> Vec<&str> {
    body["results"].as_array().unwrap().iter().map(|result| result["status"].as_str().unwrap()).collect()
}

/// A receipt in TLV with nothing but a total: tag 3, one child of tag 1020.
pub fn tlv_receipt(total: u8) -> Vec<u8> {
    vec![3, 0, 5, 0, 0xFC, 0x03, 1, 0, total]
}
