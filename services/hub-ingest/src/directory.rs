//! The directory of registers and sources, read whole from its topic and followed for ever.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    thread,
    time::Duration,
};

use canonical::key;
use kafka::{Client, Reader, Start};
use rdkafka::Message as _;
use schemas::{
    directory::{DirectoryEntry, RegisterStatus, TOPIC},
    registry::{ResolveError, Resolver},
    wire,
};
use service::Component;
use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::sync::CancellationToken;

/// What is known of the registers and sources. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    index: Arc<RwLock<Index>>,
}

#[derive(Debug, Default)]
struct Index {
    /// By the keys of their records.
    entries: HashMap<Box<str>, Known>,
    /// Keys of the registers in service, by [`key::device`].
    devices: HashMap<Box<str>, Box<str>>,
    /// Keys of the entries that cannot be read.
    unreadable: BTreeSet<Box<str>>,
}

/// The tenant has entries that this hub cannot read: the register may be among them.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

/// What the directory says of one register or source.
#[derive(Debug, Clone)]
pub enum Known {
    /// Its entry.
    Entry(Arc<Entry>),
    /// An entry that this hub cannot read. It may say anything, `revoked` too, so nothing is taken
    /// from its owner until a hub that can read it answers.
    Unreadable,
}

/// The entry of a register or a source, as the hub uses it.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its shop.
    pub shop: Box<str>,
    /// IANA name of its time zone.
    pub time_zone: Box<str>,
    /// Formats that it sends; the first is its primary source.
    pub families: Vec<Box<str>>,
    /// Tokens of lower key versions are refused.
    pub lowest_key_version: i32,
    /// Whether it may send.
    pub active: bool,
    /// Offset of the record in the directory's topic.
    pub offset: i64,
    /// Ids by which documents name the register.
    pub devices: Vec<Box<str>>,
    /// Hashes of the tokens that a source may show.
    pub secret_hashes: Vec<Box<str>>,
    /// Whether the register's receipts keep personal data.
    pub keeps_personal_data: bool,
}

impl Directory {
    /// The entry whose record has that key: [`key::register`] or [`key::source`].
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Known> {
        self.index().entries.get(key).cloned()
    }

    /// The key of the tenant's register in service that has one of these devices; the first that fits counts.
    ///
    /// # Errors
    /// When nobody can tell.
    pub fn register_with(&self, tenant: &str, devices: &[String]) -> Result<Option<String>, Unreadable> {
        let index = self.index();
        let found = devices.iter().find_map(|device| index.devices.get(&*key::device(tenant, device)));
        let of_tenant = format!("{tenant}/");
        let first = index.unreadable.range::<str, _>((Bound::Included(&*of_tenant), Bound::Unbounded)).next();
        if found.is_none() && first.is_some_and(|key| key.starts_with(&of_tenant)) {
            return Err(Unreadable);
        }
        Ok(found.map(|key| (**key).to_owned()))
    }

    /// Number of registers and sources.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index().entries.len()
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, key: &str, known: Option<Known>) {
        self.index.write().unwrap_or_else(PoisonError::into_inner).set(key, known);
    }
}

impl Index {
    fn set(&mut self, key: &str, known: Option<Known>) {
        // The tenant is the first part of every key.
        let tenant = key.split('/').next().unwrap_or_default();
        if let Some(Known::Entry(before)) = self.entries.get(key) {
            for device in before.devices.iter().map(|device| key::device(tenant, device)) {
                // Another register may have it by now.
                if self.devices.get(&*device).is_some_and(|owner| **owner == *key) {
                    self.devices.remove(&*device);
                }
            }
        }
        if let Some(Known::Entry(entry)) = &known
            && entry.active
        {
            let devices = entry.devices.iter().map(|device| (key::device(tenant, device).into(), key.into()));
            self.devices.extend(devices);
        }
        match known {
            Some(Known::Unreadable) => drop(self.unreadable.insert(key.into())),
            _ => drop(self.unreadable.remove(key)),
        }
        match known {
            Some(known) => drop(self.entries.insert(key.into(), known)),
            None => drop(self.entries.remove(key)),
        }
    }
}

impl<'k> FromIterator<(&'k str, Known)> for Directory {
    fn from_iter<I: IntoIterator<Item = (&'k str, Known)>>(entries: I) -> Self {
        let directory = Self::default();
        entries.into_iter().for_each(|(key, known)| directory.set(key, Some(known)));
        directory
    }
}

impl From<(DirectoryEntry<'_>, i64)> for Entry {
    fn from((entry, offset): (DirectoryEntry<'_>, i64)) -> Self {
        Self {
            shop: entry.shop.into(),
            time_zone: entry.time_zone.into(),
            families: entry.families.into_iter().map(Into::into).collect(),
            lowest_key_version: entry.lowest_key_version,
            active: entry.status == RegisterStatus::Active,
            offset,
            devices: entry.devices.into_iter().map(Into::into).collect(),
            secret_hashes: entry.secret_hashes.into_iter().map(Into::into).collect(),
            keeps_personal_data: entry.keeps_personal_data,
        }
    }
}

/// How long the thread waits for a record before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(200);
/// Pause after the brokers or the registry could not be asked.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Reads the directory on a thread of its own.
#[derive(Debug)]
pub struct Follower {
    /// The cluster.
    pub client: Client,
    /// Where entries go.
    pub directory: Directory,
    /// Makes entries of older and newer schema versions readable.
    pub resolver: Resolver,
    /// Says whether the directory was read.
    pub health: Component,
    /// Ends the thread.
    pub shutdown: CancellationToken,
}

impl Follower {
    /// Starts reading. The receiver is told when everything that is in the topic now was read.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(self) -> std::io::Result<oneshot::Receiver<()>> {
        let (read, told) = oneshot::channel();
        let runtime = Handle::current();
        thread::Builder::new().name("directory".to_owned()).spawn(move || self.run(&runtime, read))?;
        Ok(told)
    }

    fn run(mut self, runtime: &Handle, read: oneshot::Sender<()>) {
        let Some(mut reader) = self.open() else { return };
        self.health.not_ready("being read");
        let mut read = Some(read);
        while !self.shutdown.is_cancelled() {
            match reader.next(LOOK) {
                Ok(Some(message)) => {
                    let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
                    if let Some(key) = key {
                        self.take(runtime, key, message.payload(), message.offset());
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "the directory cannot be read; what was read is still used");
                    thread::sleep(LOOK);
                }
            }
            if reader.caught_up()
                && let Some(read) = read.take()
            {
                self.health.ready();
                tracing::info!(registers = self.directory.len(), "the directory was read");
                // Nobody waits any more when the service is ending.
                let _: Result<(), ()> = read.send(());
            }
        }
    }

    fn open(&self) -> Option<Reader> {
        let topic = self.client.prefixed(TOPIC);
        while !self.shutdown.is_cancelled() {
            match Reader::open(&self.client, &topic, None, Start::Beginning) {
                Ok(reader) => return Some(reader),
                Err(error) => {
                    self.health.not_ready(error.to_string());
                    tracing::warn!(%error, "waiting for the directory");
                    thread::sleep(TRY_AGAIN);
                }
            }
        }
        None
    }

    fn take(&mut self, runtime: &Handle, key: &str, payload: Option<&[u8]>, offset: i64) {
        let Some(payload) = payload else { return self.directory.set(key, None) };
        match self.decode(runtime, payload) {
            Ok(entry) => self.directory.set(key, Some(Known::Entry(Arc::new(Entry::from((entry, offset)))))),
            Err(Undecodable::Never(problem)) => self.directory.set(key, Some(unreadable(key, offset, &problem))),
            Err(Undecodable::Ending) => {}
        }
    }

    /// The entry of a record, waiting while the registry is away.
    fn decode<'m>(&mut self, runtime: &Handle, payload: &'m [u8]) -> Result<DirectoryEntry<'m>, Undecodable> {
        let (id, body) = wire::split(payload).ok_or_else(|| Undecodable::Never("not in the wire format".to_owned()))?;
        while !self.shutdown.is_cancelled() {
            match self.resolver.read_blocking(runtime, id, body) {
                Ok(entry) => return Ok(entry),
                Err(error @ ResolveError::Later { .. }) => {
                    tracing::warn!(%error, "waiting for a schema of the directory");
                    thread::sleep(TRY_AGAIN);
                }
                Err(error) => return Err(Undecodable::Never(error.to_string())),
            }
        }
        Err(Undecodable::Ending)
    }
}

enum Undecodable {
    Never(String),
    Ending,
}

fn unreadable(key: &str, offset: i64, problem: &str) -> Known {
    tracing::error!(key, offset, problem, "an entry of the directory cannot be read; its register is refused");
    Known::Unreadable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entry_counts_and_a_removed_one_is_unknown() {
        let directory = Directory::default();
        let entry = DirectoryEntry { shop: "shop-1".into(), status: RegisterStatus::Active, ..Default::default() };
        directory.set("tenant/till", Some(Known::Unreadable));
        directory.set("tenant/till", Some(Known::Entry(Arc::new(Entry::from((entry, 7))))));
        let Some(Known::Entry(found)) = directory.get("tenant/till") else { panic!("no entry") };
        assert_eq!((&*found.shop, found.offset, found.active), ("shop-1", 7, true));
        directory.set("tenant/till", None);
        assert!(directory.get("tenant/till").is_none() && directory.len() == 0);
    }

    #[test]
    fn a_device_names_the_register_in_service_that_had_it_last() {
        let directory = Directory::default();
        let entry = |status, devices: &[&'static str]| {
            let devices = devices.iter().map(|device| (*device).into()).collect();
            Some(Known::Entry(Arc::new(Entry::from((DirectoryEntry { status, devices, ..Default::default() }, 0)))))
        };
        let found = |devices: &[&str]| {
            let devices: Vec<String> = devices.iter().map(|device| (*device).to_owned()).collect();
            directory.register_with("acme", &devices)
        };
        directory.set("acme/till-1", entry(RegisterStatus::Active, &["d-1", "9999"]));
        directory.set("other/till-9", entry(RegisterStatus::Active, &["d-9"]));
        let till = |number: u8| Ok(Some(format!("acme/till-{number}")));
        assert_eq!(found(&["unknown", " D-1 "]), till(1));
        assert_eq!(found(&["d-9"]), Ok(None), "another tenant's");
        directory.set("acme/till-2", entry(RegisterStatus::Active, &["d-1"]));
        directory.set("acme/till-1", entry(RegisterStatus::Active, &["9999"]));
        assert_eq!(found(&["d-1"]), till(2));
        directory.set("acme/till-2", entry(RegisterStatus::Revoked, &["d-1"]));
        directory.set("acme/till-1", None);
        assert_eq!((found(&["d-1"]), found(&["9999"])), (Ok(None), Ok(None)));
        directory.set("other/till-1", Some(Known::Unreadable));
        assert_eq!(found(&["d-1"]), Ok(None));
        directory.set("acme/till-1", Some(Known::Unreadable));
        assert_eq!(found(&["d-1"]), Err(Unreadable));
        directory.set("acme/till-1", None);
        assert_eq!(found(&["d-1"]), Ok(None));
    }

    #[test]
    fn a_status_that_is_not_active_lets_nobody_in() {
        for status in [RegisterStatus::Unknown, RegisterStatus::Revoked] {
            let entry = DirectoryEntry { status, ..Default::default() };
            assert!(!Entry::from((entry, 0)).active);
        }
    }
}
