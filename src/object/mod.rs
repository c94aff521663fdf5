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
///
/// Always holds: ordered by namespace, then by name. Both are one text, so that a name is compared, copied and kept
/// as one: every lookup in the store compares a dozen of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace, a NUL, which sorts before all else, and the name.
    text: Arc<str>,
    /// How long the namespace is.
    space: u32,
}

impl ObjectName {
    /// The name `name` in `namespace` (empty for a cluster-scoped kind).
    pub fn new(namespace: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        let (namespace, name) = (namespace.as_ref(), name.as_ref());
        let mut text = String::with_capacity(namespace.len() + 1 + name.len());
        text.push_str(namespace);
        text.push('\0');
        text.push_str(name);
        Self { text: Arc::from(text), space: namespace.len() as u32 }
    }

    /// Empty for cluster-scoped kinds.
    pub fn namespace(&self) -> &str {
        &self.text[..self.space as usize]
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        &self.text[self.space as usize + 1..]
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.space > 0 {
            write!(f, "{}/", self.namespace())?;
        }
        f.write_str(self.name())
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
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
    pub fn new(kind: Kind, namespace: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        Self { kind, name: ObjectName::new(namespace, name) }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}
