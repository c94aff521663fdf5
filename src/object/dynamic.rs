//! Kinds without a Rust type: what a `CustomResourceDefinition` defines, and built-in kinds that nothing acts on.
//!
//! Always holds: a [`DynamicKind`] is a handle on its [`KindInfo`], so that every kind can be copied and asked alike;
//! two are equal when they name the same resource, whichever version of it they were asked for in. Descriptions
//! are interned for the whole process, as symbols are: they are few, and [`LIMIT`] bounds them.
//! Does not: know which kinds a cluster serves; its store does ([`super::KindTable`]).

use super::{Kind, KindInfo, ObjectMeta};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// How many descriptions of kinds one process may make.
pub const LIMIT: usize = 20_000;

/// A kind that is described by data.
#[derive(Clone, Copy)]
pub struct DynamicKind(&'static KindInfo);

/// What describes a kind, before it is interned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Description {
    /// `CronTab`.
    pub kind: String,
    /// `stable.example.com`.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `crontabs`.
    pub plural: String,
    /// `crontab`.
    pub singular: String,
    /// `ct`.
    pub short: Vec<String>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Groups of resources that it belongs to, as `all`.
    pub categories: Vec<String>,
    /// `status`, `scale`.
    pub subresources: Vec<String>,
}

static INTERNED: Mutex<BTreeMap<Description, &'static KindInfo>> = Mutex::new(BTreeMap::new());

impl DynamicKind {
    /// The kind that a table of the program describes.
    pub const fn built_in(info: &'static KindInfo) -> Self {
        Self(info)
    }

    /// The kind with this description. `None` when the process has made too many.
    pub fn intern(description: &Description) -> Option<Self> {
        let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(info) = interned.get(description) {
            return Some(Self(info));
        }
        if interned.len() >= LIMIT {
            return None;
        }
        let text = |text: &String| -> &'static str { Box::leak(text.clone().into_boxed_str()) };
        let list = |list: &[String]| -> &'static [&'static str] {
            Box::leak(list.iter().map(text).collect::<Vec<_>>().into_boxed_slice())
        };
        let info: &'static KindInfo = Box::leak(Box::new(KindInfo {
            kind: text(&description.kind),
            group: text(&description.group),
            version: text(&description.version),
            plural: text(&description.plural),
            singular: text(&description.singular),
            short: list(&description.short),
            namespaced: description.namespaced,
            categories: list(&description.categories),
            subresources: list(&description.subresources),
        }));
        interned.insert(description.clone(), info);
        Some(Self(info))
    }

    /// What discovery says of it.
    pub const fn info(self) -> &'static KindInfo {
        self.0
    }

    /// What tells resources apart.
    fn identity(self) -> (&'static str, &'static str) {
        (self.0.group, self.0.plural)
    }
}

impl PartialEq for DynamicKind {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.identity() == other.identity()
    }
}

impl Eq for DynamicKind {}

impl PartialOrd for DynamicKind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DynamicKind {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for DynamicKind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Debug for DynamicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind)
    }
}

/// An object of a kind without a Rust type.
#[derive(Clone, PartialEq, Debug)]
pub struct DynamicObject {
    /// Its kind, in the version that it is stored in.
    pub kind: DynamicKind,
    /// `metadata`.
    pub metadata: ObjectMeta,
    /// Everything but `apiVersion`, `kind` and `metadata`.
    pub content: Map<String, Value>,
}

impl DynamicObject {
    /// Reads JSON as an object of this kind.
    ///
    /// # Errors
    /// When it is no object, or its `metadata` does not fit.
    pub fn from_value(kind: DynamicKind, value: Value) -> serde_json::Result<Self> {
        let mut content: Map<String, Value> = serde_json::from_value(value)?;
        content.remove("apiVersion");
        content.remove("kind");
        let metadata = match content.remove("metadata") {
            None | Some(Value::Null) => ObjectMeta::default(),
            Some(metadata) => serde_json::from_value(metadata)?,
        };
        Ok(Self { kind, metadata, content })
    }

    /// The object as JSON, in this version of its kind.
    pub fn to_value_as(&self, kind: DynamicKind) -> Value {
        let mut value = self.content.clone();
        value.insert("apiVersion".to_owned(), Value::String(kind.info().api_version()));
        value.insert("kind".to_owned(), Value::String(kind.info().kind.to_owned()));
        value.insert("metadata".to_owned(), serde_json::to_value(&self.metadata).unwrap_or_default());
        Value::Object(value)
    }

    /// A number inside, by a path as `spec.replicas`.
    pub fn number_at(&self, path: &str) -> Option<i64> {
        self.at(path)?.as_i64()
    }

    /// The value at a path as `spec.replicas`.
    pub fn at(&self, path: &str) -> Option<&Value> {
        let mut parts = path.trim_start_matches('.').split('.');
        let first = self.content.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }
}

/// The kinds that a cluster serves: the built-in ones, and those that were defined.
#[derive(Clone, Debug, Default)]
pub struct KindTable {
    defined: imbl::OrdMap<(&'static str, &'static str), imbl::OrdMap<&'static str, Kind>>,
}

impl KindTable {
    /// Serves a kind in its version.
    pub fn define(&mut self, kind: DynamicKind) {
        let versions = self.defined.entry(kind.identity()).or_default();
        versions.insert(kind.info().version, Kind::Dynamic(kind));
    }

    /// Serves a resource no longer, in any version.
    pub fn forget(&mut self, kind: DynamicKind) {
        self.defined.remove(&kind.identity());
    }

    /// What was defined: each version of each resource, by group and plural name.
    pub fn defined(&self) -> impl Iterator<Item = Kind> {
        self.defined.values().flat_map(|versions| versions.values().copied())
    }

    /// Every kind served: each version of the built-in ones, then of what was defined.
    pub fn all(&self) -> impl Iterator<Item = Kind> {
        Kind::all_served().chain(self.defined())
    }

    /// Every kind once, whatever number of versions it is served in.
    pub fn each(&self) -> impl Iterator<Item = Kind> {
        let first = |versions: &imbl::OrdMap<&'static str, Kind>| versions.values().next().copied();
        Kind::ALL.iter().copied().chain(self.defined.values().filter_map(first))
    }

    /// The kind that objects with this `apiVersion` and `kind` are stored as.
    pub fn find(&self, api_version: &str, kind: &str) -> Option<Kind> {
        Kind::find(api_version, kind).map(Kind::stored).or_else(|| {
            let named = |k: &Kind| k.info().kind == kind && k.info().api_version() == api_version;
            self.defined().find(named)
        })
    }

    /// The kind served under group, version and plural resource name.
    pub fn find_resource(&self, group: &str, version: &str, plural: &str) -> Option<Kind> {
        Kind::find_resource(group, version, plural).or_else(|| {
            let named = |((g, p), _): &(&(&str, &str), _)| *g == group && *p == plural;
            let (_, versions) = self.defined.iter().find(named)?;
            versions.get(version).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind(version: &str) -> DynamicKind {
        let text = str::to_owned;
        DynamicKind::intern(&Description {
            kind: text("CronTab"),
            group: text("stable.example.com"),
            version: text(version),
            plural: text("crontabs"),
            singular: text("crontab"),
            namespaced: true,
            ..Description::default()
        })
        .unwrap()
    }

    #[test]
    fn versions_are_one_kind() {
        assert!(std::ptr::eq(kind("v1").info(), kind("v1").info()));
        assert_eq!(kind("v1"), kind("v2"));
        let mut table = KindTable::default();
        table.define(kind("v1"));
        table.define(kind("v2"));
        assert_eq!(
            table.find_resource("stable.example.com", "v2", "crontabs").map(|k| k.info().version),
            Some("v2")
        );
        assert_eq!(table.find("stable.example.com/v1", "CronTab"), Some(Kind::Dynamic(kind("v1"))));
        assert_eq!(table.defined().count(), 2);
        table.forget(kind("v1"));
        assert_eq!(table.defined().count(), 0);
    }

    #[test]
    fn json_is_kept() {
        let value = json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab",
            "metadata": {"name": "a"}, "spec": {"replicas": 2}});
        let object = DynamicObject::from_value(kind("v1"), value.clone()).unwrap();
        assert_eq!(object.number_at(".spec.replicas"), Some(2));
        assert_eq!(object.to_value_as(kind("v1")), value);
        assert_eq!(object.to_value_as(kind("v2"))["apiVersion"], "stable.example.com/v2");
    }
}
