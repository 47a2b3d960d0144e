//! The report: what became of a request.

use serde::Deserialize;

use crate::{
    Context, Invalid,
    identity::{Fields, Fiscal},
    json::{Integer, Object, Text},
    moment::Moment,
    number::Number,
};

#[derive(Debug, Deserialize)]
pub(super) struct Report<'a> {
    #[serde(default, borrow)]
    status: Text<'a>,
    #[serde(default, borrow)]
    error: Option<Object<Failure<'a>>>,
    #[serde(default, borrow)]
    payload: Option<Object<Payload<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Failure<'a> {
    #[serde(default, borrow)]
    text: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Payload<'a> {
    #[serde(default, borrow)]
    pub total: Number<'a>,
    #[serde(default, borrow)]
    fn_number: Text<'a>,
    #[serde(default)]
    pub shift_number: Integer,
    #[serde(default, borrow)]
    receipt_datetime: Text<'a>,
    #[serde(default)]
    pub fiscal_receipt_number: Integer,
    #[serde(default)]
    fiscal_document_number: Integer,
    #[serde(default, borrow)]
    pub ecr_registration_number: Text<'a>,
    #[serde(default)]
    fiscal_document_attribute: Integer,
}

impl<'a> Report<'a> {
    /// What a report of a finished request says.
    pub fn done(self, place: &str) -> Result<Payload<'a>, Invalid> {
        let status = format!("{place}.status");
        match self.status.trimmed() {
            Some("done") => {}
            Some("wait") => {
                return Err(Invalid::new(status, "the request is not finished: send the report when it is done"));
            }
            _ => {
                let said = self.error.as_ref().and_then(|Object(failure)| failure.text.get());
                let said = said.unwrap_or("no reason was given");
                return Err(Invalid::new(status, format!("the cloud has not done it: {said}")));
            }
        }
        let missing = || Invalid::new(format!("{place}.payload"), "missing: it names the fiscal document");
        Ok(self.payload.ok_or_else(missing)?.0)
    }
}

const FIELDS: Fields =
    Fields { drive: "fn_number", number: "fiscal_document_number", sign: "fiscal_document_attribute" };

impl Payload<'_> {
    pub fn identity(&self, place: &str) -> Result<Fiscal<'_>, Invalid> {
        let told = (self.fn_number.get(), self.fiscal_document_number.0, self.fiscal_document_attribute.0);
        Fiscal::required(told, &FIELDS, &format!("{place}.payload"), "a report names the fiscal document")
    }

    pub fn moment(&self, place: &str, context: &Context<'_>, flags: &mut Vec<&'static str>) -> Result<Moment, Invalid> {
        let place = format!("{place}.payload.receipt_datetime");
        let Some(text) = self.receipt_datetime.trimmed() else {
            return Err(Invalid::new(place, "the time is missing"));
        };
        let moment = text.split_once(' ').and_then(|(date, clock)| Moment::day_first(date, clock));
        let moment = moment.ok_or_else(|| {
            Invalid::new(place, format!("{} is no time: dd.mm.yyyy HH:MM:SS", crate::text::quoted(text)))
        })?;
        Ok(moment.in_zone(context, flags))
    }
}
