//! `ResourceQuota`: what a namespace may have in all, or of the objects that a quota's scopes name.
//!
//! From the quota admission plugin and `pkg/quota/v1/evaluator/core`. Does not: `LimitedResources` of the API server's
//! configuration, which is empty as delivered.

mod charge;
mod scopes;
#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `json!` values read best where they are passed
mod tests;

use crate::apiserver::{ApiError, ApiServer, Store};
use crate::object::{Kind, Object, Pod, SimTime, meta::MetaExt, quantity};
use charge::{charge, concerns, counted, pod_resource};
use k8s_openapi::api::core::v1::{Container, ResourceQuota};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use quantity::Quantity;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a quota's namespace uses of the named resources (`pods`, `requests.cpu`, `count/deployments.apps`, …), as far
/// as the quota's scopes go.
pub fn usage(
    store: &Store,
    quota: &ResourceQuota,
    names: &[&str],
    now: SimTime,
) -> BTreeMap<String, Quantity> {
    let mut used: BTreeMap<String, Quantity> =
        names.iter().map(|n| ((*n).to_owned(), Quantity::from_units(0, format_of(n)))).collect();
    for kind in Kind::ALL.iter().filter(|k| k.info().namespaced) {
        if !names.iter().any(|n| concerns(*kind, n)) {
            continue;
        }
        for object in store.list_in(*kind, quota.namespace_str()).filter(|o| scopes::matches(quota, o)) {
            for name in names {
                if let (Some(amount), Some(sum)) = (charge(object, name, now), used.get_mut(*name)) {
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

/// Refuses what goes beyond a quota of the namespace: a new object, or what a changed one has more than before.
pub fn check(api: &ApiServer, object: &Object, old: Option<&Object>) -> Result<(), ApiError> {
    let namespace = object.namespace_str();
    if namespace.is_empty() {
        return Ok(());
    }
    let quotas: Vec<Arc<ResourceQuota>> = api.store.all_in::<ResourceQuota>(namespace).cloned().collect();
    for quota in quotas.into_iter().filter(|q| scopes::matches(q, object)) {
        let hard = quota.spec.as_ref().and_then(|s| s.hard.clone()).unwrap_or_default();
        let names: Vec<&str> =
            hard.keys().map(String::as_str).filter(|n| concerns(object.kind(), n)).collect();
        if names.is_empty() {
            continue;
        }
        if old.is_none() {
            must_specify(object, &quota, &names)?;
        }
        let mut asked: BTreeMap<&str, Quantity> = BTreeMap::new();
        for name in names {
            let Some(amount) = charge(object, name, api.now) else { continue };
            let before = old.filter(|o| scopes::matches(&quota, o)).and_then(|o| charge(o, name, api.now));
            let nano = amount.nano - before.map_or(0, |b| b.nano);
            if nano > 0 {
                asked.insert(name, Quantity { nano, format: amount.format });
            }
        }
        if asked.is_empty() {
            continue;
        }
        let names: Vec<&str> = asked.keys().copied().collect();
        let used = usage(&api.store, &quota, &names, api.now);
        asked.retain(|n, amount| used[*n].nano + amount.nano > quantity::of(&hard[*n]).nano);
        if asked.is_empty() {
            continue;
        }
        let show = |value: &dyn Fn(&str) -> String| {
            asked.keys().map(|n| format!("{n}={}", value(n))).collect::<Vec<_>>().join(",")
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

/// A pod under a quota of cpu or memory must say how much it wants, in every container or for the whole pod.
fn must_specify(object: &Object, quota: &ResourceQuota, names: &[&str]) -> Result<(), ApiError> {
    let Some(pod) = object.cast::<Pod>() else { return Ok(()) };
    let mut missing = Vec::new();
    for name in names.iter().filter(|n| counted(n).is_none()) {
        let (limits, resource) = pod_resource(name);
        let whole = charge::listed(pod.spec.resources.as_ref(), limits, resource);
        if !matches!(resource, "cpu" | "memory") || whole.is_some() {
            continue;
        }
        let lacks = |c: &&Container| charge::listed(c.resources.as_ref(), limits, resource).is_none();
        let containers = pod.spec.containers.iter().chain(pod.spec.init_containers.iter().flatten());
        let mut lacking: Vec<&str> = containers.filter(lacks).map(|c| c.name.as_str()).collect();
        lacking.sort_unstable();
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
