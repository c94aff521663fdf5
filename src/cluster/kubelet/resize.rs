//! Resources changed in place: whether the node has them, which containers start again for them, and what the
//! conditions and events say.
//!
//! From `pkg/kubelet/allocation` and `computePodResizeAction`. Simplified: a limit is in force as soon as it is
//! granted, and a lower memory limit is not checked against what is in use.

use super::run::{NEVER, PodRun, Resize, Role, spec_of};
use super::{Context, containers, notes, run, timing};
use crate::cluster::scheduler::facts::{Facts, Resources};
use crate::object::{Pod, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::{Container, Node, PodCondition, PodSpec};
use serde_json::{Value, json};
use std::sync::Arc;

/// Looks whether the pod asks for other resources than it was granted, and brings a resize forward.
pub(super) fn drive(cx: &mut Context, run: &mut PodRun) {
    go_on(cx, run);
    let wanted = cx.pod.spec.shared.clone();
    if Arc::ptr_eq(&run.granted, &wanted) {
        return;
    }
    if !differs(&run.granted, &wanted) {
        run.granted = wanted;
        // What waited is no longer asked for.
        if matches!(run.resize.as_deref(), Some(Resize::Pending { .. })) {
            run.resize = None;
            run.report_by(cx.now);
        }
        return;
    }
    if let Some(Resize::Pending { retry, .. }) = run.resize.as_deref()
        && *retry > cx.now
        && cx.pod.status.observed_generation == cx.pod.metadata.generation
    {
        return;
    }
    match grant(cx) {
        Ok(()) => begin(cx, run, wanted),
        Err((reason, message)) => wait(cx, run, reason, message),
    }
}

/// When a resize is looked at again.
pub(super) fn deadline(run: &PodRun) -> SimTime {
    match run.resize.as_deref() {
        Some(Resize::Pending { retry, reason: "Deferred", .. }) => *retry,
        Some(Resize::InProgress(until)) if run.ending.is_none() => *until,
        _ => NEVER,
    }
}

fn all(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.init_containers.iter().flatten().chain(&spec.containers)
}

fn differs(granted: &PodSpec, wanted: &PodSpec) -> bool {
    all(granted).zip(all(wanted)).any(|(a, b)| a.resources != b.resources)
}

/// Whether the node has what is asked for.
fn grant(cx: &Context) -> Result<(), (&'static str, String)> {
    let asks = Facts::of(&cx.pod.spec).requests;
    let node = cx.cluster.api.store.find::<Node>("", &cx.node);
    let has = Resources::from_list(node.and_then(|n| n.status.as_ref()?.allocatable.as_ref()));
    let over = |p: &Pod| matches!(p.status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let mut used = Resources::default();
    for other in cx.cluster.api.store.pods_on(&cx.node) {
        if other.uid_str() != cx.pod.uid_str() && !over(other) {
            used.add(&Facts::of(&other.spec).requests, 1);
        }
    }
    for (name, asked, used, capacity) in [
        ("cpu", asks.milli_cpu, used.milli_cpu, has.milli_cpu),
        ("memory", asks.memory, used.memory, has.memory),
    ] {
        if asked > capacity {
            let text =
                format!("Node didn't have enough capacity: {name}, requested: {asked}, capacity: {capacity}");
            return Err(("Infeasible", text));
        }
        if asked > capacity - used {
            let text = format!(
                "Node didn't have enough resource: {name}, requested: {asked}, used: {used}, capacity: {capacity}"
            );
            return Err(("Deferred", text));
        }
    }
    Ok(())
}

fn wait(cx: &mut Context, run: &mut PodRun, reason: &'static str, message: String) {
    let before = match run.resize.as_deref() {
        Some(Resize::Pending { reason, message, .. }) => Some((*reason, message.clone())),
        _ => None,
    };
    if before.as_ref().is_none_or(|(r, m)| *r != reason || *m != message) {
        let mut told = summary(&cx.pod);
        told["error"] = json!(message);
        let event = if reason == "Deferred" { "ResizeDeferred" } else { "ResizeInfeasible" };
        notes::of_pod(cx, true, event, format!("Pod resize {reason}: {told}"));
    }
    let retry = cx.now + timing::RESIZE_RETRY;
    run.resize = Some(Box::new(Resize::Pending { reason, message, retry }));
    run.report_by(cx.now);
}

fn begin(cx: &mut Context, run: &mut PodRun, wanted: Arc<PodSpec>) {
    notes::of_pod(cx, false, "ResizeStarted", format!("Pod resize started: {}", summary(&cx.pod)));
    let granted = std::mem::replace(&mut run.granted, wanted);
    let pod = cx.pod.clone();
    let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30);
    for index in 0..run.containers.len() {
        let Some((spec, role)) = spec_of(&pod, index) else { continue };
        let old = all(&granted).find(|c| c.name == spec.name);
        if matches!(role, Role::Ephemeral) || !run.containers[index].is_running() {
            continue;
        }
        if old.is_some_and(|old| needs_restart(old, &spec)) {
            run.containers[index].renew = true;
            containers::stop(
                cx,
                run,
                index,
                grace,
                format!("Container {} resize requires restart", spec.name),
            );
        }
    }
    let until = cx.now + timing::RESIZE + cx.jitter(timing::NOTICE_SPREAD);
    run.resize = Some(Box::new(Resize::InProgress(until)));
    run.report_by(cx.now);
}

/// Whether a resource has changed whose policy is `RestartContainer`.
fn needs_restart(old: &Container, new: &Container) -> bool {
    let of = |container: &Container, name: &str| {
        let resources = container.resources.clone().unwrap_or_default();
        let request = resources.requests.and_then(|r| r.get(name).cloned());
        (request, resources.limits.and_then(|l| l.get(name).cloned()))
    };
    new.resize_policy.iter().flatten().any(|policy| {
        let name = policy.resource_name.as_str();
        policy.restart_policy == "RestartContainer" && of(old, name) != of(new, name)
    })
}

/// Ends a resize once every container has what it was granted.
fn go_on(cx: &mut Context, run: &mut PodRun) {
    let Some(Resize::InProgress(until)) = run.resize.as_deref() else { return };
    if *until > cx.now {
        return;
    }
    let settled = |c: &run::ContainerRun| !c.renew && !c.is_starting() && !is_stopping(c);
    if !run.containers.iter().all(settled) {
        run.resize = Some(Box::new(Resize::InProgress(cx.now + timing::RESIZE)));
        return;
    }
    run.resize = None;
    notes::of_pod(cx, false, "ResizeCompleted", format!("Pod resize completed: {}", summary(&cx.pod)));
    run.report_by(cx.now);
}

fn is_stopping(container: &run::ContainerRun) -> bool {
    matches!(
        container.stage,
        run::Stage::Running { kill: Some(_), .. } | run::Stage::Exited(run::Next::Unseen(_))
    )
}

/// What the events tell of a resize.
fn summary(pod: &Pod) -> Value {
    let of = |container: &Container| {
        let resources =
            serde_json::to_value(container.resources.clone().unwrap_or_default()).unwrap_or_default();
        json!({"name": container.name, "resources": resources})
    };
    let containers: Vec<Value> = pod.spec.containers.iter().map(of).collect();
    json!({"containers": containers, "generation": pod.metadata.generation})
}

/// The condition of a resize that waits or goes on.
pub(super) fn condition(now: SimTime, pod: &Pod, run: &PodRun) -> Option<PodCondition> {
    let (type_, reason, message) = match run.resize.as_deref()? {
        Resize::Pending { reason, message, .. } => ("PodResizePending", Some(*reason), Some(message.clone())),
        Resize::InProgress(_) => ("PodResizeInProgress", None, None),
    };
    let old = pod.status.conditions.iter().flatten().find(|c| c.type_ == type_);
    Some(PodCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: reason.map(str::to_owned),
        message,
        observed_generation: pod.metadata.generation,
        last_probe_time: None,
        last_transition_time: old.and_then(|c| c.last_transition_time.clone()).or_else(|| Some(now.to_api())),
    })
}
