//! What a request says of its documents: their format, their register, and the id of one that has none inside.

use std::borrow::Cow;

use formats::{Choice, Family, UnknownFormat, choose, recognise};
use hyper::{Uri, header::HeaderMap};
use percent_encoding::percent_decode_str;

use crate::{
    problem::{Kind, Problem},
    quotas::Lane,
    sorting::Format,
};

/// The format that the parameter `format` and the content type name. A request that names none is in the format of its
/// sender if that has only one `family`; otherwise its documents have to tell.
///
/// # Errors
/// 415 with the list of formats.
pub fn of(uri: &Uri, content_type: Option<&str>, families: &[Box<str>]) -> Result<Format, Problem> {
    let named = parameter(uri, "format");
    let chosen = match choose(named.as_deref(), content_type) {
        Err(UnknownFormat::Unnamed) => match families {
            [only] => choose(Some(only), content_type),
            _ => return Ok(Format::Recognised),
        },
        chosen => chosen,
    };
    let named = chosen.map(Format::Named);
    named.map_err(|error| Problem::new(Kind::UnknownFormat, format!("{error}.")).with_formats())
}

/// A family's documents as it sends them where nobody says how they lie in the body.
#[must_use]
pub fn first_of(family: &'static Family) -> Choice {
    Choice { family, media_type: &family.media_types[0] }
}

/// The one format that reads the first document of a body.
///
/// # Errors
/// 415 where none does, or with the names where more than one does: a guess would be wrong some day.
pub fn recognised(body: &[u8], content_type: Option<&str>) -> Result<Choice, Problem> {
    let names = |choices: &[Choice]| choices.iter().map(|choice| choice.family.name).collect::<Vec<_>>().join(" or ");
    let fitting = recognise(body, content_type);
    let detail = match fitting[..] {
        [only] => return Ok(only),
        [] => match (recognise(body, None), content_type) {
            (others, Some(said)) if !others.is_empty() => {
                let under = |choice: &Choice| format!("{} under {}", choice.family.name, choice.media_type.name);
                let under = others.iter().map(under).collect::<Vec<_>>().join(" or ");
                let detail = format!("The first document could be {under}, but not under {said}: send it as that.");
                return Err(Problem::new(Kind::UnknownFormat, detail).with_formats());
            }
            _ => "The format is not named, and none of those that are known reads the first document.".to_owned(),
        },
        _ => format!("The first document could be {}.", names(&fitting)),
    };
    Err(Problem::new(Kind::UnknownFormat, format!("{detail} Add `?format=NAME` to the path.")).with_formats())
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

/// The parameter `register`: the one register that all documents of a source's request are from.
#[must_use]
pub fn register(uri: &Uri) -> Option<String> {
    parameter(uri, "register").map(Cow::into_owned)
}

/// The parameter `lane`: documents of an import are declared by `bulk`.
///
/// # Errors
/// 400 for a lane that is none.
pub fn lane(uri: &Uri) -> Result<Option<Lane>, Problem> {
    match parameter(uri, "lane").as_deref() {
        None => Ok(None),
        Some("bulk") => Ok(Some(Lane::Bulk)),
        Some(other) => Err(Problem::new(Kind::BadParameter, format!("{other:?} is no lane; `bulk` is the only one."))),
    }
}

/// The parameter `validate`: whether only what would become of the documents is asked for.
///
/// # Errors
/// 400 for a value that is neither `true` nor `false`.
pub fn validate(uri: &Uri) -> Result<bool, Problem> {
    match parameter(uri, "validate").as_deref() {
        None | Some("false") => Ok(false),
        Some("true" | "") => Ok(true),
        Some(other) => Err(Problem::new(Kind::BadParameter, format!("validate is `true` or `false`, not {other:?}."))),
    }
}

/// Parameters of every request with documents.
pub const PARAMETERS: [&str; 4] = ["format", "document_id", "lane", "validate"];

/// Makes sure that the address has no parameters but these, and the one `more`: a misspelled `validate` would store what
/// was only to be looked at.
///
/// # Errors
/// 400 with the name of the first other one.
pub fn only_known(uri: &Uri, more: Option<&str>) -> Result<(), Problem> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut names = pairs.map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    let known = || PARAMETERS.into_iter().chain(more);
    match names.find(|name| known().all(|known| known != *name)) {
        None => Ok(()),
        Some(name) => {
            let known = known().collect::<Vec<_>>().join(", ");
            Err(Problem::new(Kind::BadParameter, format!("{name:?} is no parameter; there are {known}.")))
        }
    }
}

/// The value of a parameter of the address.
#[must_use]
pub fn parameter<'u>(uri: &'u Uri, name: &str) -> Option<Cow<'u, str>> {
    let value = |pair: &'u str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then_some(value)
    };
    let value = uri.query()?.split('&').find_map(value)?;
    // What is spelled in another encoding stays as it stands there: no two of them become one.
    Some(percent_decode_str(value).decode_utf8().unwrap_or(Cow::Borrowed(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(query: &str, content_type: Option<&str>, families: &[&'static str]) -> Result<&'static str, Kind> {
        let families: Vec<Box<str>> = families.iter().map(|family| (*family).into()).collect();
        let uri = format!("/v1/registers/till-7/documents{query}").parse().unwrap();
        match of(&uri, content_type, &families) {
            Ok(Format::Named(choice)) => Ok(choice.family.name),
            Ok(Format::Recognised) => Ok("recognised"),
            Err(problem) => Err(problem.kind()),
        }
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
        assert_eq!(format("", Some("application/json"), &["dreamkas", "ffd-tlv"]), Ok("recognised"));
        assert_eq!(format("", None, &[]), Ok("recognised"));
    }

    #[test]
    fn a_parameter_that_means_nothing_is_refused() {
        let only = |query: &str, more| {
            let uri = format!("/v1/documents{query}").parse().unwrap();
            only_known(&uri, more).map_err(|problem| problem.kind())
        };
        for fine in ["", "?", "?format=dreamkas&validate", "?lane=bulk&document_id=%31&"] {
            assert_eq!(only(fine, None), Ok(()), "{fine}");
        }
        assert_eq!(only("?register=till-7", Some("register")), Ok(()));
        for other in ["?valdate=true", "?format=dreamkas&register=till-7", "?=1"] {
            assert_eq!(only(other, None), Err(Kind::BadParameter), "{other}");
        }
    }

    #[test]
    fn what_nobody_reads_is_refused() {
        for (query, content_type) in [("?format=punch-cards", None), ("?format=ffd-tlv", Some("application/json"))] {
            assert_eq!(
                format(query, content_type, &["dreamkas", "ffd-tlv"]),
                Err(Kind::UnknownFormat),
                "{query} {content_type:?}"
            );
        }
    }

    #[test]
    fn a_document_is_read_by_the_one_format_that_it_fits() {
        let name = |body: &[u8], content_type: Option<&str>| {
            recognised(body, content_type).map(|choice| choice.family.name).map_err(|problem| problem.kind())
        };
        let tlv = include_bytes!("../../../crates/formats/documents/ffd-tlv/receipt.tlv");
        assert_eq!(name(tlv, None), Ok("ffd-tlv"));
        assert_eq!(name(tlv, Some("application/json")), Err(Kind::UnknownFormat));
        assert_eq!(name(b"{}", Some("application/json")), Err(Kind::UnknownFormat));
        let json = recognised(tlv, Some("application/json")).unwrap_err().to_json();
        let json = String::from_utf8(json).unwrap();
        assert!(
            json.contains("could be ffd-tlv under application/vnd.kassaflow.ffd-tlv, but not under application/json"),
            "{json}"
        );
    }

    #[test]
    fn a_document_that_fits_two_formats_is_refused_with_both_names() {
        let sale = include_str!("../../../crates/formats/documents/dreamkas/sale.json").trim();
        let report = include_str!("../../../crates/formats/documents/atol-online/callback.json").trim();
        assert_eq!(recognised(sale.as_bytes(), None).map(|choice| choice.family.name).ok(), Some("dreamkas"));
        let both = format!("{},{}", sale.trim_end_matches('}'), report.trim_start_matches('{'));
        let problem = recognised(both.as_bytes(), None).unwrap_err();
        let json = String::from_utf8(problem.to_json()).unwrap();
        assert!(json.contains("could be atol-online or dreamkas. Add `?format=NAME`"), "{json}");
    }
}
