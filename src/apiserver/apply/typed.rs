//! Objects as structured-merge-diff sees them: which fields are there, how two differ, and how one is merged into
//! another. What a list or a map is made of comes from the schema.

use super::conform::embedded_metadata;
use super::set::FieldSet;
use crate::apiserver::crd::structural_items;
use crate::apiserver::schema::{self, Field, Shape, Type};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is known of the type at a place.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A struct of the API.
    Struct(&'static Type),
    /// A struct that stands here field by field, though its type says that it is one value.
    Granular(&'static Type),
    /// A value of another shape, in the field of a struct.
    Field(&'static Field),
    /// A value of a defined kind.
    Defined(&'a JSONSchemaProps),
    /// The root of a defined kind: `metadata` is known.
    DefinedRoot(&'a JSONSchemaProps),
    /// Nothing: maps are granular, lists atomic.
    Unknown,
}

/// How the items of a list are told apart.
#[derive(Clone, Copy)]
pub enum Items<'a> {
    /// They are not: the list is one value.
    Atomic,
    /// By their value.
    Set,
    /// By these fields, and what such a field is when it is left out says the item's place.
    Keys(&'a [String], Place<'a>),
}

impl<'a> Place<'a> {
    /// The place of a field.
    pub fn child(self, key: &str) -> Place<'a> {
        match self {
            Place::Struct(of) | Place::Granular(of) => of.fields.get(key).map_or(Place::Unknown, of_field),
            Place::Field(field) if matches!(field.shape, Shape::Map(_)) => of_values(field),
            Place::DefinedRoot(_) if key == "metadata" => {
                schema::find(schema::OBJECT_META).map_or(Place::Unknown, Place::Struct)
            }
            Place::Defined(schema) | Place::DefinedRoot(schema) => {
                if let Some(metadata) = embedded_metadata(schema, key) {
                    return metadata;
                }
                let named = schema.properties.as_ref().and_then(|p| p.get(key));
                let inner = named.or(match &schema.additional_properties {
                    Some(JSONSchemaPropsOrBool::Schema(inner)) => Some(inner),
                    _ => None,
                });
                inner.map_or(Place::Unknown, Place::Defined)
            }
            _ => Place::Unknown,
        }
    }

    /// The place of an item.
    pub fn item(self) -> Place<'a> {
        match self {
            Place::Field(field) if matches!(field.shape, Shape::List(_)) => of_values(field),
            Place::Defined(schema) => structural_items(schema).map_or(Place::Unknown, Place::Defined),
            _ => Place::Unknown,
        }
    }

    fn is_atomic_map(self) -> bool {
        match self {
            Place::Struct(of) => of.atomic,
            // What has no schema is one value.
            Place::Field(field) => field.atomic == Some(true) || field.shape == Shape::Any,
            Place::Defined(schema) => schema.x_kubernetes_map_type.as_deref() == Some("atomic"),
            _ => false,
        }
    }

    /// How the items of a list here are told apart.
    pub fn items(self) -> Items<'a> {
        match self {
            Place::Field(field) => match &field.items {
                schema::Items::Map(keys) => Items::Keys(keys, self.item()),
                schema::Items::Set => Items::Set,
                schema::Items::Atomic => Items::Atomic,
            },
            Place::Defined(schema) => match schema.x_kubernetes_list_type.as_deref() {
                Some("map") => {
                    let keys = schema.x_kubernetes_list_map_keys.as_deref().unwrap_or_default();
                    Items::Keys(keys, self.item())
                }
                Some("set") => Items::Set,
                _ => Items::Atomic,
            },
            _ => Items::Atomic,
        }
    }

    /// What a field is when it is left out.
    pub fn default(self, key: &str) -> Option<&'a Value> {
        match self {
            Place::Struct(of) | Place::Granular(of) => of.fields.get(key)?.default.as_ref(),
            Place::Defined(schema) => Some(&schema.properties.as_ref()?.get(key)?.default.as_ref()?.0),
            _ => None,
        }
    }
}

fn of_field(field: &'static Field) -> Place<'static> {
    match (&field.shape, field.of()) {
        (Shape::Struct(_), Some(of)) if field.atomic == Some(false) => Place::Granular(of),
        (Shape::Struct(_), of) => of.map_or(Place::Unknown, Place::Struct),
        _ => Place::Field(field),
    }
}

fn of_values(field: &'static Field) -> Place<'static> {
    field.of().map_or(Place::Unknown, Place::Struct)
}

/// How `fieldsV1` spells an item of a list.
fn step(items: Items, item: &Value) -> Option<String> {
    match items {
        Items::Atomic => None,
        Items::Set => Some(format!("v:{item}")),
        Items::Keys(keys, place) => {
            let mut named = Map::new();
            for key in keys {
                let value = item.get(key).or_else(|| place.default(key)).filter(|value| !value.is_null());
                named.extend(value.map(|value| (key.clone(), value.clone())));
            }
            Some(format!("k:{}", Value::Object(named)))
        }
    }
}

/// The items of a list by how they are spelled: the first of those that are spelled alike.
fn by_step<'v>(items: Items, list: &'v [Value]) -> BTreeMap<String, &'v Value> {
    let mut found = BTreeMap::new();
    for item in list {
        if let Some(step) = step(items, item) {
            found.entry(step).or_insert(item);
        }
    }
    found
}

/// The fields that a configuration names.
pub fn fields(value: &Value, place: Place) -> FieldSet {
    match value {
        Value::Object(map) if !place.is_atomic_map() => {
            let mut set = FieldSet::default();
            for (key, inner) in map {
                let mut below = fields(inner, place.child(key));
                if inner.is_null() || inner.as_object().is_some_and(Map::is_empty) {
                    below.member = true;
                }
                if !below.is_empty() {
                    set.children.insert(format!("f:{key}"), below);
                }
            }
            set
        }
        Value::Array(list) => {
            let items = place.items();
            if matches!(items, Items::Atomic) {
                return FieldSet::leaf();
            }
            let mut set = FieldSet::default();
            for item in list {
                let mut below = fields(item, place.item());
                below.member = true;
                set.children.extend(step(items, item).map(|step| (step, below)));
            }
            set
        }
        _ => FieldSet::leaf(),
    }
}

/// How two objects differ.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// What is only in the second.
    pub added: FieldSet,
    /// What has another value.
    pub modified: FieldSet,
    /// What is only in the first.
    pub removed: FieldSet,
}

impl Comparison {
    /// What the second sets: what it adds and what it changes.
    pub fn taken(&self) -> FieldSet {
        self.modified.union(&self.added)
    }
}

/// Every place of a value, branches included.
fn whole(value: &Value, place: Place) -> FieldSet {
    let mut set = FieldSet::leaf();
    match value {
        Value::Object(map) if !place.is_atomic_map() => {
            for (key, inner) in map {
                set.children.insert(format!("f:{key}"), added(inner, place, key));
            }
        }
        Value::Array(list) => {
            let items = place.items();
            for item in list {
                set.children.extend(step(items, item).map(|step| (step, whole(item, place.item()))));
            }
        }
        _ => {}
    }
    set
}

/// Whether a struct has the field even when nothing is in it: then the field itself was never added.
fn always_there(parent: Place, key: &str) -> bool {
    match parent {
        Place::Struct(of) | Place::Granular(of) => {
            let there = |f: &Field| f.required || f.default.as_ref().is_some_and(Value::is_object);
            of.fields.get(key).is_some_and(there)
        }
        Place::DefinedRoot(_) => key == "metadata",
        _ => false,
    }
}

/// Every place of a field that is new.
fn added(value: &Value, parent: Place, key: &str) -> FieldSet {
    let mut set = whole(value, parent.child(key));
    if !set.children.is_empty() && always_there(parent, key) {
        set.member = false;
    }
    set
}

/// Compares two objects.
pub fn compare(old: &Value, new: &Value, place: Place) -> Comparison {
    let mut found = Comparison::default();
    match (old, new) {
        (Value::Object(before), Value::Object(after)) if !place.is_atomic_map() => {
            let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                let step = format!("f:{key}");
                match (before.get(key), after.get(key)) {
                    (None, Some(new)) => drop(found.added.children.insert(step, added(new, place, key))),
                    (old, new) => found.branch(&step, old, new, place.child(key)),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if !matches!(place.items(), Items::Atomic) => {
            let (old, new) = (by_step(place.items(), before), by_step(place.items(), after));
            let steps: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for step in steps {
                found.branch(step, old.get(step).copied(), new.get(step).copied(), place.item());
            }
        }
        (old, new) if old != new => found.modified.member = true,
        _ => {}
    }
    found
}

impl Comparison {
    fn branch(&mut self, step: &str, old: Option<&Value>, new: Option<&Value>, place: Place) {
        let put = |set: &mut FieldSet, below: FieldSet| {
            if !below.is_empty() {
                set.children.insert(step.to_owned(), below);
            }
        };
        match (old, new) {
            (None, Some(new)) => put(&mut self.added, whole(new, place)),
            (Some(old), None) => put(&mut self.removed, whole(old, place)),
            (Some(old), Some(new)) => {
                let below = compare(old, new, place);
                put(&mut self.added, below.added);
                put(&mut self.modified, below.modified);
                put(&mut self.removed, below.removed);
            }
            (None, None) => {}
        }
    }
}

/// Merges a configuration into an object: what it names is as it says, all else stays.
pub fn merge(live: &Value, config: &Value, place: Place) -> Value {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if !place.is_atomic_map() => {
            let mut merged = live.clone();
            for (key, inner) in config {
                let before = live.get(key).unwrap_or(&Value::Null);
                merged.insert(key.clone(), merge(before, inner, place.child(key)));
            }
            Value::Object(merged)
        }
        (Value::Array(live), Value::Array(config)) if !matches!(place.items(), Items::Atomic) => {
            merge_lists(live, config, place)
        }
        (_, config) => config.clone(),
    }
}

/// The configuration's items stand in its order; the others keep their places among them.
fn merge_lists(live: &[Value], config: &[Value], place: Place) -> Value {
    let items = place.items();
    let spell = |list: &[Value]| -> Vec<Option<String>> { list.iter().map(|i| step(items, i)).collect() };
    let (there, named) = (spell(live), spell(config));
    let mut merged: Vec<Value> = Vec::new();
    let mut next = 0;
    let put = |merged: &mut Vec<Value>, at: usize| {
        let before = there.iter().position(|step| *step == named[at]).map_or(&Value::Null, |at| &live[at]);
        merged.push(merge(before, &config[at], place.item()));
    };
    for (item, step) in live.iter().zip(&there) {
        let Some(at) = named.iter().position(|n| n == step) else {
            merged.push(item.clone());
            continue;
        };
        while next <= at {
            put(&mut merged, next);
            next += 1;
        }
    }
    while next < config.len() {
        put(&mut merged, next);
        next += 1;
    }
    Value::Array(merged)
}

/// Takes the fields of a set out of an object; what else stands below them goes with them.
pub fn remove(value: &mut Value, gone: &FieldSet, place: Place) {
    match value {
        Value::Object(map) => {
            for (step, below) in &gone.children {
                let Some(key) = step.strip_prefix("f:") else { continue };
                if below.member {
                    map.remove(key);
                } else if let Some(inner) = map.get_mut(key) {
                    remove(inner, below, place.child(key));
                    let emptied = match inner {
                        Value::Object(map) => map.is_empty(),
                        Value::Array(list) => list.is_empty(),
                        _ => false,
                    };
                    if emptied {
                        map.remove(key);
                    }
                }
            }
        }
        Value::Array(list) => {
            let items = place.items();
            list.retain_mut(|item| {
                let Some(below) = step(items, item).and_then(|step| gone.children.get(&step)) else {
                    return true;
                };
                if below.member {
                    return false;
                }
                remove(item, below, place.item());
                true
            });
        }
        _ => {}
    }
}
