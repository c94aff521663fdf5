//! `PodTopologySpread`: pods of a kind spread over nodes, zones or whatever a label tells apart.
//!
//! A pod that says nothing of its own, and belongs to a Service or a controller, is spread softly over nodes and zones.

use super::super::nodes::{LabelSet, LabelSetId};
use super::super::terms::{HOSTNAME, Policy, SpreadConstraint, ZONE};
use super::{Cycle, Event, Facts, MAX_SCORE, NodeInfo, Pod, Refusal, node_affinity, taint_toleration};
use crate::apiserver::Store;
use crate::object::meta::MetaExt;
use crate::object::selector::{Operator, Requirement, Selector};
use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{ReplicationController, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was worked out for one pod.
#[derive(Default)]
pub struct State {
    hard: Vec<Hard>,
    soft: Vec<Soft>,
    /// Whether a node must have every label to be scored.
    strict: bool,
}

struct Hard {
    constraint: SpreadConstraint,
    counts: BTreeMap<String, i64>,
    /// The emptiest topology's count.
    least: i64,
    /// 1 when the pod counts itself.
    own: i64,
}

struct Soft {
    topology: Arc<str>,
    max_skew: i64,
    sets: Vec<LabelSetId>,
    /// Counts by value; `None` for node names, which are counted node by node.
    counts: Option<BTreeMap<String, i64>>,
    weight: f64,
}

impl State {
    /// Whether a node can be refused.
    pub fn has_hard(&self) -> bool {
        !self.hard.is_empty()
    }

    /// Whether nodes are scored.
    pub fn has_soft(&self) -> bool {
        !self.soft.is_empty()
    }
}

/// Counts for the hard constraints, over all nodes.
pub fn before_filter(cycle: &Cycle) -> State {
    let mut state = State::default();
    for constraint in cycle.facts.spread.iter().filter(|c| c.hard) {
        let constraint = with_keys(constraint, cycle.pod);
        let sets = matching(cycle, &constraint);
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for node in cycle.nodes.list() {
            let has_all =
                cycle.facts.spread.iter().filter(|c| c.hard).all(|c| node.label(&c.topology).is_some());
            if !has_all || !counts_for(cycle, &constraint, node) {
                continue;
            }
            if let Some(value) = node.label(&constraint.topology) {
                *counts.entry(value.to_owned()).or_default() += node.count(&sets);
            }
        }
        let too_few = (counts.len() as i64) < constraint.min_domains;
        let least = if too_few { 0 } else { counts.values().copied().min().unwrap_or(0) };
        let own = i64::from(constraint.selector.matches(cycle.pod.labels_map()));
        state.hard.push(Hard { constraint, counts, least, own });
    }
    state
}

fn counts_for(cycle: &Cycle, constraint: &SpreadConstraint, node: &NodeInfo) -> bool {
    (constraint.affinity == Policy::Ignore || node_affinity::matches(cycle.facts, &node.node))
        && (constraint.taints == Policy::Ignore || taint_toleration::takes(&node.node, cycle.facts))
}

fn with_keys(constraint: &SpreadConstraint, pod: &Pod) -> SpreadConstraint {
    let mut constraint = constraint.clone();
    for key in std::mem::take(&mut constraint.keys) {
        if let Some(value) = pod.label(&key) {
            let values = BTreeSet::from([value.to_owned()]);
            constraint.selector.requirements.push(Requirement { key, operator: Operator::In, values });
        }
    }
    constraint
}

fn matching(cycle: &Cycle, constraint: &SpreadConstraint) -> Vec<LabelSetId> {
    let namespace = cycle.pod.namespace_str();
    let fits = |set: &LabelSet| *set.namespace == *namespace && constraint.selector.matches(&set.labels);
    cycle.nodes.sets.matching(fits)
}

/// Refuses a node where the pod would tilt the spread too far.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    for hard in &cycle.spread.hard {
        let Some(value) = node.label(&hard.constraint.topology) else {
            return Refusal::always(
                "node(s) didn't match pod topology spread constraints (missing required label)",
            );
        };
        let there = hard.counts.get(value).copied().unwrap_or(0);
        if there + hard.own - hard.least > hard.constraint.max_skew {
            return Refusal::now("node(s) didn't match pod topology spread constraints");
        }
    }
    None
}

/// Counts for the soft constraints, given the nodes that will do.
pub fn before_score(cycle: &Cycle, fitting: &[&Arc<NodeInfo>], state: &mut State) {
    let own = !cycle.facts.spread.is_empty();
    let constraints = if own {
        cycle.facts.spread.iter().filter(|c| !c.hard).map(|c| with_keys(c, cycle.pod)).collect()
    } else {
        system_constraints(cycle.store, cycle.pod)
    };
    state.strict = own;
    let has_all = |node: &NodeInfo| constraints.iter().all(|c| node.label(&c.topology).is_some());
    for constraint in &constraints {
        let sets = matching(cycle, constraint);
        let candidates = fitting.iter().filter(|n| !own || has_all(n));
        let by_node = *constraint.topology == *HOSTNAME;
        let counts = (!by_node).then(|| {
            let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
            let mut last = None; // neighbours are mostly in one zone
            for node in candidates.clone() {
                let value = node.label(&constraint.topology).unwrap_or("");
                if last.replace(value) != Some(value) {
                    counts.insert(value, 0);
                }
            }
            let many = counts.keys().any(|value| !value.is_empty());
            for node in cycle.nodes.list().iter().filter(|_| many) {
                if (own && !has_all(node)) || !counts_for(cycle, constraint, node) {
                    continue;
                }
                let value = node.label(&constraint.topology).unwrap_or("");
                if let Some(count) = counts.get_mut(value) {
                    *count += node.count(&sets);
                }
            }
            counts.into_iter().map(|(value, count)| (value.to_owned(), count)).collect::<BTreeMap<_, _>>()
        });
        let size = counts.as_ref().map_or_else(|| candidates.count(), BTreeMap::len);
        let weight = ((size + 2) as f64).ln();
        let (topology, max_skew) = (constraint.topology.clone(), constraint.max_skew);
        state.soft.push(Soft { topology, max_skew, sets, counts, weight });
    }
}

/// How crowded the node's topologies are with pods of this kind; -1 for a node that is not scored.
pub fn score(cycle: &Cycle, node: &NodeInfo) -> i64 {
    let mut score = 0.0;
    for soft in &cycle.spread.soft {
        let Some(value) = node.label(&soft.topology) else {
            if cycle.spread.strict {
                return -1;
            }
            continue;
        };
        let count = match &soft.counts {
            None => node.count(&soft.sets),
            Some(counts) => counts.get(value).copied().unwrap_or(0),
        };
        score += count as f64 * soft.weight + (soft.max_skew - 1) as f64;
    }
    score.round() as i64
}

/// The emptiest becomes 100.
pub fn normalize(scores: &mut [i64]) {
    let scored = scores.iter().copied().filter(|s| *s >= 0);
    let (least, most) = (scored.clone().min().unwrap_or(0), scored.max().unwrap_or(0));
    for score in scores {
        *score = match *score {
            -1 => 0,
            _ if most == 0 => MAX_SCORE,
            s => MAX_SCORE * (most + least - s) / most,
        };
    }
}

/// The constraints of a pod that has none: softly over nodes and zones, among the pods of its Services and controller.
fn system_constraints(store: &Store, pod: &Pod) -> Vec<SpreadConstraint> {
    let selector = siblings(store, pod);
    if selector.requirements.is_empty() {
        return Vec::new();
    }
    vec![SpreadConstraint::system(HOSTNAME, 3, selector.clone()), SpreadConstraint::system(ZONE, 5, selector)]
}

/// What the pod's Services and its controller select by.
fn siblings(store: &Store, pod: &Pod) -> Selector {
    let mut merged = BTreeMap::new();
    for service in store.all_in::<Service>(pod.namespace_str()) {
        let Some(map) = service.spec.as_ref().and_then(|s| s.selector.as_ref()) else { continue };
        if !map.is_empty() && map.iter().all(|(k, v)| pod.label(k) == Some(v)) {
            merged.extend(map.clone());
        }
    }
    let mut requirements = Vec::new();
    if let Some(owner) = pod.controller_of() {
        let (namespace, name) = (pod.namespace_str(), owner.name.as_str());
        match owner.kind.as_str() {
            "ReplicaSet" => {
                let set = store.find::<ReplicaSet>(namespace, name).and_then(|o| o.spec.as_ref());
                requirements = Selector::from_api(set.map(|s| &s.selector)).requirements;
            }
            "StatefulSet" => {
                let set = store.find::<StatefulSet>(namespace, name).and_then(|o| o.spec.as_ref());
                requirements = Selector::from_api(set.map(|s| &s.selector)).requirements;
            }
            "ReplicationController" => {
                let rc = store.find::<ReplicationController>(namespace, name).and_then(|o| o.spec.as_ref());
                merged.extend(rc.and_then(|s| s.selector.clone()).unwrap_or_default());
            }
            _ => {}
        }
    }
    let mut selector = Selector::from_map(&merged);
    selector.requirements.extend(requirements);
    selector
}

/// Pods that come and go, and nodes whose labels or taints change, help.
pub fn helped(event: &Event, _: &Pod, facts: &Facts) -> bool {
    match event {
        Event::PodPlaced | Event::PodGone(_) | Event::NodeAdded(_) => true,
        Event::NodeChanged(old, new) => {
            let label = |labels: &BTreeMap<String, String>, key: &str| labels.get(key).cloned();
            let moved = |c: &SpreadConstraint| {
                label(old.labels_map(), &c.topology) != label(new.node.labels_map(), &c.topology)
            };
            facts.spread.iter().any(moved)
                || old.spec.as_ref().and_then(|s| s.taints.as_ref())
                    != new.node.spec.as_ref().and_then(|s| s.taints.as_ref())
        }
        Event::Storage(_) => false,
    }
}
