//! `fiscalParams`: what the fiscal drive made of a task.

use serde::Deserialize;

use crate::{
    Context, Invalid, checks,
    json::{Integer, Number, Text},
    moment::Moment,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fiscal<'a> {
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

/// Drive, document number and sign.
pub(super) struct Identity<'d> {
    pub drive: &'d str,
    pub number: u32,
    pub sign: u32,
}

impl Fiscal<'_> {
    /// A result without them is none.
    pub fn identity(&self, place: &str) -> Result<Identity<'_>, Invalid> {
        let at = |field: &str| format!("{place}.{field}");
        let missing = |field: &str| Invalid::new(at(field), "missing: a result names the fiscal document");
        let drive = self.fn_number.get().ok_or_else(|| missing("fnNumber"))?;
        let drive = checks::drive_number(drive)
            .ok_or_else(|| Invalid::new(at("fnNumber"), format!("{drive:?} is no drive number: 1 to 16 digits")))?;
        let number = checks::fiscal_number(self.fiscal_document_number.0, 1, || at("fiscalDocumentNumber"))?;
        let sign = checks::fiscal_number(self.fiscal_document_sign.0, 0, || at("fiscalDocumentSign"))?;
        Ok(Identity {
            drive,
            number: number.ok_or_else(|| missing("fiscalDocumentNumber"))?,
            sign: sign.ok_or_else(|| missing("fiscalDocumentSign"))?,
        })
    }

    pub fn moment(&self, place: &str, context: &Context<'_>, flags: &mut Vec<&'static str>) -> Result<Moment, Invalid> {
        let place = format!("{place}.fiscalDocumentDateTime");
        let Some(text) = self.fiscal_document_date_time.trimmed() else {
            return Err(Invalid::new(place, "the time is missing"));
        };
        let moment = Moment::text(text).ok_or_else(|| Invalid::new(place, format!("{text:?} is no time")))?;
        Ok(moment.in_zone(context, flags))
    }
}
