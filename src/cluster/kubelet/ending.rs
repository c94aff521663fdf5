//! The end of a pod: deleted, out of time, evicted, or simply done.

use super::run::{Ending, Hook, Next, PodRun, Role, Sandbox, Stage};
use super::worker::{self, Over};
use super::{Context, containers, hooks, timing};
use crate::apiserver::DeleteOptions;
use crate::object::{Kind, ObjectKey, Pod, SECOND, SimTime};

/// Begins the end of a pod whose deletion was asked for, and notices when its grace was cut short.
pub(super) fn begin_if_asked(cx: &mut Context, run: &mut PodRun) {
    let Some(deletion) = &cx.pod.metadata.deletion_timestamp else {
        out_of_time(cx, run);
        return;
    };
    let grace = cx.pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
    // The deletion's time has whole seconds only: the grace counts from when the kubelet hears of it.
    let asked = SimTime::from_api(deletion);
    match &mut run.ending {
        Some(ending) if ending.object_goes => {
            if grace < ending.grace {
                ending.grace = grace;
                ending.deadline =
                    ending.deadline.min(cx.now.plus_seconds(grace as u64)).min(asked.max(cx.now));
                stop_all(cx, run, grace);
            }
        }
        _ => {
            let deadline = cx.now.plus_seconds(u64::try_from(grace).unwrap_or(0));
            run.ending = Some(Ending { deadline, grace, tidy_at: None, object_goes: true });
            stop_all(cx, run, grace);
        }
    }
}

/// When `activeDeadlineSeconds` is over.
pub(super) fn active_deadline(pod: &Pod, run: &PodRun) -> Option<SimTime> {
    let limit = u64::try_from(pod.spec.active_deadline_seconds?).ok()?;
    (run.ending.is_none() && run.sandbox != Sandbox::Stopped).then(|| run.accepted.plus_seconds(limit))
}

/// `activeDeadlineSeconds`: the pod has failed.
fn out_of_time(cx: &mut Context, run: &mut PodRun) {
    if active_deadline(&cx.pod, run).is_none_or(|due| due > cx.now) {
        return;
    }
    let text = "Pod was active on the node longer than the specified deadline";
    super::notes::of_pod(cx, false, "DeadlineExceeded", text);
    fail(cx, run, "DeadlineExceeded", text.to_owned());
}

/// The kubelet evicts the pod: without grace, since the node is in need.
pub(super) fn evict(cx: &mut Context, run: &mut PodRun, message: String) {
    run.verdict = Some(Box::new(("Evicted", message)));
    run.ending = Some(Ending { deadline: cx.now + SECOND, grace: 1, tidy_at: None, object_goes: false });
    run.report_by(cx.now);
    stop_all(cx, run, 1);
}

/// The kubelet gives the pod up.
pub(super) fn fail(cx: &mut Context, run: &mut PodRun, reason: &'static str, message: String) {
    run.verdict = Some(Box::new((reason, message)));
    let grace = cx.pod.spec.termination_grace_period_seconds.unwrap_or(30);
    let deadline = cx.now.plus_seconds(u64::try_from(grace).unwrap_or(0));
    run.ending = Some(Ending { deadline, grace, tidy_at: None, object_goes: false });
    run.report_by(cx.now);
    stop_all(cx, run, grace);
}

/// Stops every container, sidecars last and the last of them first: all at once, but sidecars wait for their turn.
fn stop_all(cx: &mut Context, run: &mut PodRun, grace: i64) {
    let pod = cx.pod.clone();
    let sidecar = |index: &usize| worker::role(&pod, *index) == Role::Sidecar;
    let (sidecars, others): (Vec<_>, Vec<_>) = (0..run.containers.len()).partition(sidecar);
    for index in others.into_iter().chain(sidecars.into_iter().rev()) {
        containers::stop_with_pod(cx, run, index, grace);
    }
    take_turns(cx, run);
}

/// Asks the sidecars to end whose turn has come: after every main container and every sidecar behind them, and after
/// their own hook. From `kuberuntime_termination_order.go`.
pub(super) fn take_turns(cx: &mut Context, run: &mut PodRun) {
    let pod = cx.pod.clone();
    let mut before =
        run.containers.iter().enumerate().any(|(i, c)| worker::role(&pod, i) == Role::Main && c.is_running());
    for index in (0..run.containers.len()).rev() {
        if worker::role(&pod, index) != Role::Sidecar {
            continue;
        }
        let stage = &run.containers[index].stage;
        let waits = matches!(stage, Stage::Running { kill: Some(k), .. } if k.waits && k.hook == Hook::Over);
        if waits && !before {
            hooks::end_in_time(cx, run, index);
        }
        before |= run.containers[index].is_running();
    }
}

/// Waits for the containers, tidies up, and lets the object go.
pub(super) fn drive(cx: &mut Context, run: &mut PodRun) -> Over {
    containers::drive_ending(cx, run);
    let Some(mut ending) = run.ending else { return Over::No };
    take_turns(cx, run);
    let unseen = |c: &super::run::ContainerRun| matches!(c.stage, Stage::Exited(Next::Unseen(_)));
    if run.containers.iter().any(|c| c.is_running() || unseen(c)) {
        return Over::No;
    }
    let tidy_at = *ending
        .tidy_at
        .get_or_insert_with(|| if ending.grace == 0 { cx.now } else { cx.now + timing::CLEANUP });
    run.ending = Some(ending);
    if tidy_at > cx.now {
        return Over::No;
    }
    if run.sandbox != Sandbox::Stopped {
        run.sandbox = Sandbox::Stopped;
        for container in &mut run.containers {
            container.started = false;
            container.ready = false;
        }
        super::status::write(cx, run);
    }
    if !ending.object_goes {
        run.ending = None;
        return Over::No;
    }
    remove_object(cx, run)
}

/// The last word: the object is deleted without grace. A finalizer may still hold it.
fn remove_object(cx: &mut Context, run: &mut PodRun) -> Over {
    let key = ObjectKey { kind: Kind::Pod, name: cx.name.clone() };
    let uid = Some(run.uid.to_string());
    let options = DeleteOptions { grace_seconds: Some(0), uid, ..DeleteOptions::default() };
    let origin = cx.origin();
    cx.cluster.api.delete(&key, &options, &origin).ok();
    Over::Removed
}

/// A pod whose containers have all ended for good needs no sandbox.
pub(super) fn stop_when_done(cx: &mut Context, run: &mut PodRun) {
    let pod = cx.pod.clone();
    let stays = |c: &super::run::ContainerRun| matches!(c.stage, Stage::Exited(Next::Stay));
    let mut inits_failed = false;
    let mut mains_done = true;
    for (index, container) in run.containers.iter().enumerate() {
        match worker::role(&pod, index) {
            Role::Init => inits_failed |= stays(container) && !container.succeeded(),
            Role::Main => mains_done &= stays(container),
            _ => {}
        }
    }
    if !(mains_done || inits_failed) {
        return;
    }
    // Sidecars are stopped once nothing is left that they serve.
    let running = run.containers.iter().any(super::run::ContainerRun::is_running);
    if running {
        stop_all(cx, run, pod.spec.termination_grace_period_seconds.unwrap_or(30));
    }
    if !running && run.containers.iter().all(|c| !matches!(c.stage, Stage::Exited(Next::Unseen(_)))) {
        run.sandbox = Sandbox::Stopped;
        if run.address != 0 {
            let address = std::mem::take(&mut run.address);
            if let Some(kubelet) = cx.kubelet() {
                kubelet.addresses.remove(&address);
            }
        }
        run.report_by(cx.now);
    }
}
