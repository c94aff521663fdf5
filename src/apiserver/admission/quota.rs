//! `ResourceQuota`: what a namespace may have in all.
//!
//! Does not: scopes of a quota other than the whole namespace.

use crate::apiserver::{ApiError, ApiServer, Store};
use crate::object::{Kind, Object, Pod, meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use quantity::Quantity;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a namespace uses of the named resources (`pods`, `requests.cpu`, `count/deployments.apps`, …).
pub fn usage(store: &Store, namespace: &str, names: &[&str]) -> BTreeMap<String, Quantity> {
    let mut used: BTreeMap<String, Quantity> =
        names.iter().map(|n| ((*n).to_owned(), Quantity::from_units(0, format_of(n)))).collect();
    for kind in Kind::ALL.iter().filter(|k| k.info().namespaced) {
        if !names.iter().any(|n| concerns(*kind, n)) {
            continue;
        }
        for object in store.list_in(*kind, namespace) {
            for name in names {
                if let (Some(amount), Some(sum)) = (charge(object, name), used.get_mut(*name)) {
                    *sum = Quantity { nano: sum.nano + amount.nano, format: amount.format };
                }
            }
        }
    }
    used
}

fn format_of(name: &str) -> quantity::Format {
    if name.contains("memory") || name.contains("storage") {
        quantity::Format::BinarySi
    } else {
        quantity::Format::DecimalSi
    }
}

/// The kind whose number a quota of this name limits.
fn counted(name: &str) -> Option<Kind> {
    if let Some(resource) = name.strip_prefix("count/") {
        return Kind::ALL.iter().copied().find(|k| k.info().resource() == resource);
    }
    match name {
        "pods" => Some(Kind::Pod),
        "services" | "services.nodeports" | "services.loadbalancers" => Some(Kind::Service),
        "configmaps" => Some(Kind::ConfigMap),
        "secrets" => Some(Kind::Secret),
        "persistentvolumeclaims" | "requests.storage" => Some(Kind::PersistentVolumeClaim),
        "replicationcontrollers" => Some(Kind::ReplicationController),
        "resourcequotas" => Some(Kind::ResourceQuota),
        _ => None,
    }
}

fn concerns(kind: Kind, name: &str) -> bool {
    counted(name).map_or(kind == Kind::Pod, |k| k == kind)
}

/// How much of the resource the object uses; `None` when it is of no concern.
fn charge(object: &Object, name: &str) -> Option<Quantity> {
    let one = Quantity::from_units(1, quantity::Format::DecimalSi);
    if let Object::Pod(pod) = object {
        let done = matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if done && !name.starts_with("count/") {
            return None;
        }
    }
    if let Some(kind) = counted(name) {
        if kind != object.kind() {
            return None;
        }
        let spec = |o: &Object| o.cast::<k8s_openapi::api::core::v1::Service>().and_then(|s| s.spec.clone());
        return match (name, object) {
            ("services.nodeports", _) => {
                let spec = spec(object)?;
                let count = if super::super::strategy::needs_node_port(&spec) {
                    spec.ports.map_or(0, |p| p.len())
                } else {
                    0
                };
                Some(Quantity::from_units(count as i64, quantity::Format::DecimalSi))
            }
            ("services.loadbalancers", _) => {
                (spec(object)?.type_.as_deref() == Some("LoadBalancer")).then_some(one)
            }
            ("requests.storage", Object::PersistentVolumeClaim(claim)) => {
                let resources = claim.spec.as_ref()?.resources.as_ref()?;
                resources.requests.as_ref()?.get("storage").map(quantity::of)
            }
            _ => Some(one),
        };
    }
    let pod = object.cast::<Pod>()?;
    let (limits, resource) = pod_resource(name);
    let mut sum: Option<Quantity> = None;
    for container in &pod.spec.containers {
        let resources = container.resources.as_ref();
        let map = if limits {
            resources.and_then(|r| r.limits.as_ref())
        } else {
            resources.and_then(|r| r.requests.as_ref())
        };
        if let Some(value) = map.and_then(|m| m.get(resource)).map(quantity::of) {
            let before = sum.map_or(0, |s| s.nano);
            sum = Some(Quantity { nano: before + value.nano, format: value.format });
        }
    }
    sum
}

/// Whether the name is about limits, and of which resource.
fn pod_resource(name: &str) -> (bool, &str) {
    match name.split_once('.') {
        Some(("limits", resource)) => (true, resource),
        Some(("requests", resource)) => (false, resource),
        _ => (false, name),
    }
}

/// Refuses what goes beyond a quota of the namespace.
pub fn check(api: &ApiServer, object: &Object) -> Result<(), ApiError> {
    let namespace = object.namespace_str();
    if namespace.is_empty() {
        return Ok(());
    }
    let quotas: Vec<Arc<ResourceQuota>> = api.store.all_in::<ResourceQuota>(namespace).cloned().collect();
    for quota in quotas {
        let hard = quota.spec.as_ref().and_then(|s| s.hard.clone()).unwrap_or_default();
        let names: Vec<&str> =
            hard.keys().map(String::as_str).filter(|n| concerns(object.kind(), n)).collect();
        if names.is_empty() {
            continue;
        }
        must_specify(object, &quota, &names)?;
        let used = usage(&api.store, namespace, &names);
        let mut over: Vec<&str> = Vec::new();
        let mut asked: BTreeMap<&str, Quantity> = BTreeMap::new();
        for name in &names {
            let Some(amount) = charge(object, name) else { continue };
            if amount.nano > 0 && used[*name].nano + amount.nano > quantity::of(&hard[*name]).nano {
                over.push(name);
            }
            asked.insert(name, amount);
        }
        if over.is_empty() {
            continue;
        }
        let show = |value: &dyn Fn(&str) -> String| {
            over.iter().map(|n| format!("{n}={}", value(n))).collect::<Vec<_>>().join(",")
        };
        let why = format!(
            "exceeded quota: {}, requested: {}, used: {}, limited: {}",
            quota.name_str(),
            show(&|n| asked[n].to_string()),
            show(&|n| used[n].to_string()),
            show(&|n| canonical(&hard[n])),
        );
        return Err(ApiError::forbidden(object.kind(), object.name_str(), &why));
    }
    Ok(())
}

fn canonical(value: &ApiQuantity) -> String {
    quantity::of(value).to_string()
}

/// A pod under a quota of cpu or memory must say how much it wants.
fn must_specify(object: &Object, quota: &ResourceQuota, names: &[&str]) -> Result<(), ApiError> {
    let Some(pod) = object.cast::<Pod>() else { return Ok(()) };
    let mut missing = Vec::new();
    for name in names.iter().filter(|n| counted(n).is_none()) {
        let (limits, resource) = pod_resource(name);
        if !matches!(resource, "cpu" | "memory") {
            continue;
        }
        let lacks = pod.spec.containers.iter().filter(|c| {
            let resources = c.resources.as_ref();
            let map = if limits {
                resources.and_then(|r| r.limits.as_ref())
            } else {
                resources.and_then(|r| r.requests.as_ref())
            };
            map.is_none_or(|m| !m.contains_key(resource))
        });
        let lacking: Vec<&str> = lacks.map(|c| c.name.as_str()).collect();
        if !lacking.is_empty() {
            missing.push(format!("{name} for: {}", lacking.join(",")));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let why = format!("failed quota: {}: must specify {}", quota.name_str(), missing.join("; "));
    Err(ApiError::forbidden(Kind::Pod, object.name_str(), &why))
}
