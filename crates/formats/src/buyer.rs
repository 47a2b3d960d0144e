//! The buyer: personal data, which only tenants that ask for it have kept.

use std::borrow::Cow;

use schemas::receipts::Receipt;

use crate::{Context, json::Text};

/// What a document tells of the buyer.
#[derive(Debug, Default)]
pub(crate) struct Buyer<'a> {
    /// Telephone or e-mail address, tag 1008.
    pub contact: Option<Cow<'a, str>>,
    /// Tag 1227.
    pub name: Option<Cow<'a, str>>,
    /// Taxpayer number, tag 1228.
    pub inn: Option<Cow<'a, str>>,
}

impl<'a> Buyer<'a> {
    /// As JSON documents tell it.
    pub(crate) fn of(mut contact: Text<'a>, mut name: Text<'a>, mut inn: Text<'a>) -> Self {
        Self { contact: contact.take_trimmed(), name: name.take(), inn: inn.take_trimmed() }
    }

    /// Writes the buyer into the receipt of a tenant that keeps him; for all others nothing is read.
    pub(crate) fn keep(receipt: &mut Receipt<'a>, context: &Context<'_>, read: impl FnOnce() -> Self) {
        if context.keeps_personal_data {
            Self { contact: receipt.buyer_contact, name: receipt.buyer_name, inn: receipt.buyer_inn } = read();
        }
    }
}
