//! The resource quota controller: keeps a quota's status at what its namespace uses.
//!
//! The refusing is admission's (`apiserver::admission::quota`), which counts by the same rules.

use super::{Controller, Keys, View, WATCH_LATENCY, Write};
use crate::apiserver::{Change, admission::quota};
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, time::MILLISECOND};
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// `resourcequota-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "resourcequota-controller", watch, reconcile };

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    if view.store.count(Kind::ResourceQuota) == 0 || !change.key.kind.info().namespaced {
        return;
    }
    let created_or_gone = change.old.is_none() || change.new.is_none();
    let wakes = match change.key.kind {
        Kind::ResourceQuota => {
            if change.new.is_some() {
                keys.push(change.key.clone());
            }
            return;
        }
        Kind::Event | Kind::Lease => false,
        Kind::Pod => created_or_gone || ended(change),
        Kind::Service | Kind::PersistentVolumeClaim => true,
        _ => created_or_gone,
    };
    if !wakes {
        return;
    }
    let delay = WATCH_LATENCY + if change.key.kind == Kind::Pod { 20 * MILLISECOND } else { 0 };
    for quota in view.store.list_in(Kind::ResourceQuota, change.key.name.namespace()) {
        keys.push_after(quota.key(), delay);
    }
}

fn ended(change: &Change) -> bool {
    let phase =
        |o: &Option<Object>| o.as_ref().and_then(|o| o.cast::<Pod>()).map(|p| super::support::is_finished(p));
    phase(&change.old) != phase(&change.new)
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::ResourceQuota(stored)) = view.store.get(key) else { return Vec::new() };
    let hard = stored.spec.as_ref().and_then(|s| s.hard.clone()).unwrap_or_default();
    let names: Vec<&str> = hard.keys().map(String::as_str).collect();
    let used = quota::usage(view.store, stored, &names, view.now);
    let used = used.into_iter().map(|(name, amount)| (name, Quantity(amount.to_string()))).collect();
    let status = ResourceQuotaStatus { hard: Some(hard), used: Some(used) };
    if stored.status.as_ref() == Some(&status) {
        return Vec::new();
    }
    let mut changed = ResourceQuota::clone(stored);
    changed.status = Some(status);
    vec![Write::UpdateStatus(changed.into_object())]
}
