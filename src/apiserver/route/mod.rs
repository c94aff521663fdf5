//! Paths and verbs: from a request to the typed calls, and back to JSON.
//!
//! Always holds: every answer that is not a success is a `Status` with the real server's text; a request for a
//! part of an object (`status`, `scale`) changes no other part.
//! Does not: serve what runs on a node (`log`, `exec`, `attach`); the kubelets do.

mod component_status;
mod encode;
mod filter;
mod list_options;
mod options;
mod read;
mod subresource;
mod target;
mod watch;
mod write;

#[cfg(test)]
mod noise;
#[cfg(test)]
mod tests;

pub use filter::Filter;
pub use target::Target;
pub use watch::{Events, WatchEvent};

use super::strict::Text;
use super::{
    Accept, ApiError, ApiServer, Method, Origin, Part, Request, Response, User, decode, discovery, tables,
};
use crate::apiserver::authorization::reviews;
use crate::apiserver::store::Cause;
use crate::apiserver::tables::Rows;
use crate::object::{Kind, Object};
use serde_json::Value;

/// The warning that every request for `Endpoints` is answered with.
const ENDPOINTS_DEPRECATED: &str =
    "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

impl ApiServer {
    /// Serves one request of an authenticated user, if they may ask it.
    pub fn handle(&mut self, request: &Request, user: &User, cause: Cause) -> Response {
        match self.authorize(request, user) {
            Ok(user) => self.serve(request, &user, cause),
            Err(error) => Response::error(&error),
        }
    }

    /// Serves one request that was found to be allowed.
    pub fn serve(&mut self, request: &Request, user: &User, cause: Cause) -> Response {
        if request.method == Method::Get
            && let Some(response) = discovery::serve(request, self.store.kinds(), &self.definitions)
        {
            return response;
        }
        let origin = Origin::user(user, cause);
        self.told.clear();
        let mut response = self.route(request, user, &origin).unwrap_or_else(|error| Response::error(&error));
        response.warnings.append(&mut self.told);
        response
    }

    fn route(&mut self, request: &Request, user: &User, origin: &Origin) -> Result<Response, ApiError> {
        if let Some(answer) = reviews::serve(self, request, user) {
            return answer;
        }
        if let Some(answer) = self.bind_by_collection(request, origin) {
            return answer;
        }
        let Some(target) = Target::parse(self.store.kinds(), &request.path) else {
            return Err(ApiError::no_such_path());
        };
        options::check(request)?;
        let asked = if let Kind::Dynamic(kind) = target.asked { Some(kind) } else { None };
        let origin = &Origin { asked, ..origin.clone() };
        if component_status::is(target.kind) {
            return self.component_status(request, &target);
        }
        check_text(request, &target)?;
        let mut response = match (&target.name, target.subresource.as_deref()) {
            (Some(_), Some("status" | "finalize" | "approval")) | (_, None) => {
                self.route_object(request, &target, origin)
            }
            (Some(_), Some(subresource)) => self.subresource(request, &target, subresource, origin),
            (None, Some(_)) => Err(ApiError::no_such_path()),
        }?;
        if target.kind == crate::object::Kind::Endpoints {
            response.warnings.insert(0, ENDPOINTS_DEPRECATED.to_owned());
        }
        Ok(response)
    }

    fn route_object(
        &mut self,
        request: &Request,
        target: &Target,
        origin: &Origin,
    ) -> Result<Response, ApiError> {
        let watching = request.flag("watch");
        if request.method != Method::Get && target.is_across_namespaces() {
            // Only reading is routed across namespaces; of defined kinds not even the path is known otherwise.
            let defined = matches!(target.kind, Kind::Dynamic(_));
            return Err(if defined { ApiError::no_such_path() } else { method_not_allowed() });
        }
        match (request.method, target.name.is_some()) {
            (Method::Get, _) if watching => self.watch(request, target),
            (Method::Get, true) => self.get(request, target),
            (Method::Get, false) => self.list(request, target),
            (Method::Post, false) => self.post(request, target, origin),
            (Method::Put, true) => self.put(request, target, origin),
            (Method::Patch, true) => self.patch(request, target, origin),
            (Method::Delete, true) => self.remove(request, target, origin),
            (Method::Delete, false) => self.remove_collection(request, target, origin),
            _ => Err(method_not_allowed()),
        }
    }
}

/// Refuses a body that could not be read.
fn check_text(request: &Request, target: &Target) -> Result<(), ApiError> {
    let Text::Broken { why, .. } = &request.text else { return Ok(()) };
    match (request.method, request.content_type.as_str()) {
        (Method::Patch, "application/apply-patch+yaml") => {
            Err(ApiError::bad_request(format!("error decoding YAML: error converting YAML to JSON: {why}")))
        }
        (Method::Patch, "application/strategic-merge-patch+json") => Err(ApiError::bad_request(why)),
        (Method::Patch, _) => Err(ApiError::bad_request(format!("error decoding patch: {why}"))),
        _ => decode::check_text(target.asked, &request.text),
    }
}

/// 405.
fn method_not_allowed() -> ApiError {
    ApiError::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
}

/// The object in the form that the request wants.
fn respond(api: &ApiServer, request: &Request, kind: Kind, object: &Object) -> Value {
    match request.accept {
        Accept::Json | Accept::Discovery(_) => api.show(kind, object),
        Accept::Metadata => tables::partial(object),
        Accept::Table => {
            let rows = Rows::of(request);
            let mut table = api.table(kind, std::slice::from_ref(object), rows);
            let version = object.meta().resource_version.clone().unwrap_or_default();
            table["metadata"] = serde_json::json!({"resourceVersion": version});
            table
        }
    }
}

macro_rules! split_status {
    ($object:ident, $old:ident, $part:ident; $($variant:ident),*) => {
        match ($object, $old) {
            $((Object::$variant(new), Object::$variant(old)) => {
                let new = std::sync::Arc::make_mut(new);
                match $part {
                    Part::Spec => new.status = old.status.clone(),
                    Part::Status => {
                        let status = std::mem::take(&mut new.status);
                        let metadata = std::mem::take(&mut new.metadata);
                        *new = (**old).clone();
                        new.status = status;
                        take_conditions_of_meta(&mut new.metadata, metadata);
                    }
                }
            })*
            (Object::Dynamic(new), Object::Dynamic(old)) => {
                keep_other_content(std::sync::Arc::make_mut(new), old, $part);
            }
            _ => {}
        }
    };
}

/// Takes the part that this write may not change from the stored object: `status` for a write of the spec, and
/// everything else for a write of the status.
pub fn keep_other_part(object: &mut Object, old: &Object, part: Part) {
    split_status!(object, old, part;
        Namespace, Node, Pod, Service, PersistentVolume, PersistentVolumeClaim, ResourceQuota,
        ReplicationController, ReplicaSet, Deployment, DaemonSet, StatefulSet, Job, CronJob,
        HorizontalPodAutoscaler, PodDisruptionBudget, Ingress, VolumeAttachment, CustomResourceDefinition);
}

/// As [`keep_other_part`], of an object without a type: with a `status` subresource each has its own part.
fn keep_other_content(
    new: &mut crate::object::DynamicObject,
    old: &crate::object::DynamicObject,
    part: Part,
) {
    if !new.kind.info().subresources.contains(&"status") {
        return;
    }
    let (mut content, other) = match part {
        Part::Spec => (std::mem::take(&mut new.content), &old.content),
        Part::Status => {
            let version = new.metadata.resource_version.clone();
            new.metadata = old.metadata.clone();
            new.metadata.resource_version = version;
            (old.content.clone(), &new.content)
        }
    };
    match other.get("status") {
        Some(status) => drop(content.insert("status".to_owned(), status.clone())),
        None => drop(content.remove("status")),
    }
    new.content = content;
}

/// A write of the status may change annotations, labels and finalizers too, as the real strategies let it.
fn take_conditions_of_meta(meta: &mut crate::object::ObjectMeta, new: crate::object::ObjectMeta) {
    meta.annotations = new.annotations;
    meta.labels = new.labels;
    meta.finalizers = new.finalizers;
    meta.resource_version = new.resource_version;
}
