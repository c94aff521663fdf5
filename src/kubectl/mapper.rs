//! Which resources the server has, learned by discovery, and what people call them (`RESTMapper`).
//!
//! Always holds: everything here was told by the server, so that custom resources are as known as Pods.

use super::call::Call;
use super::errors::{Failure, Outcome};
use crate::apiserver::Request;
use serde_json::Value;

/// A resource of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Empty for core.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `Deployment`.
    pub kind: String,
    /// `deployments`.
    pub plural: String,
    /// `deployment`.
    pub singular: String,
    /// `deploy`.
    pub short: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// `all`.
    pub categories: Vec<String>,
    /// `get`, `list`, …
    pub verbs: Vec<String>,
    /// `status`, `scale`, …
    pub subresources: Vec<String>,
}

impl Mapping {
    /// `apps/v1`, or `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, or `pods`.
    pub fn resource(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `deployment.apps`, or `pod`: what stands before the slash when kubectl names an object.
    pub fn singular_resource(&self) -> String {
        qualified(&self.kind.to_lowercase(), &self.group)
    }

    /// `deployment.apps/web`.
    pub fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.singular_resource())
    }

    /// The path of its list in a namespace (`None` for all, and for what has no namespace).
    pub fn list_path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        match namespace.filter(|n| self.namespaced && !n.is_empty()) {
            Some(namespace) => {
                format!("{root}/{}/namespaces/{namespace}/{}", self.api_version(), self.plural)
            }
            None => format!("{root}/{}/{}", self.api_version(), self.plural),
        }
    }

    /// The path of an object.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.list_path(Some(namespace)))
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

/// All resources of the server, in the order of discovery: groups by preference, resources by name.
#[derive(Clone, Debug, Default)]
pub struct Mapper {
    /// One entry a resource of each served version.
    pub mappings: Vec<Mapping>,
}

impl Mapper {
    /// Asks the server.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn discover(call: &Call) -> Outcome<Self> {
        let mut mapper = Self::default();
        mapper.add(&call.request(Request::get("/api/v1")).await?);
        let groups = call.request(Request::get("/apis")).await?;
        for group in groups["groups"].as_array().into_iter().flatten() {
            for version in group["versions"].as_array().into_iter().flatten() {
                let Some(name) = version["groupVersion"].as_str() else { continue };
                let list = call.request(Request::get(format!("/apis/{name}"))).await?;
                mapper.add(&list);
            }
        }
        Ok(mapper)
    }

    fn add(&mut self, list: &Value) {
        let (group, version) = split_api_version(list["groupVersion"].as_str().unwrap_or("v1"));
        let strings = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        let resources = list["resources"].as_array().map_or(&[][..], Vec::as_slice);
        let text = |r: &Value, key: &str| r[key].as_str().unwrap_or("").to_owned();
        let mut found: Vec<Mapping> = Vec::new();
        for resource in resources {
            let name = text(resource, "name");
            if name.contains('/') {
                continue;
            }
            let kind = text(resource, "kind");
            let singular = text(resource, "singularName");
            let own = format!("{name}/");
            let subresources = resources.iter().filter_map(|r| r["name"].as_str()?.strip_prefix(&own));
            found.push(Mapping {
                group: group.to_owned(),
                version: version.to_owned(),
                singular: if singular.is_empty() { kind.to_lowercase() } else { singular },
                kind,
                short: strings(&resource["shortNames"]),
                namespaced: resource["namespaced"].as_bool().unwrap_or(false),
                categories: strings(&resource["categories"]),
                verbs: strings(&resource["verbs"]),
                subresources: subresources.map(str::to_owned).collect(),
                plural: name,
            });
        }
        found.sort_by(|a, b| a.plural.cmp(&b.plural));
        self.mappings.extend(found);
    }

    /// The resource that an argument names: `pods`, `po`, `Pod`, `deploy.apps`, `deployments.v1.apps`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, argument: &str) -> Outcome<&Mapping> {
        let lower = argument.to_lowercase();
        let mut parts = lower.splitn(3, '.');
        let (name, second, third) = (parts.next().unwrap_or(""), parts.next(), parts.next());
        let short = |m: &Mapping| m.short.iter().any(|s| s == name);
        let called =
            |m: &Mapping| m.plural == name || m.singular == name || m.kind.to_lowercase() == name || short(m);
        let rest = lower.split_once('.').map_or("", |(_, rest)| rest);
        let group = |m: &Mapping| rest.is_empty() || m.group == rest || (m.group.starts_with(rest));
        // A short name loses the version that is asked for, in the real one too: it stands for the preferred one.
        let full = |m: &Mapping| {
            third.is_some()
                && (short(m) || Some(m.version.as_str()) == second)
                && Some(m.group.as_str()) == third
        };
        let core = |m: &Mapping| m.group.is_empty() && Some(m.version.as_str()) == second && third.is_none();
        let exact = self.mappings.iter().find(|m| called(m) && (full(m) || core(m)));
        let found = exact.or_else(|| self.mappings.iter().find(|m| called(m) && group(m)));
        let shown = argument.split('.').next().unwrap_or("");
        found.ok_or_else(|| Failure::new(format!("the server doesn't have a resource type \"{shown}\"")))
    }

    /// The resource of `apiVersion` and `kind`.
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<&Mapping> {
        self.mappings.iter().find(|m| m.kind == kind && m.api_version() == api_version)
    }

    /// The resource of `group` and `kind` in any version.
    pub fn of_group_kind(&self, group: &str, kind: &str) -> Option<&Mapping> {
        self.mappings.iter().find(|m| m.kind == kind && m.group == group)
    }

    /// Every resource once, in the version that its group prefers.
    pub fn preferred(&self) -> impl Iterator<Item = &Mapping> {
        let mut seen = std::collections::BTreeSet::new();
        self.mappings.iter().filter(move |m| seen.insert((&m.group, &m.plural)))
    }

    /// The resources of a category, as `all`.
    pub fn category(&self, name: &str) -> Vec<&Mapping> {
        self.preferred().filter(|m| m.categories.iter().any(|c| c == name)).collect()
    }
}

/// `apps/v1` → `("apps", "v1")`; `v1` → `("", "v1")`.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}
