//! What a request asks to do: verb and resource, or verb and path.
//!
//! Always holds: the texts are the request's own; nothing is looked up.

use crate::apiserver::{Method, Request};

/// What is to be authorised. Without a resource it is about a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// `get`, `list`, `create`, …
    pub verb: &'a str,
    /// Empty for what has none, and for all namespaces.
    pub namespace: &'a str,
    /// API group; empty for core.
    pub group: &'a str,
    /// API version.
    pub version: &'a str,
    /// `pods`; empty for a path.
    pub resource: &'a str,
    /// `log`, `status`, …
    pub subresource: &'a str,
    /// The object's name; empty for a collection.
    pub name: &'a str,
    /// The path of a request that is about no resource.
    pub path: &'a str,
}

impl<'a> Attributes<'a> {
    /// What a request asks.
    pub fn of(request: &'a Request) -> Self {
        let path = request.path.as_str();
        let mut rest = path.split('/').filter(|s| !s.is_empty());
        let (group, version) = match (rest.next(), rest.next()) {
            (Some("api"), Some(version)) => ("", version),
            (Some("apis"), Some(group)) => (group, rest.next().unwrap_or("")),
            _ => return Self { verb: http_verb(request.method), path, ..Self::default() },
        };
        let parts: Vec<&str> = rest.take(6).collect();
        let (namespace, parts) = match parts.as_slice() {
            [] => return Self { verb: http_verb(request.method), path, ..Self::default() },
            ["namespaces", name, "status" | "finalize", ..] => (*name, &parts[..]),
            ["namespaces", namespace, _, ..] => (*namespace, &parts[2..]),
            ["namespaces", name] => (*name, &parts[..]),
            _ => ("", &parts[..]),
        };
        let at = |index: usize| parts.get(index).copied().unwrap_or("");
        let (resource, mut name, subresource) = (at(0), at(1), at(2));
        let verb = match request.method {
            Method::Post => "create",
            Method::Put => "update",
            Method::Patch => "patch",
            Method::Delete if name.is_empty() => "deletecollection",
            Method::Delete => "delete",
            Method::Get => {
                let asked = request.flag("watch");
                let one = name.is_empty().then(|| named_by_selector(request)).flatten();
                let verb = match (asked, name.is_empty()) {
                    (true, _) => "watch",
                    (false, true) => "list",
                    (false, false) => "get",
                };
                name = one.unwrap_or(name);
                verb
            }
        };
        Self { verb, namespace, group, version, resource, subresource, name, path }
    }

    /// Whether it is about a resource.
    pub fn is_resource(&self) -> bool {
        !self.resource.is_empty()
    }

    /// `pods`, or `pods/log`.
    pub fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

fn http_verb(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
    }
}

/// The name that `fieldSelector=metadata.name=x` asks for: such a list is a question about one object.
fn named_by_selector(request: &Request) -> Option<&str> {
    let selector = request.query_value("fieldSelector")?;
    let name = selector.split(',').find_map(|s| s.strip_prefix("metadata.name="))?;
    Some(name.trim_start_matches('=')).filter(|n| !n.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_paths_ask() {
        let show = |method: Method, path: &str, query: &[(&str, &str)]| {
            let mut request = Request { method, ..Request::get(path) };
            for (key, value) in query {
                request = request.param(key, *value);
            }
            let a = Attributes::of(&request);
            if a.is_resource() {
                format!("{} {}:{} {}/{}", a.verb, a.group, a.full_resource(), a.namespace, a.name)
            } else {
                format!("{} {}", a.verb, a.path)
            }
        };
        for (method, path, query, expected) in [
            (Method::Get, "/api/v1/namespaces/d/pods/web", &[][..], "get :pods d/web"),
            (Method::Get, "/api/v1/namespaces/d/pods", &[], "list :pods d/"),
            (Method::Get, "/api/v1/pods", &[("watch", "true")], "watch :pods /"),
            (
                Method::Get,
                "/api/v1/namespaces/d/pods",
                &[("fieldSelector", "metadata.name=web")],
                "list :pods d/web",
            ),
            (Method::Post, "/api/v1/namespaces/d/pods/web/eviction", &[], "create :pods/eviction d/web"),
            (
                Method::Delete,
                "/apis/apps/v1/namespaces/d/deployments",
                &[],
                "deletecollection apps:deployments d/",
            ),
            (Method::Get, "/api/v1/namespaces/d", &[], "get :namespaces d/d"),
            (Method::Put, "/api/v1/namespaces/d/finalize", &[], "update :namespaces/finalize d/d"),
            (Method::Get, "/api/v1/namespaces", &[], "list :namespaces /"),
            (Method::Get, "/api/v1", &[], "get /api/v1"),
            (Method::Get, "/apis/apps/v1", &[], "get /apis/apps/v1"),
            (Method::Get, "/healthz", &[], "get /healthz"),
            (
                Method::Post,
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                &[],
                "create authorization.k8s.io:selfsubjectaccessreviews /",
            ),
        ] {
            assert_eq!(show(method, path, query), expected, "{path}");
        }
    }
}
