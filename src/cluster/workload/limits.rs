//! Memory limits: what a container may hold, and the end of one that holds more.
//!
//! The kernel ends the whole container (`memory.oom.group`), as the kubelet asks of it.

use super::images;
use super::process::{Program, body_mut};
use super::rootfs::Spot;
use super::usage;
use crate::cluster::Cluster;
use crate::cluster::kubelet::run::spec_of;
use crate::cluster::kubelet::run_of;
use crate::object::{Pod, quantity};
use k8s_openapi::api::core::v1::Container;

/// The least memory in which the runtime can start a container.
const LEAST: u64 = 4 << 20;

/// The memory limit of a container: its own, or its pod's.
pub fn of_memory(pod: &Pod, spec: &Container) -> Option<u64> {
    let of_pod = || {
        let limits = pod.spec.resources.as_ref()?.limits.as_ref()?;
        u64::try_from(quantity::of(limits.get("memory")?).units()).ok()
    };
    usage::amount(spec, true, "memory").filter(|l| *l > 0).or_else(of_pod)
}

/// Why a container cannot even begin in its memory limit.
pub fn refusal(pod: &Pod, spec: &Container) -> Option<&'static str> {
    of_memory(pod, spec)
        .is_some_and(|limit| limit < LEAST)
        .then_some("container init was OOM-killed (memory limit too low?)")
}

/// The bytes that a container's loads may hold, beside what its other processes do. `None` without a limit.
pub fn room(cluster: &Cluster, spot: &Spot) -> Option<u64> {
    let pod = spot.object(cluster)?;
    let (spec, _) = spec_of(&pod, spot.index)?;
    let limit = of_memory(&pod, &spec)?;
    let body = run_of(cluster, &spot.node, &spot.pod)?.containers.get(spot.index)?.body.as_ref()?;
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    let all = usage::memory(body, &image, cluster.now());
    let alive = body.processes.iter().filter(|p| p.exit.is_none());
    let loads: u64 = alive
        .filter_map(|p| match &p.program {
            Program::Load(load) => Some(load.memory_at(cluster.now())),
            _ => None,
        })
        .sum();
    Some(limit.saturating_sub(all.saturating_sub(loads)))
}

/// Ends a container that holds more than it may. Whether it did.
pub fn enforce(cluster: &mut Cluster, spot: &Spot) -> bool {
    let now = cluster.now();
    let Some(pod) = spot.object(cluster) else { return false };
    let Some((spec, _)) = spec_of(&pod, spot.index) else { return false };
    let Some(limit) = of_memory(&pod, &spec) else { return false };
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    let Some(body) = body_mut(cluster, spot) else { return false };
    if usage::memory(body, &image, now) <= limit {
        return false;
    }
    end(cluster, spot);
    true
}

/// The kernel ends a container for its memory; the name of its first process.
pub fn end(cluster: &mut Cluster, spot: &Spot) -> Option<String> {
    let body = body_mut(cluster, spot)?;
    body.oom = true;
    for process in &mut body.processes {
        process.exit.get_or_insert(137);
    }
    let name = body.processes.first().and_then(|p| p.argv.first().cloned()).unwrap_or_default();
    Some(name.rsplit('/').next().unwrap_or("").to_owned())
}
