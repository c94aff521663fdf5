//! Rows of volumes, claims, classes, drivers and attachments.

use super::{AGE, Column, NAME, name, number, text, wide};
use crate::object::{meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::{CSIDriver, StorageClass, VolumeAttachment};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const fn flag(name: &'static str) -> Column {
    Column { name, type_: "boolean", priority: 0 }
}

pub const VOLUME: &[Column] = &[
    NAME,
    text("Capacity"),
    text("Access Modes"),
    text("Reclaim Policy"),
    text("Status"),
    text("Claim"),
    text("StorageClass"),
    text("VolumeAttributesClass"),
    text("Reason"),
    AGE,
    wide("VolumeMode"),
];
pub const CLAIM: &[Column] = &[
    NAME,
    text("Status"),
    text("Volume"),
    text("Capacity"),
    text("Access Modes"),
    text("StorageClass"),
    text("VolumeAttributesClass"),
    AGE,
    wide("VolumeMode"),
];
pub const CLASS: &[Column] = &[
    NAME,
    text("Provisioner"),
    text("ReclaimPolicy"),
    text("VolumeBindingMode"),
    text("AllowVolumeExpansion"),
    AGE,
];
pub const DRIVER: &[Column] = &[
    NAME,
    flag("AttachRequired"),
    flag("PodInfoOnMount"),
    flag("StorageCapacity"),
    text("TokenRequests"),
    flag("RequiresRepublish"),
    text("Modes"),
    AGE,
];
pub const NODE: &[Column] = &[NAME, number("Drivers"), AGE];
pub const ATTACHMENT: &[Column] = &[NAME, text("Attacher"), text("PV"), text("Node"), flag("Attached"), AGE];

/// `RWO,ROX`: always in this order, each once.
fn access_modes(modes: Option<&Vec<String>>) -> String {
    let has = |mode: &str| modes.is_some_and(|m| m.iter().any(|x| x == mode));
    let all = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    all.iter().filter(|(mode, _)| has(mode)).map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

fn storage(amounts: Option<&BTreeMap<String, Quantity>>) -> Option<String> {
    amounts.and_then(|a| a.get("storage")).map(|q| quantity::of(q).to_string())
}

const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

pub fn volume(o: &PersistentVolume, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let status = o.status.clone().unwrap_or_default();
    let phase = status.phase.unwrap_or_default();
    let claim = spec.claim_ref.as_ref().map_or_else(String::new, |c| {
        format!("{}/{}", c.namespace.as_deref().unwrap_or(""), c.name.as_deref().unwrap_or(""))
    });
    let class = o.annotation(CLASS_ANNOTATION).or(spec.storage_class_name.as_deref()).unwrap_or("");
    vec![
        name(o),
        json!(storage(spec.capacity.as_ref()).unwrap_or_default()),
        json!(access_modes(spec.access_modes.as_ref())),
        json!(spec.persistent_volume_reclaim_policy.as_deref().unwrap_or("")),
        json!(if o.is_terminating() { "Terminating" } else { phase.as_str() }),
        json!(claim),
        json!(class),
        json!(spec.volume_attributes_class_name.as_deref().unwrap_or("<unset>")),
        json!(status.reason.as_deref().unwrap_or("")),
        json!(age),
        json!(spec.volume_mode.as_deref().unwrap_or("<unset>")),
    ]
}

pub fn claim(o: &PersistentVolumeClaim, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let status = o.status.clone().unwrap_or_default();
    let phase = status.phase.unwrap_or_default();
    let bound = spec.volume_name.as_deref().is_some_and(|v| !v.is_empty());
    let capacity = storage(status.capacity.as_ref()).unwrap_or_else(|| "0".to_owned());
    let class = o.annotation(CLASS_ANNOTATION).or(spec.storage_class_name.as_deref()).unwrap_or("");
    vec![
        name(o),
        json!(if o.is_terminating() { "Terminating" } else { phase.as_str() }),
        json!(spec.volume_name.as_deref().unwrap_or("")),
        json!(if bound { capacity.as_str() } else { "" }),
        json!(if bound { access_modes(status.access_modes.as_ref()) } else { String::new() }),
        json!(class),
        json!(spec.volume_attributes_class_name.as_deref().unwrap_or("<unset>")),
        json!(age),
        json!(spec.volume_mode.as_deref().unwrap_or("<unset>")),
    ]
}

pub fn class(o: &StorageClass, age: &str) -> Vec<Value> {
    let is_default = o.annotation("storageclass.kubernetes.io/is-default-class") == Some("true")
        || o.annotation("storageclass.beta.kubernetes.io/is-default-class") == Some("true");
    let suffix = if is_default { " (default)" } else { "" };
    vec![
        json!(format!("{}{suffix}", o.name_str())),
        json!(o.provisioner),
        json!(o.reclaim_policy.as_deref().unwrap_or("Delete")),
        json!(o.volume_binding_mode.as_deref().unwrap_or("Immediate")),
        json!(o.allow_volume_expansion.unwrap_or(false)),
        json!(age),
    ]
}

pub fn driver(o: &CSIDriver, age: &str) -> Vec<Value> {
    let spec = &o.spec;
    let tokens: Vec<String> = spec.token_requests.iter().flatten().map(|t| t.audience.clone()).collect();
    let modes = spec.volume_lifecycle_modes.clone().unwrap_or_default().join(",");
    vec![
        name(o),
        json!(spec.attach_required.unwrap_or(true)),
        json!(spec.pod_info_on_mount.unwrap_or(false)),
        json!(spec.storage_capacity.unwrap_or(false)),
        json!(if tokens.is_empty() { "<unset>".to_owned() } else { tokens.join(",") }),
        json!(spec.requires_republish.unwrap_or(false)),
        json!(if modes.is_empty() { "<none>".to_owned() } else { modes }),
        json!(age),
    ]
}

pub fn attachment(o: &VolumeAttachment, age: &str) -> Vec<Value> {
    vec![
        name(o),
        json!(o.spec.attacher),
        json!(o.spec.source.persistent_volume_name.as_deref().unwrap_or("")),
        json!(o.spec.node_name),
        json!(o.status.as_ref().is_some_and(|s| s.attached)),
        json!(age),
    ]
}
