//! Errors as RFC 9457 problem documents: one list of everything that can go wrong.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::{answer::Results, body::BodyError};

/// The media type of problem documents.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What can go wrong with a request. Each has its own `type` in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A parameter of the address has a value that means nothing.
    BadParameter,
    /// The body cannot be read: there is none, its compression is broken, or it broke off.
    UnreadableBody,
    /// No token, or one that is not ours.
    InvalidToken,
    /// The directory does not know the register.
    UnknownRegister,
    /// The register was taken out of service.
    RevokedRegister,
    /// The token's key version was replaced.
    ReplacedToken,
    /// The token belongs to another register than the path.
    ForeignRegister,
    /// No such path.
    UnknownPath,
    /// The path takes another method.
    UnknownMethod,
    /// The body did not arrive in time.
    SlowBody,
    /// The body is larger than the hub takes.
    TooLarge,
    /// The format is not named or not known.
    UnknownFormat,
    /// The compression is not known.
    UnknownEncoding,
    /// No document was accepted and all that were read are rejected for good.
    AllRejected,
    /// No document was accepted, and some may be sent again later.
    NoneAccepted,
    /// Some documents of a cloud's request are not stored.
    NotAllStored,
    /// The tenant sends more than its quota.
    OverQuota,
    /// The hub is full.
    Overloaded,
    /// The hub cannot read what the directory says of the register.
    DirectoryUnreadable,
}

impl Kind {
    /// Everything that can go wrong.
    pub const ALL: [Self; 19] = [
        Self::BadParameter,
        Self::UnreadableBody,
        Self::InvalidToken,
        Self::UnknownRegister,
        Self::RevokedRegister,
        Self::ReplacedToken,
        Self::ForeignRegister,
        Self::UnknownPath,
        Self::UnknownMethod,
        Self::SlowBody,
        Self::TooLarge,
        Self::UnknownFormat,
        Self::UnknownEncoding,
        Self::AllRejected,
        Self::NoneAccepted,
        Self::NotAllStored,
        Self::OverQuota,
        Self::Overloaded,
        Self::DirectoryUnreadable,
    ];

    /// The HTTP status that it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadParameter | Self::UnreadableBody => StatusCode::BAD_REQUEST,
            Self::OverQuota => StatusCode::TOO_MANY_REQUESTS,
            Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::UnknownRegister | Self::RevokedRegister | Self::ReplacedToken | Self::ForeignRegister => {
                StatusCode::FORBIDDEN
            }
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::UnknownMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnknownFormat | Self::UnknownEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::AllRejected => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoneAccepted | Self::NotAllStored | Self::Overloaded | Self::DirectoryUnreadable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The `type` of the problem document; it never changes.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::BadParameter => "urn:kassaflow:problem:bad-parameter",
            Self::UnreadableBody => "urn:kassaflow:problem:unreadable-body",
            Self::InvalidToken => "urn:kassaflow:problem:invalid-token",
            Self::UnknownRegister => "urn:kassaflow:problem:unknown-register",
            Self::RevokedRegister => "urn:kassaflow:problem:revoked-register",
            Self::ReplacedToken => "urn:kassaflow:problem:replaced-token",
            Self::ForeignRegister => "urn:kassaflow:problem:foreign-register",
            Self::UnknownPath => "urn:kassaflow:problem:unknown-path",
            Self::UnknownMethod => "urn:kassaflow:problem:unknown-method",
            Self::SlowBody => "urn:kassaflow:problem:slow-body",
            Self::TooLarge => "urn:kassaflow:problem:too-large",
            Self::UnknownFormat => "urn:kassaflow:problem:unknown-format",
            Self::UnknownEncoding => "urn:kassaflow:problem:unknown-encoding",
            Self::AllRejected => "urn:kassaflow:problem:all-rejected",
            Self::NoneAccepted => "urn:kassaflow:problem:none-accepted",
            Self::NotAllStored => "urn:kassaflow:problem:not-all-stored",
            Self::OverQuota => "urn:kassaflow:problem:over-quota",
            Self::Overloaded => "urn:kassaflow:problem:overloaded",
            Self::DirectoryUnreadable => "urn:kassaflow:problem:directory-unreadable",
        }
    }

    /// The `title` of the problem document.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::BadParameter => "A parameter of the address means nothing",
            Self::UnreadableBody => "The body cannot be read",
            Self::InvalidToken => "The token is missing or not valid",
            Self::UnknownRegister => "The register is not enrolled",
            Self::RevokedRegister => "The register was revoked",
            Self::ReplacedToken => "The token was replaced by a newer one",
            Self::ForeignRegister => "The token belongs to another register",
            Self::UnknownPath => "There is nothing at this path",
            Self::UnknownMethod => "The path takes another method",
            Self::SlowBody => "The body did not arrive in time",
            Self::TooLarge => "The body is too large",
            Self::UnknownFormat => "The format is not named or not known",
            Self::UnknownEncoding => "The compression is not known",
            Self::AllRejected => "No document was accepted",
            Self::NoneAccepted => "No document was accepted; some may be accepted later",
            Self::NotAllStored => "Not all documents are stored",
            Self::OverQuota => "The tenant sends more than its quota",
            Self::Overloaded => "The hub cannot take more at the moment",
            Self::DirectoryUnreadable => "The hub cannot read the register's entry",
        }
    }

    /// Whether the same request may be sent again later.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }
}

/// A problem document with its status and headers. One pointer, so that it is a cheap error.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Serialize)]
struct Parts {
    #[serde(rename = "type")]
    uri: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    formats: Option<Vec<Format>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encodings: Option<&'static [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    #[serde(flatten)]
    results: Option<Results>,
    #[serde(skip)]
    kind: Kind,
    #[serde(skip)]
    retry_after: Option<HeaderValue>,
}

/// A format that the hub takes.
#[derive(Debug, Serialize)]
struct Format {
    format: &'static str,
    content_types: Vec<&'static str>,
}

impl Problem {
    /// A problem with what is special about this case.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            uri: kind.uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            formats: None,
            encodings: None,
            limit: None,
            results: None,
            kind,
            retry_after: None,
        }))
    }

    /// Which problem it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Lists the formats that are known.
    #[must_use]
    pub fn with_formats(mut self) -> Self {
        let format = |family: &&'static formats::Family| Format {
            format: family.name,
            content_types: family.media_types.iter().map(|media_type| media_type.name).collect(),
        };
        self.0.formats = Some(formats::FAMILIES.iter().map(format).collect());
        self
    }

    /// Lists the compressions that are known.
    #[must_use]
    pub fn with_encodings(mut self, encodings: &'static [&'static str]) -> Self {
        self.0.encodings = Some(encodings);
        self
    }

    /// Names the bound that was passed.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.0.limit = Some(limit);
        self
    }

    /// Adds the verdict on each document.
    #[must_use]
    pub fn with_results(mut self, results: Results) -> Self {
        self.0.results = Some(results);
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: HeaderValue) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The document as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Nothing in it can fail to be written: no map keys, no foreign types.
        serde_json::to_vec(&*self.0).unwrap_or_default()
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = format!("{error}.");
        match error {
            BodyError::TooLarge { limit, .. } => Self::new(Kind::TooLarge, detail).with_limit(limit),
            BodyError::Slow(_) => Self::new(Kind::SlowBody, detail),
            BodyError::Broken(_) => Self::new(Kind::UnreadableBody, detail),
            BodyError::Full(_) => Self::new(Kind::Overloaded, detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() = self.0.kind.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        match self.0.kind {
            Kind::InvalidToken => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Kind::UnknownEncoding => drop(headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))),
            _ => {}
        }
        if let Some(seconds) = self.0.retry_after {
            headers.insert(RETRY_AFTER, seconds);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once() {
        let mut uris: Vec<&str> = Kind::ALL.iter().map(|kind| kind.uri()).collect();
        uris.sort_unstable();
        uris.dedup();
        assert_eq!(uris.len(), Kind::ALL.len());
    }

    #[test]
    fn a_problem_says_only_what_it_has_to_say() {
        let json = Problem::new(Kind::TooLarge, "much too large").with_limit(8).to_json();
        let expected = r#"{"type":"urn:kassaflow:problem:too-large","title":"The body is too large","status":413,"detail":"much too large","limit":8}"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
