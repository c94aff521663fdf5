//! kube-proxy's rules: which endpoint a connection to a Service's address ends at, and what else has an address.
//!
//! As in iptables mode, the default on Linux: an endpoint is chosen at random, with session affinity by client
//! address; a Service without endpoints refuses; a port that the Service does not have leads nowhere.
//! Simplified: session affinity has no time limit.

use super::{Outcome, Point, Target};
use crate::cluster::{Cluster, kubelet};
use crate::object::{ObjectName, Pod, hash, meta::MetaExt};
use k8s_openapi::api::core::v1::{ContainerPort, Node, Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use std::sync::Arc;

/// The API server's port on the control-plane node.
pub const API_SERVER_PORT: u16 = 6443;

/// One address behind a Service's port.
#[derive(Clone, Debug)]
struct Backend {
    address: String,
    port: u16,
    node: Option<String>,
}

/// How a packet came to a Service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry<'a> {
    /// By its cluster address.
    Cluster,
    /// From outside: a node port, a load balancer or an external address, through this node if one is known.
    External(Option<&'a str>),
}

/// Walks a connection to an IPv4 address and port.
pub fn route(cluster: &mut Cluster, from: &Point, address: &str, port: u16) -> Outcome<Target> {
    let inside = !matches!(from, Point::Outside);
    if let Some(service) = by_cluster_ip(cluster, address) {
        if !inside {
            return Outcome::TimedOut;
        }
        return to_service(cluster, from, &service, Entry::Cluster, |p| port_is(p.port, port));
    }
    if let Some(service) = by_external_address(cluster, address) {
        return to_service(cluster, from, &service, Entry::External(None), |p| port_is(p.port, port));
    }
    if let Some(node) = node_with_address(cluster, address) {
        return to_node(cluster, from, &node, port);
    }
    if address.starts_with("10.244.") {
        if !inside {
            return Outcome::TimedOut;
        }
        return to_pod_address(cluster, address, port);
    }
    if super::outer::knows_address(address) && matches!(port, 80 | 443) {
        return Outcome::Answered(Target::Internet);
    }
    Outcome::TimedOut
}

/// Whether a pod's network answers: it runs, and its node has power.
pub fn pod_reachable(cluster: &Cluster, name: &ObjectName) -> bool {
    let Some(pod) = cluster.api.store.fetch::<Pod>(name) else { return false };
    let Some(node) = &pod.spec.node_name else { return false };
    // Its first process may speak before its status tells the address.
    node_up(cluster, node) && (pod.status.pod_ip.is_some() || kubelet::has_address(cluster, node, name))
}

/// Whether a node's machine has power.
pub fn node_up(cluster: &Cluster, node: &str) -> bool {
    cluster.kubelets.contains_key(node) && kubelet::down_since(cluster, node).is_none()
}

fn port_is(number: i32, port: u16) -> bool {
    number == i32::from(port)
}

fn by_cluster_ip(cluster: &Cluster, address: &str) -> Option<Arc<Service>> {
    let has = |s: &&Arc<Service>| s.spec.as_ref().and_then(|s| s.cluster_ip.as_deref()) == Some(address);
    cluster.api.store.all::<Service>().find(has).cloned()
}

fn by_external_address(cluster: &Cluster, address: &str) -> Option<Arc<Service>> {
    let has = |service: &&Arc<Service>| {
        let external = service.spec.as_ref().and_then(|s| s.external_ips.as_ref());
        let balancer =
            service.status.as_ref().and_then(|s| s.load_balancer.as_ref()).and_then(|b| b.ingress.as_ref());
        external.is_some_and(|ips| ips.iter().any(|ip| ip == address))
            || balancer.is_some_and(|list| list.iter().any(|i| i.ip.as_deref() == Some(address)))
    };
    cluster.api.store.all::<Service>().find(has).cloned()
}

fn node_with_address(cluster: &Cluster, address: &str) -> Option<String> {
    cluster
        .api
        .store
        .all::<Node>()
        .find(|n| node_address(n) == Some(address))
        .map(|n| n.name_str().to_owned())
}

/// A node's `InternalIP`.
pub fn node_address(node: &Node) -> Option<&str> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|a| a.type_ == "InternalIP").map(|a| a.address.as_str())
}

/// A connection to a node's own address: a node port, a host port, a pod on the host network, the API server.
pub fn to_node(cluster: &mut Cluster, from: &Point, node: &str, port: u16) -> Outcome<Target> {
    if !node_up(cluster, node) {
        return Outcome::TimedOut;
    }
    let control_plane = cluster
        .api
        .store
        .find::<Node>("", node)
        .is_some_and(|n| n.labels_map().contains_key("node-role.kubernetes.io/control-plane"));
    if control_plane && port == API_SERVER_PORT {
        return Outcome::Answered(Target::ApiServer);
    }
    let asks = |p: &ServicePort| p.node_port.is_some_and(|n| port_is(n, port));
    let has = |s: &&Arc<Service>| {
        s.spec.as_ref().and_then(|s| s.ports.as_ref()).is_some_and(|ports| ports.iter().any(asks))
    };
    let service = cluster.api.store.all::<Service>().find(has).cloned();
    if let Some(service) = service {
        return to_service(cluster, from, &service, Entry::External(Some(node)), asks);
    }
    if let Some((pod, port)) = behind_host_port(cluster, node, port) {
        return Outcome::Answered(Target::Pod { pod, port });
    }
    let on_host = |p: &&Arc<Pod>| p.spec.host_network == Some(true);
    let pods: Vec<ObjectName> =
        cluster.api.store.pods_on(node).filter(on_host).map(|p| p.object_name()).collect();
    for pod in pods {
        if kubelet::listens(cluster, &pod, port) {
            return Outcome::Answered(Target::Pod { pod, port });
        }
    }
    Outcome::Refused
}

/// The pod that has a port of the node, and which of its own that is: as the CNI plugin `portmap` maps them, from when
/// the pod's sandbox is there until it goes.
fn behind_host_port(cluster: &Cluster, node: &str, port: u16) -> Option<(ObjectName, u16)> {
    let store = &cluster.api.store;
    let own = store.find::<Node>("", node).and_then(|n| node_address(n));
    let maps = |p: &&ContainerPort| {
        let host = p.host_ip.as_deref().filter(|ip| !matches!(*ip, "" | "0.0.0.0"));
        p.host_port.is_some_and(|n| port_is(n, port))
            && p.protocol.as_deref().is_none_or(|p| p == "TCP")
            && host.is_none_or(|ip| Some(ip) == own)
    };
    store.pods_on(node).filter(|p| p.spec.host_network != Some(true)).find_map(|pod| {
        let containers = pod.spec.containers.iter().chain(pod.spec.init_containers.iter().flatten());
        let found = containers.flat_map(|c| c.ports.iter().flatten()).find(maps)?;
        let name = pod.object_name();
        let to = u16::try_from(found.container_port).ok()?;
        kubelet::has_address(cluster, node, &name).then_some((name, to))
    })
}

fn to_pod_address(cluster: &Cluster, address: &str, port: u16) -> Outcome<Target> {
    match pod_with_address(cluster, address) {
        Some(pod) if pod_reachable(cluster, &pod) => Outcome::Answered(Target::Pod { pod, port }),
        _ => Outcome::TimedOut,
    }
}

/// The running pod with this address: it is on the node whose range the address is in.
fn pod_with_address(cluster: &Cluster, address: &str) -> Option<ObjectName> {
    let prefix = format!("{}.", address.rsplit_once('.')?.0);
    let store = &cluster.api.store;
    let in_range = |n: &&Arc<Node>| {
        n.spec.as_ref().and_then(|s| s.pod_cidr.as_deref()).is_some_and(|cidr| cidr.starts_with(&prefix))
    };
    let has = |p: &&Arc<Pod>| {
        let done = matches!(p.status.phase.as_deref(), Some("Succeeded" | "Failed"));
        p.status.pod_ip.as_deref() == Some(address) && !done
    };
    let found = store.all::<Node>().filter(in_range).find_map(|n| store.pods_on(n.name_str()).find(has));
    found.or_else(|| store.all::<Pod>().find(has)).map(|p| p.object_name())
}

fn to_service(
    cluster: &mut Cluster,
    from: &Point,
    service: &Arc<Service>,
    entry: Entry,
    asks: impl Fn(&ServicePort) -> bool,
) -> Outcome<Target> {
    let Some(spec) = &service.spec else { return Outcome::TimedOut };
    let Some(port) = spec.ports.iter().flatten().find(|p| asks(p)) else { return Outcome::TimedOut };
    if service.name_str() == "kubernetes" && service.namespace_str() == "default" {
        return Outcome::Answered(Target::ApiServer);
    }
    let all = backends(cluster, service, port);
    let local = match entry {
        Entry::Cluster if spec.internal_traffic_policy.as_deref() == Some("Local") => {
            from_node(cluster, from)
        }
        Entry::External(node) if spec.external_traffic_policy.as_deref() == Some("Local") => {
            node.map(str::to_owned)
        }
        _ => None,
    };
    let any = !all.is_empty();
    let kept: Vec<Backend> = match &local {
        Some(node) => all.into_iter().filter(|b| b.node.as_deref() == Some(node.as_str())).collect(),
        None => all,
    };
    if kept.is_empty() {
        // A Service without endpoints refuses; one whose policy keeps to a node without any drops.
        return if any { Outcome::TimedOut } else { Outcome::Refused };
    }
    let sticky = spec.session_affinity.as_deref() == Some("ClientIP");
    let index = if sticky {
        hash::fnv64a(format!("{from:?}/{}", service.uid_str()).as_bytes()) % kept.len() as u64
    } else {
        cluster.network.random.below(kept.len() as u64)
    };
    let chosen = &kept[index as usize];
    match node_with_address(cluster, &chosen.address) {
        Some(node) => to_host_port(cluster, &node, chosen.port),
        None => to_pod_address(cluster, &chosen.address, chosen.port),
    }
}

fn to_host_port(cluster: &mut Cluster, node: &str, port: u16) -> Outcome<Target> {
    if port == API_SERVER_PORT {
        return Outcome::Answered(Target::ApiServer);
    }
    to_node(cluster, &Point::Node(Arc::from(node)), node, port)
}

fn from_node(cluster: &Cluster, from: &Point) -> Option<String> {
    match from {
        Point::Outside => None,
        Point::Node(node) => Some(node.to_string()),
        Point::Pod(pod) => cluster.api.store.fetch::<Pod>(pod)?.spec.node_name.as_deref().map(str::to_owned),
    }
}

/// The endpoints that take traffic for a port: the ready ones; when there are none, those that still serve while
/// they terminate (`ProxyTerminatingEndpoints`).
fn backends(cluster: &Cluster, service: &Service, port: &ServicePort) -> Vec<Backend> {
    let mut ready = Vec::new();
    let mut terminating = Vec::new();
    for slice in slices(cluster, service) {
        let name = port.name.as_deref().unwrap_or("");
        let found = slice.ports.iter().flatten().find(|p| p.name.as_deref().unwrap_or("") == name);
        let Some(number) = found.and_then(|p| p.port) else { continue };
        for endpoint in slice.endpoints.iter().flatten() {
            let backend = || Backend {
                address: endpoint.addresses.first().cloned().unwrap_or_default(),
                port: u16::try_from(number).unwrap_or(0),
                node: endpoint.node_name.clone(),
            };
            if is_ready(endpoint) {
                ready.push(backend());
            } else if serves_while_terminating(endpoint) {
                terminating.push(backend());
            }
        }
    }
    if ready.is_empty() { terminating } else { ready }
}

/// Whether an endpoint is ready; an unset condition means yes.
pub fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true)
}

fn serves_while_terminating(endpoint: &Endpoint) -> bool {
    let conditions = endpoint.conditions.as_ref();
    conditions.is_some_and(|c| c.serving == Some(true) && c.terminating == Some(true))
}

/// The slices of a Service.
pub fn slices<'a>(
    cluster: &'a Cluster,
    service: &'a Service,
) -> impl Iterator<Item = &'a Arc<EndpointSlice>> {
    let name = service.name_str();
    let of = move |s: &&Arc<EndpointSlice>| s.label("kubernetes.io/service-name") == Some(name);
    cluster.api.store.all_in::<EndpointSlice>(service.namespace_str()).filter(of)
}
