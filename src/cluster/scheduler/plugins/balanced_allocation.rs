//! `NodeResourcesBalancedAllocation`: a node on which CPU and memory are used to the same part is the better one.

use super::{Cycle, Facts, MAX_SCORE, NodeInfo};

/// Whether the pod asks for neither CPU nor memory: then the plugin is silent.
pub fn asks_nothing(facts: &Facts) -> bool {
    facts.requests.milli_cpu == 0 && facts.requests.memory == 0
}

/// 100 when both parts are equal, less the further they are apart.
pub fn score(cycle: &Cycle, node: &NodeInfo) -> i64 {
    let (asked, used, all) = (&cycle.facts.requests, &node.requested, &node.allocatable);
    let part = |asked: i64, all: i64| (all != 0).then(|| (asked as f64 / all as f64).min(1.0));
    let cpu = part(used.milli_cpu + asked.milli_cpu, all.milli_cpu);
    let memory = part(used.memory + asked.memory, all.memory);
    let deviation = cpu.zip(memory).map_or(0.0, |(c, m)| ((c - m) / 2.0).abs());
    ((1.0 - deviation) * MAX_SCORE as f64) as i64
}
