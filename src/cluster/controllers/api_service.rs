//! Whether registered APIs can be reached: the condition `Available` of `APIService`s.
//!
//! From `kube-aggregator/pkg/controllers/status`. An API with a Service is available while the Service has a ready
//! endpoint behind the port; one without is the API server's own.
//! Does not: ask the endpoint for its discovery document; a ready one is taken at its word.

use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::object::{DynamicObject, Kind, Object, ObjectKey, meta::MetaExt};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};
use std::sync::Arc;

/// `apiservice-availability` in the table.
pub const CONTROLLER: Controller = Controller { name: "apiservice-availability", watch, reconcile };

fn is_registration(key: &ObjectKey) -> bool {
    matches!(key.kind, Kind::Dynamic(kind) if kind.info().kind == "APIService")
}

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    if is_registration(&change.key) {
        keys.push(change.key.clone());
        return;
    }
    if !matches!(change.key.kind, Kind::Service | Kind::EndpointSlice) {
        return;
    }
    let Some(kind) = Kind::find("apiregistration.k8s.io/v1", "APIService") else { return };
    for object in view.store.list(kind) {
        let Object::Dynamic(inner) = object else { continue };
        if inner.at("spec.service.namespace").is_some_and(|n| *n == *change.key.name.namespace()) {
            keys.push(object.key());
        }
    }
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::Dynamic(stored)) = view.store.get(key) else { return Vec::new() };
    let (status, reason, message) = check(view, stored);
    let earlier = stored.at("status.conditions").and_then(Value::as_array);
    let earlier = earlier.and_then(|list| list.iter().find(|c| c["type"] == "Available"));
    let same = |key: &str, value: &str| earlier.is_some_and(|c| c[key] == *value);
    if same("status", status) && same("reason", reason) && same("message", &message) {
        return Vec::new();
    }
    let since = match earlier {
        Some(condition) if condition["status"] == *status => condition["lastTransitionTime"].clone(),
        _ => json!(view.now.to_api()),
    };
    let condition = json!({
        "type": "Available", "status": status, "reason": reason, "message": message, "lastTransitionTime": since,
    });
    let mut changed = DynamicObject::clone(stored);
    changed.content.insert("status".to_owned(), json!({"conditions": [condition]}));
    vec![Write::UpdateStatus(Object::Dynamic(Arc::new(changed)))]
}

/// Status, reason and message of the condition.
fn check(view: &View, registered: &DynamicObject) -> (&'static str, &'static str, String) {
    let Some(reference) = registered.at("spec.service").filter(|s| s.is_object()) else {
        return ("True", "Local", "Local APIServices are always available".to_owned());
    };
    let text = |key: &str| reference[key].as_str().unwrap_or("");
    let (namespace, name) = (text("namespace"), text("name"));
    let Some(service) = view.store.find::<Service>(namespace, name) else {
        let why = format!("service/{name} in \"{namespace}\" is not present");
        return ("False", "ServiceNotFound", why);
    };
    let port = reference["port"].as_i64().unwrap_or(443);
    let ports = service.spec.as_ref().and_then(|s| s.ports.as_deref()).unwrap_or_default();
    let Some(found) = ports.iter().find(|p| i64::from(p.port) == port) else {
        let why = format!("service/{name} in \"{namespace}\" is not listening on port {port}");
        return ("False", "ServicePortError", why);
    };
    let wanted = found.name.as_deref().unwrap_or("");
    let mut any = false;
    let of = |s: &&Arc<EndpointSlice>| s.label("kubernetes.io/service-name") == Some(service.name_str());
    for slice in view.store.all_in::<EndpointSlice>(namespace).filter(of) {
        any = true;
        if has_available(slice, wanted) {
            return ("True", "Passed", "all checks passed".to_owned());
        }
    }
    if any {
        let why = format!(
            "endpointslices for service/{name} in \"{namespace}\" have no addresses with port name \"{wanted}\""
        );
        return ("False", "MissingEndpoints", why);
    }
    (
        "False",
        "EndpointsNotFound",
        format!("cannot find endpointslices for service/{name} in \"{namespace}\""),
    )
}

fn has_available(slice: &EndpointSlice, port_name: &str) -> bool {
    let ready = |c: Option<bool>| c.unwrap_or(true);
    let ports = slice.ports.as_deref().unwrap_or_default();
    slice.endpoints.iter().flatten().any(|e| ready(e.conditions.as_ref().and_then(|c| c.ready)))
        && ports.iter().any(|p| p.name.as_deref().unwrap_or("") == port_name && p.port.is_some())
}
