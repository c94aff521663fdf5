//! Defaulting: what the API server fills in when a manifest says nothing.
//!
//! Always holds: idempotent; a value that is given stays as it is. From `pkg/apis/*/v1/defaults.go`.

mod admission;
mod config;
mod dynamic;
mod network;
mod pod;
mod storage;
mod workload;

pub use pod::{pod_spec, qos_class};

use crate::object::Object;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::sync::Arc;

/// Fills in every default of the object's kind. Idempotent.
pub fn apply(object: &mut Object) {
    match object {
        Object::Pod(o) => pod::pod(Arc::make_mut(o)),
        Object::Namespace(o) => config::namespace(Arc::make_mut(o)),
        Object::Secret(o) => config::secret(Arc::make_mut(o)),
        Object::LimitRange(o) => config::limit_range(Arc::make_mut(o)),
        Object::PriorityClass(o) => {
            let o = Arc::make_mut(o);
            text(&mut o.preemption_policy, "PreemptLowerPriority");
        }
        Object::RoleBinding(o) => {
            let o = Arc::make_mut(o);
            config::binding(&mut o.role_ref, o.subjects.as_mut());
        }
        Object::ClusterRoleBinding(o) => {
            let o = Arc::make_mut(o);
            config::binding(&mut o.role_ref, o.subjects.as_mut());
        }
        Object::CustomResourceDefinition(o) => config::definition(Arc::make_mut(o)),
        Object::Service(o) => network::service(Arc::make_mut(o)),
        Object::Endpoints(o) => network::endpoints(Arc::make_mut(o)),
        Object::EndpointSlice(o) => network::endpoint_slice(Arc::make_mut(o)),
        Object::NetworkPolicy(o) => network::policy(Arc::make_mut(o)),
        Object::PersistentVolume(o) => storage::volume(Arc::make_mut(o)),
        Object::PersistentVolumeClaim(o) => {
            let o = Arc::make_mut(o);
            storage::claim_spec(o.spec.get_or_insert_default());
            text(&mut o.status.get_or_insert_default().phase, "Pending");
        }
        Object::StorageClass(o) => storage::class(Arc::make_mut(o)),
        Object::CSIDriver(o) => storage::driver(Arc::make_mut(o)),
        Object::Deployment(o) => workload::deployment(Arc::make_mut(o)),
        Object::ReplicaSet(o) => workload::replica_set(Arc::make_mut(o)),
        Object::ReplicationController(o) => workload::replication_controller(Arc::make_mut(o)),
        Object::DaemonSet(o) => workload::daemon_set(Arc::make_mut(o)),
        Object::StatefulSet(o) => workload::stateful_set(Arc::make_mut(o)),
        Object::Job(o) => workload::job(Arc::make_mut(o)),
        Object::CronJob(o) => workload::cron_job(Arc::make_mut(o)),
        Object::HorizontalPodAutoscaler(o) => workload::autoscaler(Arc::make_mut(o)),
        Object::PodDisruptionBudget(o) => workload::budget(Arc::make_mut(o)),
        Object::PodTemplate(o) => workload::template(Arc::make_mut(o).template.get_or_insert_default()),
        Object::Ingress(o) => {
            Arc::make_mut(o).status.get_or_insert_default().load_balancer.get_or_insert_default();
        }
        Object::Node(o) => {
            let status = Arc::make_mut(o).status.get_or_insert_default();
            if status.allocatable.is_none() {
                status.allocatable.clone_from(&status.capacity);
            }
        }
        Object::ResourceQuota(o) => {
            Arc::make_mut(o).status.get_or_insert_default();
        }
        Object::Dynamic(o) if dynamic::has_defaults(o) => dynamic::apply(Arc::make_mut(o)),
        Object::Dynamic(o) if admission::has_defaults(o) => admission::apply(Arc::make_mut(o)),
        _ => {}
    }
}

/// Fills in text that is missing or empty.
fn text(slot: &mut Option<String>, value: &str) {
    if slot.as_deref().unwrap_or("").is_empty() {
        *slot = Some(value.to_owned());
    }
}

fn percent(slot: &mut Option<IntOrString>, value: &str) {
    slot.get_or_insert_with(|| IntOrString::String(value.to_owned()));
}

fn count(slot: &mut Option<IntOrString>, value: i32) {
    slot.get_or_insert(IntOrString::Int(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Kind;
    use serde_json::{Value, json};

    fn defaulted(kind: Kind, value: Value) -> Value {
        let mut object = Object::from_value(kind, value).unwrap();
        apply(&mut object);
        let once = object.clone();
        apply(&mut object);
        assert!(once == object, "not idempotent: {kind:?}");
        object.to_value()
    }

    #[test]
    fn what_is_filled_in() {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1.25"}]}});
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx",
            "ports": [{"containerPort": 80}], "livenessProbe": {"httpGet": {"port": 80}},
            "resources": {"limits": {"cpu": "1"}}}], "volumes": [{"name": "v"}]}});
        for (kind, value, pointer, expected) in [
            (Kind::Pod, pod.clone(), "/spec/containers/0/imagePullPolicy", json!("Always")),
            (Kind::Pod, pod.clone(), "/spec/containers/0/ports/0/protocol", json!("TCP")),
            (
                Kind::Pod,
                pod.clone(),
                "/spec/containers/0/livenessProbe",
                json!({"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1,
                    "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}}),
            ),
            (Kind::Pod, pod.clone(), "/spec/containers/0/resources/requests/cpu", json!("1")),
            (Kind::Pod, pod.clone(), "/spec/volumes/0/emptyDir", json!({})),
            (Kind::Pod, pod.clone(), "/spec/enableServiceLinks", json!(true)),
            (Kind::Pod, pod, "/status/qosClass", json!("Burstable")),
            (
                Kind::Deployment,
                json!({"spec": {"selector": {}, "template": template}}),
                "/spec/strategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
            ),
            (
                Kind::Deployment,
                json!({"spec": {"selector": {}, "template": template}}),
                "/spec/template/spec/containers/0",
                json!({"name": "c", "image": "nginx:1.25", "imagePullPolicy": "IfNotPresent", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}),
            ),
            (
                Kind::Service,
                json!({"spec": {"ports": [{"port": 80}]}}),
                "/spec/ports/0",
                json!({"port": 80, "protocol": "TCP", "targetPort": 80}),
            ),
            (Kind::Secret, json!({"stringData": {"a": "b"}}), "/data/a", json!("Yg==")),
            (
                Kind::Namespace,
                json!({"metadata": {"name": "dev"}}),
                "/metadata/labels",
                json!({"kubernetes.io/metadata.name": "dev"}),
            ),
            (
                Kind::PersistentVolume,
                json!({"spec": {"hostPath": {"path": "/x"}}}),
                "/spec/persistentVolumeReclaimPolicy",
                json!("Retain"),
            ),
        ] {
            assert_eq!(defaulted(kind, value).pointer(pointer), Some(&expected), "{kind:?} {pointer}");
        }
        let level = json!({"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {"queues": 0}}}});
        for (version, kind, spec, expected) in [
            (
                "apiregistration.k8s.io/v1",
                "APIService",
                json!({"service": {"name": "a", "namespace": "b"}}),
                json!({"service": {"name": "a", "namespace": "b", "port": 443}}),
            ),
            ("apiregistration.k8s.io/v1", "APIService", json!({"group": "a"}), json!({"group": "a"})),
            ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", json!({}), json!({"matchingPrecedence": 1000})),
            (
                "flowcontrol.apiserver.k8s.io/v1",
                "PriorityLevelConfiguration",
                level,
                json!({"type": "Limited", "limited": {"nominalConcurrencyShares": 30, "lendablePercent": 0, "limitResponse":
                    {"type": "Queue", "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}}}}),
            ),
        ] {
            let kind = Kind::find(version, kind).unwrap();
            assert_eq!(defaulted(kind, json!({"spec": spec}))["spec"], expected, "{kind:?}");
        }
    }
}
