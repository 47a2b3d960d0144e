//! A sale as a task of the ATOL driver with its result.

use proptest::prelude::*;
use schemas::receipts::{Operation, VatRate};
use serde_json::{Value, json};

use super::truth::{Truth, date, truth};
use crate::support::{ATOL, documents, receipt};

impl Truth {
    /// A task of the driver and its answer.
    pub(super) fn as_atol(&self, by_number: bool) -> String {
        let word = match self.operation {
            Operation::Sell => "sell",
            Operation::SellReturn => "sellReturn",
            Operation::Buy => "buy",
            _ => "buyReturn",
        };
        let decimal = |figure: i64, digits: usize| -> Value {
            let divisor = 10_i64.pow(u32::try_from(digits).unwrap());
            serde_json::from_str(&format!("{}.{:0digits$}", figure / divisor, figure % divisor)).unwrap()
        };
        let items: Vec<Value> = self
            .goods
            .iter()
            .map(|good| {
                let tax = match good.vat {
                    VatRate::Vat20 => "vat20",
                    VatRate::Vat10 => "vat10",
                    VatRate::Vat0 => "vat0",
                    _ => "none",
                };
                json!({
                    "type": "position", "name": good.name, "price": decimal(good.price, 2), "quantity": decimal(good.thousandths, 3),
                    "amount": decimal(good.sum(), 2), "tax": {"type": tax},
                })
            })
            .collect();
        let kinds = if by_number { ["0", "1"] } else { ["cash", "electronically"] };
        let (day, second) = (self.time / 86_400, self.time % 86_400);
        let (year, month, day) = date(day);
        let at = format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}+05:00",
            second / 3_600,
            second / 60 % 60,
            second % 60
        );
        let request = json!({
            "type": word, "operator": {"name": self.cashier}, "items": items,
            "payments": [{"type": kinds[0], "sum": decimal(self.cash, 2)}, {"type": kinds[1], "sum": decimal(self.card(), 2)}],
        });
        let result = json!({
            "fiscalDocumentDateTime": at, "fiscalDocumentNumber": self.number, "fiscalDocumentSign": format!("{:010}", self.sign),
            "fiscalReceiptNumber": self.receipt_number, "fnNumber": self.drive, "shiftNumber": self.shift,
            "total": decimal(self.total(), 2),
        });
        if by_number {
            json!({"task": request, "result": result}).to_string()
        } else {
            let results = json!([{"status": "ready", "result": {"fiscalParams": result, "warnings": null}}]);
            json!({"uuid": "u", "request": [request], "results": results}).to_string()
        }
    }
}

proptest! {
    #[test]
    fn atol_comes_back(truths in prop::collection::vec((truth(), any::<bool>()), 1..4)) {
        let written: Vec<String> = truths.iter().map(|(truth, by_number)| truth.as_atol(*by_number)).collect();
        let body = format!("[{}]", written.join(","));
        let documents = documents(ATOL, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for ((truth, _), document) in truths.iter().zip(documents) {
            truth.check(&receipt("atol", document));
        }
    }
}
