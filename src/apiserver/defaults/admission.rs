//! Defaults of admission registration: policies, their bindings, and webhook configurations.

use crate::object::dynamic::DynamicObject;
use serde_json::{Map, Value, json};

/// Whether the kind has any.
pub fn has_defaults(o: &DynamicObject) -> bool {
    o.kind.info().group == "admissionregistration.k8s.io"
}

/// Fills in what the kind has defaults for.
pub fn apply(o: &mut DynamicObject) {
    let mutating = o.kind.info().kind == "MutatingWebhookConfiguration";
    for hook in o.content.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::Object(hook) = hook else { continue };
        put(hook, "failurePolicy", "Fail");
        selectors(hook);
        hook.entry("timeoutSeconds").or_insert_with(|| json!(10));
        if mutating {
            put(hook, "reinvocationPolicy", "Never");
        }
        rules(hook, "rules");
        let service = hook.get_mut("clientConfig").and_then(|c| c.get_mut("service"));
        if let Some(Value::Object(service)) = service {
            service.entry("port").or_insert_with(|| json!(443));
        }
    }
    let policy = o.kind.info().kind.ends_with("Policy");
    let Some(Value::Object(spec)) = o.content.get_mut("spec") else { return };
    if policy {
        put(spec, "failurePolicy", "Fail");
    }
    for field in ["matchConstraints", "matchResources"] {
        if let Some(Value::Object(resources)) = spec.get_mut(field) {
            selectors(resources);
            rules(resources, "resourceRules");
            rules(resources, "excludeResourceRules");
        }
    }
}

fn put(map: &mut Map<String, Value>, field: &str, value: &str) {
    map.entry(field).or_insert_with(|| json!(value));
}

/// What everything matches by: equivalent requests, whatever their labels.
fn selectors(map: &mut Map<String, Value>) {
    put(map, "matchPolicy", "Equivalent");
    for field in ["namespaceSelector", "objectSelector"] {
        map.entry(field).or_insert_with(|| json!({}));
    }
}

fn rules(map: &mut Map<String, Value>, field: &str) {
    for rule in map.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(rule) = rule {
            put(rule, "scope", "*");
        }
    }
}
