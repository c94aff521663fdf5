//! Validation of small kinds: classes of priority, ingress and runtime, leases, endpoint slices.

use super::{Errors, Path, names};
use crate::object::dynamic::DynamicObject;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The greatest value of a priority class of a user's.
const HIGHEST: i32 = 1_000_000_000;

pub fn priority(o: &PriorityClass, errors: &mut Errors) {
    let name = o.metadata.name.as_deref().unwrap_or("");
    let given = o.value.unwrap_or(0);
    if name.starts_with("system-") {
        let value = match name {
            "system-node-critical" => Some(2_000_001_000),
            "system-cluster-critical" => Some(2_000_000_000),
            _ => None,
        };
        let why = match value {
            None => format!("{name} is not a known system priority class"),
            Some(value) if value != given => format!("value of {name} PriorityClass must be {value}"),
            Some(_) if o.global_default == Some(true) => {
                format!("globalDefault of {name} PriorityClass must be false")
            }
            Some(_) => String::new(),
        };
        if !why.is_empty() {
            let why = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {why}"
            );
            errors.forbidden(Path::new("metadata").child("name"), why);
        }
    } else if given > HIGHEST {
        let why = format!("maximum allowed value of a user defined priority is {HIGHEST}");
        errors.forbidden(Path::new("value"), why);
    }
    if let Some(policy) = o.preemption_policy.as_deref() {
        let all = ["PreemptLowerPriority", "Never"];
        errors.one_of(Path::new("preemptionPolicy"), Some(policy), &all);
    }
}

pub fn priority_update(new: &PriorityClass, old: &PriorityClass, errors: &mut Errors) {
    if new.value != old.value {
        errors.forbidden(Path::new("value"), "may not be changed in an update.");
    }
    errors.immutable(Path::new("preemptionPolicy"), &new.preemption_policy, &old.preemption_policy);
}

pub fn ingress(o: &IngressClass, errors: &mut Errors) {
    let path = Path::new("spec");
    let Some(spec) = &o.spec else { return };
    if let Some(controller) = spec.controller.as_deref().filter(|c| !c.is_empty()) {
        if controller.len() > 250 {
            errors.too_long(path.child("controller"), 250);
        }
        let wrong = names::qualified(controller);
        if !controller.contains('/') {
            let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
            errors.invalid(path.child("controller"), controller, why);
        } else if controller.matches('/').count() == 1 {
            errors.all(path.child("controller"), controller, wrong);
        }
    }
    if let Some(parameters) = &spec.parameters {
        let path = path.child("parameters");
        errors.needed(path.child("kind"), &parameters.kind);
        errors.needed(path.child("name"), &parameters.name);
        let scope = parameters.scope.as_deref();
        errors.supported(path.child("scope"), scope, &["Cluster", "Namespace"]);
        let namespace = parameters.namespace.as_deref().unwrap_or("");
        if scope == Some("Namespace") && namespace.is_empty() {
            let why = "`parameters.scope` is set to 'Namespace'";
            errors.required(path.child("namespace"), why);
        } else if scope == Some("Cluster") && !namespace.is_empty() {
            let why = "`parameters.scope` is set to 'Cluster'";
            errors.forbidden(path.child("namespace"), why);
        }
    }
}

pub fn ingress_update(new: &IngressClass, old: &IngressClass, errors: &mut Errors) {
    let controller =
        |o: &IngressClass| o.spec.as_ref().and_then(|s| s.controller.clone()).unwrap_or_default();
    let path = Path::new("spec");
    errors.immutable(path.child("controller"), &controller(new), &controller(old));
}

/// A class of runtime, new (`old` is `None`) or changed.
pub fn runtime(new: &DynamicObject, old: Option<&DynamicObject>, errors: &mut Errors) {
    let handler =
        |o: &DynamicObject| o.content.get("handler").and_then(Value::as_str).unwrap_or("").to_owned();
    let path = Path::new("handler");
    match old {
        Some(old) => errors.immutable(path, &handler(new), &handler(old)),
        None => errors.all(path, &handler(new), names::label(&handler(new))),
    }
}

pub fn lease(o: &Lease, errors: &mut Errors) {
    let path = Path::new("spec");
    let Some(spec) = &o.spec else { return };
    if let Some(seconds) = spec.lease_duration_seconds.filter(|s| *s <= 0) {
        errors.invalid(path.child("leaseDurationSeconds"), seconds, "must be greater than 0");
    }
    errors.not_negative(path.child("leaseTransitions"), spec.lease_transitions.map(i64::from));
}

pub fn slice(o: &EndpointSlice, errors: &mut Errors) {
    let kind = o.address_type.as_str();
    errors.one_of(Path::new("addressType"), Some(kind), &["FQDN", "IPv4", "IPv6"]);
    let list = Path::new("endpoints");
    let endpoints = o.endpoints.as_deref().unwrap_or_default();
    if endpoints.len() > 1000 {
        errors.too_many(list, endpoints.len(), 1000);
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        let path = list.index(index);
        let addresses = path.child("addresses");
        if endpoint.addresses.is_empty() {
            errors.required(addresses, "must contain at least 1 address");
        } else if endpoint.addresses.len() > 100 {
            errors.too_many(addresses, endpoint.addresses.len(), 100);
        }
        for (index, address) in endpoint.addresses.iter().enumerate() {
            let path = addresses.index(index);
            match kind {
                "IPv4" if address.parse::<std::net::Ipv4Addr>().is_err() => {
                    errors.invalid(path, address.as_str(), "must be a valid IPv4 address");
                }
                "IPv6" if address.parse::<std::net::Ipv6Addr>().is_err() => {
                    errors.invalid(path, address.as_str(), "must be a valid IPv6 address");
                }
                "IPv4" | "IPv6" => names::special_ip(address).iter().for_each(|why| {
                    errors.invalid(path, address.as_str(), why);
                }),
                "FQDN" => errors.all(path, address, names::subdomain(address)),
                _ => {}
            }
        }
        if let Some(node) = endpoint.node_name.as_deref() {
            errors.all(path.child("nodeName"), node, names::subdomain(node));
        }
        if let Some(host) = endpoint.hostname.as_deref() {
            errors.all(path.child("hostname"), host, names::label(host));
        }
    }
    let list = Path::new("ports");
    let ports = o.ports.as_deref().unwrap_or_default();
    if ports.len() > 20_000 {
        errors.too_many(list, ports.len(), 20_000);
    }
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = list.index(index);
        let name = port.name.as_deref().unwrap_or("");
        if !name.is_empty() {
            errors.all(path.child("name"), name, names::label(name));
        }
        if !seen.insert(name) {
            errors.duplicate(path.child("name"), json!(port.name));
        }
        errors.one_of(path.child("protocol"), port.protocol.as_deref(), &["SCTP", "TCP", "UDP"]);
        if let Some(app) = port.app_protocol.as_deref() {
            errors.all(path.child("appProtocol"), app, names::qualified(app));
        }
    }
}

pub fn slice_update(new: &EndpointSlice, old: &EndpointSlice, errors: &mut Errors) {
    errors.immutable(Path::new("addressType"), &new.address_type, &old.address_type);
}
