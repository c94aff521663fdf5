//! What pods and nodes use of CPU and memory, as a metrics server reads it from kubelets.
//!
//! Always holds: nothing is kept or woken for it; the figures are worked out when somebody asks. A container that has
//! not run for a whole window has none yet, and a pod without a figure for each of its containers has none at all.

use super::run::spec_of;
use super::run_of;
use crate::cluster::Cluster;
use crate::cluster::workload::images;
use crate::cluster::workload::usage::{self, Usage, WINDOW};
use crate::object::{ObjectName, Pod, SECOND, SimTime, meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::Node;

/// What a node's own services take: the kubelet, the runtime, the system. Usual figures of a small, idle machine.
const SYSTEM: Usage = Usage { cpu_nano: 45_000_000, memory: 410 << 20 };

/// One container's use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerUsage {
    /// The container.
    pub name: String,
    /// What it uses.
    pub usage: Usage,
}

/// The end of the newest window that was measured: `timestamp` of a metrics object. Its `window` is [`WINDOW`].
pub fn measured_at(now: SimTime) -> SimTime {
    SimTime(now.0 / WINDOW * WINDOW)
}

/// What a pod's containers use. `None` for a pod that does not run, or not long enough.
pub fn of_pod(cluster: &Cluster, pod: &Pod) -> Option<Vec<ContainerUsage>> {
    let node = pod.spec.node_name.as_deref()?;
    let kubelet = cluster.kubelets.get(node).filter(|k| k.down.is_none())?;
    if matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let now = cluster.now();
    let share = share_of_cpu(cluster, node);
    let run = kubelet.pods.get(&pod.object_name())?.as_ref()?;
    let mut list = Vec::new();
    for (index, container) in run.containers.iter().enumerate() {
        let Some((spec, role)) = spec_of(pod, index) else { continue };
        let since = match &container.stage {
            super::run::Stage::Running { since, .. } => *since,
            _ if role == super::run::Role::Main => return None,
            _ => continue,
        };
        if now.since(since) < WINDOW {
            return None;
        }
        let image = images::of(spec.image.as_deref().unwrap_or(""));
        let mut usage =
            container.body.as_ref().map_or(Usage::default(), |b| usage::of_body(b, &spec, &image, now));
        usage.cpu_nano = scaled(usage.cpu_nano, share);
        list.push(ContainerUsage { name: spec.name.clone(), usage });
    }
    (!list.is_empty()).then_some(list)
}

/// What a node uses, its pods included. `None` for one without power, or not there.
pub fn of_node(cluster: &Cluster, node: &str) -> Option<Usage> {
    cluster.kubelets.get(node).filter(|k| k.down.is_none())?;
    let asked = SYSTEM + pods_of(cluster, node);
    let cpu = capacity_nano(cluster, node);
    Some(Usage { cpu_nano: asked.cpu_nano.min(cpu), memory: asked.memory.min(memory_of(cluster, node)) })
}

/// The bytes that are available on a node: its memory without what is in use.
pub(super) fn available_memory(cluster: &Cluster, node: &str) -> i64 {
    let used = SYSTEM.memory + pods_of(cluster, node).memory;
    i64::try_from(memory_of(cluster, node)).unwrap_or(0) - i64::try_from(used).unwrap_or(i64::MAX)
}

/// What one pod on a node uses right now, however young.
pub(super) fn right_now(cluster: &Cluster, node: &str, name: &ObjectName) -> Usage {
    let (Some(run), Some(pod)) = (run_of(cluster, node, name), cluster.api.store.fetch::<Pod>(name)) else {
        return Usage::default();
    };
    let of = |(index, container): (usize, &super::run::ContainerRun)| {
        let (spec, _) = spec_of(pod, index)?;
        let body = container.body.as_ref().filter(|_| container.is_running())?;
        let image = images::of(spec.image.as_deref().unwrap_or(""));
        Some(usage::of_body(body, &spec, &image, cluster.now()))
    };
    run.containers.iter().enumerate().filter_map(of).sum()
}

fn pods_of(cluster: &Cluster, node: &str) -> Usage {
    let Some(kubelet) = cluster.kubelets.get(node) else { return Usage::default() };
    kubelet.pods.keys().map(|name| right_now(cluster, node, name)).sum()
}

fn amount_of(cluster: &Cluster, node: &str, name: &str) -> u64 {
    let node = cluster.api.store.find::<Node>("", node);
    let capacity = node.and_then(|n| n.status.as_ref()?.capacity.as_ref()?.get(name).map(quantity::of));
    capacity.map_or(0, |q| u64::try_from(if name == "cpu" { q.milli() } else { q.units() }).unwrap_or(0))
}

pub(super) fn memory_of(cluster: &Cluster, node: &str) -> u64 {
    amount_of(cluster, node, "memory")
}

fn capacity_nano(cluster: &Cluster, node: &str) -> u64 {
    amount_of(cluster, node, "cpu") * (SECOND / 1000)
}

/// Asked and given, when a node has less CPU than its processes ask for.
fn share_of_cpu(cluster: &Cluster, node: &str) -> (u64, u64) {
    let (asked, has) = (pods_of(cluster, node).cpu_nano, capacity_nano(cluster, node));
    (asked, asked.min(has.saturating_sub(SYSTEM.cpu_nano).max(1)))
}

fn scaled(value: u64, (asked, given): (u64, u64)) -> u64 {
    let scaled = u128::from(value) * u128::from(given) / u128::from(asked.max(1));
    if asked <= given { value } else { u64::try_from(scaled).unwrap_or(value) }
}
