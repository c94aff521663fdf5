//! What the one table of kinds says: discovery, `kubectl`, decoding and the panes all read it.
//!
//! To add a kind, add a line to `table.rs`; its Rust type comes from `k8s-openapi`. A kind that nothing acts on
//! belongs below `@untyped`: it is kept as JSON, and its type gives it nothing but its schema. What is served in another
//! version than it is stored in has a line for each of those below `@served`.

use super::dynamic::{DynamicKind, DynamicObject};
use super::table::table;
use super::{Event, ObjectKey, ObjectMeta, ObjectName, Pod};
use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, coordination::v1 as coordination,
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy,
    rbac::v1 as rbac, scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// What discovery says of a kind.
#[derive(Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// `Pod`.
    pub kind: &'static str,
    /// API group; empty for core.
    pub group: &'static str,
    /// API version: `v1`.
    pub version: &'static str,
    /// `pods`.
    pub plural: &'static str,
    /// `pod`.
    pub singular: &'static str,
    /// `po`.
    pub short: &'static [&'static str],
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// `all` for what `kubectl get all` lists.
    pub categories: &'static [&'static str],
    /// Subresources served, as `status`, `scale`.
    pub subresources: &'static [&'static str],
}

impl KindInfo {
    /// `apps/v1`, or `v1` for core.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or `pods` for core: how kubectl and error messages name a resource.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `deployment.apps`, or `pod` for core: how kubectl names one object.
    pub fn singular_resource(&self) -> String {
        if self.group.is_empty() {
            self.singular.to_owned()
        } else {
            format!("{}.{}", self.singular, self.group)
        }
    }
}

/// A typed API object that the cluster stores.
pub trait Resource: Serialize + DeserializeOwned + Clone + PartialEq {
    /// Its kind.
    const KIND: Kind;
    /// `metadata`.
    fn meta(&self) -> &ObjectMeta;
    /// `metadata`, to change.
    fn meta_mut(&mut self) -> &mut ObjectMeta;
    /// As an object of any kind.
    fn into_object(self) -> Object;
    /// The typed object inside, if it is of this kind.
    fn from_object(object: &Object) -> Option<&Arc<Self>>;
}

macro_rules! kinds {
    ($($variant:ident: $ty:ty, $group:literal, $version:literal, $plural:literal, $singular:literal, $short:expr,
       $namespaced:expr, $categories:expr, $sub:expr;)*
     @untyped
     $($u_kind:ident: $u_ty:ty, $u_group:literal, $u_version:literal, $u_plural:literal, $u_singular:literal,
       $u_short:expr, $u_namespaced:expr, $u_categories:expr, $u_sub:expr;)*
     @served
     $($s_kind:ident => $s_stored:ident: $s_ty:ty, $s_group:literal, $s_version:literal;)*) => {
        /// A kind of API object: one that the cluster knows by its type, or any other.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Kind { $($variant,)* Dynamic(DynamicKind) }

        /// An API object of any kind, cheap to clone.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs)]
        pub enum Object { $($variant(Arc<$ty>),)* Dynamic(Arc<DynamicObject>) }

        impl Kind {
            /// Every built-in kind, in the table's order.
            pub const ALL: &'static [Kind] = &[
                $(Kind::$variant,)*
                $(Kind::Dynamic(DynamicKind::built_in(&KindInfo {
                    kind: stringify!($u_kind), group: $u_group, version: $u_version, plural: $u_plural,
                    singular: $u_singular, short: $u_short, namespaced: $u_namespaced,
                    categories: $u_categories, subresources: $u_sub,
                })),)*
            ];

            /// Every version that a built-in kind is served in beside the one that it is stored in.
            pub const SERVED: &'static [Kind] = &[
                $(Kind::Dynamic(DynamicKind::built_in({
                    const OF: &KindInfo = Kind::$s_stored.info();
                    const INFO: &KindInfo = &KindInfo {
                        kind: stringify!($s_kind), group: $s_group, version: $s_version, plural: OF.plural,
                        singular: OF.singular, short: OF.short, namespaced: OF.namespaced,
                        categories: OF.categories, subresources: OF.subresources,
                    };
                    INFO
                })),)*
            ];

            /// The kind that objects of this one are stored as: itself, unless it is one of [`Kind::SERVED`].
            #[must_use]
            pub fn stored(self) -> Kind {
                match self {
                    Kind::Dynamic(_) => match (self.info().group, self.info().version, self.info().kind) {
                        $(($s_group, $s_version, stringify!($s_kind)) => Kind::$s_stored,)*
                        _ => self,
                    },
                    _ => self,
                }
            }

            /// How many kinds have a type.
            pub const TYPED: usize = [$(Kind::$variant),*].len();

            /// The place of a typed kind in the table.
            pub fn index(self) -> Option<usize> {
                #[allow(clippy::upper_case_acronyms)]
                enum Place { $($variant),* }
                match self { $(Kind::$variant => Some(Place::$variant as usize),)* Kind::Dynamic(_) => None }
            }

            /// What discovery says of it.
            pub const fn info(self) -> &'static KindInfo {
                match self { $(Kind::$variant => const { &KindInfo {
                    kind: stringify!($variant), group: $group, version: $version, plural: $plural,
                    singular: $singular, short: $short, namespaced: $namespaced, categories: $categories,
                    subresources: $sub,
                } },)* Kind::Dynamic(kind) => kind.info() }
            }
        }

        impl Object {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self { $(Object::$variant(_) => Kind::$variant,)* Object::Dynamic(o) => Kind::Dynamic(o.kind) }
            }

            /// Its `metadata`.
            pub fn meta(&self) -> &ObjectMeta {
                match self { $(Object::$variant(o) => Resource::meta(&**o),)* Object::Dynamic(o) => &o.metadata }
            }

            /// Its `metadata`, to change: a shared object is copied first.
            pub fn meta_mut(&mut self) -> &mut ObjectMeta {
                match self {
                    $(Object::$variant(o) => Resource::meta_mut(Arc::make_mut(o)),)*
                    Object::Dynamic(o) => &mut Arc::make_mut(o).metadata,
                }
            }

            /// The object as JSON, with `apiVersion` and `kind`.
            pub fn to_value(&self) -> Value {
                match self {
                    $(Object::$variant(o) => serde_json::to_value(&**o).unwrap_or(Value::Null),)*
                    Object::Dynamic(o) => o.to_value_as(o.kind),
                }
            }

            /// Writes the object's JSON, as [`Object::to_value`] has it.
            ///
            /// # Errors
            /// None that can be known: what is stored can be written.
            pub fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
                match self {
                    $(Object::$variant(o) => serde_json::to_writer(out, &**o),)*
                    Object::Dynamic(o) => serde_json::to_writer(out, &o.to_value_as(o.kind)),
                }
            }

            /// Decodes JSON of a known kind. Unknown fields are dropped; a wrong type is an error.
            pub fn from_value(kind: Kind, value: Value) -> serde_json::Result<Object> {
                match kind {
                    $(Kind::$variant =>
                        serde_json::from_value::<$ty>(value).map(|o| Object::$variant(Arc::new(o))),)*
                    Kind::Dynamic(kind) =>
                        DynamicObject::from_value(kind, value).map(|o| Object::Dynamic(Arc::new(o))),
                }
            }

            /// Whether both are the very same allocation, as after a clone.
            pub fn same(&self, other: &Object) -> bool {
                match (self, other) {
                    $((Object::$variant(a), Object::$variant(b)) => Arc::ptr_eq(a, b),)*
                    (Object::Dynamic(a), Object::Dynamic(b)) => Arc::ptr_eq(a, b),
                    _ => false,
                }
            }
        }

        $(impl Resource for $ty {
            const KIND: Kind = Kind::$variant;
            fn meta(&self) -> &ObjectMeta { &self.metadata }
            fn meta_mut(&mut self) -> &mut ObjectMeta { &mut self.metadata }
            fn into_object(self) -> Object { Object::$variant(Arc::new(self)) }
            fn from_object(object: &Object) -> Option<&Arc<Self>> {
                if let Object::$variant(o) = object { Some(o) } else { None }
            }
        })*
    };
}

table!(kinds);

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().kind)
    }
}

impl Kind {
    /// The built-in kinds in every version that they are served in.
    pub fn all_served() -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().chain(Kind::SERVED).copied()
    }

    /// The kind that `apiVersion` and `kind` of a manifest name.
    pub fn find(api_version: &str, kind: &str) -> Option<Kind> {
        Kind::all_served().find(|k| k.info().kind == kind && k.info().api_version() == api_version)
    }

    /// The kind served under group, version and plural resource name.
    pub fn find_resource(group: &str, version: &str, plural: &str) -> Option<Kind> {
        let matches =
            |k: &Kind| k.info().plural == plural && k.info().group == group && k.info().version == version;
        Kind::all_served().find(matches)
    }

    /// The version `api_version` of a stored kind: the kind itself when it is not served in that one.
    #[must_use]
    pub fn in_version(self, api_version: &str) -> Kind {
        let other = |k: &Kind| k.stored() == self && k.info().api_version() == api_version;
        Kind::SERVED.iter().copied().find(other).unwrap_or(self)
    }
}

impl Object {
    /// Kind, namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey { kind: self.kind(), name: self.name() }
    }

    /// Namespace and name.
    pub fn name(&self) -> ObjectName {
        let meta = self.meta();
        ObjectName::new(meta.namespace.as_deref().unwrap_or(""), meta.name.as_deref().unwrap_or(""))
    }

    /// The object as JSON, in the version that this kind stands for.
    pub fn to_value_as(&self, kind: Kind) -> Value {
        match (self, kind) {
            (Object::Dynamic(object), Kind::Dynamic(kind)) => object.to_value_as(kind),
            _ => self.to_value(),
        }
    }

    /// The typed object, if it is a `T`.
    pub fn cast<T: Resource>(&self) -> Option<&Arc<T>> {
        T::from_object(self)
    }
}
