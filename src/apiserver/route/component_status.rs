//! `ComponentStatus`: whether the control plane's components answer. Deprecated since 1.19, and never stored.

use super::{Filter, Target, method_not_allowed, respond};
use crate::apiserver::{ApiError, ApiServer, Method, Request, Response};
use crate::object::{Kind, Object, Pod, meta::MetaExt};
use serde_json::json;

/// The warning that every request for it is answered with.
const DEPRECATED: &str = "v1 ComponentStatus is deprecated in v1.19+";

/// The components: their names here, their static pods' label, and where they are asked.
const COMPONENTS: &[(&str, &str, &str)] = &[
    ("controller-manager", "kube-controller-manager", "https://127.0.0.1:10257/healthz"),
    ("scheduler", "kube-scheduler", "https://127.0.0.1:10259/healthz"),
    ("etcd-0", "etcd", "https://127.0.0.1:2379/health"),
];

/// Whether it is the kind.
pub fn is(kind: Kind) -> bool {
    matches!(kind, Kind::Dynamic(kind) if kind.info().kind == "ComponentStatus" && kind.info().group.is_empty())
}

impl ApiServer {
    /// Serves the components: they can be asked for, and nothing else.
    pub(super) fn component_status(&self, request: &Request, target: &Target) -> Result<Response, ApiError> {
        if request.method != Method::Get || request.query_value("watch").is_some() {
            return Err(method_not_allowed());
        }
        let filter = Filter::of(request, target)?;
        let mut found = self.components(target.kind);
        found.retain(|component| filter.matches(component));
        let value = match &target.name {
            None => self.collection(request, target, &found, json!({})),
            Some(name) => match found.first() {
                Some(component) => respond(self, request, target.kind, component),
                None => return Err(ApiError::not_found(target.kind, name)),
            },
        };
        Ok(Response { warnings: vec![DEPRECATED.to_owned()], ..Response::ok(value) })
    }

    /// The components as they are now: one answers while a static pod of its is ready.
    fn components(&self, kind: Kind) -> Vec<Object> {
        let of = |(name, component, url): &(&str, &str, &str)| {
            let answers = self.store.all_in::<Pod>("kube-system").any(|pod| {
                let ready =
                    pod.status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
                ready && pod.label("component") == Some(component)
            });
            let host = url.trim_start_matches("https://").split('/').next().unwrap_or("");
            let condition = if answers {
                json!({"type": "Healthy", "status": "True", "message": "ok"})
            } else {
                let why = format!("Get \"{url}\": dial tcp {host}: connect: connection refused");
                json!({"type": "Healthy", "status": "False", "message": why})
            };
            Object::from_value(kind, json!({"metadata": {"name": name}, "conditions": [condition]})).ok()
        };
        COMPONENTS.iter().filter_map(of).collect()
    }
}
