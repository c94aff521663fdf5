//! The pod's row: ready containers, the status word, restarts.

use super::{AGE, Column, NAME, name, none_if_empty, since, text, wide};
use crate::object::{Pod, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

pub const COLUMNS: &[Column] = &[
    NAME,
    text("Ready"),
    text("Status"),
    text("Restarts"),
    AGE,
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
];

/// What the columns READY, STATUS and RESTARTS are made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Containers that are ready.
    pub ready: usize,
    /// Containers in all, with restartable init containers.
    pub total: usize,
    /// `Running`, `CrashLoopBackOff`, `Init:0/1`, `Terminating`, …
    pub reason: String,
    /// How often containers were restarted.
    pub restarts: i32,
    /// When the last one ended.
    pub last_restart: Option<Time>,
}

/// The status word of a pod, and the numbers beside it.
pub fn status(pod: &Pod) -> Status {
    let phase = pod.status.phase.clone().unwrap_or_default();
    let mut shown = Status { reason: phase.clone(), total: pod.spec.containers.len(), ..Status::default() };
    if let Some(reason) = pod.status.reason.as_ref().filter(|r| !r.is_empty()) {
        shown.reason.clone_from(reason);
    }
    let conditions = || pod.status.conditions.iter().flatten();
    if conditions().any(|c| c.type_ == "PodScheduled" && c.reason.as_deref() == Some("SchedulingGated")) {
        "SchedulingGated".clone_into(&mut shown.reason);
    }
    shown.total += pod.spec.init_containers.iter().flatten().filter(|c| restartable(c)).count();
    let sidecars = init_containers(pod, &mut shown);
    let initialized = conditions().any(|c| c.type_ == "Initialized" && c.status == "True");
    let initializing = matches!(sidecars, Init::Going(_));
    if !initializing || initialized {
        let (Init::Going(totals) | Init::Done(totals)) = sidecars;
        (shown.restarts, shown.last_restart) = totals;
        main_containers(pod, &mut shown);
    }
    if pod.is_terminating() {
        if pod.status.reason.as_deref() == Some("NodeLost") {
            "Unknown".clone_into(&mut shown.reason);
        } else if !matches!(phase.as_str(), "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut shown.reason);
        }
    }
    shown
}

fn restartable(container: &k8s_openapi::api::core::v1::Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// Whether init containers are still at work; with the restarts of the restartable ones.
enum Init {
    Going((i32, Option<Time>)),
    Done((i32, Option<Time>)),
}

fn init_containers(pod: &Pod, shown: &mut Status) -> Init {
    let specs = pod.spec.init_containers.as_deref().unwrap_or_default();
    let mut sidecars: (i32, Option<Time>) = (0, None);
    for (index, container) in pod.status.init_container_statuses.iter().flatten().enumerate() {
        shown.restarts += container.restart_count;
        later(&mut shown.last_restart, container);
        let sidecar = specs.iter().any(|c| c.name == container.name && restartable(c));
        if sidecar {
            sidecars.0 += container.restart_count;
            later(&mut sidecars.1, container);
        }
        let empty = ContainerState::default();
        let state = container.state.as_ref().unwrap_or(&empty);
        let waiting = state.waiting.as_ref().and_then(|w| w.reason.as_deref()).unwrap_or("");
        if state.terminated.as_ref().is_some_and(|t| t.exit_code == 0) {
            continue;
        }
        if sidecar && container.started == Some(true) {
            shown.ready += usize::from(container.ready);
            continue;
        }
        shown.reason = if let Some(end) = &state.terminated {
            format!("Init:{}", ended(end))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{index}/{}", specs.len())
        };
        return Init::Going(sidecars);
    }
    Init::Done(sidecars)
}

fn main_containers(pod: &Pod, shown: &mut Status) {
    let mut has_running = false;
    for container in pod.status.container_statuses.iter().flatten().rev() {
        shown.restarts += container.restart_count;
        later(&mut shown.last_restart, container);
        let empty = ContainerState::default();
        let state = container.state.as_ref().unwrap_or(&empty);
        let waiting = state.waiting.as_ref().and_then(|w| w.reason.as_deref()).unwrap_or("");
        if !waiting.is_empty() {
            waiting.clone_into(&mut shown.reason);
        } else if let Some(end) = &state.terminated {
            shown.reason = ended(end);
        } else if container.ready && state.running.is_some() {
            has_running = true;
            shown.ready += 1;
        }
    }
    if shown.reason == "Completed" && has_running {
        let ready = pod.status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
        let word = if ready { "Running" } else { "NotReady" };
        word.clone_into(&mut shown.reason);
    }
}

fn ended(end: &k8s_openapi::api::core::v1::ContainerStateTerminated) -> String {
    match (end.reason.as_deref().unwrap_or(""), end.signal.unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", end.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn later(last: &mut Option<Time>, container: &ContainerStatus) {
    let end = container.last_state.as_ref().and_then(|s| s.terminated.as_ref());
    if let Some(finished) = end.and_then(|t| t.finished_at.as_ref())
        && last.as_ref().is_none_or(|l| l.0 < finished.0)
    {
        *last = Some(finished.clone());
    }
}

pub fn cells(pod: &Pod, now: SimTime) -> Vec<Value> {
    let shown = status(pod);
    let restarts = match &shown.last_restart {
        Some(at) if shown.restarts != 0 => format!("{} ({} ago)", shown.restarts, since(Some(at), now)),
        _ => shown.restarts.to_string(),
    };
    let ip = pod.status.pod_ips.as_ref().and_then(|ips| ips.first()).map(|ip| ip.ip.as_str());
    let ip = ip.or(pod.status.pod_ip.as_deref()).unwrap_or("");
    let gates = pod.spec.readiness_gates.as_deref().unwrap_or_default();
    let open = gates.iter().filter(|gate| {
        let conditions = pod.status.conditions.iter().flatten();
        conditions.into_iter().any(|c| c.type_ == gate.condition_type && c.status == "True")
    });
    let gates =
        if gates.is_empty() { "<none>".to_owned() } else { format!("{}/{}", open.count(), gates.len()) };
    vec![
        name(pod),
        json!(format!("{}/{}", shown.ready, shown.total)),
        json!(shown.reason),
        json!(restarts),
        json!(since(pod.metadata.creation_timestamp.as_ref(), now)),
        none_if_empty(ip),
        none_if_empty(pod.spec.node_name.as_deref().unwrap_or("")),
        none_if_empty(pod.status.nominated_node_name.as_deref().unwrap_or("")),
        json!(gates),
    ]
}
