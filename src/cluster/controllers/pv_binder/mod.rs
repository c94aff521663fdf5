//! The persistent volume controller: binds claims to volumes one to one, and says what becomes of a volume whose claim
//! is gone.
//!
//! Always holds: a binding is written on both sides, the volume's first; every 15 seconds of the cluster's life what
//! is not bound is looked at again. From `pkg/controller/volume/persistentvolume`.

mod claims;
mod matching;
mod volumes;

use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, Resource, SECOND, meta::MetaExt};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;

/// `persistent-volume-binder` in the table.
pub const CONTROLLER: Controller = Controller { name: "persistent-volume-binder", watch, reconcile };

const COMPONENT: &str = "persistentvolume-controller";
/// Set on what the controller bound, not the user.
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Set on a claim that has been bound once.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Set on a volume by what provisioned it.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Set on a claim: the provisioner that is asked.
pub const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
const BETA_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// Set on a claim by the scheduler: where its first consumer will run.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// How often everything is looked at again.
const RESYNC: u64 = 15 * SECOND;

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::PersistentVolumeClaim => watch_claim(change, view, keys),
        Kind::PersistentVolume => watch_volume(change, view, keys),
        _ => {}
    }
}

fn watch_claim(change: &Change, view: &View, keys: &mut Keys) {
    if change.new.is_some() {
        keys.push(change.key.clone());
    }
    for claim in [&change.old, &change.new].into_iter().flatten() {
        let Some(claim) = claim.cast::<PersistentVolumeClaim>() else { continue };
        let volume = volume_name(claim);
        if !volume.is_empty() {
            keys.push(ObjectKey::new(Kind::PersistentVolume, "", volume));
        }
    }
    if change.new.is_none() {
        let named = |v: &&std::sync::Arc<PersistentVolume>| refers_to(v, &change.key);
        for volume in view.store.all::<PersistentVolume>().filter(named) {
            keys.push(ObjectKey::new(Kind::PersistentVolume, "", volume.name_str()));
        }
    }
}

fn watch_volume(change: &Change, view: &View, keys: &mut Keys) {
    fn claim(object: Option<&Object>) -> Option<ObjectKey> {
        claim_key(object?.cast::<PersistentVolume>()?)
    }
    let (before, after) = (claim(change.old.as_ref()), claim(change.new.as_ref()));
    if change.new.is_some() {
        keys.push(change.key.clone());
    }
    match (before, after) {
        (Some(before), None) if change.new.is_some() => keys.push_after(before, until_resync(view)),
        (Some(claim), None) => keys.push(claim),
        (before, Some(after)) if before.as_ref() != Some(&after) => keys.push(after),
        _ => {}
    }
}

fn refers_to(volume: &PersistentVolume, claim: &ObjectKey) -> bool {
    claim_key(volume).is_some_and(|key| key == *claim)
}

/// The claim that the volume names.
fn claim_key(volume: &PersistentVolume) -> Option<ObjectKey> {
    let claim = volume.spec.as_ref()?.claim_ref.as_ref()?;
    let (namespace, name) = (claim.namespace.as_deref()?, claim.name.as_deref()?);
    Some(ObjectKey::new(Kind::PersistentVolumeClaim, namespace, name))
}

/// Nanoseconds until everything is looked at again.
fn until_resync(view: &View) -> u64 {
    RESYNC - view.now.since(view.config.start) % RESYNC
}

/// The volume that the claim names, or nothing.
pub fn volume_name(claim: &PersistentVolumeClaim) -> &str {
    claim.spec.as_ref().and_then(|s| s.volume_name.as_deref()).unwrap_or("")
}

/// The class that the claim asks for, or nothing.
pub fn class_name(claim: &PersistentVolumeClaim) -> &str {
    let asked = claim.spec.as_ref().and_then(|s| s.storage_class_name.as_deref());
    claim.annotation("volume.beta.kubernetes.io/storage-class").or(asked).unwrap_or("")
}

/// Whether the volume is meant for the claim: by name, and by uid if it has one.
pub fn is_bound_to(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let Some(reference) = volume.spec.as_ref().and_then(|s| s.claim_ref.as_ref()) else { return false };
    let uid = reference.uid.as_deref().unwrap_or("");
    reference.name == claim.metadata.name
        && reference.namespace == claim.metadata.namespace
        && (uid.is_empty() || uid == claim.uid_str())
}

/// Filesystem or Block.
fn modes_differ(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> bool {
    let mode = |m: Option<&str>| m.unwrap_or("Filesystem").to_owned();
    let of_claim = mode(claim.spec.as_ref().and_then(|s| s.volume_mode.as_deref()));
    of_claim != mode(volume.spec.as_ref().and_then(|s| s.volume_mode.as_deref()))
}

/// The class marked as default, the newest if several are.
fn default_class<'a>(view: &View<'a>) -> Option<&'a StorageClass> {
    let marked = |c: &&std::sync::Arc<StorageClass>| {
        c.annotation("storageclass.kubernetes.io/is-default-class") == Some("true")
    };
    let classes = view.store.all::<StorageClass>().filter(marked);
    classes.max_by(|a, b| a.created().cmp(&b.created()).then(b.name_str().cmp(a.name_str()))).map(|c| &**c)
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    match view.store.get(key) {
        Some(Object::PersistentVolumeClaim(claim)) => claims::reconcile(view, claim),
        Some(Object::PersistentVolume(volume)) => volumes::reconcile(view, volume),
        _ => Vec::new(),
    }
}

fn note(object: impl Resource, type_: &'static str, reason: &'static str, text: impl Into<String>) -> Write {
    let object = object.into_object();
    Write::Event(match type_ {
        "Warning" => Note::warning(&object, COMPONENT, reason, text),
        _ => Note::normal(&object, COMPONENT, reason, text),
    })
}

#[cfg(test)]
mod tests;
