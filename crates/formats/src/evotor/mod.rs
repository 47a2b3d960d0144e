//! Evotor: documents as the vendor's cloud gives them out, in both versions, and the receipts of its webhook.
//!
//! JSON in UTF-8; money in roubles, quantities are decimal numbers, times are instants. Version 2 tells the fiscal
//! identity, version 1 and the webhook do not.

mod fields;
mod v1;
mod v2;
mod webhook;
mod words;

use std::borrow::Cow;

use canonical::time;
use schemas::{
    LocalTimestamp, Timestamp,
    events::{EventKind, RegisterEvent},
    receipts::Operation,
    shifts::{ShiftDocument, ShiftKind},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Context, Family, Framed, Invalid, Limits, MediaType, Outcome, Parsed, checks, codes, flags, json, json::Text,
};

/// The family.
pub static FAMILY: Family = Family {
    name: NAME,
    about: "documents of the Evotor cloud, versions 1 and 2, and its webhook",
    versions: &["documents 1", "documents 2", "webhook 2"],
    carries: "receipts, shifts, cash in and out, stock documents",
    example: "evotor/v2-sell.json",
    revision: REVISION,
    needs_document_id: false,
    media_types: &[
        MediaType { name: "application/json", shared: true, frame },
        MediaType { name: "application/x-ndjson", shared: true, frame: json::frame_lines },
        MediaType { name: "application/ndjson", shared: true, frame: json::frame_lines },
        MediaType { name: "application/vnd.kassaflow.evotor+json", shared: false, frame },
        MediaType { name: "application/vnd.kassaflow.evotor+ndjson", shared: false, frame: json::frame_lines },
    ],
    devices: |document| json::texts_named(document, &["deviceUuid", "device_id", "deviceId", "fn_serial_number"]),
    parse,
    fields: &fields::TABLE,
};

const NAME: &str = "evotor";
const REVISION: i32 = 1;

const MICROS_PER_MILLISECOND: i64 = 1_000;

/// The cloud's pages, `{"items": […], "paging": {…}}`, are batches.
fn frame(body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
    json::frame_value(body, "items", limits, each)
}

/// What tells the three shapes apart.
#[derive(Debug, Deserialize)]
struct Shape<'a> {
    #[serde(default, borrow)]
    transactions: Option<&'a RawValue>,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
}

fn parse<'b>(document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
    let text = json::utf8(document)?;
    match json::read_at(text, "$")? {
        Shape { transactions: Some(_), .. } => v1::parse(text, context),
        Shape { body: Some(_), .. } => v2::parse(text, context),
        Shape { data: Some(_), .. } => webhook::parse(text, context),
        Shape { .. } => Err(Invalid::new(
            "$",
            "no document of Evotor: it has neither transactions (version 1) nor body (version 2) nor data (webhook)",
        )),
    }
}

/// What a document is, by its `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Receipt(Operation),
    Shift(ShiftKind),
    Cash(EventKind),
    /// No sale and no money, but worth keeping.
    Other(&'static str),
}

fn kind(word: &Text<'_>, place: &str) -> Result<Kind, Invalid> {
    match word.trimmed() {
        Some("SELL") => Ok(Kind::Receipt(Operation::Sell)),
        Some("PAYBACK") => Ok(Kind::Receipt(Operation::SellReturn)),
        Some("BUY") => Ok(Kind::Receipt(Operation::Buy)),
        Some("BUYBACK") => Ok(Kind::Receipt(Operation::BuyReturn)),
        Some("OPEN_SESSION") => Ok(Kind::Shift(ShiftKind::Open)),
        Some("CLOSE_SESSION") => Ok(Kind::Shift(ShiftKind::Close)),
        Some("CASH_INCOME") => Ok(Kind::Cash(EventKind::CashIn)),
        Some("CASH_OUTCOME") => Ok(Kind::Cash(EventKind::CashOut)),
        Some("ACCEPT") => Ok(Kind::Other("acceptance")),
        Some("RETURN") => Ok(Kind::Other("return-to-supplier")),
        Some("WRITE_OFF") => Ok(Kind::Other("write-off")),
        Some("INVENTORY") => Ok(Kind::Other("inventory")),
        Some("REVALUATION") => Ok(Kind::Other("revaluation")),
        Some("OPEN_TARE") => Ok(Kind::Other("opened-container")),
        // An X or a Z report: only its transactions say which.
        Some("FPRINT") => Ok(Kind::Other("register-report")),
        Some("FPRINT_X_REPORT" | "X_REPORT") => Ok(Kind::Other("x-report")),
        Some("FPRINT_Z_REPORT" | "Z_REPORT") => Ok(Kind::Other("z-report")),
        Some(other) => {
            Err(Invalid::unsupported(place, format!("documents of type {} are not read", crate::text::quoted(other))))
        }
        None => Err(Invalid::new(place, "the type is missing: it says what the document is")),
    }
}

/// When a document was.
#[derive(Debug, Clone, Copy)]
struct Times {
    local: Option<LocalTimestamp>,
    utc: Timestamp,
}

impl Times {
    /// From an instant and the register's offset from UTC in milliseconds; without one the directory's zone helps.
    fn read(
        instant: &Text<'_>,
        offset_ms: Option<i64>,
        place: &str,
        context: &Context<'_>,
        flags: &mut Vec<&'static str>,
    ) -> Result<Self, Invalid> {
        let text = instant.trimmed().ok_or_else(|| Invalid::new(place, "the time is missing"))?;
        let utc = time::parse_utc(text)
            .ok_or_else(|| Invalid::new(place, format!("{} is no instant", crate::text::quoted(text))))?;
        let shifted =
            |offset: i64| Some(LocalTimestamp(utc.0.checked_add(offset.checked_mul(MICROS_PER_MILLISECOND)?)?));
        let local = match offset_ms.and_then(shifted) {
            Some(local) if checks::are_one_moment(local, utc) => Some(local),
            _ => context.time_zone.and_then(|zone| time::local(utc, zone)),
        };
        if checks::is_in_future(local, Some(utc), context.received_at) {
            flags.push(flags::TIME_IN_FUTURE);
        }
        Ok(Self { local, utc })
    }

    /// The day in UTC: an id must not depend on a time zone that only some documents tell.
    fn business_date(&self) -> Option<String> {
        time::local_date_text(LocalTimestamp(self.utc.0))
    }
}

/// What tells a document without a fiscal identity from others.
struct Numbered<'b> {
    device: Option<Cow<'b, str>>,
    session: Option<i64>,
    number: Option<i64>,
    times: Times,
    /// The cloud's own id of the document.
    id: Option<Cow<'b, str>>,
    /// Where the first three stand.
    places: [&'static str; 3],
}

impl<'b> Numbered<'b> {
    fn id(&self, kind: &str, context: &Context<'_>) -> Result<String, Invalid> {
        let needed = |place: &str| {
            Invalid::new(place, "missing: without a fiscal identity nothing else tells the document from others")
        };
        let business_date = self.times.business_date();
        let business_date = business_date.ok_or_else(|| Invalid::new("$", "its day is beyond the calendar"))?;
        Ok(canonical::non_fiscal_receipt_id(&canonical::NonFiscalReceipt {
            tenant: context.tenant,
            source: NAME,
            device: self.device.as_deref().ok_or_else(|| needed(self.places[0]))?,
            business_date: &business_date,
            shift: self.session.ok_or_else(|| needed(self.places[1]))?,
            number: self.number.ok_or_else(|| needed(self.places[2]))?,
            kind,
        }))
    }

    fn shift(
        self,
        kind: ShiftKind,
        flags: Vec<&'static str>,
        context: &Context<'b>,
    ) -> Result<ShiftDocument<'b>, Invalid> {
        let name = if kind == ShiftKind::Open { "shift_open" } else { "shift_close" };
        Ok(ShiftDocument {
            shift_document_id: self.id(name, context)?.into(),
            kind,
            shift_number: self.session,
            local_time: self.times.local,
            utc_time: Some(self.times.utc),
            flags: flags.into_iter().map(Into::into).collect(),
            ..context.shift(NAME, REVISION)
        })
    }

    /// Money put into the drawer or taken out of it.
    fn cash(
        self,
        kind: EventKind,
        kopecks: i64,
        flags: Vec<&'static str>,
        context: &Context<'b>,
    ) -> Result<RegisterEvent<'b>, Invalid> {
        let named = self.device.as_deref().unwrap_or(context.register);
        let at = time::utc_text(self.times.utc).ok_or_else(|| Invalid::new("$", "its time is beyond the calendar"))?;
        let id = canonical::encashment_id(context.tenant, NAME, named, &at, codes::event_name(kind), kopecks);
        Ok(RegisterEvent {
            event_id: id.into(),
            kind,
            device: self.device,
            shift_number: self.session,
            local_time: self.times.local,
            utc_time: Some(self.times.utc),
            amount_kopecks: Some(kopecks),
            flags: flags.into_iter().map(Into::into).collect(),
            ..context.event(NAME, REVISION)
        })
    }

    /// Neither a sale nor money.
    fn other(
        self,
        name: &'static str,
        flags: Vec<&'static str>,
        context: &Context<'b>,
    ) -> Result<RegisterEvent<'b>, Invalid> {
        // Stock documents belong to no session.
        let id = match (&self.id, self.session) {
            (Some(id), None) => canonical::vendor_id(context.tenant, NAME, id),
            _ => self.id(name, context)?,
        };
        Ok(RegisterEvent {
            event_id: id.into(),
            kind: EventKind::Other,
            name: Some(name.into()),
            device: self.device,
            shift_number: self.session,
            local_time: self.times.local,
            utc_time: Some(self.times.utc),
            flags: flags.into_iter().map(Into::into).collect(),
            ..context.event(NAME, REVISION)
        })
    }
}
