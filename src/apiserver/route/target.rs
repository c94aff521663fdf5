//! Paths: from `/apis/apps/v1/namespaces/default/deployments/web/scale` to what it names.

use crate::object::{Kind, KindTable, ObjectKey};

/// What a path names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The kind that is stored.
    pub kind: Kind,
    /// It, in the version that is asked for.
    pub asked: Kind,
    /// The namespace of the path; empty for cluster-scoped kinds and lists over all namespaces.
    pub namespace: String,
    /// The object; `None` for the collection.
    pub name: Option<String>,
    /// `status`, `scale`, …
    pub subresource: Option<String>,
}

impl Target {
    /// Reads a path below `/api` or `/apis`. `None` when nothing is served there.
    pub fn parse(kinds: &KindTable, path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", _, "status" | "finalize"] => ("", rest),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            _ => ("", rest),
        };
        let (plural, rest) = rest.split_first()?;
        let asked = kinds.find_resource(group, version, plural)?;
        let kind = asked.stored();
        if !namespace.is_empty() && !kind.info().namespaced {
            return None;
        }
        let (name, subresource) = match rest {
            [] => (None, None),
            [name] => (Some((*name).to_owned()), None),
            [name, sub] if kind.info().subresources.contains(sub) => {
                (Some((*name).to_owned()), Some((*sub).to_owned()))
            }
            _ => return None,
        };
        if name.is_some() && kind.info().namespaced && namespace.is_empty() {
            return None;
        }
        Some(Self { kind, asked, namespace: namespace.to_owned(), name, subresource })
    }

    /// Whether it is the collection of a namespaced kind without a namespace.
    pub fn is_across_namespaces(&self) -> bool {
        self.name.is_none() && self.namespace.is_empty() && self.kind.info().namespaced
    }

    /// The key of the object that the path names.
    pub fn key(&self) -> Option<ObjectKey> {
        Some(ObjectKey::new(self.kind, self.namespace.as_str(), self.name.as_deref()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let show = |path: &str| {
            Target::parse(&KindTable::default(), path).map(|t| {
                format!(
                    "{:?} {} {} {}",
                    t.kind,
                    t.namespace,
                    t.name.unwrap_or_default(),
                    t.subresource.unwrap_or_default()
                )
            })
        };
        for (path, expected) in [
            ("/api/v1/namespaces/default/pods/web", Some("Pod default web ")),
            ("/api/v1/pods", Some("Pod   ")),
            ("/api/v1/namespaces/dev", Some("Namespace  dev ")),
            ("/api/v1/namespaces/dev/finalize", Some("Namespace  dev finalize")),
            ("/api/v1/namespaces/dev/pods/web/eviction", Some("Pod dev web eviction")),
            ("/apis/apps/v1/namespaces/d/deployments/web/scale", Some("Deployment d web scale")),
            (
                "/apis/autoscaling/v1/namespaces/d/horizontalpodautoscalers/web",
                Some("HorizontalPodAutoscaler d web "),
            ),
            ("/apis/events.k8s.io/v1/events", Some("Event   ")),
            ("/apis/apps/v1/deployments/web", None),
            ("/apis/apps/v2/deployments", None),
            ("/api/v1/namespaces/d/nodes", None),
            ("/api", None),
        ] {
            assert_eq!(show(path).as_deref(), expected, "{path}");
        }
    }
}
