//! The Deployment controller: `ReplicaSet`s of which the newest grows as the others shrink.
//!
//! Always holds: one step a reconcile (the new set up, or old ones down), then the status; the next step waits for
//! what that one brings about. From `pkg/controller/deployment`.

mod progress;
mod revision;
mod rollout;
mod scale;
mod sizes;

use super::support::{self, Owner};
use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, meta::MetaExt, selector::Selector};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus, ReplicaSet, ReplicaSetSpec};
use std::sync::Arc;

/// `deployment-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "deployment-controller", watch, reconcile };

/// The label that tells the sets of a Deployment apart.
pub const HASH_LABEL: &str = "pod-template-hash";
/// The annotation that numbers templates.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// Numbers that a set had before it was rolled back to.
pub const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The Deployment's replicas when the set was last scaled.
pub const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The same with surge.
pub const MAX: &str = "deployment.kubernetes.io/max-replicas";

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::Deployment if change.new.is_some() => keys.push(change.key.clone()),
        Kind::ReplicaSet => {
            keys.push_controllers(change, Kind::Deployment, super::WATCH_LATENCY);
            if change.new.as_ref().is_some_and(|o| o.controller_of().is_none()) {
                push_adopters(change, view, keys);
            }
        }
        // Only Recreate waits for pods: for those to be gone.
        Kind::Pod if change.new.is_none() => {
            let Some(owner) = change.old.as_ref().and_then(MetaExt::controller_of) else { return };
            let namespace = change.key.name.namespace();
            let Some(set) = view.store.find::<ReplicaSet>(namespace, &owner.name) else { return };
            let Some(owner) = set.controller_of().filter(|o| o.kind == "Deployment") else { return };
            let Some(deployment) = view.store.find::<Deployment>(namespace, &owner.name) else { return };
            if is_recreate(deployment) {
                keys.push(ObjectKey { kind: Kind::Deployment, name: deployment.object_name() });
            }
        }
        _ => {}
    }
}

fn push_adopters(change: &Change, view: &View, keys: &mut Keys) {
    let Some(set) = &change.new else { return };
    for deployment in view.store.all_in::<Deployment>(change.key.name.namespace()) {
        let selector = Selector::from_api(deployment.spec.as_ref().map(|s| &s.selector));
        if selector.matches(set.labels_map()) {
            keys.push(ObjectKey { kind: Kind::Deployment, name: deployment.object_name() });
        }
    }
}

fn is_recreate(deployment: &Deployment) -> bool {
    let strategy = deployment.spec.as_ref().and_then(|s| s.strategy.as_ref());
    strategy.and_then(|s| s.type_.as_deref()) == Some("Recreate")
}

/// One reconcile of one Deployment: what it has, as it will be after the writes so far.
struct Sync<'a> {
    view: View<'a>,
    /// As stored.
    stored: &'a Arc<Deployment>,
    /// With the annotations and conditions that this reconcile gives it.
    deployment: Deployment,
    /// Every set but the new one, by name.
    old: Vec<Arc<ReplicaSet>>,
    /// The set of the present template, once there is one.
    new: Option<Arc<ReplicaSet>>,
    writes: Vec<Write>,
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::Deployment(stored)) = view.store.get(key) else { return Vec::new() };
    let Some(spec) = &stored.spec else { return Vec::new() };
    let selector = Selector::from_api(Some(&spec.selector));
    let mut sync = Sync {
        view: *view,
        stored,
        deployment: Deployment::clone(stored),
        old: Vec::new(),
        new: None,
        writes: Vec::new(),
    };
    if selector.is_empty() {
        sync.refuse_to_select_all();
        return sync.writes;
    }
    let owner = Owner { kind: Kind::Deployment, meta: &stored.metadata, selector: &selector };
    let sets = support::claim::<ReplicaSet>(view, &owner, |_| true, &mut sync.writes);
    sync.tell_sets_apart(sets);
    sync.run();
    sync.writes
}

impl Sync<'_> {
    fn run(&mut self) {
        if self.stored.is_terminating() {
            self.take_new_set();
            return self.write_status();
        }
        self.check_paused();
        if self.spec().paused == Some(true) {
            self.take_new_set();
            self.scale();
            self.clean_up();
            return self.write_status();
        }
        self.take_new_set();
        if self.is_scaling_event() {
            self.scale();
            return self.write_status();
        }
        if is_recreate(self.stored) { self.recreate() } else { self.roll() }
    }

    fn spec(&self) -> &DeploymentSpec {
        static EMPTY: std::sync::LazyLock<DeploymentSpec> = std::sync::LazyLock::new(DeploymentSpec::default);
        self.stored.spec.as_ref().unwrap_or_else(|| &EMPTY)
    }

    fn replicas(&self) -> i32 {
        self.spec().replicas.unwrap_or(1)
    }

    fn status(&mut self) -> &mut DeploymentStatus {
        self.deployment.status.get_or_insert_default()
    }

    /// Old sets and the new one.
    fn all(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.old.iter().chain(&self.new)
    }

    fn note(&self, reason: &'static str, message: String) -> Note {
        Note::normal(&Object::Deployment(self.stored.clone()), CONTROLLER.name, reason, message)
    }

    fn refuse_to_select_all(&mut self) {
        let about = Object::Deployment(self.stored.clone());
        let text = "This deployment is selecting all pods. A non-empty selector is required.";
        self.writes.push(Write::Event(Note::warning(&about, CONTROLLER.name, "SelectingAll", text)));
        let generation = self.stored.metadata.generation;
        if self.status().observed_generation < generation {
            self.status().observed_generation = generation;
            self.writes.push(Write::UpdateStatus(self.deployment.clone().into_object()));
        }
    }

    /// Whether pods of old sets are still there (`Recreate` waits for them).
    fn old_pods_run(&self) -> bool {
        if self.old.iter().any(|set| actual(set) > 0) {
            return true;
        }
        let mut pods = self.old.iter().flat_map(|set| self.view.store.owned::<Pod>(set.uid_str()));
        pods.any(|pod| !support::is_finished(pod))
    }
}

fn set_spec(set: &ReplicaSet) -> Option<&ReplicaSetSpec> {
    set.spec.as_ref()
}

/// How many pods the set is asked to have.
fn asked(set: &ReplicaSet) -> i32 {
    set_spec(set).and_then(|s| s.replicas).unwrap_or(1)
}

/// How many pods the set has.
fn actual(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |s| s.replicas)
}

/// How many available pods the set has.
fn available(set: &ReplicaSet) -> i32 {
    set.status.as_ref().and_then(|s| s.available_replicas).unwrap_or(0)
}

#[cfg(test)]
mod sequences;
#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `json!` values read best where they are passed
mod tests;
