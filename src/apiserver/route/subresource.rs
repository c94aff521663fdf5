//! Subresources: scale, eviction, binding, token, ephemeralcontainers and resize.

use super::write::{delete_options, dry_run};
use super::{Target, method_not_allowed};
use crate::apiserver::decode;
use crate::apiserver::strict::Reading;
use crate::apiserver::{
    ApiError, ApiServer, DeleteOptions, FieldError, Method, Origin, Part, Request, Response, apply, patch,
    validation,
};
use crate::object::{Kind, Object, Pod, Resource, meta::MetaExt, selector::Selector};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::{Value, json};
use std::sync::Arc;

impl ApiServer {
    /// Serves a subresource of one object.
    pub(super) fn subresource(
        &mut self,
        request: &Request,
        target: &Target,
        subresource: &str,
        origin: &Origin,
    ) -> Result<Response, ApiError> {
        let body = request.body.as_ref().unwrap_or(&Value::Null);
        match (subresource, request.method) {
            ("scale", _) => self.scale(request, target, origin),
            ("eviction", Method::Post) => self.evict(request, target, origin),
            ("binding", Method::Post) => {
                let key = target.key().ok_or_else(ApiError::no_such_path)?;
                let node = body["target"]["name"].as_str().unwrap_or("");
                self.bind(&key, node, origin)?;
                Ok(created(
                    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
                ))
            }
            ("token", Method::Post) => self.token(target, body),
            ("ephemeralcontainers" | "resize", Method::Put | Method::Patch) => {
                self.change_pod(request, target, subresource, origin)
            }
            ("ephemeralcontainers" | "resize", Method::Get) => self.get(request, target),
            _ => Err(method_not_allowed()),
        }
    }

    /// `POST` to `bindings`, which is the binding of the pod that the body names. `None` for any other path.
    pub(super) fn bind_by_collection(
        &mut self,
        request: &Request,
        origin: &Origin,
    ) -> Option<Result<Response, ApiError>> {
        let rest = request.path.strip_prefix("/api/v1/namespaces/")?;
        let (namespace, "bindings") = rest.split_once('/')? else { return None };
        if request.method != Method::Post {
            return Some(Err(method_not_allowed()));
        }
        let body = request.body.as_ref().unwrap_or(&Value::Null);
        let pod = body["metadata"]["name"].as_str().unwrap_or("");
        let key = crate::object::ObjectKey::new(Kind::Pod, namespace, pod);
        let bound = self.bind(&key, body["target"]["name"].as_str().unwrap_or(""), origin);
        let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
        Some(bound.map(|()| created(done)))
    }

    fn scale(&mut self, request: &Request, target: &Target, origin: &Origin) -> Result<Response, ApiError> {
        let stored = self.find_target(target)?.clone();
        let body = request.body.as_ref().unwrap_or(&Value::Null);
        let current = self.defined_scale(&stored).unwrap_or_else(|| scale_of(&stored));
        let wanted = match request.method {
            Method::Get => return Ok(Response::ok(current)),
            Method::Put => body.clone(),
            Method::Patch => {
                let content_type = match request.content_type.as_str() {
                    "application/strategic-merge-patch+json" => "application/merge-patch+json",
                    other => other,
                };
                patch::apply(target.kind, &current, body, content_type)?
            }
            _ => return Err(method_not_allowed()),
        };
        let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or(0);
        if replicas < 0 || i32::try_from(replicas).is_err() {
            let cause =
                FieldError::invalid("spec.replicas", &json!(replicas), "must be greater than or equal to 0");
            let message = format!(
                "Scale.autoscaling \"{}\" is invalid: {}: {}",
                stored.name_str(),
                cause.field,
                cause.message
            );
            let error = ApiError::new(422, "Invalid", message);
            let name = stored.name_str().to_owned();
            return Err(ApiError {
                name,
                group: "autoscaling".into(),
                kind: "Scale".into(),
                causes: vec![cause],
                ..error
            });
        }
        let mut object = stored.clone();
        set_replicas(&mut object, replicas as i32);
        self.set_defined_scale(&mut object, replicas as i32);
        let asked = wanted["metadata"]["resourceVersion"].as_str().filter(|v| !v.is_empty());
        object.meta_mut().resource_version = asked.map(str::to_owned);
        let updated = self.update(object, Part::Spec, origin, dry_run(request))?;
        if !dry_run(request) && updated != stored {
            let writer = apply::writer(request, target.kind, Some("scale"), origin, self.now);
            self.record_write(&writer, Some(&stored), &updated, &Value::Null);
        }
        Ok(Response::ok(self.defined_scale(&updated).unwrap_or_else(|| scale_of(&updated))))
    }

    fn evict(&mut self, request: &Request, target: &Target, origin: &Origin) -> Result<Response, ApiError> {
        let key = target.key().ok_or_else(ApiError::no_such_path)?;
        let Some(pod) = self.find_target(target)?.cast::<Pod>().cloned() else {
            return Err(ApiError::no_such_path());
        };
        let body = request.body.as_ref().unwrap_or(&Value::Null);
        let inner = Request { body: Some(body["deleteOptions"].clone()), ..request.clone() };
        let options = DeleteOptions { dry_run: dry_run(request), ..delete_options(&inner) };
        let phase = pod.status.phase.as_deref().unwrap_or("");
        if !matches!(phase, "Succeeded" | "Failed" | "Pending") && !pod.is_terminating() {
            self.take_from_budget(&pod, options.dry_run, origin)?;
        }
        if !options.dry_run {
            // What the deletion asks for is looked at before the pod is changed.
            self.delete(&key, &DeleteOptions { dry_run: true, ..options.clone() }, origin)?;
            let mut marked = Pod::clone(&pod);
            marked.mark_disrupted("EvictionByEvictionAPI", "Eviction API: evicting", None, self.now);
            marked.metadata.resource_version = None;
            self.update(marked.into_object(), Part::Status, origin, false)?;
        }
        self.delete(&key, &options, origin)?;
        Ok(created(
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
        ))
    }

    /// Counts the eviction against the pod's disruption budget.
    fn take_from_budget(&mut self, pod: &Pod, dry_run: bool, origin: &Origin) -> Result<(), ApiError> {
        let covers = |b: &&Arc<PodDisruptionBudget>| {
            let selector = b.spec.as_ref().and_then(|s| s.selector.as_ref());
            Selector::from_api(selector).matches(pod.labels_map())
        };
        let budgets: Vec<Arc<PodDisruptionBudget>> =
            self.store.all_in::<PodDisruptionBudget>(pod.namespace_str()).filter(covers).cloned().collect();
        let budget = match budgets.as_slice() {
            [] => return Ok(()),
            [one] => one,
            _ => {
                let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                return Err(ApiError::new(500, "InternalError", message));
            }
        };
        let status = budget.status.clone().unwrap_or_default();
        let always = budget.spec.as_ref().and_then(|s| s.unhealthy_pod_eviction_policy.as_deref())
            == Some("AlwaysAllow");
        let (healthy, desired) = (status.current_healthy.unwrap_or(0), status.desired_healthy.unwrap_or(0));
        let healthy_enough = healthy >= desired && desired > 0;
        if !is_ready(pod) && (always || healthy_enough) {
            return Ok(());
        }
        let name = budget.name_str();
        if status.observed_generation.unwrap_or(0) < budget.metadata.generation.unwrap_or(0) {
            let why = format!("The disruption budget {name} is still being processed by the server.");
            return Err(ApiError { retry_after: Some(10), ..too_many(why) });
        }
        let allowed = status.disruptions_allowed.unwrap_or(0);
        if allowed <= 0 {
            return Err(too_many(format!(
                "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
            )));
        }
        let mut budget = PodDisruptionBudget::clone(budget);
        let now = self.now.to_api();
        let status = budget.status.get_or_insert_default();
        status.disruptions_allowed = Some(allowed - 1);
        status.disrupted_pods.get_or_insert_default().insert(pod.name_str().to_owned(), now);
        budget.metadata.resource_version = None;
        self.update(budget.into_object(), Part::Status, origin, dry_run)?;
        Ok(())
    }

    fn token(&self, target: &Target, body: &Value) -> Result<Response, ApiError> {
        let Some(account) = self.find_target(target)?.cast::<ServiceAccount>() else {
            return Err(ApiError::no_such_path());
        };
        Ok(created(self.request_token(account, body)?))
    }

    /// Adds ephemeral containers, or changes resources in place: what an ordinary update may not.
    fn change_pod(
        &mut self,
        request: &Request,
        target: &Target,
        subresource: &str,
        origin: &Origin,
    ) -> Result<Response, ApiError> {
        let stored = self.find_target(target)?.clone();
        let body = request.body.clone().unwrap_or(Value::Null);
        let value = match request.method {
            Method::Patch => patch::apply(Kind::Pod, &stored.to_value(), &body, &request.content_type)?,
            _ => body,
        };
        let wanted = decode::object(Kind::Pod, value, Reading::of(request))?.object;
        let (Some(old), Some(new)) = (stored.cast::<Pod>(), wanted.cast::<Pod>()) else {
            return Err(ApiError::no_such_path());
        };
        let mut pod = Pod::clone(old);
        let spec = pod.spec.make_mut();
        if subresource == "ephemeralcontainers" {
            spec.ephemeral_containers.clone_from(&new.spec.ephemeral_containers);
        } else {
            for container in &mut spec.containers {
                if let Some(wanted) = new.spec.containers.iter().find(|c| c.name == container.name) {
                    container.resources.clone_from(&wanted.resources);
                }
            }
        }
        let mut object = pod.into_object();
        crate::apiserver::defaults::apply(&mut object);
        if let (true, Some(new)) = (subresource == "ephemeralcontainers", object.cast::<Pod>()) {
            let wrong = validation::ephemeral_containers(new, old);
            if !wrong.is_empty() {
                return Err(ApiError::invalid(Kind::Pod, stored.name_str(), wrong));
            }
        }
        if object != stored && !dry_run(request) {
            let meta = object.meta_mut();
            meta.generation = meta.generation.map(|g| g + 1);
            self.store.commit(stored.key(), Some(object.clone()), origin, self.now);
        }
        let now = self.store.get(&stored.key()).unwrap_or(&object);
        Ok(Response::ok(now.to_value()))
    }
}

fn created(value: Value) -> Response {
    Response { status: 201, ..Response::ok(value) }
}

fn too_many(why: String) -> ApiError {
    let cause = FieldError { field: String::new(), reason: "DisruptionBudget", message: why };
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    ApiError { causes: vec![cause], ..ApiError::new(429, "TooManyRequests", message) }
}

fn is_ready(pod: &Pod) -> bool {
    pod.status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Replicas wanted and there, and the selector, of what can be scaled.
fn scale_parts(object: &Object) -> (i32, i32, String) {
    let of = |selector: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector>| {
        Selector::from_api(selector).to_string()
    };
    match object {
        Object::Deployment(o) => {
            let there = o.status.as_ref().and_then(|s| s.replicas).unwrap_or(0);
            let spec = o.spec.as_ref();
            (spec.and_then(|s| s.replicas).unwrap_or(0), there, of(spec.map(|s| &s.selector)))
        }
        Object::ReplicaSet(o) => {
            let there = o.status.as_ref().map_or(0, |s| s.replicas);
            let spec = o.spec.as_ref();
            (spec.and_then(|s| s.replicas).unwrap_or(0), there, of(spec.map(|s| &s.selector)))
        }
        Object::StatefulSet(o) => {
            let there = o.status.as_ref().map_or(0, |s| s.replicas);
            let spec = o.spec.as_ref();
            (spec.and_then(|s| s.replicas).unwrap_or(0), there, of(spec.map(|s| &s.selector)))
        }
        Object::ReplicationController(o) => {
            let there = o.status.as_ref().map_or(0, |s| s.replicas);
            let spec = o.spec.as_ref();
            let selector = spec.and_then(|s| s.selector.clone()).unwrap_or_default();
            let selector = Selector::from_map(&selector).to_string();
            (spec.and_then(|s| s.replicas).unwrap_or(0), there, selector)
        }
        _ => (0, 0, String::new()),
    }
}

fn scale_of(object: &Object) -> Value {
    let (wanted, there, selector) = scale_parts(object);
    let meta = object.meta();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta.name, "namespace": meta.namespace, "uid": meta.uid,
            "resourceVersion": meta.resource_version, "creationTimestamp": meta.creation_timestamp,
        },
        "spec": {"replicas": wanted}, "status": {"replicas": there, "selector": selector},
    })
}

fn set_replicas(object: &mut Object, replicas: i32) {
    match object {
        Object::Deployment(o) => Arc::make_mut(o).spec.get_or_insert_default().replicas = Some(replicas),
        Object::ReplicaSet(o) => Arc::make_mut(o).spec.get_or_insert_default().replicas = Some(replicas),
        Object::StatefulSet(o) => Arc::make_mut(o).spec.get_or_insert_default().replicas = Some(replicas),
        Object::ReplicationController(o) => {
            Arc::make_mut(o).spec.get_or_insert_default().replicas = Some(replicas);
        }
        _ => {}
    }
}
