//! What scheduling needs of a pod's spec, parsed once and shared by all pods that share the spec.
//!
//! From `k8s.io/component-helpers/resource`: a pod asks for what its containers ask together, or for what its
//! greediest init container asks if that is more; sidecars count with both; overhead comes on top.

use super::plugins::image_locality::image_id;
use super::terms::{AffinityTerm, NodeTerm, SpreadConstraint};
use crate::object::{quantity, selector::Selector};
use k8s_openapi::api::core::v1::{Container, PodSpec, Toleration};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;
use std::sync::Arc;

/// CPU that a container without a request counts with in scores, in thousandths.
const DEFAULT_MILLI_CPU: i64 = 100;
/// Memory that a container without a request counts with in scores, in bytes.
const DEFAULT_MEMORY: i64 = 200 << 20;

/// Amounts of resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a core.
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes of `ephemeral-storage`.
    pub ephemeral: i64,
    /// Extended resources and huge pages, by name.
    pub scalar: Vec<(Arc<str>, i64)>,
}

impl Resources {
    /// Reads a resource list.
    pub fn from_list(list: Option<&BTreeMap<String, Quantity>>) -> Self {
        let mut resources = Self::default();
        for (name, amount) in list.into_iter().flatten() {
            let amount = quantity::of(amount);
            match name.as_str() {
                "cpu" => resources.milli_cpu = amount.milli(),
                "memory" => resources.memory = amount.units(),
                "ephemeral-storage" => resources.ephemeral = amount.units(),
                "pods" => {}
                name if is_scalar(name) => resources.scalar.push((Arc::from(name), amount.units())),
                _ => {}
            }
        }
        resources
    }

    /// The amount of an extended resource.
    pub fn scalar(&self, name: &str) -> i64 {
        self.scalar.iter().find(|(n, _)| **n == *name).map_or(0, |(_, amount)| *amount)
    }

    /// Adds `sign` times `other`.
    pub fn add(&mut self, other: &Resources, sign: i64) {
        self.milli_cpu += sign * other.milli_cpu;
        self.memory += sign * other.memory;
        self.ephemeral += sign * other.ephemeral;
        for (name, amount) in &other.scalar {
            match self.scalar.iter_mut().find(|(n, _)| n == name) {
                Some((_, own)) => *own += sign * amount,
                None => self.scalar.push((name.clone(), sign * amount)),
            }
        }
    }

    /// The greater of both, resource by resource.
    fn at_least(&mut self, other: &Resources) {
        self.milli_cpu = self.milli_cpu.max(other.milli_cpu);
        self.memory = self.memory.max(other.memory);
        self.ephemeral = self.ephemeral.max(other.ephemeral);
        for (name, amount) in &other.scalar {
            match self.scalar.iter_mut().find(|(n, _)| n == name) {
                Some((_, own)) => *own = (*own).max(*amount),
                None => self.scalar.push((name.clone(), *amount)),
            }
        }
    }

    fn is_zero(&self) -> bool {
        self.milli_cpu == 0
            && self.memory == 0
            && self.ephemeral == 0
            && self.scalar.iter().all(|(_, a)| *a == 0)
    }
}

fn is_scalar(name: &str) -> bool {
    name.contains('/') || name.starts_with("hugepages-") || name.starts_with("attachable-volumes-")
}

/// A port of the node that a container asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// `0.0.0.0` for every address.
    pub ip: Arc<str>,
    /// `TCP`, `UDP`, `SCTP`.
    pub protocol: Arc<str>,
    /// The port.
    pub port: i32,
}

impl HostPort {
    /// Whether both cannot be on one node.
    pub fn conflicts(&self, other: &HostPort) -> bool {
        let any = |ip: &str| ip == "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || any(&self.ip) || any(&other.ip))
    }
}

/// A claim that a pod's volume names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The claim of this name.
    Named(Arc<str>),
    /// A claim made for the pod: `<pod>-<volume>`.
    Ephemeral(Arc<str>),
}

impl Claim {
    /// The claim's name for the pod of this name.
    pub fn name(&self, pod: &str) -> Arc<str> {
        match self {
            Claim::Named(name) => name.clone(),
            Claim::Ephemeral(volume) => Arc::from(format!("{pod}-{volume}")),
        }
    }
}

/// A pod's spec as the scheduler sees it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What it asks for.
    pub requests: Resources,
    /// CPU for scores, in thousandths: never zero.
    pub score_milli_cpu: i64,
    /// Memory for scores, in bytes: never zero.
    pub score_memory: i64,
    /// Ports of the node.
    pub ports: Vec<HostPort>,
    /// `spec.priority`.
    pub priority: i32,
    /// `spec.nodeSelector`.
    pub node_selector: Selector,
    /// Required node affinity: one of the terms.
    pub required_nodes: Option<Vec<NodeTerm>>,
    /// Preferred node affinity, with weights.
    pub preferred_nodes: Vec<(i64, NodeTerm)>,
    /// Required affinity to pods.
    pub pod_affinity: Vec<AffinityTerm>,
    /// Required anti-affinity to pods.
    pub pod_anti_affinity: Vec<AffinityTerm>,
    /// Preferred affinity to pods; a negative weight is anti-affinity.
    pub preferred_pods: Vec<(i64, AffinityTerm)>,
    /// `spec.topologySpreadConstraints`.
    pub spread: Vec<SpreadConstraint>,
    /// The claims of its volumes.
    pub claims: Vec<Claim>,
    /// The images of its containers, by [`image_id`].
    pub images: Vec<u64>,
    /// `spec.tolerations`.
    pub tolerations: Vec<Toleration>,
}

impl Facts {
    /// Parses a spec.
    pub fn of(spec: &PodSpec) -> Self {
        let affinity = spec.affinity.as_ref();
        let nodes = affinity.and_then(|a| a.node_affinity.as_ref());
        let pods = affinity.and_then(|a| a.pod_affinity.as_ref());
        let anti = affinity.and_then(|a| a.pod_anti_affinity.as_ref());
        let required = nodes.and_then(|n| n.required_during_scheduling_ignored_during_execution.as_ref());
        let preferred = nodes.and_then(|n| n.preferred_during_scheduling_ignored_during_execution.as_ref());
        let terms = |terms: Option<&Vec<_>>| terms.into_iter().flatten().map(AffinityTerm::of).collect();
        let weighted = |terms: Option<&Vec<k8s_openapi::api::core::v1::WeightedPodAffinityTerm>>,
                        sign: i64| {
            let term = |w: &k8s_openapi::api::core::v1::WeightedPodAffinityTerm| {
                (sign * i64::from(w.weight), AffinityTerm::of(&w.pod_affinity_term))
            };
            terms.into_iter().flatten().map(term).collect::<Vec<_>>()
        };
        let mut preferred_pods =
            weighted(pods.and_then(|p| p.preferred_during_scheduling_ignored_during_execution.as_ref()), 1);
        preferred_pods.extend(weighted(
            anti.and_then(|p| p.preferred_during_scheduling_ignored_during_execution.as_ref()),
            -1,
        ));
        Self {
            requests: requests(spec, |c| Resources::from_list(container_requests(c))),
            score_milli_cpu: requests(spec, scored).milli_cpu,
            score_memory: requests(spec, scored).memory,
            ports: host_ports(spec),
            priority: spec.priority.unwrap_or(0),
            node_selector: Selector::from_map(spec.node_selector.as_ref().unwrap_or(&BTreeMap::new())),
            required_nodes: required.map(|r| r.node_selector_terms.iter().map(NodeTerm::of).collect()),
            preferred_nodes: preferred
                .into_iter()
                .flatten()
                .map(|p| (i64::from(p.weight), NodeTerm::of(&p.preference)))
                .collect(),
            pod_affinity: terms(
                pods.and_then(|p| p.required_during_scheduling_ignored_during_execution.as_ref()),
            ),
            pod_anti_affinity: terms(
                anti.and_then(|p| p.required_during_scheduling_ignored_during_execution.as_ref()),
            ),
            preferred_pods,
            spread: spec.topology_spread_constraints.iter().flatten().map(SpreadConstraint::of).collect(),
            claims: claims(spec),
            images: spec.containers.iter().filter_map(|c| c.image.as_deref()).map(image_id).collect(),
            tolerations: spec.tolerations.clone().unwrap_or_default(),
        }
    }

    /// Whether it has a say about where other pods may go.
    pub fn minds_pods(&self) -> bool {
        !self.pod_affinity.is_empty() || !self.pod_anti_affinity.is_empty() || !self.preferred_pods.is_empty()
    }

    /// Whether it asks for nothing.
    pub fn asks_nothing(&self) -> bool {
        self.requests.is_zero()
    }
}

fn container_requests(container: &Container) -> Option<&BTreeMap<String, Quantity>> {
    container.resources.as_ref().and_then(|r| r.requests.as_ref())
}

/// A container's requests as scores count them.
fn scored(container: &Container) -> Resources {
    let list = container_requests(container);
    let asked = |name: &str| list.is_some_and(|l| l.contains_key(name));
    let mut resources = Resources::from_list(list);
    if !asked("cpu") {
        resources.milli_cpu = DEFAULT_MILLI_CPU;
    }
    if !asked("memory") {
        resources.memory = DEFAULT_MEMORY;
    }
    resources
}

fn requests(spec: &PodSpec, of: fn(&Container) -> Resources) -> Resources {
    let mut sum = Resources::default();
    for container in &spec.containers {
        sum.add(&of(container), 1);
    }
    let mut sidecars = Resources::default();
    let mut peak = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let own = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            sum.add(&own, 1);
            sidecars.add(&own, 1);
            peak.at_least(&sidecars);
        } else {
            let mut together = sidecars.clone();
            together.add(&own, 1);
            peak.at_least(&together);
        }
    }
    sum.at_least(&peak);
    if let Some(list) = spec.resources.as_ref().and_then(|r| r.requests.as_ref()) {
        let whole = Resources::from_list(Some(list)); // pod-level resources stand for the containers'
        if list.contains_key("cpu") {
            sum.milli_cpu = whole.milli_cpu;
        }
        if list.contains_key("memory") {
            sum.memory = whole.memory;
        }
    }
    sum.add(&Resources::from_list(spec.overhead.as_ref()), 1);
    sum
}

fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars =
        spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten());
    ports
        .filter_map(|p| {
            let port = p.host_port.filter(|port| *port > 0)?;
            let ip = p.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
            Some(HostPort {
                ip: Arc::from(ip),
                protocol: Arc::from(p.protocol.as_deref().unwrap_or("TCP")),
                port,
            })
        })
        .collect()
}

fn claims(spec: &PodSpec) -> Vec<Claim> {
    let claim = |volume: &k8s_openapi::api::core::v1::Volume| {
        if let Some(source) = &volume.persistent_volume_claim {
            return Some(Claim::Named(Arc::from(source.claim_name.as_str())));
        }
        volume.ephemeral.as_ref().map(|_| Claim::Ephemeral(Arc::from(volume.name.as_str())))
    };
    spec.volumes.iter().flatten().filter_map(claim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_pod_asks_for() {
        let ask = |cpu: &str| json!({"requests": {"cpu": cpu}});
        let cases = [
            (
                json!({"containers": [{"name": "a", "resources": ask("1")}, {"name": "b", "resources": ask("500m")}]}),
                1500,
            ),
            (
                json!({"containers": [{"name": "a", "resources": ask("1")}],
                    "initContainers": [{"name": "i", "resources": ask("3")}]}),
                3000,
            ),
            (
                json!({"containers": [{"name": "a", "resources": ask("1")}],
                    "initContainers": [{"name": "s", "restartPolicy": "Always", "resources": ask("1")}, {"name": "i", "resources": ask("2")}]}),
                3000,
            ),
            (
                json!({"containers": [{"name": "a", "resources": ask("1")}], "overhead": {"cpu": "250m"}}),
                1250,
            ),
            (json!({"containers": [{"name": "a"}], "resources": ask("2")}), 2000),
        ];
        for (spec, milli) in cases {
            let spec: PodSpec = serde_json::from_value(spec).unwrap();
            assert_eq!(Facts::of(&spec).requests.milli_cpu, milli);
        }
    }
}
