//! `/openapi/v3`: a document for each group and version, put together from the schemas of the types as they are packed.
//!
//! Always holds: a document is made at the first question and kept; its hash is that of its content.
//! Does not: serve `/openapi/v2` beyond a valid, empty document; clients of 1.27 and later read version 3.

use super::crd::{self, Definitions};
use super::discovery::{VERSION, group_versions};
use super::{Response, schema};
use crate::object::{Kind, KindInfo};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
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
    let entry = |group: &str, version: &str, hash: &str| {
        let path =
            if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let url = json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")});
        (path, url)
    };
    let built_in = group_versions().iter().zip(documents());
    let mut paths: Map<String, Value> =
        built_in.map(|((g, v), document)| entry(g, v, &document.hash)).collect();
    for (group, version) in defined.iter().filter(|place| !group_versions().contains(place)) {
        let text = crd::document(definitions, group, version).unwrap_or_default();
        paths.extend([entry(group, version, &hash(text.as_bytes()))]);
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
    let text = whole(paths, &closure(kinds.iter().map(|k| schema::type_name(*k))));
    Document { hash: hash(text.as_bytes()), bytes: Arc::from(text.into_bytes()) }
}

/// What a document is known by: the SHA-512 of its text, as the real server has it.
fn hash(text: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA512, text);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Types by full name, each as the JSON of its schema.
pub type Types = BTreeMap<Cow<'static, str>, Cow<'static, str>>;

/// A document of these paths and types.
pub fn whole(paths: Map<String, Value>, types: &Types) -> String {
    let info = json!({"title": "Kubernetes", "version": VERSION});
    let types: Vec<String> = types.iter().map(|(name, text)| format!("\"{name}\":{text}")).collect();
    let paths = Value::Object(paths);
    format!(
        "{{\"components\":{{\"schemas\":{{{}}}}},\"info\":{info},\"openapi\":\"3.0.0\",\"paths\":{paths}}}",
        types.join(",")
    )
}

/// The type of every object's metadata, and all that it refers to.
pub fn metadata_types() -> Types {
    closure(["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"])
}

/// Some types by full name, and all that they refer to.
fn closure(wanted: impl IntoIterator<Item = &'static str>) -> Types {
    // A quotation mark inside a description would have a backslash before it.
    const REFERENCE: &str = "\"$ref\":\"#/components/schemas/";
    let mut wanted: Vec<&'static str> = wanted.into_iter().collect();
    let mut found = Types::new();
    while let Some(name) = wanted.pop() {
        let Some((name, text)) = schema::text(name) else { continue };
        if found.insert(Cow::Borrowed(name), Cow::Borrowed(text)).is_none() {
            wanted.extend(text.split(REFERENCE).skip(1).filter_map(|rest| rest.split('"').next()));
        }
    }
    found
}

fn gvk(info: &KindInfo) -> Value {
    json!({"group": info.group, "version": info.version, "kind": info.kind})
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
            assert!(
                serde_json::to_vec(&value).unwrap() == *document.bytes,
                "{group}/{version} is not in order"
            );
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
