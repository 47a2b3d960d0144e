//! A sale as lines of Frontol.

use proptest::prelude::*;
use schemas::{LocalTimestamp, receipts::Operation};

use super::truth::{Truth, truth};
use crate::support::{FRONTOL, documents, receipt};

impl Truth {
    /// The lines of a check; every sum is negative in a return.
    pub(super) fn as_frontol(&self) -> String {
        let (date, clock, _) = self.clock();
        let roubles = |kopecks: i64| {
            let sign = if self.is_return() && kopecks > 0 { "-" } else { "" };
            format!("{sign}{},{:02}", kopecks / 100, kopecks % 100)
        };
        let operation = u8::from(self.is_return());
        let head = |code: u8| format!("1;{date};{clock};{code};1;{};1", self.receipt_number);
        let mut lines = vec![format!("{};;;0;1;{};{operation};{}", head(42), roubles(self.total()), self.shift)];
        for (code, good) in self.goods.iter().enumerate() {
            let quantity = format!("{},{:03}", good.thousandths / 1_000, good.thousandths % 1_000);
            // Before and after the discount, of which there is none.
            let (price, sum) = (roubles(good.price).replace('-', ""), roubles(good.sum()));
            lines.push(format!(
                "{};{code};;{price};{quantity};{sum};{operation};{};{price};{sum}",
                head(11),
                self.shift
            ));
        }
        // Something that was rung up by mistake.
        for (code, sign) in [(1, ""), (2, "-")] {
            lines.push(format!("{};mistake;;1;{sign}1;{sign}1;{operation};{};1;{sign}1", head(code), self.shift));
        }
        lines.push(format!("{};;1;;;{}", head(40), roubles(self.cash)));
        lines.push(format!("{};;3;;;{}", head(41), roubles(self.card())));
        lines.push(format!(
            "{};;;0;1;{};{operation};{};;{}",
            head(55),
            roubles(self.total()),
            self.shift,
            roubles(self.total())
        ));
        lines.join("\r\n") + "\r\n"
    }
}

proptest! {
    #[test]
    fn frontol_comes_back(mut truths in prop::collection::vec(truth(), 1..4)) {
        // Neighbours with the same number would be one check.
        for (truth, number) in truths.iter_mut().zip(1..) {
            truth.receipt_number = number;
            truth.operation = if truth.operation == Operation::Sell { Operation::Sell } else { Operation::SellReturn };
        }
        let body: String = truths.iter().map(Truth::as_frontol).collect();
        let body = format!("#\r\n1\r\n1\r\n{body}");
        let documents = documents(FRONTOL, body.as_bytes());
        prop_assert_eq!(documents.len(), truths.len());
        for (truth, document) in truths.iter().zip(documents) {
            let parsed = receipt("frontol", document);
            truth.check_figures(&parsed, &["unknown-code"]);
            prop_assert_eq!(parsed.local_time, Some(LocalTimestamp(i64::from(truth.time) * 1_000_000)));
            prop_assert_eq!((parsed.shift_number, parsed.receipt_number), (Some(truth.shift.into()), Some(truth.receipt_number.into())));
        }
    }
}
