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
#[derive(Debug, Clone)]
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
    pub fn in_parts(self) -> impl Iterator<Item = Self> {
        let (whole, range, fault) = match self {
            Self::Bury(range, fault) if range.len() > MOST_BODY => (None, range, Some(fault)),
            step => (Some(step), 0..0, None),
        };
        let count = range.len().div_ceil(MOST_BODY);
        let parts = range.clone().step_by(MOST_BODY).zip(1..).zip(std::iter::repeat(fault)).filter_map(
            move |((start, number), fault)| {
                let Fault { class, reason, place } = fault?;
                let reason = format!("{reason} (part {number} of {count})");
                Some(Self::Bury(start..range.end.min(start + MOST_BODY), Fault { class, reason, place }))
            },
        );
        whole.into_iter().chain(parts)
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
    /// Their family.
    pub family: &'static Family,
    /// Whom they are from.
    pub origin: &'r Origin,
    /// Those that nobody can use are kept.
    pub keep: bool,
}

impl<'r> Sorting<'r> {
    /// Splits a body, and calls `each` with what is to be done with each of its parts, in order.
    pub fn sort(
        &self,
        choice: &Choice,
        body: &[u8],
        has_id: bool,
        limits: &Limits,
        each: &mut dyn FnMut(Step<'r>),
    ) -> formats::Outcome {
        let mut taken = 0;
        choice.frame(body, limits, &mut |document| {
            let document = named(document, choice.family, has_id, taken);
            taken += usize::from(matches!(document, Framed::Document(_)));
            self.step(document, body).in_parts().for_each(&mut *each);
        })
    }

    pub fn step(&self, framed: Framed, body: &[u8]) -> Step<'r> {
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
        let devices = self.family.devices(&body[range.clone()]);
        let unknowable = || {
            let reason = Kind::DirectoryUnreadable.title().to_owned();
            Stray::Unknowable(Fault { class: "directory-unreadable", reason, place })
        };
        let unknown = || {
            let reason = unknown(tenant, &devices);
            Stray::Unusable(Fault { class: "unknown-register", reason, place })
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

/// So many of a document's devices are told in a reason.
const MOST_TOLD: usize = 4;

fn unknown(tenant: &str, devices: &[String]) -> String {
    if devices.is_empty() {
        return "the document does not name its register; name it by ?register= in the address".to_owned();
    }
    let few = devices.iter().take(MOST_TOLD).map(|device| format!("{device:.64}"));
    let devices = few.collect::<Vec<_>>().join(" or ");
    format!("no register of {tenant} has the device {devices}; `kassactl registers enrol --devices` gives it to one")
}

/// What was not read because the documents before it are as many as a request may have: one more fault, so that it can be
/// kept. What was not read because it is broken is a fault already.
pub fn too_many(unread_from: Option<usize>, documents: usize, body: &[u8], limits: &Limits) -> Option<Framed> {
    let start = unread_from.filter(|_| documents >= limits.documents)?;
    let reason = Reason::Malformed(format!("more than {} documents", limits.documents));
    let place = Place { offset: start, line: None };
    Some(Framed::Rejected(Rejection { range: start..body.len(), place, reason }))
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
