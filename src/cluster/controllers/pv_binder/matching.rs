//! Which volume a claim gets: the smallest that fits, among those with the fewest access modes.

use super::{class_name, is_bound_to, modes_differ};
use crate::cluster::controllers::View;
use crate::object::{meta::MetaExt, quantity, selector::Selector};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who will bind a claim of a class that waits for its first consumer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delay {
    /// The scheduler: only a volume meant for the claim counts.
    Delayed,
    /// This controller.
    Immediate,
}

/// The bytes that the claim asks for, in nano-units.
pub fn asked(claim: &PersistentVolumeClaim) -> i128 {
    let requests = claim.spec.as_ref().and_then(|s| s.resources.as_ref()).and_then(|r| r.requests.as_ref());
    requests.and_then(|r| r.get("storage")).map_or(0, |q| quantity::of(q).nano)
}

fn capacity(volume: &PersistentVolume) -> i128 {
    let capacity = volume.spec.as_ref().and_then(|s| s.capacity.as_ref());
    capacity.and_then(|c| c.get("storage")).map_or(0, |q| quantity::of(q).nano)
}

fn volume_class(volume: &PersistentVolume) -> &str {
    let class = volume.spec.as_ref().and_then(|s| s.storage_class_name.as_deref());
    volume.annotation("volume.beta.kubernetes.io/storage-class").or(class).unwrap_or("")
}

fn modes(list: Option<&Vec<String>>) -> BTreeSet<&str> {
    list.into_iter().flatten().map(String::as_str).collect()
}

/// The best volume for the claim. Volumes are looked at in groups of the same access modes, those with few first, so
/// that an exact fit of modes counts more than one of size.
pub fn best(view: &View, claim: &PersistentVolumeClaim, delay: Delay) -> Option<Arc<PersistentVolume>> {
    let wanted = modes(claim.spec.as_ref().and_then(|s| s.access_modes.as_ref()));
    let mut groups: BTreeMap<(usize, BTreeSet<&str>), Vec<&Arc<PersistentVolume>>> = BTreeMap::new();
    for volume in view.store.all::<PersistentVolume>() {
        let offered = modes(volume.spec.as_ref().and_then(|s| s.access_modes.as_ref()));
        if offered.is_superset(&wanted) {
            groups.entry((offered.len(), offered)).or_default().push(volume);
        }
    }
    groups.into_values().find_map(|volumes| best_of(&volumes, claim, delay)).cloned()
}

fn best_of<'a>(
    volumes: &[&'a Arc<PersistentVolume>],
    claim: &PersistentVolumeClaim,
    delay: Delay,
) -> Option<&'a Arc<PersistentVolume>> {
    let selector = claim.spec.as_ref().and_then(|s| s.selector.as_ref());
    let selector = selector.map(|s| Selector::from_api(Some(s)));
    let mut smallest: Option<&Arc<PersistentVolume>> = None;
    for volume in volumes {
        let taken = volume.spec.as_ref().is_some_and(|s| s.claim_ref.is_some());
        let meant = is_bound_to(volume, claim);
        if (taken && !meant)
            || capacity(volume) < asked(claim)
            || modes_differ(claim, volume)
            || volume.is_terminating()
        {
            continue;
        }
        if meant {
            return Some(volume);
        }
        let free = volume.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Available");
        let selected = selector.as_ref().is_none_or(|s| s.matches(volume.labels_map()));
        let suits =
            delay == Delay::Immediate && free && selected && volume_class(volume) == class_name(claim);
        if suits && smallest.is_none_or(|s| capacity(s) > capacity(volume)) {
            smallest = Some(volume);
        }
    }
    smallest
}

/// Why a volume that the claim names cannot be bound to it.
pub fn misfit(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<String> {
    if volume.is_terminating() {
        return Some("the volume is marked for deletion".to_owned() + &format!(" \"{}\"", volume.name_str()));
    }
    if capacity(volume) < asked(claim) {
        return Some("requested PV is too small".to_owned());
    }
    if volume_class(volume) != class_name(claim) {
        return Some("storageClassName does not match".to_owned());
    }
    if modes_differ(claim, volume) {
        return Some("incompatible volumeMode".to_owned());
    }
    let offered = modes(volume.spec.as_ref().and_then(|s| s.access_modes.as_ref()));
    let wanted = modes(claim.spec.as_ref().and_then(|s| s.access_modes.as_ref()));
    (!offered.is_superset(&wanted)).then(|| "incompatible accessMode".to_owned())
}
