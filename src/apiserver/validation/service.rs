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
    ports(spec, errors);
    super::meta::labels(spec.selector.as_ref(), SPEC.child("selector"), errors);
    errors.one_of(SPEC.child("sessionAffinity"), spec.session_affinity.as_deref(), &["ClientIP", "None"]);
    affinity(spec, errors);
    cluster_ips(spec, errors);
    for (index, ip) in spec.external_ips.iter().flatten().enumerate() {
        let path = SPEC.child("externalIPs");
        errors.all(path.index(index), ip, names::ip(ip));
        errors.all(path.index(index), ip, names::special_ip(ip));
    }
    errors.one_of(SPEC.child("type"), spec.type_.as_deref(), TYPES);
    taken_ports(spec, kind, errors);
    balancer(spec, kind, errors);
    policies(spec, kind, errors);
}

fn affinity(spec: &ServiceSpec, errors: &mut Errors) {
    const WHEN: &str = "when session affinity type is ClientIP";
    let path = SPEC.child("sessionAffinityConfig");
    let config = spec.session_affinity_config.as_ref();
    if spec.session_affinity.as_deref() == Some("None") && config.is_some() {
        errors.forbidden(path, "must not be set when session affinity is None");
    }
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return;
    }
    let Some(config) = config else { return errors.required(path, WHEN) };
    let path = path.child("clientIP");
    let Some(client) = &config.client_ip else { return errors.required(path, WHEN) };
    let path = path.child("timeoutSeconds");
    match client.timeout_seconds {
        None => errors.required(path, WHEN),
        Some(seconds) if !(1..=86_400).contains(&seconds) => {
            errors.invalid(path, seconds, "must be greater than 0 and less than 86400");
        }
        Some(_) => {}
    }
}

fn external_name(spec: &ServiceSpec, errors: &mut Errors) {
    if spec.cluster_ips.as_ref().is_some_and(|ips| !ips.is_empty()) {
        errors.forbidden(SPEC.child("clusterIPs"), "may not be set for ExternalName services");
    }
    if spec.ip_families.as_ref().is_some_and(|f| !f.is_empty()) {
        errors.forbidden(SPEC.child("ipFamilies"), "may not be set for ExternalName services");
    }
    if spec.ip_family_policy.is_some() {
        errors.forbidden(SPEC.child("ipFamilyPolicy"), "may not be set for ExternalName services");
    }
    let name = spec.external_name.as_deref().unwrap_or("").trim_end_matches('.');
    if name.is_empty() {
        errors.required(SPEC.child("externalName"), "");
    } else {
        errors.all(SPEC.child("externalName"), name, names::subdomain(name));
    }
}

fn ports(spec: &ServiceSpec, errors: &mut Errors) {
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
    }
}

/// Node ports where there are none, and the same port, or the same node port, twice for one protocol.
fn taken_ports(spec: &ServiceSpec, kind: &str, errors: &mut Errors) {
    let list = SPEC.child("ports");
    let ports = spec.ports.as_deref().unwrap_or_default();
    let node = |port: &ServicePort| port.node_port.filter(|n| *n != 0);
    for (index, _) in ports.iter().enumerate().filter(|(_, p)| kind == "ClusterIP" && node(p).is_some()) {
        let why = "may not be used when `type` is 'ClusterIP'";
        errors.forbidden(list.index(index).child("nodePort"), why);
    }
    let (mut seen, mut nodes) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in ports.iter().enumerate() {
        if let Some(number) = node(port)
            && !nodes.insert((port.protocol.as_deref(), number))
        {
            errors.duplicate(list.index(index).child("nodePort"), number);
        }
    }
    for (index, port) in ports.iter().enumerate() {
        let protocol = port.protocol.as_deref();
        if !seen.insert((protocol, port.port)) {
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                json!(protocol),
                port.port
            );
            errors.duplicate_raw(list.index(index), &shown);
        }
    }
}

fn cluster_ips(spec: &ServiceSpec, errors: &mut Errors) {
    if !needs_cluster_ip(spec) {
        return;
    }
    let path = SPEC.child("clusterIPs");
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    match spec.cluster_ip.as_deref().unwrap_or("") {
        "" if !ips.is_empty() => {
            errors.invalid(path, json!(ips), "must be empty when `clusterIP` is not specified");
        }
        "" => {}
        one => match ips.first() {
            None => errors.required(path, ""),
            Some(first) if first != one => {
                errors.invalid(path, json!(ips), "first value must match `clusterIP`");
            }
            Some(_) => {}
        },
    }
    let mut seen = BTreeSet::new();
    for (index, family) in spec.ip_families.iter().flatten().enumerate() {
        let list = SPEC.child("ipFamilies");
        errors.supported(list.index(index), Some(family), &["IPv4", "IPv6"]);
        if !seen.insert(family) {
            errors.duplicate(list.index(index), family.as_str());
        }
    }
    let all = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    errors.supported(SPEC.child("ipFamilyPolicy"), spec.ip_family_policy.as_deref(), &all);
    let before = errors.0.len();
    for (index, ip) in ips.iter().enumerate() {
        if index == 0 && ip == "None" {
            if ips.len() > 1 {
                errors.invalid(path, json!(ips), "'None' must be the first and only value");
            }
        } else {
            errors.all(path.index(index), ip, names::ip(ip));
        }
    }
    if ips.len() > 2 {
        errors.invalid(path, json!(ips), "may only hold up to 2 values");
    }
    if errors.0.len() > before {
        return;
    }
    if let [first, second] = ips
        && first.contains(':') == second.contains(':')
    {
        errors.invalid(path, json!(ips), "may specify no more than one IP for each IP family");
    }
    for (index, (ip, family)) in ips.iter().zip(spec.ip_families.iter().flatten()).enumerate() {
        if ip != "None" && ip.contains(':') != (family == "IPv6") {
            let why = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.invalid(path.index(index), ip.as_str(), why);
        }
    }
}

fn balancer(spec: &ServiceSpec, kind: &str, errors: &mut Errors) {
    let balanced = kind == "LoadBalancer";
    let why = "may only be used when `type` is 'LoadBalancer'";
    // The server writes this path with a capital.
    let path = SPEC.child("LoadBalancerSourceRanges");
    let ranges = spec.load_balancer_source_ranges.as_deref().unwrap_or_default();
    if !ranges.is_empty() && !balanced {
        errors.forbidden(path, why);
    }
    for (index, range) in ranges.iter().enumerate() {
        errors.all(path.index(index), range.trim(), names::cidr(range.trim()));
    }
    match spec.allocate_load_balancer_node_ports {
        Some(_) if !balanced => errors.forbidden(SPEC.child("allocateLoadBalancerNodePorts"), why),
        None if balanced => errors.required(Path::new("allocateLoadBalancerNodePorts"), ""),
        _ => {}
    }
    match spec.load_balancer_class.as_deref() {
        Some(class) if balanced => {
            errors.all(SPEC.child("loadBalancerClass"), class, names::qualified(class));
        }
        Some(_) => errors.forbidden(SPEC.child("loadBalancerClass"), why),
        None => {}
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
    if let Some(how) = spec.traffic_distribution.as_deref() {
        let all = ["PreferClose", "PreferSameNode", "PreferSameZone"];
        errors.one_of(SPEC.child("trafficDistribution"), Some(how), &all);
    }
}

/// What a changed Service may not change: addresses that it has.
pub fn update(new: &Service, old: &Service, errors: &mut Errors) {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    let healthy = needs_health_port(new) && needs_health_port(old);
    if healthy && new.health_check_node_port != old.health_check_node_port {
        errors.forbidden(SPEC.child("healthCheckNodePort"), "field is immutable");
    }
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
