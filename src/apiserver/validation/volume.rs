//! Validation of a pod's volumes.

use super::container::inside;
use super::{Errors, Path, names};
use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, PodSpec, Volume, VolumeProjection};
use serde_json::Value;
use std::collections::BTreeSet;

/// The volumes of a pod.
pub fn volumes(spec: &PodSpec, path: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let path = path.index(index);
        sources(volume, path, errors);
        let name = volume.name.as_str();
        if name.is_empty() {
            errors.required(path.child("name"), "");
            continue;
        }
        let wrong = names::label(name);
        if !wrong.is_empty() {
            errors.all(path.child("name"), name, wrong);
        } else if !seen.insert(name) {
            errors.duplicate(path.child("name"), name);
        }
    }
}

fn sources(volume: &Volume, path: Path, errors: &mut Errors) {
    let value = serde_json::to_value(volume).unwrap_or(Value::Null);
    let named: Vec<&String> =
        value.as_object().into_iter().flat_map(|m| m.keys()).filter(|k| *k != "name").collect();
    match named.as_slice() {
        [] => errors.required(path, "must specify a volume type"),
        [_] => {}
        [_, rest @ ..] => {
            for field in rest {
                errors.forbidden(path.child(field), "may not specify more than 1 volume type");
            }
        }
    }
    if let Some(source) = &volume.empty_dir {
        let path = path.child("emptyDir");
        if let Some(limit) = &source.size_limit
            && crate::object::quantity::of(limit).nano < 0
        {
            errors.forbidden(path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity");
        }
    }
    if let Some(source) = &volume.host_path {
        host_path(&source.path, source.type_.as_deref(), path.child("hostPath"), errors);
    }
    if let Some(source) = &volume.config_map {
        let path = path.child("configMap");
        needed(&source.name, path.child("name"), errors);
        mode(source.default_mode, path.child("defaultMode"), errors);
        items(source.items.as_deref(), path.child("items"), errors);
    }
    if let Some(source) = &volume.secret {
        let path = path.child("secret");
        needed(source.secret_name.as_deref().unwrap_or(""), path.child("secretName"), errors);
        mode(source.default_mode, path.child("defaultMode"), errors);
        items(source.items.as_deref(), path.child("items"), errors);
    }
    if let Some(source) = &volume.persistent_volume_claim {
        let path = path.child("persistentVolumeClaim");
        needed(&source.claim_name, path.child("claimName"), errors);
    }
    if let Some(source) = &volume.nfs {
        nfs(&source.server, &source.path, path.child("nfs"), errors);
    }
    if let Some(source) = &volume.downward_api {
        let path = path.child("downwardAPI");
        mode(source.default_mode, path.child("defaultMode"), errors);
        downward(source.items.as_deref(), path, errors);
    }
    if let Some(source) = &volume.projected {
        let path = path.child("projected");
        mode(source.default_mode, path.child("defaultMode"), errors);
        for (index, source) in source.sources.iter().flatten().enumerate() {
            let list = path.child("sources");
            projection(source, list.index(index), errors);
        }
    }
    if let Some(source) = &volume.csi {
        let path = path.child("csi");
        if source.driver.is_empty() {
            errors.required(path.child("driver"), "");
        } else {
            let lower = source.driver.to_lowercase();
            errors.all(path.child("driver"), &source.driver, names::subdomain(&lower));
        }
    }
}

fn needed(text: &str, path: Path, errors: &mut Errors) {
    if text.is_empty() {
        errors.required(path, "");
    }
}

/// The fields of an NFS volume, of pods and of persistent volumes.
pub fn nfs(server: &str, share: &str, path: Path, errors: &mut Errors) {
    needed(server, path.child("server"), errors);
    needed(share, path.child("path"), errors);
    if !share.starts_with('/') {
        errors.invalid(path.child("path"), share, "must be an absolute path");
    }
}

const HOST_PATH_TYPES: &[&str] =
    &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// The fields of a host path, of pods and of persistent volumes.
pub fn host_path(text: &str, type_: Option<&str>, path: Path, errors: &mut Errors) {
    if text.is_empty() {
        errors.required(path.child("path"), "");
    } else if text.split('/').any(|part| part == "..") {
        errors.invalid(path.child("path"), text, "must not contain '..'");
    }
    if let Some(type_) = type_
        && !HOST_PATH_TYPES.contains(&type_)
    {
        errors.unsupported(path.child("type"), type_, HOST_PATH_TYPES);
    }
}

fn mode(mode: Option<i32>, path: Path, errors: &mut Errors) {
    if let Some(mode) = mode.filter(|m| !(0..=0o777).contains(m)) {
        errors.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

fn items(items: Option<&[KeyToPath]>, path: Path, errors: &mut Errors) {
    for (index, item) in items.into_iter().flatten().enumerate() {
        let path = path.index(index);
        needed(&item.key, path.child("key"), errors);
        needed(&item.path, path.child("path"), errors);
        inside(&item.path, path.child("path"), errors);
        mode(item.mode, path.child("mode"), errors);
    }
}

const VOLUME_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

fn downward(items: Option<&[DownwardAPIVolumeFile]>, path: Path, errors: &mut Errors) {
    for item in items.into_iter().flatten() {
        needed(&item.path, path.child("path"), errors);
        inside(&item.path, path.child("path"), errors);
        mode(item.mode, path.child("mode"), errors);
        match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), None) => {
                let text = field.field_path.as_str();
                let subscript =
                    text.starts_with("metadata.labels['") || text.starts_with("metadata.annotations['");
                if !subscript && !VOLUME_FIELDS.contains(&text) {
                    let field = path.child("fieldRef");
                    errors.unsupported(field.child("fieldPath"), text, VOLUME_FIELDS);
                }
            }
            (None, Some(_)) => {}
            (Some(_), Some(_)) => errors.invalid(
                path,
                "resource",
                "fieldRef and resourceFieldRef can not be specified simultaneously",
            ),
            (None, None) => errors.required(path, "one of fieldRef and resourceFieldRef is required"),
        }
    }
}

fn projection(source: &VolumeProjection, path: Path, errors: &mut Errors) {
    let mut sources = 0;
    if let Some(secret) = &source.secret {
        sources += 1;
        let path = path.child("secret");
        needed(&secret.name, path.child("name"), errors);
        items(secret.items.as_deref(), path.child("items"), errors);
    }
    if let Some(map) = &source.config_map {
        sources += 1;
        let path = path.child("configMap");
        needed(&map.name, path.child("name"), errors);
        items(map.items.as_deref(), path.child("items"), errors);
    }
    if let Some(api) = &source.downward_api {
        sources += 1;
        downward(api.items.as_deref(), path.child("downwardAPI"), errors);
    }
    if let Some(token) = &source.service_account_token {
        sources += 1;
        let path = path.child("serviceAccountToken");
        if token.expiration_seconds.is_some_and(|s| s < 600) {
            let value = token.expiration_seconds.unwrap_or(0);
            errors.invalid(
                path.child("expirationSeconds"),
                value,
                "may not specify a duration less than 10 minutes",
            );
        }
        needed(&token.path, path.child("path"), errors);
        inside(&token.path, path.child("path"), errors);
    }
    sources +=
        usize::from(source.cluster_trust_bundle.is_some()) + usize::from(source.pod_certificate.is_some());
    match sources {
        0 => errors.required(path, "must specify a volume type"),
        1 => {}
        _ => errors.forbidden(path, "may not specify more than 1 volume type per source"),
    }
}
