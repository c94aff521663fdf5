//! `InterPodAffinity`: near to these pods, away from those, within a topology; the pods already there have a say too.

use super::super::nodes::{LabelSetId, Placed};
use super::super::terms::{AffinityTerm, PodId};
use super::{Cycle, Event, Facts, MAX_SCORE, NodeInfo, Pod, Refusal};
use crate::object::meta::MetaExt;
use k8s_openapi::api::core::v1::Namespace;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Counts or weights by topology: label and value.
type Topologies = BTreeMap<(String, String), i64>;

/// What was worked out for one pod.
#[derive(Default)]
pub struct State {
    /// Where pods are that this one wants to be near.
    near: Topologies,
    /// Where pods are that this one wants to be away from.
    away: Topologies,
    /// Where pods are that want to be away from this one.
    unwanted: Topologies,
    /// Whether the pod is the first of a group that wants to be together.
    first: bool,
    wants: bool,
    weights: Topologies,
}

impl State {
    /// Whether a node can be refused.
    pub fn filters(&self) -> bool {
        self.wants || !self.unwanted.is_empty()
    }

    /// Whether nodes are scored.
    pub fn scores(&self) -> bool {
        !self.weights.is_empty()
    }
}

fn labels_of<'a>(cycle: &Cycle<'a>, namespace: &str) -> &'a BTreeMap<String, String> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    cycle.store.find::<Namespace>("", namespace).map_or(&NONE, |n| n.labels_map())
}

/// Whether a term of the new pod means pods of this label set.
fn means_set(cycle: &Cycle, term: &AffinityTerm, set: LabelSetId) -> bool {
    cycle.nodes.sets.get(set).is_some_and(|set| {
        let other = PodId { namespace: &set.namespace, labels: &set.labels };
        term.means(cycle.id(), other, labels_of(cycle, &set.namespace))
    })
}

/// Whether a term of a pod that is there means the new pod.
fn means_new(cycle: &Cycle, term: &AffinityTerm, there: &Placed) -> bool {
    cycle.nodes.sets.get(there.set).is_some_and(|set| {
        let own = PodId { namespace: &set.namespace, labels: &set.labels };
        term.means(own, cycle.id(), labels_of(cycle, cycle.pod.namespace_str()))
    })
}

fn add(topologies: &mut Topologies, node: &NodeInfo, term: &AffinityTerm, weight: i64) {
    if let Some(value) = node.label(&term.topology) {
        *topologies.entry((term.topology.clone(), value.to_owned())).or_default() += weight;
    }
}

/// Counts over all nodes what the required terms need.
pub fn before_filter(cycle: &Cycle) -> State {
    let facts = cycle.facts;
    let mut state = State {
        wants: !facts.pod_affinity.is_empty() || !facts.pod_anti_affinity.is_empty(),
        ..State::default()
    };
    if !state.wants && !cycle.nodes.any_minding() {
        return state;
    }
    for node in cycle.nodes.minding() {
        for pod in &node.pods {
            for term in pod.facts.pod_anti_affinity.iter().filter(|t| means_new(cycle, t, pod)) {
                add(&mut state.unwanted, node, term, 1);
            }
        }
    }
    for node in cycle.nodes.list().iter().filter(|_| state.wants) {
        for pod in &node.pods {
            let near = !facts.pod_affinity.is_empty()
                && facts.pod_affinity.iter().all(|t| means_set(cycle, t, pod.set));
            for term in facts.pod_affinity.iter().filter(|_| near) {
                add(&mut state.near, node, term, 1);
            }
            for term in facts.pod_anti_affinity.iter().filter(|t| means_set(cycle, t, pod.set)) {
                add(&mut state.away, node, term, 1);
            }
        }
    }
    let own = labels_of(cycle, cycle.pod.namespace_str());
    state.first =
        state.near.is_empty() && facts.pod_affinity.iter().all(|t| t.means(cycle.id(), cycle.id(), own));
    state
}

/// Refuses nodes that are not near enough, or not far enough.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    let state = &cycle.pods;
    let at = |topologies: &Topologies, term: &AffinityTerm| {
        node.label(&term.topology)
            .and_then(|v| topologies.get(&(term.topology.clone(), v.to_owned())))
            .is_some_and(|n| *n > 0)
    };
    let terms = &cycle.facts.pod_affinity;
    let labelled = terms.iter().all(|t| node.label(&t.topology).is_some());
    if !labelled || !(state.first || terms.iter().all(|t| at(&state.near, t))) {
        return Refusal::always("node(s) didn't match pod affinity rules");
    }
    if cycle.facts.pod_anti_affinity.iter().any(|t| at(&state.away, t)) {
        return Refusal::now("node(s) didn't match pod anti-affinity rules");
    }
    let unwanted = |((key, value), n): (&(String, String), &i64)| *n > 0 && node.label(key) == Some(value);
    if state.unwanted.iter().any(unwanted) {
        return Refusal::now("node(s) didn't satisfy existing pods anti-affinity rules");
    }
    None
}

/// Weighs the preferred terms of the new pod, and the terms of the pods that are there.
pub fn before_score(cycle: &Cycle, state: &mut State) {
    let own = &cycle.facts.preferred_pods;
    if own.is_empty() && !cycle.nodes.any_minding() {
        return;
    }
    let nodes: Box<dyn Iterator<Item = &Arc<NodeInfo>>> =
        if own.is_empty() { Box::new(cycle.nodes.minding()) } else { Box::new(cycle.nodes.list().iter()) };
    for node in nodes {
        for pod in node.pods.iter().filter(|p| !own.is_empty() || p.facts.minds_pods()) {
            for (weight, term) in own.iter().filter(|(_, t)| means_set(cycle, t, pod.set)) {
                add(&mut state.weights, node, term, *weight);
            }
            // A required term of a pod that is there counts with the default hardPodAffinityWeight of 1.
            for term in pod.facts.pod_affinity.iter().filter(|t| means_new(cycle, t, pod)) {
                add(&mut state.weights, node, term, 1);
            }
            for (weight, term) in pod.facts.preferred_pods.iter().filter(|(_, t)| means_new(cycle, t, pod)) {
                add(&mut state.weights, node, term, *weight);
            }
        }
    }
}

/// The weights of the node's topologies.
pub fn score(cycle: &Cycle, node: &NodeInfo) -> i64 {
    let here = cycle.pods.weights.iter().filter(|((key, value), _)| node.label(key) == Some(value));
    here.map(|(_, weight)| weight).sum()
}

/// The least becomes 0, the greatest 100.
pub fn normalize(scores: &mut [i64]) {
    let (least, most) =
        (scores.iter().copied().min().unwrap_or(0), scores.iter().copied().max().unwrap_or(0));
    for score in scores {
        *score = if most > least { MAX_SCORE * (*score - least) / (most - least) } else { 0 };
    }
}

/// Pods that come and go, and nodes with other labels, help.
pub fn helped(event: &Event, _: &Pod, _: &Facts) -> bool {
    match event {
        Event::PodPlaced | Event::PodGone(_) | Event::NodeAdded(_) => true,
        Event::NodeChanged(old, new) => old.labels_map() != new.node.labels_map(),
        Event::Storage(_) => false,
    }
}
