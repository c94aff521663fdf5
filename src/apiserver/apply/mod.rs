//! Server-side apply and `managedFields`: who owns which field, conflicts, and what an applied configuration changes.
//!
//! Always holds: a field that a configuration no longer names goes, unless somebody else owns it; a field that
//! another manager has set to something else is a conflict, unless forced.

pub mod managers;

mod conform;
mod set;
mod typed;

#[cfg(test)]
mod tests;

pub use managers::Entry;
pub use set::FieldSet;

use super::{ApiError, ApiServer, FieldError, Origin, Part, Request, convert, decode};
use crate::object::{Kind, Object, ObjectKey};
use serde_json::{Value, json};
use std::sync::Arc;
use typed::Place;

/// The annotation in which `kubectl apply` keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The fields of metadata that nobody manages.
const UNMANAGED: &[&str] = &[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// What an applied configuration makes of an object.
#[derive(Debug)]
pub struct Applied {
    /// The object as it is to be.
    pub value: Value,
    /// Who manages what from then on.
    pub entries: Vec<Entry>,
}

impl ApiServer {
    /// The object as JSON in the version of a kind, with who manages its fields.
    pub(super) fn show(&self, kind: Kind, object: &Object) -> Value {
        let mut value = convert::show(object, kind);
        // Components write the stored version.
        let stored = (kind.stored() != kind).then(|| object.to_value());
        let (written, whole) = (kind.stored(), stored.as_ref().unwrap_or(&value));
        let shown = match self.store.managed(&object.key()) {
            Some(entries) => managers::to_value(&self.with_status(written, object, whole, entries)),
            None => managers::to_value(&self.made_up(written, object, whole)),
        };
        if shown.as_array().is_some_and(|list| !list.is_empty()) {
            value["metadata"]["managedFields"] = shown;
        }
        value
    }

    /// As [`ApiServer::show`], for one of many: who manages it is shown only where a client wrote it.
    pub(super) fn show_listed(&self, kind: Kind, object: &Object) -> Value {
        match self.store.managed(&object.key()) {
            Some(_) => self.show(kind, object),
            None => convert::show(object, kind),
        }
    }

    /// The entries of an object that only components wrote.
    fn made_up(&self, kind: Kind, object: &Object, value: &Value) -> Vec<Entry> {
        let (maker, _) = managers::components(object);
        let change = typed::compare(&json!({}), &managed_part(value, &["status"]), self.place(kind));
        let created = crate::object::meta::MetaExt::created(object);
        let writer = entry(maker, kind, "", created);
        let made = Entry { fields: Arc::new(change.added), ..writer };
        self.with_status(kind, object, value, &[made])
    }

    /// The entries, and that of the component that wrote the status, unless somebody has it already.
    fn with_status(&self, kind: Kind, object: &Object, value: &Value, entries: &[Entry]) -> Vec<Entry> {
        let mut entries = entries.to_vec();
        let status = &value["status"];
        let there = status.as_object().is_some_and(|s| !s.is_empty());
        let owned = entries.iter().any(|e| !e.fields.field("status").is_empty());
        let defined = self.definitions.get(kind).is_some();
        if there && !owned && !defined && kind.info().subresources.contains(&"status") {
            let change = typed::compare(&json!({}), &json!({"status": status}), self.place(kind));
            let latest = status["conditions"].as_array().into_iter().flatten();
            let latest = latest.filter_map(|c| c["lastTransitionTime"].as_str()).max();
            let time = latest.and_then(|t| t.parse::<jiff::Timestamp>().ok());
            let nanos = time.and_then(|t| u64::try_from(t.as_nanosecond()).ok());
            let created = crate::object::meta::MetaExt::created(object);
            let writer = entry(
                managers::components(object).1,
                kind,
                "status",
                nanos.map_or(created, crate::object::SimTime),
            );
            entries.push(Entry { fields: Arc::new(change.added), ..writer });
        }
        entries
    }

    fn place(&self, kind: Kind) -> Place<'_> {
        match (kind, self.definitions.get(kind)) {
            (Kind::Dynamic(dynamic), Some(definition)) => {
                definition.version(dynamic).map_or(Place::Unknown, |v| Place::DefinedRoot(&v.schema))
            }
            _ => Place::Struct(super::schema::for_kind(kind)),
        }
    }

    /// Writes down who made a change through the API. `given` is `metadata.managedFields` of the request's object.
    pub(super) fn record_write(
        &mut self,
        writer: &Entry,
        before: Option<&Object>,
        after: &Object,
        given: &Value,
    ) {
        let (kind, key) = (after.kind(), after.key());
        if self.store.get(&key).is_none() {
            return;
        }
        let without: &[&str] = if before.is_none() { &["status"] } else { &[] };
        let change = |version: &str| {
            let kind = kind.in_version(version);
            let old = before.map_or_else(|| json!({}), |o| managed_part(&convert::show(o, kind), &[]));
            let new = managed_part(&convert::show(after, kind), without);
            typed::compare(&old, &new, self.place(kind))
        };
        let mut entries = managers::from_value(given)
            .or_else(|| self.store.managed(&key).map(<[Entry]>::to_vec))
            .or_else(|| before.map(|old| self.made_up(kind, old, &old.to_value())))
            .unwrap_or_default();
        managers::record(&mut entries, writer, &change);
        self.set_managed(key, entries);
    }

    /// Keeps who manages an object's fields; equal sets share one allocation.
    pub(super) fn set_managed(&mut self, key: ObjectKey, mut entries: Vec<Entry>) {
        for entry in &mut entries {
            entry.fields = self.store.intern_fields(&entry.fields);
        }
        self.store.set_managed(key, entries);
    }

    /// Writes down what a component changed of an object that clients manage.
    pub(super) fn record_component(&mut self, old: &Object, key: &ObjectKey, part: Part) {
        if part == Part::Status || self.store.managed(key).is_none() {
            return;
        }
        let Some(new) = self.store.get(key).cloned() else { return };
        let writer = entry("kube-controller-manager", new.kind(), "", self.now);
        self.record_write(&writer, Some(old), &new, &Value::Null);
    }

    /// Applies a configuration to an object that may be there.
    ///
    /// # Errors
    /// 409 for fields that others manage, 422 without a manager, 500 for fields that the type does not have.
    pub(super) fn apply_configuration(
        &self,
        kind: Kind,
        key: &ObjectKey,
        request: &Request,
        writer: &Entry,
    ) -> Result<Applied, ApiError> {
        let config = self.read_configuration(kind, key, request.body.as_ref().unwrap_or(&Value::Null))?;
        let place = self.place(kind);
        let live = self.store.get(key).cloned();
        let before = live.as_ref().map_or_else(|| json!({}), |o| convert::show(o, kind));
        let entries = match (self.store.managed(key), &live) {
            (Some(entries), _) => entries.to_vec(),
            (None, Some(object)) if kind.stored() == kind => self.made_up(kind, object, &before),
            (None, Some(object)) => self.made_up(kind.stored(), object, &object.to_value()),
            (None, None) => Vec::new(),
        };
        let set = typed::fields(&managed_part(&config, &[]), place);
        let last = entries.iter().find(|e| e.same_manager(writer)).map(|e| e.fields.clone());
        let mut value = typed::merge(&before, &config, place);
        let mut others: Vec<Entry> = entries.into_iter().filter(|e| !e.same_manager(writer)).collect();
        if let Some(last) = &last {
            let owned = others.iter().fold(set.clone(), |all, e| all.union(&e.fields));
            typed::remove(&mut value, &keep_owned(&last.difference(&set), &owned), place);
        }
        let change = |entry: &Entry| {
            // Each manager's fields are those of the version that it wrote.
            let version = kind.stored().in_version(&entry.api_version);
            if version == kind {
                return typed::compare(&managed_part(&before, &[]), &managed_part(&value, &[]), place);
            }
            let shown = |v: &Value| convert::from_stored(version, convert::to_stored(kind, v.clone()));
            let part = |value: &Value| managed_part(&shown(value), &[]);
            typed::compare(&part(&before), &part(&value), self.place(version))
        };
        let conflicts: Vec<(Entry, FieldSet)> = others
            .iter()
            .map(|e| (e.clone(), e.fields.intersection(&change(e).taken())))
            .filter(|(_, fields)| !fields.is_empty())
            .collect();
        let forced = request.flag("force");
        if !conflicts.is_empty() && !forced && !Self::was_applied(&before, &conflicts, writer, place) {
            return Err(conflict(&conflicts));
        }
        for other in &mut others {
            let change = change(other);
            let left = other.fields.difference(&change.taken()).difference(&change.removed);
            if left != *other.fields {
                other.fields = Arc::new(left);
            }
        }
        others.retain(|e| !e.fields.is_empty());
        let unchanged = last.as_deref() == Some(&set) && value == before;
        let earlier =
            self.store.managed(key).and_then(|e| e.iter().find(|e| e.same_manager(writer)).cloned());
        let time = earlier.filter(|_| unchanged).map_or(writer.time, |e| e.time);
        others.push(Entry { fields: Arc::new(set), time, ..writer.clone() });
        keep_annotation(&mut value, &before, &config, writer);
        Ok(Applied { value, entries: others })
    }

    /// Whether all that conflicts was applied by `kubectl` itself from the client's side: it may go on with it.
    fn was_applied(before: &Value, conflicts: &[(Entry, FieldSet)], writer: &Entry, place: Place) -> bool {
        let applied = before["metadata"]["annotations"][LAST_APPLIED].as_str();
        let applied = applied.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let Some(applied) = applied.filter(|_| &*writer.manager == "kubectl") else { return false };
        let set = typed::fields(&applied, place);
        conflicts.iter().all(|(_, fields)| fields.difference(&set).is_empty())
    }

    /// Checks an applied configuration, and writes its values as the server would.
    fn read_configuration(&self, kind: Kind, key: &ObjectKey, body: &Value) -> Result<Value, ApiError> {
        let info = kind.info();
        let bad = |why: String| Err(ApiError::bad_request(why));
        if let Some(what) = not_a_map(body) {
            let why =
                format!("json: cannot unmarshal {what} into Go value of type map[string]interface {{}}");
            return bad(format!("error decoding YAML: error unmarshaling JSON: while decoding JSON: {why}"));
        }
        let (version, expected) = (body["apiVersion"].as_str().unwrap_or(""), info.api_version());
        if version != expected {
            return bad(format!(
                "Incorrect version specified in apply patch. Specified patch version: {version}, expected: {expected}"
            ));
        }
        decode::check_type(kind, body)?;
        if body["metadata"]["managedFields"].as_array().is_some_and(|list| !list.is_empty()) {
            return bad("metadata.managedFields must be nil".to_owned());
        }
        let failed = |why: String| {
            let message = format!(
                "failed to create typed patch object ({}; {expected}, Kind={}): {why}",
                key.name, info.kind
            );
            ApiError::new(500, "", message)
        };
        match conform::mistakes(body, self.place(kind)).as_slice() {
            [] => {}
            [one] => return Err(failed(one.clone())),
            several => return Err(failed(format!("errors:\n  {}", several.join("\n  ")))),
        }
        let name = body["metadata"]["name"].as_str().unwrap_or("");
        if !name.is_empty() && name != key.name.name() {
            return bad(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                key.name.name()
            ));
        }
        let uid = body["metadata"]["uid"].as_str().unwrap_or("");
        if !uid.is_empty() && self.store.get(key).is_none() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(ApiError::conflict(kind.stored(), key.name.name(), &why));
        }
        let mut body = body.clone();
        // Metadata of another shape is refused below, by its type.
        if matches!(body["metadata"], Value::Object(_) | Value::Null) {
            body["metadata"]["name"] = json!(key.name.name());
        }
        if self.definitions.get(kind).is_some() {
            return Ok(body);
        }
        let checked = decode::check(kind, body);
        checked.error.map_or(Ok(checked.value), |why| Err(failed(why)))
    }
}

/// What a body is that is no map; nothing at all counts as an empty one.
fn not_a_map(body: &Value) -> Option<&'static str> {
    match body {
        Value::Object(_) | Value::Null => None,
        Value::Array(_) => Some("array"),
        Value::String(_) => Some("string"),
        Value::Number(_) => Some("number"),
        Value::Bool(_) => Some("bool"),
    }
}

/// An entry without fields.
pub fn entry(manager: &str, kind: Kind, subresource: &str, time: crate::object::SimTime) -> Entry {
    Entry {
        manager: Arc::from(manager),
        applies: false,
        api_version: Arc::from(kind.info().api_version()),
        subresource: Arc::from(subresource),
        time,
        fields: Arc::default(),
    }
}

/// The part of an object that is managed: neither what names it nor what is the server's own.
fn managed_part(value: &Value, without: &[&str]) -> Value {
    let mut map = value.as_object().cloned().unwrap_or_default();
    map.remove("apiVersion");
    map.remove("kind");
    for key in without {
        map.remove(*key);
    }
    if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
        metadata.retain(|key, _| !UNMANAGED.contains(&key.as_str()));
        if metadata.is_empty() {
            map.remove("metadata");
        }
    }
    Value::Object(map)
}

/// What of these fields may go: an item below which somebody still owns something stays.
fn keep_owned(gone: &FieldSet, owned: &FieldSet) -> FieldSet {
    let mut set =
        FieldSet { member: gone.member && owned.is_empty(), children: std::collections::BTreeMap::new() };
    let nobody = FieldSet::default();
    for (step, below) in &gone.children {
        let kept = keep_owned(below, owned.children.get(step).unwrap_or(&nobody));
        if !kept.is_empty() {
            set.children.insert(step.clone(), kept);
        }
    }
    set
}

/// `kubectl apply --server-side` keeps the annotation of an object up to date that has one.
fn keep_annotation(value: &mut Value, before: &Value, config: &Value, writer: &Entry) {
    let had = before["metadata"]["annotations"].get(LAST_APPLIED).is_some();
    if had && &*writer.manager == "kubectl" && value["metadata"]["annotations"].get(LAST_APPLIED).is_some() {
        value["metadata"]["annotations"][LAST_APPLIED] = json!(format!("{config}\n"));
    }
}

/// 409 with each field that another manages.
fn conflict(conflicts: &[(Entry, FieldSet)]) -> ApiError {
    let mut causes = Vec::new();
    let mut lines = Vec::new();
    let mut sorted: Vec<&(Entry, FieldSet)> = conflicts.iter().collect();
    sorted.sort_by(|a, b| a.0.manager.cmp(&b.0.manager));
    for (entry, fields) in sorted {
        let shown = entry.shown();
        lines.push(format!("conflicts with {shown}:"));
        for path in fields.paths() {
            lines.push(format!("- {path}"));
            let message = format!("conflict with {shown}");
            causes.push(FieldError { field: path, reason: "FieldManagerConflict", message });
        }
    }
    let message = match causes.as_slice() {
        [one] => format!("Apply failed with 1 conflict: {}: {}", one.message, one.field),
        many => format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n")),
    };
    ApiError { causes, ..ApiError::new(409, "Conflict", message) }
}

/// The manager that a request names, or who asks.
pub fn writer(
    request: &Request,
    kind: Kind,
    subresource: Option<&str>,
    origin: &Origin,
    now: crate::object::SimTime,
) -> Entry {
    let agent = request.agent.split('/').next().unwrap_or("");
    let named = request.query_value("fieldManager").filter(|m| !m.is_empty());
    let fallback = if agent.is_empty() { &*origin.author } else { agent };
    let fallback = if origin.user.is_some() && agent.is_empty() { "kubectl" } else { fallback };
    entry(named.unwrap_or(fallback), kind, subresource.unwrap_or(""), now)
}
