//! The restaurants and their stop lists.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use uuid::{Builder, Uuid};

use crate::Scenario;

/// 2026-11-21 00:00 UTC in milliseconds: when the first dish ran out.
const BEGINNING: i64 = 1_795_219_200_000;
const KITCHENS: [&str; 5] = ["Зал", "Кухня", "Бар", "Веранда", "Доставка"];
const NAMES: [&str; 8] = ["Берёзка", "Ромашка", "Уют", "Самовар", "Парус", "Огонёк", "Весна", "Маяк"];

/// How a group whose list is empty is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyForm {
    /// The group is there with `items: []`.
    Listed,
    /// The group is left out.
    LeftOut,
}

/// One item of a stop list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedItem {
    /// The dish.
    pub product_id: Uuid,
    /// Its size, for dishes with sizes.
    pub size_id: Option<Uuid>,
    /// What is left, in millionths.
    pub balance_millionths: i64,
    /// Article number.
    pub sku: Option<String>,
    /// When it came onto the list: milliseconds since 1970, UTC.
    pub added_at_millis: Option<i64>,
}

/// The stop lists by organisation and terminal group, items sorted by dish and size.
pub type StopLists = BTreeMap<Uuid, BTreeMap<Uuid, Vec<ListedItem>>>;

#[derive(Debug)]
pub(crate) struct World {
    random: StdRng,
    /// Raised by every change.
    revision: i64,
    pub(crate) empty_form: EmptyForm,
    pub(crate) organizations: Vec<Organization>,
}

#[derive(Debug)]
pub(crate) struct Organization {
    pub id: Uuid,
    pub name: String,
    pub code: String,
    /// Index of the login that may see it.
    pub login: usize,
    menu: Vec<Dish>,
    pub groups: Vec<Group>,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub id: Uuid,
    pub name: String,
    pub list: BTreeMap<(Uuid, Option<Uuid>), Remark>,
}

#[derive(Debug, Clone)]
struct Dish {
    product_id: Uuid,
    size_id: Option<Uuid>,
    sku: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Remark {
    pub balance_millionths: i64,
    pub sku: Option<String>,
    pub added_at_millis: Option<i64>,
}

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let random = StdRng::seed_from_u64(scenario.seed);
        let mut world = Self { random, revision: 0, empty_form: scenario.empty_form, organizations: Vec::new() };
        for number in 0..scenario.organizations {
            let organization = world.organization(number, scenario);
            world.organizations.push(organization);
        }
        world
    }

    fn organization(&mut self, number: usize, scenario: &Scenario) -> Organization {
        let id = self.id();
        let menu = self.menu(scenario.items + scenario.items / 2 + 10);
        let groups = (0..scenario.groups).map(|group| self.group(group, &menu, scenario.items)).collect();
        Organization {
            id,
            name: format!("Кафе «{}» № {}", NAMES[number % NAMES.len()], number + 1),
            code: (number + 10).to_string(),
            login: number % scenario.logins.len().max(1),
            menu,
            groups,
        }
    }

    /// Every fifth dish has two sizes, each an entry of its own.
    fn menu(&mut self, entries: usize) -> Vec<Dish> {
        let mut menu = Vec::with_capacity(entries + 1);
        while menu.len() < entries {
            let (product_id, sku) = (self.id(), format!("{:05}", menu.len() + 100));
            let sizes =
                if self.random.random_ratio(1, 5) { vec![Some(self.id()), Some(self.id())] } else { vec![None] };
            menu.extend(sizes.into_iter().map(|size_id| Dish { product_id, size_id, sku: sku.clone() }));
        }
        menu
    }

    fn group(&mut self, number: usize, menu: &[Dish], items: usize) -> Group {
        let mut group = Group {
            id: self.id(),
            name: format!("{} {}", KITCHENS[number % KITCHENS.len()], number / KITCHENS.len() + 1),
            list: BTreeMap::new(),
        };
        // The menu is longer than the list, so that every group of one restaurant lacks something else.
        let skipped = self.random.random_range(0..=menu.len() - items);
        for dish in menu.iter().skip(skipped).take(items) {
            let remark = self.remark(dish);
            group.list.insert((dish.product_id, dish.size_id), remark);
        }
        group
    }

    fn id(&mut self) -> Uuid {
        Builder::from_random_bytes(self.random.random()).into_uuid()
    }

    /// Most dishes on a list are out; of some a few are left, and some were sold once too often.
    fn balance(&mut self) -> i64 {
        match self.random.random_range(0..10) {
            0..6 => 0,
            6 => -1_000_000,
            7 => self.random.random_range(1..40) * 1_000_000,
            8 => self.random.random_range(1..80) * 500_000,
            _ => self.random.random_range(1..40_000) * 1_000,
        }
    }

    fn remark(&mut self, dish: &Dish) -> Remark {
        self.revision += 1;
        let without_sku = self.random.random_ratio(1, 10);
        Remark {
            balance_millionths: self.balance(),
            sku: (!without_sku).then(|| dish.sku.clone()),
            added_at_millis: Some(BEGINNING + self.revision * 1_123),
        }
    }

    pub(crate) fn mutate(&mut self, changes: usize) {
        for _ in 0..changes {
            self.change();
        }
    }

    /// One change, of whatever kind the chosen group allows.
    fn change(&mut self) {
        if self.organizations.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.organizations.len());
        let (menu, groups) = (self.organizations[at].menu.len(), self.organizations[at].groups.len());
        if menu == 0 || groups == 0 {
            return;
        }
        let dish = self.organizations[at].menu[self.random.random_range(0..menu)].clone();
        let group = self.random.random_range(0..groups);
        let leaves = self.random.random_bool(0.5);
        let fresh = self.remark(&dish);
        let list = &mut self.organizations[at].groups[group].list;
        let key = (dish.product_id, dish.size_id);
        match list.get_mut(&key) {
            None => {
                list.insert(key, fresh);
            }
            Some(_) if leaves => {
                list.remove(&key);
            }
            Some(remark) if remark.balance_millionths == fresh.balance_millionths => {
                remark.balance_millionths += 1_000_000
            }
            Some(remark) => remark.balance_millionths = fresh.balance_millionths,
        }
    }

    pub(crate) fn set_empty_form(&mut self, form: EmptyForm) {
        self.empty_form = form;
    }

    pub(crate) fn set_stop_list(&mut self, organization: Uuid, group: Uuid, items: Vec<ListedItem>) -> bool {
        let Some(organization) = self.organizations.iter_mut().find(|o| o.id == organization) else {
            return false;
        };
        self.revision += 1;
        let remark = |i: ListedItem| {
            let ListedItem { product_id, size_id, balance_millionths, sku, added_at_millis } = i;
            ((product_id, size_id), Remark { balance_millionths, sku, added_at_millis })
        };
        let list = items.into_iter().map(remark).collect();
        match organization.groups.iter_mut().find(|g| g.id == group) {
            Some(group) => group.list = list,
            None => organization.groups.push(Group { id: group, name: KITCHENS[0].to_owned(), list }),
        }
        true
    }

    pub(crate) fn organizations(&self) -> Vec<(Uuid, Vec<Uuid>)> {
        self.organizations.iter().map(|o| (o.id, o.groups.iter().map(|g| g.id).collect())).collect()
    }

    pub(crate) fn stop_lists(&self) -> StopLists {
        let list = |group: &Group| (group.id, group.items().collect());
        self.organizations.iter().map(|o| (o.id, o.groups.iter().map(list).collect())).collect()
    }

    pub(crate) const fn revision(&self) -> i64 {
        self.revision
    }
}

impl Group {
    pub(crate) fn items(&self) -> impl Iterator<Item = ListedItem> + '_ {
        self.list.iter().map(|((product_id, size_id), remark)| ListedItem {
            product_id: *product_id,
            size_id: *size_id,
            balance_millionths: remark.balance_millionths,
            sku: remark.sku.clone(),
            added_at_millis: remark.added_at_millis,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_worlds_and_equal_changes() {
        let scenario = |seed| Scenario { seed, organizations: 3, groups: 2, items: 30, ..Scenario::default() };
        let changed = |seed| {
            let mut world = World::new(&scenario(seed));
            world.mutate(100);
            world.stop_lists()
        };
        assert_eq!(changed(7), changed(7));
        assert_ne!(changed(7), changed(8));
        let begun = World::new(&scenario(7)).stop_lists();
        assert_ne!(begun, changed(7));
        assert!(begun.values().flat_map(BTreeMap::values).all(|list| list.len() == 30));
        let listed = begun.values().flat_map(BTreeMap::values).flatten();
        assert!(listed.clone().any(|i| i.size_id.is_some()) && listed.clone().any(|i| i.sku.is_none()));
    }

    #[test]
    fn every_change_changes_something() {
        let mut world = World::new(&Scenario { organizations: 1, groups: 1, items: 3, ..Scenario::default() });
        for _ in 0..200 {
            let before = world.stop_lists();
            world.mutate(1);
            assert_ne!(before, world.stop_lists());
        }
    }
}
