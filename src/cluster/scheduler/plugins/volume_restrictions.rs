//! `VolumeRestrictions`: a claim with `ReadWriteOncePod` is for one pod of the whole cluster.
//!
//! The old in-tree disks, which conflicted on a node, are gone with their volume plugins and are not modelled.

use super::{Cycle, Event, Facts, NodeInfo, Object, Pod, Refusal};
use crate::apiserver::Store;
use crate::object::meta::MetaExt;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use std::sync::Arc;

/// The pod's claims that only one pod may use.
pub fn exclusive_claims(store: &Store, pod: &Pod, facts: &Facts) -> Vec<Arc<str>> {
    let names = facts.claims.iter().map(|c| c.name(pod.name_str()));
    names.filter(|name| is_exclusive(store, pod.namespace_str(), name)).collect()
}

fn is_exclusive(store: &Store, namespace: &str, claim: &str) -> bool {
    let claim = store.find::<PersistentVolumeClaim>(namespace, claim);
    let modes = claim.and_then(|c| c.spec.as_ref()).and_then(|s| s.access_modes.as_ref());
    modes.is_some_and(|m| m.iter().any(|mode| mode == "ReadWriteOncePod"))
}

/// Refuses the node on which another pod uses such a claim.
pub fn filter(cycle: &Cycle, node: &NodeInfo) -> Option<Refusal> {
    let namespace = cycle.pod.namespace_str();
    let used = node
        .pods
        .iter()
        .filter(|p| *p.name.namespace() == *namespace)
        .any(|p| p.facts.claims.iter().any(|c| cycle.exclusive_claims.contains(&c.name(p.name.name()))));
    if used {
        Refusal::now(
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
        )
    } else {
        None
    }
}

/// A pod that gives the claim back helps.
pub fn helped(event: &Event, _: &Pod, facts: &Facts) -> bool {
    match event {
        Event::PodGone(gone) => gone.claims.iter().any(|c| facts.claims.contains(c)),
        Event::Storage(Object::PersistentVolumeClaim(_)) => true,
        _ => false,
    }
}
