//! A `StatefulSet`'s pods and claims: named by ordinal, each with its identity in labels, host name and volumes.

use super::super::support::{self, PodMaker};
use super::REVISION_LABEL;
use crate::object::{Kind, OwnerReference, Pod, meta::MetaExt, meta::owner_ref};
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume,
};
use std::cmp::Reverse;
use std::sync::Arc;

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The ordinal in the name of a pod of the set.
pub fn ordinal(set: &str, pod: &str) -> Option<usize> {
    let number = pod.strip_prefix(set)?.strip_prefix('-')?;
    let canonical = number.bytes().all(|b| b.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
    number.parse().ok().filter(|_| canonical)
}

/// The pods of the places asked for, and the others, the highest ordinal first.
pub fn in_order(
    set: &StatefulSet,
    spec: &StatefulSetSpec,
    claimed: Vec<Arc<Pod>>,
) -> (Vec<Option<Arc<Pod>>>, Vec<Arc<Pod>>) {
    let start = usize::try_from(spec.ordinals.as_ref().and_then(|o| o.start).unwrap_or(0)).unwrap_or(0);
    let n = usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0);
    let (mut replicas, mut condemned) = (vec![None; n], Vec::new());
    for pod in claimed {
        let Some(ordinal) = ordinal(set.name_str(), pod.name_str()) else { continue };
        match ordinal.checked_sub(start).and_then(|place| replicas.get_mut(place)) {
            Some(place) => *place = Some(pod),
            None => condemned.push((ordinal, pod)),
        }
    }
    condemned.sort_by_key(|(ordinal, _)| Reverse(*ordinal));
    (replicas, condemned.into_iter().map(|(_, pod)| pod).collect())
}

/// Whether the pod runs and is ready.
pub fn is_running_and_ready(pod: &Pod) -> bool {
    pod.status.phase.as_deref() == Some("Running") && support::is_ready(pod)
}

/// Whether it runs, is ready and is not going.
pub fn is_healthy(pod: &Pod) -> bool {
    is_running_and_ready(pod) && !pod.is_terminating()
}

/// Whether it has not started.
pub fn is_pending(pod: &Pod) -> bool {
    pod.status.phase.as_deref() == Some("Pending")
}

/// A pod with the ordinal, of the revision with this name.
pub fn make(
    set: &StatefulSet,
    spec: &StatefulSetSpec,
    template: &PodTemplateSpec,
    (ordinal, revision): (usize, &str),
) -> Pod {
    let mut pod = PodMaker::new(template, Kind::StatefulSet, &set.metadata).pod();
    let name = format!("{}-{ordinal}", set.name_str());
    pod.metadata.generate_name = Some(format!("{}-", set.name_str()));
    pod.metadata.name = Some(name.clone());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(REVISION_LABEL.to_owned(), revision.to_owned());
    identify(labels, &name);
    let inner = pod.spec.make_mut();
    inner.hostname = Some(name);
    inner.subdomain = spec.service_name.clone().filter(|s| !s.is_empty());
    let claims = spec.volume_claim_templates.as_deref().unwrap_or_default();
    let volumes = inner.volumes.take().unwrap_or_default();
    let own: Vec<Volume> = claims.iter().map(|c| volume(set, c, ordinal)).collect();
    let others = volumes.into_iter().filter(|v| own.iter().all(|o| o.name != v.name));
    let all: Vec<Volume> = own.iter().cloned().chain(others).collect();
    inner.volumes = (!all.is_empty()).then_some(all);
    pod
}

fn identify(labels: &mut std::collections::BTreeMap<String, String>, name: &str) {
    labels.insert(POD_NAME.to_owned(), name.to_owned());
    let index = name.rsplit('-').next().unwrap_or("");
    labels.insert(POD_INDEX.to_owned(), index.to_owned());
}

/// The pod with the labels of its identity, if it has lost them.
pub fn with_identity(set: &StatefulSet, pod: &Pod) -> Option<Pod> {
    ordinal(set.name_str(), pod.name_str())?;
    let mut repaired = pod.clone();
    identify(repaired.metadata.labels.get_or_insert_default(), pod.name_str());
    (repaired.metadata.labels != pod.metadata.labels).then_some(repaired)
}

fn claim_name(set: &StatefulSet, template: &PersistentVolumeClaim, ordinal: usize) -> String {
    format!("{}-{}-{ordinal}", template.name_str(), set.name_str())
}

fn volume(set: &StatefulSet, template: &PersistentVolumeClaim, ordinal: usize) -> Volume {
    let claim_name = claim_name(set, template, ordinal);
    Volume {
        name: template.name_str().to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource { claim_name, read_only: None }),
        ..Volume::default()
    }
}

/// What may become of a claim when its pod is no longer asked for, or its set goes.
fn deletes(set: &StatefulSetSpec, when: Going) -> bool {
    let policy = set.persistent_volume_claim_retention_policy.as_ref();
    let value = policy.and_then(|p| match when {
        Going::WithSet => p.when_deleted.as_deref(),
        Going::WithPod => p.when_scaled.as_deref(),
    });
    value == Some("Delete")
}

/// When a claim goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    WithSet,
    WithPod,
}

/// The claim with the owner that its set's retention policy gives it, if it has another: the pod when that is one too
/// many and its claims go with it, the set when they go with that, else none of the two.
pub fn with_owner(
    set: &StatefulSet,
    spec: &StatefulSetSpec,
    (claim, pod): (&PersistentVolumeClaim, &Pod),
    condemned: bool,
) -> Option<PersistentVolumeClaim> {
    let wanted = if condemned && deletes(spec, Going::WithPod) {
        Some(owner_ref(Kind::Pod, &pod.metadata))
    } else {
        deletes(spec, Going::WithSet).then(|| owner_ref(Kind::StatefulSet, &set.metadata))
    };
    let before = claim.metadata.owner_references.as_deref().unwrap_or_default();
    let ours = |o: &OwnerReference| o.uid == set.uid_str() || (o.kind == "Pod" && o.name == pod.name_str());
    let mut owners: Vec<OwnerReference> = before.iter().filter(|o| !ours(o)).cloned().collect();
    owners.extend(wanted);
    if owners == before {
        return None;
    }
    let mut changed = claim.clone();
    changed.metadata.owner_references = (!owners.is_empty()).then_some(owners);
    Some(changed)
}

/// The claims of the pod with this ordinal.
pub fn claims(set: &StatefulSet, spec: &StatefulSetSpec, ordinal: usize) -> Vec<PersistentVolumeClaim> {
    let goes_with_set = deletes(spec, Going::WithSet);
    let make = |template: &PersistentVolumeClaim| {
        let mut claim = template.clone();
        claim.metadata.name = Some(claim_name(set, template, ordinal));
        claim.metadata.namespace.clone_from(&set.metadata.namespace);
        let labels = claim.metadata.labels.get_or_insert_default();
        labels.extend(spec.selector.match_labels.clone().into_iter().flatten());
        if goes_with_set {
            claim.metadata.owner_references = Some(vec![owner_ref(Kind::StatefulSet, &set.metadata)]);
        }
        claim.status = None;
        claim
    };
    spec.volume_claim_templates.iter().flatten().map(make).collect()
}
