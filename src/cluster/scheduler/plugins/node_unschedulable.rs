//! `NodeUnschedulable`: a cordoned node takes no pods, but those that tolerate it.

use super::taint_toleration::tolerates;
use super::{Cycle, Event, Facts, NodeInfo, Pod, Refusal};
use k8s_openapi::api::core::v1::{Node, Taint};

/// Refuses a cordoned node.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    if !node.unschedulable || takes(&node.node, cycle.facts) {
        None
    } else {
        Refusal::always("node(s) were unschedulable")
    }
}

/// A node that was uncordoned helps.
pub fn helped(event: &Event, _: &Pod, facts: &Facts) -> bool {
    event.node().is_some_and(|(old, new)| takes(&new.node, facts) && !old.is_some_and(|o| takes(o, facts)))
}

fn takes(node: &Node, facts: &Facts) -> bool {
    if node.spec.as_ref().and_then(|s| s.unschedulable) != Some(true) {
        return true;
    }
    let cordoned = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    facts.tolerations.iter().any(|t| tolerates(t, &cordoned))
}
