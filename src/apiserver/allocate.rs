//! What the server hands out to Services: cluster addresses and node ports.
//!
//! Always holds: no two Services have the same cluster address, or the same node port for one protocol.

use super::strategy::{needs_cluster_ip, needs_health_port, needs_node_port};
use super::{ApiError, ApiServer, FieldError};
use crate::object::{Kind, Object, hash::Stream, meta::MetaExt};
use imbl::{OrdMap, OrdSet};
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The network of cluster addresses, as kubeadm sets it.
pub const SERVICE_CIDR: &str = "10.96.0.0/12";
const FIRST_IP: u32 = u32::from_be_bytes([10, 96, 0, 0]);
const IP_COUNT: u32 = 1 << 20;
/// The lower part of the range is kept for addresses that are asked for.
const RESERVED_IPS: u32 = 256;
/// The node ports.
pub const NODE_PORTS: std::ops::RangeInclusive<i32> = 30_000..=32_767;
const RESERVED_PORTS: u64 = 86;

/// What is handed out, and the stream that chooses.
#[derive(Clone, Debug)]
pub struct Allocators {
    random: Stream,
    ips: OrdSet<u32>,
    /// The protocols that hold each node port.
    ports: OrdMap<i32, OrdSet<Arc<str>>>,
}

impl Allocators {
    /// Nothing handed out yet.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Stream::new(seed, "apiserver", "allocators"),
            ips: OrdSet::new(),
            ports: OrdMap::new(),
        }
    }

    fn next_ip(&mut self) -> Option<Ipv4Addr> {
        let span = IP_COUNT - RESERVED_IPS - 1;
        let start = self.random.below(u64::from(span)) as u32;
        let free = (0..span)
            .map(|i| FIRST_IP + RESERVED_IPS + (start + i) % span)
            .find(|ip| !self.ips.contains(ip))?;
        self.ips.insert(free);
        Some(Ipv4Addr::from(free))
    }

    fn take_ip(&mut self, text: &str) -> Result<(), String> {
        let ip: Option<Ipv4Addr> = text.parse().ok();
        let Some(ip) = ip.map(u32::from).filter(|ip| (FIRST_IP + 1..FIRST_IP + IP_COUNT - 1).contains(ip))
        else {
            return Err(format!(
                "failed to allocate IP {text}: the provided IP ({text}) is not in the valid range. The range of valid IPs is {SERVICE_CIDR}"
            ));
        };
        if self.ips.insert(ip).is_some() {
            return Err(format!("failed to allocate IP {text}: provided IP is already allocated"));
        }
        Ok(())
    }

    fn next_port(&mut self, protocol: &Arc<str>) -> Option<i32> {
        let (first, last) = (*NODE_PORTS.start(), *NODE_PORTS.end());
        let count = (last - first + 1) as u64 - RESERVED_PORTS;
        let start = self.random.below(count);
        let port = (0..count)
            .map(|i| first + (RESERVED_PORTS + (start + i) % count) as i32)
            .find(|port| !self.ports.contains_key(port))?;
        self.ports.entry(port).or_default().insert(protocol.clone());
        Some(port)
    }

    fn take_port(&mut self, port: i32, protocol: &Arc<str>) -> Result<(), String> {
        if !NODE_PORTS.contains(&port) {
            return Err(format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                NODE_PORTS.start(),
                NODE_PORTS.end()
            ));
        }
        let held = self.ports.entry(port).or_default();
        if held.insert(protocol.clone()).is_some() {
            return Err("provided port is already allocated".to_owned());
        }
        Ok(())
    }

    fn give_back(&mut self, spec: &ServiceSpec) {
        for ip in spec.cluster_ips.iter().flatten() {
            if let Ok(ip) = ip.parse::<Ipv4Addr>() {
                self.ips.remove(&u32::from(ip));
            }
        }
        let tcp = "TCP".to_owned();
        let of_ports = spec
            .ports
            .iter()
            .flatten()
            .filter_map(|p| Some((p.node_port?, p.protocol.as_ref().unwrap_or(&tcp).clone())));
        for (port, protocol) in of_ports.chain(spec.health_check_node_port.map(|p| (p, tcp.clone()))) {
            if let Some(held) = self.ports.get_mut(&port) {
                held.remove(protocol.as_str());
                if held.is_empty() {
                    self.ports.remove(&port);
                }
            }
        }
    }
}

/// Allocates for a new object, after validation.
///
/// # Errors
/// When what it asks for is taken or out of range.
pub fn on_create(api: &mut ApiServer, object: &mut Object) -> Result<(), ApiError> {
    let Object::Service(service) = object else { return Ok(()) };
    let service = Arc::make_mut(service);
    let before = api.allocators.clone();
    fill(&mut api.allocators, service).inspect_err(|_| api.allocators = before)
}

/// Allocates and gives back after an update.
///
/// # Errors
/// When what it asks for is taken or out of range.
pub fn on_update(api: &mut ApiServer, object: &mut Object, old: &Object) -> Result<(), ApiError> {
    let (Object::Service(service), Object::Service(old)) = (object, old) else { return Ok(()) };
    if service.spec == old.spec {
        return Ok(());
    }
    let before = api.allocators.clone();
    if let Some(spec) = &old.spec {
        api.allocators.give_back(spec);
    }
    fill(&mut api.allocators, Arc::make_mut(service)).inspect_err(|_| api.allocators = before)
}

/// Gives back what a removed object had.
pub fn release(api: &mut ApiServer, object: &Object) {
    if let Object::Service(service) = object
        && let Some(spec) = &service.spec
    {
        api.allocators.give_back(spec);
    }
}

fn fill(allocators: &mut Allocators, service: &mut Service) -> Result<(), ApiError> {
    let name = service.name_str().to_owned();
    let invalid = |cause: FieldError| ApiError::invalid(Kind::Service, &name, vec![cause]);
    let spec = service.spec.get_or_insert_default();
    if needs_cluster_ip(spec) {
        addresses(allocators, spec).map_err(&invalid)?;
    }
    if needs_node_port(spec) {
        node_ports(allocators, spec).map_err(&invalid)?;
    }
    if needs_health_port(spec) {
        let tcp: Arc<str> = Arc::from("TCP");
        match spec.health_check_node_port.filter(|p| *p != 0) {
            Some(port) => allocators
                .take_port(port, &tcp)
                .map_err(|why| invalid(FieldError::invalid("spec.healthCheckNodePort", &json!(port), why)))?,
            None => spec.health_check_node_port = allocators.next_port(&tcp),
        }
    }
    Ok(())
}

fn addresses(allocators: &mut Allocators, spec: &mut ServiceSpec) -> Result<(), FieldError> {
    if spec.ip_family_policy.as_deref() == Some("RequireDualStack") {
        let why = "this cluster is not configured for dual-stack services";
        return Err(FieldError::invalid("spec.ipFamilyPolicy", &json!("RequireDualStack"), why));
    }
    if let Some(at) = spec.ip_families.iter().flatten().position(|f| f == "IPv6") {
        let why = "not configured on this cluster";
        return Err(FieldError::invalid(format!("spec.ipFamilies[{at}]"), &json!("IPv6"), why));
    }
    if spec.ip_family_policy.is_none() {
        spec.ip_family_policy = Some("SingleStack".to_owned());
    }
    if spec.ip_families.is_none() {
        spec.ip_families = Some(vec!["IPv4".to_owned()]);
    }
    match spec.cluster_ip.as_deref().unwrap_or("") {
        "None" => spec.cluster_ips = Some(vec!["None".to_owned()]),
        "" => {
            let ip = allocators.next_ip().map(|ip| ip.to_string()).ok_or_else(|| {
                FieldError::invalid("spec.clusterIPs", &json!([]), "failed to allocate an IP: range is full")
            })?;
            spec.cluster_ips = Some(vec![ip.clone()]);
            spec.cluster_ip = Some(ip);
        }
        asked => {
            allocators
                .take_ip(asked)
                .map_err(|why| FieldError::invalid("spec.clusterIPs", &json!([asked]), why))?;
            spec.cluster_ips = Some(vec![asked.to_owned()]);
        }
    }
    Ok(())
}

/// The ports that are asked for are taken first, so that a chosen one never stands in the way.
fn node_ports(allocators: &mut Allocators, spec: &mut ServiceSpec) -> Result<(), FieldError> {
    let protocol = |p: &k8s_openapi::api::core::v1::ServicePort| {
        Arc::<str>::from(p.protocol.as_deref().unwrap_or("TCP"))
    };
    for (at, port) in spec.ports.iter().flatten().enumerate() {
        if let Some(asked) = port.node_port.filter(|p| *p != 0) {
            let field = format!("spec.ports[{at}].nodePort");
            allocators
                .take_port(asked, &protocol(port))
                .map_err(|why| FieldError::invalid(field, &json!(asked), why))?;
        }
    }
    let mut chosen: Vec<(i32, i32)> = Vec::new();
    for port in spec.ports.iter_mut().flatten().filter(|p| p.node_port.unwrap_or(0) == 0) {
        // One number serves the same port in several protocols, as DNS has it.
        let shared = chosen.iter().find(|(number, _)| *number == port.port).map(|(_, node)| *node);
        let protocol = protocol(port);
        port.node_port = match shared.filter(|n| allocators.take_port(*n, &protocol).is_ok()) {
            Some(shared) => Some(shared),
            None => allocators.next_port(&protocol),
        };
        chosen.extend(port.node_port.map(|node| (port.port, node)));
    }
    Ok(())
}
