//! The nodes pane: a row a node, its pods at a glance, and how much of it is asked for.

use crate::cluster::Cluster;
use crate::object::{Kind, Object, Pod, meta::MetaExt, quantity};
use crate::tui::theme::{Glyphs, Role};
use k8s_openapi::api::core::v1::{ContainerStatus, Node};

/// How many pods of a node are told apart; of the rest only the number is shown.
pub const DOTS: usize = 60;

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRow {
    /// Its name.
    pub name: String,
    /// Its pods: ordinary ones first, the system's last.
    pub pods: Vec<PodDot>,
    /// How many more pods there are.
    pub more: usize,
    /// How much of its CPU pods have requested, in per cent.
    pub cpu: u32,
    /// How much of its memory pods have requested, in per cent.
    pub memory: u32,
    /// Whether its kubelet answers.
    pub ready: bool,
    /// `spec.unschedulable`.
    pub cordoned: bool,
    /// Taints, as `key=value:Effect`; those that conditions and cordon bring are told otherwise.
    pub taints: Vec<String>,
}

/// A pod in a node's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodDot {
    /// Whether it is of `kube-system`.
    pub system: bool,
    /// How it is.
    pub state: PodState,
}

/// How a pod is, at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodState {
    /// Running and ready.
    Running,
    /// Running, not ready.
    Unready,
    /// Pending, or its containers are being made.
    Starting,
    /// Failed, or waiting after a crash or a failed pull.
    Broken,
    /// Being deleted.
    Leaving,
    /// Succeeded.
    Ended,
}

impl PodState {
    /// Its glyph and look.
    pub fn look(self, glyphs: &Glyphs) -> (&'static str, Role) {
        match self {
            PodState::Running => (glyphs.running, Role::Good),
            PodState::Unready => (glyphs.unready, Role::Warn),
            PodState::Starting => (glyphs.starting, Role::Busy),
            PodState::Broken => (glyphs.broken, Role::Bad),
            PodState::Leaving => (glyphs.leaving, Role::Dim),
            PodState::Ended => (glyphs.ended, Role::Dim),
        }
    }

    /// The state of a pod.
    pub fn of(pod: &Pod) -> Self {
        if pod.is_terminating() {
            return PodState::Leaving;
        }
        let status = &pod.status;
        let containers = || {
            let of = |list: &Option<Vec<ContainerStatus>>| list.clone().unwrap_or_default();
            [of(&status.init_container_statuses), of(&status.container_statuses)].concat()
        };
        match status.phase.as_deref() {
            Some("Succeeded") => PodState::Ended,
            Some("Failed" | "Unknown") => PodState::Broken,
            _ if containers().iter().any(in_trouble) => PodState::Broken,
            Some("Running") if is_ready(pod) => PodState::Running,
            Some("Running") => PodState::Unready,
            _ => PodState::Starting,
        }
    }
}

fn in_trouble(container: &ContainerStatus) -> bool {
    let Some(state) = &container.state else { return false };
    let waiting = state.waiting.as_ref().and_then(|w| w.reason.as_deref());
    let waits_well = matches!(waiting, None | Some("ContainerCreating" | "PodInitializing"));
    !waits_well || state.terminated.as_ref().is_some_and(|t| t.exit_code != 0)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.conditions.as_deref().unwrap_or_default();
    conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// The rows of all nodes.
pub fn rows(cluster: &Cluster) -> Vec<NodeRow> {
    let store = &cluster.api.store;
    let nodes = store.list(Kind::Node).filter_map(Object::cast::<Node>);
    nodes.map(|node| row(node, store.pods_on(node.name_str()).map(AsRef::as_ref))).collect()
}

fn row<'a>(node: &Node, pods: impl Iterator<Item = &'a Pod>) -> NodeRow {
    let (mut dots, mut cpu, mut memory) = (Vec::new(), 0, 0);
    for pod in pods {
        let dot = PodDot { system: pod.namespace_str() == "kube-system", state: PodState::of(pod) };
        dots.push(dot);
        if !matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed")) {
            cpu += requested(pod, "cpu", quantity::Quantity::milli);
            memory += requested(pod, "memory", quantity::Quantity::units);
        }
    }
    dots.sort();
    let more = dots.len().saturating_sub(DOTS);
    dots.truncate(DOTS);
    let status = node.status.clone().unwrap_or_default();
    let whole = |name: &str, of: fn(quantity::Quantity) -> i64| {
        status.allocatable.as_ref().and_then(|a| a.get(name)).map_or(0, |q| of(quantity::of(q)))
    };
    let spec = node.spec.clone().unwrap_or_default();
    let conditions = status.conditions.as_deref().unwrap_or_default();
    NodeRow {
        name: node.name_str().to_owned(),
        pods: dots,
        more,
        cpu: percent(cpu, whole("cpu", quantity::Quantity::milli)),
        memory: percent(memory, whole("memory", quantity::Quantity::units)),
        ready: conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True"),
        cordoned: spec.unschedulable == Some(true),
        taints: spec.taints.unwrap_or_default().iter().filter_map(taint).collect(),
    }
}

fn taint(taint: &k8s_openapi::api::core::v1::Taint) -> Option<String> {
    // What Kubernetes itself puts there is shown as NotReady or cordoned already.
    let told = [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/unschedulable",
    ];
    if told.contains(&taint.key.as_str()) {
        return None;
    }
    let key = taint.key.strip_prefix("node-role.kubernetes.io/").unwrap_or(&taint.key);
    let value = taint.value.as_deref().filter(|v| !v.is_empty()).map(|v| format!("={v}")).unwrap_or_default();
    Some(format!("{key}{value}:{}", taint.effect))
}

fn requested(pod: &Pod, resource: &str, of: fn(quantity::Quantity) -> i64) -> i64 {
    let request = |c: &k8s_openapi::api::core::v1::Container| {
        let requests = c.resources.as_ref().and_then(|r| r.requests.as_ref());
        requests.and_then(|r| r.get(resource)).map_or(0, |q| of(quantity::of(q)))
    };
    let together: i64 = pod.spec.containers.iter().map(request).sum();
    let first = pod.spec.init_containers.iter().flatten().map(request).max().unwrap_or(0);
    together.max(first)
}

fn percent(part: i64, whole: i64) -> u32 {
    if whole <= 0 { 0 } else { u32::try_from(part.max(0) * 100 / whole).unwrap_or(u32::MAX) }
}
