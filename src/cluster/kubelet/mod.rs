//! kubelet: the life of pods on a node, from pulling images to the last signal.
//!
//! Always holds: a pod has at most one wake on the queue that counts, at the moment when something will happen to it;
//! a running pod without probes has none. Statuses are written only when they differ. While a pod is being synced its
//! [`run::PodRun`] is out of the kubelet, so that the rest of the cluster may be changed beside it.

mod address;
mod admission;
mod containers;
mod ending;
pub(crate) mod environment;
mod eviction;
mod hooks;
pub mod log;
pub mod metrics;
mod node;
mod notes;
mod probes;
mod projection;
mod resize;
mod restart;
pub mod run;
mod statics;
mod status;
mod streams;
mod subresources;
pub mod timing;
mod volumes;
mod worker;

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `json!` values read best where they are passed
mod agnhost_tests;
#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `json!` values read best where they are passed
mod probe_tests;
#[cfg(test)]
mod tests;

pub use address::{node_ip, pod_cidr};
pub use node::{add_node, down_since, power, remove_node};
pub use streams::{StreamRead, close_stream, read_stream, write_stream};
pub use subresources::serve;
pub use volumes::Backing;
pub(crate) use volumes::{backing, device_bytes, token_tree};

pub use crate::cluster::workload::http::{connect as connect_to_pod, http_to_pod, listens};

use super::{Cluster, Wake as ClusterWake};
use crate::apiserver::{Cause, Change, Origin};
use crate::cluster::workload::files::Tree;
use crate::object::{Kind, Object, ObjectName, Pod, SimTime, hash::Stream, meta::MetaExt};
use imbl::{OrdMap, OrdSet};
use run::PodRun;
use std::sync::Arc;

/// One node's kubelet, with its pods and images.
#[derive(Clone, Debug)]
pub struct Kubelet {
    /// The node's place in the order of joining: its addresses come from it.
    pub(crate) index: u32,
    /// Since when the machine has been without power.
    pub(crate) down: Option<SimTime>,
    /// The pods; `None` stands for one that is being synced right now.
    pub(crate) pods: OrdMap<ObjectName, Option<Arc<PodRun>>>,
    /// Images that are there, by full name.
    pub(crate) images: OrdSet<Arc<str>>,
    /// Images that are being pulled, and when each is there.
    pub(crate) pulling: OrdMap<Arc<str>, SimTime>,
    /// When the pulls that were asked for are over: one at a time.
    pub(crate) pulls_until: SimTime,
    /// Addresses given to pods.
    pub(crate) addresses: OrdMap<u16, ObjectName>,
    /// The last address given.
    pub(crate) last_address: u16,
    /// The node's own files, for `hostPath`.
    pub(crate) files: Tree,
    /// How the node's memory stands.
    pub(crate) memory: eviction::Memory,
    random: Stream,
}

/// What the nodes share, or the cluster needs of them: storage behind persistent volumes, and open streams.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// What is on each persistent volume, by its name.
    pub(crate) disks: OrdMap<Arc<str>, Tree>,
    /// Open streams.
    pub(crate) streams: streams::Streams,
    /// How many nodes have ever joined.
    pub(crate) joined: u32,
}

impl Kubelet {
    /// Since when the machine is off; `None` while it runs.
    pub(crate) fn down_since(&self) -> Option<SimTime> {
        self.down
    }
}

/// What a kubelet wakes up for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// Something is due for a pod.
    Pod(ObjectName),
    /// The files of static pods are read.
    Manifests,
    /// A joining node's network is ready.
    Joined,
    /// The machine has booted after its power came back.
    Booted,
    /// The eviction manager looks at what is left of the node's memory.
    Memory,
}

/// What a pod is synced with.
pub(crate) struct Context<'a> {
    pub cluster: &'a mut Cluster,
    pub node: Arc<str>,
    pub name: ObjectName,
    pub pod: Arc<Pod>,
    pub now: SimTime,
}

impl Context<'_> {
    /// Who writes.
    pub fn origin(&self) -> Origin {
        node_origin(&self.node)
    }

    /// The node's kubelet.
    pub fn kubelet(&mut self) -> Option<&mut Kubelet> {
        self.cluster.kubelets.get_mut(&self.node)
    }

    /// A random wait below `spread`.
    pub fn jitter(&mut self, spread: u64) -> u64 {
        self.kubelet().map_or(0, |k| k.random.below(spread))
    }
}

/// The origin of what a node's kubelet writes.
pub(crate) fn node_origin(node: &str) -> Origin {
    Origin::component(&format!("system:node:{node}"), Cause::Time)
}

/// Takes in a change: a pod bound here, changed or deleted.
pub fn observe(cluster: &mut Cluster, change: &Change) {
    match change.key.kind {
        Kind::Pod => observe_pod(cluster, change),
        Kind::ConfigMap | Kind::Secret => volumes::source_changed(cluster, &change.key),
        _ => {}
    }
}

fn observe_pod(cluster: &mut Cluster, change: &Change) {
    let Some(pod) = change.object().and_then(Object::cast::<Pod>) else { return };
    let Some(node) = pod.spec.node_name.clone() else { return };
    // What the kubelet wrote itself it knows already.
    if change.author.starts_with("system:node:") {
        return;
    }
    let Some(kubelet) = cluster.kubelets.get(&node) else { return };
    let known = kubelet.pods.contains_key(&change.key.name);
    if kubelet.down.is_some() || (change.new.is_none() && !known) {
        return;
    }
    if change.new.is_none() && statics::is_mirror(pod) {
        statics::removed(cluster, &node, pod);
        return;
    }
    let described =
        |o: &Option<Object>| o.as_ref().map(|o| (o.meta().labels.clone(), o.meta().annotations.clone()));
    if known && volumes::follows_metadata(pod) && described(&change.old) != described(&change.new) {
        volumes::refresh_soon(cluster, &node, &change.key.name);
    }
    let at = cluster.now() + timing::WATCH_LATENCY;
    wake_pod(cluster, &node, &change.key.name, at);
}

/// Lets a pod be synced at `at`, or earlier if it will be anyhow.
pub(crate) fn wake_pod(cluster: &mut Cluster, node: &Arc<str>, name: &ObjectName, at: SimTime) {
    let run = cluster.kubelets.get_mut(node).and_then(|k| k.pods.get_mut(name)).and_then(Option::as_mut);
    if let Some(run) = run {
        if run.wake <= at {
            return;
        }
        Arc::make_mut(run).wake = at;
    }
    cluster.queue.push(at, ClusterWake::Kubelet(node.clone(), Wake::Pod(name.clone())));
}

/// Does what is due.
pub fn run(cluster: &mut Cluster, node: &str, wake: Wake) {
    match wake {
        Wake::Pod(name) => worker::wake(cluster, node, &name),
        Wake::Manifests => statics::start(cluster, &Arc::from(node)),
        Wake::Joined => node::joined(cluster, node),
        Wake::Booted => node::booted(cluster, node),
        Wake::Memory => eviction::look(cluster, node),
    }
}

/// Whether a pod's sandbox is connected to the network.
pub(crate) fn has_address(cluster: &Cluster, node: &str, pod: &ObjectName) -> bool {
    run_of(cluster, node, pod).is_some_and(|r| r.sandbox == run::Sandbox::Ready)
}

/// Where a pod runs: its node's kubelet has it, and the node has power.
pub(crate) fn place_of(cluster: &Cluster, pod: &ObjectName) -> Place {
    let Some(object) = cluster.api.store.fetch::<Pod>(pod) else { return Place::Nowhere };
    let Some(node) = object.spec.node_name.clone() else { return Place::Nowhere };
    match cluster.kubelets.get(&node) {
        None => Place::Nowhere,
        Some(kubelet) if kubelet.down.is_some() => Place::Dark,
        Some(kubelet) => {
            let run = kubelet.pods.get(pod).and_then(Option::as_ref);
            if run.is_some_and(|r| *r.uid == *object.uid_str()) { Place::Node(node) } else { Place::Nowhere }
        }
    }
}

/// Where a pod is.
pub(crate) enum Place {
    /// On this node.
    Node(Arc<str>),
    /// On a node without power.
    Dark,
    /// On none.
    Nowhere,
}

/// A pod's run, to read.
pub(crate) fn run_of<'a>(cluster: &'a Cluster, node: &str, pod: &ObjectName) -> Option<&'a PodRun> {
    cluster.kubelets.get(node)?.pods.get(pod)?.as_deref()
}

/// A pod's run, to change.
pub(crate) fn run_mut<'a>(cluster: &'a mut Cluster, node: &str, pod: &ObjectName) -> Option<&'a mut PodRun> {
    cluster.kubelets.get_mut(node)?.pods.get_mut(pod)?.as_mut().map(Arc::make_mut)
}
