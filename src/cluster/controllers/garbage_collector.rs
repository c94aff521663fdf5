//! The garbage collector: what has lost every owner goes; foreground and orphan deletions are carried out.
//!
//! Always holds: an object is looked at when an owner of it goes, not by scanning. From
//! `pkg/controller/garbagecollector`; owners of unknown kinds count as present.

use super::support::{owner_kind, without_owner};
use super::{Controller, Keys, View, Write};
use crate::apiserver::{Change, DeleteOptions, Propagation};
use crate::object::{Kind, Object, ObjectKey, OwnerReference, meta::MetaExt};

/// `generic-garbage-collector` in the table.
pub const CONTROLLER: Controller = Controller { name: "generic-garbage-collector", watch, reconcile };

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    if matches!(change.key.kind, Kind::Event | Kind::Lease) {
        return;
    }
    let Some(object) = change.object() else { return };
    if change.new.is_none() {
        view.store.owned_by(object.uid_str()).for_each(|dependent| keys.push(dependent.key()));
        for owner in object.meta().owner_references.iter().flatten() {
            if let Some(owner) = find_owner(view, object, owner).filter(|o| o.has_finalizer(FOREGROUND)) {
                keys.push(owner.key());
            }
        }
        return;
    }
    let meta = object.meta();
    if object.is_terminating() && (object.has_finalizer(FOREGROUND) || object.has_finalizer(ORPHAN)) {
        keys.push(change.key.clone());
        return;
    }
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    let before = change.old.as_ref().and_then(|o| o.meta().owner_references.as_deref()).unwrap_or_default();
    if !owners.is_empty() && owners != before && owners.iter().any(|o| is_gone(view, object, o)) {
        keys.push(change.key.clone());
    }
}

/// The owner that a reference means: same name and uid.
fn find_owner<'a>(view: &'a View, object: &Object, owner: &OwnerReference) -> Option<&'a Object> {
    let kind = owner_kind(view, owner)?;
    let namespace = if kind.info().namespaced { object.namespace_str() } else { "" };
    let found = view.store.get(&ObjectKey::new(kind, namespace, owner.name.as_str()))?;
    (found.uid_str() == owner.uid).then_some(found)
}

fn is_gone(view: &View, object: &Object, owner: &OwnerReference) -> bool {
    owner_kind(view, owner).is_some() && find_owner(view, object, owner).is_none()
}

/// Whether the owner waits for its dependents before it goes.
fn waits(view: &View, object: &Object, owner: &OwnerReference) -> bool {
    find_owner(view, object, owner).is_some_and(|o| o.is_terminating() && o.has_finalizer(FOREGROUND))
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(object) = view.store.get(key) else { return Vec::new() };
    let mut writes = Vec::new();
    if object.is_terminating() {
        if object.has_finalizer(ORPHAN) {
            for dependent in view.store.owned_by(object.uid_str()) {
                writes.push(Write::Update(without_owner(dependent.clone(), object.uid_str())));
            }
            writes.push(Write::Update(without_finalizer(object, ORPHAN)));
        } else if object.has_finalizer(FOREGROUND) {
            delete_dependents(view, object, &mut writes);
        }
        return writes;
    }
    collect(view, object, &mut writes);
    writes
}

/// Deletes what the object owns; once nothing that blocks it is left, the object itself may go.
fn delete_dependents(view: &View, object: &Object, writes: &mut Vec<Write>) {
    let uid = object.uid_str();
    let mut blocked = false;
    for dependent in view.store.owned_by(uid) {
        let references = dependent.meta().owner_references.iter().flatten();
        blocked |= references.clone().any(|o| o.uid == uid && o.block_owner_deletion == Some(true));
        if !dependent.is_terminating() {
            collect(view, dependent, writes);
        }
    }
    if !blocked {
        writes.push(Write::Update(without_finalizer(object, FOREGROUND)));
    }
}

/// Deletes an object whose owners are all gone or waiting for it; takes such owners from it when another is left.
fn collect(view: &View, object: &Object, writes: &mut Vec<Write>) {
    let owners = object.meta().owner_references.as_deref().unwrap_or_default();
    let (lost, solid): (Vec<_>, Vec<_>) =
        owners.iter().partition(|o| is_gone(view, object, o) || waits(view, object, o));
    if lost.is_empty() {
        return;
    }
    if !solid.is_empty() {
        let cut = lost.iter().fold(object.clone(), |object, owner| without_owner(object, &owner.uid));
        writes.push(Write::Update(cut));
        return;
    }
    let waited_for = lost.iter().any(|o| waits(view, object, o));
    let has_dependents = view.store.owned_by(object.uid_str()).next().is_some();
    let propagation = match () {
        () if waited_for && has_dependents => Propagation::Foreground,
        () if object.has_finalizer(ORPHAN) => Propagation::Orphan,
        () if object.has_finalizer(FOREGROUND) => Propagation::Foreground,
        () => Propagation::Background,
    };
    let uid = object.meta().uid.clone();
    let options = DeleteOptions { propagation, uid, ..DeleteOptions::default() };
    writes.push(Write::Delete { key: object.key(), options, done: None });
}

/// The object without one of its finalizers.
pub fn without_finalizer(object: &Object, finalizer: &str) -> Object {
    let mut object = object.clone();
    let finalizers = &mut object.meta_mut().finalizers;
    if let Some(list) = finalizers {
        list.retain(|f| f != finalizer);
        if list.is_empty() {
            *finalizers = None;
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::super::lab::{Lab, lab};
    use super::*;
    use crate::object::Pod;
    use k8s_openapi::api::apps::v1::ReplicaSet;
    use serde_json::json;

    fn replica_set(lab: &mut Lab) {
        lab.create(json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "nginx"}]}
                }
            }
        }));
        lab.advance(100);
        assert_eq!(lab.all::<Pod>().len(), 2);
    }

    #[test]
    fn dependents_go_stay_or_go_first() {
        for (propagation, at_once, pods, owned) in [
            (Propagation::Background, false, 0, false),
            (Propagation::Foreground, true, 0, false),
            (Propagation::Orphan, true, 2, false),
        ] {
            let mut lab = lab();
            replica_set(&mut lab);
            let options = DeleteOptions { propagation, ..DeleteOptions::default() };
            lab.delete(Kind::ReplicaSet, "web", &options);
            assert_eq!(lab.try_get::<ReplicaSet>("web").is_some(), at_once, "{propagation:?}");
            lab.advance(1000);
            assert!(lab.try_get::<ReplicaSet>("web").is_none(), "{propagation:?}");
            let left = lab.all::<Pod>();
            assert_eq!(left.len(), pods, "{propagation:?}");
            assert_eq!(left.iter().any(|p| p.controller_of().is_some()), owned);
        }
    }

    #[test]
    fn what_is_created_for_a_lost_owner_goes() {
        let mut lab = lab();
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gone", "uid": "u"});
        lab.create(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "ownerReferences": [owner]}
        }));
        lab.advance(100);
        assert!(lab.try_get::<k8s_openapi::api::core::v1::ConfigMap>("c").is_none());
    }
}
