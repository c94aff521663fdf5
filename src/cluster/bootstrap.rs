//! A new cluster as kubeadm leaves it: nodes, namespaces, system pods, the `kubernetes` Service.

use super::{Cluster, kubelet};
use crate::apiserver::{Cause, Origin};
use crate::assets;
use crate::object::{Kind, Object, ObjectMeta, Resource, SECOND, SimTime};
use crate::yaml;
use k8s_openapi::api::core::v1::{Namespace, Taint};
use std::collections::BTreeMap;

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
    /// Whether images start without what they need, as in the recorded transcripts: their nodes ran a fake runtime, in
    /// which no process is ever run.
    pub lenient_images: bool,
}

/// What a node is made from.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
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

/// The label, and the key of the taint, that kubeadm gives to a control plane node.
pub const CONTROL_PLANE_ROLE: &str = "node-role.kubernetes.io/control-plane";

/// The Kubernetes version that is simulated.
pub const VERSION: &str = "v1.36.2";

impl Default for Config {
    /// `control-plane` and `worker-1` to `worker-3`, as the recorded cluster had them.
    fn default() -> Self {
        let mut nodes = vec![NodeConfig::control_plane("control-plane")];
        nodes.extend((1..=3).map(|i| NodeConfig::worker(&format!("worker-{i}"))));
        // 2026-04-22 09:00:00 UTC, the day that 1.36 came out: a moment that no clock had to be asked for.
        Self {
            seed: 1,
            start: SimTime(1_776_848_400 * crate::object::SECOND),
            nodes,
            cloud: false,
            lenient_images: false,
        }
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
        let role = CONTROL_PLANE_ROLE;
        let taint = Taint { key: role.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
        let labels = BTreeMap::from([
            (role.to_owned(), String::new()),
            ("node.kubernetes.io/exclude-from-external-load-balancers".to_owned(), String::new()),
        ]);
        Self { labels, taints: vec![taint], ..Self::worker(name) }
    }
}

/// How long before [`Config::start`] the cluster was set up, in nanoseconds: longer than an event lives, so that a
/// learner's first `kubectl get events` shows only what they caused.
pub const AGE: u64 = 70 * 60 * SECOND;
/// How long the control plane was alone before the workers joined: CoreDNS has settled on it by then, as it does in
/// a cluster that kubeadm made.
const ALONE: u64 = 60 * SECOND;

/// What kubeadm leaves beside nodes and static pods.
const SYSTEM_OBJECTS: &str = "cluster.yaml";

/// Sets the cluster up in its past, and lets its machines run until [`Config::start`].
pub fn start(cluster: &mut Cluster) {
    let start = cluster.config.start;
    cluster.api.now = SimTime(start.0.saturating_sub(AGE));
    let origin = Origin::component("system:bootstrap", Cause::Bootstrap);
    cluster.api.bootstrap_policy();
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        create(cluster, Namespace { metadata, ..Namespace::default() }.into_object(), &origin);
    }
    let is_control_plane = |node: &NodeConfig| node.labels.contains_key(CONTROL_PLANE_ROLE);
    let (control_plane, workers): (Vec<_>, Vec<_>) =
        cluster.config.nodes.clone().into_iter().partition(is_control_plane);
    for node in &control_plane {
        kubelet::add_node(cluster, node);
    }
    for object in system_objects() {
        create(cluster, object, &origin);
    }
    if !control_plane.is_empty() {
        let joined = cluster.now() + ALONE;
        cluster.advance(joined, usize::MAX);
    }
    for node in &workers {
        kubelet::add_node(cluster, node);
    }
    cluster.advance(start, usize::MAX);
}

/// The objects of `assets/cluster.yaml`, in its order.
fn system_objects() -> Vec<Object> {
    let documents = yaml::parse(assets::text(SYSTEM_OBJECTS)).unwrap_or_default();
    let objects = documents.into_iter().filter_map(|document| {
        let text = |key: &str| document.value.get(key).and_then(|v| v.as_str()).unwrap_or("").to_owned();
        let kind = Kind::find(&text("apiVersion"), &text("kind"))?;
        Object::from_value(kind, document.value).ok()
    });
    objects.collect()
}

fn create(cluster: &mut Cluster, object: Object, origin: &Origin) {
    let key = object.key();
    if let Err(error) = cluster.api.create(object, origin, false) {
        // What the program itself ships must be valid: a test starts a cluster and would see this.
        debug_assert!(false, "bootstrap of {key}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_object_is_known() {
        let documents = assets::text(SYSTEM_OBJECTS).split("\n---\n").count();
        assert_eq!(system_objects().len(), documents);
    }
}
