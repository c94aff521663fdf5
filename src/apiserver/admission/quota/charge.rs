//! What one object costs a quota, by the resource's name.

use crate::object::{Kind, Object, Pod, SECOND, SimTime, meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaim, PodSpec, ResourceRequirements, Service};
use quantity::{Format, Quantity};

/// Before it the name of a class, after it what of its claims is limited.
const CLASS: &str = ".storageclass.storage.k8s.io/";

/// The kind whose objects a quota of this name limits; `None` for what pods ask for.
pub fn counted(name: &str) -> Option<Kind> {
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
        _ if name.contains(CLASS) => Some(Kind::PersistentVolumeClaim),
        _ => None,
    }
}

/// Whether a quota of this name looks at objects of the kind.
pub fn concerns(kind: Kind, name: &str) -> bool {
    counted(name).map_or(kind == Kind::Pod, |k| k == kind)
}

/// How much of the resource the object uses; `None` when it is of no concern.
pub fn charge(object: &Object, name: &str, now: SimTime) -> Option<Quantity> {
    let Some(kind) = counted(name) else {
        let pod = object.cast::<Pod>().filter(|p| is_charged(p, now))?;
        let (limits, resource) = pod_resource(name);
        return pod_amount(&pod.spec, limits, resource);
    };
    if kind != object.kind() {
        return None;
    }
    let units = |n: i64| Some(Quantity::from_units(n, Format::DecimalSi));
    match object {
        _ if name.starts_with("count/") => units(1),
        Object::Pod(pod) => units(1).filter(|_| is_charged(pod, now)),
        Object::Service(service) => units(of_service(service, name)?),
        Object::PersistentVolumeClaim(claim) => of_claim(claim, name),
        _ => units(1),
    }
}

fn of_service(service: &Service, name: &str) -> Option<i64> {
    let spec = service.spec.as_ref();
    match name {
        "services.nodeports" => {
            let spec = spec.filter(|s| super::super::super::strategy::needs_node_port(s));
            Some(spec.and_then(|s| s.ports.as_ref()).map_or(0, |p| p.len() as i64))
        }
        "services.loadbalancers" => (spec?.type_.as_deref() == Some("LoadBalancer")).then_some(1),
        _ => Some(1),
    }
}

fn of_claim(claim: &PersistentVolumeClaim, name: &str) -> Option<Quantity> {
    let spec = claim.spec.as_ref()?;
    let what = match name.split_once(CLASS) {
        Some((class, what)) => {
            let old = claim.annotation("volume.beta.kubernetes.io/storage-class");
            (old.or(spec.storage_class_name.as_deref()) == Some(class)).then_some(what)?
        }
        None => name,
    };
    match what {
        "requests.storage" => spec.resources.as_ref()?.requests.as_ref()?.get("storage").map(quantity::of),
        _ => Some(Quantity::from_units(1, Format::DecimalSi)),
    }
}

/// A pod counts until it has ended; one that should long be gone no longer does, since its node may be lost.
fn is_charged(pod: &Pod, now: SimTime) -> bool {
    let ended = matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let stuck = pod.metadata.deletion_timestamp.as_ref().is_some_and(|at| {
        let grace = pod.metadata.deletion_grace_period_seconds;
        grace.is_some_and(|g| SimTime::from_api(at) + g.max(0) as u64 * SECOND < now)
    });
    !ended && !stuck
}

/// Whether the name is about limits, and of which resource.
pub fn pod_resource(name: &str) -> (bool, &str) {
    match name.split_once('.') {
        Some(("limits", resource)) => (true, resource),
        Some(("requests", resource)) => (false, resource),
        _ => (false, name),
    }
}

/// What the resources say about one, as a limit or as a request.
pub fn listed(resources: Option<&ResourceRequirements>, limits: bool, resource: &str) -> Option<Quantity> {
    let resources = resources?;
    let map = if limits { resources.limits.as_ref() } else { resources.requests.as_ref() };
    map?.get(resource).map(quantity::of)
}

/// What a whole pod asks for: its containers and sidecars together, or what starting it takes if that is more; or what
/// the pod itself says. From `k8s.io/component-helpers/resource`.
fn pod_amount(spec: &PodSpec, limits: bool, resource: &str) -> Option<Quantity> {
    let mut format = None;
    let mut of = |container: &Container| {
        let amount = listed(container.resources.as_ref(), limits, resource);
        format = format.or(amount.map(|a| a.format));
        amount.map_or(0, |a| a.nano)
    };
    let mut sum: i128 = spec.containers.iter().map(&mut of).sum();
    let (mut sidecars, mut peak) = (0, 0);
    for container in spec.init_containers.iter().flatten() {
        let own = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            sum += own;
            sidecars += own;
            peak = peak.max(sidecars);
        } else {
            peak = peak.max(sidecars + own);
        }
    }
    sum = sum.max(peak);
    if let Some(whole) = listed(spec.resources.as_ref(), limits, resource) {
        (sum, format) = (whole.nano, format.or(Some(whole.format)));
    }
    let overhead = spec.overhead.as_ref().and_then(|o| o.get(resource)).map(quantity::of);
    if let Some(more) = overhead.filter(|_| !limits || sum > 0) {
        (sum, format) = (sum + more.nano, format.or(Some(more.format)));
    }
    format.map(|format| Quantity { nano: sum, format })
}
