//! Which family reads what.

use std::fmt;

use schemas::Timestamp;

use crate::{Context, FAMILIES, Frame, Framed, Invalid, Limits, Outcome, Parsed, bounds, paths::Table};

/// A family of formats: what one make of registers, or one vendor's cloud, sends.
#[derive(Debug)]
pub struct Family {
    /// Its name in the `format` parameter, in records (`source`) and in ids. Never changes.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// The versions that it reads, as the vendor counts them; none where there is one only.
    pub versions: &'static [&'static str],
    /// What its documents can be, in a few words.
    pub carries: &'static str,
    /// A document of its own to try it with, under `crates/formats/documents/`.
    pub example: &'static str,
    /// Of the parser: raised when the same document gives another canonical form.
    pub revision: i32,
    /// Its documents name neither a number nor a time: whoever sends one gives it an id beside its bytes.
    pub needs_document_id: bool,
    /// What its bodies may be called; the first is meant where a client names the family only.
    pub media_types: &'static [MediaType],
    /// By what names documents call their register, the surest first.
    pub(crate) devices: fn(&[u8]) -> Vec<String>,
    /// Where the canonical fields come from.
    pub fields: &'static Table,
    pub(crate) parse: for<'b> fn(&'b [u8], &Context<'b>) -> Result<Parsed<'b>, Invalid>,
}

impl Family {
    /// Reads one document. The result borrows from it where the text needs no decoding.
    ///
    /// # Errors
    /// When the document cannot be read or makes no sense: it goes to the dead letters, nothing is
    /// to be tried again.
    pub fn parse<'b>(&self, document: &'b [u8], context: &Context<'b>) -> Result<Parsed<'b>, Invalid> {
        bounds::within_share(document.len(), || (self.parse)(document, context))
    }

    /// By what names a document calls its register, the surest first: a vendor's id of the device, the number of its
    /// fiscal drive. Empty where it does not say, and where it cannot be read.
    #[must_use]
    pub fn devices(&self, document: &[u8]) -> Vec<String> {
        (self.devices)(document)
    }
}

/// A content type and the way in which its bodies hold documents.
#[derive(Debug)]
pub struct MediaType {
    /// In lower case, without parameters.
    pub name: &'static str,
    /// Whether other families use this name too, so that the family must be named besides.
    pub shared: bool,
    /// Splits such a body.
    pub frame: Frame,
}

/// The family and the framing of one request.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Whose documents they are.
    pub family: &'static Family,
    /// How they lie in the body.
    pub media_type: &'static MediaType,
}

impl Choice {
    /// Splits a body into documents and calls `each` for every one in input order.
    pub fn frame(&self, body: &[u8], limits: &Limits, each: &mut dyn FnMut(Framed)) -> Outcome {
        (self.media_type.frame)(body, limits, each)
    }
}

/// No family reads that. The answer to the client is 415 with this text, which lists what is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownFormat {
    /// The `format` parameter names no family.
    #[error("there is no format {0:?}; the formats are: {list}", list = Listed)]
    Family(String),
    /// The family does not come under that content type.
    #[error("{family} documents do not come as {content_type}; their content types are: {expected}")]
    MediaType {
        /// The family that was named.
        family: &'static str,
        /// The content type that was sent.
        content_type: String,
        /// The family's content types.
        expected: String,
    },
    /// The content type alone does not say whose documents these are, and `format` is missing.
    #[error("the format is not named; the formats are: {list}", list = Listed)]
    Unnamed,
}

/// `dreamkas (application/json, …), …`
struct Listed;

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, family) in FAMILIES.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{} ({})", family.name, media_types(family))?;
        }
        Ok(())
    }
}

fn media_types(family: &Family) -> String {
    let names: Vec<&str> = family.media_types.iter().map(|m| m.name).collect();
    names.join(", ")
}

/// The family of that name.
#[must_use]
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().copied().find(|family| family.name == name)
}

/// So many documents of a body are looked at to find out how it is written.
const LOOKED_AT: usize = 3;

/// The families that read a body's first document, each under the content type that fits the body best. More than one
/// means: the family has to be named. A `content_type` that says something leaves only those that come under it.
#[must_use]
pub fn recognise(body: &[u8], content_type: Option<&str>) -> Vec<Choice> {
    let content_type = essence(content_type);
    let meaningless = is_meaningless(content_type);
    let nobody = Context {
        tenant: "?",
        register: "?",
        shop: None,
        // What a register's directory entry would tell.
        time_zone: Some("UTC"),
        document_id: Some("?"),
        charset: None,
        keeps_personal_data: false,
        received_at: Timestamp(i64::MAX),
        document_hash: "?",
        raw_topic: "?",
        raw_partition: 0,
        raw_offset: 0,
    };
    // How many documents were rejected, if the first one is read.
    let rejected = |family: &Family, media_type: &MediaType| {
        let mut first = None;
        let limits = Limits { documents: LOOKED_AT, ..Limits::default() };
        let outcome = (media_type.frame)(body, &limits, &mut |framed| {
            first.get_or_insert(framed);
        });
        let Some(Framed::Document(range)) = first else { return None };
        family.parse(&body[range], &nobody).is_ok().then_some(outcome.rejected)
    };
    let choice = |family: &'static Family| {
        let called = |media_type: &&MediaType| meaningless || media_type.name.eq_ignore_ascii_case(content_type);
        let media_types = family.media_types.iter().filter(called);
        let fitting = media_types.filter_map(|media_type| Some((rejected(family, media_type)?, media_type)));
        fitting.min_by_key(|(rejected, _)| *rejected).map(|(_, media_type)| Choice { family, media_type })
    };
    FAMILIES.iter().copied().filter_map(choice).collect()
}

/// The parameter `charset` of a content type.
#[must_use]
pub fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// What an HTTP client says that tells nothing: the defaults of clients that were not configured.
const MEANINGLESS: &[&str] = &["", "application/octet-stream", "application/x-www-form-urlencoded", "text/plain"];

/// A content type without its parameters.
fn essence(content_type: Option<&str>) -> &str {
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

fn is_meaningless(content_type: &str) -> bool {
    MEANINGLESS.iter().any(|known| known.eq_ignore_ascii_case(content_type))
}

/// Chooses by the `format` parameter and the `Content-Type` header, either of which may be
/// missing. The family's own content types name it; shared ones such as `application/json` need
/// `format` beside them.
///
/// # Errors
/// When they name no family, or one that has no such content type.
pub fn choose(format: Option<&str>, content_type: Option<&str>) -> Result<Choice, UnknownFormat> {
    let content_type = essence(content_type);
    let called = |m: &&'static MediaType| m.name.eq_ignore_ascii_case(content_type);
    let Some(format) = format else {
        return FAMILIES
            .iter()
            .find_map(|family| {
                Some(Choice { family, media_type: family.media_types.iter().filter(|m| !m.shared).find(called)? })
            })
            .ok_or(UnknownFormat::Unnamed);
    };
    let family = family(format).ok_or_else(|| UnknownFormat::Family(format.to_owned()))?;
    let media_type =
        if is_meaningless(content_type) { family.media_types.first() } else { family.media_types.iter().find(called) };
    media_type.map(|media_type| Choice { family, media_type }).ok_or_else(|| UnknownFormat::MediaType {
        family: family.name,
        content_type: content_type.to_owned(),
        expected: media_types(family),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_content_type_may_tell_its_charset() {
        assert_eq!(super::charset("text/csv; header=absent; Charset=\"windows-1251\""), Some("windows-1251"));
        assert_eq!(super::charset("text/csv;charset=cp866"), Some("cp866"));
        assert_eq!(super::charset("text/csv; boundary"), None);
    }

    use super::*;

    fn chosen(format: Option<&str>, content_type: Option<&str>) -> (&'static str, &'static str) {
        let choice = choose(format, content_type).unwrap();
        (choice.family.name, choice.media_type.name)
    }

    #[test]
    fn format_and_content_type_name_the_family() {
        assert_eq!(chosen(Some("dreamkas"), None), ("dreamkas", "application/json"));
        assert_eq!(chosen(Some("dreamkas"), Some("application/octet-stream")), ("dreamkas", "application/json"));
        assert_eq!(chosen(Some("dreamkas"), Some("Application/JSON; charset=utf-8")), ("dreamkas", "application/json"));
        assert_eq!(chosen(Some("dreamkas"), Some("application/x-ndjson")), ("dreamkas", "application/x-ndjson"));
        assert_eq!(chosen(None, Some("application/vnd.kassaflow.dreamkas+json")).0, "dreamkas");
        assert_eq!(chosen(None, Some("application/vnd.kassaflow.ffd-tlv")).0, "ffd-tlv");
        assert_eq!(chosen(Some("ffd-tlv"), None), ("ffd-tlv", "application/vnd.kassaflow.ffd-tlv"));
    }

    #[test]
    fn what_nobody_reads_is_answered_with_the_list() {
        let text = |format, content_type| choose(format, content_type).unwrap_err().to_string();
        assert!(text(Some("evotor-9"), None).contains("dreamkas (application/json"));
        assert!(text(None, Some("application/json")).contains("ffd-tlv (application/vnd.kassaflow.ffd-tlv)"));
        assert!(text(None, None).starts_with("the format is not named"));
        assert!(text(Some("ffd-tlv"), Some("application/json")).contains("do not come as application/json"));
    }

    #[test]
    fn every_family_can_be_told_apart_and_ranked() {
        for family in FAMILIES {
            assert!(canonical::is_id(family.name));
            assert!(family.revision > 0);
            assert!(
                canonical::copies::source_rank(family.name) > 0,
                "{} has no rank in canonical::copies",
                family.name
            );
            assert_eq!(FAMILIES.iter().filter(|f| f.name == family.name).count(), 1);
        }
    }
}
