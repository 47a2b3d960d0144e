//! The request. Fields that are not listed are ignored.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use crate::{
    atol::parts::{Paid, Vat},
    buyer::Buyer,
    json::{Aside, Items, List, Object, Text},
    number::Number,
};

#[derive(Debug, Deserialize)]
pub(super) struct Request<'a> {
    #[serde(default, borrow)]
    pub receipt: Option<Object<Content<'a>>>,
    #[serde(default, borrow)]
    pub correction: Option<Object<Content<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content<'a> {
    #[serde(default, borrow)]
    pub client: Aside<'a>,
    #[serde(default, borrow)]
    pub company: Option<Object<Company<'a>>>,
    #[serde(default, borrow)]
    pub items: Items<'a, Position<'a>>,
    #[serde(default, borrow)]
    pub payments: List<Paid<'a>>,
    #[serde(default, borrow)]
    pub vats: List<Vat<'a>>,
    #[serde(default, borrow)]
    pub cashier: Text<'a>,
    #[serde(default, borrow)]
    pub cashier_inn: Text<'a>,
    #[serde(default, borrow)]
    pub correction_info: Option<Object<Correction<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
struct Client<'a> {
    #[serde(default, borrow)]
    email: Aside<'a>,
    #[serde(default, borrow)]
    phone: Aside<'a>,
    #[serde(default, borrow)]
    name: Aside<'a>,
    #[serde(default, borrow)]
    inn: Aside<'a>,
}

/// Whom the seller sold to. The receipt goes to the e-mail address where both are told.
pub(super) fn buyer(client: Aside<'_>) -> Buyer<'_> {
    let Client { email, phone, name, inn } = client.object();
    Buyer::of(email.text().or(phone.text()), name.text(), inn.text())
}

#[derive(Debug, Deserialize)]
pub(super) struct Correction<'a> {
    #[serde(default, borrow, rename = "type")]
    pub kind: Text<'a>,
    /// `20.11.2026`
    #[serde(default, borrow)]
    pub base_date: Text<'a>,
    #[serde(default, borrow)]
    pub base_number: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Agent<'a> {
    #[serde(default, borrow, rename = "type")]
    pub kind: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Supplier<'a> {
    #[serde(default, borrow)]
    pub inn: Text<'a>,
    #[serde(default, borrow)]
    pub name: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Company<'a> {
    #[serde(default, borrow)]
    pub sno: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Position<'a> {
    #[serde(default, borrow)]
    pub name: Text<'a>,
    #[serde(default, borrow)]
    pub price: Number<'a>,
    #[serde(default, borrow)]
    pub quantity: Number<'a>,
    #[serde(default, borrow)]
    pub sum: Number<'a>,
    /// Version 4: a text.
    #[serde(default, borrow)]
    pub measurement_unit: Text<'a>,
    /// Version 5: the code of tag 2108.
    #[serde(default, borrow)]
    pub measure: Text<'a>,
    #[serde(default, borrow)]
    pub payment_method: Text<'a>,
    #[serde(default, borrow)]
    pub payment_object: Text<'a>,
    #[serde(default, borrow)]
    pub vat: Option<Object<Vat<'a>>>,
    #[serde(default, borrow)]
    pub agent_info: Option<Object<Agent<'a>>>,
    #[serde(default, borrow)]
    pub supplier_info: Option<Object<Supplier<'a>>>,
    /// Version 4.
    #[serde(default, borrow)]
    pub nomenclature_code: Text<'a>,
    /// Version 5.
    #[serde(default, borrow)]
    pub mark_code: MarkCode<'a>,
}

/// `{"gs1m": "…"}`: the kind of the code and the code.
#[derive(Debug, Default)]
pub(super) struct MarkCode<'a>(pub Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for MarkCode<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MarkCodeVisitor)
    }
}

struct MarkCodeVisitor;

impl<'de> Visitor<'de> for MarkCodeVisitor {
    type Value = MarkCode<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code by its kind")
    }

    fn visit_unit<E>(self) -> Result<MarkCode<'de>, E> {
        Ok(MarkCode::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<MarkCode<'de>, A::Error> {
        let mut code = MarkCode::default();
        while fields.next_key::<Cow<'de, str>>()?.is_some() {
            if code.0.get().is_none() {
                code.0 = fields.next_value()?;
            } else {
                let _rest: IgnoredAny = fields.next_value()?;
            }
        }
        Ok(code)
    }
}
