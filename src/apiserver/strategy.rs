//! What each kind does before it is validated: status that a client may not set, selectors that the server makes,
//! values that follow from others. From `pkg/registry/*/strategy.go`.

use super::Part;
use crate::object::{DynamicObject, Kind, Object};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use std::sync::Arc;

/// Whether objects of the kind count generations.
pub fn has_generation(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Deployment
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::DaemonSet
            | Kind::StatefulSet
            | Kind::Job
            | Kind::CronJob
            | Kind::PodDisruptionBudget
            | Kind::Ingress
            | Kind::NetworkPolicy
            | Kind::CustomResourceDefinition
            | Kind::EndpointSlice
            | Kind::PriorityClass
            | Kind::IngressClass
            | Kind::Pod
    ) || is_defined(kind)
        || matches!(kind, Kind::Dynamic(k) if COUNTED_GROUPS.contains(&k.info().group)
            || matches!(k.info().kind, "ResourceSlice" | "DeviceClass"))
}

/// The groups of kinds without a type that count generations.
const COUNTED_GROUPS: [&str; 2] = ["admissionregistration.k8s.io", "flowcontrol.apiserver.k8s.io"];

/// Whether a definition made the kind.
fn is_defined(kind: Kind) -> bool {
    matches!(kind, Kind::Dynamic(_)) && !Kind::all_served().any(|k| k == kind)
}

/// What of an object counts a generation: all but its metadata and, where it has a part of its own, its status.
fn counted_content(object: &DynamicObject) -> serde_json::Map<String, serde_json::Value> {
    let mut content = object.content.clone();
    if object.kind.info().subresources.contains(&"status") {
        content.remove("status");
    }
    content
}

/// Whether an update may leave out the `resourceVersion` that it began from.
pub fn allows_unconditional_update(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::PodDisruptionBudget
            | Kind::CustomResourceDefinition
            | Kind::CSIDriver
            | Kind::CSINode
            | Kind::VolumeAttachment
            | Kind::Lease
            | Kind::Dynamic(_)
    )
}

/// Whether an update of an object that is not there creates it.
pub fn allows_create_on_update(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Event
            | Kind::Endpoints
            | Kind::Service
            | Kind::Lease
            | Kind::LimitRange
            | Kind::Role
            | Kind::RoleBinding
            | Kind::ClusterRole
            | Kind::ClusterRoleBinding
    )
}

macro_rules! compare {
    ($new:expr, $old:expr, [$($with_spec:ident),*]) => {
        match ($new, $old) {
            $((Object::$with_spec(a), Object::$with_spec(b)) => a.spec != b.spec,)*
            (Object::Deployment(a), Object::Deployment(b)) => {
                a.spec != b.spec || a.metadata.annotations != b.metadata.annotations
            }
            (Object::Pod(a), Object::Pod(b)) => {
                !Arc::ptr_eq(&a.spec.shared, &b.spec.shared) && a.spec != b.spec
            }
            (Object::EndpointSlice(a), Object::EndpointSlice(b)) => a.endpoints != b.endpoints || a.ports != b.ports,
            (Object::Dynamic(a), Object::Dynamic(b)) => counted_content(a) != counted_content(b),
            _ => false,
        }
    };
}

/// Whether the parts that count a generation differ.
pub fn counts(object: &Object, old: &Object) -> bool {
    compare!(
        object,
        old,
        [
            ReplicaSet,
            ReplicationController,
            DaemonSet,
            StatefulSet,
            Job,
            CronJob,
            PodDisruptionBudget,
            Ingress,
            NetworkPolicy,
            CustomResourceDefinition
        ]
    )
}

/// Prepares a new object: a client's status is dropped, and some fields are the server's.
pub fn prepare_create(object: &mut Object) {
    match object {
        Object::Pod(o) => {
            let o = Arc::make_mut(o);
            if o.status != k8s_openapi::api::core::v1::PodStatus::default() {
                o.status = k8s_openapi::api::core::v1::PodStatus::default();
            }
        }
        Object::Namespace(o) => {
            let o = Arc::make_mut(o);
            o.status = None;
            let finalizers = o.spec.get_or_insert_default().finalizers.get_or_insert_default();
            if !finalizers.iter().any(|f| f == "kubernetes") {
                finalizers.push("kubernetes".to_owned());
            }
        }
        Object::Dynamic(o) if o.kind.info().subresources.contains(&"status") => {
            drop(Arc::make_mut(o).content.remove("status"));
        }
        Object::CustomResourceDefinition(o) => Arc::make_mut(o).status = None,
        Object::Deployment(o) => Arc::make_mut(o).status = None,
        Object::ReplicaSet(o) => Arc::make_mut(o).status = None,
        Object::ReplicationController(o) => Arc::make_mut(o).status = None,
        Object::DaemonSet(o) => Arc::make_mut(o).status = None,
        Object::StatefulSet(o) => {
            let o = Arc::make_mut(o);
            o.status = None;
            drop_max_unavailable(o);
        }
        Object::Job(o) => {
            let o = Arc::make_mut(o);
            o.status = None;
            job_selector(o);
        }
        Object::CronJob(o) => Arc::make_mut(o).status = None,
        Object::PodDisruptionBudget(o) => Arc::make_mut(o).status = None,
        Object::HorizontalPodAutoscaler(o) => Arc::make_mut(o).status = None,
        Object::Ingress(o) => Arc::make_mut(o).status = None,
        Object::PersistentVolume(o) => Arc::make_mut(o).status = None,
        Object::PersistentVolumeClaim(o) => Arc::make_mut(o).status = None,
        Object::Service(o) => {
            let o = Arc::make_mut(o);
            o.status = None;
            normalize_cluster_ips(o.spec.get_or_insert_default(), None);
        }
        _ => {}
    }
}

/// Labels of the Job's pods that name it, and the selector over them.
fn job_selector(job: &mut Job) {
    let uid = job.metadata.uid.clone().unwrap_or_default();
    let name = job.metadata.name.clone().unwrap_or_default();
    let spec = job.spec.get_or_insert_default();
    if spec.manual_selector == Some(true) {
        return;
    }
    let labels = spec.template.metadata.get_or_insert_default().labels.get_or_insert_default();
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels.insert(key.to_owned(), value.clone());
    }
    let selector = spec.selector.get_or_insert_default().match_labels.get_or_insert_default();
    selector.insert("batch.kubernetes.io/controller-uid".to_owned(), uid);
}

/// Prepares a changed object: what the server has handed out stays unless the client names something else.
pub fn prepare_update(object: &mut Object, old: &Object, part: Part) {
    match (object, old, part) {
        (Object::Service(new), Object::Service(old), Part::Spec) => service_update(Arc::make_mut(new), old),
        (Object::StatefulSet(new), ..) => drop_max_unavailable(Arc::make_mut(new)),
        _ => {}
    }
}

/// A `StatefulSet` has no `maxUnavailable` in 1.36: its feature gate (`MaxUnavailableStatefulSet`) is off, and what a
/// client writes is lost without a word.
fn drop_max_unavailable(set: &mut StatefulSet) {
    let strategy = set.spec.as_mut().and_then(|s| s.update_strategy.as_mut());
    if let Some(rolling) = strategy.and_then(|s| s.rolling_update.as_mut()) {
        rolling.max_unavailable = None;
    }
}

/// Whether Services of this type have a cluster IP.
pub fn needs_cluster_ip(spec: &ServiceSpec) -> bool {
    matches!(spec.type_.as_deref(), None | Some("ClusterIP" | "NodePort" | "LoadBalancer"))
}

/// Whether a Service has node ports.
pub fn needs_node_port(spec: &ServiceSpec) -> bool {
    match spec.type_.as_deref() {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec.allocate_load_balancer_node_ports != Some(false),
        _ => false,
    }
}

/// Whether a Service has a port for health checks of its nodes.
pub fn needs_health_port(spec: &ServiceSpec) -> bool {
    spec.type_.as_deref() == Some("LoadBalancer") && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn takes_external_traffic(spec: &ServiceSpec) -> bool {
    matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer"))
        || spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty())
}

fn service_update(new: &mut Service, old: &Service) {
    let empty = ServiceSpec::default();
    let before = old.spec.as_ref().unwrap_or(&empty);
    let spec = new.spec.get_or_insert_default();
    normalize_cluster_ips(spec, Some(before));
    if needs_cluster_ip(before) && needs_cluster_ip(spec) {
        if spec.cluster_ip.as_deref().unwrap_or("").is_empty() {
            spec.cluster_ip.clone_from(&before.cluster_ip);
        }
        if spec.cluster_ips.as_ref().is_none_or(Vec::is_empty) && spec.cluster_ip == before.cluster_ip {
            spec.cluster_ips.clone_from(&before.cluster_ips);
        }
    }
    if needs_node_port(before) && needs_node_port(spec) {
        let earlier = before.ports.as_deref().unwrap_or_default();
        for port in spec.ports.iter_mut().flatten().filter(|p| p.node_port.unwrap_or(0) == 0) {
            let same = earlier.iter().find(|o| o.port == port.port && o.protocol == port.protocol);
            port.node_port = same.and_then(|o| o.node_port);
        }
    }
    if needs_health_port(before) && needs_health_port(spec) && spec.health_check_node_port.unwrap_or(0) == 0 {
        spec.health_check_node_port = before.health_check_node_port;
    }
    drop_dependent_fields(spec, before);
}

/// Drops what the former type needed and the new one does not, if the client left it as it was.
fn drop_dependent_fields(spec: &mut ServiceSpec, before: &ServiceSpec) {
    if needs_cluster_ip(before) && !needs_cluster_ip(spec) && spec.cluster_ips == before.cluster_ips {
        spec.cluster_ip = None;
        spec.cluster_ips = None;
        spec.ip_families = None;
        spec.ip_family_policy = None;
        spec.internal_traffic_policy = None;
    }
    if needs_node_port(before) && !needs_node_port(spec) {
        let ports =
            |s: &ServiceSpec| -> Vec<Option<i32>> { s.ports.iter().flatten().map(|p| p.node_port).collect() };
        if ports(before) == ports(spec) {
            spec.ports.iter_mut().flatten().for_each(|p| p.node_port = None);
        }
    }
    if needs_health_port(before)
        && !needs_health_port(spec)
        && spec.health_check_node_port == before.health_check_node_port
    {
        spec.health_check_node_port = None;
    }
    if before.type_.as_deref() == Some("LoadBalancer") && spec.type_.as_deref() != Some("LoadBalancer") {
        if spec.allocate_load_balancer_node_ports == before.allocate_load_balancer_node_ports {
            spec.allocate_load_balancer_node_ports = None;
        }
        if spec.load_balancer_class == before.load_balancer_class {
            spec.load_balancer_class = None;
        }
    }
    if takes_external_traffic(before)
        && !takes_external_traffic(spec)
        && spec.external_traffic_policy == before.external_traffic_policy
    {
        spec.external_traffic_policy = None;
    }
    if spec.type_.as_deref() != Some("ExternalName")
        && before.type_.as_deref() == Some("ExternalName")
        && spec.external_name == before.external_name
    {
        spec.external_name = None;
    }
}

/// `clusterIP` and `clusterIPs[0]` say the same: a client may give either.
fn normalize_cluster_ips(spec: &mut ServiceSpec, before: Option<&ServiceSpec>) {
    let single = spec.cluster_ip.clone().unwrap_or_default();
    let first = spec.cluster_ips.as_ref().and_then(|ips| ips.first()).cloned().unwrap_or_default();
    match before {
        None => {
            if !single.is_empty() && first.is_empty() {
                spec.cluster_ips = Some(vec![single]);
            }
        }
        Some(before) => {
            let changed = single != before.cluster_ip.as_deref().unwrap_or("");
            let list_same = spec.cluster_ips == before.cluster_ips;
            if changed && list_same {
                spec.cluster_ips = (!single.is_empty()).then(|| vec![single]);
            } else if !changed && !list_same {
                spec.cluster_ip = (!first.is_empty()).then_some(first);
            }
        }
    }
}
