//! The aggregation layer: APIs that a Service of the cluster serves, registered by an `APIService`.
//!
//! Always holds: `metrics.k8s.io/v1beta1` is discovered as long as an `APIService` registers it with a Service; what
//! answers for it is `cluster/metrics_server.rs`.
//! Does not: hand requests to any other Service; those groups are not discovered.

use super::ApiServer;
use crate::object::{DynamicKind, Kind, KindInfo, Object, ObjectKey};

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
        if &*key.name.name != API_SERVICE || key.kind.info().kind != "APIService" {
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
}
