//! Reading and writing `metadata` without ceremony: labels, annotations, owners, conditions of age.

use super::{Kind, Object, ObjectMeta, ObjectName, OwnerReference, Resource, SimTime};
use std::collections::BTreeMap;

/// What every object with `metadata` can be asked.
pub trait MetaExt {
    /// Its `metadata`.
    fn object_meta(&self) -> &ObjectMeta;

    /// `metadata.name`, empty when unset.
    fn name_str(&self) -> &str {
        self.object_meta().name.as_deref().unwrap_or("")
    }
    /// `metadata.namespace`, empty for cluster-scoped objects.
    fn namespace_str(&self) -> &str {
        self.object_meta().namespace.as_deref().unwrap_or("")
    }
    /// `metadata.uid`, empty when unset.
    fn uid_str(&self) -> &str {
        self.object_meta().uid.as_deref().unwrap_or("")
    }
    /// Namespace and name.
    fn object_name(&self) -> ObjectName {
        ObjectName::new(self.namespace_str(), self.name_str())
    }
    /// The label's value.
    fn label(&self, key: &str) -> Option<&str> {
        self.object_meta().labels.as_ref()?.get(key).map(String::as_str)
    }
    /// The annotation's value.
    fn annotation(&self, key: &str) -> Option<&str> {
        self.object_meta().annotations.as_ref()?.get(key).map(String::as_str)
    }
    /// The labels; empty when unset.
    fn labels_map(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.object_meta().labels.as_ref().unwrap_or(&NONE)
    }
    /// The owner that controls it (`controller: true`).
    fn controller_of(&self) -> Option<&OwnerReference> {
        self.object_meta().owner_references.as_ref()?.iter().find(|o| o.controller == Some(true))
    }
    /// Whether the owner with this uid controls it.
    fn controlled_by(&self, uid: &str) -> bool {
        self.controller_of().is_some_and(|o| o.uid == uid)
    }
    /// Whether deletion has been asked for.
    fn is_terminating(&self) -> bool {
        self.object_meta().deletion_timestamp.is_some()
    }
    /// When it was created (the epoch when unset).
    fn created(&self) -> SimTime {
        self.object_meta().creation_timestamp.as_ref().map(SimTime::from_api).unwrap_or_default()
    }
    /// Whether it carries this finalizer.
    fn has_finalizer(&self, finalizer: &str) -> bool {
        self.object_meta().finalizers.as_ref().is_some_and(|f| f.iter().any(|x| x == finalizer))
    }
}

impl<T: Resource> MetaExt for T {
    fn object_meta(&self) -> &ObjectMeta {
        self.meta()
    }
}

impl MetaExt for Object {
    fn object_meta(&self) -> &ObjectMeta {
        self.meta()
    }
}

/// The reference that makes `owner` the controller of another object.
pub fn controller_ref(owner: &Object) -> OwnerReference {
    owner_ref(owner.kind(), owner.meta())
}

/// As [`controller_ref`], from kind and metadata.
pub fn owner_ref(kind: Kind, meta: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: kind.info().api_version(),
        kind: kind.info().kind.to_owned(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
