//! What would become of a document, as JSON for people and tools: nothing is stored anywhere.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{
    Choice, Context, Invalid, Parsed, Rejection, flags,
    paths::{Node, Paths},
};

/// What would become of one document.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// Number of the document in its body, from 0.
    pub index: usize,
    /// `receipt`, `shift`, `event`, `dead-letter`, `not-counted` for what is kept as it was sent and does not count, or
    /// `rejected` for what is not taken in at all.
    pub becomes: &'static str,
    /// The canonical record, in the names of its schema; also of what does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
    /// What is odd about it: words, and what they mean.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "map")]
    pub flags: Vec<(&'static str, &'static str)>,
    /// Where the values stand in the document.
    #[serde(skip_serializing_if = "Paths::is_empty")]
    pub paths: Paths,
    /// The kind of fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'static str>,
    /// Where the fault is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What the fault is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn map<S: Serializer>(pairs: &[(&'static str, &'static str)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}

impl Choice {
    /// What would become of the `index`th document of a body; see [`Parsed::counts`] for the primary source.
    #[must_use]
    pub fn preview(
        &self,
        index: usize,
        document: &[u8],
        context: &Context<'_>,
        primary_source: Option<&str>,
    ) -> Preview {
        let parsed = match self.family.parse(document, context) {
            Ok(parsed) => parsed,
            Err(Invalid { class, place, text }) => {
                return Preview {
                    class: Some(class.name()),
                    place: Some(place),
                    reason: Some(text),
                    ..Preview::nothing(index, "dead-letter")
                };
            }
        };
        let not_primary = primary_source.filter(|_| !parsed.counts(primary_source)).map(|primary| {
            format!(
                "without a fiscal identity it counts only from the register's primary source, which is {primary}; the operator enrols the register with `{0}` as the first of its families if `{0}` tells its sales",
                self.family.name
            )
        });
        let (becomes, raised, value) = match &parsed {
            Parsed::Receipt(receipt) => ("receipt", &receipt.flags, serde_json::value::to_raw_value(receipt)),
            Parsed::Shift(shift) => ("shift", &shift.flags, serde_json::value::to_raw_value(shift)),
            Parsed::Event(event) => ("event", &event.flags, serde_json::value::to_raw_value(event)),
        };
        // A record is a map with names for keys, which JSON always takes.
        let value = value.ok();
        let canonical = value.as_ref().and_then(|value| serde_json::from_str::<Node<'_>>(value.get()).ok());
        let paths = canonical.map(|canonical| self.family.fields.paths(becomes, &canonical, document, context));
        Preview {
            flags: raised.iter().filter_map(|flag| flags::with_meaning(flag)).collect(),
            paths: paths.unwrap_or_default(),
            value,
            class: not_primary.as_ref().map(|_| "not-primary"),
            becomes: if not_primary.is_some() { "not-counted" } else { becomes },
            reason: not_primary,
            ..Preview::nothing(index, becomes)
        }
    }
}

impl Preview {
    /// The `index`th document of a body, which is none.
    #[must_use]
    pub fn rejected(index: usize, rejection: &Rejection) -> Self {
        Self {
            class: Some(rejection.reason.code()),
            place: Some(rejection.place.to_string()),
            reason: Some(rejection.reason.to_string()),
            ..Self::nothing(index, "rejected")
        }
    }

    fn nothing(index: usize, becomes: &'static str) -> Self {
        Self {
            index,
            becomes,
            value: None,
            flags: Vec::new(),
            paths: Paths::default(),
            class: None,
            place: None,
            reason: None,
        }
    }
}
