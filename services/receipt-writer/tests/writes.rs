//! receipt-writer on real servers: what MongoDB holds after records, repeats, conflicts, nonsense and an outage.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::{borrow::Cow, time::Duration};

use futures_util::TryStreamExt as _;
use local_servers::{Home, Kind, Server, testing::endpoints};
use mongodb::{
    Client, Collection,
    bson::{DateTime, Document, doc},
};
use provision::testing::{TestInstallation, install};
use receipt_writer::{Settings, run};
use schemas::{
    Decimal, LocalTimestamp, Timestamp,
    dead_letters::DeadLetter,
    receipts::{Item, Operation, Receipt, ReceiptKind},
    shifts::{ShiftDocument, ShiftKind},
};
use service::{Context, Fatal, settings};
use tokio::task::JoinHandle;

const BOUND: Duration = Duration::from_secs(60);

fn receipt(installation: &TestInstallation, number: i64, sign: i64) -> Receipt<'static> {
    let tenant = installation.tenant.clone();
    Receipt {
        receipt_id: canonical::fiscal_id(&tenant, "9999078900001234", number.try_into().unwrap()).into(),
        tenant: tenant.into(),
        shop: Some("shop-1".into()),
        register: "till-1".into(),
        source: "dreamkas".into(),
        revision: 1,
        raw_topic: "registers.raw.v1".into(),
        raw_offset: number,
        received_at: Timestamp(1_700_000_000_000_000 + number),
        fiscal_sign: Some(sign),
        kind: ReceiptKind::Receipt,
        operation: Operation::Sell,
        local_time: Some(LocalTimestamp(1_700_010_800_000_000)),
        total_kopecks: 12_345,
        items: vec![Item {
            name: Some("Хлеб".into()),
            product_key: Some("name:хлеб/шт".into()),
            quantity: Decimal::from_unscaled(1_500_000),
            ..Item::default()
        }],
        ..Receipt::default()
    }
}

struct Service {
    context: Context,
    task: JoinHandle<Result<(), Fatal>>,
}

fn start(installation: &TestInstallation, mongodb_uri: &str) -> Service {
    let settings = Settings {
        common: installation.common(),
        kafka: installation.kafka.clone(),
        mongodb: settings::Mongodb { uri: mongodb_uri.to_owned(), ..installation.mongodb.clone() },
        writer: settings::defaults().unwrap(),
    };
    let context = Context::detached();
    Service { task: tokio::spawn(run(context.clone(), settings)), context }
}

impl Service {
    async fn stop(self) {
        self.context.shutdown.cancel();
        tokio::time::timeout(BOUND, self.task).await.unwrap().unwrap().unwrap();
    }
}

async fn collection(installation: &TestInstallation, uri: &str, name: &str) -> Collection<Document> {
    Client::with_uri_str(uri).await.unwrap().database(&installation.mongodb.database).collection(name)
}

/// All documents, by `_id`.
async fn all(installation: &TestInstallation, uri: &str, name: &str) -> Vec<Document> {
    let found = collection(installation, uri, name).await.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    found.try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_and_a_shift_become_documents_that_a_person_can_query() {
    let installation = install(&endpoints(), 2).await;
    let key = format!("{}/till-1", installation.tenant);
    installation.produce("registers.receipts.v1", &[(&key, receipt(&installation, 7, 77))]).await;
    let shift = ShiftDocument {
        shift_document_id: canonical::fiscal_id(&installation.tenant, "9999078900001234", 8).into(),
        tenant: installation.tenant.clone().into(),
        kind: ShiftKind::Close,
        shift_number: Some(3),
        ..ShiftDocument::default()
    };
    installation.produce("registers.shifts.v1", &[(&key, shift)]).await;
    let uri = &installation.mongodb.uri;
    let service = start(&installation, uri);
    installation.until_read("receipt-writer").await;
    service.stop().await;

    let receipts = collection(&installation, uri, "receipts").await;
    let found = receipts.find_one(doc! { "tenant": &installation.tenant, "shop": "shop-1" }).await.unwrap().unwrap();
    assert_eq!(found.get_str("_id").unwrap(), format!("{}/9999078900001234/0000000007", installation.tenant));
    assert_eq!(found.get_i64("total_kopecks").unwrap(), 12_345);
    let items = found.get_array("items").unwrap();
    assert_eq!(items[0].as_document().unwrap().get_str("name").unwrap(), "Хлеб");
    let indexes = receipts.list_index_names().await.unwrap();
    assert_eq!(indexes.len(), 4, "_id and the three that people's questions need: {indexes:?}");
    let shifts = collection(&installation, uri, "shifts").await;
    assert_eq!(shifts.find_one(doc! { "kind": "CLOSE" }).await.unwrap().unwrap().get_i64("shift_number").unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_hold_a_product_are_found_by_days_without_reading_the_others() {
    let installation = install(&endpoints(), 1).await;
    let key = format!("{}/till-1", installation.tenant);
    // Two receipts a day: 22:00 and, of another product, 23:00 by the register's clock.
    let of = |number: i64, product: &'static str| {
        let mut receipt = receipt(&installation, number, 77);
        let hour = number / 2 * 24 + 22 + number % 2;
        receipt.local_time = Some(LocalTimestamp(1_699_920_000_000_000 + hour * 3_600_000_000));
        receipt.items[0].product_key = Some(product.into());
        (key.as_str(), receipt)
    };
    let records: Vec<_> = (0..40).map(|n| of(n, if n % 2 == 0 { "code:1" } else { "code:2" })).collect();
    installation.produce("registers.receipts.v1", &records).await;
    let uri = &installation.mongodb.uri;
    let service = start(&installation, uri);
    installation.until_read("receipt-writer").await;
    service.stop().await;

    // 2023-11-16 to 2023-11-18, inclusive.
    let [from, until] = [1_700_092_800_000, 1_700_265_600_000].map(DateTime::from_millis);
    let wanted = doc! {
        "tenant": &installation.tenant,
        "local_date": { "$gte": from, "$lte": until },
        "items.product_key": "code:1",
    };
    let database = Client::with_uri_str(uri).await.unwrap().database(&installation.mongodb.database);
    let explain = doc! { "explain": { "find": "receipts", "filter": wanted }, "verbosity": "executionStats" };
    let explained = database.run_command(explain).await.unwrap();
    let figures = explained.get_document("executionStats").unwrap();
    assert_eq!(figures.get_i32("nReturned").unwrap(), 3, "{explained}");
    assert_eq!(figures.get_i32("totalDocsExamined").unwrap(), 3, "{explained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_changes_nothing_a_better_copy_replaces_and_another_sign_is_kept_apart() {
    let installation = install(&endpoints(), 1).await;
    let key = format!("{}/till-1", installation.tenant);
    let first = receipt(&installation, 1, 77);
    let better = Receipt {
        source: "ffd-tlv".into(),
        total_kopecks: 999,
        raw_offset: 50,
        received_at: Timestamp(1_700_000_060_000_000),
        ..first.clone()
    };
    let other = Receipt {
        fiscal_sign: Some(78),
        raw_offset: 60,
        received_at: Timestamp(1_700_000_070_000_000),
        ..first.clone()
    };
    for record in [&first, &first, &better, &other, &first, &better] {
        installation.produce("registers.receipts.v1", &[(key.as_str(), record.clone())]).await;
    }
    let uri = &installation.mongodb.uri;
    let service = start(&installation, uri);
    installation.until_read("receipt-writer").await;
    service.stop().await;

    let receipts = collection(&installation, uri, "receipts").await;
    assert_eq!(receipts.count_documents(doc! {}).await.unwrap(), 1);
    let stored = receipts.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!((stored.get_str("source").unwrap(), stored.get_i64("total_kopecks").unwrap()), ("ffd-tlv", 999));
    let conflicts = all(&installation, uri, "conflicts").await;
    let kept: Vec<_> = conflicts.iter().map(|d| (d.get_str("_id").unwrap(), d.get_str("source").unwrap())).collect();
    let [id_77, id_78] = [77, 78].map(|sign| format!("{}/{sign}", first.receipt_id));
    assert_eq!(kept, [(&*id_77, "ffd-tlv"), (&*id_78, "dreamkas")]);
    assert_eq!(conflicts[0].get_i64("total_kopecks").unwrap(), 999);
}

/// Several sources and two signs for each number, over all partitions, read by two writers at once.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_order_of_arrival_the_same_copies_are_kept() {
    const NUMBERS: i64 = 24;
    let installation = install(&endpoints(), 4).await;
    let uri = &installation.mongodb.uri;
    let services = [start(&installation, uri), start(&installation, uri)];
    // Received in this order: the sign 2 is first, its best copy is the last.
    let of_number = [(2, "dreamkas"), (1, "dreamkas"), (1, "ffd-tlv"), (2, "ffd-tlv")];
    let copies: Vec<Receipt<'_>> = (0..NUMBERS)
        .flat_map(|number| (0..4).zip(of_number).map(move |(at, (sign, source))| (number, at, sign, source)))
        .map(|(number, at, sign, source)| Receipt {
            source: source.into(),
            raw_offset: number * 10 + at,
            received_at: Timestamp(1_700_000_000_000_000 + at * 1_000_000),
            ..receipt(&installation, number, sign)
        })
        .collect();
    // Each number's copies arrive in another order: all 24 of them.
    for place in 0..4 {
        let keys: Vec<String> = (0..NUMBERS).map(|n| format!("{}/till-{}", installation.tenant, n + place)).collect();
        let records: Vec<_> = (0..NUMBERS)
            .map(|n| (&*keys[n as usize], copies[(n * 4) as usize + orders()[n as usize][place as usize]].clone()))
            .collect();
        installation.produce("registers.receipts.v1", &records).await;
    }
    installation.until_read("receipt-writer").await;
    for service in services {
        service.stop().await;
    }

    let facts = |d: &Document| {
        let first = d.get_document("first_received").unwrap_or(d).get_i64("raw_offset").unwrap() % 10;
        (d.get_i64("fiscal_sign").unwrap(), d.get_str("source").unwrap().to_owned(), first)
    };
    let receipts = all(&installation, uri, "receipts").await;
    assert_eq!(receipts.len(), 24);
    for stored in &receipts {
        assert_eq!(facts(stored), (2, "ffd-tlv".to_owned(), 0), "{stored}");
    }
    let conflicts = all(&installation, uri, "conflicts").await;
    assert_eq!(conflicts.len(), 48);
    for pair in conflicts.chunks(2) {
        assert_eq!(facts(&pair[0]), (1, "ffd-tlv".to_owned(), 1), "{pair:?}");
        assert_eq!(facts(&pair[1]), (2, "ffd-tlv".to_owned(), 0), "{pair:?}");
    }
}

/// All orders of four things.
fn orders() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for code in 0..256 {
        let order = [code / 64, code / 16 % 4, code / 4 % 4, code % 4];
        if (0..4).all(|thing| order.contains(&thing)) {
            orders.push(order);
        }
    }
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_and_a_receipt_under_one_number_are_not_mixed_up() {
    let installation = install(&endpoints(), 1).await;
    let key = format!("{}/till-1", installation.tenant);
    let shift = |sign: i64| ShiftDocument {
        shift_document_id: canonical::fiscal_id(&installation.tenant, "9999078900001234", 1).into(),
        fiscal_sign: Some(sign),
        raw_offset: sign,
        received_at: Timestamp(1_700_000_000_000_000 + sign),
        ..ShiftDocument::default()
    };
    for sign in [1, 2] {
        installation.produce("registers.receipts.v1", &[(&key, receipt(&installation, 1, sign))]).await;
        installation.produce("registers.shifts.v1", &[(&key, shift(sign))]).await;
    }
    let uri = &installation.mongodb.uri;
    let service = start(&installation, uri);
    installation.until_read("receipt-writer").await;
    service.stop().await;

    for (name, kept) in [("receipts", 1), ("conflicts", 2)] {
        let found = all(&installation, uri, name).await;
        assert_eq!(found.len(), kept);
        assert!(found.iter().all(|document| document.contains_key("total_kopecks")), "{name}: {found:?}");
    }
    for (name, kept) in [("shifts", 1), ("shift_conflicts", 2)] {
        let found = all(&installation, uri, name).await;
        assert_eq!(found.len(), kept);
        assert!(found.iter().all(|document| !document.contains_key("total_kopecks")), "{name}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_becomes_a_dead_letter_and_the_partition_goes_on() {
    let installation = install(&endpoints(), 1).await;
    let key = format!("{}/till-1", installation.tenant);
    let garbage = b"not a message".to_vec();
    installation.produce_bytes("registers.receipts.v1", &[(key.as_bytes(), garbage.clone())]).await;
    installation.produce("registers.receipts.v1", &[(&key, receipt(&installation, 2, 5))]).await;
    let uri = &installation.mongodb.uri;
    let service = start(&installation, uri);
    installation.until_read("receipt-writer").await;
    service.stop().await;

    let letters = installation.read_all("registers.dead-letters.v1").await;
    assert_eq!(letters.len(), 1);
    let letter: DeadLetter<'_> = letters[0].decode();
    assert_eq!((&*letter.stage, &*letter.error_class), ("receipt-writer", "undecodable"));
    assert_eq!((letter.source_offset, letter.body), (0, Some(Cow::Borrowed(&garbage[..]))));
    assert_eq!(collection(&installation, uri, "receipts").await.count_documents(doc! {}).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_mongodb_refuses_becomes_a_dead_letter_and_holds_nobody_up() {
    let installation = install(&endpoints(), 1).await;
    let key = format!("{}/till-1", installation.tenant);
    let uri = &installation.mongodb.uri;
    let database = Client::with_uri_str(uri).await.unwrap().database(&installation.mongodb.database);
    let small = doc! { "fiscal_sign": { "$lt": 100 } };
    database.create_collection("conflicts").validator(small).await.unwrap();
    let service = start(&installation, uri);
    let records = [(1, 77), (1, 200), (2, 300)].map(|(number, sign)| (&*key, receipt(&installation, number, sign)));
    installation.produce("registers.receipts.v1", &records).await;
    installation.until_read("receipt-writer").await;
    service.stop().await;

    let letters = installation.read_all("registers.dead-letters.v1").await;
    assert_eq!(letters.len(), 1);
    let letter: DeadLetter<'_> = letters[0].decode();
    assert_eq!((&*letter.stage, &*letter.error_class), ("receipt-writer", "refused"));
    assert_eq!(letter.source_offset, 1);
    let signs: Vec<i64> =
        all(&installation, uri, "receipts").await.iter().map(|d| d.get_i64("fiscal_sign").unwrap()).collect();
    assert_eq!(signs, [77, 300]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_mongodb_is_away_it_waits_and_then_catches_up_without_dead_letters() {
    let installation = install(&endpoints(), 1).await;
    let key = format!("{}/till-1", installation.tenant);
    let mut mongodb = Server::start_new(&Home::find().unwrap(), Kind::MongoDb).await.unwrap();
    let uri = mongodb.url();
    let service = start(&installation, &uri);
    installation.produce("registers.receipts.v1", &[(&key, receipt(&installation, 1, 1))]).await;
    installation.until_read("receipt-writer").await;

    mongodb.kill().await;
    let records: Vec<Receipt<'_>> = (2..200).map(|n| receipt(&installation, n, n)).collect();
    let keyed: Vec<(&str, Receipt<'_>)> = records.into_iter().map(|r| (key.as_str(), r)).collect();
    installation.produce("registers.receipts.v1", &keyed).await;
    mongodb.start().await.unwrap();
    installation.until_read("receipt-writer").await;
    service.stop().await;

    let receipts = collection(&installation, &uri, "receipts").await;
    assert_eq!(receipts.count_documents(doc! {}).await.unwrap(), 199);
    assert!(installation.read_all("registers.dead-letters.v1").await.is_empty());
}
