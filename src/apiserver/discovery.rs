//! What the server says of itself: groups, versions, resources, `/version`, health and `OpenAPI`.

use super::crd::Definitions;
use super::{Accept, Request, Response, health, openapi};
use crate::object::{KindInfo, KindTable};
use serde_json::{Value, json};

/// The Kubernetes version that is simulated.
pub const VERSION: &str = "v1.36.2";

/// Every served group and version, in the order that a real server lists them.
const GROUPS: &[(&str, &str)] = &[
    ("", "v1"),
    ("apiregistration.k8s.io", "v1"),
    ("apps", "v1"),
    ("events.k8s.io", "v1"),
    ("authentication.k8s.io", "v1"),
    ("authorization.k8s.io", "v1"),
    ("autoscaling", "v2"),
    ("autoscaling", "v1"),
    ("batch", "v1"),
    ("certificates.k8s.io", "v1"),
    ("networking.k8s.io", "v1"),
    ("policy", "v1"),
    ("rbac.authorization.k8s.io", "v1"),
    ("storage.k8s.io", "v1"),
    ("admissionregistration.k8s.io", "v1"),
    ("apiextensions.k8s.io", "v1"),
    ("scheduling.k8s.io", "v1"),
    ("coordination.k8s.io", "v1"),
    ("node.k8s.io", "v1"),
    ("discovery.k8s.io", "v1"),
    ("resource.k8s.io", "v1"),
    ("flowcontrol.apiserver.k8s.io", "v1"),
];

/// Serves a path that is about the server itself. `None` for any other.
pub fn serve(request: &Request, kinds: &KindTable, definitions: &Definitions) -> Option<Response> {
    let served = Served::new(kinds);
    let segments: Vec<&str> = request.path.split('/').filter(|s| !s.is_empty()).collect();
    let value = match (segments.as_slice(), request.accept) {
        ([], _) => {
            json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]})
        }
        (["healthz" | "livez" | "readyz", ..], _) => return health::serve(request),
        (["version"], _) => version(),
        (["api"], Accept::Discovery(version)) => served.aggregated(version, str::is_empty),
        (["apis"], Accept::Discovery(version)) => served.aggregated(version, |g| !g.is_empty()),
        (["api"], _) => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "192.168.0.10:6443"}],
        }),
        (["apis"], _) => {
            let names = served.group_names().into_iter().filter(|g| !g.is_empty());
            let groups: Vec<Value> = names.map(|name| served.group(name)).collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        (["apis", name], _) => {
            let mut value = served.group(served.group_names().into_iter().find(|g| g == name)?);
            value["kind"] = json!("APIGroup");
            value["apiVersion"] = json!("v1");
            value
        }
        (["api", version], _) => served.resources("", version)?,
        (["apis", group, version], _) => served.resources(group, version)?,
        (["openapi", "v2"], _) => return Some(openapi::version_2()),
        (["openapi", "v3"], _) => return Some(openapi::index(definitions, &served.versions)),
        (["openapi", "v3", "api", version], _) => return openapi::document(definitions, "", version),
        (["openapi", "v3", "apis", group, version], _) => {
            return openapi::document(definitions, group, version);
        }
        _ => return None,
    };
    Some(Response::ok(value))
}

/// Every served group and version, in the order that a real server lists them.
pub fn group_versions() -> &'static [(&'static str, &'static str)] {
    GROUPS
}

/// What a cluster serves: the built-in groups and kinds, and those that were defined.
struct Served<'a> {
    kinds: &'a KindTable,
    versions: Vec<(&'static str, &'static str)>,
}

/// Puts stable versions before beta ones, those before alpha ones, and greater numbers first.
fn version_order(version: &str) -> (u8, std::cmp::Reverse<(u32, u32)>) {
    let rest = version.trim_start_matches('v');
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let staged = |stage: &str| rest.split_once(stage).map(|(major, minor)| (number(major), number(minor)));
    let (stage, numbers) = match (staged("beta"), staged("alpha")) {
        (Some(numbers), _) => (1, numbers),
        (_, Some(numbers)) => (2, numbers),
        _ => (0, (number(rest), 0)),
    };
    (stage, std::cmp::Reverse(numbers))
}

impl<'a> Served<'a> {
    fn new(kinds: &'a KindTable) -> Self {
        let mut versions = GROUPS.to_vec();
        let mut defined: Vec<(&str, &str)> =
            kinds.defined().map(|k| (k.info().group, k.info().version)).collect();
        defined.sort_by_key(|(group, version)| (*group, version_order(version)));
        defined.dedup();
        versions.extend(defined.into_iter().filter(|place| !GROUPS.contains(place)));
        Self { kinds, versions }
    }

    /// The groups, each once.
    fn group_names(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.versions {
            if !names.contains(name) {
                names.push(name);
            }
        }
        names
    }

    /// The versions of a group, the preferred one first.
    fn versions_of(&self, group: &str) -> impl Iterator<Item = &'static str> {
        self.versions.iter().filter(move |(name, _)| *name == group).map(|(_, version)| *version)
    }

    fn group(&self, name: &str) -> Value {
        let served: Vec<Value> = self
            .versions_of(name)
            .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
            .collect();
        json!({"name": name, "versions": served, "preferredVersion": served.first()})
    }

    /// The aggregated discovery of some groups (`apidiscovery.k8s.io`).
    fn aggregated(&self, version: &str, wanted: impl Fn(&str) -> bool) -> Value {
        let groups = self.group_names().into_iter().filter(|g| wanted(g)).map(|name| {
            let versions: Vec<Value> = self
                .versions_of(name)
                .map(|version| {
                    let resources = self.aggregated_resources(name, version);
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let mut metadata = json!({});
            if !name.is_empty() {
                metadata["name"] = json!(name);
            }
            json!({"metadata": metadata, "versions": versions})
        });
        json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"), "metadata": {},
            "items": groups.collect::<Vec<Value>>(),
        })
    }

    /// The resources of a version as aggregated discovery shows them: subresources stand inside their resource.
    fn aggregated_resources(&self, group: &str, version: &str) -> Vec<Value> {
        let list = self.resources(group, version).unwrap_or_default();
        let all = list["resources"].as_array().cloned().unwrap_or_default();
        let kind = |r: &Value| {
            let own = |key: &str, default: &str| r[key].as_str().unwrap_or(default).to_owned();
            json!({"group": own("group", group), "version": own("version", version), "kind": r["kind"]})
        };
        let mut found: Vec<Value> = Vec::new();
        for resource in &all {
            let name = resource["name"].as_str().unwrap_or("");
            if let Some((owner, sub)) = name.split_once('/') {
                let owner = found.iter_mut().find(|r| r["resource"] == owner);
                let sub =
                    json!({"subresource": sub, "responseKind": kind(resource), "verbs": resource["verbs"]});
                if let Some(list) = owner.and_then(|o| o["subresources"].as_array_mut()) {
                    list.push(sub);
                }
                continue;
            }
            let scope = if resource["namespaced"] == true { "Namespaced" } else { "Cluster" };
            let mut entry = json!({
                "resource": name, "responseKind": kind(resource), "scope": scope,
                "singularResource": resource["singularName"], "verbs": resource["verbs"], "subresources": [],
            });
            for key in ["shortNames", "categories"] {
                if resource[key].is_array() {
                    entry[key] = resource[key].clone();
                }
            }
            found.push(entry);
        }
        for entry in &mut found {
            if entry["subresources"].as_array().is_some_and(Vec::is_empty) {
                entry.as_object_mut().map(|e| e.remove("subresources"));
            }
        }
        found
    }

    fn resources(&self, group: &str, version: &str) -> Option<Value> {
        if !self.versions.contains(&(group, version)) {
            return None;
        }
        let mut list: Vec<Value> = Vec::new();
        let mut kinds: Vec<&KindInfo> = self
            .kinds
            .all()
            .map(crate::object::Kind::info)
            .filter(|i| i.group == group && i.version == version)
            .collect();
        kinds.sort_by_key(|i| i.plural);
        list.extend(kinds.into_iter().flat_map(resources));
        list.extend(reviews(group));
        list.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
        let kind = "APIResourceList";
        Some(
            json!({"kind": kind, "apiVersion": "v1", "groupVersion": group_version(group, version), "resources": list}),
        )
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": VERSION,
        "gitTreeState": "clean", "compiler": "gc", "platform": "linux/amd64",
    })
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// The resource of a kind and its subresources, as discovery shows them.
pub fn resources(info: &KindInfo) -> Vec<Value> {
    let subresources = info.subresources.iter().map(|sub| subresource(info, sub));
    std::iter::once(resource(info)).chain(subresources).collect()
}

fn resource(info: &KindInfo) -> Value {
    let mut verbs = vec!["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    if info.group == super::aggregation::GROUP || info.kind == "ComponentStatus" {
        verbs = vec!["get", "list"];
    }
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
        "portforward" => ("PodPortForwardOptions", None),
        _ => (info.kind, None),
    };
    let verbs: &[&str] = match sub {
        "eviction" | "binding" | "token" => &["create"],
        "exec" | "attach" | "portforward" => &["create", "get"],
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
pub fn reviews(group: &str) -> Vec<Value> {
    let review = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind, "verbs": ["create"]});
    match group {
        "" => vec![review("bindings", "Binding", true)],
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Kind;

    #[test]
    fn every_kind_is_discovered() {
        let kinds = KindTable::default();
        let served = Served::new(&kinds);
        for kind in Kind::all_served() {
            let info = kind.info();
            let list = served.resources(info.group, info.version).unwrap();
            let found = list["resources"].as_array().unwrap().iter().any(|r| r["name"] == info.plural);
            assert!(found, "{kind:?}");
        }
    }

    #[test]
    fn aggregated_discovery_shows_the_same() {
        let kinds = KindTable::default();
        let served = Served::new(&kinds);
        for (path, accept) in [("/api", "v2"), ("/apis", "v2"), ("/apis", "v2beta1")] {
            let request = Request { accept: Accept::Discovery(accept), ..Request::get(path) };
            let answer = serve(&request, &kinds, &Definitions::default()).unwrap();
            for group in answer.value()["items"].as_array().unwrap() {
                let name = group["metadata"]["name"].as_str().unwrap_or("");
                for version in group["versions"].as_array().unwrap() {
                    let legacy = served.resources(name, version["version"].as_str().unwrap()).unwrap();
                    let shown: usize = version["resources"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|r| 1 + r["subresources"].as_array().map_or(0, Vec::len))
                        .sum();
                    assert_eq!(shown, legacy["resources"].as_array().unwrap().len(), "{name}");
                }
            }
        }
    }
}
