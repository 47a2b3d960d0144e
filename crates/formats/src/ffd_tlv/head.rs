//! What every document of a shift says: who it is, and when.

use std::borrow::Cow;

use canonical::time;
use schemas::{LocalTimestamp, Timestamp};

use super::{
    container::Envelope,
    other::Others,
    tag,
    tlv::Tlv,
    value::{self, Path},
};
use crate::{Context, Invalid, checks, flags};

// What the texts of a fixed width are padded to.
const DRIVE_NUMBER_BYTES: usize = 16;
const REGISTRATION_NUMBER_BYTES: usize = 20;
/// A taxpayer number.
pub(super) const INN_BYTES: usize = 12;

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

/// The elements of a head as they are found, before it is known that none is missing.
#[derive(Default)]
pub(super) struct Found<'b> {
    drive: Option<Cow<'b, str>>,
    number: Option<u32>,
    sign: Option<u32>,
    registration_number: Option<Cow<'b, str>>,
    shift_number: Option<i64>,
    time: Option<LocalTimestamp>,
    cashier_name: Option<Cow<'b, str>>,
    cashier_inn: Option<Cow<'b, str>>,
}

impl<'b> Found<'b> {
    pub(super) fn time(&self, path: &Path) -> Result<LocalTimestamp, Invalid> {
        self.time.ok_or_else(|| path.missing(tag::TIME, "the time"))
    }

    /// Takes an element that any document may have; one that is not of the head is one of the others.
    #[expect(clippy::inline_always, reason = "all of the element would be written down for each")]
    #[inline(always)]
    pub(super) fn take(&mut self, element: Tlv<'b>, path: &Path, others: &mut Others) -> Result<(), Invalid> {
        let is_given_back = match element.tag {
            tag::DRIVE_NUMBER => {
                self.drive = value::padded(element.value);
                element.is_padded(DRIVE_NUMBER_BYTES)
            }
            tag::DOCUMENT_NUMBER => {
                self.number = Some(path.number(element)?);
                element.is_word()
            }
            tag::FISCAL_SIGN => {
                self.sign = Some(path.sign(element.value)?);
                // Of its six bytes two are in no field.
                false
            }
            tag::REGISTRATION_NUMBER => {
                self.registration_number = value::padded(element.value);
                element.is_padded(REGISTRATION_NUMBER_BYTES)
            }
            tag::SHIFT_NUMBER => path.number_into(element, &mut self.shift_number)?,
            tag::TIME => {
                self.time = Some(path.time(tag::TIME, path.number(element)?)?);
                element.is_word()
            }
            tag::CASHIER => {
                self.cashier_name = value::string(element.value);
                element.is_text()
            }
            tag::CASHIER_INN => {
                self.cashier_inn = value::padded(element.value);
                element.is_padded(INN_BYTES)
            }
            _ => {
                others.element(element.whole());
                return Ok(());
            }
        };
        others.field(element, is_given_back);
        Ok(())
    }

    /// The head, if nothing of it is missing, and its flags.
    pub(super) fn complete(
        self,
        envelope: &Envelope<'b>,
        context: &Context<'_>,
        flags: &mut Vec<&'static str>,
    ) -> Result<Head<'b>, Invalid> {
        let path = Path::document(envelope.tag);
        let local_time = self.time(&path)?;
        let drive_number = self.drive.ok_or_else(|| path.missing(tag::DRIVE_NUMBER, "the drive number"))?;
        if checks::drive_number(&drive_number) != Some(&*drive_number) {
            return Err(path.invalid(
                tag::DRIVE_NUMBER,
                format!("{} is no drive number: 1 to 16 digits", crate::text::quoted(&drive_number)),
            ));
        }
        let document_number = self
            .number
            .filter(|number| *number > 0)
            .ok_or_else(|| path.missing(tag::DOCUMENT_NUMBER, "the document number"))?;
        let utc_time = context.time_zone.and_then(|zone| time::utc(local_time, zone));
        if checks::is_in_future(Some(local_time), utc_time, context.received_at) {
            flags.push(flags::TIME_IN_FUTURE);
        }
        let agrees = envelope
            .header
            .is_none_or(|header| header.names_drive(&drive_number) && header.document_number == document_number);
        if !agrees {
            flags.push(flags::CONTAINER_DISAGREES);
        }
        Ok(Head {
            id: canonical::fiscal_id(context.tenant, &drive_number, document_number),
            drive_number,
            document_number,
            fiscal_sign: self.sign.ok_or_else(|| path.missing(tag::FISCAL_SIGN, "the fiscal sign"))?,
            registration_number: self.registration_number,
            shift_number: self.shift_number,
            local_time,
            utc_time,
            cashier_name: self.cashier_name,
            cashier_inn: self.cashier_inn,
        })
    }
}
