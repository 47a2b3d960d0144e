//! A sale as the Evotor cloud pushes it.

use proptest::prelude::*;
use schemas::receipts::{Operation, VatRate};
use serde_json::{Value, json};

use super::truth::{Truth, date, truth};
use crate::support::{EVOTOR, documents, receipt};

impl Truth {
    /// Version 2 of the vendor's cloud, whose figures are in roubles.
    pub(super) fn as_evotor(&self, wrapped: bool) -> String {
        let word = match self.operation {
            Operation::Sell => "SELL",
            Operation::SellReturn => "PAYBACK",
            Operation::Buy => "BUY",
            _ => "BUYBACK",
        };
        let roubles = |kopecks: i64| -> Value {
            serde_json::from_str(&format!("{}.{:02}", kopecks / 100, kopecks % 100)).unwrap()
        };
        let wrap = |name: &str, value: Value| if wrapped { json!({ name: value }) } else { value };
        let positions: Vec<Value> = self
            .goods
            .iter()
            .map(|good| {
                let tax = match good.vat {
                    VatRate::Vat20 => "VAT_18",
                    VatRate::Vat10 => "VAT_10",
                    VatRate::Vat0 => "VAT_0",
                    _ => "NO_VAT",
                };
                let quantity: Value =
                    serde_json::from_str(&format!("{}.{:03}", good.thousandths / 1_000, good.thousandths % 1_000)).unwrap();
                wrap("position", json!({
                    "product_name": good.name, "quantity": quantity, "price": roubles(good.price), "result_price": roubles(good.price),
                    "sum": roubles(good.sum()), "result_sum": roubles(good.sum()), "tax": {"type": tax},
                }))
            })
            .collect();
        let payments = [
            wrap(
                "payment",
                json!({"type": "CASH", "sum": roubles(self.cash + 1_234), "parts": [{"change": roubles(1_234)}]}),
            ),
            wrap("payment", json!({"type": "ELECTRON", "sum": roubles(self.card())})),
        ];
        // The test's register is five hours east.
        let utc = self.time - 5 * 3_600;
        let (day, second) = (utc / 86_400, utc % 86_400);
        let (year, month, day) = date(day);
        let at = format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000+0000",
            second / 3_600,
            second / 60 % 60,
            second % 60
        );
        json!({
            "type": word, "version": "V2", "number": 1, "session_number": 2, "device_id": "d", "close_date": at,
            "time_zone_offset": 18_000_000,
            "body": {
                "positions": positions, "payments": payments, "sum": roubles(self.total()), "result_sum": roubles(self.total()),
                "pos_print_results": [{
                    "receipt_number": self.receipt_number, "session_number": self.shift, "fn_serial_number": self.drive,
                    "fiscal_document_number": self.number, "fiscal_sign_doc_number": self.sign.to_string(),
                }],
            },
        })
        .to_string()
    }
}

proptest! {
    #[test]
    fn evotor_comes_back(truths in prop::collection::vec((truth(), any::<bool>()), 1..4)) {
        let written: Vec<String> = truths.iter().map(|(truth, wrapped)| truth.as_evotor(*wrapped)).collect();
        let body = format!("{{\"items\":[{}]}}", written.join(","));
        let documents = documents(EVOTOR, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for ((truth, _), document) in truths.iter().zip(documents) {
            truth.check_without_cashier(&receipt("evotor", document));
        }
    }
}
