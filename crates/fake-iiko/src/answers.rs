//! The bodies of the answers, in the shapes of the published interface.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{EmptyForm, Group, ListedItem, Organization, World};

/// What a request gets that is not answered with 200.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    pub code: Option<String>,
    pub description: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: Option<&str>, description: impl Into<String>) -> Self {
        Self { status, code: code.map(str::to_owned), description: description.into() }
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "correlationId": Uuid::new_v4(), "errorDescription": self.description, "error": self.code })
    }

    fn bad_body(description: impl Into<String>) -> Self {
        Self::new(400, Some("INVALID_BODY_JSON_FORMAT"), description)
    }
}

/// The ids in a field of the request; `None` when the field is not there.
pub(crate) fn ids(body: &Value, field: &str) -> Result<Option<Vec<Uuid>>, Refusal> {
    let Some(value) = body.get(field).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let wrong = |value: &Value| {
        Refusal::bad_body(format!("Error converting value {value} to type 'System.Guid'. Path '{field}'."))
    };
    let list = value.as_array().ok_or_else(|| wrong(value))?;
    let id = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| wrong(value));
    list.iter().map(id).collect::<Result<_, _>>().map(Some)
}

/// The organisations that a request must name, as far as the login may see them.
fn named<'w>(world: &'w World, login: usize, body: &Value) -> Result<Vec<&'w Organization>, Refusal> {
    let missing = || Refusal::bad_body("Value cannot be null. (Parameter 'organizationIds')");
    let wanted = ids(body, "organizationIds")?.ok_or_else(missing)?;
    let find = |id: Uuid| world.organizations.iter().find(|o| o.id == id && o.login == login).ok_or(id);
    wanted.into_iter().map(find).collect::<Result<_, _>>().map_err(|id| {
        Refusal::new(
            400,
            None,
            format!("Passed organization(s) {id} doesn't belong to your api login included organization list."),
        )
    })
}

pub(crate) fn organizations(world: &World, login: usize, body: &Value) -> Result<Value, Refusal> {
    if body.get("returnAdditionalInfo").and_then(Value::as_bool) == Some(true) {
        return Err(Refusal::new(400, None, "This fake has no additional information about organizations."));
    }
    let wanted = ids(body, "organizationIds")?;
    let shown = world.organizations.iter().filter(|o| o.login == login);
    let shown = shown.filter(|o| wanted.as_ref().is_none_or(|wanted| wanted.contains(&o.id)));
    let simple = |o: &Organization| json!({ "responseType": "Simple", "id": o.id, "name": o.name, "code": o.code });
    Ok(json!({ "correlationId": Uuid::new_v4(), "organizations": shown.map(simple).collect::<Vec<_>>() }))
}

pub(crate) fn terminal_groups(world: &World, login: usize, body: &Value) -> Result<Value, Refusal> {
    let organizations = named(world, login, body)?;
    let of = |o: &Organization| {
        let group = |g: &Group| json!({ "id": g.id, "organizationId": o.id, "name": g.name, "address": null, "timeZone": "Europe/Moscow" });
        json!({ "organizationId": o.id, "items": o.groups.iter().map(group).collect::<Vec<_>>() })
    };
    let asleep = |o: &Organization| json!({ "organizationId": o.id, "items": [] });
    Ok(json!({
        "correlationId": Uuid::new_v4(),
        "terminalGroups": organizations.iter().map(|o| of(o)).collect::<Vec<_>>(),
        "terminalGroupsInSleep": organizations.iter().map(|o| asleep(o)).collect::<Vec<_>>(),
    }))
}

pub(crate) fn stop_lists(world: &World, login: usize, body: &Value) -> Result<Value, Refusal> {
    let organizations = named(world, login, body)?;
    let groups = ids(body, "terminalGroupsIds")?;
    let sizes = body.get("returnSize").and_then(Value::as_bool) == Some(true);
    let shown = |g: &&Group| {
        let asked = groups.as_ref().is_none_or(|groups| groups.contains(&g.id));
        asked && (world.empty_form == EmptyForm::Listed || !g.list.is_empty())
    };
    let group = |g: &Group| json!({ "terminalGroupId": g.id, "items": g.items().map(|item| listed(&item, sizes)).collect::<Vec<_>>() });
    let of = |o: &Organization| json!({ "organizationId": o.id, "items": o.groups.iter().filter(shown).map(group).collect::<Vec<_>>() });
    Ok(json!({
        "correlationId": Uuid::new_v4(),
        "terminalGroupStopLists": organizations.iter().map(|o| of(o)).collect::<Vec<_>>(),
    }))
}

/// One item. iiko writes balances as doubles, so the fake does too.
fn listed(item: &ListedItem, sizes: bool) -> Value {
    #[allow(clippy::cast_precision_loss)]
    let balance = item.balance_millionths as f64 / 1e6;
    json!({
        "balance": balance,
        "productId": item.product_id,
        "sizeId": item.size_id.filter(|_| sizes),
        "sku": item.sku,
        "dateAdd": item.added_at_millis.and_then(date),
    })
}

/// `yyyy-MM-dd HH:mm:ss.fff`, UTC, without a zone.
fn date(millis: i64) -> Option<String> {
    let clock = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(millis).ok()?);
    Some(clock.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string())
}

/// The truth for a checker: all groups, emptied ones too, whatever the form of an empty list.
pub(crate) fn truth(world: &World) -> Value {
    let group = |g: &Group| json!({ "terminalGroupId": g.id, "items": g.items().map(|item| listed(&item, true)).collect::<Vec<_>>() });
    let of = |o: &Organization| json!({ "organizationId": o.id, "terminalGroups": o.groups.iter().map(group).collect::<Vec<_>>() });
    json!({ "revision": world.revision(), "organizations": world.organizations.iter().map(of).collect::<Vec<_>>() })
}
