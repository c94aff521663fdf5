//! From what the kubelet knows to `pod.status`: phase, conditions, container states.
//!
//! From `pkg/kubelet/kubelet_pods.go` and `pkg/kubelet/status/generate.go`: the same reasons and messages, in the
//! same order of conditions.

use super::run::{ContainerRun, Ended, Next, PodRun, Role, Sandbox, Stage, spec_of};
use super::{Context, address, worker};
use crate::apiserver::Part;
use crate::cluster::workload::images;
use crate::object::{Pod, Resource, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, ContainerUser, HostIP, LinuxContainerUser, PodCondition, PodIP, PodStatus,
    VolumeMountStatus,
};

/// Conditions that the kubelet owns; all others are kept as they are.
const OWNED: &[&str] = &[
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    "PodResizePending",
    "PodResizeInProgress",
];

/// Writes the pod's status, if it differs from the one that is there.
pub(super) fn write(cx: &mut Context, run: &mut PodRun) {
    let Some(pod) = cx.cluster.api.store.fetch::<Pod>(&cx.name).cloned() else { return };
    if *pod.uid_str() != *run.uid {
        return;
    }
    let status = of_pod(cx, &pod, run);
    if status == pod.status {
        return;
    }
    let mut changed = Pod::clone(&pod);
    changed.status = status;
    changed.metadata.resource_version = None;
    let origin = cx.origin();
    if let Ok(object) = cx.cluster.api.update(changed.into_object(), Part::Status, &origin, false)
        && let Some(pod) = object.cast::<Pod>()
    {
        cx.pod = pod.clone();
    }
}

/// Writes the status of a pod that the node does not take.
pub(super) fn refuse(cx: &mut Context, reason: &str, message: String) {
    let mut changed = Pod::clone(&cx.pod);
    changed.status.phase = Some("Failed".to_owned());
    changed.status.reason = Some(reason.to_owned());
    changed.status.message = Some(message);
    changed.status.start_time = Some(cx.now.to_api());
    changed.status.observed_generation = changed.metadata.generation;
    changed.metadata.resource_version = None;
    let origin = cx.origin();
    cx.cluster.api.update(changed.into_object(), Part::Status, &origin, false).ok();
}

fn of_pod(cx: &mut Context, pod: &Pod, run: &PodRun) -> PodStatus {
    let old = &pod.status;
    let statuses = |wanted: fn(Role) -> bool| -> Vec<ContainerStatus> {
        let all = run.containers.iter().enumerate();
        let mine =
            all.filter_map(|(i, c)| spec_of(pod, i).filter(|(_, r)| wanted(*r)).map(|(s, r)| (s, r, c)));
        mine.map(|(spec, role, container)| of_container(pod, run, &spec, role, container)).collect()
    };
    let inits = statuses(|r| matches!(r, Role::Init | Role::Sidecar));
    let mains = statuses(|r| r == Role::Main);
    let debug = statuses(|r| r == Role::Ephemeral);
    let phase = phase(pod, run);
    let mut status = PodStatus {
        phase: Some(phase.to_owned()),
        observed_generation: pod.metadata.generation,
        start_time: Some(run.accepted.to_api()),
        qos_class: old.qos_class.clone().or_else(|| Some(qos_class(pod).to_owned())),
        nominated_node_name: old.nominated_node_name.clone(),
        reason: run.verdict.as_ref().map(|v| v.0.to_owned()).or_else(|| old.reason.clone()),
        message: run.verdict.as_ref().map(|v| v.1.clone()).or_else(|| old.message.clone()),
        ..PodStatus::default()
    };
    addresses(cx, pod, run, &mut status);
    status.conditions = Some(conditions(cx.now, pod, run, phase, &mains));
    status.init_container_statuses = (!inits.is_empty()).then_some(inits);
    status.container_statuses = Some(mains);
    status.ephemeral_container_statuses = (!debug.is_empty()).then_some(debug);
    status
}

/// A pod's address, once its sandbox has one.
pub(super) fn address_of(index: u32, pod: &Pod, run: &PodRun) -> Option<String> {
    if pod.spec.host_network == Some(true) {
        (run.sandbox == Sandbox::Ready).then(|| address::node_ip(index))
    } else {
        (run.address != 0).then(|| address::pod_ip(index, run.address))
    }
}

fn addresses(cx: &mut Context, pod: &Pod, run: &PodRun, status: &mut PodStatus) {
    let Some(index) = cx.kubelet().map(|k| k.index) else { return };
    let host = address::node_ip(index);
    let ip = address_of(index, pod, run);
    status.host_ips = Some(vec![HostIP { ip: host.clone() }]);
    status.host_ip = Some(host);
    let ip = ip.or_else(|| pod.status.pod_ip.clone());
    status.pod_ips = ip.clone().map(|ip| vec![PodIP { ip }]);
    status.pod_ip = ip;
}

/// The pod's phase, from its containers.
fn phase(pod: &Pod, run: &PodRun) -> &'static str {
    if run.verdict.is_some() {
        return "Failed";
    }
    let role = |i: usize| worker::role(pod, i);
    let stays = |c: &ContainerRun| matches!(c.stage, Stage::Exited(Next::Stay | Next::Unseen(_)));
    let code = |c: &ContainerRun| c.ended.as_ref().map_or(0, |e| e.code);
    let mains = || run.containers.iter().enumerate().filter(|(i, _)| role(*i) == Role::Main).map(|(_, c)| c);
    let inits = || run.containers.iter().enumerate().filter(|(i, _)| role(*i) == Role::Init).map(|(_, c)| c);
    if run.sandbox == Sandbox::Stopped {
        let failed = run.containers.iter().enumerate().any(|(i, c)| role(i) != Role::Sidecar && code(c) != 0);
        let never_ran = mains().any(|c| c.ended.is_none());
        return if failed || never_ran { "Failed" } else { "Succeeded" };
    }
    if inits().any(|c| stays(c) && code(c) != 0 && c.ended.is_some())
        && (run.ending.is_none() || pod.spec.restart_policy.as_deref() == Some("Never"))
    {
        return "Failed";
    }
    if !worker::initialized(pod, run) {
        return "Pending";
    }
    let ever = |c: &ContainerRun| c.is_running() || c.ended.is_some() || c.last.is_some();
    if mains().all(ever) { "Running" } else { "Pending" }
}

/// `BestEffort`, `Burstable` or `Guaranteed`.
pub(super) fn qos_class(pod: &Pod) -> &'static str {
    let containers = || pod.spec.containers.iter().chain(pod.spec.init_containers.iter().flatten());
    let mut any = false;
    let mut guaranteed = true;
    for container in containers() {
        let resources = container.resources.as_ref();
        for name in ["cpu", "memory"] {
            let request = resources.and_then(|r| r.requests.as_ref()?.get(name));
            let limit = resources.and_then(|r| r.limits.as_ref()?.get(name));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request.is_none_or(|r| Some(r) == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn of_container(
    pod: &Pod,
    run: &PodRun,
    spec: &Container,
    role: Role,
    container: &ContainerRun,
) -> ContainerStatus {
    let name = spec.image.as_deref().unwrap_or("");
    let reference = images::Reference::parse(name);
    let attempt = match &container.stage {
        Stage::Running { .. } => Some(container.restarts),
        _ => container.ended.as_ref().map(|e| e.attempt),
    };
    let (state, last) = states(pod, run, spec, role, container);
    let image = match (&reference, attempt) {
        (Some(reference), Some(_)) => reference.full(),
        _ => name.to_owned(),
    };
    let running = container.is_running();
    let init_done = role == Role::Init && container.succeeded();
    let granted = run.granted.containers.iter().chain(run.granted.init_containers.iter().flatten());
    let granted = granted.into_iter().find(|c| c.name == spec.name).and_then(|c| c.resources.clone());
    let resources = granted.unwrap_or_default();
    ContainerStatus {
        name: spec.name.clone(),
        image,
        image_id: reference.filter(|_| attempt.is_some()).map(|r| r.image_id()).unwrap_or_default(),
        container_id: attempt.map(|a| container_id(run, &spec.name, a)),
        restart_count: i32::try_from(container.restarts).unwrap_or(i32::MAX),
        ready: container.ready || init_done,
        started: Some(if role == Role::Ephemeral { false } else { container.started }),
        state: Some(state),
        last_state: Some(
            last.map(|t| ContainerState { terminated: Some(t), ..Default::default() }).unwrap_or_default(),
        ),
        allocated_resources: resources.requests.clone().filter(|_| running),
        resources: (running || attempt.is_some()).then_some(resources),
        user: running.then(|| user_of(pod, spec)),
        volume_mounts: mounts_of(pod, spec),
        ..ContainerStatus::default()
    }
}

fn user_of(pod: &Pod, spec: &Container) -> ContainerUser {
    let own = spec.security_context.as_ref();
    let of_pod = pod.spec.security_context.as_ref();
    let uid = own.and_then(|s| s.run_as_user).or(of_pod.and_then(|s| s.run_as_user)).unwrap_or(0);
    let gid = own.and_then(|s| s.run_as_group).or(of_pod.and_then(|s| s.run_as_group)).unwrap_or(0);
    let mut groups = vec![gid];
    groups.extend(of_pod.and_then(|s| s.fs_group));
    groups.extend(of_pod.and_then(|s| s.supplemental_groups.clone()).unwrap_or_default());
    ContainerUser { linux: Some(LinuxContainerUser { gid, uid, supplemental_groups: Some(groups) }) }
}

fn mounts_of(pod: &Pod, spec: &Container) -> Option<Vec<VolumeMountStatus>> {
    let status = |name: &str, path: &str, read_only: Option<bool>| VolumeMountStatus {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.filter(|r| *r),
        recursive_read_only: read_only.filter(|r| *r).map(|_| "Disabled".to_owned()),
        ..VolumeMountStatus::default()
    };
    let own = spec.volume_mounts.iter().flatten().map(|m| status(&m.name, &m.mount_path, m.read_only));
    let mut list: Vec<VolumeMountStatus> = own.collect();
    let token = crate::object::pod::TOKEN_PATH;
    if let Some(volume) = &pod.spec.token_volume
        && !list.iter().any(|m| m.mount_path == token)
    {
        list.push(status(volume, token, Some(true)));
    }
    (!list.is_empty()).then_some(list)
}

/// The id of a container's run.
pub(super) fn container_id(run: &PodRun, name: &str, attempt: u32) -> String {
    format!("containerd://{}", images::hex64(&format!("{}/{name}/{attempt}", run.uid)))
}

fn terminated(run: &PodRun, spec: &Container, ended: &Ended) -> ContainerStateTerminated {
    ContainerStateTerminated {
        container_id: Some(container_id(run, &spec.name, ended.attempt)),
        exit_code: ended.code,
        reason: Some(ended.reason.to_owned()),
        message: ended.message.clone(),
        started_at: Some(ended.started.to_api()),
        finished_at: Some(ended.finished.to_api()),
        signal: None,
    }
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn states(
    pod: &Pod,
    run: &PodRun,
    spec: &Container,
    role: Role,
    container: &ContainerRun,
) -> (ContainerState, Option<ContainerStateTerminated>) {
    let ended = container.ended.as_ref().map(|e| terminated(run, spec, e));
    let last = container.last.as_ref().map(|e| terminated(run, spec, e));
    let as_ended =
        |t: ContainerStateTerminated| ContainerState { terminated: Some(t), ..ContainerState::default() };
    match &container.stage {
        Stage::Running { since, .. } => {
            let running = ContainerStateRunning { started_at: Some(since.to_api()) };
            (ContainerState { running: Some(running), ..ContainerState::default() }, last)
        }
        Stage::Refused { reason, message, .. } => {
            (waiting(reason, Some(message.to_string())), ended.or(last))
        }
        Stage::Exited(Next::Restart { shown, .. }) if *shown == super::run::NEVER && run.ending.is_none() => {
            let text = format!(
                "back-off {} restarting failed container={} pod={}_{}({})",
                wait_text(container.backoff.wait),
                spec.name,
                pod.name_str(),
                pod.namespace_str(),
                run.uid
            );
            (waiting("CrashLoopBackOff", Some(text)), ended.or(last))
        }
        _ => match ended {
            Some(ended) => (as_ended(ended), last),
            None => (first_wait(pod, run, role), None),
        },
    }
}

/// What a container that never ran waits for.
fn first_wait(pod: &Pod, run: &PodRun, role: Role) -> ContainerState {
    let has_inits = pod.spec.init_containers.as_ref().is_some_and(|i| !i.is_empty());
    if run.sandbox == Sandbox::Stopped && run.ending.is_some() {
        let lost = ContainerStateTerminated {
            exit_code: 137,
            reason: Some("ContainerStatusUnknown".to_owned()),
            message: Some("The container could not be located when the pod was terminated".to_owned()),
            ..ContainerStateTerminated::default()
        };
        return ContainerState { terminated: Some(lost), ..ContainerState::default() };
    }
    let pending_inits = has_inits && !worker::initialized(pod, run);
    let reason = if pending_inits || (has_inits && role == Role::Main) {
        "PodInitializing"
    } else {
        "ContainerCreating"
    };
    waiting(reason, None)
}

/// A back-off as Go prints it: `10s`, `1m20s`, `5m0s`.
fn wait_text(nanos: u64) -> String {
    let seconds = nanos / crate::object::SECOND;
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

fn conditions(
    now: SimTime,
    pod: &Pod,
    run: &PodRun,
    phase: &str,
    mains: &[ContainerStatus],
) -> Vec<PodCondition> {
    let old = pod.status.conditions.as_deref().unwrap_or(&[]);
    let mut list: Vec<PodCondition> =
        old.iter().filter(|c| !OWNED.contains(&c.type_.as_str())).cloned().collect();
    list.extend(super::resize::condition(now, pod, run));
    list.extend(super::eviction::condition(now, pod, run));
    let sandbox = if run.sandbox == Sandbox::Ready { None } else { Some((None, None)) };
    let initialized = initialized_condition(pod, run, phase);
    let containers = containers_ready(pod, run, phase, mains);
    let ready = if containers.is_some() { containers.clone() } else { gates(pod) };
    for (type_, bad) in [
        ("PodReadyToStartContainers", sandbox),
        ("Initialized", initialized),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", None),
    ] {
        let status = if bad.is_none() { "True" } else { "False" };
        let (reason, message) = bad.unwrap_or_default();
        let reason = match type_ {
            // A pod that is done is initialized, and says why.
            "Initialized" if phase == "Succeeded" => Some("PodCompleted".to_owned()),
            _ => reason,
        };
        let before = old.iter().find(|c| c.type_ == type_ && c.status == status);
        list.push(PodCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason,
            message,
            observed_generation: pod.metadata.generation,
            last_probe_time: None,
            last_transition_time: before
                .and_then(|c| c.last_transition_time.clone())
                .or_else(|| Some(now.to_api())),
        });
    }
    list
}

/// Reason and message of a condition that does not hold.
type Bad = Option<(Option<String>, Option<String>)>;

#[allow(clippy::unnecessary_wraps)] // one of the answers of the functions below
fn bad(reason: &str, message: Option<String>) -> Bad {
    Some((Some(reason.to_owned()), message))
}

fn initialized_condition(pod: &Pod, run: &PodRun, phase: &str) -> Bad {
    if phase == "Succeeded" || worker::initialized(pod, run) {
        return None;
    }
    let incomplete: Vec<String> = run
        .containers
        .iter()
        .enumerate()
        .filter_map(|(i, c)| spec_of(pod, i).map(|(s, r)| (s, r, c)))
        .filter(|(_, role, c)| match role {
            Role::Init => !c.succeeded(),
            Role::Sidecar => !c.started,
            _ => false,
        })
        .map(|(spec, _, _)| spec.name.clone())
        .collect();
    if phase == "Failed" {
        return bad("PodFailed", None);
    }
    bad(
        "ContainersNotInitialized",
        Some(format!("containers with incomplete status: [{}]", incomplete.join(" "))),
    )
}

fn containers_ready(pod: &Pod, run: &PodRun, phase: &str, mains: &[ContainerStatus]) -> Bad {
    match phase {
        "Succeeded" => return bad("PodCompleted", None),
        "Failed" => return bad("PodFailed", None),
        _ => {}
    }
    let sidecars = run.containers.iter().enumerate().filter_map(|(i, c)| {
        spec_of(pod, i).filter(|(_, r)| *r == Role::Sidecar && !c.ready).map(|(s, _)| s.name.clone())
    });
    let unready: Vec<String> =
        sidecars.chain(mains.iter().filter(|c| !c.ready).map(|c| c.name.clone())).collect();
    if unready.is_empty() {
        return None;
    }
    bad("ContainersNotReady", Some(format!("containers with unready status: [{}]", unready.join(" "))))
}

/// Readiness gates that other components have not opened.
fn gates(pod: &Pod) -> Bad {
    let conditions = pod.status.conditions.as_deref().unwrap_or(&[]);
    let mut texts = Vec::new();
    for gate in pod.spec.readiness_gates.iter().flatten() {
        match conditions.iter().find(|c| c.type_ == gate.condition_type) {
            None => texts.push(format!(
                "corresponding condition of pod readiness gate \"{}\" does not exist.",
                gate.condition_type
            )),
            Some(c) if c.status != "True" => texts.push(format!(
                "the status of pod readiness gate \"{}\" is not \"True\", but {}",
                gate.condition_type, c.status
            )),
            Some(_) => {}
        }
    }
    if texts.is_empty() { None } else { bad("ReadinessGatesNotReady", Some(texts.join(", "))) }
}
