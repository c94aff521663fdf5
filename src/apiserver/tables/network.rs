//! Rows of Services, endpoints, Ingresses and network policies.

use super::{AGE, Column, NAME, first_three, labels, name, none_if_empty, selector, text, wide};
use crate::object::meta::MetaExt;
use k8s_openapi::api::core::v1::{Endpoints, Service, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use serde_json::{Value, json};

pub const SERVICE: &[Column] =
    &[NAME, text("Type"), text("Cluster-IP"), text("External-IP"), text("Port(s)"), AGE, wide("Selector")];
pub const ENDPOINTS: &[Column] = &[NAME, text("Endpoints"), AGE];
pub const SLICE: &[Column] = &[NAME, text("AddressType"), text("Ports"), text("Endpoints"), AGE];
pub const INGRESS: &[Column] = &[NAME, text("Class"), text("Hosts"), text("Address"), text("Ports"), AGE];
pub const INGRESS_CLASS: &[Column] = &[NAME, text("Controller"), text("Parameters"), AGE];
pub const POLICY: &[Column] = &[NAME, text("Pod-Selector"), AGE];

pub fn service(o: &Service, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let ip = spec.cluster_ips.as_ref().and_then(|ips| ips.first()).map_or("", String::as_str);
    vec![
        name(o),
        json!(spec.type_.as_deref().unwrap_or("")),
        none_if_empty(ip),
        json!(external_ip(o, &spec)),
        json!(ports(&spec)),
        json!(age),
        json!(labels(spec.selector.as_ref())),
    ]
}

fn external_ip(service: &Service, spec: &ServiceSpec) -> String {
    let asked = spec.external_ips.as_deref().unwrap_or_default();
    match spec.type_.as_deref() {
        Some("ClusterIP" | "NodePort") if asked.is_empty() => "<none>".to_owned(),
        Some("ClusterIP" | "NodePort") => asked.join(","),
        Some("LoadBalancer") => {
            let balancer = service.status.as_ref().and_then(|s| s.load_balancer.as_ref());
            let ingress = balancer.iter().flat_map(|b| b.ingress.iter().flatten());
            let mut given: Vec<String> =
                ingress.filter_map(|i| i.ip.clone().or_else(|| i.hostname.clone())).collect();
            given.sort();
            match (given.is_empty(), asked.is_empty()) {
                (true, true) => "<pending>".to_owned(),
                (true, false) => asked.join(","),
                (false, _) => {
                    given.extend(asked.iter().cloned());
                    given.join(",")
                }
            }
        }
        Some("ExternalName") => spec.external_name.clone().unwrap_or_default(),
        _ => "<unknown>".to_owned(),
    }
}

fn ports(spec: &ServiceSpec) -> String {
    let show = |p: &k8s_openapi::api::core::v1::ServicePort| {
        let protocol = p.protocol.as_deref().unwrap_or("TCP");
        match p.node_port.unwrap_or(0) {
            0 => format!("{}/{protocol}", p.port),
            node => format!("{}:{node}/{protocol}", p.port),
        }
    };
    let shown: Vec<String> = spec.ports.iter().flatten().map(show).collect();
    if shown.is_empty() { "<none>".to_owned() } else { shown.join(",") }
}

pub fn endpoints(o: &Endpoints, age: &str) -> Vec<Value> {
    let mut list = Vec::new();
    for subset in o.subsets.iter().flatten() {
        let addresses = subset.addresses.as_deref().unwrap_or_default();
        match subset.ports.as_deref() {
            None | Some([]) => list.extend(addresses.iter().map(|a| a.ip.clone())),
            Some(ports) => {
                for port in ports {
                    list.extend(addresses.iter().map(|a| format!("{}:{}", a.ip, port.port)));
                }
            }
        }
    }
    let shown =
        if o.subsets.as_ref().is_none_or(Vec::is_empty) { "<none>".to_owned() } else { first_three(&list) };
    vec![name(o), json!(shown), json!(age)]
}

pub fn slice(o: &EndpointSlice, age: &str) -> Vec<Value> {
    let ports: Vec<String> = o
        .ports
        .iter()
        .flatten()
        .map(|p| p.port.map_or_else(|| "*".to_owned(), |port| port.to_string()))
        .collect();
    let addresses: Vec<String> =
        o.endpoints.iter().flatten().flat_map(|e| e.addresses.iter().cloned()).collect();
    let unset = |list: &[String]| if list.is_empty() { "<unset>".to_owned() } else { first_three(list) };
    vec![name(o), json!(o.address_type), json!(unset(&ports)), json!(unset(&addresses)), json!(age)]
}

pub fn ingress(o: &Ingress, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let mut hosts: Vec<String> = Vec::new();
    for rule in spec.rules.iter().flatten() {
        let host = rule.host.clone().unwrap_or_default();
        let host = if host.is_empty() { "*".to_owned() } else { host };
        hosts.push(host);
    }
    let shown = if hosts.is_empty() { "*".to_owned() } else { first_three(&hosts) };
    let addresses: Vec<String> = o
        .status
        .iter()
        .flat_map(|s| s.load_balancer.iter())
        .flat_map(|b| b.ingress.iter().flatten())
        .filter_map(|i| i.ip.clone().or_else(|| i.hostname.clone()))
        .collect();
    let ports = if spec.tls.as_ref().is_some_and(|t| !t.is_empty()) { "80, 443" } else { "80" };
    vec![
        name(o),
        json!(spec.ingress_class_name.as_deref().unwrap_or("<none>")),
        json!(shown),
        json!(addresses.join(",")),
        json!(ports),
        json!(age),
    ]
}

pub fn ingress_class(o: &IngressClass, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let parameters = spec.parameters.as_ref().map_or_else(
        || "<none>".to_owned(),
        |p| match p.api_group.as_deref() {
            None | Some("") => format!("{}/{}", p.kind, p.name),
            Some(group) => format!("{}.{group}/{}", p.kind, p.name),
        },
    );
    vec![name(o), json!(spec.controller.unwrap_or_default()), json!(parameters), json!(age)]
}

pub fn policy(o: &NetworkPolicy, age: &str) -> Vec<Value> {
    let pods = o.spec.as_ref().and_then(|s| s.pod_selector.as_ref());
    vec![json!(o.name_str()), json!(selector(pods)), json!(age)]
}
