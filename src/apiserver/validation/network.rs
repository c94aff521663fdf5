//! Validation of Ingresses and network policies.

use super::{Errors, Path, names, workload};
use k8s_openapi::api::networking::v1::{
    Ingress, IngressBackend, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

const SPEC: Path = Path::new("spec");
const PATH_TYPES: &[&str] = &["Exact", "ImplementationSpecific", "Prefix"];

pub fn ingress(o: &Ingress, errors: &mut Errors) {
    let spec = o.spec.clone().unwrap_or_default();
    let rules = spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() && spec.default_backend.is_none() {
        let why = "either `defaultBackend` or `rules` must be specified";
        errors.invalid(SPEC, json!(spec.rules), why);
    }
    if let Some(backend) = &spec.default_backend {
        self::backend(backend, SPEC.child("defaultBackend"), errors);
    }
    for (index, rule) in rules.iter().enumerate() {
        let list = SPEC.child("rules");
        let path = list.index(index);
        if let Some(host) = rule.host.as_deref().filter(|h| !h.is_empty()) {
            if host.parse::<std::net::IpAddr>().is_ok() {
                errors.invalid(path.child("host"), host, "must be a DNS name, not an IP address");
            } else if host.contains('*') {
                errors.all(path.child("host"), host, names::wildcard(host));
            } else {
                errors.all(path.child("host"), host, names::subdomain(host));
            }
        }
        let Some(http) = &rule.http else { continue };
        let path = path.child("http");
        let list = path.child("paths");
        if http.paths.is_empty() {
            errors.required(list, "");
        }
        for (index, entry) in http.paths.iter().enumerate() {
            let path = list.index(index);
            let text = entry.path.as_deref().unwrap_or("");
            match entry.path_type.as_str() {
                "" => errors.required(path.child("pathType"), "pathType must be specified"),
                "Exact" | "Prefix" => {
                    if !text.starts_with('/') {
                        errors.invalid(path.child("path"), text, "must be an absolute path");
                    }
                    for bad in ["//", "/./", "/../", "%2f", "%2F"].iter().filter(|b| text.contains(**b)) {
                        errors.invalid(path.child("path"), text, format!("must not contain '{bad}'"));
                    }
                    for bad in ["/..", "/."].iter().filter(|b| text.ends_with(**b)) {
                        errors.invalid(path.child("path"), text, format!("cannot end with '{bad}'"));
                    }
                }
                "ImplementationSpecific" => {
                    if !text.is_empty() && !text.starts_with('/') {
                        errors.invalid(path.child("path"), text, "must be an absolute path");
                    }
                }
                other => errors.unsupported(path.child("pathType"), other, PATH_TYPES),
            }
            backend(&entry.backend, path.child("backend"), errors);
        }
    }
    if let Some(class) = spec.ingress_class_name.as_deref() {
        errors.all(SPEC.child("ingressClassName"), class, names::subdomain(class));
    }
    for (index, tls) in spec.tls.iter().flatten().enumerate() {
        let list = SPEC.child("tls");
        let path = list.index(index);
        for (at, host) in tls.hosts.iter().flatten().enumerate() {
            let list = path.child("hosts");
            let wrong = if host.contains('*') { names::wildcard(host) } else { names::subdomain(host) };
            errors.all(list.index(at), host, wrong);
        }
    }
}

fn backend(backend: &IngressBackend, path: Path, errors: &mut Errors) {
    match (&backend.service, &backend.resource) {
        (None, None) => errors.required(path, "resource or service backend is required"),
        (Some(_), Some(_)) => errors.invalid(path, "", "cannot set both resource and service backends"),
        (None, Some(_)) => {}
        (Some(service), None) => {
            let path = path.child("service");
            if service.name.is_empty() {
                errors.required(path.child("name"), "");
            } else {
                errors.all(path.child("name"), &service.name, names::label_1035(&service.name));
            }
            let port = service.port.clone().unwrap_or_default();
            let name = port.name.as_deref().unwrap_or("");
            let number = port.number.unwrap_or(0);
            let path = path.child("port");
            if !name.is_empty() && number != 0 {
                errors.invalid(path, json!(port), "cannot set both port name & port number");
            } else if !name.is_empty() {
                errors.all(path.child("name"), name, names::port_name(name));
            } else if number != 0 {
                for why in names::port(i64::from(number)) {
                    errors.invalid(path.child("number"), number, why);
                }
            } else {
                errors.required(path, "port name or number is required");
            }
        }
    }
}

pub fn policy(o: &NetworkPolicy, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    if let Some(pods) = &spec.pod_selector {
        workload::selector(pods, SPEC.child("podSelector"), errors);
    }
    for (index, rule) in spec.ingress.iter().flatten().enumerate() {
        let list = SPEC.child("ingress");
        let path = list.index(index);
        ports(rule.ports.as_deref(), path.child("ports"), errors);
        peers(rule.from.as_deref(), path.child("from"), errors);
    }
    for (index, rule) in spec.egress.iter().flatten().enumerate() {
        let list = SPEC.child("egress");
        let path = list.index(index);
        ports(rule.ports.as_deref(), path.child("ports"), errors);
        peers(rule.to.as_deref(), path.child("to"), errors);
    }
    if spec.policy_types.as_ref().is_some_and(|t| t.len() > 2) {
        errors.forbidden(SPEC.child("policyTypes"), "may not specify more than two policyTypes");
        return;
    }
    for (index, type_) in spec.policy_types.iter().flatten().enumerate() {
        if !matches!(type_.as_str(), "Ingress" | "Egress") {
            let list = SPEC.child("policyTypes");
            errors.unsupported(list.index(index), type_, &["Egress", "Ingress"]);
        }
    }
}

fn ports(ports: Option<&[NetworkPolicyPort]>, path: Path, errors: &mut Errors) {
    for (index, port) in ports.into_iter().flatten().enumerate() {
        let path = path.index(index);
        let protocol = port.protocol.as_deref().unwrap_or("");
        if !matches!(protocol, "" | "TCP" | "UDP" | "SCTP") {
            errors.unsupported(path.child("protocol"), protocol, &["SCTP", "TCP", "UDP"]);
        }
        match &port.port {
            Some(number) => {
                for why in names::port_or_name(number) {
                    errors.invalid(path.child("port"), json!(number), why);
                }
                let Some(end) = port.end_port else { continue };
                let path = path.child("endPort");
                match number {
                    IntOrString::Int(first) if end < *first => {
                        errors.invalid(path, *first, "must be greater than or equal to `port`");
                    }
                    IntOrString::Int(_) => {}
                    IntOrString::String(_) => {
                        errors.invalid(path, end, "may not be specified when `port` is non-numeric");
                    }
                }
                for why in names::port(i64::from(end)) {
                    errors.invalid(path, end, why);
                }
            }
            None if port.end_port.is_some() => {
                let why = "may not be specified when `port` is not specified";
                errors.invalid(path.child("endPort"), json!(port.end_port), why);
            }
            None => {}
        }
    }
}

fn peers(peers: Option<&[NetworkPolicyPeer]>, path: Path, errors: &mut Errors) {
    for (index, peer) in peers.into_iter().flatten().enumerate() {
        let path = path.index(index);
        for (field, selector) in
            [("podSelector", &peer.pod_selector), ("namespaceSelector", &peer.namespace_selector)]
        {
            if let Some(selector) = selector {
                workload::selector(selector, path.child(field), errors);
            }
        }
        let selects = peer.pod_selector.is_some() || peer.namespace_selector.is_some();
        if let Some(block) = &peer.ip_block {
            let block_path = path.child("ipBlock");
            if block.cidr.is_empty() {
                errors.required(block_path.child("cidr"), "");
            } else {
                errors.all(block_path.child("cidr"), &block.cidr, names::cidr(&block.cidr));
            }
            let whole = names::network(&block.cidr);
            for (index, except) in block.except.iter().flatten().enumerate() {
                let list = block_path.child("except");
                let path = list.index(index);
                errors.all(path, except, names::cidr(except));
                if let (Some((whole, bits)), Some((part, more))) = (whole, names::network(except)) {
                    let outside = bits > 0 && (whole ^ part) >> (128 - bits) != 0;
                    if outside || more <= bits {
                        errors.invalid(path, except.as_str(), "must be a strict subset of `cidr`");
                    }
                }
            }
        }
        match (selects, peer.ip_block.is_some()) {
            (false, false) => errors.required(path, "must specify a peer"),
            (true, true) => {
                errors.forbidden(path, "may not specify both ipBlock and another peer");
            }
            _ => {}
        }
    }
}
