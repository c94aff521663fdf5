//! Defaults of volumes, claims, classes and drivers.

use super::text;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaimSpec};
use k8s_openapi::api::storage::v1::{CSIDriver, StorageClass};

pub fn volume(object: &mut PersistentVolume) {
    let spec = object.spec.get_or_insert_default();
    text(&mut spec.persistent_volume_reclaim_policy, "Retain");
    text(&mut spec.volume_mode, "Filesystem");
    if let Some(path) = &mut spec.host_path {
        path.type_.get_or_insert_default();
    }
    text(&mut object.status.get_or_insert_default().phase, "Pending");
}

pub fn claim_spec(spec: &mut PersistentVolumeClaimSpec) {
    text(&mut spec.volume_mode, "Filesystem");
    spec.resources.get_or_insert_default();
}

pub fn class(object: &mut StorageClass) {
    text(&mut object.reclaim_policy, "Delete");
    text(&mut object.volume_binding_mode, "Immediate");
}

pub fn driver(object: &mut CSIDriver) {
    let spec = &mut object.spec;
    spec.attach_required.get_or_insert(true);
    spec.pod_info_on_mount.get_or_insert(false);
    spec.storage_capacity.get_or_insert(false);
    spec.requires_republish.get_or_insert(false);
    spec.se_linux_mount.get_or_insert(false);
    text(&mut spec.fs_group_policy, "ReadWriteOnceWithFSType");
    if spec.volume_lifecycle_modes.as_ref().is_none_or(Vec::is_empty) {
        spec.volume_lifecycle_modes = Some(vec!["Persistent".to_owned()]);
    }
}
