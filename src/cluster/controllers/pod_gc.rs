//! The pod garbage collector: pods of nodes that are gone are gone too, after a while; and those that cannot end, of
//! nodes that somebody has marked as out of service.
//!
//! From `pkg/controller/podgc`. Does not: limit how many ended pods are kept (12,500 in a real cluster).

use super::{Controller, Keys, View, Write, nodes, support};
use crate::apiserver::{Change, DeleteOptions};
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, SECOND, meta::MetaExt};
use k8s_openapi::api::core::v1::{Node, NodeCondition};

/// `pod-garbage-collector` in the table.
pub const CONTROLLER: Controller = Controller { name: "pod-garbage-collector", watch, reconcile };

/// How often it runs.
const PERIOD: u64 = 20 * SECOND;
/// How long a node may be missing before its pods go.
const QUARANTINE: u64 = 40 * SECOND;

/// What says that a node's machine is off for good (`kubectl taint nodes … node.kubernetes.io/out-of-service=…`).
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

fn is_out_of_service(node: &Node) -> bool {
    let ready = |c: &NodeCondition| c.type_ == "Ready" && c.status == "True";
    nodes::taints(node).iter().any(|t| t.key == OUT_OF_SERVICE)
        && !node.status.iter().flat_map(|s| s.conditions.iter().flatten()).any(ready)
}

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    let out = |o: &Object| o.cast::<Node>().is_some_and(|node| is_out_of_service(node));
    let next = PERIOD - view.now.since(view.config.start) % PERIOD;
    match change.key.kind {
        Kind::Node if change.new.is_none() => keys.push_after(change.key.clone(), QUARANTINE + next),
        Kind::Node if change.new.as_ref().is_some_and(out) => keys.push_after(change.key.clone(), next),
        Kind::Pod => {
            let Some(pod) = change.new.as_ref().and_then(|o| o.cast::<Pod>()) else { return };
            let Some(name) = &pod.spec.node_name else { return };
            match view.store.find::<Node>("", name) {
                None if change.old.is_none() => {
                    keys.push_after(ObjectKey::new(Kind::Node, "", name.clone()), QUARANTINE + next);
                }
                Some(node) if pod.is_terminating() && is_out_of_service(node) => {
                    keys.push_after(ObjectKey::new(Kind::Node, "", name.clone()), next);
                }
                _ => {}
            }
        }
        _ => {}
    }
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let gone = match view.store.fetch::<Node>(&key.name) {
        Some(node) if !is_out_of_service(node) => return Vec::new(),
        node => node.is_none(),
    };
    let mut writes = Vec::new();
    for pod in view.store.pods_on(key.name.name()).filter(|pod| gone || pod.is_terminating()) {
        if !support::is_finished(pod) {
            let text = "PodGC: node no longer exists";
            let mut failed = Pod::clone(pod);
            if gone {
                failed.mark_disrupted("DeletionByPodGC", text, pod.metadata.generation, view.now);
            }
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
    use super::super::lab::{lab, lab_with};
    use super::*;
    use crate::cluster::{Config, machines};
    use k8s_openapi::api::core::v1::Taint;
    use serde_json::json;

    #[test]
    fn pods_that_cannot_end_go_once_their_node_is_said_to_be_off() {
        let mut lab = lab_with(Config::default());
        lab.create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stuck"},
            "spec": {"nodeName": "worker-1", "containers": [{"name": "c", "image": "nginx"}]}
        }));
        lab.advance(10_000);
        machines::act(&mut lab.cluster, &machines::Action::Fail("worker-1".to_owned())).expect("fails");
        lab.advance(60_000);
        lab.delete(Kind::Pod, "stuck", &DeleteOptions::default()).advance(120_000);
        assert!(lab.get::<Pod>("stuck").is_terminating());
        let off =
            Taint { key: OUT_OF_SERVICE.to_owned(), effect: "NoExecute".to_owned(), ..Taint::default() };
        lab.edit::<Node>("worker-1", |n| {
            n.spec.get_or_insert_default().taints.get_or_insert_default().push(off);
        });
        lab.advance(21_000);
        assert!(lab.try_get::<Pod>("stuck").is_none());
    }

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
