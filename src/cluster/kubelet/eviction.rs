//! A node short of memory: its condition, which pods go, and the kernel's last resort.
//!
//! From `pkg/kubelet/eviction`: below 100Mi of available memory one pod goes each round, those first that use more than
//! they asked for, then by priority, then by how much more. When nothing at all is left before that, the kernel ends the
//! container that it thinks least of. Always holds: nobody looks while no pod could fill the node.

use super::run::{ContainerRun, PodRun, Role, spec_of};
use super::{Context, Wake, ending, metrics, node, notes, status, timing, wake_pod};
use crate::cluster::workload::process::Program;
use crate::cluster::workload::usage::{self, Usage};
use crate::cluster::workload::{images, limits};
use crate::cluster::{Cluster, Wake as ClusterWake};
use crate::object::{ObjectName, Pod, SECOND, SimTime};
use k8s_openapi::api::core::v1::PodCondition;
use std::cmp::Reverse;
use std::sync::Arc;

/// `memory.available<100Mi`, the hard threshold of a kubelet that is told nothing else.
const THRESHOLD: i64 = 100 << 20;
/// A container that may come to hold less than this does not bring a node into need.
const LARGE: u64 = 200 << 20;
/// Pods from this priority on are never evicted (`SystemCriticalPriority`).
const CRITICAL: i32 = 2_000_000_000;

/// How a node's memory stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// When it was last short, while the condition stands.
    pub(super) short: Option<SimTime>,
    /// When the eviction manager looks next.
    next: SimTime,
    /// Whether somebody looks at all.
    watched: bool,
}

/// A container has started: if it may grow large, the node's memory is looked at from now on.
pub(super) fn watch(cx: &mut Context, run: &PodRun) {
    let large = run.containers.iter().enumerate().any(|(index, c)| may_hold(&cx.pod, index, c) >= LARGE);
    let (now, node) = (cx.now, cx.node.clone());
    let Some(kubelet) = cx.kubelet().filter(|k| large && !k.memory.watched) else { return };
    kubelet.memory.watched = true;
    kubelet.memory.next = now + timing::EVICTION_PERIOD;
    cx.cluster.queue.push(now + SECOND, ClusterWake::Kubelet(node, Wake::Memory));
}

fn may_hold(pod: &Pod, index: usize, container: &ContainerRun) -> u64 {
    let Some(body) = container.body.as_ref().filter(|_| container.is_running()) else { return 0 };
    let of_image =
        || spec_of(pod, index).map_or(0, |(spec, _)| images::of(spec.image.as_deref().unwrap_or("")).memory);
    let of = |program: &Program| match program {
        Program::Load(load) => load.bytes,
        Program::Server(_) => of_image(),
        _ => 0,
    };
    body.processes.iter().filter(|p| p.exit.is_none()).map(|p| of(&p.program)).sum()
}

/// Looks at what is left.
pub(super) fn look(cluster: &mut Cluster, name: &str) {
    let (now, node) = (cluster.now(), Arc::<str>::from(name));
    let Some(mut memory) = cluster.kubelets.get(name).filter(|k| k.down.is_none()).map(|k| k.memory) else {
        return;
    };
    let available = metrics::available_memory(cluster, name);
    if available <= 0 {
        kernel_kills(cluster, &node);
    }
    if memory.next <= now {
        memory.next = now + timing::EVICTION_PERIOD;
        if available < THRESHOLD {
            if memory.short.is_none() {
                node::post_memory(cluster, &node, true);
                let text = format!("Node {node} status is now: NodeHasInsufficientMemory");
                notes::of_node(cluster, &node, false, "NodeHasInsufficientMemory", text);
            }
            memory.short = Some(now);
            notes::of_node(cluster, &node, true, "EvictionThresholdMet", "Attempting to reclaim memory");
            evict_one(cluster, &node, available);
        } else if memory.short.is_some_and(|at| now.since(at) >= timing::PRESSURE_TRANSITION) {
            memory.short = None;
            node::post_memory(cluster, &node, false);
            let text = format!("Node {node} status is now: NodeHasSufficientMemory");
            notes::of_node(cluster, &node, false, "NodeHasSufficientMemory", text);
        }
    }
    let growing = is_growing(cluster, &node);
    memory.watched = growing || memory.short.is_some() || available < THRESHOLD;
    if let Some(kubelet) = cluster.kubelets.get_mut(name) {
        kubelet.memory = memory;
    }
    if memory.watched {
        let next = if growing { now + SECOND } else { memory.next };
        cluster.queue.push(next, ClusterWake::Kubelet(node, Wake::Memory));
    }
}

/// Whether a container on the node will hold more than it does now.
fn is_growing(cluster: &Cluster, node: &str) -> bool {
    let Some(kubelet) = cluster.kubelets.get(node) else { return false };
    let runs = kubelet.pods.values().flatten();
    runs.flat_map(|r| &r.containers).filter(|c| c.is_running()).any(|container| {
        let processes = container.body.iter().flat_map(|b| &b.processes).filter(|p| p.exit.is_none());
        processes.into_iter().any(|p| match &p.program {
            Program::Load(load) => load.full_at() > cluster.now(),
            Program::Server(server) => server.listens_at > cluster.now(),
            _ => false,
        })
    })
}

/// Whether a node under pressure refuses the pod.
pub(super) fn refuses(cx: &mut Context, pod: &Pod) -> bool {
    let short = cx.kubelet().is_some_and(|k| k.memory.short.is_some());
    let tolerates = pod.spec.tolerations.iter().flatten().any(|t| {
        t.operator.as_deref() == Some("Exists")
            && t.key.as_deref().is_none_or(|k| k.is_empty() || k == "node.kubernetes.io/memory-pressure")
    });
    short && !is_critical(pod) && status::qos_class(pod) == "BestEffort" && !tolerates
}

fn is_critical(pod: &Pod) -> bool {
    super::statics::is_mirror(pod) || pod.spec.priority.unwrap_or(0) >= CRITICAL
}

fn request_of(pod: &Pod) -> u64 {
    let containers = pod.spec.containers.iter().chain(pod.spec.init_containers.iter().flatten());
    containers.filter_map(|c| usage::amount(c, false, "memory")).sum()
}

/// Evicts the pod that comes first.
fn evict_one(cluster: &mut Cluster, node: &Arc<str>, available: i64) {
    let Some(kubelet) = cluster.kubelets.get(&**node) else { return };
    let alive = |run: &PodRun| run.ending.is_none() && run.containers.iter().any(ContainerRun::is_running);
    let names = kubelet.pods.iter().filter(|(_, r)| r.as_deref().is_some_and(alive)).map(|(n, _)| n.clone());
    let ranked = names.filter_map(|name| {
        let pod = cluster.api.store.fetch::<Pod>(&name)?;
        let (used, asked) = (metrics::right_now(cluster, node, &name).memory, request_of(pod));
        let rank = (used <= asked, pod.spec.priority.unwrap_or(0), Reverse(used.saturating_sub(asked)));
        (!is_critical(pod)).then_some((rank, name))
    });
    let Some((_, name)) = ranked.min() else { return };
    evict(cluster, node, &name, available);
}

fn evict(cluster: &mut Cluster, node: &Arc<str>, name: &ObjectName, available: i64) {
    let now = cluster.now();
    let Some(pod) = cluster.api.store.fetch::<Pod>(name).cloned() else { return };
    let Some(mut run) =
        cluster.kubelets.get_mut(&**node).and_then(|k| k.pods.get_mut(name)).and_then(Option::take)
    else {
        return;
    };
    let mut message = format!(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: {}Ki. ",
        available.max(0) >> 10
    );
    for (index, container) in run.containers.iter().enumerate() {
        let Some((spec, _)) = spec_of(&pod, index) else { continue };
        let image = images::of(spec.image.as_deref().unwrap_or(""));
        let body = container.body.as_ref().filter(|_| container.is_running());
        let used = body.map_or(Usage::default(), |b| usage::of_body(b, &spec, &image, now)).memory;
        let asked = usage::amount(&spec, false, "memory").unwrap_or(0);
        if used > asked {
            let request = spec.resources.as_ref().and_then(|r| r.requests.as_ref()?.get("memory"));
            message.push_str(&format!(
                "Container {} was using {}Ki, request is {}, has larger consumption of memory. ",
                spec.name,
                used >> 10,
                request.map_or("0", |q| q.0.as_str())
            ));
        }
    }
    let mut cx = Context { cluster, node: node.clone(), name: name.clone(), pod, now };
    notes::of_pod(&mut cx, true, "Evicted", message.clone());
    ending::evict(&mut cx, Arc::make_mut(&mut run), message);
    if let Some(kubelet) = cluster.kubelets.get_mut(&**node) {
        kubelet.pods.insert(name.clone(), Some(run));
    }
    wake_pod(cluster, node, name, now + 1);
}

/// The condition of a pod that its kubelet has evicted.
pub(super) fn condition(now: SimTime, pod: &Pod, run: &PodRun) -> Option<PodCondition> {
    let (reason, message) = run.verdict.as_deref()?;
    let there = pod.status.conditions.iter().flatten().any(|c| c.type_ == "DisruptionTarget");
    (*reason == "Evicted" && !there).then(|| PodCondition {
        type_: "DisruptionTarget".to_owned(),
        status: "True".to_owned(),
        reason: Some("TerminationByKubelet".to_owned()),
        message: Some(message.clone()),
        observed_generation: pod.metadata.generation,
        last_probe_time: None,
        last_transition_time: Some(now.to_api()),
    })
}

/// The kernel ends the container with the highest score: what it holds of the node, and what its class is worth.
fn kernel_kills(cluster: &mut Cluster, node: &Arc<str>) {
    let now = cluster.now();
    let Some(kubelet) = cluster.kubelets.get(&**node) else { return };
    let capacity = metrics::memory_of(cluster, node).max(1);
    let mut worst: Option<(u64, ObjectName, usize)> = None;
    for (name, run) in &kubelet.pods {
        let (Some(run), Some(pod)) = (run.as_deref(), cluster.api.store.fetch::<Pod>(name)) else { continue };
        for (index, container) in run.containers.iter().enumerate() {
            let Some((spec, role)) = spec_of(pod, index) else { continue };
            let Some(body) = container.body.as_ref().filter(|_| container.is_running()) else { continue };
            let image = images::of(spec.image.as_deref().unwrap_or(""));
            let used = usage::memory(body, &image, now);
            let adjustment = match status::qos_class(pod) {
                _ if is_critical(pod) || role == Role::Ephemeral => 0,
                "Guaranteed" => 3,
                "BestEffort" => 2000,
                _ => {
                    2000 - (1000 * usage::amount(&spec, false, "memory").unwrap_or(0) / capacity)
                        .clamp(1, 998)
                }
            };
            let score = 1000 * used / capacity + adjustment;
            if worst.as_ref().is_none_or(|(most, _, _)| score > *most) {
                worst = Some((score, name.clone(), index));
            }
        }
    }
    let Some((_, name, index)) = worst else { return };
    let spot = crate::cluster::workload::rootfs::Spot { node: node.clone(), pod: name.clone(), index };
    if let Some(victim) = limits::end(cluster, &spot) {
        let text =
            format!("System OOM encountered, victim process: {victim}, pid: {}", 4000 + now.0 % 20_000);
        notes::of_node(cluster, node, true, "SystemOOM", text);
        wake_pod(cluster, node, &name, now + 1);
    }
}
