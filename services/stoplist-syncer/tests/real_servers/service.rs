//! The whole service on real servers: from the fake iiko to the topic.

use std::{collections::BTreeMap, io::Write, time::Duration};

use crate::common::{BOUND, Lists, quick, truth};
use ::service::{Context, Fatal, ServiceSettings, settings};
use fake_iiko::{Endpoint, FakeIiko, Fault, ListedItem, Scenario};
use local_servers::testing::endpoints;
use provision::testing::{Consumed, TestInstallation, install};
use schemas::stop_lists::{StopList, StopListItem, TOPIC};
use stoplist_syncer::{
    Settings, run,
    settings::{Iiko, StopLists},
};
use tempfile::NamedTempFile;
use tokio::task::JoinHandle;
use uuid::Uuid;

struct Service {
    context: Context,
    task: JoinHandle<Result<(), Fatal>>,
    _logins: NamedTempFile,
}

fn settings(installation: &TestInstallation, fake: &FakeIiko, stop_lists: StopLists) -> (Settings, NamedTempFile) {
    let mut logins = NamedTempFile::new().unwrap();
    write!(logins, "[[login]]\ntenant = \"{}\"\napi_login = \"demo-login\"\n", installation.tenant).unwrap();
    let iiko = Iiko {
        base_url: fake.base_url(),
        logins_file: logins.path().to_owned(),
        connect_timeout_seconds: 10,
        read_timeout_seconds: 45,
        deadline_seconds: 60,
        concurrency: 24,
        attempts: 3,
        max_answer_bytes: 16 << 20,
    };
    let (kafka, postgres) = (installation.kafka.clone(), installation.postgres.clone());
    (Settings { common: installation.common(), kafka, postgres, iiko, stop_lists }, logins)
}

fn start(installation: &TestInstallation, fake: &FakeIiko) -> Service {
    let (settings, logins) = settings(installation, fake, quick());
    settings.check().unwrap();
    let context = Context::detached();
    Service { task: tokio::spawn(run(context.clone(), settings)), context, _logins: logins }
}

impl Service {
    async fn stop(self) {
        self.context.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task).await.expect("it ends in time").unwrap().unwrap();
    }

    /// As SIGKILL would: nothing is finished.
    async fn kill(self) {
        self.task.abort();
        drop(self.task.await);
    }
}

fn listed(item: &StopListItem<'_>) -> ListedItem {
    ListedItem {
        product_id: item.product_id.parse().unwrap(),
        size_id: item.size_id.as_ref().map(|id| id.parse().unwrap()),
        balance_millionths: item.balance.unscaled(),
        sku: item.sku.as_ref().map(|sku| sku.to_string()),
        added_at_millis: item.added_at.map(|time| time.0 / 1000),
    }
}

/// The newest list of each group, as a reader of the compacted topic ends up with.
fn newest(records: &[Consumed], tenant: &str) -> Lists {
    let mut lists = BTreeMap::new();
    let mut versions: BTreeMap<Uuid, i64> = BTreeMap::new();
    // A transaction's marker and an emptied list are no tombstones: every record has a value.
    for record in records {
        let list: StopList<'_> = record.decode();
        assert_eq!(record.key(), format!("{tenant}/{}", list.terminal_group_id));
        assert_eq!(list.tenant, tenant);
        let group: Uuid = list.terminal_group_id.parse().unwrap();
        let before = versions.insert(group, list.version);
        assert!(before.is_none_or(|before| before <= list.version), "no reader sees a list grow older");
        lists.insert(group, list.items.iter().map(listed).collect());
    }
    lists
}

async fn until_published(installation: &TestInstallation, expected: Lists) {
    let tenant = installation.tenant.clone();
    let done = move |records: &[Consumed]| newest(records, &tenant) == expected;
    drop(installation.wait_for(TOPIC, "lists equal to iiko's", done).await);
}

async fn start_fake(groups: usize, items: usize) -> FakeIiko {
    FakeIiko::start(Scenario { organizations: 3, groups, items, ..Scenario::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_becomes_equal_to_iikos_lists_again_and_again() {
    let (installation, fake) = (install(&endpoints(), 2).await, start_fake(3, 20).await);
    let service = start(&installation, &fake);
    until_published(&installation, truth(&fake)).await;
    assert!(service.context.health.reasons().is_empty());

    fake.mutate(50);
    let (organization, groups) = fake.organizations().remove(0);
    assert!(fake.set_stop_list(organization, groups[0], vec![]), "an emptied list is published empty");
    fake.fail_next(Endpoint::StopLists, 4, Fault::Truncated);
    until_published(&installation, truth(&fake)).await;
    service.stop().await;

    // Nothing is published for lists that did not change.
    let records = installation.read_all(TOPIC).await.len();
    let rounds = fake.calls().len();
    let service = start(&installation, &fake);
    let rested = async {
        while fake.calls().len() < rounds + 12 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(BOUND, rested).await.unwrap();
    service.stop().await;
    assert_eq!(installation.read_all(TOPIC).await.len(), records);
    let dirty = crate::common::Database::at(installation.postgres.url.clone()).await;
    let dirty: Vec<i64> = dirty.column("SELECT version FROM stop_list_groups_dirty").await;
    assert_eq!(dirty, [0_i64; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_still_arrives_at_the_truth() {
    let (installation, fake) = (install(&endpoints(), 2).await, start_fake(4, 30).await);
    for pause in [300, 700, 1200, 1800, 2500] {
        let service = start(&installation, &fake);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        fake.mutate(40);
        service.kill().await;
    }
    let service = start(&installation, &fake);
    until_published(&installation, truth(&fake)).await;
    let database = crate::common::Database::at(installation.postgres.url.clone()).await;
    assert_eq!(database.lists(&installation.tenant).await, truth(&fake));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_at_once_while_iiko_hangs() {
    let (installation, fake) = (install(&endpoints(), 2).await, start_fake(1, 5).await);
    fake.fail_next(Endpoint::StopLists, 100, Fault::Hang);
    let service = start(&installation, &fake);
    let hanging = async {
        while !fake.calls().iter().any(|call| call.endpoint == Endpoint::StopLists) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(BOUND, hanging).await.unwrap();
    service.stop().await;
}

#[tokio::test]
async fn unusable_settings_are_refused_before_anything_starts() {
    let fake = start_fake(1, 1).await;
    let file = |text: &str| {
        let mut logins = NamedTempFile::new().unwrap();
        write!(logins, "{text}").unwrap();
        logins
    };
    let good = "[[login]]\ntenant = \"acme\"\napi_login = \"demo-login\"\n";
    let with = |logins: &NamedTempFile, base_url: &str, period_seconds| Settings {
        common: settings::defaults().unwrap(),
        kafka: settings::defaults().unwrap(),
        postgres: settings::defaults().unwrap(),
        iiko: Iiko {
            base_url: base_url.to_owned(),
            logins_file: logins.path().to_owned(),
            connect_timeout_seconds: 10,
            read_timeout_seconds: 45,
            deadline_seconds: 60,
            concurrency: 24,
            attempts: 3,
            max_answer_bytes: 1 << 20,
        },
        stop_lists: StopLists { period_seconds, ..quick() },
    };
    let logins = file(good);
    assert_eq!(with(&logins, &fake.base_url(), 300).check(), Ok(()));
    assert!(with(&logins, "iiko", 300).check().unwrap_err().contains("base URL"));
    assert!(with(&logins, &fake.base_url(), 0).check().unwrap_err().contains("period_seconds"));
    let broken = file("[[login]]\ntenant = \"acme\"\napi_key = \"secret-key\"\n");
    let told = with(&broken, &fake.base_url(), 300).check().unwrap_err();
    assert!(told.contains("entry 1") && !told.contains("secret-key"), "{told}");
}
