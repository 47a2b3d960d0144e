//! A sale as the fiscal drive encodes it.

use proptest::prelude::*;
use schemas::receipts::{Operation, VatRate};

use super::truth::{Truth, truth};
use crate::support::{
    TLV, documents,
    encoder::{container, number, padded, sign, text, thousandths, tlv, wide},
    receipt,
};

impl Truth {
    pub(super) fn as_tlv(&self) -> Vec<u8> {
        let operation = match self.operation {
            Operation::Sell => 1,
            Operation::SellReturn => 2,
            Operation::Buy => 3,
            _ => 4,
        };
        let mut children = [
            tlv(1041, &padded(&self.drive, 16)),
            tlv(1040, &wide(self.number)),
            tlv(1012, &wide(self.time)),
            tlv(1077, &sign(0x31, self.sign)),
            tlv(1038, &wide(self.shift)),
            tlv(1042, &wide(self.receipt_number)),
            tlv(1054, &[operation]),
            tlv(1021, &text(&self.cashier)),
            tlv(1020, &number(self.total())),
            tlv(1031, &number(self.cash)),
            tlv(1081, &number(self.card())),
            tlv(65_000, b"a tag of tomorrow"),
        ]
        .concat();
        for good in &self.goods {
            let rate = match good.vat {
                VatRate::Vat20 => 1,
                VatRate::Vat10 => 2,
                VatRate::Vat0 => 5,
                _ => 6,
            };
            let item = [
                tlv(1030, &text(&good.name)),
                tlv(1079, &number(good.price)),
                tlv(1023, &thousandths(good.thousandths)),
                tlv(1043, &number(good.sum())),
                tlv(1199, &[rate]),
            ]
            .concat();
            children.extend(tlv(1059, &item));
        }
        tlv(3, &children)
    }
}

proptest! {
    #[test]
    fn tlv_comes_back(truths in prop::collection::vec((truth(), any::<bool>()), 1..4)) {
        let body: Vec<u8> = truths
            .iter()
            .flat_map(|(truth, contained)| match contained {
                true if truth.number < 1 << 24 => container(&truth.as_tlv(), &truth.drive, truth.number),
                _ => truth.as_tlv(),
            })
            .collect();
        let documents = documents(TLV, &body);
        prop_assert_eq!(documents.len(), truths.len());
        for ((truth, _), document) in truths.iter().zip(documents) {
            truth.check(&receipt("ffd-tlv", document));
        }
    }
}
