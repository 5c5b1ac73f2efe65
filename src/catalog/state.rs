//! What the store knows of its views while it is open.

use super::source::Sources;
use crate::error::{Error, Result, did_you_mean};
use crate::format::catalog::Fence;
use crate::format::key::{HashKey, Prefix};
use crate::id::{DEFAULT_NAMESPACE, Opened, ViewId};
use crate::schema::{Contract, Retention};
use crate::time::Timestamp;
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// All views of a store, by namespace and name.
pub(crate) struct Catalog {
    pub(crate) hash_key: HashKey,
    pub(crate) opened: Opened,
    /// Held while a floor is moved, from reading it to putting the next in force.
    pub(crate) floors: Mutex<()>,
    /// The logs that rows come from.
    pub(crate) sources: Sources,
    views: RwLock<BTreeMap<ViewName, Arc<ViewState>>>,
    /// Views that have their rows in memory, applied yet or not.
    resident: BTreeSet<ViewName>,
}

/// Namespace and name.
pub(crate) type ViewName = (String, String);

/// One view of a store: its present contract, and what moves with its rows.
pub(crate) struct ViewState {
    pub(crate) id: ViewId,
    pub(crate) hash_key: HashKey,
    pub(crate) opened: Opened,
    /// Its latest rows are all in memory.
    pub(crate) is_resident: bool,
    contract: RwLock<Arc<Contract>>,
    newest_accepted: Mutex<Option<Timestamp>>,
    /// In force: durable before anything uses it.
    floor: Rising,
    /// Whether there is any fence. Every row of every batch asks, and mostly there is none.
    is_fenced: AtomicBool,
    fences: RwLock<HashMap<Prefix, Fence>>,
}

/// A time that only rises, and that is not there at first. Every read asks for it, so it takes no lock.
struct Rising {
    is_set: AtomicBool,
    micros: AtomicI64,
}

impl Rising {
    fn new() -> Self {
        Rising {
            is_set: AtomicBool::new(false),
            micros: AtomicI64::new(i64::MIN),
        }
    }

    fn raise(&self, t: Timestamp) {
        self.micros.fetch_max(t.micros(), Ordering::AcqRel);
        // Whoever sees this sees a time that was raised before.
        self.is_set.store(true, Ordering::Release);
    }

    fn get(&self) -> Option<Timestamp> {
        let is_set = self.is_set.load(Ordering::Acquire);
        is_set.then(|| Timestamp::from_micros(self.micros.load(Ordering::Acquire)))
    }
}

impl ViewState {
    fn new(contract: Contract, catalog: &Catalog, is_resident: bool) -> Self {
        ViewState {
            id: contract.id(),
            hash_key: catalog.hash_key,
            opened: catalog.opened,
            is_resident,
            contract: RwLock::new(Arc::new(contract.of_store(catalog.opened))),
            newest_accepted: Mutex::default(),
            floor: Rising::new(),
            is_fenced: AtomicBool::new(false),
            fences: RwLock::default(),
        }
    }

    pub(crate) fn contract(&self) -> Arc<Contract> {
        self.contract.read().clone()
    }

    pub(crate) fn replace(&self, contract: Contract) {
        *self.contract.write() = Arc::new(contract.of_store(self.opened));
    }

    /// The floor in force.
    #[inline]
    pub(crate) fn floor(&self) -> Option<Timestamp> {
        self.floor.get()
    }

    pub(crate) fn newest_accepted(&self) -> Option<Timestamp> {
        *self.newest_accepted.lock()
    }

    /// Notes an accepted event time. Says whether it is the newest so far.
    pub(crate) fn accepted(&self, et: Timestamp) -> bool {
        let mut newest = self.newest_accepted.lock();
        let newer = *newest < Some(et);
        if newer {
            *newest = Some(et);
        }
        newer
    }

    /// Puts a floor in force. It must be durable already.
    pub(crate) fn raise_floor(&self, floor: Timestamp) {
        self.floor.raise(floor);
    }

    /// Where the floor would stand now, if that is ahead of where it stands.
    pub(crate) fn floor_due(&self, now: Timestamp) -> Option<Timestamp> {
        let Retention::Window(window) = self.contract.read().time().history else {
            return None;
        };
        let due = self.newest_accepted()?.min(now).saturating_sub(window);
        (Some(due) > self.floor()).then_some(due)
    }

    pub(crate) fn fence(&self, prefix: &Prefix) -> Option<Fence> {
        // Whoever raises the fence of an entity holds its stripe, and so does who asks for it.
        if !self.is_fenced.load(Ordering::Acquire) {
            return None;
        }
        self.fences.read().get(prefix).cloned()
    }

    /// Joins a fence with what is known: the larger of each.
    pub(crate) fn raise_fence(&self, prefix: Prefix, fence: Fence) -> Fence {
        let mut fences = self.fences.write();
        self.is_fenced.store(true, Ordering::Release);
        let joined = fences.entry(prefix).or_insert_with(|| fence.clone());
        joined.join(fence.recorded, fence.floor);
        joined.clone()
    }

    pub(crate) fn fence_count(&self) -> u64 {
        self.fences.read().len() as u64
    }

    /// All fences, in the order of entities.
    pub(crate) fn fences(&self) -> Vec<Fence> {
        let mut fences: Vec<Fence> = self.fences.read().values().cloned().collect();
        fences.sort_by(|a, b| a.entity.cmp(&b.entity));
        fences
    }
}

impl Catalog {
    pub(crate) fn new(hash_key: HashKey, resident: BTreeSet<ViewName>) -> Self {
        Catalog {
            hash_key,
            opened: Opened::next(),
            floors: Mutex::new(()),
            sources: Sources::default(),
            views: RwLock::default(),
            resident,
        }
    }

    pub(crate) fn insert(&self, contract: Contract) -> Arc<ViewState> {
        let name = (
            contract.namespace().to_string(),
            contract.name().to_string(),
        );
        let is_resident = self.resident.contains(&name);
        let state = Arc::new(ViewState::new(contract, self, is_resident));
        self.views.write().insert(name, state.clone());
        state
    }

    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<Arc<ViewState>> {
        self.views
            .read()
            .get(&(namespace.to_string(), name.to_string()))
            .cloned()
    }

    /// The view of this name.
    ///
    /// # Errors
    /// `NotFound` offers the nearest name, or the namespace that has one of this name.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Result<Arc<ViewState>> {
        if let Some(state) = self.find(namespace, name) {
            return Ok(state);
        }
        let views = self.views.read();
        let here = views
            .keys()
            .filter(|(space, _)| space == namespace)
            .map(|(_, n)| n.as_str());
        let hint = match views.keys().find(|(_, other)| other == name) {
            Some((space, _)) => format!("; namespace {space:?} has one"),
            None if views.is_empty() => "; the store has no views yet, apply one first".into(),
            None if views.keys().all(|(space, _)| space != namespace) => {
                let spaces = views.keys().map(|(space, _)| space.as_str());
                let near = did_you_mean(namespace, spaces);
                format!("; no view was ever applied in that namespace{near}")
            }
            None => match did_you_mean(name, here.clone()) {
                near if near.is_empty() => format!("; there are {}", named(here)),
                near => near,
            },
        };
        let place = match namespace {
            DEFAULT_NAMESPACE => String::new(),
            space => format!(" in namespace {space:?}"),
        };
        Err(Error::not_found(format!("no view {name:?}{place}{hint}")))
    }

    /// All views, in the order of namespace and name.
    pub(crate) fn all(&self) -> Vec<Arc<ViewState>> {
        self.views.read().values().cloned().collect()
    }

    pub(crate) fn by_id(&self, id: ViewId) -> Option<Arc<ViewState>> {
        self.views
            .read()
            .values()
            .find(|state| state.id == id)
            .cloned()
    }
}

/// `a, b and 3 more`: a store may have thousands of views, and a message is read by people.
fn named<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    const SHOWN_MAX: usize = 8;
    let shown: Vec<&str> = names.clone().take(SHOWN_MAX).collect();
    let more = names.count() - shown.len();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
