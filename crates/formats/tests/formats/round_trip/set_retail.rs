//! A sale as a purchase of Set Retail.

use proptest::prelude::*;
use schemas::{Timestamp, receipts::Operation};

use super::truth::{Truth, truth};
use crate::support::{SET_RETAIL, documents, receipt};

impl Truth {
    pub(super) fn as_set_retail(&self) -> String {
        let (_, _, time) = self.clock();
        let roubles = |kopecks: i64| format!("{}.{:02}", kopecks / 100, kopecks % 100);
        let positions: String = self
            .goods
            .iter()
            .enumerate()
            .map(|(code, good)| {
                format!(
                    "<position goodsCode='{code}' count='{}.{:03}' cost='{}' amount='{}'/>",
                    good.thousandths / 1_000,
                    good.thousandths % 1_000,
                    roubles(good.price),
                    roubles(good.sum())
                )
            })
            .collect();
        format!(
            "<purchase operationType='{}' cash='1' shift='{}' number='{}' saletime='{time}+05:00' amount='{}'>\
             <positions>{positions}</positions><payments>\
             <payment typeClass='CashPaymentEntity' amount='{}'/><payment typeClass='BankCardPaymentEntity' amount='{}'/>\
             <payment typeClass='CashChangePaymentEntity' amount='12.34'/></payments></purchase>",
            !self.is_return(),
            self.shift,
            self.receipt_number,
            roubles(self.total()),
            roubles(self.cash + 1_234),
            roubles(self.card()),
        )
    }
}

proptest! {
    #[test]
    fn set_retail_comes_back(mut truths in prop::collection::vec(truth(), 1..4)) {
        for truth in &mut truths {
            truth.operation = if truth.operation == Operation::Sell { Operation::Sell } else { Operation::SellReturn };
        }
        let written: String = truths.iter().map(Truth::as_set_retail).collect();
        let body = format!("<purchases>{written}</purchases>");
        let documents = documents(SET_RETAIL, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for (truth, document) in truths.iter().zip(documents) {
            let parsed = receipt("set-retail", document);
            truth.check_figures(&parsed, &[]);
            prop_assert_eq!(parsed.utc_time, Some(Timestamp((i64::from(truth.time) - 5 * 3_600) * 1_000_000)));
            prop_assert_eq!((parsed.shift_number, parsed.receipt_number), (Some(truth.shift.into()), Some(truth.receipt_number.into())));
        }
    }
}
