//! Validation of what decides on a node: taints, tolerations, affinity, spreading.

use super::{Errors, Path, names};
use k8s_openapi::api::core::v1::{
    Affinity, Node, NodeSelectorTerm, PodAffinityTerm, Toleration, TopologySpreadConstraint,
    WeightedPodAffinityTerm,
};
use serde_json::json;
use std::collections::BTreeSet;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// A node's taints.
pub fn node(node: &Node, errors: &mut Errors) {
    let path = Path::new("spec");
    let path = path.child("taints");
    let mut seen = BTreeSet::new();
    let taints = node.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or_default();
    for (index, taint) in taints.iter().enumerate() {
        let path = path.index(index);
        errors.all(path.child("key"), &taint.key, names::qualified(&taint.key));
        let value = taint.value.as_deref().unwrap_or("");
        errors.all(path.child("value"), value, names::label_value(value));
        errors.one_of(path.child("effect"), Some(&taint.effect), &EFFECTS);
        if !seen.insert((&taint.key, &taint.effect)) {
            let shown = format!(
                "{{\"Key\":{},\"Value\":{},\"Effect\":{},\"TimeAdded\":{}}}",
                json!(taint.key),
                json!(value),
                json!(taint.effect),
                json!(taint.time_added)
            );
            errors.duplicate_raw(path, &shown);
        }
    }
}

/// Tolerations of a pod.
pub fn tolerations(tolerations: Option<&[Toleration]>, path: Path, errors: &mut Errors) {
    for (index, toleration) in tolerations.into_iter().flatten().enumerate() {
        let path = path.index(index);
        let key = toleration.key.as_deref().unwrap_or("");
        let operator = toleration.operator.as_deref().unwrap_or("");
        let value = toleration.value.as_deref().unwrap_or("");
        let effect = toleration.effect.as_deref().unwrap_or("");
        if !key.is_empty() {
            errors.all(path.child("key"), key, names::qualified(key));
        }
        if key.is_empty() && operator != "Exists" {
            let why =
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid(path.child("operator"), operator, why);
        }
        if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
            let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid(path.child("effect"), effect, why);
        }
        match operator {
            "Equal" | "" => {
                let wrong = names::label_value(value);
                if !wrong.is_empty() {
                    errors.invalid(path.child("operator"), value, wrong.join(";"));
                }
            }
            "Exists" if !value.is_empty() => {
                let why = "value must be empty when `operator` is 'Exists'";
                errors.raw(path.child("operator"), &super::diff::toleration(toleration), why);
            }
            "Exists" => {}
            other => errors.unsupported(path.child("operator"), other, &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            errors.one_of(path.child("effect"), Some(effect), &EFFECTS);
        }
    }
}

/// Node and pod affinity.
pub fn affinity(affinity: &Affinity, path: Path, errors: &mut Errors) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    if let Some(node) = &affinity.node_affinity {
        let path = path.child("nodeAffinity");
        if let Some(required) = &node.required_during_scheduling_ignored_during_execution {
            let path = path.child(REQUIRED);
            let list = path.child("nodeSelectorTerms");
            if required.node_selector_terms.is_empty() {
                errors.required(list, "must have at least one node selector term");
            }
            for (index, term) in required.node_selector_terms.iter().enumerate() {
                node_term(term, true, list.index(index), errors);
            }
        }
        let list = path.child(PREFERRED);
        let preferred = node.preferred_during_scheduling_ignored_during_execution.iter().flatten();
        for (index, term) in preferred.enumerate() {
            let path = list.index(index);
            weight(term.weight, path, errors);
            node_term(&term.preference, false, path.child("preference"), errors);
        }
    }
    let pods = affinity.pod_affinity.as_ref().map(|a| {
        let required = a.required_during_scheduling_ignored_during_execution.as_deref();
        ("podAffinity", required, a.preferred_during_scheduling_ignored_during_execution.as_deref())
    });
    let anti = affinity.pod_anti_affinity.as_ref().map(|a| {
        let required = a.required_during_scheduling_ignored_during_execution.as_deref();
        ("podAntiAffinity", required, a.preferred_during_scheduling_ignored_during_execution.as_deref())
    });
    for (field, required, preferred) in pods.into_iter().chain(anti) {
        let path = path.child(field);
        let list = path.child(REQUIRED);
        for (index, term) in required.into_iter().flatten().enumerate() {
            pod_term(term, list.index(index), errors);
        }
        let list = path.child(PREFERRED);
        for (index, term) in preferred.into_iter().flatten().enumerate() {
            let WeightedPodAffinityTerm { weight, pod_affinity_term } = term;
            let path = list.index(index);
            self::weight(*weight, path, errors);
            pod_term(pod_affinity_term, path.child("podAffinityTerm"), errors);
        }
    }
}

fn weight(weight: i32, path: Path, errors: &mut Errors) {
    if !(1..=100).contains(&weight) {
        errors.invalid(path.child("weight"), weight, "must be in the range 1-100");
    }
}

/// A term of node affinity. Values of labels are checked where the term is `required`.
pub fn node_term(term: &NodeSelectorTerm, required: bool, path: Path, errors: &mut Errors) {
    for (index, requirement) in term.match_expressions.iter().flatten().enumerate() {
        let list = path.child("matchExpressions");
        let path = list.index(index);
        let values = requirement.values.as_deref().unwrap_or_default();
        match requirement.operator.as_str() {
            "Gt" | "Lt" if values.len() != 1 => {
                let why = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                errors.required(path.child("values"), why);
            }
            "Gt" | "Lt" => {}
            operator => super::workload::operator(operator, values, path, errors),
        }
        errors.all(path.child("key"), &requirement.key, names::qualified(&requirement.key));
        if required {
            for (index, value) in values.iter().enumerate() {
                let list = path.child("values");
                errors.all(list.index(index), value, names::label_value(value));
            }
        }
    }
    for (index, requirement) in term.match_fields.iter().flatten().enumerate() {
        let list = path.child("matchFields");
        let path = list.index(index);
        let values = requirement.values.as_deref().unwrap_or_default();
        match requirement.operator.as_str() {
            "In" | "NotIn" if values.len() != 1 => {
                let why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                errors.required(path.child("values"), why);
            }
            "In" | "NotIn" => {}
            other => errors.invalid(path.child("operator"), other, "not a valid selector operator"),
        }
        if requirement.key == "metadata.name" {
            for (index, value) in values.iter().enumerate() {
                errors.all(path.child("values").index(index), value, names::subdomain(value));
            }
        } else {
            errors.invalid(path.child("key"), requirement.key.as_str(), "not a valid field selector key");
        }
    }
}

fn pod_term(term: &PodAffinityTerm, path: Path, errors: &mut Errors) {
    for (field, selector) in
        [("labelSelector", &term.label_selector), ("namespaceSelector", &term.namespace_selector)]
    {
        if let Some(selector) = selector {
            super::workload::selector(selector, path.child(field), errors);
        }
    }
    for namespace in term.namespaces.iter().flatten() {
        errors.all(path.child("namespace"), namespace, names::label(namespace));
    }
    label_keys(term, path, errors);
    if term.topology_key.is_empty() {
        errors.required(path.child("topologyKey"), "can not be empty");
    }
    errors.all(path.child("topologyKey"), &term.topology_key, names::qualified(&term.topology_key));
}

/// Keys whose values the pod itself brings to its affinity.
fn label_keys(term: &PodAffinityTerm, path: Path, errors: &mut Errors) {
    let (matching, other) = (
        term.match_label_keys.as_deref().unwrap_or_default(),
        term.mismatch_label_keys.as_deref().unwrap_or_default(),
    );
    for (field, keys) in [("matchLabelKeys", matching), ("mismatchLabelKeys", other)] {
        let list = path.child(field);
        if !keys.is_empty() && term.label_selector.is_none() {
            errors.forbidden(list, "must not be specified when labelSelector is not set");
            continue;
        }
        for (index, key) in keys.iter().enumerate() {
            errors.all(list.index(index), key, names::qualified(key));
        }
    }
    for (index, key) in matching.iter().enumerate().filter(|(_, k)| other.contains(k)) {
        let why = "exists in both matchLabelKeys and mismatchLabelKeys";
        errors.invalid(path.child("matchLabelKeys").index(index), key.as_str(), why);
    }
}

/// Constraints on spreading.
pub fn spread(constraints: Option<&[TopologySpreadConstraint]>, path: Path, errors: &mut Errors) {
    let all = constraints.unwrap_or_default();
    for (index, constraint) in all.iter().enumerate() {
        let path = path.index(index);
        if constraint.max_skew <= 0 {
            errors.invalid(path.child("maxSkew"), constraint.max_skew, "must be greater than zero");
        }
        let (key, when) = (constraint.topology_key.as_str(), constraint.when_unsatisfiable.as_str());
        if key.is_empty() {
            errors.required(path.child("topologyKey"), "can not be empty");
        }
        errors.supported(path.child("whenUnsatisfiable"), Some(when), &["DoNotSchedule", "ScheduleAnyway"]);
        if all[index + 1..].iter().any(|c| c.topology_key == key && c.when_unsatisfiable == when) {
            let both = path.child("{topologyKey, whenUnsatisfiable}");
            errors.duplicate(both, format!("{{{key}, {when}}}"));
        }
        if let Some(domains) = constraint.min_domains {
            let path = path.child("minDomains");
            if domains <= 0 {
                errors.invalid(path, domains, "must be greater than zero");
            }
            if when != "DoNotSchedule" {
                let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}");
                errors.invalid(path, domains, why);
            }
        }
        for (field, policy) in [
            ("nodeAffinityPolicy", &constraint.node_affinity_policy),
            ("nodeTaintsPolicy", &constraint.node_taints_policy),
        ] {
            errors.supported(path.child(field), policy.as_deref(), &["Honor", "Ignore"]);
        }
        own_keys(constraint, path.child("matchLabelKeys"), errors);
        if let Some(selector) = &constraint.label_selector {
            super::workload::selector(selector, path.child("labelSelector"), errors);
        }
    }
}

fn own_keys(constraint: &TopologySpreadConstraint, path: Path, errors: &mut Errors) {
    let keys = constraint.match_label_keys.as_deref().unwrap_or_default();
    let Some(selector) = constraint.label_selector.as_ref().filter(|_| !keys.is_empty()) else {
        if !keys.is_empty() {
            errors.forbidden(path, "must not be specified when labelSelector is not set");
        }
        return;
    };
    for (index, key) in keys.iter().enumerate() {
        errors.all(path.index(index), key, names::qualified(key));
        let taken = selector.match_labels.as_ref().is_some_and(|l| l.contains_key(key))
            || selector.match_expressions.iter().flatten().any(|e| e.key == *key);
        if taken {
            errors.invalid(
                path.index(index),
                key.as_str(),
                "exists in both matchLabelKeys and labelSelector",
            );
        }
    }
}
