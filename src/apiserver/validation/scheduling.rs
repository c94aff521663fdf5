//! Validation of what decides on a node: taints, tolerations, affinity, spreading.

use super::{Errors, Path, names};
use k8s_openapi::api::core::v1::{
    Affinity, Node, NodeSelectorTerm, PodAffinityTerm, Toleration, TopologySpreadConstraint,
    WeightedPodAffinityTerm,
};
use serde_json::{Value, json};
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
            let shown = json!({"Key": taint.key, "Value": value, "Effect": taint.effect, "TimeAdded": taint.time_added});
            errors.duplicate(path, shown);
        }
    }
}

/// A toleration as the server's own types print it.
fn shown(toleration: &Toleration) -> Value {
    json!({
        "Key": toleration.key.as_deref().unwrap_or(""), "Operator": toleration.operator.as_deref().unwrap_or(""),
        "Value": toleration.value.as_deref().unwrap_or(""), "Effect": toleration.effect.as_deref().unwrap_or(""),
        "TolerationSeconds": toleration.toleration_seconds,
    })
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
            "Equal" | "" => errors.all(path.child("operator"), value, names::label_value(value)),
            "Exists" if !value.is_empty() => {
                let why = "value must be empty when `operator` is 'Exists'";
                errors.invalid(path.child("operator"), shown(toleration), why);
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
                node_term(term, list.index(index), errors);
            }
        }
        let list = path.child(PREFERRED);
        let preferred = node.preferred_during_scheduling_ignored_during_execution.iter().flatten();
        for (index, term) in preferred.enumerate() {
            let path = list.index(index);
            weight(term.weight, path, errors);
            node_term(&term.preference, path.child("preference"), errors);
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

fn node_term(term: &NodeSelectorTerm, path: Path, errors: &mut Errors) {
    for (field, list) in [("matchExpressions", &term.match_expressions), ("matchFields", &term.match_fields)]
    {
        for (index, requirement) in list.iter().flatten().enumerate() {
            let list = path.child(field);
            let path = list.index(index);
            let count = requirement.values.as_ref().map_or(0, Vec::len);
            match requirement.operator.as_str() {
                "In" | "NotIn" if count == 0 => {
                    errors.required(
                        path.child("values"),
                        "must be specified when `operator` is 'In' or 'NotIn'",
                    );
                }
                "Exists" | "DoesNotExist" if count > 0 => {
                    let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                    errors.forbidden(path.child("values"), why);
                }
                "Gt" | "Lt" if count != 1 => {
                    let why = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                    errors.required(path.child("values"), why);
                }
                "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
                other => errors.invalid(path.child("operator"), other, "not a valid selector operator"),
            }
            if field == "matchExpressions" {
                errors.all(path.child("key"), &requirement.key, names::qualified(&requirement.key));
            }
        }
    }
}

fn pod_term(term: &PodAffinityTerm, path: Path, errors: &mut Errors) {
    if term.topology_key.is_empty() {
        errors.required(path.child("topologyKey"), "can not be empty");
    } else {
        errors.all(path.child("topologyKey"), &term.topology_key, names::qualified(&term.topology_key));
    }
    if let Some(selector) = &term.label_selector {
        super::workload::selector(selector, path.child("labelSelector"), errors);
    }
}

/// Constraints on spreading.
pub fn spread(constraints: Option<&[TopologySpreadConstraint]>, path: Path, errors: &mut Errors) {
    for (index, constraint) in constraints.into_iter().flatten().enumerate() {
        let path = path.index(index);
        if constraint.max_skew <= 0 {
            errors.invalid(path.child("maxSkew"), constraint.max_skew, "must be greater than 0");
        }
        if constraint.topology_key.is_empty() {
            errors.required(path.child("topologyKey"), "can not be empty");
        }
        let when = constraint.when_unsatisfiable.as_str();
        if !matches!(when, "DoNotSchedule" | "ScheduleAnyway") {
            errors.unsupported(path.child("whenUnsatisfiable"), when, &["DoNotSchedule", "ScheduleAnyway"]);
        }
    }
}
