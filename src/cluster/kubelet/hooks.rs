//! Lifecycle hooks: postStart and preStop, as processes of their container, sleeps or requests.
//!
//! A hook is asked for while the pod is being synced; its command starts while the pod is in its place, a moment
//! later ([`run_pod`]).

use super::run::{Body, ContainerRun, Hook, Kill, NEVER, PodRun, Stage, spec_of};
use super::{Context, containers, environment, notes, probes, run_mut, run_of, timing};
use crate::cluster::Cluster;
use crate::cluster::network::{HttpCall, Outcome};
use crate::cluster::workload::process::{self, Sink};
use crate::cluster::workload::rootfs::Spot;
use crate::cluster::workload::{images, texts};
use crate::object::{ObjectName, Pod, SECOND, SimTime};
use k8s_openapi::api::core::v1::{HTTPGetAction, LifecycleHandler};
use std::sync::Arc;

/// A hook that is to be run.
pub(super) fn ask(handler: &LifecycleHandler) -> Hook {
    match &handler.sleep {
        Some(sleep) => Hook::Sleep(u64::try_from(sleep.seconds).unwrap_or(0)),
        None if handler.exec.is_some() || handler.http_get.is_some() => Hook::Due,
        None => Hook::Over,
    }
}

/// When a hook moves by itself.
pub(super) fn deadline(hook: Hook) -> SimTime {
    match hook {
        Hook::Due | Hook::Sleep(_) | Hook::Failed => SimTime(0),
        Hook::Until(at) => at,
        Hook::Process(_) | Hook::Over => NEVER,
    }
}

/// Starts the commands of hooks that were asked for.
pub(super) fn run_pod(cluster: &mut Cluster, node: &str, name: &ObjectName) {
    let Some(run) = run_of(cluster, node, name) else { return };
    let due = |c: &ContainerRun| {
        let stop = matches!(&c.stage, Stage::Running { kill: Some(kill), .. } if kill.hook == Hook::Due);
        let begin = c.is_running() && c.body.as_ref().is_some_and(|b| b.post_start == Some(Hook::Due));
        (begin, stop)
    };
    let list: Vec<(usize, bool, bool)> = run
        .containers
        .iter()
        .enumerate()
        .map(|(i, c)| (i, due(c).0, due(c).1))
        .filter(|d| d.1 || d.2)
        .collect();
    if list.is_empty() {
        return;
    }
    let Some(pod) = cluster.api.store.fetch::<Pod>(name).cloned() else { return };
    let now = cluster.now();
    for (index, begin, stop) in list {
        let Some(lifecycle) = spec_of(&pod, index).and_then(|(c, _)| c.lifecycle.clone()) else { continue };
        let spot = Spot { node: Arc::from(node), pod: name.clone(), index };
        for (wanted, handler) in [(begin, lifecycle.post_start), (stop, lifecycle.pre_stop)] {
            let Some(handler) = handler.filter(|_| wanted) else { continue };
            let hook = if let Some(exec) = handler.exec {
                let argv = exec.command.unwrap_or_default();
                process::spawn(cluster, &spot, argv, Sink::Keep(Vec::new())).map_or(Hook::Over, Hook::Process)
            } else if handler.http_get.is_some_and(|get| !asks(cluster, &pod, &spot, &get)) {
                Hook::Failed
            } else {
                Hook::Over
            };
            let Some(container) = run_mut(cluster, node, name).and_then(|r| r.containers.get_mut(index))
            else {
                continue;
            };
            if stop && let Stage::Running { kill: Some(kill), .. } = &mut container.stage {
                // One that is over at once is looked at as one that has just ended.
                kill.hook = if hook == Hook::Over { Hook::Until(now) } else { hook };
            } else if let Some(body) = &mut container.body {
                body.post_start = Some(hook);
            }
        }
    }
}

/// Sends a hook's request. Whether anybody answered: what it said does not matter.
fn asks(cluster: &mut Cluster, pod: &Pod, spot: &Spot, get: &HTTPGetAction) -> bool {
    let Some(run) = run_of(cluster, &spot.node, &spot.pod) else { return false };
    let ip = environment::field_value(cluster, pod, run, "status.podIP");
    let spec = spec_of(pod, spot.index).map(|(spec, _)| spec);
    let Some(port) = spec.and_then(|spec| probes::port_number(&spec, &get.port)) else { return false };
    let host = get.host.clone().filter(|h| !h.is_empty()).unwrap_or_else(|| ip.clone());
    let path = format!("/{}", get.path.as_deref().unwrap_or("").trim_start_matches('/'));
    let mut headers: Vec<(String, String)> =
        get.http_headers.iter().flatten().map(|h| (h.name.clone(), h.value.clone())).collect();
    headers.push(("User-Agent".to_owned(), "kube-lifecycle/1.36".to_owned()));
    let call = HttpCall { method: "GET".to_owned(), host, port, path, headers, body: Vec::new() };
    matches!(probes::send(cluster, spot, &ip, &call), Outcome::Answered(_))
}

/// What became of a hook: `None` while it runs, else its exit status.
fn outcome(body: &Body, hook: Hook, now: SimTime) -> Option<i32> {
    match hook {
        Hook::Over => Some(0),
        Hook::Failed => Some(1),
        Hook::Due | Hook::Sleep(_) => None,
        Hook::Until(at) => (at <= now).then_some(0),
        Hook::Process(pid) => match body.processes.iter().find(|p| p.pid == pid) {
            Some(process) => process.exit,
            None => Some(0),
        },
    }
}

/// A sleep begins when it is first looked at.
fn begun(hook: Hook, now: SimTime) -> Hook {
    if let Hook::Sleep(seconds) = hook { Hook::Until(now.plus_seconds(seconds)) } else { hook }
}

/// Looks after the hooks of a running container, and sends the signals that follow them.
pub(super) fn drive(cx: &mut Context, run: &mut PodRun, index: usize) {
    post_start(cx, run, index);
    let now = cx.now;
    let container = &mut run.containers[index];
    let Stage::Running { kill: Some(kill), .. } = &mut container.stage else { return };
    kill.hook = begun(kill.hook, now);
    let (hook, deadline, waits) = (kill.hook, kill.deadline, kill.waits);
    if deadline <= now {
        // Whoever was not asked yet, for its hook or its turn, still is.
        if hook == Hook::Over && !waits {
            signal_main(container, 9, now);
        } else {
            end_in_time(cx, run, index);
        }
        return;
    }
    if hook == Hook::Over {
        return;
    }
    let Some(status) = container.body.as_ref().and_then(|b| outcome(b, hook, now)) else { return };
    reap(container, hook);
    if let Stage::Running { kill: Some(kill), .. } = &mut container.stage {
        kill.hook = Hook::Over;
    }
    if !waits {
        end_in_time(cx, run, index);
    }
    if status != 0 {
        notes::of_container(cx, index, true, "FailedPreStopHook", "PreStopHook failed");
    }
}

/// Asks a container to end after it was waited for: whole seconds of the wait are taken from its grace, of which
/// [`timing::LEAST_GRACE`] are left in any case (`killContainer` of `kuberuntime_container.go`).
pub(super) fn end_in_time(cx: &mut Context, run: &mut PodRun, index: usize) {
    let Stage::Running { kill: Some(kill), .. } = &mut run.containers[index].stage else { return };
    let left = kill.deadline.since(cx.now).div_ceil(SECOND).max(timing::LEAST_GRACE);
    **kill = Kill { deadline: cx.now.plus_seconds(left), hook: Hook::Over, waits: false };
    ask_to_end(cx, run, index);
}

fn post_start(cx: &mut Context, run: &mut PodRun, index: usize) {
    let now = cx.now;
    let container = &mut run.containers[index];
    let Some(body) = &mut container.body else { return };
    let Some(hook) = body.post_start.filter(|h| *h != Hook::Over) else { return };
    let hook = begun(hook, now);
    body.post_start = Some(hook);
    let Some(status) = outcome(body, hook, now) else { return };
    body.post_start = Some(Hook::Over);
    reap(container, hook);
    if status != 0 {
        notes::of_container(cx, index, true, "FailedPostStartHook", "PostStartHook failed");
        let grace = cx.pod.spec.termination_grace_period_seconds.unwrap_or(30);
        containers::stop(cx, run, index, grace, "FailedPostStartHook".to_owned());
    }
}

fn reap(container: &mut ContainerRun, hook: Hook) {
    if let (Hook::Process(pid), Some(body)) = (hook, &mut container.body) {
        body.processes.retain(|p| p.pid != pid);
    }
}

/// Sends process 1 the signal that its image asks to be stopped with; a server says goodbye.
pub(super) fn ask_to_end(cx: &mut Context, run: &mut PodRun, index: usize) {
    let (pod, now) = (cx.pod.clone(), cx.now);
    let Some((spec, _)) = spec_of(&pod, index) else { return };
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    let container = &mut run.containers[index];
    let serves = container.body.as_ref().is_some_and(|b| process::is_server(b));
    if serves && image.sigterm.is_some() && !image.texts.bye.is_empty() {
        let (name, how, worker) = match image.stop_signal {
            3 => ("SIGQUIT", "shutting down", "gracefully shutting down"),
            _ => ("SIGTERM", "exiting", "signal 15 (SIGTERM) received from 1, exiting"),
        };
        let text = texts::fill(image.texts.bye, &|key| match key {
            "signal" => Some(image.stop_signal.to_string()),
            "signame" => Some(name.to_owned()),
            "how" => Some(how.to_owned()),
            "worker" => Some(worker.to_owned()),
            key => texts::known(key, &pod, &spec, now),
        });
        container.log.get_or_insert_with(Default::default).write(now, text.as_bytes());
    }
    signal_main(container, if serves { image.stop_signal } else { 15 }, now);
}

/// Signals process 1, and with the last signal everything in the container.
pub(super) fn signal_main(container: &mut ContainerRun, signal: i32, now: SimTime) {
    if let Some(body) = &mut container.body {
        process::signal_main(body, signal, now);
    }
}
