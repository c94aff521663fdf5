//! `NodeName`: `spec.nodeName` asks for one node. Such a pod goes past the scheduler, so this is for completeness.

use super::{Cycle, Event, Facts, NodeInfo, Pod, Refusal};

/// Refuses every node but the one named.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    let named = cycle.pod.spec.node_name.as_ref();
    if named.is_none_or(|n| *n == node.name) {
        None
    } else {
        Refusal::always("node(s) didn't match the requested node name")
    }
}

/// A new node may be the one.
pub fn helped(event: &Event, _: &Pod, _: &Facts) -> bool {
    matches!(event, Event::NodeAdded(_))
}
