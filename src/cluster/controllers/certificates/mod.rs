//! Certificates: kubelets' requests are approved, approved ones are signed, old ones are removed.
//!
//! Always holds: nothing is signed that was not approved, and nothing twice. From `pkg/controller/certificates`.
//! Does not: sign for `kubernetes.io/legacy-unknown`, or for anybody's own signer.

mod approve;
mod clean;
mod shape;
mod sign;
#[cfg(test)]
mod tests;

pub use approve::CONTROLLER as APPROVING;
pub use clean::CONTROLLER as CLEANER;
pub use sign::CONTROLLER as SIGNING;

use super::{Keys, View};
use crate::apiserver::Change;
use crate::apiserver::certificates::{self, set_status};
use crate::object::{DynamicObject, Object, ObjectKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// Who all three are.
const NAME: &str = "certificate-controller";

fn watch(change: &Change, _: &View, keys: &mut Keys) {
    if change.new.as_ref().is_some_and(|object| certificates::of(object).is_some()) {
        keys.push(change.key.clone());
    }
}

fn find(view: &View, key: &ObjectKey) -> Option<Arc<DynamicObject>> {
    certificates::of(view.store.get(key)?).cloned()
}

fn usages(o: &DynamicObject) -> Vec<String> {
    let list = o.at("spec.usages").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|u| u.as_str().map(str::to_owned)).collect()
}

/// The request with another field of its status.
fn with(o: &DynamicObject, key: &str, value: Value) -> Object {
    let mut o = o.clone();
    set_status(&mut o.content, key, Some(value));
    Object::Dynamic(Arc::new(o))
}

/// The request with one condition more.
fn with_condition(view: &View, o: &DynamicObject, kind: &str, reason: &str, message: &str) -> Object {
    let now = view.now.to_api();
    let mut conditions = certificates::conditions(o).to_vec();
    conditions.push(json!({
        "type": kind, "status": "True", "reason": reason, "message": message, "lastUpdateTime": now,
        "lastTransitionTime": now,
    }));
    with(o, "conditions", Value::Array(conditions))
}
