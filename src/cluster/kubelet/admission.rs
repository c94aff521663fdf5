//! What a kubelet looks at before it takes a pod: a pod may have been bound past the scheduler.
//!
//! From `pkg/kubelet/lifecycle/predicate.go`. A pod that is refused has failed; nobody tries it again.

use super::Context;
use crate::cluster::scheduler::facts::{Facts, Resources};
use crate::cluster::scheduler::plugins::{node_affinity, taint_toleration};
use crate::object::{Pod, meta::MetaExt};
use k8s_openapi::api::core::v1::Node;
use std::sync::Arc;

/// Why a pod is not taken: reason and message.
type Refusal = (&'static str, String);

/// Whether the node takes the pod.
///
/// # Errors
/// The reason and the message that the pod fails with.
pub(super) fn admit(cx: &mut Context) -> Result<(), Refusal> {
    let pod = cx.pod.clone();
    let Some(node) = cx.cluster.api.store.find::<Node>("", &cx.node).cloned() else { return Ok(()) };
    let facts = cx.cluster.scheduler.facts(&pod.spec.shared);
    if !node_affinity::matches(&facts, &node) {
        let text = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
        return Err(("NodeAffinity", text.to_owned()));
    }
    let taints = node.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or(&[]);
    let tolerated = |t: &k8s_openapi::api::core::v1::Taint| {
        t.effect != "NoExecute" || facts.tolerations.iter().any(|own| taint_toleration::tolerates(own, t))
    };
    if !taints.iter().all(tolerated) {
        let text = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
        return Err(("TaintToleration", text.to_owned()));
    }
    if super::eviction::refuses(cx, &pod) {
        return Err(("Evicted", "The node had condition: [MemoryPressure]. ".to_owned()));
    }
    fits(cx, &pod, &node, &facts)?;
    ports_are_free(cx, &pod, &facts)
}

/// The pods that the kubelet has taken beside `pod`.
fn others<'a>(cx: &'a Context, pod: &'a Pod) -> impl Iterator<Item = &'a Arc<Pod>> {
    let over = |p: &Pod| matches!(p.status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let taken =
        |p: &Pod| cx.cluster.kubelets.get(&cx.node).is_some_and(|k| k.pods.contains_key(&p.object_name()));
    let pods = cx.cluster.api.store.pods_on(&cx.node);
    pods.filter(move |p| p.uid_str() != pod.uid_str() && !over(p) && taken(p))
}

/// No two pods have the same port of a node.
fn ports_are_free(cx: &Context, pod: &Pod, facts: &Facts) -> Result<(), Refusal> {
    let taken = |other: &Arc<Pod>| {
        let theirs = Facts::of(&other.spec).ports;
        facts.ports.iter().any(|port| theirs.iter().any(|t| port.conflicts(t)))
    };
    if facts.ports.is_empty() || !others(cx, pod).any(taken) {
        return Ok(());
    }
    let text = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    Err(("NodePorts", text.to_owned()))
}

fn fits(cx: &Context, pod: &Pod, node: &Node, facts: &Facts) -> Result<(), Refusal> {
    let allocatable = node.status.as_ref().and_then(|s| s.allocatable.as_ref());
    let has = Resources::from_list(allocatable);
    let Some(kubelet) = cx.cluster.kubelets.get(&cx.node) else { return Ok(()) };
    let most = super::node::MAX_PODS;
    if kubelet.pods.len() as i64 >= most && others(cx, pod).count() as i64 >= most {
        return Err(("OutOfpods", lacking("pods", 1, most, most)));
    }
    let asks = &facts.requests;
    if asks.milli_cpu == 0 && asks.memory == 0 && asks.scalar.is_empty() {
        return Ok(());
    }
    let mut used = Resources::default();
    for other in others(cx, pod) {
        used.add(&Facts::of(&other.spec).requests, 1);
    }
    if asks.milli_cpu > has.milli_cpu - used.milli_cpu && asks.milli_cpu > 0 {
        return Err(("OutOfcpu", lacking("cpu", asks.milli_cpu, used.milli_cpu, has.milli_cpu)));
    }
    if asks.memory > has.memory - used.memory && asks.memory > 0 {
        return Err(("OutOfmemory", lacking("memory", asks.memory, used.memory, has.memory)));
    }
    for (name, amount) in &asks.scalar {
        if *amount > has.scalar(name) - used.scalar(name) {
            let text = format!(
                "Allocate failed due to requested number of devices unavailable for {name}. Requested: {amount}, Available: {}, which is unexpected",
                (has.scalar(name) - used.scalar(name)).max(0)
            );
            return Err(("UnexpectedAdmissionError", text));
        }
    }
    Ok(())
}

fn lacking(what: &str, requested: i64, used: i64, capacity: i64) -> String {
    format!(
        "Node didn't have enough resource: {what}, requested: {requested}, used: {used}, capacity: {capacity}"
    )
}
