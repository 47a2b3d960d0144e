//! A sale as the Dreamkas cloud gives it out.

use proptest::prelude::*;
use schemas::receipts::{Operation, VatRate};
use serde_json::json;

use super::truth::{Truth, date, truth};
use crate::support::{DREAMKAS, documents, receipt};

impl Truth {
    pub(super) fn as_dreamkas(&self) -> String {
        let word = match self.operation {
            Operation::Sell => "SALE",
            Operation::SellReturn => "REFUND",
            Operation::Buy => "OUTFLOW",
            _ => "OUTFLOW_REFUND",
        };
        let (day, second) = (self.time / 86_400, self.time % 86_400);
        let (year, month, day) = date(day);
        let local =
            format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        let positions: Vec<_> = self
            .goods
            .iter()
            .map(|good| {
                let tax = match good.vat {
                    VatRate::Vat20 => json!("NDS_20"),
                    VatRate::Vat10 => json!("NDS_10"),
                    VatRate::Vat0 => json!(0),
                    _ => json!("NDS_NO_TAX"),
                };
                json!({"name": good.name, "quantity": good.thousandths, "price": good.price, "tax": tax, "whatever": [1, {}]})
            })
            .collect();
        json!({
            "type": word, "amount": self.total(), "shiftId": self.shift, "number": self.receipt_number, "localDate": local,
            "payments": [{"type": "CASH", "amount": self.cash}, {"type": "CASHLESS", "amount": self.card()}],
            "positions": positions, "cashier": {"name": self.cashier}, "fnNumber": self.drive,
            "fiscalDocumentNumber": self.number.to_string(), "fiscalDocumentSign": self.sign.to_string(),
        })
        .to_string()
    }
}

proptest! {
    #[test]
    fn dreamkas_comes_back(truths in prop::collection::vec(truth(), 1..4)) {
        let written: Vec<String> = truths.iter().map(Truth::as_dreamkas).collect();
        let body = format!("{{\"query\":{{}},\"data\":[{}]}}", written.join(","));
        let documents = documents(DREAMKAS, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for (truth, document) in truths.iter().zip(documents) {
            truth.check(&receipt("dreamkas", document));
        }
    }
}
