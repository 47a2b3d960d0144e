//! What is said of a register when it is enrolled.

use canonical::is_id;
use formats::FAMILIES;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Most bytes of a shop's name.
const MOST_SHOP: usize = 255;
/// Most ids that documents may name one register by, and most bytes of one.
const MOST_DEVICES: usize = 16;
const MOST_DEVICE: usize = 128;

/// What the directory is to know of a register.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Whose it is.
    pub tenant: String,
    /// Its name, unique within the tenant.
    pub register: String,
    /// Shop that it stands in, as the tenant names it.
    pub shop: String,
    /// IANA name of its clock's time zone.
    pub time_zone: String,
    /// Formats that it sends; the first is its primary source.
    pub families: Vec<String>,
    /// Ids by which documents name the register, for those that do not come from itself: a vendor's device id, the number
    /// of its fiscal drive.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Whether its receipts keep the buyer's contact, name and taxpayer number.
    #[serde(default)]
    pub keeps_personal_data: bool,
}

impl Enrolment {
    /// What is wrong with it, one sentence each; empty when it can be written.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = id_problems([("tenant", &self.tenant), ("register", &self.register)]);
        if self.shop.trim().is_empty() || self.shop.len() > MOST_SHOP || self.shop.chars().any(char::is_control) {
            problems
                .push(format!("the shop {:?} is empty, over {MOST_SHOP} bytes or has control characters", self.shop));
        }
        if !is_time_zone(&self.time_zone) {
            problems.push(format!("the time zone {:?} is no IANA name, such as Europe/Moscow", self.time_zone));
        }
        problems.extend(family_problems(&self.families));
        if self.devices.len() > MOST_DEVICES {
            problems.push(format!("{} devices are more than {MOST_DEVICES}", self.devices.len()));
        }
        for device in &self.devices {
            if device.trim().is_empty() || device.len() > MOST_DEVICE || device.chars().any(char::is_control) {
                problems.push(format!(
                    "the device {device:?} is empty, over {MOST_DEVICE} bytes or has control characters"
                ));
            }
        }
        problems
    }
}

/// What is wrong with names that have to be ids, one sentence each.
pub(crate) fn id_problems(names: [(&str, &str); 2]) -> Vec<String> {
    let bad = names.into_iter().filter(|(_, id)| !is_id(id));
    bad.map(|(name, id)| {
        format!("the {name} {id:?} is no id: a-z, 0-9 and -, at most 63 characters, not beginning with -")
    })
    .collect()
}

/// What is wrong with a list of families, one sentence each.
pub(crate) fn family_problems(families: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    if families.is_empty() {
        problems.push(format!("no family is given; known are {}", known_families()));
    }
    for (index, family) in families.iter().enumerate() {
        if formats::family(family).is_none() {
            problems.push(format!("the family {family:?} is unknown; known are {}", known_families()));
        } else if families[..index].contains(family) {
            problems.push(format!("the family {family:?} is given twice"));
        }
    }
    problems
}

/// Whether it is the IANA name of a time zone. Only the exact spelling: other readers of the directory look it up in files.
#[must_use]
pub fn is_time_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok_and(|zone| zone.iana_name() == Some(name))
}

fn known_families() -> String {
    FAMILIES.iter().map(|family| family.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn till() -> Enrolment {
        Enrolment {
            tenant: "acme".into(),
            register: "till-7".into(),
            shop: "Магазин № 1".into(),
            time_zone: "Asia/Yekaterinburg".into(),
            families: vec!["ffd-tlv".into(), "dreamkas".into()],
            ..Enrolment::default()
        }
    }

    fn problems(change: impl FnOnce(&mut Enrolment)) -> Vec<String> {
        let mut till = till();
        change(&mut till);
        till.problems()
    }

    #[test]
    fn a_good_one_has_no_problems() {
        assert_eq!(till().problems(), Vec::<String>::new());
        assert_eq!(problems(|t| t.time_zone = "UTC".into()), Vec::<String>::new());
    }

    #[test]
    fn every_field_is_checked() {
        type Edit = fn(&mut Enrolment);
        let cases: [(&str, Edit); 10] = [
            ("the tenant \"Acme\" is no id", |t| t.tenant = "Acme".into()),
            ("the register \"till/7\" is no id", |t| t.register = "till/7".into()),
            ("the shop \" \" is empty", |t| t.shop = " ".into()),
            ("the time zone \"Europe/Moskow\"", |t| t.time_zone = "Europe/Moskow".into()),
            ("the time zone \"europe/moscow\"", |t| t.time_zone = "europe/moscow".into()),
            ("the time zone \"+03:00\"", |t| t.time_zone = "+03:00".into()),
            ("no family is given", |t| t.families.clear()),
            ("the family \"evator\" is unknown; known are atol, ", |t| t.families = vec!["evator".into()]),
            ("the family \"dreamkas\" is given twice", |t| t.families.push("dreamkas".into())),
            ("the device \" \" is empty", |t| t.devices = vec!["999907".into(), " ".into()]),
        ];
        for (problem, change) in cases {
            let found = problems(change);
            assert!(matches!(&found[..], [only] if only.starts_with(problem)), "{problem}: {found:?}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        assert_eq!(problems(|t| (t.tenant, t.register) = (String::new(), "-".into())).len(), 2);
    }
}
