//! The fiscal identity of a document: drive, document number and sign (tags 1041, 1040 and 1077).

use schemas::{events::RegisterEvent, receipts::Receipt, shifts::ShiftDocument};

use crate::{Context, Invalid, checks, flags};

/// A whole identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fiscal<'d> {
    /// The drive's number, without padding.
    pub drive: &'d str,
    /// The document's number.
    pub number: u32,
    /// The printed sign.
    pub sign: u32,
}

/// The names of the three fields in a source.
pub(crate) struct Fields {
    /// Of the drive.
    pub drive: &'static str,
    /// Of the number.
    pub number: &'static str,
    /// Of the sign.
    pub sign: &'static str,
}

/// The number of a drive, if one is told.
pub(crate) fn drive(told: Option<&str>, place: impl FnOnce() -> String) -> Result<Option<&str>, Invalid> {
    let Some(text) = told else { return Ok(None) };
    match checks::drive_number(text) {
        Some(drive) => Ok(Some(drive)),
        None => Err(Invalid::new(place(), format!("{} is no drive number: 1 to 16 digits", crate::text::quoted(text)))),
    }
}

/// A number of 32 bits that the fiscal drive gives out, if one is told.
pub(crate) fn number(told: Option<i64>, least: u32, place: impl FnOnce() -> String) -> Result<Option<u32>, Invalid> {
    let Some(number) = told else { return Ok(None) };
    match u32::try_from(number) {
        Ok(number) if number >= least => Ok(Some(number)),
        _ => Err(Invalid::new(place(), format!("{number} is outside of {least} to {}", u32::MAX))),
    }
}

impl<'d> Fiscal<'d> {
    /// An identity of which every part is told; a part of one is flagged.
    pub(crate) fn whole(
        drive: Option<&'d str>,
        number: Option<u32>,
        sign: Option<u32>,
        flags: &mut Vec<&'static str>,
    ) -> Option<Self> {
        if let (Some(drive), Some(number), Some(sign)) = (drive, number, sign) {
            return Some(Self { drive, number, sign });
        }
        if drive.is_some() || number.is_some() || sign.is_some() {
            flags.push(flags::FISCAL_IDENTITY_INCOMPLETE);
        }
        None
    }

    /// The identity of a source that names no document without it; `why` says so.
    pub(crate) fn required(
        told: (Option<&'d str>, Option<i64>, Option<i64>),
        fields: &Fields,
        place: &str,
        why: &str,
    ) -> Result<Self, Invalid> {
        let at = |field: &str| format!("{place}.{field}");
        let missing = |field: &str| Invalid::new(at(field), format!("missing: {why}"));
        let drive = drive(told.0, || at(fields.drive))?.ok_or_else(|| missing(fields.drive))?;
        let of_document = number(told.1, 1, || at(fields.number))?;
        let sign = number(told.2, 0, || at(fields.sign))?;
        Ok(Self {
            drive,
            number: of_document.ok_or_else(|| missing(fields.number))?,
            sign: sign.ok_or_else(|| missing(fields.sign))?,
        })
    }

    /// Makes it the identity of a receipt.
    pub(crate) fn name_receipt(self, receipt: &mut Receipt<'_>, context: &Context<'_>) {
        receipt.receipt_id = canonical::fiscal_id(context.tenant, self.drive, self.number).into();
        receipt.drive_number = Some(self.drive.to_owned().into());
        receipt.document_number = Some(self.number.into());
        receipt.fiscal_sign = Some(self.sign.into());
    }

    /// Makes it the identity of another fiscal document.
    pub(crate) fn name_event(self, event: &mut RegisterEvent<'_>, context: &Context<'_>) {
        event.event_id = canonical::fiscal_id(context.tenant, self.drive, self.number).into();
        event.drive_number = Some(self.drive.to_owned().into());
        event.document_number = Some(self.number.into());
        event.fiscal_sign = Some(self.sign.into());
    }

    /// Makes it the identity of a shift's document.
    pub(crate) fn name_shift(self, shift: &mut ShiftDocument<'_>, context: &Context<'_>) {
        shift.shift_document_id = canonical::fiscal_id(context.tenant, self.drive, self.number).into();
        shift.drive_number = Some(self.drive.to_owned().into());
        shift.document_number = Some(self.number.into());
        shift.fiscal_sign = Some(self.sign.into());
    }
}
