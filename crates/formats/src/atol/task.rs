//! The task. Fields that are not listed are ignored.

use std::borrow::Cow;

use schemas::{
    receipts::{Operation, ReceiptKind},
    shifts::ShiftKind,
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use super::parts::{Paid, Vat};
use crate::{
    Invalid,
    buyer::Buyer,
    json::{Aside, Items, List, Object, Text, Texts},
    number::Number,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    pub operator: Option<Object<Operator<'a>>>,
    #[serde(default, borrow)]
    pub taxation_type: Text<'a>,
    #[serde(default, borrow)]
    pub items: Items<'a, Position<'a>>,
    #[serde(default, borrow)]
    pub payments: List<Paid<'a>>,
    #[serde(default, borrow)]
    pub total: Number<'a>,
    #[serde(default, borrow)]
    pub correction_type: Text<'a>,
    /// `2026.11.20`
    #[serde(default, borrow)]
    pub correction_base_date: Text<'a>,
    #[serde(default, borrow)]
    pub correction_base_number: Text<'a>,
    #[serde(default, borrow)]
    pub client_info: Aside<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client<'a> {
    #[serde(default, borrow)]
    email_or_phone: Aside<'a>,
    #[serde(default, borrow)]
    name: Aside<'a>,
    #[serde(default, borrow)]
    vatin: Aside<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Operator<'a> {
    #[serde(default, borrow)]
    pub name: Text<'a>,
    #[serde(default, borrow)]
    pub vatin: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position<'a> {
    #[serde(default, borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(default, borrow)]
    pub name: Text<'a>,
    #[serde(default, borrow)]
    pub price: Number<'a>,
    #[serde(default, borrow)]
    pub quantity: Number<'a>,
    #[serde(default, borrow)]
    pub amount: Number<'a>,
    #[serde(default, borrow)]
    pub info_discount_amount: Number<'a>,
    #[serde(default, borrow)]
    pub tax: Option<Object<Vat<'a>>>,
    #[serde(default, borrow)]
    pub payment_method: Text<'a>,
    #[serde(default, borrow)]
    pub payment_object: Text<'a>,
    #[serde(default, borrow)]
    pub measurement_unit: Text<'a>,
    #[serde(default, borrow)]
    pub nomenclature_code: Nomenclature<'a>,
    #[serde(default, borrow)]
    pub marking_code: Option<Object<Mark<'a>>>,
    #[serde(default, borrow)]
    pub imc_params: Option<Object<Imc<'a>>>,
    #[serde(default, borrow)]
    pub agent_info: Option<Object<Agents<'a>>>,
    #[serde(default, borrow)]
    pub supplier_info: Option<Object<Supplier<'a>>>,
}

/// For whom the seller sold.
#[derive(Debug, Deserialize)]
pub(super) struct Agents<'a> {
    #[serde(default, borrow)]
    pub agents: Texts<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Supplier<'a> {
    #[serde(default, borrow)]
    pub vatin: Text<'a>,
    #[serde(default, borrow)]
    pub name: Text<'a>,
}

/// Marking by FFD 1.05.
#[derive(Debug, Deserialize)]
pub(super) struct Mark<'a> {
    #[serde(default, borrow)]
    pub mark: Text<'a>,
}

/// The older field for marking: a code, or its parts `{"type": "…", "gtin": "…", "serial": "…"}`.
#[derive(Debug, Default)]
pub(super) struct Nomenclature<'a>(Text<'a>);

impl<'a> Nomenclature<'a> {
    /// The code; of parts a mark of GS1.
    pub fn take(&mut self) -> Option<Cow<'a, str>> {
        self.0.take()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Nomenclature<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts<'a> {
            #[serde(default, borrow)]
            gtin: Text<'a>,
            #[serde(default, borrow)]
            serial: Text<'a>,
        }
        let value = <&'de RawValue>::deserialize(deserializer)?.get();
        if !value.starts_with('{') {
            return serde_json::from_str(value).map(Self).map_err(D::Error::custom);
        }
        let Object(parts) = serde_json::from_str::<Object<Parts<'_>>>(value).map_err(D::Error::custom)?;
        let (Some(gtin), Some(serial)) = (parts.gtin.trimmed(), parts.serial.get()) else {
            return Ok(Self::default());
        };
        Ok(Self(Text::from(format!("01{gtin:0>14}21{serial}"))))
    }
}

/// Marking by FFD 1.2.
#[derive(Debug, Deserialize)]
pub(super) struct Imc<'a> {
    #[serde(default, borrow)]
    pub imc: Text<'a>,
}

/// What a task asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Receipt(ReceiptKind, Operation),
    Shift(ShiftKind),
}

/// Whom the seller sold to.
pub(super) fn buyer(client_info: Aside<'_>) -> Buyer<'_> {
    let Client { email_or_phone, name, vatin } = client_info.object();
    Buyer::of(email_or_phone.text(), name.text(), vatin.text())
}

impl Task<'_> {
    pub fn kind(&self, place: &str) -> Result<Kind, Invalid> {
        use Operation::{Buy, BuyReturn, Sell, SellReturn};
        use ReceiptKind::{Receipt, ReceiptCorrection};
        Ok(match self.kind.trimmed() {
            Some("sell") => Kind::Receipt(Receipt, Sell),
            Some("sellReturn") => Kind::Receipt(Receipt, SellReturn),
            Some("buy") => Kind::Receipt(Receipt, Buy),
            Some("buyReturn") => Kind::Receipt(Receipt, BuyReturn),
            Some("sellCorrection") => Kind::Receipt(ReceiptCorrection, Sell),
            Some("sellReturnCorrection") => Kind::Receipt(ReceiptCorrection, SellReturn),
            Some("buyCorrection") => Kind::Receipt(ReceiptCorrection, Buy),
            Some("buyReturnCorrection") => Kind::Receipt(ReceiptCorrection, BuyReturn),
            Some("openShift") => Kind::Shift(ShiftKind::Open),
            Some("closeShift") => Kind::Shift(ShiftKind::Close),
            Some(other) => {
                return Err(Invalid::unsupported(
                    format!("{place}.type"),
                    format!("tasks of type {} are not read", crate::text::quoted(other)),
                ));
            }
            None => {
                return Err(Invalid::new(
                    format!("{place}.type"),
                    "the type is missing: it says what the task asks for",
                ));
            }
        })
    }
}
