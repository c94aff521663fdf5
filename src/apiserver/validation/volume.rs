//! Validation of a pod's volumes.

use super::container::unreserved;
use super::{Errors, Path, env, names};
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
        errors.needed(path.child("name"), &source.name);
        mode(source.default_mode, path.child("defaultMode"), errors);
        items(source.items.as_deref(), path.child("items"), errors);
    }
    if let Some(source) = &volume.secret {
        let path = path.child("secret");
        errors.needed(path.child("secretName"), source.secret_name.as_deref().unwrap_or(""));
        mode(source.default_mode, path.child("defaultMode"), errors);
        items(source.items.as_deref(), path.child("items"), errors);
    }
    if let Some(source) = &volume.persistent_volume_claim {
        let path = path.child("persistentVolumeClaim");
        errors.needed(path.child("claimName"), &source.claim_name);
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
        projections(source.sources.as_deref().unwrap_or_default(), path, errors);
    }
    if let Some(source) = &volume.csi {
        csi_driver(&source.driver, path.child("csi"), errors);
    }
    if let Some(source) = &volume.ephemeral {
        let path = path.child("ephemeral");
        match &source.volume_claim_template {
            None => errors.required(path.child("volumeClaimTemplate"), ""),
            Some(template) => {
                let path = path.child("volumeClaimTemplate");
                super::storage::claim_spec(&template.spec, path.child("spec"), errors);
            }
        }
    }
    if let Some(source) = &volume.image {
        let path = path.child("image");
        let policy = source.pull_policy.as_deref();
        errors.one_of(path.child("pullPolicy"), policy, &["Always", "IfNotPresent", "Never"]);
    }
}

/// The name of a CSI driver, of pods and of persistent volumes.
pub fn csi_driver(driver: &str, path: Path, errors: &mut Errors) {
    if driver.is_empty() {
        errors.required(path.child("driver"), "");
    } else {
        if driver.len() > 63 {
            errors.too_long(path.child("driver"), 63);
        }
        errors.all(path.child("driver"), driver, names::subdomain(&driver.to_lowercase()));
    }
}

/// The fields of an NFS volume, of pods and of persistent volumes.
pub fn nfs(server: &str, share: &str, path: Path, errors: &mut Errors) {
    errors.needed(path.child("server"), server);
    errors.needed(path.child("path"), share);
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
        one_item(item, path.index(index), errors);
    }
}

fn one_item(item: &KeyToPath, path: Path, errors: &mut Errors) {
    errors.needed(path.child("key"), &item.key);
    errors.needed(path.child("path"), &item.path);
    unreserved(&item.path, path.child("path"), errors);
    mode(item.mode, path.child("mode"), errors);
}

const VOLUME_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

fn downward(items: Option<&[DownwardAPIVolumeFile]>, path: Path, errors: &mut Errors) {
    for item in items.into_iter().flatten() {
        errors.needed(path.child("path"), &item.path);
        unreserved(&item.path, path.child("path"), errors);
        match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), resource) => {
                env::field_ref(field, VOLUME_FIELDS, path.child("fieldRef"), errors);
                if resource.is_some() {
                    let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
                    errors.invalid(path, "resource", why);
                }
            }
            (None, Some(resource)) => {
                env::resource_ref(resource, true, path.child("resourceFieldRef"), errors);
            }
            (None, None) => errors.required(path, "one of fieldRef and resourceFieldRef is required"),
        }
        mode(item.mode, path.child("mode"), errors);
    }
}

/// The sources of a projected volume: none writes a file that another has written.
fn projections<'a>(sources: &'a [VolumeProjection], path: Path, errors: &mut Errors) {
    let mut files: BTreeSet<&'a str> = BTreeSet::new();
    for (index, source) in sources.iter().enumerate() {
        let list = path.child("sources");
        let at = list.index(index);
        let mut count = 0;
        let secret = source.secret.as_ref().map(|s| ("secret", &s.name, s.items.as_deref()));
        let map = source.config_map.as_ref().map(|s| ("configMap", &s.name, s.items.as_deref()));
        for (field, name, list) in [secret, map].into_iter().flatten() {
            count += 1;
            let at = at.child(field);
            errors.needed(at.child("name"), name);
            for (index, item) in list.into_iter().flatten().enumerate() {
                let list = at.child("items");
                one_item(item, list.index(index), errors);
                if !item.path.is_empty() && !files.insert(&item.path) {
                    errors.invalid(path, name.as_str(), "conflicting duplicate paths");
                }
            }
        }
        if let Some(api) = &source.downward_api {
            count += 1;
            downward(api.items.as_deref(), at.child("downwardAPI"), errors);
            for item in api.items.iter().flatten().filter(|i| !i.path.is_empty()) {
                if !files.insert(&item.path) {
                    errors.invalid(path, item.path.as_str(), "conflicting duplicate paths");
                }
            }
        }
        if let Some(token) = &source.service_account_token {
            count += 1;
            let token_at = at.child("serviceAccountToken");
            let at = token_at.child("expirationSeconds");
            let seconds = token.expiration_seconds.unwrap_or(3600);
            if seconds < 600 {
                errors.invalid(at, seconds, "may not specify a duration less than 10 minutes");
            } else if seconds > 1 << 32 {
                errors.invalid(at, seconds, "may not specify a duration larger than 2^32 seconds");
            }
            errors.needed(path.child("path"), &token.path);
            unreserved(&token.path, path.child("path"), errors);
        }
        count += usize::from(source.cluster_trust_bundle.is_some())
            + usize::from(source.pod_certificate.is_some());
        if count > 1 {
            errors.forbidden(at, "may not specify more than 1 volume type per source");
        }
    }
}
