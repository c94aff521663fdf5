//! `VolumeBinding`: a pod goes where its volumes can be. A claim that waits for its first consumer is bound now: to a
//! volume that is there, or by telling the provisioner the node (`volume.kubernetes.io/selected-node`).
//!
//! Does not: count the capacity that a CSI driver has left.

use super::super::terms::NodeTerm;
use super::{Cycle, Event, Facts, NodeInfo, Object, Pod, Refusal, Remedy};
use crate::apiserver::Store;
use crate::object::meta::MetaExt;
use crate::object::selector::Selector;
use crate::object::{Kind, ObjectKey, ObjectName, quantity};
use k8s_openapi::api::core::v1::{Node, ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use std::borrow::Cow;
use std::sync::Arc;

/// Tells the provisioner on which node the volume will be used.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";

/// What was worked out for one pod.
#[derive(Default)]
pub struct State {
    /// The volumes of bound claims; `None` for one that is not there.
    bound: Vec<Option<Arc<PersistentVolume>>>,
    /// Claims that wait for their first consumer.
    waiting: Vec<Arc<PersistentVolumeClaim>>,
}

impl State {
    /// Whether the pod has no claims.
    pub fn is_empty(&self) -> bool {
        self.bound.is_empty() && self.waiting.is_empty()
    }
}

/// How a waiting claim gets its volume on a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Assignment {
    /// From a volume that is there.
    Volume(Arc<PersistentVolume>, Arc<PersistentVolumeClaim>),
    /// From the provisioner.
    Provision(Arc<PersistentVolumeClaim>),
}

/// Looks at the pod's claims.
///
/// # Errors
/// Why no node will do.
pub fn before_filter(store: &Store, pod: &Pod, facts: &Facts) -> Result<State, String> {
    let mut state = State::default();
    let mut immediate = false;
    for source in &facts.claims {
        let name = source.name(pod.name_str());
        let Some(claim) = store.find::<PersistentVolumeClaim>(pod.namespace_str(), &name) else {
            return Err(match source {
                super::super::facts::Claim::Named(_) => format!("persistentvolumeclaim \"{name}\" not found"),
                super::super::facts::Claim::Ephemeral(_) => format!(
                    "waiting for ephemeral volume controller to create the persistentvolumeclaim \"{name}\""
                ),
            });
        };
        let volume = claim.spec.as_ref().and_then(|s| s.volume_name.as_deref()).unwrap_or("");
        if claim.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Lost") {
            return Err(format!(
                "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\""
            ));
        }
        if claim.is_terminating() {
            return Err(format!("persistentvolumeclaim \"{name}\" is being deleted"));
        }
        if is_bound(claim) {
            state.bound.push(store.find::<PersistentVolume>("", volume).cloned());
        } else if volume.is_empty() && waits_for_consumer(store, claim) {
            state.waiting.push(claim.clone());
        } else {
            immediate = true;
        }
    }
    if immediate {
        return Err("pod has unbound immediate PersistentVolumeClaims".to_owned());
    }
    Ok(state)
}

/// Whether a claim has its volume for good.
pub fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    let named = claim.spec.as_ref().and_then(|s| s.volume_name.as_deref()).is_some_and(|v| !v.is_empty());
    named && claim.annotation(BIND_COMPLETED).is_some()
}

fn class<'a>(store: &'a Store, claim: &PersistentVolumeClaim) -> Option<&'a Arc<StorageClass>> {
    store.find::<StorageClass>("", class_name(claim))
}

fn class_name(claim: &PersistentVolumeClaim) -> &str {
    claim.spec.as_ref().and_then(|s| s.storage_class_name.as_deref()).unwrap_or("")
}

fn waits_for_consumer(store: &Store, claim: &PersistentVolumeClaim) -> bool {
    class(store, claim).and_then(|c| c.volume_binding_mode.as_deref()) == Some("WaitForFirstConsumer")
}

/// Refuses a node where a volume cannot be, or where a waiting claim would find none.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    let refuse = |reasons: Vec<&'static str>| {
        let reasons = reasons.into_iter().map(Cow::Borrowed).collect();
        Some(Refusal { remedy: Remedy::Nothing, reasons })
    };
    let bound = &cycle.volumes.bound;
    if bound.iter().any(Option::is_none) {
        return refuse(vec!["node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"]);
    }
    let mut reasons = Vec::new();
    if !bound.iter().flatten().all(|volume| reaches(volume, &node.node)) {
        reasons.push("node(s) didn't match PersistentVolume's node affinity");
    }
    if !cycle.volumes.waiting.is_empty() && assign(cycle, node).is_none() {
        reasons.push("node(s) didn't find available persistent volumes to bind");
    }
    if reasons.is_empty() { None } else { refuse(reasons) }
}

/// Whether a volume can be used on a node.
fn reaches(volume: &PersistentVolume, node: &Node) -> bool {
    let affinity = volume.spec.as_ref().and_then(|s| s.node_affinity.as_ref());
    let required = affinity.and_then(|a| a.required.as_ref());
    required.is_none_or(|r| r.node_selector_terms.iter().any(|t| NodeTerm::of(t).matches(node)))
}

/// How each waiting claim would get its volume on this node; `None` when one would not.
pub fn assign(cycle: &Cycle, node: &NodeInfo) -> Option<Vec<Assignment>> {
    let mut assignments: Vec<Assignment> = Vec::new();
    for claim in &cycle.volumes.waiting {
        let selected = claim.annotation(SELECTED_NODE);
        if selected.is_some_and(|s| *s != *node.name) {
            return None;
        }
        let taken = |volume: &Arc<PersistentVolume>| {
            assignments.iter().any(|a| matches!(a, Assignment::Volume(v, _) if Arc::ptr_eq(v, volume)))
        };
        let fitting = cycle.store.all::<PersistentVolume>().filter(|v| !taken(v));
        let smallest = fitting
            .filter(|v| serves(v, claim) && reaches(v, &node.node))
            .min_by_key(|v| (!is_for(v, claim), capacity(v)));
        if let (Some(volume), None) = (smallest, selected) {
            assignments.push(Assignment::Volume(volume.clone(), claim.clone()));
        } else if provisions(cycle.store, claim, &node.node) {
            assignments.push(Assignment::Provision(claim.clone()));
        } else {
            return None;
        }
    }
    Some(assignments)
}

/// Whether the volume is reserved for the claim.
fn is_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let reserved = volume.spec.as_ref().and_then(|s| s.claim_ref.as_ref());
    reserved.is_some_and(|r| {
        r.name == claim.metadata.name
            && r.namespace == claim.metadata.namespace
            && r.uid.as_ref().is_none_or(|uid| uid.is_empty() || Some(uid) == claim.metadata.uid.as_ref())
    })
}

fn capacity(volume: &PersistentVolume) -> i128 {
    let capacity = volume.spec.as_ref().and_then(|s| s.capacity.as_ref());
    capacity.and_then(|c| c.get("storage")).map_or(0, |q| quantity::of(q).nano)
}

/// Whether a volume is free and has what the claim asks for.
fn serves(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let (Some(has), Some(asks)) = (&volume.spec, &claim.spec) else { return false };
    let free = has.claim_ref.is_none() || is_for(volume, claim);
    let phase = volume.status.as_ref().and_then(|s| s.phase.as_deref());
    let mode = |m: &Option<String>| m.as_deref().unwrap_or("Filesystem") == "Block";
    let requests = asks.resources.as_ref().and_then(|r| r.requests.as_ref());
    let asked = requests.and_then(|r| r.get("storage")).map_or(0, |q| quantity::of(q).nano);
    let modes = has.access_modes.as_deref().unwrap_or_default();
    let selector = asks.selector.as_ref().map(|s| Selector::from_api(Some(s)));
    free && !volume.is_terminating()
        && matches!(phase, None | Some("Available" | "Pending"))
        && has.storage_class_name.as_deref().unwrap_or("") == class_name(claim)
        && mode(&has.volume_mode) == mode(&asks.volume_mode)
        && asks.access_modes.iter().flatten().all(|m| modes.contains(m))
        && selector.is_none_or(|s| s.matches(volume.labels_map()))
        && capacity(volume) >= asked
}

/// Whether the claim's class can make a volume for this node.
fn provisions(store: &Store, claim: &PersistentVolumeClaim, node: &Node) -> bool {
    let Some(class) = class(store, claim) else { return false };
    let allowed = class.allowed_topologies.as_deref().unwrap_or_default();
    let fits = |term: &k8s_openapi::api::core::v1::TopologySelectorTerm| {
        term.match_label_expressions
            .iter()
            .flatten()
            .all(|e| node.label(&e.key).is_some_and(|v| e.values.iter().any(|x| x == v)))
    };
    class.provisioner != "kubernetes.io/no-provisioner" && (allowed.is_empty() || allowed.iter().any(fits))
}

/// The object to write so that a claim gets its volume on `node`.
pub fn written(assignment: &Assignment, node: &str) -> Object {
    match assignment {
        Assignment::Volume(volume, claim) => {
            let mut volume = PersistentVolume::clone(volume);
            let meta = &claim.metadata;
            volume.spec.get_or_insert_default().claim_ref = Some(ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("PersistentVolumeClaim".to_owned()),
                name: meta.name.clone(),
                namespace: meta.namespace.clone(),
                uid: meta.uid.clone(),
                resource_version: meta.resource_version.clone(),
                ..ObjectReference::default()
            });
            let annotations = volume.metadata.annotations.get_or_insert_default();
            annotations.insert(BOUND_BY_CONTROLLER.to_owned(), "yes".to_owned());
            Object::PersistentVolume(Arc::new(volume))
        }
        Assignment::Provision(claim) => {
            let mut claim = PersistentVolumeClaim::clone(claim);
            let annotations = claim.metadata.annotations.get_or_insert_default();
            annotations.insert(SELECTED_NODE.to_owned(), node.to_owned());
            Object::PersistentVolumeClaim(Arc::new(claim))
        }
    }
}

/// Whether all claims of a pod are bound; `None` when one of them is gone.
pub fn all_bound(store: &Store, pod: &Pod, facts: &Facts) -> Option<bool> {
    let mut all = true;
    for claim in &facts.claims {
        let name = ObjectName::new(pod.namespace_str(), claim.name(pod.name_str()));
        let object = store.get(&ObjectKey { kind: Kind::PersistentVolumeClaim, name })?;
        all &= object.cast::<PersistentVolumeClaim>().is_some_and(|c| is_bound(c));
    }
    Some(all)
}

/// Its own claims, any volume or class, and nodes with other labels help.
pub fn helped(event: &Event, pod: &Pod, facts: &Facts) -> bool {
    match event {
        Event::Storage(Object::PersistentVolumeClaim(claim)) => {
            claim.namespace_str() == pod.namespace_str()
                && facts.claims.iter().any(|c| *c.name(pod.name_str()) == *claim.name_str())
        }
        Event::Storage(_) | Event::NodeAdded(_) => true,
        Event::NodeChanged(old, new) => old.labels_map() != new.node.labels_map(),
        _ => false,
    }
}
