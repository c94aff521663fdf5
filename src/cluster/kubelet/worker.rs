//! The pod worker: one pass over a pod, doing all that is due and asking to be woken for what comes next.

use super::run::{self, NEVER, PodRun, Role, Sandbox, Stage, spec_of};
use super::{
    Context, admission, containers, ending, hooks, notes, probes, resize, statics, status, streams, timing,
    volumes, wake_pod,
};
use crate::cluster::Cluster;
use crate::cluster::workload::process;
use crate::object::{ObjectName, Pod, SimTime, meta::MetaExt};
use std::sync::Arc;

/// A pod's moment has come.
pub(super) fn wake(cluster: &mut Cluster, node: &str, name: &ObjectName) {
    let now = cluster.now();
    let Some(kubelet) = cluster.kubelets.get_mut(node) else { return };
    if kubelet.down.is_some() {
        return;
    }
    if let Some(Some(run)) = kubelet.pods.get_mut(name) {
        if run.wake > now {
            return; // a later wake stands for it
        }
        Arc::make_mut(run).wake = NEVER;
        hooks::run_pod(cluster, node, name);
        process::run_pod(cluster, node, name);
        probes::run_pod(cluster, node, name);
    }
    sync(cluster, node, name);
}

/// Brings the pod nearer to what its object asks for.
fn sync(cluster: &mut Cluster, node: &str, name: &ObjectName) {
    let now = cluster.now();
    let object = cluster.api.store.fetch::<Pod>(name).cloned();
    let object = object.filter(|p| p.spec.node_name.as_deref() == Some(node));
    let Some(kubelet) = cluster.kubelets.get_mut(node) else { return };
    let run = kubelet.pods.get_mut(name).and_then(Option::take);
    let pod = match (object, run) {
        (Some(pod), Some(run)) if *run.uid == *pod.uid_str() => {
            work(cluster, node, name, pod, run, now);
            return;
        }
        // The object is gone, or another pod has its name: the old one's processes end at once.
        (Some(pod), Some(_)) => {
            forget(cluster, node, name);
            pod
        }
        (None, Some(_)) => {
            forget(cluster, node, name);
            return;
        }
        (Some(pod), None) => pod,
        (None, None) => return,
    };
    // Nothing is done for a pod that is over, or that only a finalizer holds.
    let over = matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let held = pod.is_terminating() && pod.metadata.deletion_grace_period_seconds == Some(0);
    if (over && !pod.is_terminating()) || held {
        return;
    }
    if !over && !statics::is_mirror(&pod) && !pod.is_terminating() {
        let mut cx = Context { cluster, node: Arc::from(node), name: name.clone(), pod: pod.clone(), now };
        if let Err((reason, message)) = admission::admit(&mut cx) {
            notes::of_pod(&mut cx, true, reason, message.clone());
            status::refuse(&mut cx, reason, format!("Pod was rejected: {message}"));
            return;
        }
    }
    #[allow(clippy::arc_with_non_send_sync)] // shared by clones of the cluster, never by threads
    let run = Arc::new(PodRun::new(&pod, now));
    work(cluster, node, name, pod, run, now);
}

/// Lets go of all that the node has of a pod.
pub(super) fn forget(cluster: &mut Cluster, node: &str, name: &ObjectName) {
    streams::drop_of_pod(cluster, name);
    let Some(kubelet) = cluster.kubelets.get_mut(node) else { return };
    kubelet.pods.remove(name);
    let given: Vec<u16> = kubelet.addresses.iter().filter(|(_, n)| *n == name).map(|(a, _)| *a).collect();
    for address in given {
        kubelet.addresses.remove(&address);
    }
}

fn work(cluster: &mut Cluster, node: &str, name: &ObjectName, pod: Arc<Pod>, run: Arc<PodRun>, now: SimTime) {
    let mut run = run;
    let node: Arc<str> = Arc::from(node);
    let mut cx = Context { cluster, node: node.clone(), name: name.clone(), pod, now };
    if let Some(kubelet) = cx.kubelet() {
        kubelet.pods.insert(name.clone(), None);
    }
    let object = cx.pod.clone();
    if statics::is_mirror(&object)
        && object.is_terminating()
        && let Some(renewed) = statics::renew(cx.cluster, &node, &object, Arc::make_mut(&mut run))
    {
        cx.pod = renewed;
    }
    let object = cx.pod.clone();
    let over = drive(&mut cx, Arc::make_mut(&mut run));
    if over == Over::Removed {
        // Whoever follows its log reads the last words first.
        if let Some(kubelet) = cx.kubelet() {
            kubelet.pods.insert(name.clone(), Some(run));
        }
        forget(cluster, &node, name);
        return;
    }
    let next = deadline(&object, &run, now);
    if let Some(kubelet) = cluster.kubelets.get_mut(&node) {
        kubelet.pods.insert(name.clone(), Some(run));
    }
    if next < NEVER {
        wake_pod(cluster, &node, name, next.max(SimTime(now.0 + 1)));
    }
}

/// Whether there is anything left of a pod.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// There is.
    No,
    /// Its object is gone.
    Removed,
}

fn drive(cx: &mut Context, run: &mut PodRun) -> Over {
    ending::begin_if_asked(cx, run);
    if run.ending.is_some() {
        if ending::drive(cx, run) == Over::Removed {
            return Over::Removed;
        }
    } else if run.sandbox != Sandbox::Stopped {
        // Ephemeral containers may have been added.
        run.containers.resize_with(run::container_count(&cx.pod).max(run.containers.len()), Default::default);
        volumes::refresh(cx, run);
        drive_sandbox(cx, run);
        if run.sandbox == Sandbox::Ready {
            resize::drive(cx, run);
            containers::drive(cx, run);
            ending::stop_when_done(cx, run);
        }
    }
    if run.report <= cx.now {
        run.report = NEVER;
        status::write(cx, run);
    }
    Over::No
}

/// Volumes, then the sandbox with its address.
fn drive_sandbox(cx: &mut Context, run: &mut PodRun) {
    if let Sandbox::Mounting { at, tries, again } = run.sandbox {
        if at > cx.now {
            return;
        }
        if volumes::mount(cx, run).is_ok() {
            // A pod that is not to be started again gets no other sandbox.
            if again && cx.pod.spec.restart_policy.as_deref() != Some("Never") {
                let text = "Pod sandbox changed, it will be killed and re-created.";
                notes::of_pod(cx, false, "SandboxChanged", text);
            }
            let wait = timing::MOUNT + timing::SANDBOX + cx.jitter(timing::RUNTIME_SPREAD);
            run.sandbox = Sandbox::Starting(cx.now + wait);
        } else {
            let wait = timing::MOUNT_BASE.saturating_mul(1 << tries.min(20)).min(timing::MOUNT_MAX);
            run.sandbox = Sandbox::Mounting { at: cx.now + wait, tries: tries + 1, again };
        }
    }
    if let Sandbox::Starting(at) = run.sandbox
        && at <= cx.now
    {
        run.sandbox = Sandbox::Ready;
        if cx.pod.spec.host_network != Some(true) {
            let name = cx.name.clone();
            run.address = cx.kubelet().map_or(0, |k| k.take_address(&name));
        }
    }
}

/// When something will happen to the pod by itself.
fn deadline(pod: &Pod, run: &PodRun, now: SimTime) -> SimTime {
    let mut next = run.report;
    if let Some(due) = ending::active_deadline(pod, run) {
        next = next.min(due);
    }
    match run.sandbox {
        Sandbox::Mounting { at, .. } | Sandbox::Starting(at) if run.ending.is_none() => next = next.min(at),
        _ => {}
    }
    if let Some(ending) = &run.ending {
        next = next.min(ending.tidy_at.unwrap_or(NEVER));
    }
    let ending = run.ending.is_some();
    let live = run.sandbox == Sandbox::Ready || ending;
    let reached = if ending { run.containers.len() } else { containers::reached(pod, run) };
    let busy = run.containers.iter().any(run::ContainerRun::is_starting);
    for (index, container) in run.containers.iter().enumerate().filter(|_| live) {
        if index < reached || role(pod, index) == Role::Ephemeral {
            // What is due, but waits for another container's start, is looked at when that has moved.
            let own = containers::deadline(container, ending);
            let held = busy && own <= now && containers::waits_to_start(container);
            next = next.min(if held { NEVER } else { own });
        }
        next = next.min(process::deadline(container, now)).min(probes::deadline(container));
    }
    next = next.min(resize::deadline(run));
    if let Some(volumes) = &run.volumes {
        next = next.min(volumes.refresh);
    }
    next
}

/// Whether every init container has done what it is for, sidecars started included. In one sandbox that is so once and
/// for all: after a main container was created a sidecar may begin anew beside it (`hasAnyRegularContainerCreated`).
pub(super) fn initialized(pod: &Pod, run: &PodRun) -> bool {
    let created = |(i, c): (usize, &run::ContainerRun)| c.body.is_some() && role(pod, i) == Role::Main;
    if run.containers.iter().enumerate().any(created) {
        return true;
    }
    run.containers.iter().enumerate().all(|(i, container)| match spec_of(pod, i) {
        Some((_, Role::Init)) => container.succeeded(),
        Some((_, Role::Sidecar)) => container.started || matches!(container.stage, Stage::Exited(_)),
        _ => true,
    })
}

/// The role of a container, `Main` for one that the spec does not have.
pub(super) fn role(pod: &Pod, index: usize) -> Role {
    run::spec_of(pod, index).map_or(Role::Main, |(_, role)| role)
}
