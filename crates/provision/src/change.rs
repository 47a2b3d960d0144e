//! The rules of the directory: what a change makes of what is there. Pure.

use std::collections::BTreeMap;

use schemas::{
    Timestamp,
    directory::{DirectoryEntry, EntryKind, RegisterStatus},
};

use crate::{Enrolment, SourceId, source};

/// What the directory says of one register, or of one source.
pub type Entry = DirectoryEntry<'static>;

/// All entries, by the key of their records.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// The key of an entry's record.
pub(crate) fn key_of(entry: &Entry) -> String {
    match entry.kind {
        EntryKind::Source => canonical::key::source(&entry.tenant, &entry.register),
        EntryKind::Register | EntryKind::Unknown => canonical::key::register(&entry.tenant, &entry.register),
    }
}

/// One change of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Makes a register known, or changes what is known of it. Never ends a revocation.
    Enrol {
        /// What is to be known.
        enrolment: Enrolment,
        /// Key version of the token that it gets.
        key_version: i32,
        /// Tokens of lower key versions are refused from now on. `None`: as it was; for a new register `key_version`.
        lowest_key_version: Option<i32>,
    },
    /// Refuses everything that the register sends from now on.
    Revoke {
        /// Whose it is.
        tenant: String,
        /// Its name.
        register: String,
    },
    /// Ends a revocation. The register's tokens are valid again, except those of lower key versions.
    Reinstate {
        /// Whose it is.
        tenant: String,
        /// Its name.
        register: String,
        /// Tokens of lower key versions stay refused. `None`: as it was.
        lowest_key_version: Option<i32>,
    },
    /// Makes a source known, or one known again that was revoked.
    AddSource {
        /// The source.
        source: SourceId,
        /// Formats that it sends; it need not name its format if it has only one.
        families: Vec<String>,
        /// Of the only token that it may show.
        secret_hash: String,
    },
    /// Gives a source a new token. The one before it stays valid until the next time, so that nothing is refused
    /// while it is being replaced.
    RotateSource {
        /// The source.
        source: SourceId,
        /// Of the new token.
        secret_hash: String,
    },
    /// Refuses everything that the source sends from now on.
    RevokeSource {
        /// The source.
        source: SourceId,
    },
}

/// What changes lead to.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// The entry that each change leads to, in order.
    pub results: Vec<Entry>,
    /// The entries that have to be written.
    pub to_write: Vec<Entry>,
}

/// Applies the changes in order to what is known, or says why they cannot be.
pub(crate) fn plan(known: &Entries, changes: &[Change], now: Timestamp) -> Result<Plan, Vec<String>> {
    let mut changed = Entries::new();
    let mut results = Vec::with_capacity(changes.len());
    let mut problems = Vec::new();
    for change in changes {
        let key = change.key();
        let before = changed.get(&key).or_else(|| known.get(&key));
        match change.apply(before) {
            Ok(entry) if before.is_some_and(|before| same(before, &entry)) => results.push(entry),
            Ok(entry) => {
                let entry = Entry { updated_at: now, ..entry };
                changed.insert(key, entry.clone());
                results.push(entry);
            }
            Err(reasons) => problems.extend(reasons.iter().map(|reason| format!("{key}: {reason}"))),
        }
    }
    problems.extend(shared_devices(known, &changed));
    if problems.is_empty() { Ok(Plan { results, to_write: changed.into_values().collect() }) } else { Err(problems) }
}

fn same(one: &Entry, other: &Entry) -> bool {
    Entry { updated_at: one.updated_at, ..other.clone() } == *one
}

impl Change {
    fn key(&self) -> String {
        match self {
            Self::Enrol { enrolment: Enrolment { tenant, register, .. }, .. }
            | Self::Revoke { tenant, register }
            | Self::Reinstate { tenant, register, .. } => canonical::key::register(tenant, register),
            Self::AddSource { source, .. } | Self::RotateSource { source, .. } | Self::RevokeSource { source } => {
                canonical::key::source(&source.tenant, &source.source)
            }
        }
    }

    fn apply(&self, before: Option<&Entry>) -> Result<Entry, Vec<String>> {
        match self {
            Self::Enrol { enrolment, key_version, lowest_key_version } => {
                enrol(before, enrolment, *key_version, *lowest_key_version)
            }
            Self::Revoke { .. } => Ok(Entry { status: RegisterStatus::Revoked, ..found(before)? }),
            Self::Reinstate { lowest_key_version, .. } => {
                let entry = found(before)?;
                let lowest_key_version = raised(&entry, *lowest_key_version)?;
                Ok(Entry { status: RegisterStatus::Active, lowest_key_version, ..entry })
            }
            Self::AddSource { source, families, secret_hash } => source::added(before, source, families, secret_hash),
            Self::RotateSource { secret_hash, .. } => source::rotated(before, secret_hash),
            Self::RevokeSource { .. } => source::revoked(before),
        }
    }
}

fn enrol(
    before: Option<&Entry>,
    said: &Enrolment,
    key_version: i32,
    lowest: Option<i32>,
) -> Result<Entry, Vec<String>> {
    let mut problems = said.problems();
    if before.is_some_and(|before| before.status == RegisterStatus::Revoked) {
        problems.push("it is revoked; `kassactl registers reinstate` ends that".to_owned());
    }
    let lowest = match before {
        Some(before) => raised(before, lowest),
        None => Ok(lowest.unwrap_or(key_version)),
    };
    match lowest {
        Ok(lowest_key_version) if lowest_key_version > key_version => problems.push(format!(
            "its token would have key version {key_version}, but the lowest valid one is {lowest_key_version}; \
             use the newest token keys"
        )),
        Ok(lowest_key_version) if problems.is_empty() => {
            return Ok(Entry {
                tenant: said.tenant.clone().into(),
                register: said.register.clone().into(),
                shop: said.shop.clone().into(),
                time_zone: said.time_zone.clone().into(),
                families: said.families.iter().map(|family| family.clone().into()).collect(),
                lowest_key_version,
                status: RegisterStatus::Active,
                updated_at: Timestamp::default(),
                kind: EntryKind::Register,
                devices: said.devices.iter().map(|device| canonical::key::device_name(device).into()).collect(),
                secret_hashes: Vec::new(),
                keeps_personal_data: said.keeps_personal_data,
            });
        }
        Ok(_) => {}
        Err(reasons) => problems.extend(reasons),
    }
    Err(problems)
}

/// A device that names two registers would name neither. Registers that are out of service have none.
fn shared_devices(known: &Entries, changed: &Entries) -> Vec<String> {
    let now = known.iter().filter(|(key, _)| !changed.contains_key(*key)).chain(changed);
    let in_service = now.filter(|(_, entry)| entry.status == RegisterStatus::Active);
    let mut owners = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, entry) in in_service {
        for device in &entry.devices {
            let other = owners.insert(canonical::key::device(&entry.tenant, device), key);
            if let Some(other) = other.filter(|other| *other != key) {
                problems.push(format!("the device {device:?} names both {other} and {key}"));
            }
        }
    }
    problems
}

fn found(before: Option<&Entry>) -> Result<Entry, Vec<String>> {
    before.cloned().ok_or_else(|| vec!["it is not enrolled".to_owned()])
}

/// The lowest key version never falls: a token that was made invalid stays so.
fn raised(before: &Entry, lowest: Option<i32>) -> Result<i32, Vec<String>> {
    let had = before.lowest_key_version;
    match lowest {
        Some(lowest) if lowest < had => {
            Err(vec![format!("its lowest key version is {had} and never falls to {lowest}")])
        }
        Some(lowest) => Ok(lowest),
        None => Ok(had),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: Timestamp = Timestamp(1);
    const NOW: Timestamp = Timestamp(2);

    fn till() -> Enrolment {
        Enrolment {
            tenant: "acme".into(),
            register: "till-7".into(),
            shop: "shop-1".into(),
            time_zone: "Europe/Moscow".into(),
            families: vec!["dreamkas".into()],
            ..Enrolment::default()
        }
    }

    fn enrol(key_version: i32, lowest_key_version: Option<i32>) -> Change {
        Change::Enrol { enrolment: till(), key_version, lowest_key_version }
    }

    fn revoke() -> Change {
        Change::Revoke { tenant: "acme".into(), register: "till-7".into() }
    }

    fn reinstate(lowest_key_version: Option<i32>) -> Change {
        Change::Reinstate { tenant: "acme".into(), register: "till-7".into(), lowest_key_version }
    }

    /// The directory after these changes.
    fn after(changes: &[Change]) -> Entries {
        let plan = plan(&Entries::new(), changes, EARLIER).unwrap();
        plan.to_write.into_iter().map(|entry| (key_of(&entry), entry)).collect()
    }

    fn problem(known: &Entries, change: Change) -> String {
        plan(known, &[change], NOW).unwrap_err().join("; ")
    }

    #[test]
    fn a_new_register_is_active_and_takes_tokens_of_the_newest_key() {
        let plan = plan(&Entries::new(), &[enrol(3, None)], NOW).unwrap();
        let [entry] = &plan.to_write[..] else { panic!("{plan:?}") };
        assert_eq!((entry.status, entry.lowest_key_version, entry.updated_at), (RegisterStatus::Active, 3, NOW));
        assert_eq!(plan.results, plan.to_write);
    }

    #[test]
    fn what_changes_nothing_is_not_written() {
        let plan = plan(&after(&[enrol(1, None)]), &[enrol(2, None)], NOW).unwrap();
        assert_eq!(plan.to_write, []);
        assert_eq!(plan.results[0].lowest_key_version, 1, "an older token stays valid unless somebody asks");
    }

    #[test]
    fn the_lowest_key_version_rises_on_request_and_never_falls() {
        let known = after(&[enrol(3, Some(2))]);
        let entry = &plan(&known, &[enrol(3, Some(3))], NOW).unwrap().to_write[0];
        assert_eq!(entry.lowest_key_version, 3);
        let refused = problem(&known, enrol(3, Some(1)));
        assert_eq!(refused, "acme/till-7: its lowest key version is 2 and never falls to 1");
        assert!(problem(&known, reinstate(Some(1))).contains("never falls"));
    }

    #[test]
    fn a_token_that_would_be_refused_is_not_handed_out() {
        let known = after(&[enrol(3, None)]);
        assert!(problem(&known, enrol(2, None)).contains("the lowest valid one is 3"));
        assert!(problem(&Entries::new(), enrol(2, Some(3))).contains("the lowest valid one is 3"));
    }

    #[test]
    fn only_reinstating_ends_a_revocation() {
        let known = after(&[enrol(1, None), revoke()]);
        assert!(problem(&known, enrol(1, None)).contains("it is revoked"));
        let entry = &plan(&known, &[reinstate(Some(2))], NOW).unwrap().to_write[0];
        assert_eq!((entry.status, entry.lowest_key_version), (RegisterStatus::Active, 2));
    }

    #[test]
    fn an_unknown_register_cannot_be_revoked_or_reinstated() {
        assert_eq!(problem(&Entries::new(), revoke()), "acme/till-7: it is not enrolled");
        assert_eq!(problem(&Entries::new(), reinstate(None)), "acme/till-7: it is not enrolled");
    }

    #[test]
    fn one_bad_change_stops_all_and_every_reason_is_told() {
        let bad = Change::Enrol {
            enrolment: Enrolment { time_zone: "Mars".into(), shop: String::new(), ..till() },
            key_version: 1,
            lowest_key_version: None,
        };
        let problems = plan(&Entries::new(), &[enrol(1, None), bad, revoke()], NOW).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn a_device_names_one_register_in_service() {
        let with_device = |register: &str, tenant: &str| Change::Enrol {
            enrolment: Enrolment {
                tenant: tenant.into(),
                register: register.into(),
                devices: vec![" 9999-AB ".into()],
                ..till()
            },
            key_version: 1,
            lowest_key_version: None,
        };
        let known = after(&[with_device("till-7", "acme"), with_device("till-7", "other")]);
        assert_eq!(known["acme/till-7"].devices, ["9999-ab"]);
        let refused = problem(&known, with_device("till-8", "acme"));
        assert_eq!(refused, "the device \"9999-ab\" names both acme/till-7 and acme/till-8");
        let moved = [revoke(), with_device("till-8", "acme")];
        assert_eq!(plan(&known, &moved, NOW).unwrap().to_write.len(), 2);
        let known = after(&[with_device("till-7", "acme"), revoke(), with_device("till-8", "acme")]);
        assert!(problem(&known, reinstate(None)).contains("names both"));
    }

    #[test]
    fn a_register_named_twice_is_written_once_as_it_was_said_last() {
        let moved = Enrolment { shop: "shop-2".into(), ..till() };
        let second = Change::Enrol { enrolment: moved, key_version: 1, lowest_key_version: None };
        let plan = plan(&Entries::new(), &[enrol(1, None), second], NOW).unwrap();
        assert_eq!(plan.to_write.len(), 1);
        assert_eq!(plan.to_write[0].shop, "shop-2");
    }
}
