//! The `StatefulSet` controller: pods with numbers and volumes of their own, made and removed in order.
//!
//! Always holds: with `OrderedReady` at most one pod is made or removed a reconcile, and only when those before it run
//! and are ready. From `pkg/controller/statefulset`.

mod pods;
mod status;

use super::history::{self, History, Labels};
use super::support::{self, Owner};
use super::{Controller, Keys, View, Write};
use crate::apiserver::{Change, DeleteOptions};
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, meta::MetaExt, selector::Selector};
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use std::collections::BTreeSet;
use std::sync::Arc;

/// `statefulset-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "statefulset-controller", watch, reconcile };

/// The label that tells a pod's revision: here the revision's whole name.
pub const REVISION_LABEL: &str = "controller-revision-hash";
const LABELS: Labels = Labels::OfSet("controller.kubernetes.io/hash");

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::StatefulSet if support::spec_changed(change) => keys.push(change.key.clone()),
        Kind::Pod => {
            keys.push_controllers(change, Kind::StatefulSet, super::WATCH_LATENCY);
            let Some(pod) = change.new.as_ref().filter(|p| p.controller_of().is_none()) else { return };
            for set in view.store.all_in::<StatefulSet>(change.key.name.namespace()) {
                if pods::ordinal(set.name_str(), pod.name_str()).is_some() {
                    keys.push(ObjectKey { kind: Kind::StatefulSet, name: set.object_name() });
                }
            }
        }
        _ => {}
    }
}

/// Whether an update, or a scaling down, went through the pods in order or all at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Policy {
    OrderedReady,
    Parallel,
}

/// One reconcile of one `StatefulSet`.
struct Sync<'a> {
    view: View<'a>,
    set: &'a Arc<StatefulSet>,
    spec: &'a StatefulSetSpec,
    policy: Policy,
    current: Arc<ControllerRevision>,
    update: Arc<ControllerRevision>,
    /// The pod of each ordinal asked for, from the first.
    replicas: Vec<Option<Arc<Pod>>>,
    /// Pods beyond those, the highest ordinal first.
    condemned: Vec<Arc<Pod>>,
    again: Option<u64>,
    writes: Vec<Write>,
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::StatefulSet(set)) = view.store.get(key) else { return Vec::new() };
    let Some(spec) = &set.spec else { return Vec::new() };
    let selector = Selector::from_api(Some(&spec.selector));
    let mut writes = Vec::new();
    let owner = Owner { kind: Kind::StatefulSet, meta: &set.metadata, selector: &selector };
    let history = history::sync(view, &owner, &spec.template, LABELS, &mut writes);
    let claimed = support::claim::<Pod>(view, &owner, |_| true, &mut writes);
    let name = set.status.as_ref().and_then(|s| s.current_revision.as_deref()).unwrap_or("");
    let current = history.all.iter().find(|r| r.name_str() == name).unwrap_or(&history.update).clone();
    let (replicas, condemned) = pods::in_order(set, spec, claimed);
    let policy = match spec.pod_management_policy.as_deref() {
        Some("Parallel") => Policy::Parallel,
        _ => Policy::OrderedReady,
    };
    let update = history.update.clone();
    let mut sync =
        Sync { view: *view, set, spec, policy, current, update, replicas, condemned, again: None, writes };
    if !set.is_terminating() {
        sync.work();
    }
    sync.write_status();
    sync.prune(&history);
    if let Some(after) = sync.again {
        sync.writes.push(Write::Again(after));
    }
    sync.writes
}

/// Whether a pod's turn lets the next one have its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Next,
    Wait,
}

impl Sync<'_> {
    fn work(&mut self) {
        for place in 0..self.replicas.len() {
            if self.keep(place) == Turn::Wait && self.ordered() == Turn::Wait {
                return;
            }
        }
        let first_unhealthy = self.first_unhealthy();
        for pod in self.condemned.clone() {
            if self.remove(&pod, first_unhealthy.as_deref()) == Turn::Wait {
                return;
            }
        }
        self.roll();
    }

    fn start(&self) -> usize {
        let start = self.spec.ordinals.as_ref().and_then(|o| o.start).unwrap_or(0);
        usize::try_from(start).unwrap_or(0)
    }

    fn ordered(&self) -> Turn {
        if self.policy == Policy::OrderedReady { Turn::Wait } else { Turn::Next }
    }

    /// Makes the pod of a place, or waits for the one that is there.
    fn keep(&mut self, place: usize) -> Turn {
        let Some(pod) = self.replicas[place].clone() else {
            self.create(place);
            return self.ordered();
        };
        if support::is_finished(&pod) {
            if !pod.is_terminating() {
                self.delete(&pod);
            }
            return Turn::Wait;
        }
        if pod.is_terminating() || !self.is_available(&pod) {
            if pods::is_pending(&pod) {
                self.create_claims(place, &pod);
            }
            if self.ordered() == Turn::Wait {
                return Turn::Wait;
            }
        }
        if let Some(repaired) = pods::with_identity(self.set, &pod) {
            self.writes.push(Write::Update(repaired.into_object()));
        }
        self.own_claims(&pod, false);
        Turn::Next
    }

    /// Removes a pod beyond those asked for.
    fn remove(&mut self, pod: &Arc<Pod>, first_unhealthy: Option<&Pod>) -> Turn {
        if pod.is_terminating() {
            return self.ordered();
        }
        let is_first = first_unhealthy.is_some_and(|p| p.uid_str() == pod.uid_str());
        if self.policy == Policy::OrderedReady && !self.is_available(pod) && !is_first {
            return Turn::Wait;
        }
        self.own_claims(pod, true);
        self.delete(pod);
        self.ordered()
    }

    /// Of all pods the unhealthy one with the lowest ordinal.
    fn first_unhealthy(&self) -> Option<Arc<Pod>> {
        let condemned = self.condemned.iter().rev();
        let mut all = self.replicas.iter().flatten().chain(condemned);
        all.find(|p| !pods::is_healthy(p)).cloned()
    }

    /// Whether the pod runs and has been ready for long enough; waits for it otherwise.
    fn is_available(&mut self, pod: &Pod) -> bool {
        if !pods::is_running_and_ready(pod) {
            return false;
        }
        let at = support::available_at(pod, self.spec.min_ready_seconds.unwrap_or(0));
        if let Some(at) = at.filter(|at| *at > self.view.now) {
            let wait = support::until(self.view.now, at);
            self.again = Some(self.again.map_or(wait, |a| a.min(wait)));
            return false;
        }
        at.is_some()
    }

    fn partition(&self) -> usize {
        let rolling = self.spec.update_strategy.as_ref().and_then(|s| s.rolling_update.as_ref());
        usize::try_from(rolling.and_then(|r| r.partition).unwrap_or(0)).unwrap_or(0)
    }

    fn on_delete(&self) -> bool {
        self.spec.update_strategy.as_ref().and_then(|s| s.type_.as_deref()) == Some("OnDelete")
    }

    /// Replaces pods of another revision, the highest ordinal first, not below the partition, one at a time.
    fn roll(&mut self) {
        if self.on_delete() {
            return;
        }
        let lowest = self.partition().saturating_sub(self.start());
        for place in (lowest..self.replicas.len()).rev() {
            let Some(pod) = self.replicas[place].clone() else { return };
            let old = pod.label(REVISION_LABEL) != Some(self.update.name_str());
            if old && !pod.is_terminating() {
                self.delete(&pod);
                return;
            }
            if !pods::is_healthy(&pod) || !self.is_available(&pod) {
                return;
            }
        }
    }

    fn note(&self, text: String, reason: &'static str) -> Note {
        Note::normal(&Object::StatefulSet(self.set.clone()), CONTROLLER.name, reason, text)
    }

    fn trouble(&self, text: String, reason: &'static str) -> Note {
        Note::warning(&Object::StatefulSet(self.set.clone()), CONTROLLER.name, reason, text)
    }

    fn delete(&mut self, pod: &Pod) {
        let text = format!("Delete Pod {} in StatefulSet {} successful", pod.name_str(), self.set.name_str());
        self.writes.push(Write::Delete {
            key: ObjectKey { kind: Kind::Pod, name: pod.object_name() },
            options: DeleteOptions { uid: pod.metadata.uid.clone(), ..DeleteOptions::default() },
            done: Some(self.note(text, "SuccessfulDelete")),
        });
    }

    /// The revision that a new pod of a place gets: below the partition, the one before the update.
    fn revision_for(&self, place: usize) -> &Arc<ControllerRevision> {
        let strategy = self.spec.update_strategy.as_ref();
        if self.on_delete() {
            return &self.update;
        }
        let old = if strategy.is_some_and(|s| s.rolling_update.is_some()) {
            self.partition()
        } else {
            let n = self.set.status.as_ref().and_then(|s| s.current_replicas).unwrap_or(0);
            self.start() + usize::try_from(n).unwrap_or(0)
        };
        if place + self.start() < old { &self.current } else { &self.update }
    }

    fn create(&mut self, place: usize) {
        let revision = self.revision_for(place).clone();
        let template = if Arc::ptr_eq(&revision, &self.update) {
            self.spec.template.clone()
        } else {
            history::template_of(&revision).unwrap_or_else(|| self.spec.template.clone())
        };
        let ordinal = self.start() + place;
        let pod = pods::make(self.set, self.spec, &template, (ordinal, revision.name_str()));
        self.create_claims(place, &pod);
        let subject = format!("Pod {} in StatefulSet {}", pod.name_str(), self.set.name_str());
        let done = self.note(format!("Create {subject} successful"), "SuccessfulCreate");
        let failed = self.trouble(format!("Create {subject} failed error: {{error}}"), "FailedCreate");
        let (done, failed) = (Some(done), Some(failed));
        self.writes.push(Write::Create { object: pod.into_object(), done, failed });
    }

    /// Makes the claims of a pod that are not there.
    fn create_claims(&mut self, place: usize, pod: &Pod) {
        let ordinal = self.start() + place;
        for claim in pods::claims(self.set, self.spec, ordinal) {
            if self
                .view
                .store
                .find::<PersistentVolumeClaim>(claim.namespace_str(), claim.name_str())
                .is_some()
            {
                continue;
            }
            let (claim_name, pod, set) = (claim.name_str(), pod.name_str(), self.set.name_str());
            let text = format!("Create Claim {claim_name} Pod {pod} in StatefulSet {set} success");
            let failure = format!(
                "Create Claim {claim_name} for Pod {pod} in StatefulSet {set} failed error: {{error}}"
            );
            let done = Some(self.note(text, "SuccessfulCreate"));
            let failed = Some(self.trouble(failure, "FailedCreate"));
            self.writes.push(Write::Create { object: claim.into_object(), done, failed });
        }
    }

    /// Gives the claims of a pod the owner that the retention policy wants.
    fn own_claims(&mut self, pod: &Pod, condemned: bool) {
        let Some(ordinal) = pods::ordinal(self.set.name_str(), pod.name_str()) else { return };
        for claim in pods::claims(self.set, self.spec, ordinal) {
            let found =
                self.view.store.find::<PersistentVolumeClaim>(claim.namespace_str(), claim.name_str());
            let changed = found.and_then(|c| pods::with_owner(self.set, self.spec, (c, pod), condemned));
            self.writes.extend(changed.map(|c| Write::Update(c.into_object())));
        }
    }

    fn prune(&mut self, history: &History) {
        let pods = self.replicas.iter().flatten().chain(&self.condemned);
        let mut live: BTreeSet<String> =
            pods.filter_map(|p| p.label(REVISION_LABEL)).map(str::to_owned).collect();
        live.extend([self.current.name_str().to_owned(), self.update.name_str().to_owned()]);
        history.prune(&live, self.spec.revision_history_limit.unwrap_or(10), &mut self.writes);
    }
}

#[cfg(test)]
mod tests;
