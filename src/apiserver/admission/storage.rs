//! What claims and volumes get on their way in: a default class, protection, and the check of a resize.

use crate::apiserver::{ApiError, ApiServer};
use crate::object::{Kind, Object, meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use std::sync::Arc;

/// `DefaultStorageClass`: the newest class that is marked as default.
pub fn default_class(api: &ApiServer, object: &mut Object) {
    let Object::PersistentVolumeClaim(claim) = object else { return };
    let asked = claim.spec.as_ref().is_some_and(|s| s.storage_class_name.is_some());
    if asked || claim.annotation("volume.beta.kubernetes.io/storage-class").is_some() {
        return;
    }
    let is_default = |c: &&Arc<StorageClass>| {
        c.annotation("storageclass.kubernetes.io/is-default-class") == Some("true")
            || c.annotation("storageclass.beta.kubernetes.io/is-default-class") == Some("true")
    };
    let newest = api
        .store
        .all::<StorageClass>()
        .filter(is_default)
        .max_by(|a, b| a.created().cmp(&b.created()).then(b.name_str().cmp(a.name_str())));
    if let Some(class) = newest {
        let spec = Arc::make_mut(claim).spec.get_or_insert_default();
        spec.storage_class_name.clone_from(&class.metadata.name);
    }
}

/// `StorageObjectInUseProtection`: what is in use stays until it is not.
pub fn protect(object: &mut Object) {
    let finalizer = match object.kind() {
        Kind::PersistentVolume => "kubernetes.io/pv-protection",
        _ => "kubernetes.io/pvc-protection",
    };
    if !object.has_finalizer(finalizer) {
        object.meta_mut().finalizers.get_or_insert_default().push(finalizer.to_owned());
    }
}

/// `PersistentVolumeClaimResize`: a claim grows only if its class lets it.
pub fn check_resize(
    api: &ApiServer,
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
) -> Result<(), ApiError> {
    let size = |claim: &PersistentVolumeClaim| {
        let resources = claim.spec.as_ref().and_then(|s| s.resources.as_ref());
        let requests = resources.and_then(|r| r.requests.as_ref());
        requests.and_then(|r| r.get("storage")).map_or(0, |q| quantity::of(q).nano)
    };
    if size(new) <= size(old) {
        return Ok(());
    }
    let forbidden = |why: &str| Err(ApiError::forbidden(Kind::PersistentVolumeClaim, new.name_str(), why));
    if old.status.as_ref().and_then(|s| s.phase.as_deref()) != Some("Bound") {
        return forbidden("Only bound persistent volume claims can be expanded");
    }
    let class = old.spec.as_ref().and_then(|s| s.storage_class_name.as_deref()).unwrap_or("");
    let expands =
        api.store.find::<StorageClass>("", class).is_some_and(|c| c.allow_volume_expansion == Some(true));
    if expands {
        return Ok(());
    }
    forbidden(
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
    )
}
