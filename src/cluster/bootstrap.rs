//! A new cluster as kubeadm leaves it: nodes, namespaces, system pods, the `kubernetes` Service.

use super::{Cluster, kubelet};
use crate::apiserver::{Cause, Origin};
use crate::object::{Object, ObjectMeta, Resource, SimTime};
use k8s_openapi::api::core::v1::{Namespace, Taint};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a cluster is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Names every random stream.
    pub seed: u64,
    /// The moment at which the cluster is up; ages count from here.
    pub start: SimTime,
    /// The nodes.
    pub nodes: Vec<NodeConfig>,
    /// Whether a cloud gives addresses to Services of type `LoadBalancer`; without it they stay `<pending>`.
    pub cloud: bool,
}

/// What a node is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeConfig {
    /// Its name.
    pub name: String,
    /// CPU in thousandths of a core.
    pub cpu_milli: i64,
    /// Memory in bytes.
    pub memory_bytes: i64,
    /// Labels beside those that every node has.
    pub labels: BTreeMap<String, String>,
    /// Taints from the start.
    pub taints: Vec<Taint>,
    /// Extended resources, as `nvidia.com/gpu: 2`.
    pub extended: BTreeMap<String, i64>,
}

/// The Kubernetes version that is simulated.
pub const VERSION: &str = "v1.36.2";

impl Default for Config {
    /// `control-plane` and `worker-1` to `worker-3`, as the recorded cluster had them.
    fn default() -> Self {
        let mut nodes = vec![NodeConfig::control_plane("control-plane")];
        nodes.extend((1..=3).map(|i| NodeConfig::worker(&format!("worker-{i}"))));
        // 2026-04-22 09:00:00 UTC, the day that 1.36 came out: a moment that no clock had to be asked for.
        Self { seed: 1, start: SimTime(1_776_848_400 * crate::object::SECOND), nodes, cloud: false }
    }
}

impl NodeConfig {
    /// A worker of 1 CPU and 3840 Mi, as the recorded cluster's.
    pub fn worker(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cpu_milli: 1000,
            memory_bytes: 3840 << 20,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            extended: BTreeMap::new(),
        }
    }

    /// A node with kubeadm's label and taint.
    pub fn control_plane(name: &str) -> Self {
        let role = "node-role.kubernetes.io/control-plane";
        let taint = Taint { key: role.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
        let labels = BTreeMap::from([
            (role.to_owned(), String::new()),
            ("node.kubernetes.io/exclude-from-external-load-balancers".to_owned(), String::new()),
        ]);
        Self { labels, taints: vec![taint], ..Self::worker(name) }
    }
}

/// Puts in what a new cluster has, and lets its machines start.
pub fn start(cluster: &mut Cluster) {
    let origin = Origin { author: Arc::from("system:bootstrap"), cause: Cause::Bootstrap };
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        create(cluster, Namespace { metadata, ..Namespace::default() }.into_object(), &origin);
    }
    for node in cluster.config.nodes.clone() {
        kubelet::add_node(cluster, &node);
    }
}

fn create(cluster: &mut Cluster, object: Object, origin: &Origin) {
    let key = object.key();
    if let Err(error) = cluster.api.create(object, origin, false) {
        // What the program itself ships must be valid: a test starts a cluster and would see this.
        debug_assert!(false, "bootstrap of {key}: {error}");
    }
}
