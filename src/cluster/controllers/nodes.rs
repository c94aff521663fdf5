//! Whether a node suits a pod, as far as controllers ask: taints and tolerations, selector and required affinity.

use crate::object::{meta::MetaExt, selector::Operator, selector::Requirement};
use k8s_openapi::api::core::v1::{
    Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};
use std::collections::BTreeMap;

/// Whether the toleration covers the taint.
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    fn set(text: Option<&String>) -> Option<&String> {
        text.filter(|t| !t.is_empty())
    }
    if set(toleration.effect.as_ref()).is_some_and(|e| *e != taint.effect) {
        return false;
    }
    if set(toleration.key.as_ref()).is_some_and(|k| *k != taint.key) {
        return false;
    }
    let (ours, theirs) = (toleration.value.as_deref().unwrap_or(""), taint.value.as_deref().unwrap_or(""));
    let number = |s: &str| s.parse::<i64>().ok();
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        Some("Gt") => number(theirs).zip(number(ours)).is_some_and(|(t, o)| t > o),
        Some("Lt") => number(theirs).zip(number(ours)).is_some_and(|(t, o)| t < o),
        _ => set(toleration.key.as_ref()).is_some() && ours == theirs,
    }
}

/// The first taint with one of the effects that no toleration covers.
pub fn untolerated<'a>(
    taints: &'a [Taint],
    tolerations: &[Toleration],
    effects: &[&str],
) -> Option<&'a Taint> {
    let harmful = |t: &&Taint| effects.contains(&t.effect.as_str());
    taints.iter().filter(harmful).find(|taint| !tolerations.iter().any(|t| tolerates(t, taint)))
}

/// The node's taints.
pub fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or_default()
}

/// Whether the node has the labels that the pod's selector and required affinity ask for.
pub fn fits(spec: &PodSpec, node: &Node) -> bool {
    let has = |(key, value): (&String, &String)| node.label(key) == Some(value);
    if !spec.node_selector.iter().flatten().all(has) {
        return false;
    }
    let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
    let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    required.is_none_or(|selector| selects(selector, node))
}

/// Whether one of the selector's terms matches the node.
pub fn selects(selector: &NodeSelector, node: &Node) -> bool {
    selector.node_selector_terms.iter().any(|term| term_matches(term, node))
}

fn term_matches(term: &NodeSelectorTerm, node: &Node) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let named = BTreeMap::from([("metadata.name".to_owned(), node.name_str().to_owned())]);
    expressions.iter().all(|e| matches(e, node.labels_map())) && fields.iter().all(|f| matches(f, &named))
}

fn matches(requirement: &NodeSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let operator = match requirement.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        _ => return false,
    };
    let values = requirement.values.iter().flatten().cloned().collect();
    Requirement { key: requirement.key.clone(), operator, values }.matches(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerations_cover_taints() {
        let taint = Taint {
            key: "gpu".to_owned(),
            value: Some("yes".to_owned()),
            effect: "NoSchedule".to_owned(),
            time_added: None,
        };
        let toleration = |key: &str, operator: &str, value: &str, effect: &str| Toleration {
            key: Some(key.to_owned()),
            operator: Some(operator.to_owned()),
            value: Some(value.to_owned()),
            effect: Some(effect.to_owned()),
            toleration_seconds: None,
        };
        for (toleration, expected) in [
            (toleration("gpu", "Equal", "yes", "NoSchedule"), true),
            (toleration("gpu", "Equal", "no", "NoSchedule"), false),
            (toleration("gpu", "Exists", "", ""), true),
            (toleration("", "Exists", "", ""), true),
            (toleration("gpu", "Exists", "", "NoExecute"), false),
            (toleration("cpu", "Exists", "", ""), false),
        ] {
            assert_eq!(tolerates(&toleration, &taint), expected, "{toleration:?}");
        }
    }
}
