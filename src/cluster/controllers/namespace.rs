//! The namespace controller: empties a namespace that is being deleted, pods first, and lets it go.
//!
//! Always holds: the conditions say what is left. From `pkg/controller/namespace/deletion` with ordered deletion
//! (1.33): other resources wait until no pod is left.

use super::support::transition;
use super::{Controller, Keys, View, Write};
use crate::apiserver::{Change, DeleteOptions};
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, SECOND, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};
use std::collections::BTreeMap;

/// `namespace-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "namespace-controller", watch, reconcile };

/// How long a change of a namespace waits, so that others see that it is going.
const GRACE: u64 = 5 * SECOND;
/// How long a finalizer is expected to take, in seconds.
const FINALIZER_ESTIMATE_SECONDS: u64 = 15;

fn watch(change: &Change, _: &View, keys: &mut Keys) {
    if change.key.kind == Kind::Namespace && change.new.as_ref().is_some_and(MetaExt::is_terminating) {
        keys.push_after(change.key.clone(), GRACE);
    }
}

/// What is left of a namespace's content after the deletions of a reconcile.
#[derive(Default)]
struct Left {
    resources: BTreeMap<String, usize>,
    finalizers: BTreeMap<String, usize>,
    estimate_seconds: u64,
}

impl Left {
    /// Deletes the object, and counts it when that will take time.
    fn delete(&mut self, object: &Object, grace_seconds: u64, writes: &mut Vec<Write>) {
        if !object.is_terminating() {
            let options = DeleteOptions::default();
            writes.push(Write::Delete { key: object.key(), options, done: None });
        }
        let finalizers = object.meta().finalizers.as_deref().unwrap_or_default();
        let graceful = object
            .cast::<Pod>()
            .is_some_and(|p| p.spec.node_name.is_some() && !super::support::is_finished(p));
        if finalizers.is_empty() && !graceful {
            return;
        }
        let info = object.kind().info();
        *self.resources.entry(format!("{}.{}", info.plural, info.group)).or_insert(0) += 1;
        for finalizer in finalizers {
            *self.finalizers.entry(finalizer.clone()).or_insert(0) += 1;
            self.estimate_seconds = self.estimate_seconds.max(FINALIZER_ESTIMATE_SECONDS);
        }
        self.estimate_seconds = self.estimate_seconds.max(grace_seconds);
    }
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::Namespace(namespace)) = view.store.get(key) else { return Vec::new() };
    let finalizers = namespace.spec.as_ref().and_then(|s| s.finalizers.as_deref()).unwrap_or_default();
    if !namespace.is_terminating() || finalizers.is_empty() {
        return Vec::new();
    }
    let mut writes = Vec::new();
    let name = key.name.name();
    let mut left = Left::default();
    for pod in view.store.list_in(Kind::Pod, name) {
        left.delete(pod, remaining_grace(view, namespace, pod), &mut writes);
    }
    if left.resources.is_empty() {
        let others = view.store.kinds().each().filter(|k| k.info().namespaced && *k != Kind::Pod);
        for object in others.flat_map(|kind| view.store.list_in(kind, name)) {
            left.delete(object, 0, &mut writes);
        }
    }
    let mut changed = Namespace::clone(namespace);
    if left.resources.is_empty() {
        let spec = changed.spec.get_or_insert_default();
        spec.finalizers.get_or_insert_default().retain(|f| f != "kubernetes");
        writes.push(Write::Update(changed.into_object()));
        return writes;
    }
    set_conditions(&mut changed, &left, view.now);
    if changed != **namespace {
        writes.push(Write::UpdateStatus(changed.into_object()));
    }
    writes.push(Write::Again((left.estimate_seconds / 2 + 1) * SECOND));
    writes
}

/// The pod's grace, unless the namespace has been waiting longer than that.
fn remaining_grace(view: &View, namespace: &Namespace, pod: &Object) -> u64 {
    let Some(pod) = pod.cast::<Pod>() else { return 0 };
    let grace = u64::try_from(pod.spec.termination_grace_period_seconds.unwrap_or(30)).unwrap_or(0);
    let since = namespace.metadata.deletion_timestamp.as_ref().map(SimTime::from_api).unwrap_or_default();
    if view.now.since(since) >= grace * SECOND { 0 } else { grace }
}

fn set_conditions(namespace: &mut Namespace, left: &Left, now: SimTime) {
    let list = |map: &BTreeMap<String, usize>, word: &str| {
        let parts: Vec<String> =
            map.iter().map(|(name, n)| format!("{name} {word} {n} resource instances")).collect();
        parts.join(", ")
    };
    let resources = format!("Some resources are remaining: {}", list(&left.resources, "has"));
    let finalizers =
        format!("Some content in the namespace has finalizers remaining: {}", list(&left.finalizers, "in"));
    let conditions = [
        (
            "NamespaceDeletionDiscoveryFailure",
            None,
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            None,
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            (!left.resources.is_empty()).then_some(("SomeResourcesRemain", resources)),
            "ContentRemoved",
            "All content successfully removed",
        ),
        (
            "NamespaceFinalizersRemaining",
            (!left.finalizers.is_empty()).then_some(("SomeFinalizersRemain", finalizers)),
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    ];
    for (type_, trouble, reason, message) in conditions {
        let status = if trouble.is_some() { "True" } else { "False" };
        let (reason, message) = trouble.unwrap_or((reason, message.to_owned()));
        put(namespace, type_, status, (reason, message), now);
    }
}

fn put(
    namespace: &mut Namespace,
    type_: &str,
    status: &str,
    (reason, message): (&str, String),
    now: SimTime,
) {
    let conditions = namespace.status.get_or_insert_default().conditions.get_or_insert_default();
    let place = conditions.iter().position(|c| c.type_ == type_);
    let earlier = place.map(|i| (conditions[i].status.as_str(), conditions[i].last_transition_time.as_ref()));
    let condition = NamespaceCondition {
        last_transition_time: transition(earlier, status, now),
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
    };
    match place {
        Some(i) => conditions[i] = condition,
        None => conditions.push(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    #[test]
    fn content_goes_then_the_namespace() {
        let mut lab = lab();
        lab.create(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"},
            "spec": {"finalizers": ["kubernetes"]}
        }));
        lab.advance(100);
        lab.create(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "held", "namespace": "team", "finalizers": ["example.com/wait"]}
        }));
        lab.delete(Kind::Namespace, "team", &DeleteOptions::default()).advance(6_000);
        let namespace = lab.get::<Namespace>("team");
        let told: Vec<String> = namespace
            .status
            .iter()
            .flat_map(|s| s.conditions.iter().flatten())
            .filter(|c| c.status == "True")
            .map(|c| c.message.clone().unwrap_or_default())
            .collect();
        assert_eq!(
            told,
            [
                "Some resources are remaining: configmaps. has 1 resource instances",
                "Some content in the namespace has finalizers remaining: example.com/wait in 1 resource instances"
            ]
        );
        let held = lab.everywhere::<ConfigMap>().into_iter().find(|c| c.name_str() == "held").expect("held");
        let mut freed = ConfigMap::clone(&held);
        freed.metadata.finalizers = None;
        let origin = crate::cluster::origin("test", None);
        lab.cluster
            .api
            .update(freed.into_object(), crate::apiserver::Part::Spec, &origin, false)
            .expect("freed");
        lab.advance(20_000);
        assert!(lab.try_get::<Namespace>("team").is_none());
        assert!(lab.everywhere::<ConfigMap>().iter().all(|c| c.namespace_str() != "team"));
    }
}
