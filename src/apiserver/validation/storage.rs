//! Validation of volumes, claims and classes.

use super::{Errors, Path, diff, names, volume as pod_volume};
use crate::object::quantity;
use k8s_openapi::api::core::v1::{
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeSpec,
};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SPEC: Path = Path::new("spec");
const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const NOT_SOURCES: &[&str] = &[
    "capacity",
    "accessModes",
    "claimRef",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "mountOptions",
    "volumeMode",
    "nodeAffinity",
    "volumeAttributesClassName",
];

fn access_modes(modes: &[String], path: Path, errors: &mut Errors) {
    for mode in modes {
        if !ACCESS_MODES.contains(&mode.as_str()) {
            errors.unsupported(path, mode, ACCESS_MODES);
        }
    }
    let alone = modes.iter().any(|m| m == "ReadWriteOncePod");
    if alone && modes.len() > 1 {
        errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
    }
}

fn volume_mode(mode: Option<&str>, path: Path, errors: &mut Errors) {
    if let Some(mode) = mode
        && !matches!(mode, "Block" | "Filesystem")
    {
        errors.unsupported(path, mode, &["Block", "Filesystem"]);
    }
}

fn storage(amounts: Option<&BTreeMap<String, Quantity>>) -> Option<&Quantity> {
    amounts.and_then(|a| a.get("storage"))
}

pub fn volume(o: &PersistentVolume, errors: &mut Errors) {
    let spec = o.spec.clone().unwrap_or_default();
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    if modes.is_empty() {
        errors.required(SPEC.child("accessModes"), "");
    }
    access_modes(modes, SPEC.child("accessModes"), errors);
    let capacity = SPEC.child("capacity");
    match &spec.capacity {
        None => errors.required(capacity, ""),
        Some(amounts) if amounts.is_empty() => errors.required(capacity, ""),
        Some(amounts) => {
            if !amounts.contains_key("storage") || amounts.len() > 1 {
                let shown: Vec<&String> = amounts.keys().collect();
                errors.unsupported(
                    capacity,
                    &shown.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(","),
                    &["storage"],
                );
            }
            for (name, amount) in amounts {
                if quantity::of(amount).nano <= 0 {
                    errors.invalid(capacity.key(name), amount.0.as_str(), "must be greater than zero");
                }
            }
        }
    }
    let policy = spec.persistent_volume_reclaim_policy.as_deref().unwrap_or("");
    if !policy.is_empty() && !matches!(policy, "Delete" | "Recycle" | "Retain") {
        let all = ["Delete", "Recycle", "Retain"];
        errors.unsupported(SPEC.child("persistentVolumeReclaimPolicy"), policy, &all);
    }
    sources(&spec, errors);
    if spec.host_path.as_ref().is_some_and(|h| h.path == "/") && policy == "Recycle" {
        let why = "may not be 'recycle' for a hostPath mount of '/'";
        errors.forbidden(SPEC.child("persistentVolumeReclaimPolicy"), why);
    }
    if let Some(class) = spec.storage_class_name.as_deref().filter(|c| !c.is_empty()) {
        errors.all(SPEC.child("storageClassName"), class, names::subdomain(class));
    }
    volume_mode(spec.volume_mode.as_deref(), SPEC.child("volumeMode"), errors);
}

fn sources(spec: &PersistentVolumeSpec, errors: &mut Errors) {
    let value = serde_json::to_value(spec).unwrap_or(Value::Null);
    let fields = value.as_object().into_iter().flat_map(|m| m.keys());
    let named: Vec<&String> = fields.filter(|k| !NOT_SOURCES.contains(&k.as_str())).collect();
    match named.as_slice() {
        [] => errors.required(SPEC, "must specify a volume type"),
        [_] => {}
        [_, rest @ ..] => {
            for field in rest {
                errors.forbidden(SPEC.child(field), "may not specify more than 1 volume type");
            }
        }
    }
    if let Some(source) = &spec.host_path {
        pod_volume::host_path(&source.path, source.type_.as_deref(), SPEC.child("hostPath"), errors);
    }
    if let Some(source) = &spec.nfs {
        pod_volume::nfs(&source.server, &source.path, SPEC.child("nfs"), errors);
    }
    if let Some(source) = &spec.local {
        let path = SPEC.child("local");
        if source.path.is_empty() {
            errors.required(path.child("path"), "");
        }
        if spec.node_affinity.is_none() {
            errors.required(SPEC.child("nodeAffinity"), "Local volume requires node affinity");
        }
    }
    if let Some(source) = &spec.csi {
        let path = SPEC.child("csi");
        pod_volume::csi_driver(&source.driver, path, errors);
        if source.volume_handle.is_empty() {
            errors.required(path.child("volumeHandle"), "");
        }
    }
}

pub fn volume_update(new: &PersistentVolume, old: &PersistentVolume, errors: &mut Errors) {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    let source = |spec: &PersistentVolumeSpec| {
        let mut value = serde_json::to_value(spec).unwrap_or(Value::Null);
        if let Some(map) = value.as_object_mut() {
            map.retain(|key, _| !NOT_SOURCES.contains(&key.as_str()));
        }
        value
    };
    if source(new) != source(old) {
        let why = "spec.persistentvolumesource is immutable after creation";
        errors.forbidden(SPEC.child("persistentvolumesource"), why);
    }
    errors.immutable(SPEC.child("volumeMode"), &new.volume_mode, &old.volume_mode);
    if let (Some(before), now) = (&old.node_affinity, &new.node_affinity)
        && now.as_ref() != Some(before)
    {
        let why = "field is immutable, except for updating from beta label to GA";
        errors.invalid(SPEC.child("nodeAffinity"), json!(now), why);
    }
}

pub fn claim(o: &PersistentVolumeClaim, errors: &mut Errors) {
    let empty = PersistentVolumeClaimSpec::default();
    let spec = o.spec.as_ref().unwrap_or(&empty);
    claim_spec(spec, SPEC, errors);
}

/// The spec of a claim, by itself or in a template.
pub fn claim_spec(spec: &PersistentVolumeClaimSpec, path: Path, errors: &mut Errors) {
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    if modes.is_empty() {
        errors.required(path.child("accessModes"), "at least 1 access mode is required");
    }
    if let Some(selector) = &spec.selector {
        super::workload::selector(selector, path.child("selector"), errors);
    }
    access_modes(modes, path.child("accessModes"), errors);
    let resources = path.child("resources");
    match storage(spec.resources.as_ref().and_then(|r| r.requests.as_ref())) {
        None => errors.required(resources.key("storage"), ""),
        Some(amount) if quantity::of(amount).nano <= 0 => {
            errors.invalid(resources.key("storage"), amount.0.as_str(), "must be greater than zero");
        }
        Some(_) => {}
    }
    if let Some(class) = spec.storage_class_name.as_deref().filter(|c| !c.is_empty()) {
        errors.all(path.child("storageClassName"), class, names::subdomain(class));
    }
    volume_mode(spec.volume_mode.as_deref(), path.child("volumeMode"), errors);
    for (field, group, kind, name) in [
        ("dataSource", spec.data_source.as_ref().map(|s| (&s.api_group, &s.kind, &s.name))),
        ("dataSourceRef", spec.data_source_ref.as_ref().map(|s| (&s.api_group, &s.kind, &s.name))),
    ]
    .into_iter()
    .filter_map(|(field, source)| source.map(|(group, kind, name)| (field, group, kind, name)))
    {
        let path = path.child(field);
        errors.needed(path.child("name"), name);
        errors.needed(path.child("kind"), kind);
        let group = group.as_deref().unwrap_or("");
        if group.is_empty() && kind != "PersistentVolumeClaim" {
            let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.invalid(path.child("kind"), kind.as_str(), why);
        }
    }
}

const CLAIM_IMMUTABLE: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

pub fn claim_update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim, errors: &mut Errors) {
    let (Some(spec), Some(before)) = (&new.spec, &old.spec) else { return };
    let mut same = spec.clone();
    // The binder sets the volume, and a class may come afterwards to a claim that has none.
    if before.volume_name.as_deref().unwrap_or("").is_empty() {
        same.volume_name.clone_from(&before.volume_name);
    }
    if before.storage_class_name.is_none() {
        same.storage_class_name = None;
    }
    let bound = old.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Bound");
    if bound {
        let requests = before.resources.as_ref().and_then(|r| r.requests.clone());
        same.resources.get_or_insert_default().requests = requests;
        same.volume_attributes_class_name.clone_from(&before.volume_attributes_class_name);
    }
    if same != *before {
        errors.forbidden(SPEC, format!("{CLAIM_IMMUTABLE}\n{}", diff::claim_spec(before, &same)));
    }
    let asked = storage(spec.resources.as_ref().and_then(|r| r.requests.as_ref()));
    let earlier = storage(before.resources.as_ref().and_then(|r| r.requests.as_ref()));
    let there = storage(old.status.as_ref().and_then(|s| s.capacity.as_ref()));
    if let (Some(asked), Some(earlier)) = (asked, earlier) {
        let path = SPEC.child("resources");
        let path = path.child("requests");
        let (asked, earlier) = (quantity::of(asked).nano, quantity::of(earlier).nano);
        if asked < earlier && asked <= there.map_or(0, |t| quantity::of(t).nano) {
            errors.forbidden(path.child("storage"), "field can not be less than status.capacity");
        }
    }
}

pub fn class(o: &StorageClass, errors: &mut Errors) {
    let provisioner = o.provisioner.as_str();
    if provisioner.is_empty() {
        errors.required(Path::new("provisioner"), "");
    } else {
        errors.all(Path::new("provisioner"), provisioner, names::qualified(&provisioner.to_lowercase()));
    }
    let policy = o.reclaim_policy.as_deref().unwrap_or("");
    if !policy.is_empty() && !matches!(policy, "Delete" | "Retain") {
        errors.unsupported(Path::new("reclaimPolicy"), policy, &["Delete", "Retain"]);
    }
    let mode = o.volume_binding_mode.as_deref();
    match mode {
        None | Some("") => errors.required(Path::new("volumeBindingMode"), ""),
        Some(mode) if !matches!(mode, "Immediate" | "WaitForFirstConsumer") => {
            errors.unsupported(Path::new("volumeBindingMode"), mode, &["Immediate", "WaitForFirstConsumer"]);
        }
        Some(_) => {}
    }
}

pub fn class_update(new: &StorageClass, old: &StorageClass, errors: &mut Errors) {
    if new.parameters != old.parameters {
        errors.forbidden(Path::new("parameters"), "updates to parameters are forbidden.");
    }
    if new.provisioner != old.provisioner {
        errors.forbidden(Path::new("provisioner"), "updates to provisioner are forbidden.");
    }
    if new.reclaim_policy != old.reclaim_policy {
        errors.forbidden(Path::new("reclaimPolicy"), "updates to reclaimPolicy are forbidden.");
    }
    errors.immutable(Path::new("volumeBindingMode"), &new.volume_binding_mode, &old.volume_binding_mode);
}
