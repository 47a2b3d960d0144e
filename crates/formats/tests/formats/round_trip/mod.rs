//! A truth, written down by encoders of our own, must come back from the parsers.

mod atol;
mod dreamkas;
mod evotor;
mod ffd_tlv;
mod fns_json;
mod frontol;
mod set_retail;
mod truth;
mod xml_1c;

use proptest::prelude::*;
use schemas::receipts::{Operation, PaymentKind, Receipt};

use self::truth::{Truth, truth};
use crate::support::receipt;

/// The fields that every family tells.
fn shared(receipt: &Receipt<'_>) -> impl PartialEq + std::fmt::Debug {
    let items = receipt.items.iter().map(|item| (item.quantity.unscaled(), item.price_kopecks, item.sum_kopecks));
    (receipt.operation, receipt.total_kopecks, items.collect::<Vec<_>>())
}

/// The fields of those with a fiscal identity.
fn fiscal(receipt: &Receipt<'_>) -> impl PartialEq + std::fmt::Debug {
    let paid = |kind| receipt.payments.iter().filter(|p| p.kind == kind).map(|p| p.amount_kopecks).sum::<i64>();
    let items = receipt.items.iter().map(|item| (item.name.as_deref().map(str::to_owned), item.vat_rate));
    (
        receipt.receipt_id.to_string(),
        (receipt.fiscal_sign, receipt.shift_number, receipt.receipt_number),
        (receipt.local_time, receipt.utc_time),
        (paid(PaymentKind::Cash), paid(PaymentKind::Card)),
        items.collect::<Vec<_>>(),
    )
}

proptest! {
    #[test]
    fn the_same_sale_is_the_same_in_all_families(truth in truth()) {
        let truth = Truth { operation: if truth.is_return() { Operation::SellReturn } else { Operation::Sell }, ..truth };
        let (atol, dreamkas, evotor, fns) = (truth.as_atol(true), truth.as_dreamkas(), truth.as_evotor(true), truth.as_fns(1));
        let (tlv, frontol, set_retail) = (truth.as_tlv(), truth.as_frontol(), truth.as_set_retail());
        let fiscal_ones = [
            receipt("ffd-tlv", &tlv),
            receipt("atol", atol.as_bytes()),
            receipt("dreamkas", dreamkas.as_bytes()),
            receipt("evotor", evotor.as_bytes()),
            receipt("fns-json", fns.as_bytes()),
        ];
        for other in &fiscal_ones[1..] {
            prop_assert_eq!(fiscal(&fiscal_ones[0]), fiscal(other), "{}", other.source);
        }
        let others = [receipt("frontol", frontol.as_bytes()), receipt("set-retail", set_retail.as_bytes())];
        for other in fiscal_ones.iter().chain(&others) {
            prop_assert_eq!(shared(&fiscal_ones[0]), shared(other), "{}", other.source);
        }
    }
}
