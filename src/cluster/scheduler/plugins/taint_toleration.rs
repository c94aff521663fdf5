//! `TaintToleration`: a taint keeps away pods that do not tolerate it; `PreferNoSchedule` only makes a node worse.

use super::{Cycle, Event, Facts, NodeInfo, Pod, Refusal};
use k8s_openapi::api::core::v1::{Node, Taint, Toleration};

/// Refuses a node with a `NoSchedule` or `NoExecute` taint that the pod does not tolerate.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    if !node.tainted || takes(&node.node, cycle.facts) {
        None
    } else {
        Refusal::always("node(s) had untolerated taint(s)")
    }
}

/// How many `PreferNoSchedule` taints the pod does not tolerate.
pub fn score(cycle: &Cycle, node: &NodeInfo) -> i64 {
    if !node.tainted {
        return 0;
    }
    let soft = taints(&node.node).filter(|t| t.effect == "PreferNoSchedule");
    let may = |t: &&Toleration| matches!(t.effect.as_deref(), None | Some("" | "PreferNoSchedule"));
    let tolerated = |taint: &Taint| cycle.facts.tolerations.iter().filter(may).any(|t| tolerates(t, taint));
    soft.filter(|taint| !tolerated(taint)).count() as i64
}

/// A node that takes the pod now, and did not before, helps.
pub fn helped(event: &Event, _: &Pod, facts: &Facts) -> bool {
    event.node().is_some_and(|(old, new)| takes(&new.node, facts) && !old.is_some_and(|o| takes(o, facts)))
}

/// Whether no hard taint of the node keeps the pod away.
pub fn takes(node: &Node, facts: &Facts) -> bool {
    taints(node)
        .filter(|t| matches!(t.effect.as_str(), "NoSchedule" | "NoExecute"))
        .all(|taint| facts.tolerations.iter().any(|t| tolerates(t, taint)))
}

fn taints(node: &Node) -> impl Iterator<Item = &Taint> {
    node.spec.as_ref().and_then(|s| s.taints.as_ref()).into_iter().flatten()
}

/// Whether a toleration tolerates a taint: an empty key with `Exists` is every key, an empty effect every effect.
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or("");
    let key = toleration.key.as_deref().unwrap_or("");
    let (value, asked) = (taint.value.as_deref().unwrap_or(""), toleration.value.as_deref().unwrap_or(""));
    let compare = |holds: fn(i64, i64) -> bool| {
        value.parse().ok().zip(asked.parse().ok()).is_some_and(|(v, a): (i64, i64)| holds(v, a))
    };
    let fits = match toleration.operator.as_deref().unwrap_or("") {
        "" | "Equal" => value == asked,
        "Exists" => true,
        "Gt" => compare(|v, a| v > a),
        "Lt" => compare(|v, a| v < a),
        _ => false,
    };
    (effect.is_empty() || effect == taint.effect) && (key.is_empty() || key == taint.key) && fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerations() {
        let taint = |key: &str, value: &str, effect: &str| Taint {
            key: key.into(),
            value: Some(value.into()),
            effect: effect.into(),
            time_added: None,
        };
        let gpu = taint("dedicated", "gpu", "NoSchedule");
        for (toleration, tolerated) in [
            (serde_json::json!({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}), true),
            (serde_json::json!({"key": "dedicated", "operator": "Exists"}), true),
            (serde_json::json!({"operator": "Exists"}), true),
            (serde_json::json!({"key": "dedicated", "value": "cpu"}), false),
            (serde_json::json!({"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}), false),
            (serde_json::json!({"key": "other", "operator": "Exists"}), false),
        ] {
            let parsed: Toleration = serde_json::from_value(toleration.clone()).unwrap();
            assert_eq!(tolerates(&parsed, &gpu), tolerated, "{toleration}");
        }
    }
}
