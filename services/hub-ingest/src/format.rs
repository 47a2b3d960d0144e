//! What a request says of its documents: their format, and the id of one that has none inside.

use std::borrow::Cow;

use formats::{Choice, UnknownFormat, choose};
use hyper::{Uri, header::HeaderMap};
use percent_encoding::percent_decode_str;

use crate::{
    directory::Entry,
    problem::{Kind, Problem},
};

/// The format that the parameter `format` and the content type name. A request that names none is
/// in the format of its register if the register has only one.
///
/// # Errors
/// 415 with the list of formats.
pub fn of(uri: &Uri, content_type: Option<&str>, entry: &Entry) -> Result<Choice, Problem> {
    let named = parameter(uri, "format");
    let chosen = match choose(named.as_deref(), content_type) {
        Err(UnknownFormat::Unnamed) => match entry.families.as_slice() {
            [only] => choose(Some(only), content_type),
            _ => Err(UnknownFormat::Unnamed),
        },
        chosen => chosen,
    };
    chosen.map_err(|error| {
        let hint = if error == UnknownFormat::Unnamed { " Add `?format=NAME` to the path." } else { "" };
        Problem::new(Kind::UnknownFormat, format!("{error}.{hint}")).with_formats()
    })
}

/// The header `Content-Type`, if it is text.
#[must_use]
pub fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(hyper::header::CONTENT_TYPE)?.to_str().ok()
}

/// The parameter `document_id`, if it tells something.
#[must_use]
pub fn document_id(uri: &Uri) -> Option<String> {
    parameter(uri, "document_id").filter(|id| !id.trim().is_empty()).map(|id| id.trim().to_owned())
}

fn parameter<'u>(uri: &'u Uri, name: &str) -> Option<Cow<'u, str>> {
    let value = |pair: &'u str| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value);
    let value = uri.query()?.split('&').find_map(value)?;
    // What is spelled in another encoding stays as it stands there: no two of them become one.
    Some(percent_decode_str(value).decode_utf8().unwrap_or(Cow::Borrowed(value)))
}

#[cfg(test)]
mod tests {
    use schemas::directory::DirectoryEntry;

    use super::*;

    fn format(query: &str, content_type: Option<&str>, families: &[&'static str]) -> Result<&'static str, Kind> {
        let entry =
            DirectoryEntry { families: families.iter().map(|family| (*family).into()).collect(), ..Default::default() };
        let uri = format!("/v1/registers/till-7/documents{query}").parse().unwrap();
        of(&uri, content_type, &Entry::from((entry, 0)))
            .map(|choice| choice.family.name)
            .map_err(|problem| problem.kind())
    }

    #[test]
    fn the_request_names_its_format() {
        assert_eq!(format("?format=ffd-tlv", None, &["dreamkas"]), Ok("ffd-tlv"));
        assert_eq!(format("?x=1&format=dreamkas", Some("application/json"), &[]), Ok("dreamkas"));
        assert_eq!(format("", Some("application/vnd.kassaflow.ffd-tlv"), &["dreamkas"]), Ok("ffd-tlv"));
    }

    #[test]
    fn a_register_with_one_format_need_not_name_it() {
        assert_eq!(format("", Some("application/json"), &["dreamkas"]), Ok("dreamkas"));
        assert_eq!(format("", None, &["ffd-tlv"]), Ok("ffd-tlv"));
        assert_eq!(format("", Some("application/json"), &["dreamkas", "ffd-tlv"]), Err(Kind::UnknownFormat));
    }

    #[test]
    fn what_nobody_reads_is_refused() {
        for (query, content_type) in
            [("?format=punch-cards", None), ("", Some("text/html")), ("?format=ffd-tlv", Some("application/json"))]
        {
            assert_eq!(
                format(query, content_type, &["dreamkas", "ffd-tlv"]),
                Err(Kind::UnknownFormat),
                "{query} {content_type:?}"
            );
        }
    }
}
