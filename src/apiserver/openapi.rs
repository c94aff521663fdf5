//! `/openapi/v3`: a document for each group and version, made from the schemas that ship with the types.
//!
//! Always holds: a document is made at the first question and kept; its hash is that of its content.
//! Does not: serve `/openapi/v2` beyond a valid, empty document; clients of 1.27 and later read version 3.

use super::crd::{self, Definitions};
use super::discovery::{VERSION, group_versions};
use super::{Response, schema};
use crate::object::{Kind, KindInfo, hash};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// A document, ready to be sent.
#[derive(Debug)]
struct Document {
    bytes: Arc<[u8]>,
    hash: String,
}

/// The `Content-Type` of `/openapi/v2` in protobuf: the only form that clients ask for.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `/openapi/v3`: where the documents are.
pub fn index(definitions: &Definitions, defined: &[(&'static str, &'static str)]) -> Value {
    let entry = |((group, version), document): (&(&str, &str), &Document)| {
        let path =
            if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let url = json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={}", document.hash)});
        (path, url)
    };
    let mut paths: Map<String, Value> = group_versions().iter().zip(documents()).map(entry).collect();
    for (group, version) in defined.iter().filter(|place| !group_versions().contains(place)) {
        let document = crd::document(definitions, group, version).unwrap_or_default();
        let hash = hash::fnv64a(document.to_string().as_bytes());
        let url =
            json!({"serverRelativeURL": format!("/openapi/v3/apis/{group}/{version}?hash={hash:016X}")});
        paths.insert(format!("apis/{group}/{version}"), url);
    }
    json!({"paths": paths})
}

/// The document of a group and version.
pub fn document(group: &str, version: &str) -> Option<Response> {
    let index = group_versions().iter().position(|served| *served == (group, version))?;
    Some(Response::bytes("application/json", documents().get(index)?.bytes.clone()))
}

/// `/openapi/v2`: a valid document that describes nothing. Its fields are `swagger` (1) and `info` (2: `title` 1,
/// `version` 2), and `paths` (8).
pub fn version_2() -> Response {
    let text = |field: u8, text: &str| [&[field << 3 | 2, text.len() as u8], text.as_bytes()].concat();
    let info = [text(1, "Kubernetes"), text(2, VERSION)].concat();
    let bytes = [text(1, "2.0"), vec![2 << 3 | 2, info.len() as u8], info, vec![8 << 3 | 2, 0]].concat();
    Response::bytes(PROTOBUF, Arc::from(bytes))
}

fn documents() -> &'static [Document] {
    static DOCUMENTS: OnceLock<Vec<Document>> = OnceLock::new();
    DOCUMENTS.get_or_init(|| group_versions().iter().map(|(g, v)| build(g, v)).collect())
}

fn build(group: &str, version: &str) -> Document {
    let kinds: Vec<Kind> =
        Kind::all_served().filter(|k| (k.info().group, k.info().version) == (group, version)).collect();
    let mut paths = Map::new();
    for kind in &kinds {
        add_paths(&mut paths, kind.info());
    }
    let document = whole(paths, schemas(&kinds));
    let bytes: Arc<[u8]> = Arc::from(document.to_string().into_bytes());
    let hash = (0..8u8).map(|part| format!("{:016X}", hash::fnv64a(&[&[part], &*bytes].concat()))).collect();
    Document { bytes, hash }
}

/// A document of these paths and types.
pub fn whole(paths: Map<String, Value>, schemas: Map<String, Value>) -> Value {
    let components = Map::from_iter([("schemas".to_owned(), Value::Object(schemas))]);
    let mut document = json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": VERSION}});
    document["paths"] = Value::Object(paths);
    document["components"] = Value::Object(components);
    document
}

/// The type of every object's metadata, and all that it refers to.
pub fn metadata_schemas() -> Map<String, Value> {
    closure(vec!["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta".to_owned()])
}

/// Some types by full name, and all that they refer to.
fn closure(mut wanted: Vec<String>) -> Map<String, Value> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut found = Map::new();
    while let Some(name) = wanted.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some(mut schema) = schema::definition(&name) else { continue };
        rewrite(&mut schema, &mut wanted);
        found.insert(name, schema);
    }
    found
}

/// The types of some kinds, and all that they refer to.
fn schemas(kinds: &[Kind]) -> Map<String, Value> {
    let mut found = closure(kinds.iter().map(|k| schema::type_name(*k).to_owned()).collect());
    for kind in kinds {
        let info = kind.info();
        if let Some(schema) = found.get_mut(schema::type_name(*kind)) {
            schema["x-kubernetes-group-version-kind"] = json!([gvk(info)]);
        }
    }
    found
}

fn gvk(info: &KindInfo) -> Value {
    json!({"group": info.group, "version": info.version, "kind": info.kind})
}

/// References as OpenAPI has them: into `components`, and inside `allOf` where something stands beside.
fn rewrite(schema: &mut Value, wanted: &mut Vec<String>) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, wanted)),
        Value::Object(map) => {
            map.iter_mut().for_each(|(_, value)| rewrite(value, wanted));
            if let Some(Value::String(reference)) = map.get("$ref") {
                let name = reference.rsplit('/').next().unwrap_or_default().to_owned();
                let reference = json!({"$ref": format!("#/components/schemas/{name}")});
                wanted.push(name);
                map.remove("$ref");
                if map.is_empty() {
                    *schema = reference;
                } else {
                    map.insert("allOf".to_owned(), json!([reference]));
                    map.insert("default".to_owned(), json!({}));
                }
            }
        }
        _ => {}
    }
}

/// The paths of a kind, with what clients look for in them: whether a patch knows `fieldValidation`.
pub fn add_paths(paths: &mut Map<String, Value>, info: &KindInfo) {
    let root =
        if info.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}", info.api_version()) };
    let place = if info.namespaced { "/namespaces/{namespace}" } else { "" };
    let parameter = |name: &str, description: &str| json!({"name": name, "in": "query", "description": description, "schema": {"type": "string", "uniqueItems": true}});
    let writing = json!([
        parameter("dryRun", "When present, indicates that modifications should not be persisted."),
        parameter("fieldManager", "The name of who makes these changes."),
        parameter("fieldValidation", "What becomes of unknown or duplicate fields: Ignore, Warn or Strict."),
    ]);
    let operation = |action: &str, parameters: &Value| {
        json!({
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk(info), "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
        })
    };
    let none = json!([]);
    paths.insert(
        format!("{root}{place}/{}", info.plural),
        json!({
            "get": operation("list", &none), "post": operation("post", &writing),
            "delete": operation("deletecollection", &none),
        }),
    );
    paths.insert(
        format!("{root}{place}/{}/{{name}}", info.plural),
        json!({
            "get": operation("get", &none), "put": operation("put", &writing),
            "patch": operation("patch", &writing), "delete": operation("delete", &none),
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_whole() {
        for ((group, version), document) in group_versions().iter().zip(documents()) {
            let value: Value = serde_json::from_slice(&document.bytes).unwrap();
            let text = String::from_utf8_lossy(&document.bytes);
            assert!(!text.contains("$ref\":\"#/$defs"), "{group}/{version}");
            for part in text.split("#/components/schemas/").skip(1) {
                let name = part.split('"').next().unwrap();
                assert!(value["components"]["schemas"][name].is_object(), "{group}/{version} lacks {name}");
            }
        }
        let (pods, _) = (document("", "v1").unwrap(), index(&Definitions::default(), &[]));
        let super::super::Body::Bytes { bytes, .. } = pods.body else { panic!() };
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let patch = &value["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"];
        assert!(patch["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "fieldValidation"));
    }
}
