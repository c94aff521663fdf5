//! Versions: an object that is served in another group and version than it is stored in.
//!
//! Always holds: only the stored version is admitted, validated, kept and watched; requests for another one are read
//! into it here, and answered from it here. What the other version has no field for comes back unchanged.
//! Does not: convert defined kinds; their versions differ in nothing but their `apiVersion`.

mod autoscaler;
mod event;

#[cfg(test)]
mod tests;

pub use event::selectable as event_field;

use crate::object::{Kind, Object};
use serde_json::{Map, Value, json};

/// The object as JSON, in the version that `kind` names.
pub fn show(object: &Object, kind: Kind) -> Value {
    if kind.stored() == kind { object.to_value_as(kind) } else { from_stored(kind, object.to_value()) }
}

/// JSON of the stored version in the version that `kind` names.
pub fn from_stored(kind: Kind, mut value: Value) -> Value {
    match kind.stored() {
        stored if stored == kind => return value,
        Kind::HorizontalPodAutoscaler => autoscaler::to_v1(&mut value),
        Kind::Event => event::to_events(&mut value),
        _ => {}
    }
    named(value, kind)
}

/// JSON of the version that `kind` names in the stored version.
pub fn to_stored(kind: Kind, mut value: Value) -> Value {
    match kind.stored() {
        stored if stored == kind => return value,
        Kind::HorizontalPodAutoscaler => autoscaler::from_v1(&mut value),
        Kind::Event => event::from_events(&mut value),
        _ => {}
    }
    named(value, kind.stored())
}

fn named(mut value: Value, kind: Kind) -> Value {
    let info = kind.info();
    if let Value::Object(map) = &mut value {
        map.insert("apiVersion".to_owned(), json!(info.api_version()));
        map.insert("kind".to_owned(), json!(info.kind));
    }
    value
}

/// Moves fields to other names: each pair is an old name and a new one.
fn rename<'a>(map: &mut Map<String, Value>, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (old, new) in pairs {
        if let Some(value) = map.remove(old) {
            map.insert(new.to_owned(), value);
        }
    }
}
