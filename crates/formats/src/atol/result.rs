//! `fiscalParams`: what the fiscal drive made of a task.

use serde::Deserialize;

use crate::{
    Context, Invalid,
    identity::{Fields, Fiscal},
    json::{Integer, Text},
    moment::Moment,
    number::Number,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params<'a> {
    #[serde(default, borrow)]
    fiscal_document_date_time: Text<'a>,
    #[serde(default)]
    fiscal_document_number: Integer,
    #[serde(default)]
    fiscal_document_sign: Integer,
    #[serde(default)]
    pub fiscal_receipt_number: Integer,
    #[serde(default)]
    pub shift_number: Integer,
    #[serde(default, borrow)]
    pub fn_number: Text<'a>,
    #[serde(default, borrow)]
    pub registration_number: Text<'a>,
    #[serde(default, borrow)]
    pub total: Number<'a>,
    #[serde(default)]
    pub receipts_count: Integer,
}

const FIELDS: Fields = Fields { drive: "fnNumber", number: "fiscalDocumentNumber", sign: "fiscalDocumentSign" };

impl Params<'_> {
    pub fn identity(&self, place: &str) -> Result<Fiscal<'_>, Invalid> {
        let told = (self.fn_number.get(), self.fiscal_document_number.0, self.fiscal_document_sign.0);
        Fiscal::required(told, &FIELDS, place, "a result names the fiscal document")
    }

    pub fn moment(&self, place: &str, context: &Context<'_>, flags: &mut Vec<&'static str>) -> Result<Moment, Invalid> {
        let place = format!("{place}.fiscalDocumentDateTime");
        let Some(text) = self.fiscal_document_date_time.trimmed() else {
            return Err(Invalid::new(place, "the time is missing"));
        };
        let moment = Moment::text(text)
            .ok_or_else(|| Invalid::new(place, format!("{} is no time", crate::text::quoted(text))))?;
        Ok(moment.in_zone(context, flags))
    }
}
