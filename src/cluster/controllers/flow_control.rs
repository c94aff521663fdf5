//! Schemas of flows: whether the level of priority that each names is there.

use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::apiserver::flow_control::{GROUP, dangling};
use crate::object::{DynamicObject, Kind, Object, ObjectKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// `api-priority-and-fairness-config-controller` in the table.
pub const CONTROLLER: Controller =
    Controller { name: "api-priority-and-fairness-config-controller", watch, reconcile };

fn kind(name: &str) -> Option<Kind> {
    Kind::find(&format!("{GROUP}/v1"), name)
}

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    let info = change.key.kind.info();
    match (info.group, info.kind) {
        (GROUP, "FlowSchema") => keys.push(change.key.clone()),
        (GROUP, "PriorityLevelConfiguration") if change.old.is_none() || change.new.is_none() => {
            let Some(schemas) = kind("FlowSchema") else { return };
            for object in view.store.list(schemas) {
                if let Object::Dynamic(schema) = object
                    && level(schema) == change.key.name.name()
                {
                    keys.push(object.key());
                }
            }
        }
        _ => {}
    }
}

fn level(schema: &DynamicObject) -> &str {
    schema.at("spec.priorityLevelConfiguration.name").and_then(Value::as_str).unwrap_or("")
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::Dynamic(schema)) = view.store.get(key) else { return Vec::new() };
    let Some(levels) = kind("PriorityLevelConfiguration") else { return Vec::new() };
    let found = view.store.get(&ObjectKey::new(levels, "", level(schema))).is_some();
    let mut condition = dangling(level(schema), found);
    let earlier = schema.at("status.conditions").and_then(Value::as_array);
    let earlier = earlier.and_then(|list| list.iter().find(|c| c["type"] == "Dangling"));
    if earlier.is_some_and(|c| ["status", "reason", "message"].iter().all(|k| c[*k] == condition[*k])) {
        return Vec::new();
    }
    condition["lastTransitionTime"] = json!(view.now.to_api());
    let mut changed = DynamicObject::clone(schema);
    changed.content.insert("status".to_owned(), json!({"conditions": [condition]}));
    vec![Write::UpdateStatus(Object::Dynamic(Arc::new(changed)))]
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;

    #[test]
    fn a_schema_whose_level_is_missing_dangles() {
        let mut lab = lab();
        let schema = json!({"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema",
            "metadata": {"name": "mine"}, "spec": {"matchingPrecedence": 1000,
            "priorityLevelConfiguration": {"name": "mine"}}});
        let key = lab.create(schema).key();
        lab.advance(100);
        let state = |lab: &super::super::lab::Lab| match lab.cluster.api.store.get(&key) {
            Some(Object::Dynamic(o)) => o.at("status.conditions").unwrap()[0]["status"].clone(),
            _ => Value::Null,
        };
        assert_eq!(state(&lab), "True");
        lab.create(
            json!({"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration",
            "metadata": {"name": "mine"}, "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}}),
        );
        lab.advance(100);
        assert_eq!(state(&lab), "False");
    }
}
