//! Whose the documents of a body are, and what is to be done with each of them.

use std::{borrow::Cow, ops::Range};

use formats::{Choice, Family, Framed, Limits, Place, Reason, Rejection};
use kafka::dead_letters::MOST_BODY;

use crate::{
    directory::{Directory, Unreadable},
    format,
    problem::{Kind, Problem},
    sender::Sender,
};

/// Whom the documents of a request are from.
#[derive(Debug)]
pub enum Origin {
    /// All are from one register.
    Register(Sender),
    /// Each names its register by a device.
    Devices {
        /// The tenant of the registers.
        tenant: String,
        /// Where they are looked up.
        directory: Directory,
    },
}

impl Origin {
    /// The tenant of all documents.
    #[must_use]
    pub fn tenant(&self) -> &str {
        match self {
            Self::Register(sender) => sender.tenant_and_register().0,
            Self::Devices { tenant, .. } => tenant,
        }
    }
}

/// In which format the documents of a request are.
#[derive(Debug, Clone, Copy)]
pub enum Format {
    /// In this one.
    Named(Choice),
    /// In the one that reads the first of them.
    Recognised,
}

impl Format {
    /// The format of a body.
    ///
    /// # Errors
    /// 415 where it is not named and cannot be recognised.
    pub fn choice(self, body: &[u8], content_type: Option<&str>) -> Result<Choice, Problem> {
        match self {
            Self::Named(choice) => Ok(choice),
            Self::Recognised => format::recognised(body, content_type),
        }
    }
}

/// Why nobody can use a document.
#[derive(Debug)]
pub struct Fault {
    /// A dead letter's `error_class`.
    pub class: &'static str,
    /// What is wrong, for people.
    pub reason: String,
    /// Where it was found.
    pub place: Place,
}

/// What is to be done with a part of the body.
#[derive(Debug)]
pub enum Step<'r> {
    /// It is stored for its register.
    Store(Range<usize>, Cow<'r, Sender>),
    /// It is kept as a dead letter.
    Bury(Range<usize>, Fault),
    /// The client is told that nobody can use it.
    Reject(Fault),
    /// Whose it is cannot be told now.
    Postpone(Fault),
}

impl Step<'_> {
    /// What is kept is kept whole: where a dead letter cannot hold it, in several.
    fn in_parts(self, each: &mut dyn FnMut(Self)) {
        match self {
            Self::Bury(range, Fault { class, reason, place }) if range.len() > MOST_BODY => {
                let count = range.len().div_ceil(MOST_BODY);
                for (index, start) in range.clone().step_by(MOST_BODY).enumerate() {
                    let reason = format!("{reason} (part {} of {count})", index + 1);
                    each(Self::Bury(start..range.end.min(start + MOST_BODY), Fault { class, reason, place }));
                }
            }
            step => each(step),
        }
    }

    /// Bytes of it that become a record.
    pub fn sent(&self) -> Option<usize> {
        match self {
            Self::Store(range, _) | Self::Bury(range, _) => Some(range.len()),
            Self::Reject(_) | Self::Postpone(_) => None,
        }
    }
}

/// Whose the documents of a request are, and what becomes of those that are nobody's.
#[derive(Debug)]
pub struct Sorting<'r> {
    /// Their format.
    pub choice: Choice,
    /// Whom they are from.
    pub origin: &'r Origin,
    /// Those that nobody can use are kept.
    pub keep: bool,
}

impl<'r> Sorting<'r> {
    /// Splits a body, and calls `each` with what is to be done with each of its parts, in order. Where documents that
    /// nobody can use are kept, so is what was not read.
    pub fn sort(&self, body: &[u8], has_id: bool, limits: &Limits, each: &mut dyn FnMut(Step<'r>)) -> formats::Outcome {
        let (mut taken, mut end) = (0, 0);
        let mut outcome = self.choice.frame(body, limits, &mut |document| {
            let document = named(document, self.choice.family, has_id, taken);
            taken += usize::from(matches!(document, Framed::Document(_)));
            let (Framed::Document(range) | Framed::Rejected(Rejection { range, .. })) = &document;
            end = range.end;
            self.step(document, body).in_parts(each);
        });
        if self.keep
            && let Some(start) = outcome.unread_from.take()
            // What is broken was handed on with all that follows it.
            && start >= end
        {
            self.step(too_many(start..body.len(), limits), body).in_parts(each);
        }
        outcome
    }

    fn step(&self, framed: Framed, body: &[u8]) -> Step<'r> {
        match framed {
            Framed::Document(range) => match self.sender(&range, body) {
                Ok(sender) => Step::Store(range, sender),
                Err(Stray::Unusable(fault)) => self.fault(range, fault),
                Err(Stray::Unknowable(fault)) => Step::Postpone(fault),
            },
            Framed::Rejected(Rejection { range, place, reason }) => {
                self.fault(range, Fault { class: reason.code(), reason: reason.to_string(), place })
            }
        }
    }

    fn fault(&self, range: Range<usize>, fault: Fault) -> Step<'r> {
        if self.keep { Step::Bury(range, fault) } else { Step::Reject(fault) }
    }

    /// The register that a document is from.
    fn sender(&self, range: &Range<usize>, body: &[u8]) -> Result<Cow<'r, Sender>, Stray> {
        let (tenant, directory) = match self.origin {
            Origin::Register(sender) => return Ok(Cow::Borrowed(sender)),
            Origin::Devices { tenant, directory } => (tenant, directory),
        };
        let place = Place { offset: range.start, line: None };
        let devices = self.choice.family.devices(&body[range.clone()]);
        let unknowable = || {
            let reason = Kind::DirectoryUnreadable.title().to_owned();
            Stray::Unknowable(Fault { class: "directory-unreadable", reason, place })
        };
        let unknown = || {
            let reason = unknown(tenant, &devices, self.keep);
            Stray::Unusable(Fault { class: UNKNOWN_REGISTER, reason, place })
        };
        let key = directory.register_with(tenant, &devices).map_err(|Unreadable| unknowable())?.ok_or_else(unknown)?;
        // Its entry may have changed since.
        let sender = Sender::of(directory, key);
        sender.map(Cow::Owned).map_err(|problem| if problem.kind().passes() { unknowable() } else { unknown() })
    }
}

/// A document whose register may not or cannot be told.
enum Stray {
    /// No register in service is meant.
    Unusable(Fault),
    /// Nobody can tell now.
    Unknowable(Fault),
}

/// Class of a document whose register nobody knows, or that does not say whose it is: it can be sent again.
pub(crate) const UNKNOWN_REGISTER: &str = "unknown-register";

/// So many of a document's devices are told in a reason.
const MOST_TOLD: usize = 4;

/// `is_kept` tells a cloud, whose address cannot name a register.
fn unknown(tenant: &str, devices: &[String], is_kept: bool) -> String {
    if devices.is_empty() {
        let told = if is_kept { "" } else { "; name it by ?register= in the address" };
        return format!("the document does not name its register{told}");
    }
    let few = devices.iter().take(MOST_TOLD).map(|device| format!("{device:.64}"));
    let devices = few.collect::<Vec<_>>().join(" or ");
    format!(
        "no register of {tenant} in service has the device {devices}; `kassactl registers enrol --devices` gives it to one, `kassactl registers reinstate` takes a revoked one back"
    )
}

/// What was not read because the documents before it are as many as a request may have.
fn too_many(rest: Range<usize>, limits: &Limits) -> Framed {
    let reason = Reason::Malformed(format!("more than {} documents", limits.documents));
    let place = Place { offset: rest.start, line: None };
    Framed::Rejected(Rejection { range: rest, place, reason })
}

/// Rejects a document that the id beside its bytes does not tell from others; `before` of the request were taken.
fn named(document: Framed, family: &Family, has_id: bool, before: usize) -> Framed {
    let reason = match (family.needs_document_id, has_id) {
        (true, false) => "it names neither a number nor a time; add ?document_id= with an id of yours to the path",
        (_, true) if before > 0 => "document_id names one document; send each in a request of its own",
        _ => return document,
    };
    let Framed::Document(range) = document else { return document };
    let place = Place { offset: range.start, line: None };
    Framed::Rejected(Rejection { range, place, reason: Reason::Malformed(reason.to_owned()) })
}
