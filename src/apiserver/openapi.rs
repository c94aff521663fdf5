//! `/openapi/v3`: a document for each group and version, put together from the schemas of the types as they are packed.
//!
//! Always holds: a document is made at the first question and kept; its hash is that of its content.
//! Does not: serve `/openapi/v2` beyond a valid, empty document; clients of 1.27 and later read version 3.

use super::crd::{self, Definitions};
use super::discovery::{self, VERSION, group_versions};
use super::{Body, Response, schema};
use crate::object::{Kind, KindInfo};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The `Content-Type` of `/openapi/v2` in protobuf: the only form that clients ask for.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// A document, ready to be sent, and what it is known by.
#[derive(Clone, Debug)]
struct Document {
    bytes: Arc<[u8]>,
    hash: Arc<str>,
}

impl Document {
    /// The hash is the SHA-512 of the text, as the real server has it.
    fn new(text: String) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA512, text.as_bytes());
        let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        Self { bytes: text.into_bytes().into(), hash: hash.into() }
    }

    fn send(self, media_type: &'static str) -> Response {
        Response::document(media_type, self.bytes, self.hash)
    }
}

/// `/openapi/v3`: where the documents are.
pub fn index(definitions: &Definitions, served: &[(&'static str, &'static str)]) -> Response {
    let mut paths = Map::new();
    for (group, version) in served {
        let Some(document) = find(definitions, group, version) else { continue };
        let path =
            if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let url = format!("/openapi/v3/{path}?hash={}", document.hash);
        paths.insert(path, json!({"serverRelativeURL": url}));
    }
    Document::new(json!({"paths": paths}).to_string()).send("application/json")
}

/// The document of a group and version.
pub fn document(definitions: &Definitions, group: &str, version: &str) -> Option<Response> {
    find(definitions, group, version).map(|document| document.send("application/json"))
}

fn find(definitions: &Definitions, group: &str, version: &str) -> Option<Document> {
    static DOCUMENTS: OnceLock<Vec<Document>> = OnceLock::new();
    match group_versions().iter().position(|served| *served == (group, version)) {
        Some(place) => {
            let build = || group_versions().iter().map(|(g, v)| Document::new(text(g, v))).collect();
            DOCUMENTS.get_or_init(build).get(place).cloned()
        }
        None => crd::document(definitions, group, version).map(Document::new),
    }
}

/// `/openapi/v2`: a valid document that describes nothing. Its fields are `swagger` (1) and `info` (2: `title` 1,
/// `version` 2), and `paths` (8).
pub fn version_2() -> Response {
    let text = |field: u8, text: &str| [&[field << 3 | 2, text.len() as u8], text.as_bytes()].concat();
    let info = [text(1, "Kubernetes"), text(2, VERSION)].concat();
    let bytes = [text(1, "2.0"), vec![2 << 3 | 2, info.len() as u8], info, vec![8 << 3 | 2, 0]].concat();
    Response {
        status: 200,
        warnings: Vec::new(),
        body: Body::Bytes { media_type: PROTOBUF, bytes: bytes.into(), tag: None },
    }
}

fn text(group: &str, version: &str) -> String {
    let kinds: Vec<Kind> =
        Kind::all_served().filter(|k| (k.info().group, k.info().version) == (group, version)).collect();
    let mut paths = Map::new();
    for kind in &kinds {
        add_paths(&mut paths, kind.info(), true);
    }
    for review in discovery::reviews(group) {
        add_path(&mut paths, (group, version), &review, None);
    }
    whole(paths, closure(kinds.iter().map(|k| schema::type_name(*k))))
}

/// Types by full name, each as the JSON of its schema.
pub type Types = BTreeMap<Cow<'static, str>, Cow<'static, str>>;

/// A document of these paths and types.
pub fn whole(paths: Map<String, Value>, mut types: Types) -> String {
    types.insert(Cow::Borrowed(PATCH), Cow::Borrowed("{\"type\":\"object\"}"));
    let types: Vec<String> = types.iter().map(|(name, text)| format!("\"{name}\":{text}")).collect();
    let (info, paths) = (json!({"title": "Kubernetes", "version": VERSION}), Value::Object(paths));
    format!(
        "{{\"components\":{{\"schemas\":{{{}}}}},\"info\":{info},\"openapi\":\"3.0.0\",\"paths\":{paths}}}",
        types.join(",")
    )
}

/// The type of every object's metadata, and all that it refers to.
pub fn metadata_types() -> Types {
    closure([schema::OBJECT_META])
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

/// The type of a patch's body: any object.
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

/// The paths of a kind, with what clients look for in them: which patches there are, and whether they know
/// `fieldValidation`. The strategic one is for kinds that are built in.
pub fn add_paths(paths: &mut Map<String, Value>, info: &KindInfo, built_in: bool) {
    let mut patches =
        vec!["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
    if built_in {
        patches.push("application/strategic-merge-patch+json");
    }
    let schema = json!({"schema": {"$ref": format!("#/components/schemas/{PATCH}")}});
    let content: Map<String, Value> = patches.iter().map(|p| ((*p).to_owned(), schema.clone())).collect();
    let body = json!({"content": content, "required": true});
    for resource in discovery::resources(info) {
        add_path(paths, (info.group, info.version), &resource, Some(&body));
    }
}

/// The paths of what discovery shows as one resource, or subresource.
fn add_path(
    paths: &mut Map<String, Value>,
    (group, version): (&str, &str),
    shown: &Value,
    patch: Option<&Value>,
) {
    let text = |key: &str| shown[key].as_str();
    let does = |verb: &str| shown["verbs"].as_array().is_some_and(|verbs| verbs.iter().any(|v| v == verb));
    let name = text("name").unwrap_or_default();
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let place = if shown["namespaced"] == true { "/namespaces/{namespace}" } else { "" };
    let parameters: Vec<Value> = WRITING
        .iter()
        .map(|(name, description)| json!({"name": name, "in": "query", "description": description, "schema": {"type": "string", "uniqueItems": true}}))
        .collect();
    let gvk = json!({
        "group": text("group").unwrap_or(group), "version": text("version").unwrap_or(version),
        "kind": shown["kind"],
    });
    let mut add = |path: String, verb: &str, method: &str, action: &str| {
        if !does(verb) {
            return;
        }
        let mut operation = json!({
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk,
            "responses": {"200": {"description": "OK"}},
        });
        if matches!(action, "post" | "put" | "patch") {
            operation["parameters"] = json!(parameters);
        }
        if let (Some(body), "patch") = (patch, action) {
            operation["requestBody"] = body.clone();
        }
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[method] = operation;
    };
    let one = match name.split_once('/') {
        Some((resource, sub)) => {
            let one = format!("{root}{place}/{resource}/{{name}}/{sub}");
            let connects = matches!(sub, "exec" | "attach" | "portforward");
            add(one.clone(), "create", "post", if connects { "connect" } else { "post" });
            add(one.clone(), "get", "get", if connects { "connect" } else { "get" });
            one
        }
        None => {
            let (all, one) = (format!("{root}{place}/{name}"), format!("{root}{place}/{name}/{{name}}"));
            if !place.is_empty() {
                add(format!("{root}/{name}"), "list", "get", "list");
            }
            add(all.clone(), "list", "get", "list");
            add(all.clone(), "create", "post", "post");
            add(all, "deletecollection", "delete", "deletecollection");
            add(one.clone(), "get", "get", "get");
            add(one.clone(), "delete", "delete", "delete");
            one
        }
    };
    add(one.clone(), "update", "put", "put");
    add(one, "patch", "patch", "patch");
}

/// What may be asked of a write.
const WRITING: &[(&str, &str)] = &[
    ("dryRun", "When present, indicates that modifications should not be persisted."),
    ("fieldManager", "The name of who makes these changes."),
    ("fieldValidation", "What becomes of unknown or duplicate fields: Ignore, Warn or Strict."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn document(group: &str, version: &str) -> Value {
        let response = super::document(&Definitions::default(), group, version).unwrap();
        let Body::Bytes { bytes, .. } = response.body else { panic!() };
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(serde_json::to_vec(&value).unwrap() == *bytes, "{group}/{version} is not in order");
        value
    }

    #[test]
    fn documents_are_whole() {
        for (group, version) in group_versions() {
            let value = document(group, version);
            let text = value.to_string();
            assert!(!text.contains("$ref\":\"#/$defs"), "{group}/{version}");
            for part in text.split("#/components/schemas/").skip(1) {
                let name = part.split('"').next().unwrap();
                assert!(value["components"]["schemas"][name].is_object(), "{group}/{version} lacks {name}");
            }
        }
    }

    #[test]
    fn paths_say_what_they_do() {
        let core = document("", "v1");
        let pod = "/api/v1/namespaces/{namespace}/pods/{name}";
        let patch = &core["paths"][pod]["patch"];
        assert!(patch["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "fieldValidation"));
        assert!(patch["requestBody"]["content"]["application/strategic-merge-patch+json"].is_object());
        for (path, method, action, kind) in [
            ("/api/v1/pods", "get", "list", "Pod"),
            ("/api/v1/namespaces/{namespace}/pods", "delete", "deletecollection", "Pod"),
            (&format!("{pod}/status"), "put", "put", "Pod"),
            (&format!("{pod}/exec"), "get", "connect", "PodExecOptions"),
            (&format!("{pod}/eviction"), "post", "post", "Eviction"),
            ("/api/v1/namespaces/{namespace}/replicationcontrollers/{name}/scale", "patch", "patch", "Scale"),
            ("/api/v1/nodes/{name}", "delete", "delete", "Node"),
        ] {
            let operation = &core["paths"][path][method];
            assert_eq!(operation["x-kubernetes-action"], action, "{path}");
            assert_eq!(operation["x-kubernetes-group-version-kind"]["kind"], kind, "{path}");
        }
        assert!(core["paths"]["/api/v1/namespaces"]["delete"].is_null());
        let reviews = document("authentication.k8s.io", "v1");
        assert!(reviews["paths"]["/apis/authentication.k8s.io/v1/tokenreviews"]["post"].is_object());
    }
}
