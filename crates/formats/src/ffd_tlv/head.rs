//! What every document of a shift says: who it is, and when.

use std::borrow::Cow;

use canonical::time;
use schemas::{LocalTimestamp, Timestamp};

use super::{
    container::Envelope,
    tag,
    value::{self, Path},
};
use crate::{Context, Invalid, checks, flags};

/// Identity, time and cashier of a document.
pub(super) struct Head<'b> {
    /// `tenant/drive/number`
    pub id: String,
    pub drive_number: Cow<'b, str>,
    pub document_number: u32,
    pub fiscal_sign: u32,
    pub registration_number: Option<Cow<'b, str>>,
    pub shift_number: Option<i64>,
    pub local_time: LocalTimestamp,
    pub utc_time: Option<Timestamp>,
    pub cashier_name: Option<Cow<'b, str>>,
    pub cashier_inn: Option<Cow<'b, str>>,
}

/// The tags as they were found, before it is known that none is missing.
#[derive(Default)]
struct Found<'b> {
    drive: Option<Cow<'b, str>>,
    number: Option<u32>,
    sign: Option<u32>,
    registration_number: Option<Cow<'b, str>>,
    shift_number: Option<i64>,
    time: Option<LocalTimestamp>,
    cashier_name: Option<Cow<'b, str>>,
    cashier_inn: Option<Cow<'b, str>>,
}

impl<'b> Head<'b> {
    pub(super) fn read(
        envelope: &Envelope<'b>,
        context: &Context<'_>,
        flags: &mut Vec<&'static str>,
    ) -> Result<Self, Invalid> {
        let path = Path::document(envelope.tag);
        let mut found = Found::default();
        for element in envelope.children() {
            let element = element.map_err(|cut| path.broken(cut))?;
            match element.tag {
                tag::DRIVE_NUMBER => found.drive = value::padded(&element),
                tag::DOCUMENT_NUMBER => found.number = Some(path.number(&element)?),
                tag::FISCAL_SIGN => found.sign = Some(path.sign(&element)?),
                tag::REGISTRATION_NUMBER => found.registration_number = value::padded(&element),
                tag::SHIFT_NUMBER => found.shift_number = Some(path.number(&element)?.into()),
                tag::TIME => found.time = Some(path.time(&element)?),
                tag::CASHIER => found.cashier_name = value::string(&element),
                tag::CASHIER_INN => found.cashier_inn = value::padded(&element),
                _ => {}
            }
        }
        let head = found.complete(path, context)?;
        if checks::is_in_future(Some(head.local_time), head.utc_time, context.received_at) {
            flags.push(flags::TIME_IN_FUTURE);
        }
        let agrees = envelope.header.is_none_or(|header| {
            header.names_drive(&head.drive_number) && header.document_number == head.document_number
        });
        if !agrees {
            flags.push(flags::CONTAINER_DISAGREES);
        }
        Ok(head)
    }
}

impl<'b> Found<'b> {
    fn complete(self, path: Path, context: &Context<'_>) -> Result<Head<'b>, Invalid> {
        let drive_number = self.drive.ok_or_else(|| path.missing(tag::DRIVE_NUMBER, "the drive number"))?;
        if checks::drive_number(&drive_number) != Some(&*drive_number) {
            return Err(path.invalid(tag::DRIVE_NUMBER, format!("{drive_number:?} is no drive number: 1 to 16 digits")));
        }
        let document_number = self
            .number
            .filter(|number| *number > 0)
            .ok_or_else(|| path.missing(tag::DOCUMENT_NUMBER, "the document number"))?;
        let local_time = self.time.ok_or_else(|| path.missing(tag::TIME, "the time"))?;
        Ok(Head {
            id: canonical::fiscal_id(context.tenant, &drive_number, document_number),
            drive_number,
            document_number,
            fiscal_sign: self.sign.ok_or_else(|| path.missing(tag::FISCAL_SIGN, "the fiscal sign"))?,
            registration_number: self.registration_number,
            shift_number: self.shift_number,
            local_time,
            utc_time: context.time_zone.and_then(|zone| time::utc(local_time, zone)),
            cashier_name: self.cashier_name,
            cashier_inn: self.cashier_inn,
        })
    }
}
