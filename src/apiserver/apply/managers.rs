//! Who manages which fields of an object: the entries of `metadata.managedFields`.
//!
//! Always holds: entries are kept beside the objects, not in them, and only for what a client of the API wrote; equal
//! sets share one allocation. What components wrote is made up from the object when it is shown.

use super::set::FieldSet;
use super::typed::Comparison;
use crate::object::{Kind, Object, SimTime, meta::MetaExt};
use serde_json::{Value, json};
use std::sync::Arc;

/// One manager's fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `kubectl-create`.
    pub manager: Arc<str>,
    /// Whether it applies its configuration, or updates.
    pub applies: bool,
    /// `apps/v1`.
    pub api_version: Arc<str>,
    /// `status`, `scale`; empty for the object itself.
    pub subresource: Arc<str>,
    /// When the entry last changed.
    pub time: SimTime,
    /// The fields.
    pub fields: Arc<FieldSet>,
}

impl Entry {
    /// Whether both entries are one manager's.
    pub fn same_manager(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.applies == other.applies
            && self.subresource == other.subresource
            && (self.applies || self.api_version == other.api_version)
    }

    fn to_value(&self) -> Value {
        let mut value = json!({
            "manager": &*self.manager, "operation": if self.applies { "Apply" } else { "Update" },
            "apiVersion": &*self.api_version, "time": self.time.to_api(), "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.to_value(),
        });
        if !self.subresource.is_empty() {
            value["subresource"] = json!(&*self.subresource);
        }
        value
    }

    fn from_value(value: &Value) -> Option<Self> {
        let text = |key: &str| Arc::<str>::from(value[key].as_str().unwrap_or(""));
        let time = value["time"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
        let nanos = time.map_or(0, |t| u64::try_from(t.as_nanosecond()).unwrap_or(0));
        let applies = match value["operation"].as_str()? {
            "Apply" => true,
            "Update" => false,
            _ => return None,
        };
        Some(Self {
            manager: text("manager"),
            applies,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: SimTime(nanos),
            fields: Arc::new(FieldSet::from_value(&value["fieldsV1"])),
        })
    }

    /// As messages about conflicts name it.
    pub fn shown(&self) -> String {
        let mut text = format!("{:?}", &*self.manager);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", &*self.subresource);
        }
        if !self.applies {
            text += &format!(" using {}", self.api_version);
        }
        text
    }
}

/// `metadata.managedFields` of some entries, in the real server's order.
pub fn to_value(entries: &[Entry]) -> Value {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| {
        let key =
            |e: &Entry| (!e.applies, e.time, e.manager.clone(), e.api_version.clone(), e.subresource.clone());
        key(a).cmp(&key(b))
    });
    sorted.into_iter().map(Entry::to_value).collect()
}

/// Reads `metadata.managedFields`. `None` when there is nothing in it to read; an empty entry alone resets.
pub fn from_value(value: &Value) -> Option<Vec<Entry>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    if let [Value::Object(only)] = list.as_slice()
        && only.is_empty()
    {
        return Some(Vec::new());
    }
    list.iter().map(Entry::from_value).collect()
}

/// Writes a change down: the writer has what it added and changed, others lose that and what is gone. `change` says what
/// changed in the fields of an API version.
pub fn record(entries: &mut Vec<Entry>, writer: &Entry, change: &dyn Fn(&str) -> Comparison) {
    let own = change(&writer.api_version);
    let mut found = false;
    for entry in entries.iter_mut() {
        let other = (entry.api_version != writer.api_version).then(|| change(&entry.api_version));
        let change = other.as_ref().unwrap_or(&own);
        let taken = change.taken();
        let left = if entry.same_manager(writer) {
            found = true;
            entry.fields.union(&taken).difference(&change.removed)
        } else {
            entry.fields.difference(&taken).difference(&change.removed)
        };
        if left != *entry.fields {
            entry.fields = Arc::new(left);
            if entry.same_manager(writer) {
                entry.time = writer.time;
            }
        }
    }
    if !found {
        entries.push(Entry { fields: Arc::new(own.taken()), ..writer.clone() });
    }
    entries.retain(|entry| !entry.fields.is_empty());
    if !writer.applies {
        cap(entries);
    }
}

/// How many entries there may be of managers that update.
const MOST_UPDATES: usize = 10;
/// The manager that the oldest of them become (`structured-merge-diff` by way of `capmanagers.go`).
const ANCIENT: &str = "ancient-changes";

/// Merges the oldest entries of an API version into one, until there are not too many.
fn cap(entries: &mut Vec<Entry>) {
    let mut count = entries.iter().filter(|e| !e.applies).count();
    if count <= MOST_UPDATES {
        return;
    }
    let (mut kept, mut updates): (Vec<Entry>, Vec<Entry>) = entries.drain(..).partition(|e| e.applies);
    updates.sort_by(|a, b| (a.time, &a.manager, &a.subresource).cmp(&(b.time, &b.manager, &b.subresource)));
    let mut merged: Vec<Entry> = Vec::new();
    for entry in updates {
        match merged.iter_mut().find(|m| m.api_version == entry.api_version) {
            Some(bucket) if count > MOST_UPDATES => {
                bucket.manager = ANCIENT.into();
                bucket.subresource = "".into();
                bucket.fields = Arc::new(bucket.fields.union(&entry.fields));
                bucket.time = entry.time;
                count -= 1;
            }
            _ => merged.push(entry),
        }
    }
    kept.extend(merged);
    *entries = kept;
}

/// The component that makes objects of a kind, and the one that writes their status.
pub fn components(object: &Object) -> (&'static str, &'static str) {
    if object.controller_of().is_some() {
        let status = if object.kind() == Kind::Pod { "kubelet" } else { "kube-controller-manager" };
        return ("kube-controller-manager", status);
    }
    match object.kind() {
        Kind::Node | Kind::Lease => ("kubelet", "kubelet"),
        Kind::Pod => ("kubeadm", "kubelet"),
        Kind::Namespace | Kind::ClusterRole | Kind::ClusterRoleBinding | Kind::PriorityClass => {
            ("kube-apiserver", "kube-controller-manager")
        }
        Kind::Endpoints | Kind::EndpointSlice | Kind::Event => {
            ("kube-controller-manager", "kube-controller-manager")
        }
        _ => ("kubeadm", "kube-controller-manager"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_updates_become_one_entry() {
        let mut entries = Vec::new();
        for number in 0..12_u64 {
            let writer = Entry {
                manager: format!("writer-{number}").into(),
                applies: false,
                api_version: "v1".into(),
                subresource: "".into(),
                time: SimTime(number),
                fields: Arc::default(),
            };
            let field = json!({"f:data": {format!("f:{number}"): {}}});
            let change =
                |_: &str| Comparison { added: FieldSet::from_value(&field), ..Comparison::default() };
            record(&mut entries, &writer, &change);
        }
        assert_eq!(entries.len(), MOST_UPDATES);
        let ancient = entries.iter().find(|e| &*e.manager == ANCIENT).unwrap();
        assert_eq!(ancient.fields.to_value(), json!({"f:data": {"f:0": {}, "f:1": {}, "f:2": {}}}));
        assert!(entries.iter().any(|e| &*e.manager == "writer-11"));
    }
}
