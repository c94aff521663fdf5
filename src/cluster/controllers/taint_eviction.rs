//! The taint eviction controller: `NoExecute` taints remove pods that do not tolerate them, or not for ever.
//!
//! Always holds: the shortest `tolerationSeconds` among the tolerations used counts, from when the taint was seen; it
//! is cancelled when the taint goes. From `pkg/controller/tainteviction`.

use super::{Controller, Keys, View, Write, nodes, support};
use crate::apiserver::{Change, DeleteOptions};
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, meta::MetaExt};
use k8s_openapi::api::core::v1::{Node, Taint, Toleration};
use std::sync::Arc;

/// `taint-eviction-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "taint-eviction-controller", watch, reconcile };

const NO_EXECUTE: &str = "NoExecute";

fn no_execute(node: &Node) -> Vec<&Taint> {
    nodes::taints(node).iter().filter(|t| t.effect == NO_EXECUTE).collect()
}

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::Node => {
            fn of(object: Option<&Object>) -> Vec<&Taint> {
                object.and_then(|o| o.cast::<Node>()).map(|n| no_execute(n)).unwrap_or_default()
            }
            if change.new.is_some() && of(change.old.as_ref()) != of(change.new.as_ref()) {
                for pod in view.store.pods_on(change.key.name.name()) {
                    keys.push(ObjectKey { kind: Kind::Pod, name: pod.object_name() });
                }
            }
        }
        Kind::Pod => {
            fn of(object: Option<&Object>) -> Option<(&Arc<str>, Option<&Vec<Toleration>>)> {
                let pod = object?.cast::<Pod>()?;
                Some((pod.spec.node_name.as_ref()?, pod.spec.tolerations.as_ref()))
            }
            let Some((node, _)) = of(change.new.as_ref()) else { return };
            let tainted = view.store.find::<Node>("", node).is_some_and(|n| !no_execute(n).is_empty());
            if tainted && of(change.old.as_ref()) != of(change.new.as_ref()) {
                keys.push(change.key.clone());
            }
        }
        _ => {}
    }
}

/// How long a pod may stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stay {
    ForEver,
    Nanos(u64),
    Not,
}

fn stay(taints: &[&Taint], tolerations: &[Toleration]) -> Stay {
    let mut shortest: Option<i64> = None;
    for taint in taints {
        let Some(used) = tolerations.iter().find(|t| nodes::tolerates(t, taint)) else { return Stay::Not };
        if let Some(seconds) = used.toleration_seconds {
            shortest = Some(shortest.map_or(seconds, |s| s.min(seconds)));
        }
    }
    shortest.map_or(Stay::ForEver, |seconds| Stay::Nanos(support::seconds(seconds)))
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let forget = || view.remembered.map(|_| Write::Remember(None)).into_iter().collect::<Vec<_>>();
    let Some(Object::Pod(pod)) = view.store.get(key) else { return forget() };
    let node = pod.spec.node_name.as_ref().and_then(|n| view.store.find::<Node>("", n));
    let Some(node) = node.filter(|_| !pod.is_terminating()) else { return forget() };
    match stay(&no_execute(node), pod.spec.tolerations.as_deref().unwrap_or_default()) {
        Stay::ForEver => cancel(view, pod),
        Stay::Not => cancel(view, pod).into_iter().chain(evict(view, pod)).collect(),
        Stay::Nanos(nanos) => {
            let due = view.remembered.unwrap_or(view.now + nanos);
            if due <= view.now {
                return evict(view, pod);
            }
            vec![Write::Remember(Some(due)), Write::Again(due.since(view.now))]
        }
    }
}

fn note(pod: &Arc<Pod>, text: &str) -> Write {
    let text = format!("{text} Pod {}", pod.object_name());
    Write::Event(Note::normal(&Object::Pod(pod.clone()), CONTROLLER.name, "TaintManagerEviction", text))
}

fn cancel(view: &View, pod: &Arc<Pod>) -> Vec<Write> {
    if view.remembered.is_none() {
        return Vec::new();
    }
    vec![note(pod, "Cancelling deletion of"), Write::Remember(None)]
}

fn evict(view: &View, pod: &Arc<Pod>) -> Vec<Write> {
    let text = "Taint manager: deleting due to NoExecute taint";
    let mut target = Pod::clone(pod);
    target.mark_disrupted("DeletionByTaintManager", text, pod.metadata.generation, view.now);
    vec![
        note(pod, "Marking for deletion"),
        Write::UpdateStatus(target.into_object()),
        Write::Delete {
            key: ObjectKey { kind: Kind::Pod, name: pod.object_name() },
            options: DeleteOptions::default(),
            done: None,
        },
        Write::Remember(None),
    ]
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `json!` values read best where they are passed
mod tests {
    use super::super::lab::{Lab, lab};
    use super::*;
    use serde_json::{Value, json};

    fn pod(lab: &mut Lab, name: &str, tolerations: &Value) {
        lab.create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {
                "nodeName": "n1", "tolerations": tolerations, "containers": [{"name": "c", "image": "i"}]
            }
        }));
    }

    fn taint(lab: &mut Lab, taints: Value) {
        let taints = serde_json::from_value(taints).expect("taints");
        lab.edit::<Node>("n1", |n| n.spec.get_or_insert_default().taints = taints);
    }

    #[test]
    fn pods_stay_as_long_as_they_tolerate() {
        let mut lab = lab();
        lab.create(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}));
        taint(&mut lab, json!([]));
        let tolerates = |seconds: Value| json!([{"key": "m", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}]);
        pod(&mut lab, "plain", &json!([]));
        pod(&mut lab, "patient", &tolerates(json!(15)));
        pod(&mut lab, "lucky", &tolerates(json!(30)));
        pod(&mut lab, "forever", &tolerates(json!(null)));
        taint(&mut lab, json!([{"key": "m", "effect": "NoExecute"}]));
        let going = |lab: &Lab, name: &str| lab.try_get::<Pod>(name).is_none_or(|p| p.is_terminating());
        lab.advance(1000);
        assert!(going(&lab, "plain") && !going(&lab, "patient"));
        lab.advance(13_000);
        assert!(!going(&lab, "patient"));
        lab.advance(2_000);
        assert!(going(&lab, "patient") && !going(&lab, "lucky"));
        taint(&mut lab, json!([]));
        lab.advance(30_000);
        assert!(!going(&lab, "lucky") && !going(&lab, "forever"));
        let mut events = lab.events("Pod");
        events.retain(|e| e.starts_with("TaintManagerEviction"));
        assert_eq!(
            events,
            [
                "TaintManagerEviction: Marking for deletion Pod default/plain",
                "TaintManagerEviction: Marking for deletion Pod default/patient",
                "TaintManagerEviction: Cancelling deletion of Pod default/lucky",
            ]
        );
    }
}
