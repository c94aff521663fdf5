//! The pod garbage collector: pods of nodes that are gone are gone too, after a while.
//!
//! From `pkg/controller/podgc`. Does not: limit how many ended pods are kept (12,500 in a real cluster).

use super::taint_eviction::with_disruption;
use super::{Controller, Keys, View, Write, support};
use crate::apiserver::{Change, DeleteOptions};
use crate::object::{Kind, ObjectKey, Pod, Resource, SECOND, meta::MetaExt};
use k8s_openapi::api::core::v1::Node;

/// `pod-garbage-collector` in the table.
pub const CONTROLLER: Controller = Controller { name: "pod-garbage-collector", watch, reconcile };

/// How often it runs.
const PERIOD: u64 = 20 * SECOND;
/// How long a node may be missing before its pods go.
const QUARANTINE: u64 = 40 * SECOND;

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    let node = match change.key.kind {
        Kind::Node if change.new.is_none() => change.key.clone(),
        Kind::Pod => {
            let Some(pod) = change.new.as_ref().and_then(|o| o.cast::<Pod>()) else { return };
            let Some(node) = pod.spec.node_name.as_ref().filter(|_| change.old.is_none()) else { return };
            if view.store.find::<Node>("", node).is_some() {
                return;
            }
            ObjectKey::new(Kind::Node, "", node.clone())
        }
        _ => return,
    };
    let rest = view.now.since(view.config.start) % PERIOD;
    keys.push_after(node, QUARANTINE + PERIOD - rest);
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    if view.store.get(key).is_some() {
        return Vec::new();
    }
    let mut writes = Vec::new();
    for pod in view.store.pods_on(&key.name.name) {
        if !support::is_finished(pod) {
            let text = "PodGC: node no longer exists";
            let mut failed = with_disruption(pod, "DeletionByPodGC", text, view.now);
            failed.status.phase = Some("Failed".to_owned());
            writes.push(Write::UpdateStatus(failed.into_object()));
        }
        writes.push(Write::Delete {
            key: ObjectKey { kind: Kind::Pod, name: pod.object_name() },
            options: DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() },
            done: None,
        });
    }
    writes
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_of_a_missing_node_go() {
        let mut lab = lab();
        lab.create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lost"},
            "spec": {"nodeName": "gone", "containers": [{"name": "c", "image": "i"}]}
        }));
        lab.advance(39_000);
        assert!(lab.try_get::<Pod>("lost").is_some());
        lab.advance(25_000);
        assert!(lab.try_get::<Pod>("lost").is_none());
    }
}
