//! What the server says of itself: groups, versions, resources, `/version`, health and `OpenAPI`.

use super::{Body, Response, schema};
use crate::object::{Kind, KindInfo};
use serde_json::{Value, json};

/// The Kubernetes version that is simulated.
pub const VERSION: &str = "v1.36.2";

/// Every served group and version, in the order that a real server lists them.
const GROUPS: &[(&str, &str)] = &[
    ("", "v1"),
    ("apps", "v1"),
    ("events.k8s.io", "v1"),
    ("authentication.k8s.io", "v1"),
    ("authorization.k8s.io", "v1"),
    ("autoscaling", "v2"),
    ("batch", "v1"),
    ("networking.k8s.io", "v1"),
    ("policy", "v1"),
    ("rbac.authorization.k8s.io", "v1"),
    ("storage.k8s.io", "v1"),
    ("apiextensions.k8s.io", "v1"),
    ("scheduling.k8s.io", "v1"),
    ("coordination.k8s.io", "v1"),
    ("node.k8s.io", "v1"),
    ("discovery.k8s.io", "v1"),
];

/// Serves a path that is about the server itself. `None` for any other.
pub fn serve(path: &str) -> Option<Response> {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    let value = match segments.as_slice() {
        [] => {
            json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]})
        }
        ["healthz" | "livez" | "readyz", ..] => {
            return Some(Response { status: 200, warnings: Vec::new(), body: Body::Text("ok".to_owned()) });
        }
        ["version"] => version(),
        ["api"] => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "192.168.0.10:6443"}],
        }),
        ["apis"] => {
            let groups: Vec<Value> = GROUPS.iter().filter(|g| !g.0.is_empty()).map(|g| group(*g)).collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        ["apis", name] => group(*GROUPS.iter().find(|g| g.0 == *name)?),
        ["api", version] => resources("", version)?,
        ["apis", group, version] => resources(group, version)?,
        ["openapi", "v3"] => openapi_index(),
        ["openapi", "v3", "api", version] => openapi("", version)?,
        ["openapi", "v3", "apis", group, version] => openapi(group, version)?,
        _ => return None,
    };
    Some(Response::ok(value))
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": VERSION,
        "gitTreeState": "clean", "compiler": "gc", "platform": "linux/amd64",
    })
}

fn group((name, version): (&str, &str)) -> Value {
    let served = json!({"groupVersion": format!("{name}/{version}"), "version": version});
    json!({"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [served], "preferredVersion": served})
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn resources(group: &str, version: &str) -> Option<Value> {
    if !GROUPS.contains(&(group, version)) {
        return None;
    }
    let mut list: Vec<Value> = Vec::new();
    let mut kinds: Vec<&KindInfo> = Kind::ALL
        .iter()
        .map(|k| k.info())
        .filter(|i| {
            (i.group == group && i.version == version) || (group == "events.k8s.io" && i.kind == "Event")
        })
        .collect();
    kinds.sort_by_key(|i| i.plural);
    for info in kinds {
        list.push(resource(info));
        for sub in info.subresources {
            list.push(subresource(info, sub));
        }
    }
    list.extend(reviews(group));
    list.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let kind = "APIResourceList";
    Some(
        json!({"kind": kind, "apiVersion": "v1", "groupVersion": group_version(group, version), "resources": list}),
    )
}

fn resource(info: &KindInfo) -> Value {
    let mut verbs = vec!["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    if info.kind == "Namespace" {
        verbs.retain(|v| *v != "deletecollection");
    }
    let mut value = json!({
        "name": info.plural, "singularName": info.singular, "namespaced": info.namespaced, "kind": info.kind,
        "verbs": verbs,
    });
    if !info.short.is_empty() {
        value["shortNames"] = json!(info.short);
    }
    if !info.categories.is_empty() {
        value["categories"] = json!(info.categories);
    }
    value
}

fn subresource(info: &KindInfo, sub: &str) -> Value {
    let (kind, group_version): (&str, Option<(&str, &str)>) = match sub {
        "scale" => ("Scale", Some(("autoscaling", "v1"))),
        "eviction" => ("Eviction", Some(("policy", "v1"))),
        "binding" => ("Binding", None),
        "token" => ("TokenRequest", Some(("authentication.k8s.io", "v1"))),
        "exec" => ("PodExecOptions", None),
        "attach" => ("PodAttachOptions", None),
        _ => (info.kind, None),
    };
    let verbs: &[&str] = match sub {
        "eviction" | "binding" | "token" => &["create"],
        "exec" | "attach" => &["create", "get"],
        "log" => &["get"],
        "finalize" => &["update"],
        _ => &["get", "patch", "update"],
    };
    let mut value = json!({
        "name": format!("{}/{sub}", info.plural), "singularName": "", "namespaced": info.namespaced, "kind": kind,
        "verbs": verbs,
    });
    if let Some((group, version)) = group_version {
        value["group"] = json!(group);
        value["version"] = json!(version);
    }
    value
}

/// Resources that only answer questions.
fn reviews(group: &str) -> Vec<Value> {
    let review = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind, "verbs": ["create"]});
    match group {
        "authentication.k8s.io" => vec![
            review("selfsubjectreviews", "SelfSubjectReview", false),
            review("tokenreviews", "TokenReview", false),
        ],
        "authorization.k8s.io" => vec![
            review("localsubjectaccessreviews", "LocalSubjectAccessReview", true),
            review("selfsubjectaccessreviews", "SelfSubjectAccessReview", false),
            review("selfsubjectrulesreviews", "SelfSubjectRulesReview", false),
            review("subjectaccessreviews", "SubjectAccessReview", false),
        ],
        _ => Vec::new(),
    }
}

fn openapi_index() -> Value {
    let path = |(group, version): &(&str, &str)| {
        let path =
            if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let url = json!({"serverRelativeURL": format!("/openapi/v3/{path}")});
        (path, url)
    };
    json!({"paths": GROUPS.iter().map(path).collect::<serde_json::Map<String, Value>>()})
}

fn openapi(group: &str, version: &str) -> Option<Value> {
    GROUPS.contains(&(group, version)).then(|| {
        json!({
            "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": VERSION}, "paths": {},
            "components": schema::components(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_discovered() {
        for kind in Kind::ALL {
            let info = kind.info();
            let list = resources(info.group, info.version).unwrap();
            let found = list["resources"].as_array().unwrap().iter().any(|r| r["name"] == info.plural);
            assert!(found, "{kind:?}");
        }
    }
}
