//! The one table of kinds: discovery, `kubectl`, decoding and the panes all read it.
//!
//! To add a kind, add a line to [`kinds!`]; its Rust type comes from `k8s-openapi`. A kind that nothing acts on
//! belongs below `@untyped`: it is kept as JSON, and its type gives it nothing but its schema. What is served in another
//! version than it is stored in has a line for each of those below `@served`.

use super::dynamic::{DynamicKind, DynamicObject};
use super::{ObjectKey, ObjectMeta, ObjectName};
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

            /// Its JSON schema, with the field documentation that ships with the types. `None` when it was
            /// defined: its definition has the schema.
            pub fn schema(self, generator: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
                match self {
                    $(Kind::$variant => Some(generator.subschema_for::<$ty>()),)*
                    Kind::Dynamic(_) => match (self.info().group, self.info().version, self.info().kind) {
                        $(($u_group, $u_version, stringify!($u_kind)) => Some(generator.subschema_for::<$u_ty>()),)*
                        $(($s_group, $s_version, stringify!($s_kind)) => Some(generator.subschema_for::<$s_ty>()),)*
                        _ => None,
                    },
                }
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

kinds! {
    // variant: type, group, version, plural, singular, short names, namespaced, categories, subresources
    Namespace: core::Namespace, "", "v1", "namespaces", "namespace", &["ns"], false, &[], &["status", "finalize"];
    Node: core::Node, "", "v1", "nodes", "node", &["no"], false, &[], &["status"];
    Pod: super::Pod, "", "v1", "pods", "pod", &["po"], true, &["all"], &["status", "log", "exec", "attach", "portforward", "eviction", "binding", "ephemeralcontainers", "resize"];
    Service: core::Service, "", "v1", "services", "service", &["svc"], true, &["all"], &["status"];
    Endpoints: core::Endpoints, "", "v1", "endpoints", "endpoints", &["ep"], true, &[], &[];
    ConfigMap: core::ConfigMap, "", "v1", "configmaps", "configmap", &["cm"], true, &[], &[];
    Secret: core::Secret, "", "v1", "secrets", "secret", &[], true, &[], &[];
    PersistentVolume: core::PersistentVolume, "", "v1", "persistentvolumes", "persistentvolume", &["pv"], false, &[], &["status"];
    PersistentVolumeClaim: core::PersistentVolumeClaim, "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", &["pvc"], true, &[], &["status"];
    ServiceAccount: core::ServiceAccount, "", "v1", "serviceaccounts", "serviceaccount", &["sa"], true, &[], &["token"];
    Event: super::Event, "", "v1", "events", "event", &["ev"], true, &[], &[];
    LimitRange: core::LimitRange, "", "v1", "limitranges", "limitrange", &["limits"], true, &[], &[];
    ResourceQuota: core::ResourceQuota, "", "v1", "resourcequotas", "resourcequota", &["quota"], true, &[], &["status"];
    ReplicationController: core::ReplicationController, "", "v1", "replicationcontrollers", "replicationcontroller", &["rc"], true, &["all"], &["status", "scale"];
    PodTemplate: core::PodTemplate, "", "v1", "podtemplates", "podtemplate", &[], true, &[], &[];
    ReplicaSet: apps::ReplicaSet, "apps", "v1", "replicasets", "replicaset", &["rs"], true, &["all"], &["status", "scale"];
    Deployment: apps::Deployment, "apps", "v1", "deployments", "deployment", &["deploy"], true, &["all"], &["status", "scale"];
    DaemonSet: apps::DaemonSet, "apps", "v1", "daemonsets", "daemonset", &["ds"], true, &["all"], &["status"];
    StatefulSet: apps::StatefulSet, "apps", "v1", "statefulsets", "statefulset", &["sts"], true, &["all"], &["status", "scale"];
    ControllerRevision: apps::ControllerRevision, "apps", "v1", "controllerrevisions", "controllerrevision", &[], true, &[], &[];
    Job: batch::Job, "batch", "v1", "jobs", "job", &[], true, &["all"], &["status"];
    CronJob: batch::CronJob, "batch", "v1", "cronjobs", "cronjob", &["cj"], true, &["all"], &["status"];
    HorizontalPodAutoscaler: autoscaling::HorizontalPodAutoscaler, "autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscaler", &["hpa"], true, &["all"], &["status"];
    PodDisruptionBudget: policy::PodDisruptionBudget, "policy", "v1", "poddisruptionbudgets", "poddisruptionbudget", &["pdb"], true, &[], &["status"];
    EndpointSlice: discovery::EndpointSlice, "discovery.k8s.io", "v1", "endpointslices", "endpointslice", &[], true, &[], &[];
    Ingress: networking::Ingress, "networking.k8s.io", "v1", "ingresses", "ingress", &["ing"], true, &[], &["status"];
    IngressClass: networking::IngressClass, "networking.k8s.io", "v1", "ingressclasses", "ingressclass", &[], false, &[], &[];
    NetworkPolicy: networking::NetworkPolicy, "networking.k8s.io", "v1", "networkpolicies", "networkpolicy", &["netpol"], true, &[], &[];
    StorageClass: storage::StorageClass, "storage.k8s.io", "v1", "storageclasses", "storageclass", &["sc"], false, &[], &[];
    CSIDriver: storage::CSIDriver, "storage.k8s.io", "v1", "csidrivers", "csidriver", &[], false, &[], &[];
    CSINode: storage::CSINode, "storage.k8s.io", "v1", "csinodes", "csinode", &[], false, &[], &[];
    VolumeAttachment: storage::VolumeAttachment, "storage.k8s.io", "v1", "volumeattachments", "volumeattachment", &[], false, &[], &["status"];
    Role: rbac::Role, "rbac.authorization.k8s.io", "v1", "roles", "role", &[], true, &[], &[];
    RoleBinding: rbac::RoleBinding, "rbac.authorization.k8s.io", "v1", "rolebindings", "rolebinding", &[], true, &[], &[];
    ClusterRole: rbac::ClusterRole, "rbac.authorization.k8s.io", "v1", "clusterroles", "clusterrole", &[], false, &[], &[];
    ClusterRoleBinding: rbac::ClusterRoleBinding, "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "clusterrolebinding", &[], false, &[], &[];
    PriorityClass: scheduling::PriorityClass, "scheduling.k8s.io", "v1", "priorityclasses", "priorityclass", &["pc"], false, &[], &[];
    Lease: coordination::Lease, "coordination.k8s.io", "v1", "leases", "lease", &[], true, &[], &[];
    CustomResourceDefinition: apiextensions::CustomResourceDefinition, "apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition", &["crd", "crds"], false, &["api-extensions"], &["status"];

    @untyped
    ComponentStatus: core::ComponentStatus, "", "v1", "componentstatuses", "componentstatus", &["cs"], false, &[], &[];
    RuntimeClass: k8s_openapi::api::node::v1::RuntimeClass, "node.k8s.io", "v1", "runtimeclasses", "runtimeclass", &[], false, &[], &[];
    ValidatingAdmissionPolicy: k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy, "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "validatingadmissionpolicy", &[], false, &["api-extensions"], &["status"];
    ValidatingAdmissionPolicyBinding: k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding, "admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "validatingadmissionpolicybinding", &[], false, &["api-extensions"], &[];
    MutatingAdmissionPolicy: k8s_openapi::api::admissionregistration::v1::MutatingAdmissionPolicy, "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "mutatingadmissionpolicy", &[], false, &["api-extensions"], &[];
    MutatingAdmissionPolicyBinding: k8s_openapi::api::admissionregistration::v1::MutatingAdmissionPolicyBinding, "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "mutatingadmissionpolicybinding", &[], false, &["api-extensions"], &[];
    ValidatingWebhookConfiguration: k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration, "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "validatingwebhookconfiguration", &[], false, &["api-extensions"], &[];
    MutatingWebhookConfiguration: k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration, "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "mutatingwebhookconfiguration", &[], false, &["api-extensions"], &[];
    CertificateSigningRequest: k8s_openapi::api::certificates::v1::CertificateSigningRequest, "certificates.k8s.io", "v1", "certificatesigningrequests", "certificatesigningrequest", &["csr"], false, &[], &["status", "approval"];
    FlowSchema: k8s_openapi::api::flowcontrol::v1::FlowSchema, "flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "flowschema", &[], false, &[], &["status"];
    PriorityLevelConfiguration: k8s_openapi::api::flowcontrol::v1::PriorityLevelConfiguration, "flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "prioritylevelconfiguration", &[], false, &[], &["status"];
    IPAddress: k8s_openapi::api::networking::v1::IPAddress, "networking.k8s.io", "v1", "ipaddresses", "ipaddress", &["ip"], false, &[], &[];
    ServiceCIDR: k8s_openapi::api::networking::v1::ServiceCIDR, "networking.k8s.io", "v1", "servicecidrs", "servicecidr", &[], false, &[], &["status"];
    DeviceClass: k8s_openapi::api::resource::v1::DeviceClass, "resource.k8s.io", "v1", "deviceclasses", "deviceclass", &[], false, &[], &[];
    ResourceClaim: k8s_openapi::api::resource::v1::ResourceClaim, "resource.k8s.io", "v1", "resourceclaims", "resourceclaim", &[], true, &[], &["status"];
    ResourceClaimTemplate: k8s_openapi::api::resource::v1::ResourceClaimTemplate, "resource.k8s.io", "v1", "resourceclaimtemplates", "resourceclaimtemplate", &[], true, &[], &[];
    ResourceSlice: k8s_openapi::api::resource::v1::ResourceSlice, "resource.k8s.io", "v1", "resourceslices", "resourceslice", &[], false, &[], &[];
    CSIStorageCapacity: k8s_openapi::api::storage::v1::CSIStorageCapacity, "storage.k8s.io", "v1", "csistoragecapacities", "csistoragecapacity", &[], true, &[], &[];
    VolumeAttributesClass: k8s_openapi::api::storage::v1::VolumeAttributesClass, "storage.k8s.io", "v1", "volumeattributesclasses", "volumeattributesclass", &["vac"], false, &[], &[];
    APIService: k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService, "apiregistration.k8s.io", "v1", "apiservices", "apiservice", &[], false, &["api-extensions"], &["status"];

    @served
    // kind => stored as: type, group, version
    HorizontalPodAutoscaler => HorizontalPodAutoscaler: k8s_openapi::api::autoscaling::v1::HorizontalPodAutoscaler, "autoscaling", "v1";
    Event => Event: k8s_openapi::api::events::v1::Event, "events.k8s.io", "v1";
}

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
