//! The vendor's fields. Fields that are not listed are ignored: among them the cashier's card and
//! password hash, which must not go any further.

use std::{borrow::Cow, fmt};

use canonical::time;
use schemas::{
    LocalTimestamp, Timestamp,
    events::EventKind,
    receipts::{Operation, PaymentKind, VatRate},
};
use serde::{Deserialize, Deserializer, de::Visitor};

use crate::{
    Context, Invalid,
    buyer::Buyer,
    checks,
    json::{Aside, Integer, Items, List, Object, Text},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    #[serde(default, borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(default)]
    pub amount: Integer,
    #[serde(default)]
    pub sum: Integer,
    #[serde(default)]
    pub discount: Integer,
    #[serde(default, borrow)]
    pub device_id: Text<'a>,
    #[serde(default)]
    pub shift_id: Integer,
    #[serde(default)]
    pub number: Integer,
    #[serde(default, borrow)]
    pub local_date: Text<'a>,
    #[serde(default, borrow)]
    pub date: Text<'a>,
    #[serde(default, borrow)]
    pub payments: List<Payment<'a>>,
    #[serde(default, borrow)]
    pub positions: Items<'a, Position<'a>>,
    #[serde(default, borrow)]
    pub cashier: Option<Object<Cashier<'a>>>,
    #[serde(default)]
    pub fiscal_document_number: Integer,
    #[serde(default)]
    pub fiscal_document_sign: Integer,
    #[serde(default, borrow)]
    pub fn_number: Text<'a>,
    #[serde(default, borrow)]
    pub registry_number: Text<'a>,
    #[serde(default, borrow)]
    pub attributes: Aside<'a>,
    #[serde(default, borrow)]
    id: Aside<'a>,
    #[serde(default, borrow)]
    name: Aside<'a>,
    #[serde(default, borrow)]
    timezone_offset: Aside<'a>,
    #[serde(default, borrow)]
    url: Aside<'a>,
    #[serde(default, borrow)]
    types: Aside<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Attributes<'a> {
    #[serde(default, borrow)]
    email: Aside<'a>,
    #[serde(default, borrow)]
    phone: Aside<'a>,
}

/// Whom the receipt went to.
pub(super) fn buyer(attributes: Aside<'_>) -> Buyer<'_> {
    let Attributes { email, phone } = attributes.object();
    Buyer::of(email.text().or(phone.text()), Text::default(), Text::default())
}

#[derive(Debug, Deserialize)]
pub(super) struct Payment<'a> {
    #[serde(default, borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(default)]
    pub amount: Integer,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position<'a> {
    #[serde(default, borrow)]
    pub name: Text<'a>,
    #[serde(default)]
    pub quantity: Integer,
    #[serde(default)]
    pub price: Integer,
    #[serde(default)]
    pub discount: Integer,
    #[serde(default, borrow)]
    pub barcode: Text<'a>,
    #[serde(default, borrow)]
    pub excise_barcode: Text<'a>,
    #[serde(default, borrow)]
    pub vendor_code: Text<'a>,
    #[serde(default)]
    pub tax: Tax,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cashier<'a> {
    #[serde(default, borrow)]
    pub name: Text<'a>,
    #[serde(default, borrow)]
    pub inn: Text<'a>,
}

/// What a document is, by its `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Receipt(Operation),
    Encashment(EventKind),
    /// The description of a device.
    Device,
}

impl<'a> Document<'a> {
    pub(super) fn kind(&self) -> Result<Kind, Invalid> {
        match self.kind.trimmed() {
            Some("SALE") => Ok(Kind::Receipt(Operation::Sell)),
            Some("REFUND") => Ok(Kind::Receipt(Operation::SellReturn)),
            Some("OUTFLOW") => Ok(Kind::Receipt(Operation::Buy)),
            Some("OUTFLOW_REFUND") => Ok(Kind::Receipt(Operation::BuyReturn)),
            Some("MONEY_IN") => Ok(Kind::Encashment(EventKind::CashIn)),
            Some("MONEY_OUT") => Ok(Kind::Encashment(EventKind::CashOut)),
            Some(other) => Err(Invalid::unsupported(
                "$.type",
                format!("documents of type {} are not read", crate::text::quoted(other)),
            )),
            None if [self.id, self.name, self.timezone_offset].into_iter().all(Aside::is_told) => Ok(Kind::Device),
            None if self.url.is_told() && self.types.is_told() => Err(Invalid::unsupported(
                "$.types",
                "a subscription to the vendor's webhook: it says what is to be sent where and holds no document",
            )),
            None => Err(Invalid::new("$.type", "the type is missing: it says what the document is")),
        }
    }

    /// The vendor's id of the object itself.
    pub(super) fn take_id(&mut self) -> Option<Cow<'a, str>> {
        self.id.text().take_trimmed()
    }

    /// Name and INN of the cashier.
    pub(super) fn take_cashier(&mut self) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
        self.cashier
            .take()
            .map_or((None, None), |Object(mut cashier)| (cashier.name.take(), cashier.inn.take_trimmed()))
    }

    /// The document's times; `localDate` and `date` may each be empty, but not both.
    pub(super) fn times(&self, context: &Context<'_>) -> Result<Times, Invalid> {
        let local = parse_time(&self.local_date, "$.localDate", time::parse_local)?;
        let utc = parse_time(&self.date, "$.date", time::parse_utc)?;
        let by_zone = |local| context.time_zone.and_then(|zone| time::utc(local, zone));
        let (local, utc, disagree) = match (local, utc) {
            (Some(local), Some(utc)) if checks::are_one_moment(local, utc) => (Some(local), Some(utc), false),
            (Some(local), stated) => (Some(local), by_zone(local), stated.is_some()),
            (None, Some(utc)) => (context.time_zone.and_then(|zone| time::local(utc, zone)), Some(utc), false),
            (None, None) => {
                return Err(Invalid::new("$.localDate", "neither localDate nor date says when it happened"));
            }
        };
        Ok(Times { local, utc, disagree, in_future: checks::is_in_future(local, utc, context.received_at) })
    }
}

/// When a document happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub local: Option<LocalTimestamp>,
    pub utc: Option<Timestamp>,
    /// Both were stated, and no time zone lies between them.
    pub disagree: bool,
    pub in_future: bool,
}

fn parse_time<T>(text: &Text<'_>, place: &str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Invalid> {
    text.trimmed()
        .map(|text| parse(text).ok_or_else(|| Invalid::new(place, format!("{} is no time", crate::text::quoted(text)))))
        .transpose()
}

/// How something was paid; `None` for a word that this revision does not know.
pub(super) fn payment_kind(word: Option<&str>) -> Option<PaymentKind> {
    match word {
        Some("CASH") => Some(PaymentKind::Cash),
        Some("CASHLESS") => Some(PaymentKind::Card),
        Some("PREPAID") => Some(PaymentKind::Prepaid),
        Some("CREDIT") => Some(PaymentKind::Credit),
        Some("CONSIDERATION") => Some(PaymentKind::CounterProvision),
        _ => None,
    }
}

/// `tax`: a word, in version 1 of the API a number. Null says "no VAT"; nothing says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tax(pub Option<VatRate>);

impl<'de> Deserialize<'de> for Tax {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TaxVisitor)
    }
}

struct TaxVisitor;

impl TaxVisitor {
    fn number(number: i64) -> VatRate {
        match number {
            -1 => VatRate::Mixed,
            0 => VatRate::Vat0,
            10 => VatRate::Vat10,
            18 => VatRate::Vat18,
            20 => VatRate::Vat20,
            110 => VatRate::Vat10_110,
            120 => VatRate::Vat20_120,
            _ => VatRate::Unknown,
        }
    }
}

impl Visitor<'_> for TaxVisitor {
    type Value = Tax;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tax")
    }

    fn visit_str<E>(self, word: &str) -> Result<Tax, E> {
        Ok(Tax(Some(match word.trim() {
            "NDS_20" => VatRate::Vat20,
            "NDS_10" => VatRate::Vat10,
            "NDS_20_CALCULATED" => VatRate::Vat20_120,
            "NDS_10_CALCULATED" => VatRate::Vat10_110,
            "NDS_0" => VatRate::Vat0,
            "NDS_NO_TAX" => VatRate::None,
            "NDS_MIXED" => VatRate::Mixed,
            other => other.parse().map_or(VatRate::Unknown, Self::number),
        })))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tax, E> {
        Ok(Tax(Some(Self::number(number))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tax, E> {
        Ok(Tax(Some(i64::try_from(number).map_or(VatRate::Unknown, Self::number))))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tax, E> {
        Ok(Tax(Some(VatRate::Unknown)))
    }

    fn visit_unit<E>(self) -> Result<Tax, E> {
        Ok(Tax(Some(VatRate::None)))
    }
}
