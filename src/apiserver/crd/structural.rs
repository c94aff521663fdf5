//! Pruning and defaulting by a structural schema.

use crate::apiserver::schema;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value};

/// The schema of a list's items.
pub fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(schema) => Some(schema),
        JSONSchemaPropsOrArray::Schemas(schemas) => schemas.first(),
    }
}

/// What fields beyond the named ones may be.
#[derive(Clone, Copy, Debug)]
pub enum Additional<'a> {
    /// None may be there.
    None,
    /// Anything may be there.
    Any,
    /// They follow this schema.
    Schema(&'a JSONSchemaProps),
}

/// What fields beyond the named ones may be.
pub fn additional(schema: &JSONSchemaProps) -> Additional<'_> {
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(schema)) => Additional::Schema(schema),
        Some(JSONSchemaPropsOrBool::Bool(true)) => Additional::Any,
        _ => Additional::None,
    }
}

fn preserves(schema: &JSONSchemaProps) -> bool {
    schema.x_kubernetes_preserve_unknown_fields == Some(true)
}

/// Takes out what the schema does not name; `unknown` gets the path of each such field.
pub fn prune(value: &mut Value, schema: &JSONSchemaProps, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(map) => prune_map(map, schema, path, unknown),
        Value::Array(list) => {
            let Some(items) = items(schema) else { return };
            for (index, item) in list.iter_mut().enumerate() {
                prune(item, items, &format!("{path}[{index}]"), unknown);
            }
        }
        _ => {}
    }
}

fn prune_map(map: &mut Map<String, Value>, schema: &JSONSchemaProps, path: &str, unknown: &mut Vec<String>) {
    let empty = std::collections::BTreeMap::new();
    let properties = schema.properties.as_ref().unwrap_or(&empty);
    let additional = additional(schema);
    let embedded = schema.x_kubernetes_embedded_resource == Some(true);
    let keys: Vec<String> = map.keys().cloned().collect();
    for key in keys {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let always =
            (path.is_empty() || embedded) && matches!(key.as_str(), "apiVersion" | "kind" | "metadata");
        if always {
            if key == "metadata" && !path.is_empty() {
                prune_metadata(map, &here, unknown);
            }
            continue;
        }
        let inner = properties.get(&key).or(match additional {
            Additional::Schema(schema) => Some(schema),
            _ => None,
        });
        match (inner, map.get_mut(&key)) {
            (Some(inner), Some(value)) => prune(value, inner, &here, unknown),
            _ if preserves(schema) || matches!(additional, Additional::Any) => {}
            _ => {
                map.remove(&key);
                unknown.push(here);
            }
        }
    }
}

/// Takes out of the metadata of an object inside another what metadata does not have.
fn prune_metadata(holder: &mut Map<String, Value>, path: &str, unknown: &mut Vec<String>) {
    let Some(Value::Object(metadata)) = holder.get_mut("metadata") else { return };
    let Some(of) = schema::find(schema::OBJECT_META) else { return };
    metadata.retain(|key, _| {
        let known = of.fields.contains_key(key);
        if !known {
            unknown.push(format!("{path}.{key}"));
        }
        known
    });
}

/// Puts in the defaults of fields that are not there, and takes out `null` where it may not stand.
pub fn default(value: &mut Value, schema: &JSONSchemaProps) {
    match value {
        Value::Object(map) => {
            for (key, inner) in schema.properties.iter().flatten() {
                let nulled = map.get(key).is_some_and(Value::is_null) && inner.nullable != Some(true);
                if nulled && inner.default.is_some() {
                    map.remove(key);
                }
                if let (None, Some(default)) = (map.get(key), &inner.default) {
                    map.insert(key.clone(), default.0.clone());
                }
                if let Some(value) = map.get_mut(key) {
                    self::default(value, inner);
                }
            }
            if let Additional::Schema(inner) = additional(schema) {
                let named = |key: &str| schema.properties.as_ref().is_some_and(|p| p.contains_key(key));
                map.iter_mut()
                    .filter(|(key, _)| !named(key))
                    .for_each(|(_, value)| self::default(value, inner));
            }
        }
        Value::Array(list) => {
            if let Some(items) = items(schema) {
                for item in list {
                    self::default(item, items);
                }
            }
        }
        _ => {}
    }
}
