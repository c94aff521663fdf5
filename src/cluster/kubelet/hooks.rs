//! Lifecycle hooks: postStart and preStop, as processes of their container, sleeps or requests.

use super::containers;
use super::run::{Body, ContainerRun, Hook, PodRun, Stage};
use super::{Context, notes};
use crate::cluster::workload::process;
use crate::object::SimTime;
use k8s_openapi::api::core::v1::LifecycleHandler;

/// Starts a hook.
pub(super) fn start(body: &mut Body, handler: &LifecycleHandler, now: SimTime) -> Hook {
    if let Some(exec) = &handler.exec {
        let argv = exec.command.clone().unwrap_or_default();
        return Hook::Process(process::spawn_aside(body, argv, now));
    }
    if let Some(sleep) = &handler.sleep {
        return Hook::Until(now.plus_seconds(u64::try_from(sleep.seconds).unwrap_or(0)));
    }
    // httpGet hooks are asked for once and not waited on.
    Hook::Over
}

/// What became of a hook: `None` while it runs, else its exit status.
fn outcome(body: &Body, hook: Hook, now: SimTime) -> Option<i32> {
    match hook {
        Hook::Over => Some(0),
        Hook::Until(at) => (at <= now).then_some(0),
        Hook::Process(pid) => match body.processes.iter().find(|p| p.pid == pid) {
            Some(process) => process.exit,
            None => Some(0),
        },
    }
}

/// Looks after the hooks of a running container, and sends the signals that follow them.
pub(super) fn drive(cx: &mut Context, run: &mut PodRun, index: usize) {
    post_start(cx, run, index);
    let now = cx.now;
    let container = &mut run.containers[index];
    let Stage::Running { kill: Some(kill), .. } = &container.stage else { return };
    let (hook, deadline) = (kill.hook, kill.deadline);
    if deadline <= now {
        signal_main(container, 9, now);
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
    signal_main(container, 15, now);
    if status != 0 {
        notes::of_container(cx, index, true, "FailedPreStopHook", "PreStopHook failed");
    }
}

fn post_start(cx: &mut Context, run: &mut PodRun, index: usize) {
    let now = cx.now;
    let container = &mut run.containers[index];
    let Some(body) = &mut container.body else { return };
    let Some(hook) = body.post_start.filter(|h| *h != Hook::Over) else { return };
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

/// Signals process 1, and with the last signal everything in the container.
pub(super) fn signal_main(container: &mut ContainerRun, signal: i32, now: SimTime) {
    if let Some(body) = &mut container.body {
        process::signal_main(body, signal, now);
    }
}
