//! Validation: every wrong field of an object at once, with its path, in the real server's words.
//!
//! Always holds: what is right costs no allocation: a path becomes text only when something is wrong. From
//! `pkg/apis/*/validation`.

mod admission;
mod autoscaler;
mod classes;
mod config;
mod container;
mod cron;
mod diff;
mod env;
mod event;
mod flow;
mod handler;
mod job;
mod limits;
mod meta;
pub(super) mod names;
mod network;
mod path;
mod pod;
mod resources;
mod scheduling;
mod security;
mod service;
mod storage;
mod volume;
mod workload;

pub use meta::is_unqualified;
pub use path::Path;

use super::{FieldError, Part, certificates, flow_control};
use crate::object::dynamic::{DynamicKind, DynamicObject};
use crate::object::{Object, Pod};
use serde_json::{Value, json};

/// What is wrong with the ephemeral containers that a pod is to get.
pub fn ephemeral_containers(new: &Pod, old: &Pod) -> Vec<FieldError> {
    let mut errors = Errors::default();
    pod::ephemeral_update(new, old, &mut errors);
    errors.0
}

/// The errors found so far.
#[derive(Debug, Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn required(&mut self, path: Path, detail: &str) {
        self.0.push(FieldError::required(path.to_string(), detail));
    }

    fn invalid(&mut self, path: Path, value: impl Into<Value>, detail: impl AsRef<str>) {
        self.0.push(FieldError::invalid(path.to_string(), &value.into(), detail));
    }

    /// `Invalid value` of a struct: `shown` is its JSON, with the fields in the server's own order.
    fn raw(&mut self, path: Path, shown: &str, detail: &str) {
        let message = format!("Invalid value: {shown}: {detail}");
        self.0.push(FieldError { field: path.to_string(), reason: "FieldValueInvalid", message });
    }

    /// `Invalid value` that does not show the value.
    fn plain(&mut self, path: Path, detail: &str) {
        let message = format!("Invalid value: {detail}");
        self.0.push(FieldError { field: path.to_string(), reason: "FieldValueInvalid", message });
    }

    fn forbidden(&mut self, path: Path, detail: impl AsRef<str>) {
        self.0.push(FieldError::forbidden(path.to_string(), detail));
    }

    fn duplicate(&mut self, path: Path, value: impl Into<Value>) {
        self.0.push(FieldError::duplicate(path.to_string(), &value.into()));
    }

    /// `Duplicate value` of a struct, shown as the server has it.
    fn duplicate_raw(&mut self, path: Path, shown: &str) {
        let message = format!("Duplicate value: {shown}");
        self.0.push(FieldError { field: path.to_string(), reason: "FieldValueDuplicate", message });
    }

    fn not_found(&mut self, path: Path, value: &str) {
        self.0.push(FieldError::not_found(path.to_string(), &json!(value)));
    }

    fn unsupported(&mut self, path: Path, value: &str, supported: &[&str]) {
        self.0.push(FieldError::unsupported(path.to_string(), &json!(value), supported));
    }

    fn too_many(&mut self, path: Path, there: usize, limit: usize) {
        let message = format!("Too many: {there}: must have at most {limit} items");
        self.0.push(FieldError { field: path.to_string(), reason: "FieldValueTooMany", message });
    }

    /// Text that must be there.
    fn needed(&mut self, path: Path, text: &str) {
        if text.is_empty() {
            self.required(path, "");
        }
    }

    /// Text that is one of `supported` if it is there.
    fn supported(&mut self, path: Path, value: Option<&str>, supported: &[&str]) {
        if let Some(value) = value.filter(|v| !supported.contains(v)) {
            self.unsupported(path, value, supported);
        }
    }

    fn too_long(&mut self, path: Path, limit: usize) {
        self.0.push(FieldError::too_long(path.to_string(), limit));
    }

    /// Text that must be there and be one of `supported`.
    fn one_of(&mut self, path: Path, value: Option<&str>, supported: &[&str]) {
        match value.unwrap_or("") {
            "" => self.required(path, ""),
            value if !supported.contains(&value) => self.unsupported(path, value, supported),
            _ => {}
        }
    }

    /// Each message about a value becomes an error.
    fn all(&mut self, path: Path, value: &str, messages: Vec<String>) {
        for message in messages {
            self.invalid(path, value, message);
        }
    }

    fn not_negative(&mut self, path: Path, value: Option<i64>) {
        if let Some(value) = value.filter(|v| *v < 0) {
            self.invalid(path, value, "must be greater than or equal to 0");
        }
    }

    /// A field that may not differ from what it was.
    fn immutable<T: PartialEq + serde::Serialize>(&mut self, path: Path, new: &T, old: &T) {
        if new != old {
            self.invalid(path, json!(new), "field is immutable");
        }
    }
}

/// What is wrong with a new object.
pub fn create(object: &Object) -> Vec<FieldError> {
    let mut errors = Errors::default();
    meta::create(object, &mut errors);
    spec(object, &mut errors);
    match object {
        Object::Pod(pod) => pod::create_only(pod, &mut errors),
        Object::Dynamic(o) if is_runtime(o) => classes::runtime(o, None, &mut errors),
        Object::Dynamic(o) if certificates::of(object).is_some() => errors.0.extend(certificates::check(o)),
        _ => {}
    }
    errors.0
}

/// What is wrong with a changed object, immutable fields included.
pub fn update(object: &Object, old: &Object, part: Part) -> Vec<FieldError> {
    if part == Part::Status {
        return Vec::new();
    }
    let mut errors = Errors::default();
    meta::update(object, old, &mut errors);
    match (object, old) {
        (Object::Pod(new), Object::Pod(old)) => pod::update(new, old, &mut errors),
        (Object::Service(new), Object::Service(old)) => {
            service::update(new, old, &mut errors);
            spec(object, &mut errors);
        }
        _ => {
            spec(object, &mut errors);
            changes(object, old, &mut errors);
        }
    }
    errors.0
}

/// What is wrong with an object that a request gave in a version of its own (`asked`), beside what is wrong in any.
pub fn asked(object: &Object, old: Option<&Object>, asked: Option<DynamicKind>) -> Vec<FieldError> {
    let mut errors = Errors::default();
    let by_events = asked.is_some_and(|kind| kind.info().group == "events.k8s.io");
    match (object, old) {
        (Object::Event(new), None) if by_events => event::create_strictly(new, &mut errors),
        (Object::Event(new), Some(Object::Event(old))) if by_events => {
            event::update_strictly(new, old, &mut errors);
        }
        _ => {}
    }
    errors.0
}

fn is_runtime(object: &DynamicObject) -> bool {
    let info = object.kind.info();
    (info.group, info.kind) == ("node.k8s.io", "RuntimeClass")
}

fn spec(object: &Object, errors: &mut Errors) {
    match object {
        Object::Pod(o) => {
            let path = Path::new("spec");
            pod::spec(&o.spec, path, errors);
            pod::pod_only(o, path, errors);
        }
        Object::Deployment(o) => workload::deployment(o, errors),
        Object::ReplicaSet(o) => workload::replica_set(o, errors),
        Object::ReplicationController(o) => workload::replication_controller(o, errors),
        Object::DaemonSet(o) => workload::daemon_set(o, errors),
        Object::StatefulSet(o) => workload::stateful_set(o, errors),
        Object::Job(o) => job::job(o, errors),
        Object::CronJob(o) => cron::cron_job(o, errors),
        Object::HorizontalPodAutoscaler(o) => autoscaler::autoscaler(o, errors),
        Object::PodDisruptionBudget(o) => workload::budget(o, errors),
        Object::Service(o) => service::service(o, errors),
        Object::Ingress(o) => network::ingress(o, errors),
        Object::NetworkPolicy(o) => network::policy(o, errors),
        Object::PersistentVolume(o) => storage::volume(o, errors),
        Object::PersistentVolumeClaim(o) => storage::claim(o, errors),
        Object::StorageClass(o) => storage::class(o, errors),
        Object::ConfigMap(o) => config::config_map(o, errors),
        Object::Secret(o) => config::secret(o, errors),
        Object::LimitRange(o) => limits::limit_range(o, errors),
        Object::ResourceQuota(o) => config::quota(o, errors),
        Object::Role(o) => config::rules(o.rules.as_deref(), false, errors),
        Object::ClusterRole(o) => config::rules(o.rules.as_deref(), true, errors),
        Object::RoleBinding(o) => config::binding(&o.role_ref, o.subjects.as_deref(), errors),
        Object::ClusterRoleBinding(o) => config::binding(&o.role_ref, o.subjects.as_deref(), errors),
        Object::Node(o) => scheduling::node(o, errors),
        Object::PriorityClass(o) => classes::priority(o, errors),
        Object::IngressClass(o) => classes::ingress(o, errors),
        Object::Lease(o) => classes::lease(o, errors),
        Object::EndpointSlice(o) => classes::slice(o, errors),
        Object::Event(o) => event::event(o, errors),
        Object::Dynamic(o) if o.kind.info().group == flow_control::GROUP => flow::check(o, errors),
        Object::Dynamic(o) if o.kind.info().group == admission::GROUP => admission::check(o, errors),
        Object::PodTemplate(o) => {
            if let Some(template) = &o.template {
                pod::template(template, Path::new("template"), errors);
            }
        }
        _ => {}
    }
}

fn changes(object: &Object, old: &Object, errors: &mut Errors) {
    match (object, old) {
        (Object::Deployment(new), Object::Deployment(old)) => {
            workload::selector_stays(
                new.spec.as_ref().map(|s| &s.selector),
                old.spec.as_ref().map(|s| &s.selector),
                errors,
            );
        }
        (Object::ReplicaSet(new), Object::ReplicaSet(old)) => {
            workload::selector_stays(
                new.spec.as_ref().map(|s| &s.selector),
                old.spec.as_ref().map(|s| &s.selector),
                errors,
            );
        }
        (Object::DaemonSet(new), Object::DaemonSet(old)) => {
            workload::selector_stays(
                new.spec.as_ref().map(|s| &s.selector),
                old.spec.as_ref().map(|s| &s.selector),
                errors,
            );
        }
        (Object::StatefulSet(new), Object::StatefulSet(old)) => {
            workload::stateful_set_update(new, old, errors);
        }
        (Object::Job(new), Object::Job(old)) => job::update(new, old, errors),
        (Object::PersistentVolume(new), Object::PersistentVolume(old)) => {
            storage::volume_update(new, old, errors);
        }
        (Object::PersistentVolumeClaim(new), Object::PersistentVolumeClaim(old)) => {
            storage::claim_update(new, old, errors);
        }
        (Object::PriorityClass(new), Object::PriorityClass(old)) => {
            classes::priority_update(new, old, errors);
        }
        (Object::IngressClass(new), Object::IngressClass(old)) => classes::ingress_update(new, old, errors),
        (Object::EndpointSlice(new), Object::EndpointSlice(old)) => classes::slice_update(new, old, errors),
        (Object::Dynamic(new), Object::Dynamic(old)) if is_runtime(new) => {
            classes::runtime(new, Some(old), errors);
        }
        (Object::ResourceQuota(new), Object::ResourceQuota(old)) => config::quota_update(new, old, errors),
        (Object::StorageClass(new), Object::StorageClass(old)) => storage::class_update(new, old, errors),
        (Object::ConfigMap(new), Object::ConfigMap(old)) => config::config_map_update(new, old, errors),
        (Object::Secret(new), Object::Secret(old)) => config::secret_update(new, old, errors),
        (Object::RoleBinding(new), Object::RoleBinding(old)) => {
            config::role_stays(&new.role_ref, &old.role_ref, errors);
        }
        (Object::ClusterRoleBinding(new), Object::ClusterRoleBinding(old)) => {
            config::role_stays(&new.role_ref, &old.role_ref, errors);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
