//! The objects of the API: `k8s-openapi`'s types, one table of kinds, and small helpers.
//!
//! Always holds: an [`Object`] is cheap to clone (one `Arc`), and its kind is known without parsing.
//! Does not: validate, default or store anything; that is `apiserver`'s.

pub mod dynamic;
pub mod event;
pub mod hash;
pub mod kinds;
pub mod meta;
pub mod names;
pub mod pod;
pub mod quantity;
pub mod selector;
mod table;
pub mod time;

pub use dynamic::{DynamicKind, DynamicObject, KindTable};
pub use event::Event;
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
pub use kinds::{Kind, KindInfo, Object, Resource};
pub use pod::{Pod, PodSpec};
pub use time::{SECOND, SimTime};

use std::fmt;
use std::sync::Arc;

/// Namespace and name: what tells objects of one kind apart. The namespace of a cluster-scoped object is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectName {
    /// Empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

impl ObjectName {
    /// The name `name` in `namespace` (empty for a cluster-scoped kind).
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// Kind, namespace and name: what tells any two objects of a cluster apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectKey {
    /// The kind.
    pub kind: Kind,
    /// Namespace and name.
    pub name: ObjectName,
}

impl ObjectKey {
    /// The object of `kind` called `name` in `namespace` (empty for a cluster-scoped kind).
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: ObjectName::new(namespace, name) }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}
