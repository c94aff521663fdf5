//! create, update, patch, delete and deletecollection.

use super::{Target, respond};
use crate::apiserver::decode::Decoded;
use crate::apiserver::patch::PatchType;
use crate::apiserver::strict::Reading;
use crate::apiserver::warnings;
use crate::apiserver::{
    ApiError, ApiServer, DeleteOptions, FieldError, Origin, Part, Propagation, Request, Response, apply,
    convert, patch, strategy,
};
use crate::object::{Kind, Object, ObjectKey, meta::MetaExt};
use serde_json::{Value, json};
use std::sync::Arc;

impl ApiServer {
    /// `POST` to a collection.
    pub(super) fn post(
        &mut self,
        request: &Request,
        target: &Target,
        origin: &Origin,
    ) -> Result<Response, ApiError> {
        let body = request.body.clone().unwrap_or(Value::Null);
        let given = body["metadata"]["managedFields"].clone();
        let Decoded { mut object, warnings: mut told } =
            self.decode(target.asked, body, Reading::of(request))?;
        check_namespace(&mut object, target)?;
        let meta = object.meta();
        if meta.name.as_deref().unwrap_or("").is_empty()
            && meta.generate_name.as_deref().unwrap_or("").is_empty()
        {
            return Err(name_required(target.kind));
        }
        if !meta.resource_version.as_deref().unwrap_or("").is_empty() {
            return Err(ApiError::new(500, "", "resourceVersion should not be set on objects to be created"));
        }
        let created = self.create(object, origin, dry_run(request))?;
        if !dry_run(request) {
            let writer = apply::writer(request, target.asked, None, origin, self.now);
            self.record_write(&writer, None, &created, &given);
        }
        let status = 201;
        told.extend(warnings::of(&created));
        Ok(Response {
            status,
            warnings: told,
            ..Response::ok(respond(self, request, target.asked, &created))
        })
    }

    /// `PUT` of an object or its status.
    pub(super) fn put(
        &mut self,
        request: &Request,
        target: &Target,
        origin: &Origin,
    ) -> Result<Response, ApiError> {
        let body = request.body.clone().unwrap_or(Value::Null);
        let given = body["metadata"]["managedFields"].clone();
        let Decoded { mut object, warnings: mut told } =
            self.decode(target.asked, body, Reading::of(request))?;
        check_namespace(&mut object, target)?;
        check_name(&object, target)?;
        let unversioned = object.meta().resource_version.as_deref().unwrap_or("").is_empty();
        if let Err(missing) = self.find_target(target) {
            if target.subresource.is_some() || !strategy::allows_create_on_update(target.kind) {
                return Err(missing);
            }
            if let Some(uid) = object.meta().uid.as_deref().filter(|uid| !uid.is_empty()) {
                let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: ");
                return Err(ApiError::conflict(target.kind, object.name_str(), &why));
            }
            let created = self.create(object, origin, dry_run(request))?;
            if !dry_run(request) {
                let writer = apply::writer(request, target.asked, None, origin, self.now);
                self.record_write(&writer, None, &created, &given);
            }
            told.extend(warnings::of(&created));
            let shown = Response::ok(respond(self, request, target.asked, &created));
            return Ok(Response { status: 201, warnings: told, ..shown });
        }
        if unversioned && !strategy::allows_unconditional_update(target.kind) {
            let cause = FieldError {
                field: "metadata.resourceVersion".to_owned(),
                reason: "FieldValueInvalid",
                message: "Invalid value: 0x0: must be specified for an update".to_owned(),
            };
            return Err(ApiError::invalid(target.kind, object.name_str(), vec![cause]));
        }
        let shown = || {
            self.show(target.asked, self.find_target(target).ok()?)["metadata"].get("managedFields").cloned()
        };
        let given = if given.is_null() || shown().as_ref() == Some(&given) { Value::Null } else { given };
        let updated = self.replace(request, target, object, origin, &given)?;
        told.extend(warnings::of(&updated));
        Ok(Response { warnings: told, ..Response::ok(respond(self, request, target.asked, &updated)) })
    }

    /// Puts an object in the place of the stored one, or its status, and writes down who did. `given` are the managed
    /// fields that the client wants, if it wants others than there are.
    fn replace(
        &mut self,
        request: &Request,
        target: &Target,
        object: Object,
        origin: &Origin,
        given: &Value,
    ) -> Result<Object, ApiError> {
        let old = self.find_target(target)?.clone();
        let mut object = object;
        let subresource = target.subresource.as_deref();
        self.write_signing_request(&mut object, &old, subresource, origin)?;
        let updated = match subresource {
            Some("status" | "approval") => self.update(object, Part::Status, origin, dry_run(request)),
            Some("finalize") => self.finalize(&object, origin),
            _ => self.update(object, Part::Spec, origin, dry_run(request)),
        }?;
        if !dry_run(request) && (updated != old || !given.is_null()) {
            let subresource = target.subresource.as_deref();
            let writer = apply::writer(request, target.asked, subresource, origin, self.now);
            self.record_write(&writer, Some(&old), &updated, given);
        }
        Ok(updated)
    }

    /// Takes the finalizers of a namespace's spec; the last one gone, the namespace goes.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn finalize(&mut self, object: &Object, origin: &Origin) -> Result<Object, ApiError> {
        let key = object.key();
        let Some(Object::Namespace(old)) = self.store.get(&key).cloned() else {
            return Err(ApiError::not_found(Kind::Namespace, object.name_str()));
        };
        let finalizers = match object {
            Object::Namespace(ns) => ns.spec.as_ref().and_then(|s| s.finalizers.clone()),
            _ => None,
        };
        let mut namespace = (*old).clone();
        namespace.spec.get_or_insert_default().finalizers = finalizers;
        let object = Object::Namespace(Arc::new(namespace));
        let empty = object
            .cast::<k8s_openapi::api::core::v1::Namespace>()
            .is_none_or(|n| n.spec.as_ref().and_then(|s| s.finalizers.as_ref()).is_none_or(Vec::is_empty));
        let gone =
            object.is_terminating() && empty && object.meta().finalizers.as_ref().is_none_or(Vec::is_empty);
        self.store.commit(key, (!gone).then(|| object.clone()), origin, self.now);
        Ok(object)
    }

    /// `PATCH` of an object or its status.
    pub(super) fn patch(
        &mut self,
        request: &Request,
        target: &Target,
        origin: &Origin,
    ) -> Result<Response, ApiError> {
        let body = request.body.as_ref().unwrap_or(&Value::Null);
        if request.content_type.starts_with("application/apply-patch") {
            return self.apply(request, target, origin);
        }
        let old = self.find_target(target)?.clone();
        let shown = self.show(target.asked, &old);
        let mut patched = patch::apply(target.asked, &shown, body, &request.content_type)?;
        let whole = patched.clone();
        let managed = |value: &Value| value.get("metadata").and_then(|m| m.get("managedFields")).cloned();
        let given = managed(&patched).filter(|given| managed(&shown).as_ref() != Some(given));
        if given.is_none()
            && let Some(Value::Object(metadata)) = patched.get_mut("metadata")
        {
            metadata.remove("managedFields"); // they stay, and need not be read
        }
        let kind = PatchType::of(&request.content_type);
        let strategic = kind == Some(PatchType::Strategic);
        let shown = || if strategic { patch::go_syntax(body) } else { whole.to_string() };
        let reading = Reading::of(request);
        let found = reading.patch(kind, body);
        let given = given.unwrap_or_default();
        let Decoded { mut object, mut warnings } =
            self.decode_patched(target.asked, patched, &shown, (reading, found))?;
        check_namespace(&mut object, target)?;
        check_name(&object, target)?;
        let updated = self.replace(request, target, object, origin, &given)?;
        warnings.extend(warnings::of(&updated));
        Ok(Response { warnings, ..Response::ok(respond(self, request, target.asked, &updated)) })
    }

    /// Server-side apply.
    fn apply(&mut self, request: &Request, target: &Target, origin: &Origin) -> Result<Response, ApiError> {
        let key = target.key().ok_or_else(ApiError::no_such_path)?;
        let subresource = target.subresource.as_deref();
        let writer = apply::writer(request, target.asked, subresource, origin, self.now);
        let writer = apply::Entry { applies: true, ..writer };
        let applied = self.apply_configuration(target.asked, &key, request, &writer)?;
        let shown = || applied.value.to_string();
        let reading = Reading::of(request);
        let mut told = reading.applied()?;
        let Decoded { mut object, warnings } =
            self.decode_patched(target.asked, applied.value.clone(), &shown, (reading.made(), Vec::new()))?;
        told.extend(warnings);
        check_namespace(&mut object, target)?;
        check_name(&object, target)?;
        let old = self.store.get(&key).cloned();
        let (trial, part) =
            (dry_run(request), if subresource == Some("status") { Part::Status } else { Part::Spec });
        let (status, stored) = match &old {
            None if subresource.is_some() => return Err(ApiError::not_found(target.kind, key.name.name())),
            None => (201, self.create(object, origin, trial)?),
            Some(_) => (200, self.update(object, part, origin, trial)?),
        };
        told.extend(warnings::of(&stored));
        if !trial && self.store.get(&key).is_some() {
            let same = self.store.managed(&key) == Some(applied.entries.as_slice());
            if !same && old.as_ref() == Some(&stored) {
                // Only who manages what has changed: that is a new version too.
                self.store.commit(key.clone(), Some(stored.clone()), origin, self.now);
            }
            self.set_managed(key.clone(), applied.entries);
        }
        let stored = self.store.get(&key).filter(|_| !trial).unwrap_or(&stored);
        let shown = Response::ok(respond(self, request, target.asked, stored));
        Ok(Response { status, warnings: told, ..shown })
    }

    /// `DELETE` of an object.
    pub(super) fn remove(
        &mut self,
        request: &Request,
        target: &Target,
        origin: &Origin,
    ) -> Result<Response, ApiError> {
        let key = target.key().ok_or_else(ApiError::no_such_path)?;
        let stored = self.find_target(target)?;
        let options = delete_options(request);
        check_preconditions(request, stored)?;
        let deleted = self.delete(&key, &options, origin)?;
        let stays = self.store.get(&key).is_some_and(|o| o.uid_str() == deleted.uid_str());
        let shown = matches!(
            key.kind,
            Kind::Pod
                | Kind::Service
                | Kind::ServiceAccount
                | Kind::PersistentVolume
                | Kind::PersistentVolumeClaim
                | Kind::ResourceQuota
                | Kind::PodTemplate
                | Kind::StorageClass
                | Kind::VolumeAttachment
                | Kind::CustomResourceDefinition
        );
        if stays || shown || options.dry_run {
            return Ok(Response::ok(respond(self, request, target.asked, &deleted)));
        }
        Ok(Response::ok(success(&key, deleted.uid_str())))
    }

    /// `DELETE` of a collection.
    pub(super) fn remove_collection(
        &mut self,
        request: &Request,
        target: &Target,
        origin: &Origin,
    ) -> Result<Response, ApiError> {
        if matches!(target.kind, Kind::Namespace | Kind::Service) && target.namespace.is_empty() {
            return Err(super::method_not_allowed());
        }
        let filter = self.filter(request, target)?;
        let options = delete_options(request);
        let mut items = Vec::new();
        for object in self.select(target, &filter) {
            check_preconditions(request, &object)?;
            items.push(convert::show(&self.delete(&object.key(), &options, origin)?, target.asked));
        }
        let info = target.asked.info();
        Ok(Response::ok(json!({
            "kind": format!("{}List", info.kind), "apiVersion": info.api_version(),
            "metadata": {"resourceVersion": self.store.revision().to_string()}, "items": items,
        })))
    }
}

/// Whether the request only tries.
pub(super) fn dry_run(request: &Request) -> bool {
    let in_body = || {
        let options = request.body.as_ref().filter(|b| b["kind"] == "DeleteOptions");
        options.and_then(|b| b["dryRun"].as_array()).is_some_and(|a| a.iter().any(|v| v == "All"))
    };
    request.query_value("dryRun") == Some("All") || in_body()
}

fn name_required(kind: Kind) -> ApiError {
    let cause = crate::apiserver::FieldError::required("metadata.name", "name or generateName is required");
    ApiError::invalid(kind, "", vec![cause])
}

/// The `Status` of a deletion that is done.
fn success(key: &ObjectKey, uid: &str) -> Value {
    let info = key.kind.info();
    let mut details = json!({"name": key.name.name(), "kind": info.plural, "uid": uid});
    if !info.group.is_empty() {
        details["group"] = json!(info.group);
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

fn check_namespace(object: &mut Object, target: &Target) -> Result<(), ApiError> {
    if !target.kind.info().namespaced {
        object.meta_mut().namespace = None;
        return Ok(());
    }
    let meta = object.meta_mut();
    match meta.namespace.as_deref().unwrap_or("") {
        "" => {
            meta.namespace = Some(target.namespace.clone());
            Ok(())
        }
        same if same == target.namespace => Ok(()),
        _ => Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
    }
}

fn check_name(object: &Object, target: &Target) -> Result<(), ApiError> {
    let name = target.name.as_deref().unwrap_or("");
    if object.name_str() == name {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "the name of the object ({}) does not match the name on the URL ({name})",
        object.name_str()
    )))
}

/// The options of the query or the body (`DeleteOptions`).
pub(super) fn delete_options(request: &Request) -> DeleteOptions {
    let body = request.body.as_ref().unwrap_or(&Value::Null);
    let grace = body["gracePeriodSeconds"]
        .as_i64()
        .or_else(|| request.query_value("gracePeriodSeconds").and_then(|g| g.parse().ok()));
    let policy = body["propagationPolicy"].as_str().or_else(|| request.query_value("propagationPolicy"));
    let propagation = match policy {
        Some("Foreground") => Propagation::Foreground,
        Some("Orphan") => Propagation::Orphan,
        _ if body["orphanDependents"] == true => Propagation::Orphan,
        _ if request.flag("orphanDependents") => Propagation::Orphan,
        _ => Propagation::Background,
    };
    let uid = body["preconditions"]["uid"].as_str().map(str::to_owned);
    let dry_run = dry_run(request) || body["dryRun"].as_array().is_some_and(|a| a.iter().any(|v| v == "All"));
    DeleteOptions { grace_seconds: grace, propagation, uid, dry_run }
}

fn check_preconditions(request: &Request, stored: &Object) -> Result<(), ApiError> {
    let conditions = request.body.as_ref().map_or(&Value::Null, |b| &b["preconditions"]);
    let mismatch = |what: &str, asked: &str, is: &str| {
        let why =
            format!("Precondition failed: {what} in precondition: {asked}, {what} in object meta: {is}");
        Err(ApiError::conflict(stored.kind(), stored.name_str(), &why))
    };
    match conditions["uid"].as_str() {
        Some(uid) if uid != stored.uid_str() => return mismatch("UID", uid, stored.uid_str()),
        _ => {}
    }
    let version = stored.meta().resource_version.as_deref().unwrap_or("");
    match conditions["resourceVersion"].as_str() {
        Some(asked) if asked != version => mismatch("ResourceVersion", asked, version),
        _ => Ok(()),
    }
}
