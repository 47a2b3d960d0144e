//! The promise that matters most, against a simple model: whatever the order of arrival, however it
//! is cut into batches, and even if everything comes again, the tables hold the newest observations.

use std::{collections::BTreeMap, iter, time::Duration};

use local_servers::testing;
use postgres::{Pool, Timestamptz};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use schemas::{
    Timestamp,
    receipts::{Item, Operation, Receipt, ReceiptKind, VatRate},
};
use tokio::time::Instant;

use crate::{
    confirming::{Bounds, Confirming, Due},
    known::Known,
    meters::Meters,
    observation::Sale,
    sift::{Rows, Sifted},
    store::Batch,
};

const SHOPS: [Option<&str>; 3] = [None, Some("shop-1"), Some("магазин 2")];
const NAMES: [Option<&str>; 3] = [None, Some("Хлеб"), Some("Zwieback")];
const UNITS: [Option<&str>; 3] = [None, Some(""), Some("шт")];
const RATES: [Option<VatRate>; 3] = [None, Some(VatRate::Vat10), Some(VatRate::None)];

/// Few values for everything, so that ties of every kind are frequent.
fn receipts() -> impl Strategy<Value = Vec<Receipt<'static>>> {
    let item = (0..2_usize, 0..3_usize, 0..3_usize, 0..3_usize, prop::option::of(1..4_i64));
    let item = item.prop_map(|(key, name, unit, rate, price_kopecks)| Item {
        product_key: Some(format!("name:товар%20{key}/шт").into()),
        name: NAMES[name].map(Into::into),
        unit: UNITS[unit].map(Into::into),
        vat_rate: RATES[rate],
        price_kopecks,
        ..Item::default()
    });
    let sale = prop::bool::weighted(0.9).prop_map(|sale| if sale { Operation::Sell } else { Operation::SellReturn });
    let times = (prop::option::of(1..4_i64), 2..4_i64);
    let receipt = (1..3_u32, 1..3_i32, times, 0..3_usize, sale, prop::collection::vec(item, 0..4));
    let receipt = receipt.prop_map(|(number, revision, (utc, received), shop, operation, items)| Receipt {
        receipt_id: number.to_string().into(),
        revision,
        utc_time: utc.map(Timestamp),
        received_at: Timestamp(received),
        shop: SHOPS[shop].map(Into::into),
        kind: ReceiptKind::Receipt,
        operation,
        items,
        ..Receipt::default()
    });
    prop::collection::vec(receipt, 1..12)
}

type Ordered<T> = (i64, String, i32, T);
type ProductRow = Ordered<(String, String, String)>;
type PriceRow = Ordered<i64>;

/// The rules once more, as plainly as they can be said.
fn model(receipts: &[Receipt<'_>]) -> (BTreeMap<String, ProductRow>, BTreeMap<(String, String), PriceRow>) {
    let (mut products, mut prices) = (BTreeMap::new(), BTreeMap::new());
    for receipt in receipts.iter().filter(|receipt| receipt.operation == Operation::Sell) {
        let time = receipt.utc_time.map_or(receipt.received_at.0, |utc| utc.0.min(receipt.received_at.0));
        let ordered = |content| (time, receipt.receipt_id.to_string(), receipt.revision, content);
        for item in &receipt.items {
            let key = item.product_key.as_deref().unwrap().to_owned();
            if let Some(name) = &item.name {
                let rate = item.vat_rate.map(VatRate::symbol).unwrap_or_default();
                let row =
                    ordered((name.to_string(), item.unit.as_deref().unwrap_or_default().to_owned(), rate.to_owned()));
                let best = products.entry(key.clone()).or_insert_with(|| row.clone());
                *best = row.max(best.clone());
            }
            if let (Some(shop), Some(price)) = (&receipt.shop, item.price_kopecks) {
                let row = (time, receipt.receipt_id.to_string(), receipt.revision, price);
                let best = prices.entry((key, shop.to_string())).or_insert_with(|| row.clone());
                *best = row.max(best.clone());
            }
        }
    }
    (products, prices)
}

struct Table {
    pool: Pool,
    meters: Meters,
}

impl Table {
    /// Sends receipts through what a process does with them, in batches that end where `cuts` say. After each,
    /// what is new is written, and of what waits to be confirmed the first half.
    async fn arrive(&self, receipts: &[Receipt<'_>], cuts: &[bool], known: &mut Known) {
        let now = Instant::now();
        let mut confirming =
            Confirming::new(Bounds { wait: Duration::from_secs(5), receipts: 2, bytes: usize::MAX, rows: 6 });
        let mut batch = Vec::new();
        for (receipt, cut) in receipts.iter().zip(cuts.iter().cycle()) {
            batch.extend(Sale::of(receipt).map(|sale| Sifted::of(&sale, known, &self.meters)));
            if *cut {
                self.write(&mut batch, &mut confirming, now).await;
            }
        }
        self.write(&mut batch, &mut confirming, now).await;
        confirming.hurry();
        self.confirm(&mut confirming, now).await;
    }

    async fn write(&self, batch: &mut Vec<Sifted>, confirming: &mut Confirming<()>, now: Instant) {
        self.write_rows(batch.iter().map(|sifted| &sifted.changed)).await;
        for sifted in batch.drain(..) {
            confirming.push(now, 0, sifted.confirmed, ());
        }
        self.confirm(confirming, now).await;
    }

    async fn confirm(&self, confirming: &mut Confirming<()>, now: Instant) {
        while let Some(Due { rows, .. }) = confirming.take(now) {
            self.write_rows(iter::once(&rows)).await;
        }
    }

    async fn write_rows<'r>(&self, rows: impl Iterator<Item = &'r Rows> + Clone) {
        Batch::of(rows).write(&mut self.pool.get().await.unwrap()).await.unwrap();
    }

    async fn products(&self, tenant: &str) -> BTreeMap<String, ProductRow> {
        let select =
            "SELECT product_key, observed_at, receipt_id, revision, name, coalesce(unit, ''), coalesce(vat_rate, '')
            FROM products WHERE tenant = $1";
        let rows = self.pool.get().await.unwrap().query(select, &[&tenant]).await.unwrap();
        let row = |row: &tokio_postgres::Row| {
            let content = (row.get(4), row.get(5), row.get(6));
            (row.get(0), (row.get::<_, Timestamptz>(1).0, row.get(2), row.get(3), content))
        };
        rows.iter().map(row).collect()
    }

    async fn prices(&self, tenant: &str) -> BTreeMap<(String, String), PriceRow> {
        let select = "SELECT product_key, shop, observed_at, receipt_id, revision, price_kopecks
            FROM observed_prices WHERE tenant = $1";
        let rows = self.pool.get().await.unwrap().query(select, &[&tenant]).await.unwrap();
        let row = |row: &tokio_postgres::Row| {
            ((row.get(0), row.get(1)), (row.get::<_, Timestamptz>(2).0, row.get(3), row.get(4), row.get(5)))
        };
        rows.iter().map(row).collect()
    }

    /// Products that are not noted as dirty with the version that they have; no relay takes notes away here.
    async fn wrongly_noted(&self, tenant: &str) -> i64 {
        let select = "SELECT count(*) FROM products p FULL JOIN products_dirty d USING (tenant, product_key)
            WHERE tenant = $1 AND p.version IS DISTINCT FROM d.version";
        self.pool.get().await.unwrap().query_one(select, &[&tenant]).await.unwrap().get(0)
    }

    /// Everything that a write would change, the id of the writing transaction included.
    async fn traces(&self, tenant: &str) -> Vec<String> {
        let select = "SELECT (p.*)::text || ' by ' || p.xmin FROM products p WHERE tenant = $1
            UNION ALL SELECT (o.*)::text || ' by ' || o.xmin FROM observed_prices o WHERE tenant = $1 ORDER BY 1";
        let rows = self.pool.get().await.unwrap().query(select, &[&tenant]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

#[test]
fn the_newest_observation_wins_in_any_order_of_arrival() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let meters = Meters::register(&prometheus::Registry::new(), 0).unwrap();
    let table = Table { pool: runtime.block_on(provision::testing::tables()), meters };
    let cases = receipts().prop_flat_map(|receipts| {
        let shuffled = Just(receipts.clone()).prop_shuffle();
        (Just(receipts), shuffled, prop::collection::vec(any::<bool>(), 12), 1..20_usize)
    });
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let result = runner.run(&cases, |(receipts, shuffled, cuts, memory)| {
        let tenant = testing::unique("t");
        let ours = |receipts: Vec<Receipt<'static>>| -> Vec<Receipt<'static>> {
            receipts.into_iter().map(|receipt| Receipt { tenant: tenant.clone().into(), ..receipt }).collect()
        };
        let (receipts, shuffled) = (ours(receipts), ours(shuffled));
        runtime.block_on(async {
            // A process with little memory, and another one that starts with none.
            table.arrive(&shuffled, &cuts, &mut Known::new(memory)).await;
            let (products, prices) = model(&receipts);
            prop_assert_eq!(table.products(&tenant).await, products);
            prop_assert_eq!(table.prices(&tenant).await, prices);
            prop_assert_eq!(table.wrongly_noted(&tenant).await, 0, "every version waits to be published");
            let traces = table.traces(&tenant).await;
            table.arrive(&receipts, &cuts, &mut Known::new(memory)).await;
            prop_assert_eq!(table.traces(&tenant).await, traces, "the same again wrote something");
            Ok(())
        })
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
