//! What the server warns of while it does what it is asked: deprecations, and values that do not do what they seem
//! to. From `pkg/api/*/warnings.go`.

use crate::apiserver::validation::is_unqualified;
use crate::object::{Object, meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::{Container, PodSpec, ServiceSpec};

/// The warnings about a written object.
pub fn of(object: &Object) -> Vec<String> {
    let mut warnings = Vec::new();
    match object {
        Object::Pod(o) => pod(&o.spec, "spec", &mut warnings),
        Object::Service(o) => {
            if let Some(spec) = &o.spec {
                service(spec, &mut warnings);
            }
        }
        Object::PersistentVolume(o) => {
            let policy = o.spec.as_ref().and_then(|s| s.persistent_volume_reclaim_policy.as_deref());
            if policy == Some("Recycle") {
                warnings.push("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.".to_owned());
            }
        }
        Object::PersistentVolumeClaim(o) => {
            let requests =
                o.spec.as_ref().and_then(|s| s.resources.as_ref()).and_then(|r| r.requests.as_ref());
            if let Some(storage) = requests.and_then(|r| r.get("storage")) {
                fractional("spec.resources.requests[storage]", storage, &mut warnings);
            }
        }
        Object::Ingress(o) if o.annotation("kubernetes.io/ingress.class").is_some() => {
            warnings.push("annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead".to_owned());
        }
        _ => {
            if let Some((spec, path)) = template(object) {
                pod(spec, path, &mut warnings);
            }
        }
    }
    warnings
}

/// The warnings about finalizers of a defined kind that do not say whose they are: those that were not there before.
pub fn finalizers(object: &Object, old: Option<&Object>) -> Vec<String> {
    if !matches!(object, Object::Dynamic(_)) {
        return Vec::new();
    }
    let had = old.and_then(|o| o.meta().finalizers.as_deref()).unwrap_or_default();
    let given = object.meta().finalizers.iter().flatten();
    let mut new: Vec<&String> = given.filter(|f| is_unqualified(f) && !had.contains(f)).collect();
    new.sort();
    new.dedup();
    let warn = |f: &String| {
        format!(
            "metadata.finalizers: {f:?}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers"
        )
    };
    new.into_iter().map(warn).collect()
}

/// The pod spec in a template, and its path.
fn template(object: &Object) -> Option<(&PodSpec, &'static str)> {
    const PATH: &str = "spec.template.spec";
    let spec = match object {
        Object::Deployment(o) => o.spec.as_ref()?.template.spec.as_ref(),
        Object::ReplicaSet(o) => o.spec.as_ref()?.template.as_ref()?.spec.as_ref(),
        Object::DaemonSet(o) => o.spec.as_ref()?.template.spec.as_ref(),
        Object::StatefulSet(o) => o.spec.as_ref()?.template.spec.as_ref(),
        Object::Job(o) => o.spec.as_ref()?.template.spec.as_ref(),
        Object::CronJob(o) => {
            let job = o.spec.job_template.spec.as_ref()?;
            return Some((job.template.spec.as_ref()?, "spec.jobTemplate.spec.template.spec"));
        }
        _ => None,
    };
    Some((spec?, PATH))
}

/// Labels of nodes that have newer names.
const OLD_NODE_LABELS: &[(&str, &str)] = &[
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
    ),
];

fn pod(spec: &PodSpec, path: &str, warnings: &mut Vec<String>) {
    for (label, why) in OLD_NODE_LABELS {
        if spec.node_selector.as_ref().is_some_and(|s| s.contains_key(*label)) {
            warnings.push(format!("{path}.nodeSelector[{label}]: {why}"));
        }
    }
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        if volume.git_repo.is_some() {
            warnings.push(format!(
                "{path}.volumes[{index}].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"
            ));
        }
    }
    for (field, containers) in
        [("initContainers", spec.init_containers.as_ref()), ("containers", Some(&spec.containers))]
    {
        for (index, container) in containers.into_iter().flatten().enumerate() {
            self::container(container, &format!("{path}.{field}[{index}]"), warnings);
        }
    }
    ports(spec, path, warnings);
}

fn container(container: &Container, path: &str, warnings: &mut Vec<String>) {
    let env = container.env.as_deref().unwrap_or_default();
    for (index, var) in env.iter().enumerate() {
        let hidden = env[..index].iter().any(|earlier| earlier.name == var.name);
        if hidden && !var.value.as_deref().unwrap_or("").contains(&format!("$({})", var.name)) {
            warnings.push(format!(
                "{path}.env[{index}]: hides previous definition of \"{}\", which may be dropped when using apply",
                var.name
            ));
        }
    }
    let Some(resources) = &container.resources else { return };
    for (field, amounts) in [("limits", &resources.limits), ("requests", &resources.requests)] {
        for name in ["memory", "ephemeral-storage"] {
            if let Some(amount) = amounts.as_ref().and_then(|a| a.get(name)) {
                fractional(&format!("{path}.resources.{field}[{name}]"), amount, warnings);
            }
        }
    }
}

fn fractional(
    path: &str,
    amount: &k8s_openapi::apimachinery::pkg::api::resource::Quantity,
    warnings: &mut Vec<String>,
) {
    if quantity::of(amount).nano % 1_000_000_000 != 0 {
        warnings
            .push(format!("{path}: fractional byte value \"{}\" is invalid, must be an integer", amount.0));
    }
}

/// The same port and protocol twice in one pod.
fn ports(spec: &PodSpec, path: &str, warnings: &mut Vec<String>) {
    let mut seen: Vec<(i32, String, String)> = Vec::new();
    for (at, container) in spec.containers.iter().enumerate() {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let protocol = port.protocol.clone().unwrap_or_default();
            let here = format!("{path}.containers[{at}].ports[{index}]");
            let earlier = seen.iter().find(|(number, p, _)| *number == port.container_port && *p == protocol);
            if let Some((.., place)) = earlier {
                warnings.push(format!("{here}: duplicate port definition with {place}"));
            } else {
                seen.push((port.container_port, protocol, here));
            }
        }
    }
}

fn service(spec: &ServiceSpec, warnings: &mut Vec<String>) {
    let external_ips = spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
    if spec.cluster_ip.as_deref() == Some("None") {
        if spec.load_balancer_ip.as_deref().is_some_and(|ip| !ip.is_empty()) {
            warnings.push("spec.loadBalancerIP is ignored for headless services".to_owned());
        }
        if external_ips {
            warnings.push("spec.externalIPs is ignored for headless services".to_owned());
        }
        if spec.session_affinity.as_deref() != Some("None") {
            warnings.push("spec.SessionAffinity is ignored for headless services".to_owned());
        }
    } else if external_ips {
        warnings.push("spec.externalIPs is deprecated".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Kind;
    use serde_json::json;

    #[test]
    fn what_is_warned_of() {
        for (kind, value, expected) in [
            (
                Kind::PersistentVolume,
                json!({"spec": {"persistentVolumeReclaimPolicy": "Recycle"}}),
                "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
            ),
            (
                Kind::Pod,
                json!({"spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 80}]}]}}),
                "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
            ),
            (
                Kind::Pod,
                json!({"spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": "100m"}}}]}}),
                "spec.containers[0].resources.limits[memory]: fractional byte value \"100m\" is invalid, must be an integer",
            ),
        ] {
            assert_eq!(of(&Object::from_value(kind, value).unwrap()), [expected]);
        }
    }
}
