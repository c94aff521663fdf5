//! Defaults of Services, endpoints and network policies.

use super::text;
use k8s_openapi::api::core::v1::{ClientIPConfig, Endpoints, Service, SessionAffinityConfig};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub fn service(object: &mut Service) {
    let spec = object.spec.get_or_insert_default();
    text(&mut spec.session_affinity, "None");
    match spec.session_affinity.as_deref() {
        Some("None") => spec.session_affinity_config = None,
        Some("ClientIP") => {
            let client = spec
                .session_affinity_config
                .get_or_insert_with(SessionAffinityConfig::default)
                .client_ip
                .get_or_insert_with(ClientIPConfig::default);
            client.timeout_seconds.get_or_insert(10_800);
        }
        _ => {}
    }
    text(&mut spec.type_, "ClusterIP");
    for port in spec.ports.iter_mut().flatten() {
        text(&mut port.protocol, "TCP");
        let unset = match &port.target_port {
            None | Some(IntOrString::Int(0)) => true,
            Some(IntOrString::String(name)) => name.is_empty(),
            Some(IntOrString::Int(_)) => false,
        };
        if unset {
            port.target_port = Some(IntOrString::Int(port.port));
        }
    }
    let kind = spec.type_.as_deref().unwrap_or("");
    let external = matches!(kind, "NodePort" | "LoadBalancer")
        || (kind == "ClusterIP" && spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty()));
    let (inside, balanced) =
        (matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer"), kind == "LoadBalancer");
    if external {
        text(&mut spec.external_traffic_policy, "Cluster");
    }
    if inside {
        text(&mut spec.internal_traffic_policy, "Cluster");
    }
    if balanced {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
    }
    object.status.get_or_insert_default().load_balancer.get_or_insert_default();
}

pub fn endpoints(object: &mut Endpoints) {
    let ports = object.subsets.iter_mut().flatten().flat_map(|subset| subset.ports.iter_mut().flatten());
    for port in ports {
        text(&mut port.protocol, "TCP");
    }
}

pub fn endpoint_slice(object: &mut EndpointSlice) {
    for port in object.ports.iter_mut().flatten() {
        port.name.get_or_insert_default();
        text(&mut port.protocol, "TCP");
    }
}

pub fn policy(object: &mut NetworkPolicy) {
    let Some(spec) = &mut object.spec else { return };
    spec.pod_selector.get_or_insert_default();
    let protocol = |port: &mut NetworkPolicyPort| text(&mut port.protocol, "TCP");
    for rule in spec.ingress.iter_mut().flatten() {
        rule.ports.iter_mut().flatten().for_each(protocol);
    }
    for rule in spec.egress.iter_mut().flatten() {
        rule.ports.iter_mut().flatten().for_each(protocol);
    }
    if spec.policy_types.as_ref().is_none_or(Vec::is_empty) {
        let mut types = vec!["Ingress".to_owned()];
        if spec.egress.as_ref().is_some_and(|e| !e.is_empty()) {
            types.push("Egress".to_owned());
        }
        spec.policy_types = Some(types);
    }
}
