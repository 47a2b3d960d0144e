//! A sale as the tax service and the operators hand it out.

use proptest::prelude::*;
use schemas::receipts::{Operation, VatRate};
use serde_json::{Value, json};

use super::truth::{Truth, date, truth};
use crate::support::{FNS, documents, receipt};

impl Truth {
    /// In one of the ways in which the tax service and the operators spell it.
    pub(super) fn as_fns(&self, spelling: u8) -> String {
        let operation = match self.operation {
            Operation::Sell => 1,
            Operation::SellReturn => 2,
            Operation::Buy => 3,
            _ => 4,
        };
        let either =
            |bit: u8, one: &'static str, other: &'static str| if spelling >> bit & 1 == 0 { one } else { other };
        let items: Vec<_> = self
            .goods
            .iter()
            .map(|good| {
                let code = match good.vat {
                    VatRate::Vat20 => 1,
                    VatRate::Vat10 => 2,
                    VatRate::Vat0 => 5,
                    _ => 6,
                };
                let quantity = format!("{}.{:03}", good.thousandths / 1_000, good.thousandths % 1_000);
                let quantity: Value = serde_json::from_str(&quantity).unwrap();
                json!({"name": good.name, "quantity": quantity, "price": good.price, "sum": good.sum(), either(0, "nds", "ndsRate"): code})
            })
            .collect();
        let (day, second) = (self.time / 86_400, self.time % 86_400);
        let (year, month, day) = date(day);
        let time = match spelling >> 1 & 3 {
            0 => json!(self.time),
            1 => json!({"$date": i64::from(self.time) * 1_000}),
            _ => json!(format!(
                "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
                second / 3_600,
                second / 60 % 60,
                second % 60
            )),
        };
        let receipt = json!({
            "code": 3, "operationType": operation, "totalSum": self.total(), "shiftNumber": self.shift,
            "requestNumber": self.receipt_number, "dateTime": time, "cashTotalSum": self.cash, "ecashTotalSum": self.card(),
            "items": items, "operator": self.cashier, "fiscalDriveNumber": self.drive,
            "fiscalDocumentNumber": self.number, "fiscalSign": self.sign, "metadata": {"id": 1},
        });
        match spelling >> 3 & 3 {
            0 => receipt.to_string(),
            1 => json!({"receipt": receipt}).to_string(),
            2 => json!({"data": {"json": receipt}, "code": 1}).to_string(),
            _ => json!({"_id": "1", "ticket": {"document": {"receipt": receipt}}}).to_string(),
        }
    }
}

proptest! {
    #[test]
    fn fns_json_comes_back(truths in prop::collection::vec((truth(), any::<u8>()), 1..4)) {
        let written: Vec<String> = truths.iter().map(|(truth, spelling)| truth.as_fns(*spelling)).collect();
        let body = format!("[{}]", written.join(","));
        let documents = documents(FNS, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for ((truth, _), document) in truths.iter().zip(documents) {
            truth.check(&receipt("fns-json", document));
        }
    }
}
