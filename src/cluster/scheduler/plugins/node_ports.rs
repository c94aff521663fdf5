//! `NodePorts`: two pods cannot have the same port of a node.

use super::{Cycle, Event, Facts, NodeInfo, Pod, Refusal};

/// Refuses a node on which a port is taken.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    let taken = cycle.facts.ports.iter().any(|port| node.ports.iter().any(|other| port.conflicts(other)));
    if taken { Refusal::now("node(s) didn't have free ports for the requested pod ports") } else { None }
}

/// A new node, or a pod that gives back a port, helps.
pub fn helped(event: &Event, _: &Pod, facts: &Facts) -> bool {
    match event {
        Event::NodeAdded(_) => true,
        Event::PodGone(gone) => facts.ports.iter().any(|p| gone.ports.iter().any(|g| p.conflicts(g))),
        _ => false,
    }
}
