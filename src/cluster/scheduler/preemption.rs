//! `DefaultPreemption`: a pod that fits nowhere may push out pods of lower priority.
//!
//! From `pkg/scheduler/framework/preemption`: on each node where it could help, the fewest and least important pods
//! that must go are found; then the node where that hurts least is taken.

use super::Scheduler;
use super::cycle::{Misfit, filters, prepare, refusal};
use super::facts::Facts;
use super::nodes::{Nodes, Placed};
use super::plugins::{Refusal, Remedy};
use crate::apiserver::Store;
use crate::object::selector::Selector;
use crate::object::{ObjectName, Pod, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::PodCondition;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use std::cmp::Reverse;
use std::sync::Arc;

/// Why a pod was pushed out: the reason of its condition `DisruptionTarget`.
pub const REASON: &str = "PreemptionByScheduler";
/// At least so many nodes are tried.
const MIN_CANDIDATES: usize = 100;

/// What preemption came to.
pub enum Preemption {
    /// These pods are to go from this node.
    Victims(Arc<str>, Vec<ObjectName>),
    /// It does not help; the text says why.
    No(String),
}

struct Candidate {
    node: Arc<str>,
    victims: Vec<Arc<Pod>>,
    violations: usize,
}

/// Looks for pods whose going would let `pod` in.
pub fn preempt(
    scheduler: &mut Scheduler,
    store: &Store,
    pod: &Pod,
    facts: &Arc<Facts>,
    misfit: &Misfit,
) -> Preemption {
    if pod.spec.preemption_policy.as_deref() == Some("Never") {
        return Preemption::No("not eligible due to preemptionPolicy=Never.".to_owned());
    }
    if waits_for_victims(scheduler, store, pod, facts) {
        return Preemption::No("not eligible due to terminating pod on the nominated node.".to_owned());
    }
    let possible: Vec<&Arc<str>> =
        misfit.refused.iter().filter(|(_, r)| r.remedy == Remedy::Eviction).map(|(n, _)| n).collect();
    let tries = (possible.len() / 10).max(MIN_CANDIDATES);
    let offset = scheduler.random.below(possible.len() as u64) as usize;
    let mut candidates = Vec::new();
    let mut answer = Misfit { nodes: misfit.nodes, ..Misfit::default() };
    answer.others = Some("Preemption is not helpful for scheduling".into());
    for at in 0..possible.len() {
        let node = possible[(offset + at) % possible.len()];
        match victims(&scheduler.nodes, store, pod, facts, node) {
            Ok(candidate) => candidates.push(candidate),
            Err(refusal) => answer.refused.push((node.clone(), refusal)),
        }
        if candidates.len() >= tries {
            break;
        }
    }
    match best(candidates) {
        Some(c) => Preemption::Victims(c.node, c.victims.iter().map(|v| v.object_name()).collect()),
        None => Preemption::No(answer.message()),
    }
}

fn waits_for_victims(scheduler: &Scheduler, store: &Store, pod: &Pod, facts: &Facts) -> bool {
    let Some(nominated) = scheduler.nominated.get(&pod.object_name()) else { return false };
    let node = scheduler.nodes.get(&nominated.node);
    let pushed_out = |name: &ObjectName| {
        let conditions = store.fetch::<Pod>(name).and_then(|pod| pod.status.conditions.as_ref());
        let ours = |c: &PodCondition| c.type_ == "DisruptionTarget" && c.reason.as_deref() == Some(REASON);
        conditions.is_some_and(|all| all.iter().any(|c| ours(c) && c.status == "True"))
    };
    node.is_some_and(|n| {
        let mut lesser = n.pods.iter().filter(|p| p.terminating && p.facts.priority < facts.priority);
        lesser.any(|p| pushed_out(&p.name))
    })
}

/// The pods that must go from a node, the least important that suffice.
fn victims(
    nodes: &Nodes,
    store: &Store,
    pod: &Pod,
    facts: &Arc<Facts>,
    node: &Arc<str>,
) -> Result<Candidate, Refusal> {
    let none = Refusal {
        remedy: Remedy::Nothing,
        reasons: vec!["No preemption victims found for incoming pod".into()],
    };
    let Some(info) = nodes.get(node) else { return Err(none) };
    let lower = |p: &&Placed| p.facts.priority < facts.priority;
    let mut lesser: Vec<Arc<Pod>> =
        info.pods.iter().filter(lower).filter_map(|p| store.fetch::<Pod>(&p.name).cloned()).collect();
    if lesser.is_empty() {
        return Err(none);
    }
    let mut emptier = nodes.clone();
    for victim in &lesser {
        emptier.take(&victim.object_name(), node);
    }
    if let Some(refusal) = try_fit(&emptier, store, pod, facts, node) {
        return Err(refusal);
    }
    // The most important come back first; those whose disruption budget would be broken before the others. They are
    // also the first to use a budget up.
    let importance = |p: &Arc<Pod>| (Reverse(priority(p)), started(p));
    lesser.sort_by_key(importance);
    let protected = protected(store, &lesser);
    lesser.sort_by_key(|p| !protected.contains(&p.object_name()));
    let mut going = Vec::new();
    let mut violations = 0;
    for victim in lesser {
        emptier.place(&victim, node);
        if try_fit(&emptier, store, pod, facts, node).is_some() {
            emptier.take(&victim.object_name(), node);
            violations += usize::from(protected.contains(&victim.object_name()));
            going.push(victim);
        }
    }
    going.sort_by_key(importance);
    Ok(Candidate { node: node.clone(), victims: going, violations })
}

/// When the pod started; one that has not is the youngest.
fn started(pod: &Pod) -> SimTime {
    pod.status.start_time.as_ref().map_or(SimTime(u64::MAX), SimTime::from_api)
}

fn priority(pod: &Pod) -> i32 {
    pod.spec.priority.unwrap_or(0)
}

fn try_fit(nodes: &Nodes, store: &Store, pod: &Pod, facts: &Facts, node: &str) -> Option<Refusal> {
    let cycle = prepare(nodes, store, pod, facts).ok()?;
    let filters = filters(&cycle);
    refusal(&cycle, &filters, nodes.get(node)?).map(|(_, refusal)| refusal)
}

/// The pods whose going would break a disruption budget.
fn protected(store: &Store, pods: &[Arc<Pod>]) -> Vec<ObjectName> {
    let mut budgets: Vec<(Arc<PodDisruptionBudget>, i32)> = store
        .all::<PodDisruptionBudget>()
        .map(|b| (b.clone(), b.status.as_ref().and_then(|s| s.disruptions_allowed).unwrap_or(0)))
        .collect();
    let mut protected = Vec::new();
    for pod in pods {
        let mut breaks = false;
        for (budget, allowed) in &mut budgets {
            if covers(budget, pod) {
                *allowed -= 1;
                breaks |= *allowed < 0;
            }
        }
        if breaks {
            protected.push(pod.object_name());
        }
    }
    protected
}

/// Whether the pod's going counts against the budget: not if its eviction has been counted already.
fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let Some(selector) = budget.spec.as_ref().and_then(|s| s.selector.as_ref()) else { return false };
    let empty = selector.match_labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty);
    let counted = budget.status.as_ref().and_then(|s| s.disrupted_pods.as_ref());
    budget.namespace_str() == pod.namespace_str()
        && !empty
        && !pod.labels_map().is_empty()
        && Selector::from_api(Some(selector)).matches(pod.labels_map())
        && counted.is_none_or(|pods| !pods.contains_key(pod.name_str()))
}

/// The candidate that hurts least: broken budgets, highest priority, sum of priorities, number of pods, and then the
/// one whose most important pods started last.
fn best(candidates: Vec<Candidate>) -> Option<Candidate> {
    candidates.into_iter().min_by_key(|c| {
        let highest = c.victims.first().map_or(i32::MIN, |v| priority(v));
        let sum: i64 = c.victims.iter().map(|v| i64::from(priority(v)) + i64::from(i32::MAX) + 1).sum();
        let earliest = c.victims.iter().filter(|v| priority(v) == highest).map(|v| started(v)).min();
        (c.violations, highest, sum, c.victims.len(), Reverse(earliest))
    })
}
