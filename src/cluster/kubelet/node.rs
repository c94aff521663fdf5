//! Node objects: what a kubelet says of its machine, and what happens when the power goes and comes.

use super::run::{Ended, Next, PodRun, Sandbox, Stage};
use super::{Kubelet, Wake, address, node_origin, notes, timing, wake_pod};
use crate::apiserver::{DeleteOptions, Part};
use crate::cluster::workload::{files::Tree, images};
use crate::cluster::{Cluster, NodeConfig, Wake as ClusterWake, bootstrap::VERSION};
use crate::object::{
    Kind, ObjectKey, ObjectMeta, ObjectName, Resource, SimTime,
    hash::Stream,
    meta::MetaExt,
    quantity::{Format, Quantity},
};
use imbl::{OrdMap, OrdSet};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{
    DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus,
    NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many pods a node takes (`maxPods`).
pub const MAX_PODS: i64 = 110;

/// A node joins: its Node object, its lease, its kubelet. At the cluster's own beginning it is ready at once.
pub fn add_node(cluster: &mut Cluster, config: &NodeConfig) {
    let name: Arc<str> = Arc::from(config.name.as_str());
    let index = cluster.shared.joined;
    cluster.shared.joined += 1;
    let mut present: OrdSet<Arc<str>> = images::SYSTEM_IMAGES.iter().map(|i| Arc::from(*i)).collect();
    if is_control_plane(config) {
        present.extend(images::CONTROL_PLANE_IMAGES.iter().map(|i| Arc::from(*i)));
    }
    let kubelet = Kubelet {
        index,
        down: None,
        pods: OrdMap::new(),
        images: present,
        pulling: OrdMap::new(),
        pulls_until: SimTime(0),
        addresses: OrdMap::new(),
        last_address: 1,
        files: Tree::host(&config.name),
        memory: super::eviction::Memory::default(),
        random: Stream::new(cluster.config.seed, "kubelet", &config.name),
    };
    cluster.kubelets.insert(name.clone(), kubelet);
    // A cluster is set up in its past: its first nodes are ready when they join.
    let at_start = cluster.now() < cluster.config.start;
    let origin = node_origin(&name);
    let node = new_node(cluster, config, index, at_start);
    // The object may be there already, when a machine of that name was cut off and its object kept.
    cluster.api.create(node.into_object(), &origin, false).ok();
    let lease = new_lease(&config.name, cluster.now());
    cluster.api.create(lease.into_object(), &origin, false).ok();
    if is_control_plane(config) {
        let at = cluster.now() + timing::WATCH_LATENCY;
        cluster.queue.push(at, ClusterWake::Kubelet(name.clone(), Wake::Manifests));
    }
    if !at_start {
        for (reason, text) in NODE_NOTES {
            notes::of_node(cluster, &name, false, reason, text.replace("{node}", &name));
        }
        let at = cluster.now() + timing::NODE_START;
        cluster.queue.push(at, ClusterWake::Kubelet(name, Wake::Joined));
    }
}

const NODE_NOTES: &[(&str, &str)] = &[
    ("Starting", "Starting kubelet."),
    ("NodeHasSufficientMemory", "Node {node} status is now: NodeHasSufficientMemory"),
    ("NodeHasNoDiskPressure", "Node {node} status is now: NodeHasNoDiskPressure"),
    ("NodeHasSufficientPID", "Node {node} status is now: NodeHasSufficientPID"),
    ("NodeAllocatableEnforced", "Updated Node Allocatable limit across pods"),
];

fn is_control_plane(config: &NodeConfig) -> bool {
    config.labels.contains_key("node-role.kubernetes.io/control-plane")
}

fn new_node(cluster: &Cluster, config: &NodeConfig, index: u32, ready: bool) -> Node {
    let now = cluster.now();
    let mut labels = config.labels.clone();
    for (key, value) in [
        ("beta.kubernetes.io/arch", "amd64"),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/hostname", config.name.as_str()),
        ("kubernetes.io/os", "linux"),
    ] {
        labels.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
    let metadata = ObjectMeta {
        name: Some(config.name.clone()),
        labels: Some(labels),
        annotations: Some(BTreeMap::from([("node.alpha.kubernetes.io/ttl".to_owned(), "0".to_owned())])),
        ..ObjectMeta::default()
    };
    let mut taints = config.taints.clone();
    if !ready {
        let key = "node.kubernetes.io/not-ready".to_owned();
        let effect = "NoSchedule".to_owned();
        taints.push(k8s_openapi::api::core::v1::Taint { key, effect, ..Default::default() });
    }
    let cidr = address::pod_cidr(index);
    let spec = NodeSpec {
        pod_cidr: Some(cidr.clone()),
        pod_cidrs: Some(vec![cidr]),
        taints: (!taints.is_empty()).then_some(taints),
        ..NodeSpec::default()
    };
    let resources = capacity(config);
    let status = NodeStatus {
        addresses: Some(vec![
            node_address("InternalIP", &address::node_ip(index)),
            node_address("Hostname", &config.name),
        ]),
        allocatable: Some(resources.clone()),
        capacity: Some(resources),
        conditions: Some(conditions(now, ready)),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: 10250 }),
        }),
        node_info: Some(system_info(cluster.config.seed, &config.name)),
        ..NodeStatus::default()
    };
    Node { metadata, spec: Some(spec), status: Some(status) }
}

fn node_address(type_: &str, address: &str) -> NodeAddress {
    NodeAddress { type_: type_.to_owned(), address: address.to_owned() }
}

fn capacity(config: &NodeConfig) -> BTreeMap<String, ApiQuantity> {
    let whole = |value: i64, format| Quantity::from_units(value, format).to_string();
    let mut resources = BTreeMap::from([
        ("cpu".to_owned(), ApiQuantity(Quantity::from_milli(config.cpu_milli).to_string())),
        ("ephemeral-storage".to_owned(), ApiQuantity("0".to_owned())),
        ("memory".to_owned(), ApiQuantity(whole(config.memory_bytes, Format::BinarySi))),
        ("pods".to_owned(), ApiQuantity(MAX_PODS.to_string())),
    ]);
    for (name, count) in &config.extended {
        resources.insert(name.clone(), ApiQuantity(whole(*count, Format::DecimalSi)));
    }
    resources
}

fn system_info(seed: u64, name: &str) -> NodeSystemInfo {
    let mut random = Stream::new(seed, "machine", name);
    let machine_id = random.uuid();
    NodeSystemInfo {
        architecture: "amd64".to_owned(),
        boot_id: random.uuid(),
        container_runtime_version: "containerd://2.2.1".to_owned(),
        kernel_version: "6.12.57".to_owned(),
        kube_proxy_version: String::new(),
        kubelet_version: VERSION.to_owned(),
        machine_id: machine_id.replace('-', ""),
        operating_system: "linux".to_owned(),
        os_image: "Debian GNU/Linux 13 (trixie)".to_owned(),
        swap: None,
        system_uuid: machine_id,
    }
}

/// The node's conditions as its own kubelet reports them.
fn conditions(now: SimTime, ready: bool) -> Vec<NodeCondition> {
    let condition = |type_: &str, status: &str, reason: &str, message: &str| NodeCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: Some(now.to_api()),
        last_transition_time: Some(now.to_api()),
    };
    let mut list = vec![
        condition(
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ];
    list.push(if ready {
        condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
    } else {
        let why = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized";
        condition("Ready", "False", "KubeletNotReady", why)
    });
    list
}

fn new_lease(node: &str, now: SimTime) -> Lease {
    let metadata = ObjectMeta {
        name: Some(node.to_owned()),
        namespace: Some("kube-node-lease".to_owned()),
        ..ObjectMeta::default()
    };
    let spec = LeaseSpec {
        holder_identity: Some(node.to_owned()),
        lease_duration_seconds: Some(40),
        renew_time: Some(now.to_api_micro()),
        ..LeaseSpec::default()
    };
    Lease { metadata, spec: Some(spec) }
}

/// Says whether the node is short of memory.
pub(super) fn post_memory(cluster: &mut Cluster, node: &Arc<str>, short: bool) {
    let now = cluster.now();
    let Some(object) = cluster.api.store.fetch::<Node>(&ObjectName::new("", node.clone())) else { return };
    let mut object = Node::clone(object);
    let conditions = object.status.get_or_insert_default().conditions.get_or_insert_default();
    let Some(condition) = conditions.iter_mut().find(|c| c.type_ == "MemoryPressure") else { return };
    let (status, reason, message) = if short {
        ("True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")
    } else {
        ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available")
    };
    status.clone_into(&mut condition.status);
    condition.reason = Some(reason.to_owned());
    condition.message = Some(message.to_owned());
    condition.last_transition_time = Some(now.to_api());
    condition.last_heartbeat_time = Some(now.to_api());
    object.metadata.resource_version = None;
    cluster.api.update(object.into_object(), Part::Status, &node_origin(node), false).ok();
}

/// Writes good conditions; those that were good already keep their transition times.
fn post_ready(cluster: &mut Cluster, node: &Arc<str>) {
    let now = cluster.now();
    let Some(object) = cluster.api.store.fetch::<Node>(&ObjectName::new("", node.clone())) else { return };
    let mut object = Node::clone(object);
    let status = object.status.get_or_insert_default();
    let old = status.conditions.take().unwrap_or_default();
    let mut list = conditions(now, true);
    for condition in &mut list {
        if let Some(was) = old.iter().find(|c| c.type_ == condition.type_ && c.status == condition.status) {
            condition.last_transition_time.clone_from(&was.last_transition_time);
        }
    }
    status.conditions = Some(list);
    object.metadata.resource_version = None;
    cluster.api.update(object.into_object(), Part::Status, &node_origin(node), false).ok();
}

/// A joining node's network is there.
pub(super) fn joined(cluster: &mut Cluster, node: &str) {
    let node: Arc<str> = Arc::from(node);
    if cluster.kubelets.get(&node).is_some_and(|k| k.down.is_none()) {
        post_ready(cluster, &node);
        let text = format!("Node {node} status is now: NodeReady");
        notes::of_node(cluster, &node, false, "NodeReady", text);
    }
}

/// A node leaves: its machine goes, and so does its Node object.
pub fn remove_node(cluster: &mut Cluster, node: &str) {
    cluster.kubelets.remove(node);
    let origin = node_origin(node);
    for key in [ObjectKey::new(Kind::Node, "", node), ObjectKey::new(Kind::Lease, "kube-node-lease", node)] {
        cluster.api.delete(&key, &DeleteOptions::default(), &origin).ok();
    }
    super::streams::drop_of_node(cluster, node);
}

/// Since when the node's machine has had no power; `None` while it runs, or when there is no such machine.
pub fn down_since(cluster: &Cluster, node: &str) -> Option<SimTime> {
    cluster.kubelets.get(node)?.down
}

/// Switches a machine off or on. Without power nothing runs on it, and its lease is no longer renewed.
pub fn power(cluster: &mut Cluster, node: &str, on: bool) {
    let now = cluster.now();
    let Some(kubelet) = cluster.kubelets.get_mut(node) else { return };
    if on == kubelet.down.is_none() {
        return;
    }
    if on {
        cluster.queue.push(now + timing::NODE_BOOT, ClusterWake::Kubelet(Arc::from(node), Wake::Booted));
    } else {
        kubelet.down = Some(now);
        super::streams::drop_of_node(cluster, node);
        crate::cluster::controllers::poke_node(cluster, node);
    }
}

/// The machine is up again: nothing of the old processes is left, so every pod starts over, and those deleted
/// meanwhile are finished.
pub(super) fn booted(cluster: &mut Cluster, node: &str) {
    let now = cluster.now();
    let node: Arc<str> = Arc::from(node);
    let Some(kubelet) = cluster.kubelets.get_mut(&node) else { return };
    let Some(down) = kubelet.down.take() else { return };
    kubelet.pulls_until = now;
    kubelet.memory = super::eviction::Memory::default();
    kubelet.pulling = OrdMap::new();
    kubelet.addresses = OrdMap::new();
    let names: Vec<ObjectName> = kubelet.pods.keys().cloned().collect();
    for name in &names {
        if let Some(Some(run)) = kubelet.pods.get_mut(name) {
            after_reboot(Arc::make_mut(run), now, down);
        }
    }
    post_ready(cluster, &node);
    let boot = cluster.api.store.find::<Node>("", &node).and_then(|n| n.status.as_ref()?.node_info.clone());
    let boot = boot.map(|i| i.boot_id).unwrap_or_default();
    notes::of_node(cluster, &node, false, "Starting", "Starting kubelet.");
    notes::of_node(
        cluster,
        &node,
        true,
        "Rebooted",
        format!("Node {node} has been rebooted, boot id: {boot}"),
    );
    notes::of_node(cluster, &node, false, "NodeReady", format!("Node {node} status is now: NodeReady"));
    let mut pods: Vec<ObjectName> = cluster.api.store.pods_on(&node).map(|p| p.object_name()).collect();
    pods.extend(names);
    pods.sort();
    pods.dedup();
    for pod in pods {
        wake_pod(cluster, &node, &pod, now + timing::WATCH_LATENCY);
    }
}

fn after_reboot(run: &mut PodRun, now: SimTime, down: SimTime) {
    run.wake = super::run::NEVER;
    if run.sandbox != Sandbox::Stopped {
        let again = matches!(run.sandbox, Sandbox::Ready | Sandbox::Mounting { again: true, .. });
        run.sandbox = Sandbox::Mounting { at: now, tries: 0, again };
    }
    run.address = 0;
    run.report_by(now);
    for container in &mut run.containers {
        container.body = None;
        container.probes = Vec::new();
        container.started = false;
        container.ready = false;
        if let Stage::Running { since, .. } = &container.stage {
            // What became of it nobody saw.
            let ended = Ended {
                code: 255,
                reason: "Unknown",
                message: None,
                started: *since,
                finished: down,
                attempt: container.restarts,
            };
            container.ended = Some(Arc::new(ended));
            container.stage = Stage::Exited(Next::Unseen(now));
        } else if container.is_starting() {
            container.stage = Stage::Blocked;
        }
    }
}
