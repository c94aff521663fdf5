//! `NodeAffinity`: `nodeSelector` and node affinity, required and preferred.

use super::{Cycle, Event, Facts, NodeInfo, Pod, Refusal};
use crate::object::meta::MetaExt;
use k8s_openapi::api::core::v1::Node;

/// Whether the pod asks for particular nodes.
pub fn filters(cycle: &Cycle) -> bool {
    cycle.facts.required_nodes.is_some() || !cycle.facts.node_selector.is_empty()
}

/// Refuses nodes that the pod does not ask for.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    if matches(cycle.facts, &node.node) {
        None
    } else {
        Refusal::always("node(s) didn't match Pod's node affinity/selector")
    }
}

/// The weights of the preferences that the node meets.
pub fn score(cycle: &Cycle, node: &NodeInfo) -> i64 {
    let met = cycle.facts.preferred_nodes.iter().filter(|(_, term)| term.matches(&node.node));
    met.map(|(weight, _)| weight).sum()
}

/// A node that matches now, and did not before, helps.
pub fn helped(event: &Event, _: &Pod, facts: &Facts) -> bool {
    event
        .node()
        .is_some_and(|(old, new)| matches(facts, &new.node) && !old.is_some_and(|o| matches(facts, o)))
}

/// Whether the node is one that the pod asks for.
pub fn matches(facts: &Facts, node: &Node) -> bool {
    facts.node_selector.matches(node.labels_map())
        && facts.required_nodes.as_ref().is_none_or(|terms| terms.iter().any(|t| t.matches(node)))
}

/// The nodes that every term of the required affinity names: a daemon's pod names one.
pub fn named(facts: &Facts) -> Option<Vec<&str>> {
    let terms = facts.required_nodes.as_ref()?;
    let mut names = Vec::new();
    for term in terms {
        names.extend(term.named()?);
    }
    (!terms.is_empty()).then_some(names)
}
