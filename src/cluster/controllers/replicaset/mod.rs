//! The `ReplicaSet` controller, which serves `ReplicationController`s too: keeps as many pods as asked for.
//!
//! Always holds: at most [`BURST`] creations or deletions a reconcile; status is written only when it differs.
//! From `pkg/controller/replicaset`. Expectations are not needed: the view always shows the controller's own writes.

mod ranking;
mod status;

use super::support::{self, Owner, PodMaker};
use super::{Controller, Keys, View, WATCH_LATENCY, Write};
use crate::apiserver::{Change, DeleteOptions};
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, ObjectMeta, Pod, Resource, meta::MetaExt, selector::Selector};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{PodTemplateSpec, ReplicationController};
use std::sync::Arc;

/// `replicaset-controller` in the table.
pub const CONTROLLER: Controller = Controller {
    name: "replicaset-controller",
    watch: |change, view, keys| watch(Kind::ReplicaSet, change, view, keys),
    reconcile: |view, key| {
        let Some(Object::ReplicaSet(rs)) = view.store.get(key) else { return Vec::new() };
        reconcile(view, &Set::of_replica_set(rs))
    },
};

/// `replication-controller` in the table.
pub const REPLICATION_CONTROLLER: Controller = Controller {
    name: "replication-controller",
    watch: |change, view, keys| watch(Kind::ReplicationController, change, view, keys),
    reconcile: |view, key| {
        let Some(Object::ReplicationController(rc)) = view.store.get(key) else { return Vec::new() };
        Set::of_replication_controller(rc).map(|set| reconcile(view, &set)).unwrap_or_default()
    },
};

/// How many pods one reconcile creates or deletes at most (`BurstReplicas`).
pub const BURST: usize = 500;
/// A reconcile looks at every pod of the set, so a large set is looked at less often while its pods change: so many
/// nanoseconds a replica. (A model: the real controller's reconciles take their time too.)
const PACE: u64 = 100_000;

/// A `ReplicaSet` or `ReplicationController`.
struct Set<'a> {
    object: Object,
    component: &'static str,
    meta: &'a ObjectMeta,
    replicas: i32,
    min_ready_seconds: i32,
    selector: Selector,
    template: &'a PodTemplateSpec,
}

impl<'a> Set<'a> {
    fn of_replica_set(rs: &'a Arc<ReplicaSet>) -> Self {
        static EMPTY: std::sync::LazyLock<PodTemplateSpec> =
            std::sync::LazyLock::new(PodTemplateSpec::default);
        Self {
            object: Object::ReplicaSet(rs.clone()),
            component: CONTROLLER.name,
            meta: &rs.metadata,
            replicas: rs.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1),
            min_ready_seconds: rs.spec.as_ref().and_then(|s| s.min_ready_seconds).unwrap_or(0),
            selector: Selector::from_api(rs.spec.as_ref().map(|s| &s.selector)),
            template: rs.spec.as_ref().and_then(|s| s.template.as_ref()).unwrap_or_else(|| &EMPTY),
        }
    }

    fn of_replication_controller(rc: &'a Arc<ReplicationController>) -> Option<Self> {
        let spec = rc.spec.as_ref()?;
        Some(Self {
            object: Object::ReplicationController(rc.clone()),
            component: REPLICATION_CONTROLLER.name,
            meta: &rc.metadata,
            replicas: spec.replicas.unwrap_or(1),
            min_ready_seconds: spec.min_ready_seconds.unwrap_or(0),
            selector: Selector::from_map(spec.selector.as_ref()?),
            template: spec.template.as_ref()?,
        })
    }
}

fn watch(kind: Kind, change: &Change, view: &View, keys: &mut Keys) {
    if change.key.kind == kind {
        if super::support::spec_changed(change) {
            keys.push(change.key.clone());
        }
        return;
    }
    if change.key.kind != Kind::Pod {
        return;
    }
    let orphan = |o: &Option<Object>| o.as_ref().is_some_and(|o| o.controller_of().is_none());
    for object in [&change.old, &change.new].into_iter().flatten() {
        let Some(owner) = object.controller_of().filter(|o| o.kind == kind.info().kind) else { continue };
        let key = ObjectKey::new(kind, change.key.name.namespace(), owner.name.as_str());
        let size = view.store.get(&key).map_or(0, pods_seen);
        keys.push_after(key, WATCH_LATENCY + size * PACE);
    }
    if orphan(&change.new) {
        push_adopters(kind, change, view, keys);
    }
}

/// How many pods the set has, as its status says.
fn pods_seen(object: &Object) -> u64 {
    let replicas = match object {
        Object::ReplicaSet(rs) => rs.status.as_ref().map_or(0, |s| s.replicas),
        Object::ReplicationController(rc) => rc.status.as_ref().map_or(0, |s| s.replicas),
        _ => 0,
    };
    u64::try_from(replicas).unwrap_or(0)
}

/// The sets that may want a pod that has no controller.
fn push_adopters(kind: Kind, change: &Change, view: &View, keys: &mut Keys) {
    let Some(pod) = &change.new else { return };
    for object in view.store.list_in(kind, change.key.name.namespace()) {
        let selector = match object {
            Object::ReplicaSet(rs) => Some(Set::of_replica_set(rs).selector),
            Object::ReplicationController(rc) => Set::of_replication_controller(rc).map(|s| s.selector),
            _ => None,
        };
        if selector.is_some_and(|s| s.matches(pod.labels_map())) {
            keys.push(object.key());
        }
    }
}

fn reconcile(view: &View, set: &Set) -> Vec<Write> {
    let mut writes = Vec::new();
    let owner = Owner { kind: set.object.kind(), meta: set.meta, selector: &set.selector };
    let claimed = support::claim::<Pod>(view, &owner, |p| !support::is_finished(p), &mut writes);
    let (terminating, active): (Vec<_>, Vec<_>) = claimed.into_iter().partition(|p| p.is_terminating());
    if set.meta.deletion_timestamp.is_none() {
        manage(view, set, &active, &mut writes);
    }
    let counts = status::count(view, set, &active, terminating.len());
    if let Some(at) = counts.next_available {
        writes.push(Write::Again(support::until(view.now, at)));
    }
    let busy = writes.iter().any(|w| matches!(w, Write::SlowStart(_)));
    if let Some(object) = status::with_counts(set, &counts, busy) {
        let reason = if active.len() < usize::try_from(set.replicas).unwrap_or(0) {
            status::failed_create
        } else {
            status::failed_delete
        };
        writes.push(Write::StatusAfter { object, failed: reason });
    }
    writes
}

fn manage(view: &View, set: &Set, active: &[Arc<Pod>], writes: &mut Vec<Write>) {
    let wanted = usize::try_from(set.replicas).unwrap_or(0);
    if active.len() < wanted {
        let maker = PodMaker::new(set.template, set.object.kind(), set.meta);
        let n = (wanted - active.len()).min(BURST);
        let done = Note::normal(&set.object, set.component, "SuccessfulCreate", "Created pod: {name}");
        let failed = Note::warning(&set.object, set.component, "FailedCreate", "Error creating: {error}");
        let create = |_| Write::Create {
            object: maker.pod().into_object(),
            done: Some(done.clone()),
            failed: Some(failed.clone()),
        };
        writes.push(Write::SlowStart((0..n).map(create).collect()));
    } else if active.len() > wanted {
        let n = (active.len() - wanted).min(BURST);
        let done = Note::normal(&set.object, set.component, "SuccessfulDelete", "Deleted pod: {name}");
        let delete = |pod: Arc<Pod>| Write::Delete {
            key: ObjectKey { kind: Kind::Pod, name: pod.object_name() },
            options: DeleteOptions { uid: pod.metadata.uid.clone(), ..DeleteOptions::default() },
            done: Some(done.clone()),
        };
        let related = ranking::related_per_node(view, set.meta, active);
        let chosen = ranking::choose(active, n, &related, view.now);
        writes.push(Write::SlowStart(chosen.into_iter().map(delete).collect()));
    }
}
