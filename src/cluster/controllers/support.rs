//! What several controllers share: which pods count, whom a controller owns, a pod from a template, conditions.
//!
//! Always holds: pure functions of a view; nothing here writes.

use super::{View, Write};
use crate::apiserver::Change;
use crate::object::{
    Kind, Object, ObjectMeta, OwnerReference, Pod, PodSpec, Resource, SECOND, SimTime, meta::MetaExt,
    meta::owner_ref, selector::Selector,
};
use k8s_openapi::api::core::v1::{PodCondition, PodSpec as ApiPodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::sync::Arc;

/// A count as Go's `omitempty` has it: zero is left out.
pub fn count(n: i32) -> Option<i32> {
    (n != 0).then_some(n)
}

/// Whether the pod has ended, well or not.
pub fn is_finished(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// Whether the pod counts as one of its controller's replicas: not ended, not being deleted.
pub fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && !pod.is_terminating()
}

/// The pod's condition of a type.
pub fn pod_condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    pod.status.conditions.as_ref()?.iter().find(|c| c.type_ == type_)
}

/// Whether the pod's `Ready` condition is true.
pub fn is_ready(pod: &Pod) -> bool {
    pod_condition(pod, "Ready").is_some_and(|c| c.status == "True")
}

/// Since when the pod is ready.
pub fn ready_since(pod: &Pod) -> Option<SimTime> {
    let condition = pod_condition(pod, "Ready").filter(|c| c.status == "True")?;
    condition.last_transition_time.as_ref().map(SimTime::from_api)
}

/// When a ready pod has been ready for `min_ready_seconds`: it is available from then on. `None` when not ready.
pub fn available_at(pod: &Pod, min_ready_seconds: i32) -> Option<SimTime> {
    if min_ready_seconds <= 0 {
        return is_ready(pod).then(SimTime::default);
    }
    ready_since(pod).map(|t| t.plus_seconds(min_ready_seconds as u64))
}

/// Whether the pod is available now.
pub fn is_available(pod: &Pod, min_ready_seconds: i32, now: SimTime) -> bool {
    available_at(pod, min_ready_seconds).is_some_and(|at| at <= now)
}

/// `5`, or `25%` of `total` rounded up or down.
pub fn scaled(value: Option<&IntOrString>, total: i32, round: Round) -> i32 {
    match value {
        None => 0,
        Some(IntOrString::Int(n)) => *n,
        Some(IntOrString::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let product = percent * i64::from(total);
            let result = match round {
                Round::Up => (product + 99).div_euclid(100),
                Round::Down => product.div_euclid(100),
            };
            i32::try_from(result).unwrap_or(i32::MAX)
        }
    }
}

/// Which way a percentage is rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Round {
    Up,
    Down,
}

/// Whose objects a controller claims.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The owner's kind.
    pub kind: Kind,
    /// The owner's metadata.
    pub meta: &'a ObjectMeta,
    /// What it selects.
    pub selector: &'a Selector,
}

/// The objects that the owner controls. What no longer matches its selector is released, what matches and has no
/// controller is adopted: both among `writes`.
pub fn claim<T: Resource + 'static>(
    view: &View,
    owner: &Owner,
    filter: fn(&T) -> bool,
    writes: &mut Vec<Write>,
) -> Vec<Arc<T>> {
    let uid = owner.meta.uid.as_deref().unwrap_or("");
    let namespace = owner.meta.namespace.as_deref().unwrap_or("");
    let going = owner.meta.deletion_timestamp.is_some();
    let mut claimed = Vec::new();
    for object in view.store.owned::<T>(uid) {
        // One owner can only be this one.
        let controlled = match object.meta().owner_references.as_deref() {
            Some([only]) => only.controller == Some(true),
            _ => object.controlled_by(uid),
        };
        if !controlled || !filter(object) {
            continue;
        }
        if owner.selector.matches(object.labels_map()) {
            claimed.push(object.clone());
        } else if !going {
            writes.push(Write::Update(without_owner((**object).clone().into_object(), uid)));
        }
    }
    if going {
        return claimed;
    }
    for object in view.store.orphans_in(T::KIND, namespace).filter_map(T::from_object) {
        if !object.is_terminating() && filter(object) && owner.selector.matches(object.labels_map()) {
            let mut adopted = (**object).clone();
            let reference = owner_ref(owner.kind, owner.meta);
            adopted.meta_mut().owner_references.get_or_insert_default().push(reference);
            writes.push(Write::Update(adopted.clone().into_object()));
            claimed.push(Arc::new(adopted));
        }
    }
    claimed
}

/// The object without its reference to the owner with this uid.
pub fn without_owner(mut object: Object, uid: &str) -> Object {
    let owners = &mut object.meta_mut().owner_references;
    if let Some(list) = owners {
        list.retain(|o| o.uid != uid);
        if list.is_empty() {
            *owners = None;
        }
    }
    object
}

/// The kind that an owner reference names, if it is known.
pub fn owner_kind(view: &View, owner: &OwnerReference) -> Option<Kind> {
    view.store.kinds().find(&owner.api_version, &owner.kind)
}

/// Makes pods from one template, all sharing one spec.
#[derive(Clone, Debug)]
pub struct PodMaker {
    metadata: ObjectMeta,
    spec: Arc<ApiPodSpec>,
}

impl PodMaker {
    /// A maker of pods that `owner` controls, named `<owner>-` and letters.
    pub fn new(template: &PodTemplateSpec, kind: Kind, owner: &ObjectMeta) -> Self {
        let from = template.metadata.as_ref();
        let metadata = ObjectMeta {
            generate_name: Some(format!("{}-", owner.name.as_deref().unwrap_or(""))),
            namespace: owner.namespace.clone(),
            labels: from.and_then(|m| m.labels.clone()),
            annotations: from.and_then(|m| m.annotations.clone()),
            finalizers: from.and_then(|m| m.finalizers.clone()),
            owner_references: Some(vec![owner_ref(kind, owner)]),
            ..ObjectMeta::default()
        };
        let spec = PodSpec::from_api(template.spec.clone().unwrap_or_default());
        Self { metadata, spec: spec.shared }
    }

    /// A pod.
    pub fn pod(&self) -> Pod {
        let spec = PodSpec { shared: self.spec.clone(), ..PodSpec::default() };
        Pod { metadata: self.metadata.clone(), spec, ..Pod::default() }
    }
}

/// A condition, of whatever kind of object: most condition types have these fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// `Available`, …
    pub type_: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// `MinimumReplicasAvailable`, …
    pub reason: &'static str,
    /// The text.
    pub message: String,
}

/// The time of the condition's transition: kept while its status stays.
pub fn transition(earlier: Option<(&str, Option<&Time>)>, status: &str, now: SimTime) -> Option<Time> {
    match earlier {
        Some((before, Some(time))) if before == status => Some(time.clone()),
        _ => Some(now.to_api()),
    }
}

/// Whether an object is new, or its spec changed, or its deletion was asked for: not its status or annotations alone.
/// For kinds that count generations.
pub fn spec_changed(change: &Change) -> bool {
    match (&change.old, &change.new) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => {
            let (old, new) = (old.meta(), new.meta());
            old.generation != new.generation || old.deletion_timestamp != new.deletion_timestamp
        }
    }
}

/// Nanoseconds until `at`, rounded up to the next moment at which whole seconds are compared.
pub fn until(now: SimTime, at: SimTime) -> u64 {
    at.since(now).max(1)
}

/// `seconds` in nanoseconds.
pub fn seconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(SECOND)
}
