//! What the tests have in common.

use std::time::Duration;

use normalizer::{NormalizerSettings, Settings, run};
use provision::testing::TestInstallation;
use schemas::{Timestamp, raw::RawDocument};
use service::{Context, Fatal, settings};
use tokio::task::JoinHandle;

const BOUND: Duration = Duration::from_secs(90);

/// A Dreamkas receipt as its cloud tells of it, with made-up values.
pub fn dreamkas_receipt(number: u32) -> Vec<u8> {
    format!(
        r#"{{"id":{number},"type":"SALE","amount":10998,"discount":0,"deviceId":17,"shopId":3,"operationId":"00000000000000000000{number:04}",
        "shiftId":5,"number":{number},"localDate":"2026-03-01 10:00:00","date":"2026-03-01T07:00:00.000Z",
        "payments":[{{"type":"CASH","amount":10998}}],
        "positions":[{{"id":"2e21d75a-70d4-4a9f-b2e9-000000000001","name":"Хлеб «Полевой»","type":"COUNTABLE","quantity":2000,"price":5499,"discount":0,"barcode":"4607161623886","tax":"NDS_10"}}],
        "cashier":{{"name":"Ветрова А. Б.","card":"000000","password":"00"}},
        "fiscalDocumentNumber":"{number}","fiscalDocumentSign":"2447729623","fnNumber":"9999078900001234","registryNumber":"0000000001005209"}}"#
    )
    .into_bytes()
}

pub fn raw(installation: &TestInstallation, format: &str, body: Vec<u8>) -> RawDocument<'static> {
    RawDocument {
        tenant: installation.tenant.clone().into(),
        register: "till-1".into(),
        shop: Some("shop-1".into()),
        time_zone: Some("Europe/Moscow".into()),
        primary_source: Some("dreamkas".into()),
        format: format.to_owned().into(),
        received_at: Timestamp(1_900_000_000_000_000),
        document_hash: canonical::document_hash(&body).to_string().into(),
        body: body.into(),
        ..RawDocument::default()
    }
}

/// To raw.
pub async fn send(installation: &TestInstallation, documents: Vec<RawDocument<'static>>) {
    send_to(installation, schemas::raw::TOPIC, documents).await;
}

pub async fn send_to(installation: &TestInstallation, topic: &str, documents: Vec<RawDocument<'static>>) {
    let key = format!("{}/till-1", installation.tenant);
    let records: Vec<_> = documents.into_iter().map(|d| (key.as_str(), d)).collect();
    installation.produce(topic, &records).await;
}

pub struct Service {
    pub context: Context,
    task: JoinHandle<Result<(), Fatal>>,
}

pub fn start(installation: &TestInstallation) -> Service {
    start_with(installation, settings::defaults().unwrap())
}

pub fn start_with(installation: &TestInstallation, normalizer: NormalizerSettings) -> Service {
    let settings = Settings { common: installation.common(), kafka: installation.kafka.clone(), normalizer };
    let context = Context::detached();
    Service { task: tokio::spawn(run(context.clone(), settings)), context }
}

impl Service {
    pub async fn stop(self) {
        self.context.shutdown.cancel();
        tokio::time::timeout(BOUND, self.task).await.unwrap().unwrap().unwrap();
    }
}
