//! The two halves of a document, wherever they lie.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{result::Params, task::Task};
use crate::{
    Invalid,
    json::{self, Integer, Text},
};

const NO_TASK: &str = "half of a pair: the result does not say what was sold; send it together with its task (request)";
const NO_RESULT: &str = "half of a pair: the task does not say that it was done; send it together with its result";

/// A task with its result.
#[derive(Debug)]
pub(super) struct Pair<'b> {
    pub task: Task<'b>,
    pub task_place: String,
    pub fiscal: Params<'b>,
    pub fiscal_place: String,
}

/// `request` as it was posted to the driver, and `results` as it answered; or the two under plainer names.
#[derive(Debug, Deserialize)]
struct Halves<'a> {
    #[serde(default, borrow)]
    request: Option<&'a RawValue>,
    #[serde(default, borrow)]
    task: Option<&'a RawValue>,
    #[serde(default, borrow)]
    results: Option<&'a RawValue>,
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
}

/// One element of `results`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(default, borrow)]
    status: Text<'a>,
    #[serde(default)]
    error_code: Integer,
    #[serde(default, borrow)]
    error_description: Text<'a>,
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
    #[serde(default, borrow)]
    fiscal_params: Option<&'a RawValue>,
}

/// Whether a JSON value is there and no null.
fn told(value: Option<&RawValue>) -> Option<&str> {
    value.map(RawValue::get).filter(|text| *text != "null")
}

/// What is missing of a well-formed object; said when it is taken in, because nobody can add it later.
pub(super) fn half(text: &str) -> Option<&'static str> {
    let halves: Halves<'_> = serde_json::from_str(text).ok()?;
    if told(halves.request).or(told(halves.task)).is_none() {
        return Some(NO_TASK);
    }
    told(halves.results).or(told(halves.result)).is_none().then_some(NO_RESULT)
}

impl<'b> Pair<'b> {
    pub fn open(text: &'b str) -> Result<Self, Invalid> {
        let halves: Halves<'b> = json::read_at(text, "$")?;
        let (task, task_place) = match (told(halves.request), told(halves.task)) {
            (Some(request), _) => (request, "$.request".to_owned()),
            (None, Some(task)) => {
                // The driver's own envelope, `{"uuid": …, "request": {…}}`, or its content.
                let (task, mut place) = only(task, "$.task".to_owned())?;
                let inner: Halves<'b> = json::read_at(task, &place)?;
                match told(inner.request) {
                    None => (task, place),
                    Some(request) => {
                        place.push_str(".request");
                        (request, place)
                    }
                }
            }
            (None, None) => return Err(Invalid::new("$.request", NO_TASK)),
        };
        let (task, task_place) = only(task, task_place)?;
        let (mut text, mut place) = match (told(halves.results), told(halves.result)) {
            (Some(results), _) => only(results, "$.results".to_owned())?,
            (None, Some(result)) => only(result, "$.result".to_owned())?,
            (None, None) => return Err(Invalid::new("$.result", NO_RESULT)),
        };
        let mut answer: Answer<'b> = json::read_at(text, &place)?;
        answer.must_be_done(&place)?;
        // An element of `results` holds a result, which holds the parameters or is them.
        if let (None, Some(inner)) = (told(answer.fiscal_params), told(answer.result)) {
            place.push_str(".result");
            text = inner;
            answer = json::read_at(text, &place)?;
        }
        if let Some(inner) = told(answer.fiscal_params) {
            place.push_str(".fiscalParams");
            text = inner;
        }
        Ok(Self {
            task: json::read_at(task, &task_place)?,
            task_place,
            fiscal: json::read_at(text, &place)?,
            fiscal_place: place,
        })
    }
}

impl Answer<'_> {
    fn must_be_done(&self, place: &str) -> Result<(), Invalid> {
        let said = self.error_description.get().unwrap_or("no reason was given");
        match self.status.trimmed() {
            Some("wait" | "blocked" | "inProgress") => Err(Invalid::new(
                format!("{place}.status"),
                "the task is not finished: send it when its result is there",
            )),
            Some("ready") | None if self.error_code.0.unwrap_or_default() == 0 => Ok(()),
            _ => Err(Invalid::new(format!("{place}.status"), format!("the driver has not done it: {said}"))),
        }
    }
}

/// The object itself, or the only one of an array.
fn only(text: &str, place: String) -> Result<(&str, String), Invalid> {
    if !text.starts_with('[') {
        return Ok((text, place));
    }
    match json::first_of(text, &place)? {
        (Some(one), 1) => Ok((one, format!("{place}[0]"))),
        (_, count) => {
            Err(Invalid::new(place, format!("{count} elements: one task and its one result make a document")))
        }
    }
}
