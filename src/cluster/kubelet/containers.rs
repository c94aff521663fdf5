//! One container's way: pull, create, start, run, end, and again by its restart policy.

use super::run::{Body, ContainerRun, Ended, Hook, Kill, NEVER, Next, PodRun, Role, Stage, spec_of};
use super::{Context, environment, notes, probes, restart, timing, worker};
use crate::cluster::workload::rootfs::{self, Spot};
use crate::cluster::workload::{images, process};
use crate::object::{Pod, SECOND, SimTime, hash::fnv32a, meta::MetaExt};
use k8s_openapi::api::core::v1::Container;
use std::borrow::Cow;
use std::sync::Arc;

/// Moves every container on, in the spec's order: init containers one after the other, then the others, each pulled
/// and started before the next.
pub(super) fn drive(cx: &mut Context, run: &mut PodRun) {
    let pod = cx.pod.clone();
    let mut busy = false;
    let initialized = worker::initialized(&pod, run);
    // Whoever looks into a pod need not wait for its init containers.
    for index in 0..run.containers.len() {
        if worker::role(&pod, index) == Role::Ephemeral {
            advance(cx, run, index, busy);
            busy |= run.containers[index].is_starting();
        }
    }
    for index in 0..run.containers.len() {
        let Some((_, role)) = spec_of(&pod, index) else { break };
        if role == Role::Ephemeral {
            continue;
        }
        let finished_init = role == Role::Init && run.containers[index].succeeded();
        if !finished_init {
            advance(cx, run, index, busy);
        }
        busy |= run.containers[index].is_starting();
        if blocks(role, &run.containers[index], initialized) {
            break;
        }
    }
}

/// Whether the containers behind one have to wait for it.
fn blocks(role: Role, container: &ContainerRun, initialized: bool) -> bool {
    match role {
        Role::Init => !container.succeeded(),
        Role::Sidecar => !initialized && !container.started,
        Role::Main | Role::Ephemeral => false,
    }
}

/// How many containers [`drive`] comes to: those up to the first that the others have to wait for.
pub(super) fn reached(pod: &Pod, run: &PodRun) -> usize {
    let initialized = worker::initialized(pod, run);
    let stops = |(i, c): (usize, &ContainerRun)| blocks(worker::role(pod, i), c, initialized);
    run.containers.iter().enumerate().position(stops).map_or(run.containers.len(), |at| at + 1)
}

/// Whether it is to be started as soon as no other container is being started.
pub(super) fn waits_to_start(container: &ContainerRun) -> bool {
    matches!(container.stage, Stage::Refused { .. } | Stage::Exited(Next::Restart { .. }))
}

/// Moves the containers of an ending pod on: none is started any more.
pub(super) fn drive_ending(cx: &mut Context, run: &mut PodRun) {
    for index in 0..run.containers.len() {
        if run.containers[index].is_starting() {
            let container = &mut run.containers[index];
            container.stage =
                if container.ended.is_some() { Stage::Exited(Next::Stay) } else { Stage::Blocked };
        }
        if run.containers[index].is_running() {
            running(cx, run, index);
        }
        if let Stage::Exited(next @ Next::Unseen(_)) = run.containers[index].stage {
            exited(cx, run, index, next, true);
        }
    }
}

/// When a container's stage changes by itself.
pub(super) fn deadline(container: &ContainerRun, ending: bool) -> SimTime {
    match &container.stage {
        Stage::Pulling { done, .. } if !ending => *done,
        Stage::Refused { retry, .. } if !ending => *retry,
        Stage::Creating(at) if !ending => *at,
        Stage::Running { kill: Some(kill), .. } => super::hooks::deadline(kill.hook).min(kill.deadline),
        Stage::Running { .. } => {
            container.body.as_ref().and_then(|b| b.post_start).map_or(NEVER, super::hooks::deadline)
        }
        Stage::Exited(Next::Unseen(at)) => *at,
        Stage::Exited(Next::Restart { at, shown, event }) if !ending => (*at).min(*shown).min(*event),
        _ => NEVER,
    }
}

fn advance(cx: &mut Context, run: &mut PodRun, index: usize, busy: bool) {
    // Each round is one stage; no container goes through more at one moment.
    for _ in 0..6 {
        let now = cx.now;
        let moved = match &run.containers[index].stage {
            Stage::Blocked if !busy => {
                begin(cx, run, index);
                true
            }
            Stage::Pulling { done, .. } if *done <= now => {
                pulled(cx, run, index);
                true
            }
            Stage::Refused { retry, .. } if *retry <= now && !busy => {
                begin(cx, run, index);
                true
            }
            Stage::Creating(at) if *at <= now => {
                start(cx, run, index);
                true
            }
            Stage::Running { .. } => running(cx, run, index),
            Stage::Exited(next) => exited(cx, run, index, *next, busy),
            _ => false,
        };
        if !moved {
            return;
        }
    }
}

fn container_spec(pod: &Pod, index: usize) -> Option<Cow<'_, Container>> {
    spec_of(pod, index).map(|(container, _)| container)
}

/// Looks for the image: pulls it, takes it, or says what is wrong.
fn begin(cx: &mut Context, run: &mut PodRun, index: usize) {
    let pod = cx.pod.clone();
    let Some(spec) = container_spec(&pod, index) else { return };
    let name = spec.image.as_deref().unwrap_or("");
    let Some(reference) = images::Reference::parse(name) else {
        let message = format!(
            "Failed to apply default image tag \"{name}\": couldn't parse image name \"{name}\": invalid reference format"
        );
        notes::of_container(cx, index, true, "InspectFailed", message.clone());
        notes::of_container(cx, index, true, "Failed", "Error: InvalidImageName");
        refuse(cx, run, index, "InvalidImageName", message);
        return;
    };
    let full: Arc<str> = Arc::from(reference.full());
    let present = cx.kubelet().is_some_and(|k| k.images.contains(&full));
    let policy = spec.image_pull_policy.as_deref().unwrap_or("IfNotPresent");
    if present && policy != "Always" {
        let text =
            format!("Container image \"{name}\" already present on machine and can be accessed by the pod");
        notes::of_container(cx, index, false, "Pulled", text);
        create(cx, run, index);
        return;
    }
    if policy == "Never" {
        let message = format!("Container image \"{name}\" is not present with pull policy of Never");
        notes::of_container(cx, index, true, "ErrImageNeverPull", message.clone());
        notes::of_container(cx, index, true, "Failed", "Error: ErrImageNeverPull");
        refuse(cx, run, index, "ErrImageNeverPull", message);
        return;
    }
    let backoff = run.containers[index].pull_backoff;
    if backoff.holds(backoff.updated, cx.now) {
        back_off_pull(cx, run, index, name);
        return;
    }
    notes::of_container(cx, index, false, "Pulling", format!("Pulling image \"{name}\""));
    let (asked, jitter) = (cx.now, cx.jitter(timing::PULL_RESOLVE / 5));
    let coming = present || cx.kubelet().is_some_and(|k| k.pulling.contains_key(&full));
    let took = match images::pull(&reference) {
        // What is there, or comes with another pod's pull, needs no second download.
        Ok(_) if coming => timing::PULL_RESOLVE / 2,
        Ok(bytes) => timing::PULL_RESOLVE + bytes.saturating_mul(SECOND) / timing::PULL_BYTES_PER_SECOND,
        Err(_) => timing::PULL_REFUSED,
    };
    let took = took + jitter;
    let began = cx.kubelet().map_or(asked, |k| {
        let began = k.pulls_until.max(asked);
        k.pulls_until = began + took;
        k.pulling.insert(full, began + took);
        began
    });
    run.containers[index].stage = Stage::Pulling { asked, began, done: began + took };
}

fn back_off_pull(cx: &mut Context, run: &mut PodRun, index: usize, name: &str) {
    let text = format!("Back-off pulling image \"{name}\"");
    notes::of_container(cx, index, false, "BackOff", text.clone());
    notes::of_container(cx, index, true, "Failed", "Error: ImagePullBackOff");
    let why = match &run.containers[index].stage {
        Stage::Refused { message, reason: "ErrImagePull", .. } => format!("{text}: ErrImagePull: {message}"),
        Stage::Refused { message, .. } => message.to_string(),
        _ => text,
    };
    let backoff = run.containers[index].pull_backoff;
    let wait = timing::BACKOFF_PERIOD + cx.jitter(timing::BACKOFF_SPREAD);
    let retry = (cx.now + wait).min((backoff.updated + backoff.wait).max(cx.now + 1));
    run.containers[index].stage =
        Stage::Refused { reason: "ImagePullBackOff", message: Arc::from(why), retry };
    run.report_by(cx.now);
}

/// A pull is over.
fn pulled(cx: &mut Context, run: &mut PodRun, index: usize) {
    let pod = cx.pod.clone();
    let Some(spec) = container_spec(&pod, index) else { return };
    let name = spec.image.as_deref().unwrap_or("");
    let Stage::Pulling { asked, began, done } = run.containers[index].stage else { return };
    let Some(reference) = images::Reference::parse(name) else { return };
    match images::pull(&reference) {
        Ok(bytes) => {
            let (work, all) = (seconds(done.since(began)), seconds(done.since(asked)));
            let text = format!(
                "Successfully pulled image \"{name}\" in {work} ({all} including waiting). Image size: {bytes} bytes."
            );
            notes::of_container(cx, index, false, "Pulled", text);
            let full: Arc<str> = Arc::from(reference.full());
            if let Some(kubelet) = cx.kubelet() {
                kubelet.pulling.remove(&full);
                kubelet.images.insert(full);
            }
            create(cx, run, index);
        }
        Err(why) => {
            notes::of_container(cx, index, true, "Failed", format!("Failed to pull image \"{name}\": {why}"));
            notes::of_container(cx, index, true, "Failed", "Error: ErrImagePull");
            run.containers[index].pull_backoff.raise(cx.now, cx.now);
            refuse(cx, run, index, "ErrImagePull", why);
            if let Stage::Refused { retry, .. } = &mut run.containers[index].stage {
                *retry = cx.now + timing::NEXT_SYNC;
            }
        }
    }
}

/// A duration as Go prints it, to the millisecond: `1.234s`, `980ms`.
fn seconds(nanos: u64) -> String {
    let millis = (nanos + 500_000) / 1_000_000;
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let fraction = format!("{:03}", millis % 1000);
    let fraction = fraction.trim_end_matches('0');
    let whole = match millis / 1000 {
        s if s >= 60 => format!("{}m{}", s / 60, s % 60),
        s => s.to_string(),
    };
    if fraction.is_empty() { format!("{whole}s") } else { format!("{whole}.{fraction}s") }
}

fn refuse(cx: &mut Context, run: &mut PodRun, index: usize, reason: &'static str, message: String) {
    let retry = cx.now + timing::BACKOFF_PERIOD + cx.jitter(timing::BACKOFF_SPREAD);
    run.containers[index].stage = Stage::Refused { reason, message: Arc::from(message), retry };
    run.report_by(cx.now);
}

/// The image is there: the container's configuration is made.
fn create(cx: &mut Context, run: &mut PodRun, index: usize) {
    let pod = cx.pod.clone();
    let Some(spec) = container_spec(&pod, index) else { return };
    let made =
        restart::verify_user(&pod, &spec).and_then(|()| environment::of_spec(cx.cluster, &pod, &spec, run));
    match made {
        Ok(env) => {
            let pinned = rootfs::pins(cx.cluster, &pod, &spec, run);
            let container = &mut run.containers[index];
            if container.ended.as_ref().is_some_and(|e| e.attempt == container.restarts) {
                container.restarts += 1;
            }
            if let Some(log) = container.log.take() {
                container.previous_log = Some(Arc::new(*log));
            }
            container.body = Some(Box::new(Body {
                next_pid: 1,
                env,
                pinned,
                image: image_hash(&spec),
                ..Body::default()
            }));
            let at = cx.now + timing::CREATE + cx.jitter(timing::RUNTIME_SPREAD);
            run.containers[index].stage = Stage::Creating(at);
        }
        Err(why) => {
            notes::of_container(cx, index, true, "Failed", format!("Error: {why}"));
            refuse(cx, run, index, "CreateContainerConfigError", why);
        }
    }
}

/// Created and started: its first process runs.
fn start(cx: &mut Context, run: &mut PodRun, index: usize) {
    let pod = cx.pod.clone();
    let Some(spec) = container_spec(&pod, index) else { return };
    notes::of_container(cx, index, false, "Created", "Container created");
    match process::main_process(cx.cluster, &pod, &spec, run, index) {
        Ok(main) => {
            notes::of_container(cx, index, false, "Started", "Container started");
            let hook = spec.lifecycle.as_ref().and_then(|l| l.post_start.as_ref());
            let now = cx.now;
            let container = &mut run.containers[index];
            container.stage = Stage::Running { since: now, kill: None };
            container.last = container.ended.take().or_else(|| container.last.take());
            if let Some(body) = &mut container.body {
                body.processes = vec![main];
                body.next_pid = 40;
                body.post_start = hook.map(super::hooks::ask);
            }
            container.probes =
                probes::start(&spec, worker::role(&pod, index), (run.accepted, now), &mut |s| cx.jitter(s));
            let container = &mut run.containers[index];
            settle_started(&spec, container);
            super::eviction::watch(cx, run);
            // Processes do their first steps at once.
            run.report_by(now + timing::NOTICE + cx.jitter(timing::NOTICE_SPREAD));
        }
        Err(why) => {
            // What cannot be found is noticed by the container's own init.
            let init = if why.starts_with("exec: ") { "error during container init: " } else { "" };
            let text = format!(
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: {init}{why}"
            );
            notes::of_container(cx, index, true, "Failed", format!("Error: {text}"));
            let ended = Ended {
                code: 128,
                reason: "StartError",
                message: Some(text),
                started: SimTime(0),
                finished: cx.now,
                attempt: run.containers[index].restarts,
            };
            end(cx, run, index, ended);
        }
    }
}

/// Whether startup is over, and what readiness is without a probe.
pub(super) fn settle_started(spec: &Container, container: &mut ContainerRun) {
    let hook_over = container.body.as_ref().is_none_or(|b| matches!(b.post_start, None | Some(Hook::Over)));
    if !container.started && hook_over && (spec.startup_probe.is_none() || probes::startup_passed(container))
    {
        container.started = true;
    }
    container.ready = container.is_running()
        && container.started
        && (spec.readiness_probe.is_none() || probes::is_ready(container));
}

/// A running container: hooks, signals, its end.
fn running(cx: &mut Context, run: &mut PodRun, index: usize) -> bool {
    let pod = cx.pod.clone();
    let Some(spec) = container_spec(&pod, index) else { return false };
    if let Some(code) = run.containers[index].body.as_ref().and_then(|b| process::main_exit(b)) {
        main_ended(cx, run, index, code);
        return true;
    }
    super::hooks::drive(cx, run, index);
    let before = (run.containers[index].started, run.containers[index].ready);
    settle_started(&spec, &mut run.containers[index]);
    let after = (run.containers[index].started, run.containers[index].ready);
    if before != after && run.report > cx.now {
        run.report_by(cx.now);
    }
    probes::act_on_failure(cx, run, index, &spec);
    let idle = matches!(run.containers[index].stage, Stage::Running { kill: None, .. });
    if idle && changed(&run.containers[index], &spec) {
        let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30);
        stop(cx, run, index, grace, format!("Container {} definition changed, will be restarted", spec.name));
    }
    false
}

fn image_hash(spec: &Container) -> u32 {
    fnv32a(spec.image.as_deref().unwrap_or("").as_bytes())
}

/// Whether the container was made from another image than its spec now names.
fn changed(container: &ContainerRun, spec: &Container) -> bool {
    container.body.as_ref().is_some_and(|b| b.image != image_hash(spec))
}

/// Process 1 has ended.
fn main_ended(cx: &mut Context, run: &mut PodRun, index: usize, code: i32) {
    let now = cx.now;
    let container = &mut run.containers[index];
    let Stage::Running { since, .. } = container.stage else { return };
    if let Some(log) = &mut container.log {
        log.flush(now);
    }
    let oom = container.body.as_ref().is_some_and(|b| b.oom);
    let message = super::volumes::termination_message(cx, run, index, code);
    let ended = Ended {
        code,
        reason: match code {
            _ if oom => "OOMKilled",
            0 => "Completed",
            _ => "Error",
        },
        message,
        started: since,
        finished: now,
        attempt: run.containers[index].restarts,
    };
    end(cx, run, index, ended);
}

fn end(cx: &mut Context, run: &mut PodRun, index: usize, ended: Ended) {
    let code = ended.code;
    let seen = cx.now + timing::NOTICE + cx.jitter(timing::NOTICE_SPREAD);
    let container = &mut run.containers[index];
    // A start that failed leaves the end before it in `ended`.
    if let Some(before) = container.ended.replace(Arc::new(ended)) {
        container.last = Some(before);
    }
    container.stage = Stage::Exited(Next::Unseen(seen));
    container.probes = Vec::new();
    if let Some(body) = &mut container.body {
        body.processes.clear();
    }
    let spot = Spot { node: cx.node.clone(), pod: cx.name.clone(), index };
    super::streams::drop_of_container(cx.cluster, &spot, code);
}

/// An ended container: noticed, and started again by its policy.
fn exited(cx: &mut Context, run: &mut PodRun, index: usize, next: Next, busy: bool) -> bool {
    match next {
        Next::Unseen(at) if at <= cx.now => {
            let container = &mut run.containers[index];
            container.started = false;
            container.ready = false;
            decide(cx, run, index);
            run.report_by(cx.now);
            true
        }
        Next::Restart { at, .. } if at <= cx.now && !busy => {
            let ended = run.containers[index].ended.as_ref().map_or(cx.now, |e| e.finished);
            run.containers[index].backoff.raise(ended, cx.now);
            begin(cx, run, index);
            // A refusal before the new run begins must not lose the old one's end.
            run.report_by(cx.now + timing::NOTICE);
            true
        }
        Next::Restart { at, shown, event } if event <= cx.now => {
            let pod = cx.pod.clone();
            let name = container_spec(&pod, index).map_or(String::new(), |c| c.name.clone());
            let text = format!(
                "Back-off restarting failed container {name} in pod {}_{}({})",
                pod.name_str(),
                pod.namespace_str(),
                run.uid
            );
            notes::of_container(cx, index, true, "BackOff", text);
            let again = cx.now + timing::BACKOFF_PERIOD + cx.jitter(timing::BACKOFF_SPREAD);
            set_next(run, index, Next::Restart { at, shown, event: again });
            true
        }
        Next::Restart { at, shown, event } if shown <= cx.now => {
            run.report_by(cx.now);
            set_next(run, index, Next::Restart { at, shown: NEVER, event });
            false
        }
        _ => false,
    }
}

fn set_next(run: &mut PodRun, index: usize, value: Next) {
    if let Stage::Exited(next) = &mut run.containers[index].stage {
        *next = value;
    }
}

/// What the restart policy says of an end that was just noticed.
fn decide(cx: &mut Context, run: &mut PodRun, index: usize) {
    let pod = cx.pod.clone();
    let Some(ended) = run.containers[index].ended.clone() else { return };
    // A sidecar outlives what it serves only until it is stopped.
    let served = |(i, c): (usize, &ContainerRun)| {
        worker::role(&pod, i) != Role::Main || matches!(c.stage, Stage::Exited(Next::Stay))
    };
    let left_over =
        worker::role(&pod, index) == Role::Sidecar && run.containers.iter().enumerate().all(served);
    let asked = std::mem::take(&mut run.containers[index].renew);
    let renewed = asked || container_spec(&pod, index).is_some_and(|s| changed(&run.containers[index], &s));
    if renewed && run.ending.is_none() {
        set_next(run, index, Next::Restart { at: cx.now, shown: NEVER, event: NEVER });
        return;
    }
    if run.ending.is_some() || left_over || !restart::restarts(&pod, index, ended.code) {
        set_next(run, index, Next::Stay);
        return;
    }
    let backoff = run.containers[index].backoff;
    let next = if backoff.holds(ended.finished, cx.now) {
        let at = ended.finished + backoff.wait;
        Next::Restart { at, shown: (cx.now + timing::NEXT_SYNC).min(at), event: cx.now }
    } else {
        Next::Restart { at: cx.now, shown: NEVER, event: NEVER }
    };
    set_next(run, index, next);
}

/// Stops a running container: the preStop hook, the signal, and the last signal when grace is over.
pub(super) fn stop(cx: &mut Context, run: &mut PodRun, index: usize, grace_seconds: i64, message: String) {
    begin_to_stop(cx, run, index, (grace_seconds, false), message);
}

/// As [`stop`], with its pod: a sidecar's signal waits for its turn ([`super::ending::take_turns`]).
pub(super) fn stop_with_pod(cx: &mut Context, run: &mut PodRun, index: usize, grace_seconds: i64) {
    let pod = cx.pod.clone();
    let Some((spec, role)) = spec_of(&pod, index) else { return };
    let waits = role == Role::Sidecar && grace_seconds > 0;
    begin_to_stop(cx, run, index, (grace_seconds, waits), format!("Stopping container {}", spec.name));
}

fn begin_to_stop(
    cx: &mut Context,
    run: &mut PodRun,
    index: usize,
    (grace_seconds, waits): (i64, bool),
    message: String,
) {
    let pod = cx.pod.clone();
    let Some(spec) = container_spec(&pod, index) else { return };
    let now = cx.now;
    let deadline = now.plus_seconds(u64::try_from(grace_seconds).unwrap_or(0));
    let container = &mut run.containers[index];
    let Stage::Running { kill, .. } = &mut container.stage else { return };
    if let Some(kill) = kill {
        kill.deadline = kill.deadline.min(deadline);
        return;
    }
    let hook = spec.lifecycle.as_ref().and_then(|l| l.pre_stop.as_ref()).filter(|_| grace_seconds > 0);
    let hook = hook.map_or(Hook::Over, super::hooks::ask);
    *kill = Some(Box::new(Kill { deadline, hook, waits }));
    if hook == Hook::Over && !waits {
        super::hooks::ask_to_end(cx, run, index);
    }
    notes::of_container(cx, index, false, "Killing", message);
}
