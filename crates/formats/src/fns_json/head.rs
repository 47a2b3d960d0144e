//! Who a document is, and when it was.

use std::borrow::Cow;

use super::{document::Document, envelope::Envelope};
use crate::{
    Context, Invalid, flags,
    identity::{self, Fiscal},
    moment::Moment,
};

/// The identity as far as it is told: by the document, by what lies around it, or by the QR text with which it was asked
/// for.
pub(super) fn fiscal<'d>(
    document: &'d Document<'_>,
    envelope: &'d Envelope<'_>,
    flags: &mut Vec<&'static str>,
) -> Result<Option<Fiscal<'d>>, Invalid> {
    let at = |field: &str| format!("{}.{field}", envelope.place);
    let (around, qr) = (&envelope.around, &envelope.qr);
    let drive = document.fiscal_drive_number.get().or(around.fiscal_drive_number.get()).or(qr.drive.as_deref());
    let drive = identity::drive(drive, || at("fiscalDriveNumber"))?;
    let number = document.fiscal_document_number.0.or(around.fiscal_document_number.0);
    let number = identity::number(number, 1, || at("fiscalDocumentNumber"))?;
    let number = number.or(qr.number);
    let sign = document.fiscal_sign.0.or(around.fiscal_sign.0).map_or(qr.sign, |sign| Some(low_half(sign)));
    if qr.number.is_some_and(|of_qr| Some(of_qr) != number) || qr.sign.is_some_and(|of_qr| Some(of_qr) != sign) {
        flags.push(flags::CONTAINER_DISAGREES);
    }
    Ok(Fiscal::whole(drive, number, sign, flags))
}

/// The identity of a document that has no other one.
pub(super) fn whole_fiscal<'d>(
    document: &'d Document<'_>,
    envelope: &'d Envelope<'_>,
    flags: &mut Vec<&'static str>,
) -> Result<Fiscal<'d>, Invalid> {
    let missing = "the document is known by drive, document number and sign, and not all of them are there";
    fiscal(document, envelope, flags)?
        .ok_or_else(|| Invalid::new(format!("{}.fiscalDriveNumber", envelope.place), missing))
}

/// The register's registration number, by the document or by what lies around it.
pub(super) fn registration<'b>(document: &mut Document<'b>, envelope: &Envelope<'b>) -> Option<Cow<'b, str>> {
    let around = || envelope.around.kkt_reg_id.trimmed().map(|number| number.to_owned().into());
    document.kkt_reg_id.take_trimmed().or_else(around)
}

/// Some services hand out all six bytes of tag 1077; the printed sign is the low four.
fn low_half(sign: i64) -> u32 {
    let [a, b, c, d, ..] = sign.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// When a document was.
pub(super) fn moment(
    document: &Document<'_>,
    envelope: &Envelope<'_>,
    context: &Context<'_>,
    flags: &mut Vec<&'static str>,
) -> Result<Moment, Invalid> {
    let missing = || Invalid::new(format!("{}.dateTime", envelope.place), "the time is missing");
    Ok(document.date_time.0.ok_or_else(missing)?.in_zone(context, flags))
}

#[cfg(test)]
mod tests {
    use super::low_half;

    #[test]
    fn the_printed_sign_is_the_low_half() {
        assert_eq!(low_half(2_447_729_623), 2_447_729_623);
        assert_eq!(low_half(0x3104_91E5_63D7), 2_447_729_623);
    }
}
