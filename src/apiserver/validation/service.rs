//! Validation of Services of every type.

use super::{Errors, Path, names};
use crate::apiserver::strategy::{needs_cluster_ip, needs_health_port};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use serde_json::json;
use std::collections::BTreeSet;

const SPEC: Path = Path::new("spec");
const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

pub fn service(o: &Service, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    let kind = spec.type_.as_deref().unwrap_or("");
    let headless = spec.cluster_ip.as_deref() == Some("None");
    let no_ports = spec.ports.as_ref().is_none_or(Vec::is_empty);
    if no_ports && !headless && kind != "ExternalName" {
        errors.required(SPEC.child("ports"), "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let path = SPEC.child("clusterIPs");
            let why = format!("may not be set to 'None' for {kind} services");
            errors.invalid(path.index(0), "None", why);
        }
        "ExternalName" => external_name(spec, errors),
        _ => {}
    }
    ports(spec, kind, errors);
    super::meta::labels(spec.selector.as_ref(), SPEC.child("selector"), errors);
    errors.one_of(SPEC.child("sessionAffinity"), spec.session_affinity.as_deref(), &["ClientIP", "None"]);
    if let Some(client) = spec.session_affinity_config.as_ref().and_then(|c| c.client_ip.as_ref()) {
        let path = SPEC.child("sessionAffinityConfig");
        let path = path.child("clientIP");
        match client.timeout_seconds {
            None => errors.required(path.child("timeoutSeconds"), ""),
            Some(seconds) if !(1..=86_400).contains(&seconds) => {
                errors.invalid(
                    path.child("timeoutSeconds"),
                    seconds,
                    "must be greater than 0 and less than 86400",
                );
            }
            Some(_) => {}
        }
    }
    cluster_ips(spec, errors);
    for (index, ip) in spec.external_ips.iter().flatten().enumerate() {
        let path = SPEC.child("externalIPs");
        errors.all(path.index(index), ip, names::ip(ip));
    }
    errors.one_of(SPEC.child("type"), spec.type_.as_deref(), TYPES);
    balancer(spec, kind, errors);
    policies(spec, kind, errors);
}

fn external_name(spec: &ServiceSpec, errors: &mut Errors) {
    if spec.cluster_ips.as_ref().is_some_and(|ips| !ips.is_empty()) {
        errors.forbidden(SPEC.child("clusterIPs"), "may not be set when `type` is 'ExternalName'");
    }
    let name = spec.external_name.as_deref().unwrap_or("").trim_end_matches('.');
    if name.is_empty() {
        errors.required(SPEC.child("externalName"), "");
    } else {
        errors.all(SPEC.child("externalName"), name, names::subdomain(name));
    }
}

fn ports(spec: &ServiceSpec, kind: &str, errors: &mut Errors) {
    let list = SPEC.child("ports");
    let ports = spec.ports.as_deref().unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = list.index(index);
        let name = port.name.as_deref().unwrap_or("");
        if name.is_empty() && ports.len() > 1 {
            errors.required(path.child("name"), "");
        } else if !name.is_empty() {
            errors.all(path.child("name"), name, names::label(name));
            if !seen.insert(name) {
                errors.duplicate(path.child("name"), name);
            }
        }
        for why in names::port(i64::from(port.port)) {
            errors.invalid(path.child("port"), port.port, why);
        }
        errors.one_of(path.child("protocol"), port.protocol.as_deref(), &["SCTP", "TCP", "UDP"]);
        if let Some(target) = &port.target_port {
            for why in names::port_or_name(target) {
                errors.invalid(path.child("targetPort"), json!(target), why);
            }
        }
        if let Some(app) = port.app_protocol.as_deref() {
            errors.all(path.child("appProtocol"), app, names::qualified(app));
        }
        if port.node_port.unwrap_or(0) != 0 && matches!(kind, "ClusterIP" | "ExternalName") {
            let why = format!("may not be used when `type` is '{kind}'");
            errors.forbidden(path.child("nodePort"), why);
        }
    }
    duplicates(ports, errors);
}

/// The same port, or the same node port, twice for one protocol.
fn duplicates(ports: &[ServicePort], errors: &mut Errors) {
    let list = SPEC.child("ports");
    let (mut seen, mut nodes) = (BTreeSet::new(), BTreeSet::new());
    let shown = |protocol: Option<&str>, port: i32, node: i32| {
        json!({
            "Name": "", "Protocol": protocol, "AppProtocol": null, "Port": port, "TargetPort": 0, "NodePort": node,
        })
    };
    for (index, port) in ports.iter().enumerate() {
        let path = list.index(index);
        let protocol = port.protocol.as_deref();
        if let Some(node) = port.node_port.filter(|n| *n != 0)
            && !nodes.insert((protocol, node))
        {
            errors.duplicate(path.child("nodePort"), shown(protocol, 0, node));
        }
        if !seen.insert((protocol, port.port)) {
            errors.duplicate(path, shown(protocol, port.port, 0));
        }
    }
}

fn cluster_ips(spec: &ServiceSpec, errors: &mut Errors) {
    if !needs_cluster_ip(spec) {
        return;
    }
    let path = SPEC.child("clusterIPs");
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    for (index, ip) in ips.iter().enumerate() {
        if ip == "None" && ips.len() > 1 {
            errors.invalid(path.index(index), ip.as_str(), "'None' must be the first and only value");
        } else if ip != "None" {
            errors.all(path.index(index), ip, names::ip(ip));
        }
    }
}

fn balancer(spec: &ServiceSpec, kind: &str, errors: &mut Errors) {
    if kind == "LoadBalancer" {
        if spec.allocate_load_balancer_node_ports.is_none() {
            errors.required(SPEC.child("allocateLoadBalancerNodePorts"), "");
        }
        for (index, range) in spec.load_balancer_source_ranges.iter().flatten().enumerate() {
            let path = SPEC.child("loadBalancerSourceRanges");
            errors.all(path.index(index), range, names::cidr(range.trim()));
        }
        return;
    }
    let why = "may only be used when `type` is 'LoadBalancer'";
    if spec.allocate_load_balancer_node_ports.is_some() {
        errors.forbidden(SPEC.child("allocateLoadBalancerNodePorts"), why);
    }
    if spec.load_balancer_class.is_some() {
        errors.forbidden(SPEC.child("loadBalancerClass"), why);
    }
    if spec.load_balancer_source_ranges.as_ref().is_some_and(|r| !r.is_empty()) {
        errors.forbidden(SPEC.child("loadBalancerSourceRanges"), why);
    }
}

fn policies(spec: &ServiceSpec, kind: &str, errors: &mut Errors) {
    let external = matches!(kind, "NodePort" | "LoadBalancer")
        || (kind == "ClusterIP" && spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty()));
    match spec.external_traffic_policy.as_deref() {
        None if external => errors.required(SPEC.child("externalTrafficPolicy"), ""),
        Some(policy) if !external => {
            let why = "may only be set for externally-accessible services";
            errors.invalid(SPEC.child("externalTrafficPolicy"), policy, why);
        }
        Some(policy) if !matches!(policy, "Cluster" | "Local") => {
            errors.unsupported(SPEC.child("externalTrafficPolicy"), policy, &["Cluster", "Local"]);
        }
        _ => {}
    }
    if let Some(port) = spec.health_check_node_port.filter(|p| *p != 0)
        && !needs_health_port(spec)
    {
        let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errors.invalid(SPEC.child("healthCheckNodePort"), port, why);
    }
    if let Some(policy) = spec.internal_traffic_policy.as_deref()
        && !matches!(policy, "Cluster" | "Local")
    {
        errors.unsupported(SPEC.child("internalTrafficPolicy"), policy, &["Cluster", "Local"]);
    }
    if let Some(policy) = spec.ip_family_policy.as_deref() {
        let all = ["PreferDualStack", "RequireDualStack", "SingleStack"];
        errors.one_of(SPEC.child("ipFamilyPolicy"), Some(policy), &all);
    }
    if let Some(how) = spec.traffic_distribution.as_deref() {
        let all = ["PreferClose", "PreferSameNode", "PreferSameZone"];
        errors.one_of(SPEC.child("trafficDistribution"), Some(how), &all);
    }
}

/// What a changed Service may not change: addresses that it has.
pub fn update(new: &Service, old: &Service, errors: &mut Errors) {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    let both = needs_cluster_ip(new) && needs_cluster_ip(old);
    let had = old.cluster_ip.as_deref().is_some_and(|ip| !ip.is_empty());
    if both && had {
        let first = |spec: &ServiceSpec| spec.cluster_ips.as_ref().and_then(|ips| ips.first()).cloned();
        if first(new) != first(old) {
            let path = SPEC.child("clusterIPs");
            errors.invalid(
                path.index(0),
                json!(new.cluster_ips.clone().unwrap_or_default()),
                "may not change once set",
            );
        }
    }
    if old.load_balancer_class != new.load_balancer_class
        && old.type_.as_deref() == Some("LoadBalancer")
        && new.type_.as_deref() == Some("LoadBalancer")
    {
        errors.invalid(
            SPEC.child("loadBalancerClass"),
            json!(new.load_balancer_class),
            "may not change once set",
        );
    }
}
