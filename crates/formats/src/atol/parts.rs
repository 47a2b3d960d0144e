//! Parts that the driver's tasks and the cloud's requests have in common.

use std::borrow::Cow;

use schemas::{
    LocalTimestamp,
    receipts::{Payment, VatRate},
};
use serde::Deserialize;

use super::words;
use crate::{
    Invalid, codes,
    json::{List, Text},
    number::Number,
};

/// A payment.
#[derive(Debug, Deserialize)]
pub(crate) struct Paid<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    sum: Number<'a>,
}

/// VAT of an item, or of a whole receipt at one rate.
#[derive(Debug, Deserialize)]
pub(crate) struct Vat<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    sum: Number<'a>,
}

impl Vat<'_> {
    /// Rate and sum, as far as they are told; `place` is that of the sum.
    pub(crate) fn read(
        &self,
        at: LocalTimestamp,
        place: &str,
        flags: &mut Vec<&'static str>,
    ) -> Result<(Option<VatRate>, Option<i64>), Invalid> {
        let rate = self.kind.trimmed().map(|word| words::vat(word, at, flags));
        Ok((rate, self.sum.money(place, flags)?))
    }
}

/// Payments of zero say nothing and are left out.
pub(crate) fn payments(
    payments: List<Paid<'_>>,
    place: &str,
    flags: &mut Vec<&'static str>,
) -> Result<Vec<Payment>, Invalid> {
    let mut told = Vec::new();
    for (index, payment) in payments.into_iter().enumerate() {
        let amount = payment.sum.money(&format!("{place}.payments[{index}].sum"), flags)?;
        let kind = words::payment(payment.kind.trimmed(), flags);
        if let Some(amount_kopecks) = amount.filter(|amount| *amount != 0) {
            told.push(Payment { kind, amount_kopecks });
        }
    }
    Ok(told)
}

/// A text, or by FFD 1.2 the code of tag 2108 or the driver's word for it.
pub(crate) fn unit<'a>(told: Option<Cow<'a, str>>, flags: &mut Vec<&'static str>) -> Option<Cow<'a, str>> {
    let unit = told?;
    match unit.parse::<u8>().ok().or_else(|| words::unit(&unit)) {
        Some(code) => codes::unit(code.into(), flags),
        None => Some(unit),
    }
}
