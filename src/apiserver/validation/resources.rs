//! Validation of requests and limits, and the names of resources.

use super::{Errors, Path, names};
use crate::object::quantity;
use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// The resources without a domain, other than huge pages.
const STANDARD: &[&str] = &[
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

/// Which names may stand in a list of resources.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// What a container asks for.
    Container,
    /// What a pod as a whole asks for.
    Pod,
    /// What a quota bounds.
    Quota,
    /// Any resource.
    Any,
}

/// A resource that a device plugin offers, as `nvidia.com/gpu`: whole, and never overcommitted.
pub fn extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// Whether more may be promised than there is.
pub fn overcommits(name: &str) -> bool {
    !extended(name) && !name.starts_with("hugepages-")
}

/// A name of a resource.
pub fn name(name: &str, which: Names, path: Path, errors: &mut Errors) {
    let wrong = names::qualified(name);
    let bad = !wrong.is_empty();
    errors.all(path, name, wrong);
    if bad && which != Names::Container {
        return;
    }
    let plain = !name.contains('/');
    let pages = name.starts_with("hugepages-") || name.starts_with("requests.hugepages-");
    let standard = STANDARD.contains(&name) || name == "storage" || pages;
    if !bad && plain && !standard {
        errors.invalid(path, name, "must be a standard resource type or fully qualified");
        if which == Names::Pod {
            return;
        }
    }
    let own = matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    match which {
        Names::Container if plain && !own && name != "ephemeral-storage" => {
            errors.invalid(path, name, "must be a standard resource for containers");
        }
        Names::Pod if !own => errors.unsupported(path, name, &["cpu", "memory"]),
        Names::Quota if plain && !pages && !STANDARD.contains(&name) => {
            errors.invalid(path, name, "must be a standard resource for quota");
        }
        _ => {}
    }
}

/// An amount: never negative, and whole where the resource is counted.
pub fn amount(name: &str, amount: &Quantity, path: Path, errors: &mut Errors) {
    let value = quantity::of(amount).nano;
    if value < 0 {
        errors.invalid(path, amount.0.as_str(), "must be greater than or equal to 0");
    }
    let counted = STANDARD.contains(&name)
        && !name.ends_with("cpu")
        && !name.ends_with("memory")
        && !name.ends_with("storage");
    if (counted || extended(name)) && value % 1_000_000_000 != 0 {
        errors.invalid(path, amount.0.as_str(), "must be an integer");
    }
}

/// Huge pages come in whole pages.
fn pages(name: &str, amount: &Quantity, path: Path, errors: &mut Errors) {
    let Some(size) = name.strip_prefix("hugepages-") else { return };
    let page = quantity::of(&Quantity(size.to_owned())).nano;
    let value = quantity::of(amount).nano;
    if page <= 0 || value <= 0 || value % page != 0 {
        let why = format!("{} is not positive integer multiple of {name}", amount.0);
        errors.invalid(path, amount.0.as_str(), why);
    }
}

/// Requests and limits of a container or a pod.
pub fn requirements(needs: &ResourceRequirements, which: Names, path: Path, errors: &mut Errors) {
    let empty = BTreeMap::new();
    let limits = needs.limits.as_ref().unwrap_or(&empty);
    let requests = needs.requests.as_ref().unwrap_or(&empty);
    let (above, asked) = (path.child("limits"), path.child("requests"));
    for (resource, limit) in limits {
        let path = above.key(resource);
        name(resource, which, path, errors);
        amount(resource, limit, path, errors);
        pages(resource, limit, path, errors);
    }
    for (resource, request) in requests {
        let path = asked.key(resource);
        name(resource, which, path, errors);
        amount(resource, request, path, errors);
        let value = quantity::of(request).nano;
        match limits.get(resource).map(|l| (quantity::of(l).nano, &l.0)) {
            Some((limit, text)) if limit != value && !overcommits(resource) => {
                let why = format!("must be equal to {resource} limit of {text}");
                errors.invalid(asked, request.0.as_str(), why);
            }
            Some((limit, text)) if limit < value => {
                let why = format!("must be less than or equal to {resource} limit of {text}");
                errors.invalid(asked, request.0.as_str(), why);
            }
            None if !overcommits(resource) => {
                errors.required(above, "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
        pages(resource, request, path, errors);
    }
    let all = || limits.keys().chain(requests.keys());
    if all().any(|n| n.starts_with("hugepages-")) && !all().any(|n| matches!(n.as_str(), "cpu" | "memory")) {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
}

/// What a pod as a whole asks for: at least what its containers do.
pub fn pod(spec: &PodSpec, path: Path, errors: &mut Errors) {
    let Some(needs) = &spec.resources else { return };
    let path = path.child("resources");
    if needs.claims.is_some() {
        errors.forbidden(path.child("claims"), "claims cannot be set for Resources at pod-level");
    }
    requirements(needs, Names::Pod, path, errors);
    for (resource, request) in needs.requests.iter().flatten() {
        let each =
            spec.containers.iter().filter_map(|c| c.resources.as_ref()?.requests.as_ref()?.get(resource));
        let sum = each.map(|q| quantity::of(q).nano).sum::<i128>();
        if sum > quantity::of(request).nano {
            let shown = quantity::Quantity { nano: sum, ..quantity::of(request) };
            let why = format!("must be greater than or equal to aggregate container requests of {shown}");
            errors.invalid(path.child("requests").key(resource), request.0.as_str(), why);
        }
    }
    for (index, container) in spec.containers.iter().enumerate() {
        for (resource, limit) in container.resources.iter().flat_map(|r| r.limits.iter().flatten()) {
            let whole = needs.limits.as_ref().and_then(|l| l.get(resource));
            if let Some(whole) = whole.filter(|w| quantity::of(limit).nano > quantity::of(w).nano) {
                let why = format!("must be less than or equal to pod limits of {}", whole.0);
                let list = path.child("containers");
                let at = list.index(index);
                let key = at.key(resource);
                errors.invalid(key.child("limits"), limit.0.as_str(), why);
            }
        }
    }
}
