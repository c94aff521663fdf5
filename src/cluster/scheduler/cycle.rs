//! One pod's scheduling cycle: which nodes will do, and which of them is best.
//!
//! From `pkg/scheduler/schedule_one.go`: large clusters look at a part of the nodes only, beginning where the last cycle
//! stopped; among equally good nodes chance decides.

use super::facts::Facts;
use super::nodes::{NodeInfo, Nodes};
use super::plugins::volume_binding::{self, Assignment};
use super::plugins::{
    self, Cycle, PLUGINS, Refusal, inter_pod_affinity, node_affinity, pod_topology_spread,
    volume_restrictions,
};
use super::queue::PluginSet;
use super::{Nominated, Scheduler};
use crate::apiserver::Store;
use crate::object::{ObjectName, Pod, meta::MetaExt};
use imbl::OrdMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Below so many nodes, all are looked at.
const MIN_NODES: usize = 100;

/// What a cycle came to.
pub enum Decision {
    /// The pod goes to this node, and its waiting claims are to be bound so.
    Node(Arc<str>, Vec<Assignment>),
    /// No node will do.
    Nowhere(Misfit),
}

/// Why no node will do.
#[derive(Debug, Default)]
pub struct Misfit {
    /// How many nodes there are.
    pub nodes: usize,
    /// What spoke against all nodes before they were looked at.
    pub beforehand: Option<String>,
    /// The nodes that were refused.
    pub refused: Vec<(Arc<str>, Refusal)>,
    /// The text for every node that is not among the refused.
    pub others: Option<Cow<'static, str>>,
    /// Who refused.
    pub plugins: PluginSet,
    /// What was said about preemption.
    pub afterwards: String,
}

impl Misfit {
    /// `0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient cpu. …`
    pub fn message(&self) -> String {
        if self.nodes == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let head = format!("0/{} nodes are available:", self.nodes);
        let reasons = if let Some(reason) = &self.beforehand {
            reason.clone()
        } else {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for reason in self.refused.iter().flat_map(|(_, r)| &r.reasons) {
                *counts.entry(reason).or_default() += 1;
            }
            let rest = self.nodes - self.refused.len().min(self.nodes);
            if let (Some(reason), 1..) = (&self.others, rest) {
                *counts.entry(reason).or_default() += rest;
            }
            let mut reasons: Vec<String> = counts.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
            reasons.sort();
            reasons.join(", ")
        };
        let dot = if reasons.is_empty() { "" } else { "." };
        let space = |text: &str| if text.is_empty() { "" } else { " " };
        let (after, afterwards) = (space(&self.afterwards), &self.afterwards);
        format!("{head}{}{reasons}{dot}{after}{afterwards}", space(&reasons))
    }
}

/// What the plugins work out before they look at nodes.
///
/// # Errors
/// What speaks against all nodes, and the plugin that says so.
pub fn prepare<'a>(
    nodes: &'a Nodes,
    store: &'a Store,
    pod: &'a Pod,
    facts: &'a Facts,
) -> Result<Cycle<'a>, (String, &'static str)> {
    let mut cycle = Cycle {
        pod,
        facts,
        nodes,
        store,
        exclusive_claims: Vec::new(),
        volumes: volume_binding::State::default(),
        spread: pod_topology_spread::State::default(),
        pods: inter_pod_affinity::State::default(),
    };
    if !facts.claims.is_empty() {
        cycle.exclusive_claims = volume_restrictions::exclusive_claims(store, pod, facts);
        cycle.volumes =
            volume_binding::before_filter(store, pod, facts).map_err(|text| (text, "VolumeBinding"))?;
    }
    cycle.spread = pod_topology_spread::before_filter(&cycle);
    cycle.pods = inter_pod_affinity::before_filter(&cycle);
    Ok(cycle)
}

/// The first plugin that refuses the node.
pub fn refusal(cycle: &Cycle, filters: &[usize], node: &NodeInfo) -> Option<(usize, Refusal)> {
    filters.iter().find_map(|at| (PLUGINS[*at].filter)(cycle, node).map(|refusal| (*at, refusal)))
}

/// The plugins that have nodes to refuse for this pod.
pub fn filters(cycle: &Cycle) -> Vec<usize> {
    (0..PLUGINS.len()).filter(|at| (PLUGINS[*at].filters)(cycle)).collect()
}

/// How many fitting nodes are enough (`percentageOfNodesToScore` at its default).
fn enough(nodes: usize) -> usize {
    if nodes < MIN_NODES {
        return nodes;
    }
    let percent = 50usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(MIN_NODES)
}

/// Looks for the best node for a pod.
pub fn decide(scheduler: &mut Scheduler, store: &Store, pod: &Pod, facts: &Arc<Facts>) -> Decision {
    let mut misfit = Misfit { nodes: scheduler.nodes.list().len(), ..Misfit::default() };
    if misfit.nodes == 0 {
        return Decision::Nowhere(misfit);
    }
    let mut cycle = match prepare(&scheduler.nodes, store, pod, facts) {
        Ok(cycle) => cycle,
        Err((text, plugin)) => {
            misfit.beforehand = Some(text);
            misfit.plugins |= 1 << plugins::place(plugin);
            // The plugins that would say more have worked out nothing, and say so.
            "not found".clone_into(&mut misfit.afterwards);
            return Decision::Nowhere(misfit);
        }
    };
    let named: Option<Vec<&Arc<NodeInfo>>> = node_affinity::named(facts)
        .map(|names| names.iter().filter_map(|name| scheduler.nodes.get(name)).collect());
    if named.is_some() {
        misfit.others = Some(Cow::Borrowed("node(s) didn't satisfy plugin(s) [NodeAffinity]"));
        misfit.plugins |= 1 << plugins::place("NodeAffinity");
    }
    let all: Vec<&Arc<NodeInfo>> = named.unwrap_or_else(|| scheduler.nodes.list().iter().collect());
    let (fitting, looked_at) = find(&cycle, &all, scheduler.start, &scheduler.nominated, &mut misfit);
    if !all.is_empty() {
        scheduler.start = (scheduler.start + looked_at) % all.len();
    }
    if fitting.is_empty() {
        return Decision::Nowhere(misfit);
    }
    let best = if let [only] = fitting.as_slice() {
        only
    } else {
        let scores = scores(&mut cycle, &fitting);
        let most = scores.iter().copied().max().unwrap_or(0);
        let best: Vec<_> = fitting.iter().zip(&scores).filter(|(_, s)| **s == most).collect();
        best[scheduler.random.below(best.len() as u64) as usize].0
    };
    let assignments = volume_binding::assign(&cycle, best).unwrap_or_default();
    Decision::Node(best.name.clone(), assignments)
}

fn find<'a>(
    cycle: &Cycle,
    all: &[&'a Arc<NodeInfo>],
    start: usize,
    nominated: &OrdMap<ObjectName, Nominated>,
    misfit: &mut Misfit,
) -> (Vec<&'a Arc<NodeInfo>>, usize) {
    let filters = filters(cycle);
    let own = nominated.get(&cycle.pod.object_name());
    if let Some(node) = own.and_then(|own| all.iter().find(|n| n.name == own.node))
        && refusal(cycle, &filters, node).is_none()
    {
        return (vec![node], 0);
    }
    let enough = enough(all.len());
    let mut fitting = Vec::with_capacity(enough);
    let mut looked_at = 0;
    for at in 0..all.len() {
        let node = all[(start + at) % all.len()];
        looked_at += 1;
        let found = match with_nominated(cycle, node, nominated) {
            Some(fuller) => refusal(cycle, &filters, &fuller).or_else(|| refusal(cycle, &filters, node)),
            None => refusal(cycle, &filters, node),
        };
        match found {
            None => fitting.push(node),
            Some((plugin, refusal)) => {
                misfit.plugins |= 1 << plugin;
                misfit.refused.push((node.name.clone(), refusal));
            }
        }
        if fitting.len() == enough {
            break;
        }
    }
    (fitting, looked_at)
}

/// The node with the pods of equal or higher priority that are to come to it, if there are any.
fn with_nominated(
    cycle: &Cycle,
    node: &NodeInfo,
    nominated: &OrdMap<ObjectName, Nominated>,
) -> Option<NodeInfo> {
    if nominated.is_empty() {
        return None;
    }
    let own = cycle.pod.object_name();
    let coming: Vec<_> = nominated
        .iter()
        .filter(|(name, n)| n.node == node.name && n.facts.priority >= cycle.facts.priority && **name != own)
        .collect();
    if coming.is_empty() {
        return None;
    }
    let mut fuller = node.clone();
    for (name, n) in coming {
        let (name, facts) = (name.clone(), n.facts.clone());
        fuller.add(super::nodes::Placed {
            name,
            facts,
            set: super::nodes::LabelSetId::MAX,
            terminating: false,
        });
    }
    Some(fuller)
}

/// The nodes' scores, in the order given.
fn scores(cycle: &mut Cycle, fitting: &[&Arc<NodeInfo>]) -> Vec<i64> {
    let mut spread = std::mem::take(&mut cycle.spread);
    pod_topology_spread::before_score(cycle, fitting, &mut spread);
    cycle.spread = spread;
    let mut pods = std::mem::take(&mut cycle.pods);
    inter_pod_affinity::before_score(cycle, &mut pods);
    cycle.pods = pods;
    let mut total = vec![0; fitting.len()];
    let mut scores = Vec::with_capacity(fitting.len());
    for scorer in PLUGINS.iter().filter_map(|p| p.scorer) {
        if !(scorer.applies)(cycle) {
            continue;
        }
        scores.clear();
        scores.extend(fitting.iter().map(|node| (scorer.score)(cycle, node)));
        (scorer.normalize)(&mut scores);
        for (sum, score) in total.iter_mut().zip(&scores) {
            *sum += scorer.weight * score;
        }
    }
    total
}
