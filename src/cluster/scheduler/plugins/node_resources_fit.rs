//! `NodeResourcesFit`: a node must have left what the pod asks for; the emptier node is the better one
//! (`LeastAllocated` over CPU and memory).

use super::{Cycle, Event, Facts, MAX_SCORE, NodeInfo, Pod, Refusal, Remedy};
use std::borrow::Cow;

/// Refuses a node on which something is missing, and names all that is.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    let short = missing(cycle.facts, node);
    let first = short.first()?;
    let never = |s: &Short| s.never;
    let remedy = if never(first) || short.iter().any(never) { Remedy::Nothing } else { Remedy::Eviction };
    Some(Refusal { remedy, reasons: short.into_iter().map(|s| s.reason).collect() })
}

struct Short {
    reason: Cow<'static, str>,
    /// Whether the node would not do even if it were empty.
    never: bool,
}

fn missing(facts: &Facts, node: &NodeInfo) -> Vec<Short> {
    let mut short = Vec::new();
    if node.pods.len() as i64 + 1 > node.allowed_pods {
        short.push(Short { reason: Cow::Borrowed("Too many pods"), never: false });
    }
    let (asked, used, all) = (&facts.requests, &node.requested, &node.allocatable);
    let mut check = |asked: i64, used: i64, all: i64, reason: &dyn Fn() -> Cow<'static, str>| {
        if asked > 0 && asked > all - used {
            short.push(Short { reason: reason(), never: asked > all });
        }
    };
    let text = Cow::Borrowed;
    check(asked.milli_cpu, used.milli_cpu, all.milli_cpu, &|| text("Insufficient cpu"));
    check(asked.memory, used.memory, all.memory, &|| text("Insufficient memory"));
    check(asked.ephemeral, used.ephemeral, all.ephemeral, &|| text("Insufficient ephemeral-storage"));
    for (name, amount) in &asked.scalar {
        let reason = || Cow::Owned(format!("Insufficient {name}"));
        check(*amount, used.scalar(name), all.scalar(name), &reason);
    }
    short
}

/// The part of CPU and memory that stays free, in hundredths, the mean of both.
pub fn score(cycle: &Cycle, node: &NodeInfo) -> i64 {
    let free = |asked: i64, all: i64| {
        if all == 0 { None } else { Some(if asked > all { 0 } else { (all - asked) * MAX_SCORE / all }) }
    };
    let cpu = free(node.score_milli_cpu + cycle.facts.score_milli_cpu, node.allocatable.milli_cpu);
    let memory = free(node.score_memory + cycle.facts.score_memory, node.allocatable.memory);
    match (cpu, memory) {
        (Some(cpu), Some(memory)) => i64::midpoint(cpu, memory),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => 0,
    }
}

/// A node with more to give, or a pod that gives back what is missing, helps.
pub fn helped(event: &Event, _: &Pod, facts: &Facts) -> bool {
    match event {
        Event::NodeAdded(node) => missing(facts, node).is_empty(),
        Event::NodeChanged(old, node) => {
            let list = old.status.as_ref().and_then(|s| s.allocatable.as_ref());
            let new = node.node.status.as_ref().and_then(|s| s.allocatable.as_ref());
            list != new && missing(facts, node).is_empty()
        }
        Event::PodGone(_) => true,
        _ => false,
    }
}
