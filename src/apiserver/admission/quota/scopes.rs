//! The scopes of a quota: which objects it is about.
//!
//! From `podMatchesScopeFunc` and `pvcMatchesScopeFunc`; objects of other kinds are in no scope.

use crate::apiserver::defaults::qos_class;
use crate::object::{Object, Pod};
use k8s_openapi::api::core::v1::{PodAffinityTerm, ResourceQuota, ScopedResourceSelectorRequirement};

/// Whether the object is in all scopes of the quota.
pub fn matches(quota: &ResourceQuota, object: &Object) -> bool {
    let Some(spec) = &quota.spec else { return true };
    let named = spec.scopes.iter().flatten().map(|scope| ScopedResourceSelectorRequirement {
        scope_name: scope.clone(),
        operator: "Exists".to_owned(),
        values: None,
    });
    let selected = spec.scope_selector.as_ref().and_then(|s| s.match_expressions.clone());
    named.chain(selected.into_iter().flatten()).all(|scope| is_in(object, &scope))
}

fn is_in(object: &Object, scope: &ScopedResourceSelectorRequirement) -> bool {
    match object {
        Object::Pod(pod) => pod_is_in(pod, scope),
        Object::PersistentVolumeClaim(claim) if scope.scope_name == "VolumeAttributesClass" => {
            let spec = claim.spec.as_ref();
            let status = claim.status.as_ref();
            let wanted = spec.and_then(|s| s.volume_attributes_class_name.as_deref());
            let current = status.and_then(|s| s.current_volume_attributes_class_name.as_deref());
            let target = status.and_then(|s| s.modify_volume_status.as_ref());
            let target = target.and_then(|s| s.target_volume_attributes_class_name.as_deref());
            let names: Vec<&str> = [wanted, current, target].into_iter().flatten().collect();
            selects(scope, &names)
        }
        _ => false,
    }
}

fn pod_is_in(pod: &Pod, scope: &ScopedResourceSelectorRequirement) -> bool {
    let terminating = pod.spec.active_deadline_seconds.is_some_and(|s| s >= 0);
    match scope.scope_name.as_str() {
        "Terminating" => terminating,
        "NotTerminating" => !terminating,
        "BestEffort" => qos_class(&pod.spec) == "BestEffort",
        "NotBestEffort" => qos_class(&pod.spec) != "BestEffort",
        "PriorityClass" => {
            let class = pod.spec.priority_class_name.as_deref().filter(|c| !c.is_empty());
            selects(scope, class.as_slice())
        }
        "CrossNamespacePodAffinity" => crosses_namespaces(pod),
        _ => false,
    }
}

/// Whether one of the names is as the requirement wants it.
fn selects(scope: &ScopedResourceSelectorRequirement, names: &[&str]) -> bool {
    let listed = names.iter().any(|n| scope.values.iter().flatten().any(|v| v == n));
    match scope.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => !names.is_empty(),
        _ => names.is_empty(),
    }
}

/// Whether a term of the pod's affinity looks at pods of other namespaces.
fn crosses_namespaces(pod: &Pod) -> bool {
    let crosses = |t: &PodAffinityTerm| {
        t.namespace_selector.is_some() || t.namespaces.as_ref().is_some_and(|n| !n.is_empty())
    };
    let Some(affinity) = &pod.spec.affinity else { return false };
    let (near, far) = (affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref());
    let required = near.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    let apart = far.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    let preferred = near.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref());
    let aside = far.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref());
    let weighted = [preferred, aside].into_iter().flatten().flatten().map(|w| &w.pod_affinity_term);
    [required, apart].into_iter().flatten().flatten().chain(weighted).any(crosses)
}
