//! The answers on the wire. Unknown fields are ignored, since iiko does add some; those that are
//! needed are required, and an answer without them is refused as a whole.

use std::collections::btree_map::Entry;

use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    client::{Organization, TerminalGroup, TerminalGroups},
    error::{Error, Trouble, shorten},
    number::{Balance, timestamp},
    stop_list::{Item, ItemKey, OrganizationStopLists, StopList},
};

/// iiko nests most answers by organisation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<T> {
    organization_id: Uuid,
    items: Vec<T>,
}

fn malformed(what: &str, problem: impl std::fmt::Display) -> Error {
    Error::later(Trouble::Malformed, shorten(format!("{what}: {problem}")))
}

fn parse<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|e| malformed(what, e))
}

pub(crate) fn organizations(body: &[u8]) -> Result<Vec<Organization>, Error> {
    #[derive(Deserialize)]
    struct Answer {
        organizations: Vec<Entity>,
    }
    #[derive(Deserialize)]
    struct Entity {
        id: Uuid,
        name: Option<String>,
    }
    let answer: Answer = parse("organizations", body)?;
    let named = |entity: Entity| Organization { id: entity.id, name: storable(entity.name.unwrap_or_default()) };
    Ok(answer.organizations.into_iter().map(named).collect())
}

pub(crate) fn terminal_groups(body: &[u8]) -> Result<TerminalGroups, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        terminal_groups: Vec<Part<Entity>>,
        terminal_groups_in_sleep: Vec<Part<Entity>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entity {
        id: Uuid,
        name: String,
        time_zone: String,
    }
    let flat = |parts: Vec<Part<Entity>>| {
        let group = |organization_id| {
            move |e: Entity| TerminalGroup { id: e.id, organization_id, name: e.name, time_zone: e.time_zone }
        };
        parts.into_iter().flat_map(|part| part.items.into_iter().map(group(part.organization_id))).collect()
    };
    let answer: Answer = parse("terminal_groups", body)?;
    Ok(TerminalGroups { awake: flat(answer.terminal_groups), asleep: flat(answer.terminal_groups_in_sleep) })
}

/// The lists of one organisation, `None` when the answer does not speak of it.
pub(crate) fn stop_lists(body: &[u8], organization_id: Uuid) -> Result<Option<OrganizationStopLists>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        terminal_group_stop_lists: Vec<Part<Group>>,
    }
    /// The published schema does not require the group's id, but without it nobody knows whose list it is.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Group {
        terminal_group_id: Uuid,
        items: Vec<Listed>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Listed {
        balance: Balance,
        product_id: Uuid,
        size_id: Option<Uuid>,
        sku: Option<String>,
        date_add: Option<String>,
    }
    let answer: Answer = parse("stop_lists", body)?;
    let mut lists = None;
    for part in answer.terminal_group_stop_lists {
        if part.organization_id != organization_id {
            continue;
        }
        let lists: &mut OrganizationStopLists = lists.get_or_insert_default();
        for group in part.items {
            let list = lists.entry(group.terminal_group_id).or_default();
            for listed in group.items {
                let key = ItemKey { product_id: listed.product_id, size_id: listed.size_id };
                let added_at = listed.date_add.as_deref().and_then(timestamp);
                keep(list, key, Item { balance: listed.balance.0, sku: listed.sku.map(storable), added_at });
            }
        }
    }
    Ok(lists)
}

/// PostgreSQL's text cannot hold NUL, and one such name must not stop a whole organisation.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

/// Adds an item. Should iiko list a dish twice, the smaller balance counts: selling what is out is
/// worse than not selling what is left.
fn keep(list: &mut StopList, key: ItemKey, item: Item) {
    match list.entry(key) {
        Entry::Vacant(place) => {
            place.insert(item);
        }
        Entry::Occupied(mut place) if item.balance < place.get().balance => {
            place.insert(item);
        }
        Entry::Occupied(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::{Decimal, Timestamp};

    const ORGANIZATION: &str = "a1111111-1111-4111-8111-111111111111";
    const GROUP: &str = "b2222222-2222-4222-8222-222222222222";
    const PRODUCT: &str = "c3333333-3333-4333-8333-333333333333";

    fn id(text: &str) -> Uuid {
        text.parse().unwrap()
    }

    fn answer(groups: &str) -> String {
        format!(
            r#"{{"correlationId":"x","somethingNew":[1],"terminalGroupStopLists":[{{"organizationId":"{ORGANIZATION}","items":[{groups}]}}]}}"#
        )
    }

    fn group(items: &str) -> String {
        answer(&format!(r#"{{"terminalGroupId":"{GROUP}","new":{{}},"items":[{items}]}}"#))
    }

    fn read(body: &str) -> Result<Option<OrganizationStopLists>, Error> {
        stop_lists(body.as_bytes(), id(ORGANIZATION))
    }

    #[test]
    fn all_three_levels_and_optional_fields_are_read() {
        let body = group(&format!(
            r#"{{"balance":0.0,"productId":"{PRODUCT}","sizeId":null,"sku":"00\u0000144","dateAdd":"2026-11-21 08:15:22.123"}},
               {{"balance":3.5,"productId":"{PRODUCT}","sizeId":"{GROUP}","new":true}}"#
        ));
        let lists = read(&body).unwrap().unwrap();
        let list = &lists[&id(GROUP)];
        let whole = &list[&ItemKey { product_id: id(PRODUCT), size_id: None }];
        assert_eq!((whole.balance, whole.sku.as_deref()), (Decimal::from_unscaled(0), Some("00144")));
        assert_eq!(whole.added_at, Some(Timestamp(1_795_248_922_123_000)));
        let sized = &list[&ItemKey { product_id: id(PRODUCT), size_id: Some(id(GROUP)) }];
        assert_eq!(
            (sized.balance, sized.sku.as_deref(), sized.added_at),
            (Decimal::from_unscaled(3_500_000), None, None)
        );
    }

    #[test]
    fn an_organisation_that_is_not_named_is_not_an_emptied_one() {
        assert_eq!(read(r#"{"terminalGroupStopLists":[]}"#).unwrap(), None);
        assert_eq!(read(&answer("")).unwrap(), Some(OrganizationStopLists::new()));
        assert_eq!(stop_lists(group("").as_bytes(), id(PRODUCT)).unwrap(), None, "another organisation's list");
    }

    #[test]
    fn of_a_dish_listed_twice_the_smaller_balance_counts() {
        let listed = |balance| format!(r#"{{"balance":{balance},"productId":"{PRODUCT}"}}"#);
        for (first, second) in [("2", "1"), ("1", "2")] {
            let lists = read(&group(&format!("{},{}", listed(first), listed(second)))).unwrap().unwrap();
            let item = lists[&id(GROUP)].values().next().unwrap();
            assert_eq!(item.balance, Decimal::from_unscaled(1_000_000));
        }
    }

    #[test]
    fn an_answer_without_what_is_needed_is_refused_as_a_whole() {
        let good = format!(r#"{{"balance":1,"productId":"{PRODUCT}"}}"#);
        for body in [
            "{}".to_owned(),
            "[]".to_owned(),
            r#"{"terminalGroupStopLists":null}"#.to_owned(),
            group(&format!(r#"{good},{{"productId":"{PRODUCT}"}}"#)),
            group(&format!(r#"{good},{{"balance":1}}"#)),
            group(&format!(r#"{good},{{"balance":"1","productId":"{PRODUCT}"}}"#)),
            group(&format!(r#"{good},{{"balance":null,"productId":"{PRODUCT}"}}"#)),
            group(r#"{"balance":1,"productId":"borsch"}"#),
            answer(&format!(r#"{{"items":[{good}]}}"#)),
            answer(&format!(r#"{{"terminalGroupId":"{GROUP}"}}"#)),
            answer(&good),
            group(&good)[..120].to_owned(),
        ] {
            assert_eq!(read(&body).unwrap_err().outcome(), "malformed", "{body}");
        }
    }

    #[test]
    fn dictionaries_are_read() {
        let body = format!(
            r#"{{"organizations":[{{"responseType":"Simple","id":"{ORGANIZATION}","name":"Кафе","code":"10"}}]}}"#
        );
        assert_eq!(
            organizations(body.as_bytes()).unwrap(),
            [Organization { id: id(ORGANIZATION), name: "Кафе".into() }]
        );
        let group = format!(
            r#"{{"organizationId":"{ORGANIZATION}","items":[{{"id":"{GROUP}","organizationId":"{ORGANIZATION}","name":"Зал","address":null,"timeZone":"Europe/Moscow"}}]}}"#
        );
        let body = format!(r#"{{"terminalGroups":[{group}],"terminalGroupsInSleep":[{group}]}}"#);
        let groups = terminal_groups(body.as_bytes()).unwrap();
        assert_eq!(groups.awake, groups.asleep);
        assert_eq!(groups.awake[0].time_zone, "Europe/Moscow");
    }
}
