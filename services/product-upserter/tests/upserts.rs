//! product-upserter on real servers: what the tables and the catalogue topic hold after sales,
//! repeats, late receipts, nonsense and an outage.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, time::Duration};

use local_servers::{
    Endpoints, Home, Kind, Server,
    testing::{endpoints, until},
};
use product_upserter::{Settings, run};
use provision::testing::{TestInstallation, install};
use schemas::{
    Timestamp,
    dead_letters::DeadLetter,
    products::{ObservedPrice, Product},
    receipts::{Item, Operation, Receipt, ReceiptKind, VatRate},
};
use service::{Context, Fatal, settings};
use tokio::task::JoinHandle;

const BOUND: Duration = Duration::from_secs(60);
const TOPIC: &str = "registers.receipts.v1";
/// 2026-11-23 12:00:00 UTC.
const NOON: i64 = 1_795_435_200_000_000;
const BREAD: &str = "gtin:04607161623886";

fn bread(price_kopecks: i64) -> Item<'static> {
    Item {
        name: Some("Хлеб ржаной".into()),
        product_key: Some(BREAD.into()),
        gtin: Some("04607161623886".into()),
        unit: Some("шт".into()),
        vat_rate: Some(VatRate::Vat10),
        price_kopecks: Some(price_kopecks),
        ..Item::default()
    }
}

/// A sale so many seconds after noon.
fn sale(tenant: &str, shop: &str, second: i64, items: Vec<Item<'static>>) -> Receipt<'static> {
    let number = u32::try_from(second).unwrap();
    Receipt {
        receipt_id: canonical::fiscal_id(tenant, "9999078900001234", number).into(),
        tenant: tenant.to_owned().into(),
        shop: Some(shop.to_owned().into()),
        register: "till-1".into(),
        source: "dreamkas".into(),
        revision: 1,
        received_at: Timestamp(NOON + 86_400_000_000),
        utc_time: Some(Timestamp(NOON + second * 1_000_000)),
        kind: ReceiptKind::Receipt,
        operation: Operation::Sell,
        items,
        ..Receipt::default()
    }
}

struct Service {
    context: Context,
    task: JoinHandle<Result<(), Fatal>>,
}

fn start(installation: &TestInstallation) -> Service {
    let settings = Settings {
        common: installation.common(),
        kafka: installation.kafka.clone(),
        postgres: installation.postgres.clone(),
        upserter: settings::defaults().unwrap(),
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

async fn send(installation: &TestInstallation, receipts: Vec<Receipt<'static>>) {
    let keys: Vec<String> = receipts.iter().map(|r| canonical::key::register(&r.tenant, &r.register)).collect();
    let records: Vec<_> = keys.iter().map(String::as_str).zip(receipts).collect();
    installation.produce(TOPIC, &records).await;
}

/// Everything that was sent is read, written, and published.
async fn until_settled(installation: &TestInstallation) {
    installation.until_read("product-upserter").await;
    let dirty = "SELECT count(*) FROM products_dirty";
    until("all products are published", async || number(installation, dirty).await == 0).await;
}

async fn rows(installation: &TestInstallation, select: &str) -> Vec<tokio_postgres::Row> {
    let pool = postgres::Pool::new(&installation.postgres).unwrap();
    pool.get().await.unwrap().query(select, &[]).await.unwrap()
}

async fn number(installation: &TestInstallation, select: &str) -> i64 {
    rows(installation, select).await[0].get(0)
}

/// What a late reader of the compacted topic ends with, and how many records it read.
async fn catalogue(installation: &TestInstallation) -> (BTreeMap<String, Product<'static>>, usize) {
    let records = installation.read_all(schemas::products::TOPIC).await;
    let mut newest = BTreeMap::new();
    for record in &records {
        let product: Product<'_> = record.decode();
        let prices = product.prices.iter().map(|price| ObservedPrice { shop: price.shop.to_string().into(), ..*price });
        let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_ref().map(|text| text.to_string().into());
        let product = Product {
            tenant: product.tenant.to_string().into(),
            product_key: product.product_key.to_string().into(),
            version: product.version,
            name: product.name.to_string().into(),
            unit: owned(&product.unit),
            gtin: owned(&product.gtin),
            vendor_code: owned(&product.vendor_code),
            vat_rate: owned(&product.vat_rate),
            observed_at: product.observed_at,
            prices: prices.collect(),
        };
        let before: Option<Product<'_>> = newest.insert(record.key().to_owned(), product);
        let version = newest[record.key()].version;
        assert!(before.is_none_or(|before| before.version <= version), "an older version came later");
    }
    (newest, records.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_becomes_a_product_with_its_price_and_a_record_of_the_catalogue() {
    let installation = install(&endpoints(), 2).await;
    let tenant = installation.tenant.clone();
    let mut nowhere = sale(
        &tenant,
        "",
        2,
        vec![Item {
            name: Some("Пакет".into()),
            product_key: Some("name:пакет/".into()),
            price_kopecks: Some(700),
            ..Item::default()
        }],
    );
    nowhere.shop = None;
    let mut returned = sale(&tenant, "shop-1", 3, vec![bread(1)]);
    returned.operation = Operation::SellReturn;
    send(&installation, vec![sale(&tenant, "shop-1", 1, vec![bread(5_990)]), nowhere, returned]).await;
    let service = start(&installation);
    until_settled(&installation).await;
    service.stop().await;

    let (catalogue, _) = catalogue(&installation).await;
    let product = &catalogue[&format!("{tenant}/{BREAD}")];
    assert_eq!(
        (&*product.name, product.unit.as_deref(), product.vat_rate.as_deref()),
        ("Хлеб ржаной", Some("шт"), Some("VAT_10"))
    );
    assert_eq!(product.gtin.as_deref(), Some("04607161623886"));
    assert_eq!(product.observed_at, Timestamp(NOON + 1_000_000));
    let price = ObservedPrice { shop: "shop-1".into(), price_kopecks: 5_990, observed_at: Timestamp(NOON + 1_000_000) };
    assert_eq!(product.prices, [price]);
    assert!(catalogue[&format!("{tenant}/name:пакет/")].prices.is_empty(), "a sale without a shop sets no price");
    assert_eq!(catalogue.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_come_again_change_no_version_and_write_no_content() {
    let installation = install(&endpoints(), 2).await;
    let tenant = installation.tenant.clone();
    let receipts =
        |n: i64| (1..=n).map(|s| sale(&tenant, &format!("shop-{}", s % 3), s, vec![bread(100 + s)])).collect();
    send(&installation, receipts(40)).await;
    let service = start(&installation);
    until_settled(&installation).await;
    let traces = "SELECT (p.*)::text || p.xmin FROM products p UNION ALL SELECT (o.*)::text || o.xmin FROM observed_prices o ORDER BY 1";
    let before: Vec<String> = rows(&installation, traces).await.iter().map(|row| row.get(0)).collect();
    let (_, published) = catalogue(&installation).await;
    send(&installation, receipts(40)).await;
    until_settled(&installation).await;
    service.stop().await;
    // Once more to a process that remembers nothing.
    send(&installation, receipts(40)).await;
    let service = start(&installation);
    until_settled(&installation).await;
    service.stop().await;
    let after: Vec<String> = rows(&installation, traces).await.iter().map(|row| row.get(0)).collect();
    assert_eq!(after, before);
    assert_eq!(catalogue(&installation).await.1, published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_product_and_its_price_are_one_version() {
    let installation = install(&endpoints(), 1).await;
    let tenant = installation.tenant.clone();
    send(&installation, vec![sale(&tenant, "shop-1", 10, vec![bread(500)])]).await;
    let service = start(&installation);
    until_settled(&installation).await;
    assert_eq!(catalogue(&installation).await.0[&format!("{tenant}/{BREAD}")].version, 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_price_makes_a_version_and_a_late_receipt_does_not() {
    let installation = install(&endpoints(), 2).await;
    let tenant = installation.tenant.clone();
    let key = format!("{tenant}/{BREAD}");
    let prices = |product: &Product<'_>| {
        product.prices.iter().map(|p| (p.shop.to_string(), p.price_kopecks)).collect::<Vec<_>>()
    };
    let service = start(&installation);
    send(
        &installation,
        vec![sale(&tenant, "shop-1", 10, vec![bread(500)]), sale(&tenant, "shop-2", 11, vec![bread(550)])],
    )
    .await;
    until_settled(&installation).await;
    let first = catalogue(&installation).await.0[&key].clone();
    assert_eq!(prices(&first), [("shop-1".into(), 500), ("shop-2".into(), 550)]);

    // The product's own newest observation is older than this: only the price of the other shop changes.
    send(&installation, vec![sale(&tenant, "shop-1", 30, vec![bread(500)])]).await;
    send(&installation, vec![sale(&tenant, "shop-2", 20, vec![bread(600)])]).await;
    until_settled(&installation).await;
    let second = catalogue(&installation).await.0[&key].clone();
    assert_eq!(prices(&second), [("shop-1".into(), 500), ("shop-2".into(), 600)]);
    assert_eq!(second.version, first.version + 1, "the sale that only confirmed makes no version");
    service.stop().await;

    // A register that was offline: older than a sale that confirmed the price, which a restarted
    // process knows only from the table.
    let service = start(&installation);
    send(&installation, vec![sale(&tenant, "shop-1", 25, vec![bread(999)])]).await;
    until_settled(&installation).await;
    let third = catalogue(&installation).await.0[&key].clone();
    assert_eq!(third, second);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_never_meet() {
    let installation = install(&endpoints(), 2).await;
    let (one, other) = (installation.tenant.clone(), format!("{}-b", installation.tenant));
    // The same product, shop, drive and number; the other tenant's is newer.
    let mut foreign = sale(&one, "shop-1", 5, vec![Item { name: Some("Чужой".into()), ..bread(1) }]);
    foreign.tenant = other.clone().into();
    foreign.utc_time = Some(Timestamp(NOON + 9_000_000));
    send(&installation, vec![sale(&one, "shop-1", 5, vec![bread(500)]), foreign]).await;
    let service = start(&installation);
    until_settled(&installation).await;
    service.stop().await;
    let (catalogue, _) = catalogue(&installation).await;
    let ours = &catalogue[&format!("{one}/{BREAD}")];
    assert_eq!((&*ours.name, ours.prices[0].price_kopecks), ("Хлеб ржаной", 500));
    let theirs = &catalogue[&format!("{other}/{BREAD}")];
    assert_eq!((&*theirs.name, theirs.prices[0].price_kopecks), ("Чужой", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_becomes_dead_letters_and_stops_nothing() {
    let installation = install(&endpoints(), 1).await;
    let tenant = installation.tenant.clone();
    let mut receipts: Vec<_> = (1..=50).map(|second| sale(&tenant, "shop-1", second, vec![bread(second)])).collect();
    // PostgreSQL refuses a NUL character; the normalizer makes no such shop.
    receipts[20].shop = Some("shop\0".into());
    receipts[30].items[0].name = Some("Хлеб\0ржаной".into());
    send(&installation, receipts).await;
    installation.produce_bytes(TOPIC, &[(b"key", b"not a message".to_vec())]).await;
    send(&installation, vec![sale(&tenant, "shop-1", 60, vec![bread(6_000)])]).await;
    let service = start(&installation);
    let letters =
        installation.wait_for(schemas::dead_letters::TOPIC, "two dead letters", |letters| letters.len() == 2).await;
    until_settled(&installation).await;
    service.stop().await;

    let mut letters: Vec<DeadLetter<'_>> = letters.iter().map(|letter| letter.decode()).collect();
    letters.sort_by_key(|letter| letter.source_offset);
    let [refused, unreadable] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((&*refused.stage, &*refused.error_class, refused.source_offset), ("product-upserter", "refused", 20));
    assert_eq!((refused.tenant.as_deref(), refused.register.as_deref()), (Some(&*tenant), Some("till-1")));
    assert_eq!(refused.source_topic, installation.client().prefixed(TOPIC));
    let original = &installation.read_all(TOPIC).await[20];
    assert_eq!(refused.body.as_deref(), original.payload.as_deref());
    assert_eq!((&*unreadable.error_class, unreadable.body.as_deref()), ("undecodable", Some(&b"not a message"[..])));

    let price = "SELECT price_kopecks FROM observed_prices";
    assert_eq!(number(&installation, price).await, 6_000);
    assert_eq!(number(&installation, "SELECT count(*) FROM observed_prices").await, 1);
    assert_eq!(installation.unread("product-upserter").await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_confirmation_takes_no_other_with_it() {
    let installation = install(&endpoints(), 1).await;
    let tenant = installation.tenant.clone();
    let milk = || Item { product_key: Some("gtin:04600000000008".into()), gtin: None, ..bread(900) };
    send(&installation, vec![sale(&tenant, "shop-1", 1, vec![bread(500), milk()])]).await;
    let service = start(&installation);
    until_settled(&installation).await;
    // These wait together; PostgreSQL refuses the last one, which is the newest to tell of bread.
    let mut confirming: Vec<_> = (2..=4).map(|second| sale(&tenant, "shop-1", second, vec![bread(500)])).collect();
    confirming[0].items.push(milk());
    confirming[2].receipt_id = "no\0id".into();
    send(&installation, confirming).await;
    let letters =
        installation.wait_for(schemas::dead_letters::TOPIC, "a dead letter", |letters| letters.len() == 1).await;
    installation.until_read("product-upserter").await;
    service.stop().await;

    let letter: DeadLetter<'_> = letters[0].decode();
    assert_eq!((&*letter.error_class, letter.source_offset), ("refused", 3));
    for table in ["products", "observed_prices"] {
        let places = format!(
            "SELECT (extract(epoch FROM observed_at - timestamptz '2026-11-23 12:00:00Z'))::bigint \
               FROM {table} ORDER BY product_key"
        );
        let places: Vec<i64> = rows(&installation, &places).await.iter().map(|row| row.get(0)).collect();
        assert_eq!(places, [2, 3], "{table}: milk, then bread");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_waited_for_and_nothing_is_dead_lettered() {
    let mut server = Server::start_new(&Home::find().unwrap(), Kind::Postgres).await.unwrap();
    let installation = install(&Endpoints { postgres: server.url(), ..endpoints() }, 2).await;
    let tenant = installation.tenant.clone();
    let service = start(&installation);
    send(&installation, vec![sale(&tenant, "shop-1", 1, vec![bread(1)])]).await;
    until_settled(&installation).await;
    server.stop().await;
    send(&installation, (2..=300).map(|second| sale(&tenant, "shop-1", second, vec![bread(second)])).collect()).await;
    // It has tried and failed.
    until("the relay notices", async || service.context.metric("kassaflow_relay_failures_total").unwrap() > 0.0).await;
    assert!(installation.unread("product-upserter").await > Some(0), "offsets moved without a database");
    assert!(!service.task.is_finished());
    server.start().await.unwrap();
    until_settled(&installation).await;
    assert_eq!(number(&installation, "SELECT price_kopecks FROM observed_prices").await, 300);
    assert_eq!(catalogue(&installation).await.0[&format!("{tenant}/{BREAD}")].prices[0].price_kopecks, 300);
    assert!(installation.read_all(schemas::dead_letters::TOPIC).await.is_empty());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_time_while_the_database_is_away_and_the_next_one_goes_on() {
    let mut server = Server::start_new(&Home::find().unwrap(), Kind::Postgres).await.unwrap();
    let installation = install(&Endpoints { postgres: server.url(), ..endpoints() }, 2).await;
    let tenant = installation.tenant.clone();
    server.kill().await;
    let service = start(&installation);
    send(&installation, (1..=20).map(|second| sale(&tenant, "shop-1", second, vec![bread(second)])).collect()).await;
    until("the records are read", async || {
        service.context.metric("kassaflow_consumer_records_total").is_some_and(|taken| taken >= 20.0)
    })
    .await;
    service.stop().await;
    assert_eq!(installation.unread("product-upserter").await, Some(20));
    server.start().await.unwrap();
    let service = start(&installation);
    until_settled(&installation).await;
    service.stop().await;
    assert_eq!(number(&installation, "SELECT price_kopecks FROM observed_prices").await, 20);
}

#[test]
fn contradicting_settings_are_refused() {
    use service::ServiceSettings as _;
    let mut settings: Settings = settings::defaults().unwrap();
    assert_eq!(settings.check(), Ok(()));
    settings.postgres.connections = 1;
    assert!(settings.check().unwrap_err().contains("one for the relay"));
}
