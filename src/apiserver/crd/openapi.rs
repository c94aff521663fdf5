//! The `OpenAPI` of defined kinds, made from their schemas.

use super::Definitions;
use crate::apiserver::openapi;
use crate::object::KindInfo;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The document of a group and version that definitions serve. `None` when none does.
pub fn document(definitions: &Definitions, group: &str, version: &str) -> Option<String> {
    let mut paths = Map::new();
    let mut types = openapi::metadata_types();
    let mut any = false;
    for definition in definitions.iter() {
        for served in &definition.versions {
            let info = served.kind.info();
            if info.group != group || info.version != version {
                continue;
            }
            any = true;
            openapi::add_paths(&mut paths, info, false);
            let schema = serde_json::to_value(&served.schema).unwrap_or_default();
            let (name, one, list) = of_kind(info, schema);
            types.insert(Cow::Owned(format!("{name}List")), Cow::Owned(list.to_string()));
            types.insert(Cow::Owned(name), Cow::Owned(one.to_string()));
        }
    }
    any.then(|| openapi::whole(paths, types))
}

/// The full name of a kind's type, its schema, and that of its list.
fn of_kind(info: &KindInfo, mut schema: Value) -> (String, Value, Value) {
    let mut parts: Vec<&str> = info.group.split('.').collect();
    parts.reverse();
    let name = format!("{}.{}.{}", parts.join("."), info.version, info.kind);
    let gvk = |kind: &str| json!([{"group": info.group, "version": info.version, "kind": kind}]);
    let string = |description: &str| json!({"type": "string", "description": description});
    let api_version = string(
        "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
    );
    let kind = string(
        "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
    );
    let metadata = json!({
        "allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}],
        "description": "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    });
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    schema["properties"]["apiVersion"] = api_version.clone();
    schema["properties"]["kind"] = kind.clone();
    schema["properties"]["metadata"] = metadata;
    schema["x-kubernetes-group-version-kind"] = gvk(info.kind);
    let list = json!({
        "type": "object", "required": ["items"], "description": format!("{}List is a list of {}", info.kind, info.kind),
        "properties": {
            "apiVersion": api_version, "kind": kind,
            "items": {"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}},
            "metadata": {"type": "object"},
        },
        "x-kubernetes-group-version-kind": gvk(&format!("{}List", info.kind)),
    });
    (name, schema, list)
}
