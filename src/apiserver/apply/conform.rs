//! Whether an applied configuration is of its type, as structured-merge-diff sees it: no field that the schema does not
//! declare, no scalar of another kind, no two items that are told apart by the same key. From `typed/validate.go`, and
//! for defined kinds `managedfields/internal/typeconverter.go` and kube-openapi's `schemaconv`.

use super::typed::{Items, Place};
use crate::apiserver::schema::{OBJECT_META, Shape};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrBool,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is wrong with a configuration, each with its path: `.spec.x: field not declared in schema`.
pub fn mistakes(config: &Value, place: Place) -> Vec<String> {
    let mut walk = Walk::default();
    let Value::Object(map) = config else { return walk.found };
    for (key, value) in map {
        if !matches!(key.as_str(), "apiVersion" | "kind") {
            walk.field((key, value), place, false);
        }
    }
    walk.found
}

#[derive(Default)]
struct Walk {
    path: String,
    found: Vec<String>,
}

impl Walk {
    fn wrong(&mut self, why: &str) {
        self.found.push(format!("{}: {why}", self.path));
    }

    /// One field of a map. Below `free` no field needs to be declared.
    fn field(&mut self, (key, value): (&String, &Value), place: Place, free: bool) {
        let length = self.path.len();
        self.path.push('.');
        self.path.push_str(key);
        if free || declares(place, key) {
            self.value(value, place.child(key), free);
            if let Place::Field(field) = place
                && let Shape::Map(inner) = &field.shape
            {
                self.scalar(value, inner);
            }
        } else {
            self.wrong("field not declared in schema");
        }
        self.path.truncate(length);
    }

    fn value(&mut self, value: &Value, place: Place, free: bool) {
        let free = free || matches!(place, Place::Defined(schema) if preserves(schema));
        match value {
            Value::Object(map) => {
                for (key, inner) in map {
                    self.field((key, inner), place, free);
                }
            }
            Value::Array(list) => self.list(list, place, free),
            _ => {
                if let Place::Field(field) = place {
                    self.scalar(value, &field.shape);
                }
            }
        }
    }

    fn list(&mut self, list: &[Value], place: Place, free: bool) {
        let items = place.items();
        let mut seen = BTreeSet::new();
        for (index, item) in list.iter().enumerate() {
            let step = match items {
                Items::Atomic => format!("[{index}]"),
                Items::Set => format!("[={item}]"),
                Items::Keys(keys, of) => {
                    let named = keys.iter().filter_map(|key| {
                        let value = item.get(key).or_else(|| of.default(key))?;
                        Some(format!("{key}={value}"))
                    });
                    format!("[{}]", named.collect::<Vec<_>>().join(","))
                }
            };
            if !matches!(items, Items::Atomic) && !seen.insert(step.clone()) {
                self.wrong(&format!("duplicate entries for key {step}"));
            }
            let length = self.path.len();
            self.path.push_str(&step);
            self.value(item, place.item(), free);
            if let Place::Field(field) = place
                && let Shape::List(inner) = &field.shape
            {
                self.scalar(item, inner);
            }
            self.path.truncate(length);
        }
    }

    fn scalar(&mut self, value: &Value, shape: &Shape) {
        if value.is_null() || value.is_object() || value.is_array() {
            return;
        }
        let shown = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match (shape, value) {
            (Shape::Text | Shape::Bytes, Value::String(_))
            | (Shape::Bool, Value::Bool(_))
            | (Shape::Int32 | Shape::Int64 | Shape::Number, Value::Number(_))
            | (Shape::Any | Shape::IntOrString | Shape::Quantity | Shape::Time, _) => {}
            (Shape::Text | Shape::Bytes, _) => {
                self.wrong(&format!("expected string, got &value.valueUnstructured{{Value:{shown}}}"));
            }
            (Shape::Bool, _) => self.wrong(&format!("expected boolean, got &{{{shown}}}")),
            (Shape::Int32 | Shape::Int64 | Shape::Number, _) => {
                let kind = if value.is_string() { "string" } else { "bool" };
                self.wrong(&format!("expected numeric (int or float), got {kind}"));
            }
            (Shape::Struct(_) | Shape::Map(_), _) => {
                self.wrong(&format!("expected map, got &{{{shown}}}"));
            }
            (Shape::List(_), _) => self.wrong(&format!("expected list, got &{{{shown}}}")),
        }
    }
}

/// Whether a map at this place may have the field.
fn declares(place: Place, key: &str) -> bool {
    match place {
        Place::Struct(of) | Place::Granular(of) => of.fields.contains_key(key),
        Place::DefinedRoot(_) if matches!(key, "apiVersion" | "kind" | "metadata") => true,
        Place::Defined(schema) | Place::DefinedRoot(schema) => {
            let embedded = schema.x_kubernetes_embedded_resource == Some(true);
            schema.properties.as_ref().is_none_or(|p| p.is_empty() || p.contains_key(key))
                || preserves(schema)
                || (embedded && matches!(key, "apiVersion" | "kind" | "metadata"))
                || matches!(
                    schema.additional_properties,
                    Some(JSONSchemaPropsOrBool::Bool(true) | JSONSchemaPropsOrBool::Schema(_))
                )
        }
        Place::Field(_) | Place::Unknown => true,
    }
}

fn preserves(schema: &JSONSchemaProps) -> bool {
    schema.x_kubernetes_preserve_unknown_fields == Some(true)
}

/// The place of an embedded object's metadata.
pub fn embedded_metadata(schema: &JSONSchemaProps, key: &str) -> Option<Place<'static>> {
    if key != "metadata" || schema.x_kubernetes_embedded_resource != Some(true) {
        return None;
    }
    crate::apiserver::schema::find(OBJECT_META).map(Place::Struct)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::schema;
    use crate::object::Kind;
    use serde_json::json;

    fn of(kind: Kind, config: &Value) -> Vec<String> {
        mistakes(config, Place::Struct(schema::for_kind(kind)))
    }

    #[test]
    fn what_a_type_does_not_have() {
        let container = |name: &str| json!({"name": name, "foo": 1, "env": [{"name": "A", "value": 1}, {"name": "A", "value": "2"}]});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": true}, "x": 1},
            "spec": {"containers": [container("x")], "hostNetwork": "yes"}});
        assert_eq!(
            of(Kind::Pod, &pod),
            [
                ".metadata.labels.a: expected string, got &value.valueUnstructured{Value:true}",
                ".metadata.x: field not declared in schema",
                ".spec.containers[name=\"x\"].env[name=\"A\"].value: expected string, got &value.valueUnstructured{Value:1}",
                ".spec.containers[name=\"x\"].env: duplicate entries for key [name=\"A\"]",
                ".spec.containers[name=\"x\"].foo: field not declared in schema",
                ".spec.hostNetwork: expected boolean, got &{yes}",
            ]
        );
        let replicas = json!({"spec": {"replicas": "x"}});
        assert_eq!(
            of(Kind::Deployment, &replicas),
            [".spec.replicas: expected numeric (int or float), got string"]
        );
    }

    #[test]
    fn what_a_schema_does_not_declare() {
        let schema: JSONSchemaProps = serde_json::from_value(json!({"type": "object", "properties": {"spec": {
            "type": "object", "properties": {
                "template": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"a": {}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": {}}},
                "open": {"type": "object"},
            }}}}))
        .unwrap();
        let config = json!({"metadata": {"unknownMeta": 1}, "unknownField": 1, "spec": {
            "template": {"kind": "Sub", "metadata": {"name": "x", "unknownSubMeta": 1}},
            "free": {"x": {"y": 1}}, "open": {"x": 1}}});
        assert_eq!(
            mistakes(&config, Place::DefinedRoot(&schema)),
            [
                ".metadata.unknownMeta: field not declared in schema",
                ".spec.template.metadata.unknownSubMeta: field not declared in schema",
                ".unknownField: field not declared in schema",
            ]
        );
    }
}
