//! kube-controller-manager: one file a controller, each a function of what it sees.
//!
//! Always holds: a controller reads the store through a [`View`] and answers with [`Write`]s; it keeps nothing
//! between two calls. A key waits at most once in the queue, however often it changes meanwhile.

use super::events::{self, Note};
use super::{Cluster, Wake};
use crate::apiserver::{ApiError, Change, DeleteOptions, Origin, Part, Store};
use crate::object::{Object, ObjectKey, SECOND, SimTime, meta::MetaExt, time::MILLISECOND};
use imbl::OrdMap;

/// What a controller sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The objects, with their indexes.
    pub store: &'a Store,
    /// The time.
    pub now: SimTime,
    /// What the cluster was made from.
    pub config: &'a super::Config,
}

/// What a controller wants done, in order. `{name}` in a note's message becomes the object's name, `{error}` the
/// error's text.
#[derive(Clone, Debug)]
pub enum Write {
    /// Creates the object and records a note about the outcome.
    Create {
        /// What to create.
        object: Object,
        /// Recorded when it was.
        done: Option<Note>,
        /// Recorded when it could not be.
        failed: Option<Note>,
    },
    /// Replaces everything but the status.
    Update(Object),
    /// Replaces the status.
    UpdateStatus(Object),
    /// Asks for deletion and records a note when it was accepted.
    Delete {
        /// What to delete.
        key: ObjectKey,
        /// How.
        options: DeleteOptions,
        /// Recorded when it was.
        done: Option<Note>,
    },
    /// Records an event.
    Event(Note),
    /// Reconciles this key again after so many nanoseconds.
    Again(u64),
}

/// A controller, as the table has it.
#[derive(Clone, Copy, Debug)]
pub struct Controller {
    /// `deployment-controller`: also the author of its writes, as `system:serviceaccount:kube-system:<name>`.
    pub name: &'static str,
    /// The keys to reconcile after a change.
    pub watch: fn(&Change, &View, &mut Vec<ObjectKey>),
    /// What to do about a key, whether or not the object is still there.
    pub reconcile: fn(&View, &ObjectKey) -> Vec<Write>,
}

/// Every controller. The order is that of reconciling when several see the same change.
pub const CONTROLLERS: &[Controller] = &[];

/// A controller's place in [`CONTROLLERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ControllerId(pub u16);

/// From a change to the controller's answer, in nanoseconds: the watch's way and the work queue. A model; on a
/// quiet cluster a controller answers within a few milliseconds.
pub const WATCH_LATENCY: u64 = 5 * MILLISECOND;
/// The first wait before a failed key is tried again, doubled each time up to [`RETRY_MAX`] (client-go's
/// `DefaultControllerRateLimiter`).
pub const RETRY_BASE: u64 = 5 * MILLISECOND;
/// The longest wait between tries.
pub const RETRY_MAX: u64 = 1000 * SECOND;

/// What waits, and what failed how often.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    due: OrdMap<(ControllerId, ObjectKey), (SimTime, Option<u64>)>,
    failures: OrdMap<(ControllerId, ObjectKey), u32>,
}

/// Shows a change to every controller.
pub fn observe(cluster: &mut Cluster, change: &Change) {
    let mut keys = Vec::new();
    for (index, controller) in CONTROLLERS.iter().enumerate() {
        let view = View { store: &cluster.api.store, now: cluster.api.now, config: &cluster.config };
        (controller.watch)(change, &view, &mut keys);
        let at = cluster.api.now + WATCH_LATENCY;
        for key in keys.drain(..) {
            enqueue(cluster, ControllerId(index as u16), key, at, Some(change.revision));
        }
    }
}

fn enqueue(cluster: &mut Cluster, id: ControllerId, key: ObjectKey, at: SimTime, revision: Option<u64>) {
    let entry = (id, key);
    if cluster.controllers.due.get(&entry).is_some_and(|(due, _)| *due <= at) {
        return;
    }
    cluster.queue.push(at, Wake::Controller(id, entry.1.clone()));
    cluster.controllers.due.insert(entry, (at, revision));
}

/// Lets a controller reconcile a key that is due.
pub fn run(cluster: &mut Cluster, id: ControllerId, key: &ObjectKey) {
    let entry = (id, key.clone());
    let Some((due, revision)) = cluster.controllers.due.get(&entry).copied() else { return };
    if due > cluster.api.now {
        return; // a later wake stands for it
    }
    cluster.controllers.due.remove(&entry);
    let controller = CONTROLLERS[id.0 as usize];
    let view = View { store: &cluster.api.store, now: cluster.api.now, config: &cluster.config };
    let writes = (controller.reconcile)(&view, key);
    let author = format!("system:serviceaccount:kube-system:{}", controller.name);
    let origin = super::origin(&author, revision);
    let mut failed = false;
    for write in writes {
        if let Write::Again(after) = write {
            let at = cluster.api.now + after;
            enqueue(cluster, id, key.clone(), at, None);
        } else if apply(cluster, write, &origin).is_err() {
            failed = true;
        }
    }
    if failed {
        let tries = cluster.controllers.failures.get(&entry).copied().unwrap_or(0);
        cluster.controllers.failures.insert(entry, tries + 1);
        let wait = RETRY_BASE.saturating_mul(1 << tries.min(20)).min(RETRY_MAX);
        let at = cluster.api.now + wait;
        enqueue(cluster, id, key.clone(), at, None);
    } else {
        cluster.controllers.failures.remove(&entry);
    }
}

fn apply(cluster: &mut Cluster, write: Write, origin: &Origin) -> Result<(), ApiError> {
    match write {
        Write::Create { object, done, failed } => match cluster.api.create(object, origin, false) {
            Ok(created) => note(cluster, done, "{name}", created.name_str(), origin),
            Err(error) => {
                note(cluster, failed, "{error}", &error.message, origin);
                return Err(error);
            }
        },
        Write::Update(object) => {
            cluster.api.update(object, Part::Spec, origin, false)?;
        }
        Write::UpdateStatus(object) => {
            cluster.api.update(object, Part::Status, origin, false)?;
        }
        Write::Delete { key, options, done } => match cluster.api.delete(&key, &options, origin) {
            Ok(_) => note(cluster, done, "{name}", &key.name.name, origin),
            Err(error) if error.code == 404 => {}
            Err(error) => return Err(error),
        },
        Write::Event(n) => events::record(cluster, &n, origin),
        Write::Again(_) => {}
    }
    Ok(())
}

fn note(cluster: &mut Cluster, note: Option<Note>, place: &str, text: &str, origin: &Origin) {
    if let Some(mut note) = note {
        note.message = note.message.replace(place, text);
        events::record(cluster, &note, origin);
    }
}
