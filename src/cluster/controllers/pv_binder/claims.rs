//! What is done about a claim.

use super::matching::{self, Delay};
use super::{
    BETA_PROVISIONER, BIND_COMPLETED, BOUND_BY_CONTROLLER, PROVISIONER, SELECTED_NODE, class_name,
    default_class, is_bound_to, note, until_resync, volume_name,
};
use crate::cluster::controllers::{View, Write};
use crate::object::{ObjectName, Pod, Resource, meta::MetaExt};
use k8s_openapi::api::core::v1::{
    ObjectReference, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus,
};
use k8s_openapi::api::storage::v1::StorageClass;
use std::sync::Arc;

const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// Looks at a claim.
pub fn reconcile(view: &View, claim: &Arc<PersistentVolumeClaim>) -> Vec<Write> {
    let mut writes = Vec::new();
    if claim.annotation(BIND_COMPLETED).is_some() {
        bound(view, claim, &mut writes);
    } else if volume_name(claim).is_empty() {
        unbound(view, claim, &mut writes);
    } else {
        asks_for_volume(view, claim, &mut writes);
    }
    writes
}

fn phase(claim: &PersistentVolumeClaim) -> &str {
    claim.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or("")
}

/// Sets the phase. Whether it was another.
fn set_phase(claim: &PersistentVolumeClaim, phase_name: &str, writes: &mut Vec<Write>) -> bool {
    let mut changed = claim.clone();
    let status = changed.status.get_or_insert_default();
    status.phase = Some(phase_name.to_owned());
    if phase_name != "Bound" {
        status.access_modes = None;
        status.capacity = None;
    }
    if changed.status == claim.status {
        return false;
    }
    writes.push(Write::UpdateStatus(changed.into_object()));
    phase(claim) != phase_name
}

/// The claim is not bound, and names no volume.
fn unbound(view: &View, claim: &Arc<PersistentVolumeClaim>, writes: &mut Vec<Write>) {
    let class = view.store.find::<StorageClass>("", class_name(claim));
    let waits = class.and_then(|c| c.volume_binding_mode.as_deref()) == Some("WaitForFirstConsumer");
    let delay = if waits { Delay::Delayed } else { Delay::Immediate };
    if let Some(volume) = matching::best(view, claim, delay) {
        return bind(view, &volume, claim, writes);
    }
    writes.push(Write::Again(until_resync(view)));
    let unasked = claim.spec.as_ref().is_none_or(|s| s.storage_class_name.is_none());
    if let Some(class) = default_class(view).filter(|_| unasked && class_name(claim).is_empty()) {
        let mut changed = PersistentVolumeClaim::clone(claim);
        changed.spec.get_or_insert_default().storage_class_name.clone_from(&class.metadata.name);
        writes.push(Write::Update(changed.into_object()));
        return;
    }
    if waits && claim.annotation(SELECTED_NODE).is_none() {
        wait_for_consumer(view, claim, writes);
    } else if !class_name(claim).is_empty() {
        provision(view, claim, class, writes);
    } else {
        let text = "no persistent volumes available for this claim and no storage class is set";
        writes.push(note((**claim).clone(), "Normal", "FailedBinding", text));
    }
    set_phase(claim, "Pending", writes);
}

fn wait_for_consumer(view: &View, claim: &PersistentVolumeClaim, writes: &mut Vec<Write>) {
    let uses = |pod: &&Arc<Pod>| {
        let mut volumes = pod.spec.volumes.iter().flatten();
        pod.spec.node_name.is_none()
            && volumes
                .any(|v| v.persistent_volume_claim.as_ref().is_some_and(|c| c.claim_name == claim.name_str()))
    };
    let pods = view.store.all_in::<Pod>(claim.namespace_str()).filter(uses);
    let names: Vec<&str> = pods.map(|p| p.name_str()).collect();
    let (reason, text) = match names.as_slice() {
        [] => ("WaitForFirstConsumer", "waiting for first consumer to be created before binding".to_owned()),
        [one] => ("WaitForPodScheduled", format!("waiting for pod {one} to be scheduled")),
        many => ("WaitForPodScheduled", format!("waiting for pods {} to be scheduled", many.join(","))),
    };
    writes.push(note(claim.clone(), "Normal", reason, text));
}

/// Asks the class's provisioner: an annotation, which the provisioner watches for.
fn provision(
    view: &View,
    claim: &PersistentVolumeClaim,
    class: Option<&Arc<StorageClass>>,
    writes: &mut Vec<Write>,
) {
    let fails = |text: String| note(claim.clone(), "Warning", "ProvisioningFailed", text);
    let Some(class) = class else {
        let text = format!("storageclass.storage.k8s.io \"{}\" not found", class_name(claim));
        writes.push(fails(text));
        return;
    };
    let provisioner = class.provisioner.as_str();
    if provisioner == NO_PROVISIONER || provisioner.starts_with("kubernetes.io/") {
        writes.push(fails(format!("no volume plugin matched name: {provisioner}")));
        return;
    }
    let provisioned = ObjectName::new("", format!("pvc-{}", claim.uid_str()));
    if view.store.fetch::<PersistentVolume>(&provisioned).is_some() {
        return;
    }
    if claim.annotation(PROVISIONER) != Some(provisioner) {
        let mut changed = claim.clone();
        let annotations = changed.metadata.annotations.get_or_insert_default();
        for key in [BETA_PROVISIONER, PROVISIONER] {
            annotations.insert(key.to_owned(), provisioner.to_owned());
        }
        writes.push(Write::Update(changed.into_object()));
    }
    let text = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
         system administrator. If volume creation is delayed, please verify that the provisioner is running and \
         correctly registered."
    );
    writes.push(note(claim.clone(), "Normal", "ExternalProvisioning", text));
}

/// The claim is not bound, and names a volume.
fn asks_for_volume(view: &View, claim: &Arc<PersistentVolumeClaim>, writes: &mut Vec<Write>) {
    let warning = |reason, text: String| note((**claim).clone(), "Warning", reason, text);
    let volume = view.store.find::<PersistentVolume>("", volume_name(claim));
    match volume {
        Some(volume) if is_bound_to(volume, claim) => return bind(view, volume, claim, writes),
        Some(volume) if volume.spec.as_ref().is_some_and(|s| s.claim_ref.is_some()) => {
            let text = format!("volume \"{}\" already bound to a different claim.", volume.name_str());
            writes.push(warning("FailedBinding", text));
        }
        Some(volume) => match matching::misfit(volume, claim) {
            None => return bind(view, volume, claim, writes),
            Some(why) => {
                let text = format!("Cannot bind to requested volume \"{}\": {why}", volume.name_str());
                writes.push(warning("VolumeMismatch", text));
            }
        },
        None => {}
    }
    set_phase(claim, "Pending", writes);
    writes.push(Write::Again(until_resync(view)));
}

/// The claim was bound once.
fn bound(view: &View, claim: &Arc<PersistentVolumeClaim>, writes: &mut Vec<Write>) {
    let lost = |reason, text: &str, writes: &mut Vec<Write>| {
        if set_phase(claim, "Lost", writes) {
            writes.push(note((**claim).clone(), "Warning", reason, text));
        }
    };
    if volume_name(claim).is_empty() {
        let text = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
        return lost("ClaimLost", text, writes);
    }
    let Some(volume) = view.store.find::<PersistentVolume>("", volume_name(claim)) else {
        let text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
        return lost("ClaimLost", text, writes);
    };
    let claimant = volume.spec.as_ref().and_then(|s| s.claim_ref.as_ref());
    match claimant {
        Some(other) if other.uid.as_deref() != Some(claim.uid_str()) && !is_bound_to(volume, claim) => {
            let text = "Two claims are bound to the same volume, this one is bound incorrectly";
            lost("ClaimMisbound", text, writes);
        }
        _ => bind(view, volume, claim, writes),
    }
}

/// Binds both sides, as far as they are not yet.
fn bind(
    view: &View,
    volume: &Arc<PersistentVolume>,
    claim: &Arc<PersistentVolumeClaim>,
    writes: &mut Vec<Write>,
) {
    let mut bound_volume = bound_volume(volume, claim);
    if bound_volume != **volume {
        writes.push(Write::Update(bound_volume.clone().into_object()));
    }
    if super::volumes::set_phase(&mut bound_volume, "Bound", None, view.now) {
        writes.push(Write::UpdateStatus(bound_volume.clone().into_object()));
    }
    let mut bound_claim = PersistentVolumeClaim::clone(claim);
    let annotations = bound_claim.metadata.annotations.get_or_insert_default();
    annotations.insert(BIND_COMPLETED.to_owned(), "yes".to_owned());
    if volume_name(claim) != volume.name_str() {
        annotations.insert(BOUND_BY_CONTROLLER.to_owned(), "yes".to_owned());
        bound_claim.spec.get_or_insert_default().volume_name.clone_from(&volume.metadata.name);
    }
    if bound_claim != **claim {
        writes.push(Write::Update(bound_claim.clone().into_object()));
    }
    let earlier = claim.status.clone().unwrap_or_default();
    let spec = volume.spec.clone().unwrap_or_default();
    let was_bound = earlier.phase.as_deref() == Some("Bound");
    let status = PersistentVolumeClaimStatus {
        phase: Some("Bound".to_owned()),
        access_modes: spec.access_modes,
        capacity: if was_bound { earlier.capacity.clone() } else { spec.capacity },
        ..earlier
    };
    if claim.status.as_ref() != Some(&status) {
        bound_claim.status = Some(status);
        writes.push(Write::UpdateStatus(bound_claim.into_object()));
    }
}

fn bound_volume(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> PersistentVolume {
    let mut bound = volume.clone();
    if !is_bound_to(volume, claim) {
        let annotations = bound.metadata.annotations.get_or_insert_default();
        annotations.insert(BOUND_BY_CONTROLLER.to_owned(), "yes".to_owned());
    }
    let reference = &mut bound.spec.get_or_insert_default().claim_ref;
    if reference.as_ref().and_then(|r| r.uid.as_deref()) != Some(claim.uid_str()) {
        *reference = Some(ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("PersistentVolumeClaim".to_owned()),
            name: claim.metadata.name.clone(),
            namespace: claim.metadata.namespace.clone(),
            resource_version: claim.metadata.resource_version.clone(),
            uid: claim.metadata.uid.clone(),
            field_path: None,
        });
    }
    bound
}
