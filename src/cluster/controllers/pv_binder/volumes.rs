//! What is done about a volume: its phase, and its end when the claim is gone.

use super::{BOUND_BY_CONTROLLER, PROVISIONED_BY, claim_key, modes_differ, note, until_resync, volume_name};
use crate::apiserver::DeleteOptions;
use crate::cluster::controllers::{View, Write};
use crate::object::{Kind, ObjectKey, Resource, SECOND, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use std::sync::Arc;

/// How long scrubbing a recycled volume takes. (A model: the real one runs a pod that deletes the files.)
const RECYCLE: u64 = 5 * SECOND;

/// Looks at a volume.
pub fn reconcile(view: &View, volume: &Arc<PersistentVolume>) -> Vec<Write> {
    let mut writes = Vec::new();
    let reference = volume.spec.as_ref().and_then(|s| s.claim_ref.as_ref());
    let Some((reference, key)) = reference.zip(claim_key(volume)) else {
        put_phase(view, volume, "Available", &mut writes);
        return writes;
    };
    let uid = reference.uid.as_deref().unwrap_or("");
    if uid.is_empty() {
        put_phase(view, volume, "Available", &mut writes); // reserved; the claim's turn does the rest
        return writes;
    }
    let claim = view.store.fetch::<PersistentVolumeClaim>(&key.name).filter(|c| c.uid_str() == uid);
    match claim {
        None => release(view, volume, &mut writes),
        Some(claim) if volume_name(claim).is_empty() => {
            if modes_differ(claim, volume) {
                tell_modes_differ(volume, claim, &mut writes);
            }
        }
        Some(claim) if volume_name(claim) == volume.name_str() => {
            put_phase(view, volume, "Bound", &mut writes);
        }
        Some(_) if is_dynamic(volume) && policy(volume) == "Delete" => release(view, volume, &mut writes),
        Some(_) => unbind(volume, &mut writes),
    }
    writes
}

fn phase(volume: &PersistentVolume) -> &str {
    volume.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or("")
}

fn policy(volume: &PersistentVolume) -> &str {
    let policy = volume.spec.as_ref().and_then(|s| s.persistent_volume_reclaim_policy.as_deref());
    policy.unwrap_or("Retain")
}

fn is_dynamic(volume: &PersistentVolume) -> bool {
    volume.annotation(PROVISIONED_BY).is_some()
}

/// Sets the phase, with a message. Whether anything changed.
pub fn set_phase(volume: &mut PersistentVolume, phase: &str, message: Option<String>, now: SimTime) -> bool {
    let status = volume.status.get_or_insert_default();
    if status.phase.as_deref() == Some(phase) {
        return false;
    }
    status.phase = Some(phase.to_owned());
    status.message = message;
    status.last_phase_transition_time = Some(now.to_api());
    true
}

fn put_phase(view: &View, volume: &PersistentVolume, phase: &str, writes: &mut Vec<Write>) {
    let mut changed = volume.clone();
    if set_phase(&mut changed, phase, None, view.now) {
        writes.push(Write::UpdateStatus(changed.into_object()));
    }
}

fn tell_modes_differ(volume: &PersistentVolume, claim: &PersistentVolumeClaim, writes: &mut Vec<Write>) {
    let about_volume = format!(
        "Cannot bind PersistentVolume to requested PersistentVolumeClaim \"{}\" due to incompatible volumeMode.",
        claim.name_str()
    );
    let about_claim = format!(
        "Cannot bind PersistentVolume \"{}\" to requested PersistentVolumeClaim due to incompatible volumeMode.",
        volume.name_str()
    );
    writes.push(note(volume.clone(), "Warning", "VolumeMismatch", about_volume));
    writes.push(note(claim.clone(), "Warning", "VolumeMismatch", about_claim));
}

/// The claim is bound elsewhere: what the controller bound is free again, what a user meant stays reserved.
fn unbind(volume: &PersistentVolume, writes: &mut Vec<Write>) {
    let mut changed = volume.clone();
    let spec = changed.spec.get_or_insert_default();
    let annotations = changed.metadata.annotations.get_or_insert_default();
    if annotations.remove(BOUND_BY_CONTROLLER).is_some() {
        spec.claim_ref = None;
    } else if let Some(reference) = &mut spec.claim_ref {
        reference.uid = None;
    }
    writes.push(Write::Update(changed.into_object()));
}

/// The claim is gone: the volume keeps its data until it is reclaimed.
fn release(view: &View, volume: &PersistentVolume, writes: &mut Vec<Write>) {
    if !matches!(phase(volume), "Released" | "Failed") {
        put_phase(view, volume, "Released", writes);
        writes.push(Write::Again(super::super::WATCH_LATENCY));
        return;
    }
    match policy(volume) {
        "Delete" => delete(view, volume, writes),
        "Recycle" => recycle(view, volume, writes),
        _ => {}
    }
}

fn fail(view: &View, volume: &PersistentVolume, reason: &'static str, text: String, writes: &mut Vec<Write>) {
    let mut changed = volume.clone();
    if set_phase(&mut changed, "Failed", Some(text.clone()), view.now) {
        writes.push(Write::UpdateStatus(changed.into_object()));
    }
    writes.push(note(volume.clone(), "Warning", reason, text));
    writes.push(Write::Again(until_resync(view)));
}

/// What a provisioner made, the provisioner deletes. Of the rest only a host path under `/tmp` can be deleted.
fn delete(view: &View, volume: &PersistentVolume, writes: &mut Vec<Write>) {
    let spec = volume.spec.clone().unwrap_or_default();
    if is_dynamic(volume) || spec.csi.is_some() || volume.is_terminating() {
        return;
    }
    match spec.host_path {
        Some(path) if path.path.starts_with("/tmp/") && path.path.len() > 5 => writes.push(Write::Delete {
            key: ObjectKey { kind: Kind::PersistentVolume, name: volume.object_name() },
            options: DeleteOptions::default(),
            done: None,
        }),
        Some(path) => {
            let text = format!("host_path deleter only supports /tmp/.+ but received provided {}", path.path);
            fail(view, volume, "VolumeFailedDelete", text, writes);
        }
        None => {
            let name = volume.name_str();
            let text = format!(
                "error getting deleter volume plugin for volume \"{name}\": no deletable volume plugin matched"
            );
            fail(view, volume, "VolumeFailedDelete", text, writes);
        }
    }
}

/// Scrubs the volume and makes it available again (deprecated, host paths and NFS only).
fn recycle(view: &View, volume: &PersistentVolume, writes: &mut Vec<Write>) {
    let spec = volume.spec.clone().unwrap_or_default();
    if spec.host_path.is_none() && spec.nfs.is_none() {
        let text = "No recycler plugin found for the volume!".to_owned();
        return fail(view, volume, "VolumeFailedRecycle", text, writes);
    }
    let since = volume.status.as_ref().and_then(|s| s.last_phase_transition_time.as_ref());
    let done = since.map(SimTime::from_api).unwrap_or_default() + RECYCLE;
    if view.now < done {
        writes.push(Write::Again(done.since(view.now)));
        return;
    }
    writes.push(note(volume.clone(), "Normal", "VolumeRecycled", "Volume recycled"));
    let mut free = volume.clone();
    free.spec.get_or_insert_default().claim_ref = None;
    free.metadata.annotations.get_or_insert_default().remove(BOUND_BY_CONTROLLER);
    writes.push(Write::Update(free.into_object()));
}
