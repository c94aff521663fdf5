//! Claims and volumes in use stay until they are not: the two protection controllers take their finalizers away.

use super::garbage_collector::without_finalizer;
use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::object::{Kind, Object, ObjectKey, Pod, meta::MetaExt};
use std::sync::Arc;

/// `pvc-protection-controller` in the table.
pub const CLAIMS: Controller =
    Controller { name: "pvc-protection-controller", watch: watch_claims, reconcile: claim };
/// `pv-protection-controller` in the table.
pub const VOLUMES: Controller =
    Controller { name: "pv-protection-controller", watch: watch_volumes, reconcile: volume };

const OF_CLAIMS: &str = "kubernetes.io/pvc-protection";
const OF_VOLUMES: &str = "kubernetes.io/pv-protection";

/// The claims that a pod mounts.
fn claims_of(pod: &Pod) -> impl Iterator<Item = String> {
    let name = pod.name_str();
    pod.spec.volumes.iter().flatten().filter_map(move |v| {
        let named = v.persistent_volume_claim.as_ref().map(|c| c.claim_name.clone());
        named.or_else(|| v.ephemeral.as_ref().map(|_| format!("{name}-{}", v.name)))
    })
}

fn watch_claims(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::PersistentVolumeClaim if change.new.as_ref().is_some_and(MetaExt::is_terminating) => {
            keys.push(change.key.clone());
        }
        Kind::Pod if change.new.is_none() => {
            let Some(pod) = change.old.as_ref().and_then(|o| o.cast::<Pod>()) else { return };
            for claim in claims_of(pod) {
                let key = ObjectKey::new(Kind::PersistentVolumeClaim, change.key.name.namespace(), claim);
                if view.store.get(&key).is_some_and(MetaExt::is_terminating) {
                    keys.push(key);
                }
            }
        }
        _ => {}
    }
}

fn claim(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(object) = view.store.get(key) else { return Vec::new() };
    if !object.is_terminating() || !object.has_finalizer(OF_CLAIMS) {
        return Vec::new();
    }
    // A pod without a node does not hold the claim: its kubelet will not start it with a claim that goes.
    let uses =
        |pod: &Arc<Pod>| pod.spec.node_name.is_some() && claims_of(pod).any(|name| *name == *key.name.name());
    if view.store.all_in::<Pod>(key.name.namespace()).any(uses) {
        return Vec::new();
    }
    vec![Write::Update(without_finalizer(object, OF_CLAIMS))]
}

fn watch_volumes(change: &Change, _: &View, keys: &mut Keys) {
    let going = change.new.as_ref().is_some_and(MetaExt::is_terminating);
    if change.key.kind == Kind::PersistentVolume && going {
        keys.push(change.key.clone());
    }
}

fn volume(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(object @ Object::PersistentVolume(volume)) = view.store.get(key) else { return Vec::new() };
    let bound = volume.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Bound");
    if bound || !volume.is_terminating() || !volume.has_finalizer(OF_VOLUMES) {
        return Vec::new();
    }
    vec![Write::Update(without_finalizer(object, OF_VOLUMES))]
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;
    use crate::apiserver::DeleteOptions;
    use k8s_openapi::api::core::v1::PersistentVolumeClaim;
    use serde_json::json;

    #[test]
    fn a_claim_stays_while_a_pod_on_a_node_uses_it() {
        let mut lab = lab();
        lab.create_all([
            json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data", "finalizers": [OF_CLAIMS]},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            }),
            json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "user"},
                "spec": {
                    "containers": [{"name": "c", "image": "i"}],
                    "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
                }
            }),
        ]);
        lab.place("user", "n1", "10.244.1.2");
        lab.delete(Kind::PersistentVolumeClaim, "data", &DeleteOptions::default()).advance(1000);
        assert!(lab.get::<PersistentVolumeClaim>("data").is_terminating());
        let now = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
        lab.delete(Kind::Pod, "user", &now).advance(1000);
        assert!(lab.try_get::<PersistentVolumeClaim>("data").is_none());
    }
}
