//! The aggregation layer: APIs that a Service of the cluster serves, registered by an `APIService`.
//!
//! Always holds: `metrics.k8s.io/v1beta1` is discovered as long as an `APIService` registers it with a Service; what
//! answers for it is `cluster/metrics_server.rs`.
//! What the server serves itself has an `APIService` too, one for each group and version: a built-in one from the start, a
//! defined one for as long as it is defined.
//! Does not: hand requests to any other Service; those groups are not discovered.

use super::{ApiServer, Cause, Origin};
use crate::object::hash::Stream;
use crate::object::{DynamicKind, Kind, KindInfo, Object, ObjectKey, meta::MetaExt};
use serde_json::json;
use std::collections::BTreeSet;

/// The group of the metrics API.
pub const GROUP: &str = "metrics.k8s.io";
/// The `APIService` that registers it.
pub const API_SERVICE: &str = "v1beta1.metrics.k8s.io";

const PLAIN: KindInfo = KindInfo {
    kind: "NodeMetrics",
    group: GROUP,
    version: "v1beta1",
    plural: "nodes",
    singular: "",
    short: &[],
    namespaced: false,
    categories: &[],
    subresources: &[],
};
const NODES: DynamicKind = DynamicKind::built_in(&PLAIN);
const PODS: DynamicKind =
    DynamicKind::built_in(&KindInfo { kind: "PodMetrics", plural: "pods", namespaced: true, ..PLAIN });

/// The condition `Available` of an `APIService`.
pub fn is_available(service: &Object) -> bool {
    let Object::Dynamic(service) = service else { return false };
    let conditions = service.at("status.conditions").and_then(|c| c.as_array());
    conditions.into_iter().flatten().any(|c| c["type"] == "Available" && c["status"] == "True")
}

impl ApiServer {
    /// The `APIService` that registers the metrics API, if there is one.
    pub fn metrics_service(&self) -> Option<&Object> {
        let kind = Kind::find("apiregistration.k8s.io/v1", "APIService")?;
        let object = self.store.get(&ObjectKey::new(kind, "", API_SERVICE))?;
        let Object::Dynamic(inner) = object else { return None };
        inner.at("spec.service").is_some_and(serde_json::Value::is_object).then_some(object)
    }

    /// Discovers the metrics API from when it is registered until it no longer is.
    pub(super) fn accept_api_service(&mut self, key: &ObjectKey) {
        if key.name.name() != API_SERVICE || key.kind.info().kind != "APIService" {
            return;
        }
        let registered = self.metrics_service().is_some();
        for kind in [NODES, PODS] {
            if registered {
                self.store.kinds_mut().define(kind);
            } else {
                self.store.kinds_mut().forget(kind);
            }
        }
    }

    /// Keeps the `APIServices` of a defined group in step with the versions that it is defined in.
    pub(super) fn sync_api_services(&mut self, group: &str) {
        let Some(kind) = Kind::find("apiregistration.k8s.io/v1", "APIService") else { return };
        let defined = self.store.kinds().defined().filter(|k| k.info().group == group);
        let mut wanted: BTreeSet<String> = defined.map(|k| format!("{}.{group}", k.info().version)).collect();
        let of_group = |o: &&Object| match o {
            Object::Dynamic(inner) => inner.at("spec.group").is_some_and(|g| g == group),
            _ => false,
        };
        let there: Vec<Object> = self.store.list(kind).filter(of_group).cloned().collect();
        let origin = Origin::component("system:apiserver", Cause::Time);
        for object in there {
            if !wanted.remove(object.name_str()) && object.label(MANAGED) == Some("true") {
                self.store.commit(object.key(), None, &origin, self.now);
            }
        }
        for name in wanted {
            let version = name.split('.').next().unwrap_or("");
            let Some(mut object) = local(group, version, DEFINED, "true") else { continue };
            // Its uid comes from a stream of its own, so that it decides no other name.
            let uid = Stream::new(self.seed(), "apiserver", &format!("service {name} {}", self.now.0)).uuid();
            self.stamp(&mut object, uid);
            self.store.commit(object.key(), Some(object), &origin, self.now);
        }
    }
}

/// The priority of each built-in group, and of the version among those of its group.
const PRIORITIES: &[(&str, i64, i64)] = &[
    ("", 18_000, 1),
    ("apps", 17_800, 15),
    ("events.k8s.io", 17_750, 15),
    ("authentication.k8s.io", 17_700, 15),
    ("authorization.k8s.io", 17_600, 15),
    ("autoscaling", 17_500, 15),
    ("batch", 17_400, 15),
    ("certificates.k8s.io", 17_300, 15),
    ("networking.k8s.io", 17_200, 15),
    ("policy", 17_100, 15),
    ("rbac.authorization.k8s.io", 17_000, 15),
    ("storage.k8s.io", 16_800, 15),
    ("apiextensions.k8s.io", 16_700, 15),
    ("admissionregistration.k8s.io", 16_700, 15),
    ("scheduling.k8s.io", 16_600, 15),
    ("coordination.k8s.io", 16_500, 15),
    ("node.k8s.io", 16_300, 15),
    ("discovery.k8s.io", 16_200, 15),
    ("resource.k8s.io", 16_200, 15),
    ("flowcontrol.apiserver.k8s.io", 16_100, 21),
];

/// The priorities of a defined group.
const DEFINED: (i64, i64) = (1000, 100);

/// Says by whom an `APIService` is looked after: `onstart` for a built-in one, `true` for a defined one.
const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// The `APIServices` of what the server serves itself, without their own group's.
pub fn built_in() -> Vec<Object> {
    let served = super::discovery::group_versions().iter();
    let objects = served.filter_map(|(group, version)| {
        let (_, minimum, priority) = PRIORITIES.iter().find(|(name, ..)| name == group)?;
        // The preferred of two versions comes first.
        let priority = if *version == "v2" { priority * 2 } else { *priority };
        local(group, version, (*minimum, priority), "onstart")
    });
    objects.collect()
}

fn local(group: &str, version: &str, (minimum, priority): (i64, i64), managed: &str) -> Option<Object> {
    let mut spec = json!({"version": version, "groupPriorityMinimum": minimum, "versionPriority": priority});
    if !group.is_empty() {
        spec["group"] = json!(group);
    }
    let condition = json!({"type": "Available", "status": "True", "reason": "Local",
        "message": "Local APIServices are always available"});
    let value = json!({
        "metadata": {"name": format!("{version}.{group}"), "labels": {MANAGED: managed}},
        "spec": spec, "status": {"conditions": [condition]},
    });
    Object::from_value(Kind::find("apiregistration.k8s.io/v1", "APIService")?, value).ok()
}
