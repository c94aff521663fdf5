//! kube-controller-manager: one file a controller, each a function of what it sees.
//!
//! Always holds: a controller reads the store through a [`View`] and answers with [`Write`]s; between two calls it keeps
//! only what it has asked to be remembered. A key waits at most once in the queue, however often it changes meanwhile.
//! Writes happen in order; after the first that fails only a [`Write::StatusAfter`] and [`Write::Anyway`] still happen,
//! and the key is tried again with growing waits.

pub mod api_service;
pub mod certificates;
pub mod cluster_role_aggregation;
pub mod cron_job;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slice;
pub mod endpoints;
pub mod flow_control;
pub mod garbage_collector;
pub mod history;
pub mod hpa;
pub mod job;
#[cfg(test)]
mod lab;
pub mod namespace;
pub mod node_lifecycle;
pub mod nodes;
pub mod pod_gc;
pub mod provisioner;
pub mod pv_binder;
pub mod replicaset;
pub mod resource_quota;
pub mod service_account;
pub mod service_lb;
pub mod service_pods;
pub mod stateful_set;
pub mod support;
pub mod taint_eviction;
pub mod volume_protection;

use super::events::{self, Note};
use super::{Authority, Cluster, Wake, kubelet};
use crate::apiserver::authorization::{self, Attributes};
use crate::apiserver::{ApiError, Change, DeleteOptions, Origin, Part, Store, User};
use crate::object::{Kind, Object, ObjectKey, SECOND, SimTime, meta::MetaExt, time::MILLISECOND};
use imbl::OrdMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a controller sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The objects, with their indexes.
    pub store: &'a Store,
    /// The time.
    pub now: SimTime,
    /// What the cluster was made from.
    pub config: &'a super::Config,
    /// The moment that the controller wrote down about the key that it reconciles ([`Write::Remember`]).
    pub remembered: Option<SimTime>,
    /// What else it wrote down about the key ([`Write::Recall`]).
    pub recalled: Option<&'a Memory>,
    cluster: &'a Cluster,
}

impl View<'_> {
    /// Whether the API server would let a user do something (`SubjectAccessReview`).
    pub fn may(&self, user: &User, asked: &Attributes) -> bool {
        authorization::decide(&self.cluster.api, user, asked).allowed
    }

    /// What the cluster signs with.
    pub fn authority(&self) -> &Authority {
        &self.cluster.authority
    }

    /// Since when a node's kubelet no longer answers: its lease was renewed until then. `None` while it does.
    /// A node without a machine never answered.
    pub fn kubelet_stopped_at(&self, node: &str) -> Option<SimTime> {
        self.cluster.kubelets.get(node).map_or(Some(SimTime::default()), kubelet::Kubelet::down_since)
    }
}

/// The keys that a change is shown to, each with how long after it.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(ObjectKey, u64)>);

impl Keys {
    /// Reconciles the key as soon as the change has come through the watch.
    pub fn push(&mut self, key: ObjectKey) {
        self.0.push((key, WATCH_LATENCY));
    }

    /// Reconciles the key so many nanoseconds after the change.
    pub fn push_after(&mut self, key: ObjectKey, nanos: u64) {
        self.0.push((key, nanos));
    }

    /// Reconciles the controller of the object, before and after the change, if it is of `kind`.
    pub fn push_controllers(&mut self, change: &Change, kind: Kind, nanos: u64) {
        let mut last: Option<&str> = None;
        for object in [&change.old, &change.new].into_iter().flatten() {
            let Some(owner) = object.controller_of() else { continue };
            if owner.kind == kind.info().kind && last != Some(owner.uid.as_str()) {
                last = Some(owner.uid.as_str());
                self.push_after(
                    ObjectKey::new(kind, change.key.name.namespace(), owner.name.as_str()),
                    nanos,
                );
            }
        }
    }
}

/// What a controller keeps in memory about a key, beyond a moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Memory {
    /// How often in a row a Job's pods have failed, and when the last did.
    Failures(i32, SimTime),
    /// What an autoscaler has recommended and done.
    Scaling(Arc<hpa::History>),
    /// For an object with this uid and generation: for each node when a failed pod was last removed from it, and how
    /// long the next has to stay, in nanoseconds.
    BackOff((String, i64), BTreeMap<Arc<str>, (SimTime, u64)>),
    /// When a Service (an empty name) was made, and when its pods last became ready or unready.
    Triggers(Arc<BTreeMap<String, SimTime>>),
}

/// The first error among the writes of a reconcile, as a later status tells it.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// The error.
    pub error: &'a ApiError,
    /// How many of the objects that were to be created are missing.
    pub missing: i32,
    /// When.
    pub now: SimTime,
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
    /// Does these in groups of 1, 2, 4, …: after a group with a failure, no further one.
    SlowStart(Vec<Write>),
    /// Replaces everything but the status.
    Update(Object),
    /// Replaces the status.
    UpdateStatus(Object),
    /// Replaces the status, whether or not the writes before succeeded; a failure is told in it first.
    StatusAfter {
        /// The object with its new status.
        object: Object,
        /// Puts the first error into the status.
        failed: fn(&mut Object, &Failed),
    },
    /// Does this whether or not the writes before succeeded.
    Anyway(Box<Write>),
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
    /// Writes a moment down about this key, for the next reconcile; `None` forgets it. For what a real controller keeps
    /// in memory and no object says.
    Remember(Option<SimTime>),
    /// The same for what is more than a moment.
    Recall(Option<Memory>),
}

/// A controller, as the table has it.
#[derive(Clone, Copy, Debug)]
pub struct Controller {
    /// `deployment-controller`: also the author of its writes, as `system:serviceaccount:kube-system:<name>`.
    pub name: &'static str,
    /// The keys to reconcile after a change. It sees every change: it looks at the kind first.
    pub watch: fn(&Change, &View, &mut Keys),
    /// What to do about a key, whether or not the object is still there.
    pub reconcile: fn(&View, &ObjectKey) -> Vec<Write>,
}

/// Every controller. The order is that of reconciling when several see the same change.
#[rustfmt::skip]
pub const CONTROLLERS: &[Controller] = &[
    deployment::CONTROLLER,
    replicaset::CONTROLLER,
    replicaset::REPLICATION_CONTROLLER,
    daemon_set::CONTROLLER,
    stateful_set::CONTROLLER,
    pv_binder::CONTROLLER,
    volume_protection::CLAIMS,
    volume_protection::VOLUMES,
    node_lifecycle::CONTROLLER,
    node_lifecycle::REGISTRY,
    taint_eviction::CONTROLLER,
    pod_gc::CONTROLLER,
    disruption::CONTROLLER,
    provisioner::CONTROLLER,
    service_lb::CONTROLLER,
    job::CONTROLLER,
    cron_job::CONTROLLER,
    hpa::CONTROLLER,
    resource_quota::CONTROLLER,
    garbage_collector::CONTROLLER,
    service_account::CONTROLLER,
    service_account::ROOT_CA,
    namespace::CONTROLLER,
    endpoints::CONTROLLER,
    endpoint_slice::CONTROLLER,
    endpoint_slice::MIRRORING,
    cluster_role_aggregation::CONTROLLER,
    certificates::APPROVING,
    certificates::SIGNING,
    certificates::CLEANER,
    api_service::CONTROLLER,
    flow_control::CONTROLLER,
];

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
    memory: OrdMap<(ControllerId, ObjectKey), SimTime>,
    records: OrdMap<(ControllerId, ObjectKey), Memory>,
}

/// Tells the controllers that a node's machine was switched off or on.
pub fn poke_node(cluster: &mut Cluster, node: &str) {
    let mut ids = CONTROLLERS.iter().enumerate();
    if let Some((index, _)) = ids.find(|(_, c)| c.name == node_lifecycle::CONTROLLER.name) {
        let now = cluster.api.now;
        enqueue(cluster, ControllerId(index as u16), ObjectKey::new(Kind::Node, "", node), now, None);
    }
}

/// Shows a change to every controller.
pub fn observe(cluster: &mut Cluster, change: &Change) {
    let mut keys = Keys::default();
    let now = cluster.api.now;
    for (index, controller) in CONTROLLERS.iter().enumerate() {
        (controller.watch)(change, &view(cluster), &mut keys);
        for (key, nanos) in keys.0.drain(..) {
            enqueue(cluster, ControllerId(index as u16), key, now + nanos, Some(change.revision));
        }
    }
}

fn view(cluster: &Cluster) -> View<'_> {
    let Cluster { api, config, .. } = cluster;
    View { store: &api.store, now: api.now, config, remembered: None, recalled: None, cluster }
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
    let remembered = cluster.controllers.memory.get(&entry).copied();
    let recalled = cluster.controllers.records.get(&entry);
    let writes = (controller.reconcile)(&View { remembered, recalled, ..view(cluster) }, key);
    if writes.is_empty() {
        cluster.controllers.failures.remove(&entry);
        return;
    }
    let author = format!("system:serviceaccount:kube-system:{}", controller.name);
    let mut batch = Batch { origin: super::origin(&author, revision), error: None, missing: 0, again: None };
    for write in writes {
        match write {
            Write::Remember(Some(at)) => drop(cluster.controllers.memory.insert(entry.clone(), at)),
            Write::Remember(None) => drop(cluster.controllers.memory.remove(&entry)),
            Write::Recall(Some(what)) => drop(cluster.controllers.records.insert(entry.clone(), what)),
            Write::Recall(None) => drop(cluster.controllers.records.remove(&entry)),
            write => batch.apply(cluster, write),
        }
    }
    let now = cluster.api.now;
    if batch.error.is_some() {
        let tries = cluster.controllers.failures.get(&entry).copied().unwrap_or(0);
        cluster.controllers.failures.insert(entry, tries + 1);
        let wait = RETRY_BASE.saturating_mul(1 << tries.min(20)).min(RETRY_MAX);
        batch.again = Some(batch.again.unwrap_or(wait).min(wait));
    } else {
        cluster.controllers.failures.remove(&entry);
    }
    if let Some(after) = batch.again {
        enqueue(cluster, id, key.clone(), now + after, None);
    }
}

/// The writes of one reconcile, as they happen.
struct Batch {
    origin: Origin,
    error: Option<ApiError>,
    missing: i32,
    again: Option<u64>,
}

impl Batch {
    fn apply(&mut self, cluster: &mut Cluster, write: Write) {
        match write {
            Write::Again(after) => self.again = Some(self.again.map_or(after, |a| a.min(after))),
            Write::StatusAfter { mut object, failed } => {
                if let Some(error) = &self.error {
                    failed(&mut object, &Failed { error, missing: self.missing, now: cluster.api.now });
                }
                self.replace(cluster, object, Part::Status);
            }
            Write::Anyway(write) => {
                let error = self.error.take();
                self.apply(cluster, *write);
                self.error = error.or(self.error.take());
            }
            _ if self.error.is_some() => {}
            Write::SlowStart(writes) => self.slow_start(cluster, writes),
            Write::Create { object, done, failed } => self.create(cluster, object, done, failed),
            Write::Update(object) => self.replace(cluster, object, Part::Spec),
            Write::UpdateStatus(object) => self.replace(cluster, object, Part::Status),
            Write::Delete { key, options, done } => match cluster.api.delete(&key, &options, &self.origin) {
                Ok(_) => note(cluster, done, "{name}", key.name.name(), &self.origin),
                Err(error) if error.code == 404 => {}
                Err(error) => self.error = Some(error),
            },
            Write::Event(n) => events::record(cluster, &n, &self.origin),
            Write::Remember(_) | Write::Recall(_) => {}
        }
    }

    fn create(&mut self, cluster: &mut Cluster, object: Object, done: Option<Note>, failed: Option<Note>) {
        match cluster.api.create(object, &self.origin, false) {
            Ok(created) => note(cluster, done, "{name}", created.name_str(), &self.origin),
            // A namespace that goes takes everything with it: nothing to tell, nothing to try again.
            Err(error) if error.message.ends_with("because it is being terminated") => {}
            Err(error) => {
                note(cluster, failed, "{error}", &error.message, &self.origin);
                self.missing += 1;
                self.error = self.error.take().or(Some(error));
            }
        }
    }

    /// The object comes from this very moment's view, so its version need not be compared.
    fn replace(&mut self, cluster: &mut Cluster, mut object: Object, part: Part) {
        object.meta_mut().resource_version = None;
        match cluster.api.update(object, part, &self.origin, false) {
            Err(error) if error.code != 404 => self.error = self.error.take().or(Some(error)),
            _ => {}
        }
    }

    fn slow_start(&mut self, cluster: &mut Cluster, writes: Vec<Write>) {
        let mut rest = writes.into_iter();
        let mut size = 1;
        while self.error.is_none() {
            let group: Vec<Write> = rest.by_ref().take(size).collect();
            if group.is_empty() {
                break;
            }
            let mut first = None;
            for write in group {
                self.apply(cluster, write);
                first = first.or(self.error.take());
            }
            self.error = first;
            size *= 2;
        }
        self.missing += rest.len() as i32;
    }
}

fn note(cluster: &mut Cluster, note: Option<Note>, place: &str, text: &str, origin: &Origin) {
    if let Some(mut note) = note {
        note.message = note.message.replace(place, text);
        events::record(cluster, &note, origin);
    }
}
