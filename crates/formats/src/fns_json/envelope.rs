//! What lies around a document, and what it says of it.

use schemas::{receipts::ReceiptKind, shifts::ShiftKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::Document;
use crate::{
    Invalid, Reason, bounds, codes,
    json::{self, Integer, Text},
};

/// Envelopes in envelopes, packed ones included: the deepest that is known has three.
const MOST_LAYERS: usize = 6;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Receipt(ReceiptKind),
    Shift(ShiftKind),
    /// Any other fiscal document.
    Report(&'static str),
}

/// A document without what lies around it.
#[derive(Debug)]
pub(super) struct Envelope<'b> {
    /// The document's own object.
    pub text: &'b str,
    /// Its JSON path.
    pub place: String,
    /// The identity that the layers around the document tell, the innermost first.
    pub around: Around<'b>,
    /// The text of the QR code that a check service was asked with: it can name the fiscal identity where the document
    /// does not.
    pub qr: Qr,
    /// The kind by whose name the document was called.
    named: Option<Kind>,
    /// How many more layers are taken off.
    layers: usize,
}

/// What a layer around a document tells of it: some operators' bodies have no identity inside.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Around<'a> {
    #[serde(default, borrow)]
    pub fiscal_drive_number: Text<'a>,
    #[serde(default)]
    pub fiscal_document_number: Integer,
    #[serde(default)]
    pub fiscal_sign: Integer,
    #[serde(default, borrow)]
    pub kkt_reg_id: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer<'a> {
    #[serde(default, borrow)]
    ticket: Option<&'a RawValue>,
    #[serde(default, borrow)]
    document: Option<&'a RawValue>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default, borrow)]
    json: Option<&'a RawValue>,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
    #[serde(default, borrow)]
    receipt: Option<&'a RawValue>,
    #[serde(default, borrow)]
    receipt_correction: Option<&'a RawValue>,
    #[serde(default, borrow)]
    bso: Option<&'a RawValue>,
    #[serde(default, borrow)]
    bso_correction: Option<&'a RawValue>,
    #[serde(default, borrow)]
    open_shift: Option<&'a RawValue>,
    #[serde(default, borrow)]
    close_shift: Option<&'a RawValue>,
    #[serde(default, borrow)]
    fiscal_report: Option<&'a RawValue>,
    #[serde(default, borrow)]
    fiscal_report_correction: Option<&'a RawValue>,
    #[serde(default, borrow)]
    current_state_report: Option<&'a RawValue>,
    #[serde(default, borrow)]
    close_archive: Option<&'a RawValue>,
    #[serde(default, borrow)]
    request: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct Request<'a> {
    #[serde(default, borrow)]
    qrraw: Text<'a>,
}

/// Parts of a QR text, `t=20260102T0304&s=1285.20&fn=9999078900001234&i=305&fp=7654321&n=1`, in any order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Qr {
    pub drive: Option<String>,
    pub number: Option<u32>,
    pub sign: Option<u32>,
}

impl<'b> Envelope<'b> {
    /// A whole document, from which nothing was taken off.
    pub fn around(text: &'b str) -> Self {
        Self {
            text,
            place: "$".to_owned(),
            around: Around::default(),
            qr: Qr::default(),
            named: None,
            layers: MOST_LAYERS,
        }
    }

    /// Takes off what lies around the document, up to a layer that is packed into a string: gives that layer's text.
    pub fn open(&mut self) -> Result<Option<String>, Invalid> {
        while self.layers > 0 {
            self.layers -= 1;
            let layer: Layer<'b> = json::read_at(self.text, &self.place)?;
            if let Some(request) = layer.request.map(RawValue::get).filter(|text| text.starts_with('{')) {
                let request: Request<'_> = json::read_at(request, &format!("{}.request", self.place))?;
                self.qr = Qr::read(request.qrraw.get().unwrap_or_default());
            }
            let packed = layer.payload.map(RawValue::get).filter(|text| text.starts_with('"'));
            let Some((name, kind, inner)) = packed.map(|text| ("payload", None, text)).or_else(|| layer.inner()) else {
                return Ok(None);
            };
            self.around = json::read_at::<Around<'b>>(self.text, &self.place)?.or(std::mem::take(&mut self.around));
            self.place = format!("{}.{name}", self.place);
            if packed.is_some() {
                return unpacked(inner, &self.place).map(Some);
            }
            self.text = inner;
            self.named = kind;
            if kind.is_some() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// What lies around another text.
    pub fn with_text<'t>(self, text: &'t str) -> Envelope<'t>
    where
        'b: 't,
    {
        Envelope { text, ..self }
    }

    /// What the document is: by its code, or by the name under which it came.
    pub fn kind(&self, document: &Document<'_>) -> Result<Kind, Invalid> {
        let Some(code) = document.code() else {
            // Exports of single receipts leave the code out.
            let is_receipt = document.total_sum.0.is_some() && document.operation_type.0.is_some();
            let kind = if document.is_correction() { ReceiptKind::ReceiptCorrection } else { ReceiptKind::Receipt };
            let unnamed = is_receipt.then_some(Kind::Receipt(kind));
            return self.named.or(unnamed).ok_or_else(|| {
                Invalid::new(format!("{}.code", self.place), "missing, and nothing else says what the document is")
            });
        };
        Ok(match code {
            2 => Kind::Shift(ShiftKind::Open),
            3 => Kind::Receipt(ReceiptKind::Receipt),
            4 => Kind::Receipt(ReceiptKind::StrictForm),
            5 => Kind::Shift(ShiftKind::Close),
            31 => Kind::Receipt(ReceiptKind::ReceiptCorrection),
            41 => Kind::Receipt(ReceiptKind::StrictFormCorrection),
            other => Kind::Report(codes::report_name(other).ok_or_else(|| {
                let text = format!("documents of code {other} are not read");
                Invalid::unsupported(format!("{}.code", self.place), text)
            })?),
        })
    }
}

/// The object that a string holds. It is shorter than the string, whose size is bounded; its depth was hidden from
/// framing.
fn unpacked(string: &str, place: &str) -> Result<String, Invalid> {
    let text: String = serde_json::from_str(string).map_err(|error| Invalid::undecodable(place, error.to_string()))?;
    bounds::take(3 * text.capacity()).map_err(|full| Invalid::new(place, full.to_string()))?;
    if json::is_too_deep(text.as_bytes()) {
        return Err(Invalid::new(place, Reason::TooDeep.to_string()));
    }
    Ok(text)
}

impl Around<'_> {
    fn or(self, outer: Self) -> Self {
        Self {
            fiscal_drive_number: self.fiscal_drive_number.or(outer.fiscal_drive_number),
            fiscal_document_number: Integer(self.fiscal_document_number.0.or(outer.fiscal_document_number.0)),
            fiscal_sign: Integer(self.fiscal_sign.0.or(outer.fiscal_sign.0)),
            kkt_reg_id: self.kkt_reg_id.or(outer.kkt_reg_id),
        }
    }
}

impl<'a> Layer<'a> {
    /// The object inside: its name, what a document of that name is, its text.
    fn inner(&self) -> Option<(&'static str, Option<Kind>, &'a str)> {
        let named = [
            ("receipt", Some(Kind::Receipt(ReceiptKind::Receipt)), self.receipt),
            ("receiptCorrection", Some(Kind::Receipt(ReceiptKind::ReceiptCorrection)), self.receipt_correction),
            ("bso", Some(Kind::Receipt(ReceiptKind::StrictForm)), self.bso),
            ("bsoCorrection", Some(Kind::Receipt(ReceiptKind::StrictFormCorrection)), self.bso_correction),
            ("openShift", Some(Kind::Shift(ShiftKind::Open)), self.open_shift),
            ("closeShift", Some(Kind::Shift(ShiftKind::Close)), self.close_shift),
            ("fiscalReport", Some(Kind::Report("registration")), self.fiscal_report),
            ("fiscalReportCorrection", Some(Kind::Report("registration-change")), self.fiscal_report_correction),
            ("currentStateReport", Some(Kind::Report("state-report")), self.current_state_report),
            ("closeArchive", Some(Kind::Report("drive-closing")), self.close_archive),
            ("ticket", None, self.ticket),
            ("document", None, self.document),
            ("data", None, self.data),
            ("json", None, self.json),
            ("payload", None, self.payload),
        ];
        named.into_iter().find_map(|(name, kind, value)| {
            let text = value?.get();
            text.starts_with('{').then_some((name, kind, text))
        })
    }
}

impl Qr {
    fn read(text: &str) -> Self {
        let mut qr = Self::default();
        for (key, value) in text.split('&').filter_map(|part| part.split_once('=')) {
            match key {
                "fn" => qr.drive = Some(value.to_owned()),
                "i" => qr.number = value.parse().ok(),
                "fp" => qr.sign = value.parse().ok(),
                _ => {}
            }
        }
        qr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_text_names_the_fiscal_identity() {
        let qr = Qr { drive: Some("9999078900001234".into()), number: Some(305), sign: Some(7_654_321) };
        assert_eq!(Qr::read("t=20260102T0304&s=1285.20&fn=9999078900001234&i=305&fp=7654321&n=1"), qr);
        assert_eq!(Qr::read("fn=9999078900001234&fp=07654321&i=305"), qr);
        assert_eq!(Qr::read("i=x&&fp&=1"), Qr::default());
    }

    #[test]
    fn what_lies_around_a_document_is_taken_off() {
        let open = |text| {
            let mut envelope = Envelope::around(text);
            assert_eq!(envelope.open().unwrap(), None);
            (envelope.place, envelope.text)
        };
        assert_eq!(open("{\"a\":1}"), ("$".into(), "{\"a\":1}"));
        assert_eq!(open("{\"receipt\":{\"receipt\":{}}}"), ("$.receipt".into(), "{\"receipt\":{}}"));
        assert_eq!(open("{\"ticket\":{\"document\":{\"bso\":{}}}}"), ("$.ticket.document.bso".into(), "{}"));
        assert_eq!(open("{\"code\":1,\"data\":{\"json\":{\"code\":3}}}"), ("$.data.json".into(), "{\"code\":3}"));
        assert_eq!(open("{\"payload\":{\"code\":3}}"), ("$.payload".into(), "{\"code\":3}"));
        assert_eq!(open("{\"document\":\"3\"}").0, "$");
    }

    #[test]
    fn a_packed_document_is_unpacked_as_often_as_there_may_be_layers() {
        let pack = |text: &str| format!("{{\"payload\":{}}}", serde_json::to_string(text).unwrap());
        let mut text = "{\"code\":3}".to_owned();
        for layers in 1..=MOST_LAYERS {
            text = pack(&text);
            let mut envelope = Envelope::around(&text);
            let mut unpacked = 0;
            while let Some(inner) = envelope.open().unwrap() {
                unpacked += 1;
                envelope = Envelope { text: inner.leak(), ..envelope };
            }
            assert_eq!((unpacked, envelope.text), (layers, "{\"code\":3}"));
            assert_eq!(envelope.place, format!("${}", ".payload".repeat(layers)));
        }
        text = pack(&text);
        let mut envelope = Envelope::around(&text);
        for _ in 0..MOST_LAYERS {
            let inner = envelope.open().unwrap().unwrap();
            envelope = Envelope { text: inner.leak(), ..envelope };
        }
        // One more is left where it is.
        assert_eq!(envelope.open().unwrap(), None);
        assert!(envelope.text.starts_with("{\"payload\""));
    }

    #[test]
    fn a_string_that_holds_no_object_is_no_document() {
        let fault = |text: &str| Envelope::around(text).open().unwrap_err();
        let deep = format!("{{\"payload\":\"{}\"}}", "[".repeat(100));
        assert_eq!(fault(&deep).to_string(), "$.payload: the document is nested deeper than 64 levels");
        let fault = fault("{\"payload\":\"\\ud800\"}");
        assert_eq!((fault.class.name(), &*fault.place), ("undecodable", "$.payload"));
    }
}
