//! Rows of configuration, limits, permissions and leases.

use super::{AGE, Column, NAME, name, number, text, wide};
use crate::object::quantity;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota, Secret};
use k8s_openapi::api::rbac::v1::{RoleRef, Subject};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde_json::{Value, json};

pub const CONFIG_MAP: &[Column] = &[NAME, number("Data"), AGE];
pub const SECRET: &[Column] = &[NAME, text("Type"), number("Data"), AGE];
pub const QUOTA: &[Column] = &[NAME, text("Request"), text("Limit"), AGE];
pub const PRIORITY: &[Column] = &[
    NAME,
    number("Value"),
    Column { name: "Global-Default", type_: "boolean", priority: 0 },
    AGE,
    text("PreemptionPolicy"),
];
pub const LEASE: &[Column] = &[NAME, text("Holder"), AGE];
pub const BINDING: &[Column] =
    &[NAME, text("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")];
pub const CREATED: &[Column] = &[NAME, text("Created At")];

pub fn config_map(o: &ConfigMap, age: &str) -> Vec<Value> {
    let keys = o.data.iter().flatten().count() + o.binary_data.iter().flatten().count();
    vec![name(o), json!(keys), json!(age)]
}

pub fn secret(o: &Secret, age: &str) -> Vec<Value> {
    let keys = o.data.iter().flatten().count();
    vec![name(o), json!(o.type_.as_deref().unwrap_or("")), json!(keys), json!(age)]
}

pub fn quota(o: &ResourceQuota, age: &str) -> Vec<Value> {
    let status = o.status.clone().unwrap_or_default();
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, hard) in status.hard.iter().flatten() {
        let used = status.used.as_ref().and_then(|u| u.get(resource));
        let used = used.map_or_else(|| "0".to_owned(), |q| quantity::of(q).to_string());
        let text = format!("{resource}: {used}/{}", quantity::of(hard));
        if resource.starts_with("limits") { limits.push(text) } else { requests.push(text) }
    }
    vec![name(o), json!(requests.join(", ")), json!(limits.join(", ")), json!(age)]
}

pub fn priority(o: &PriorityClass, age: &str) -> Vec<Value> {
    vec![
        name(o),
        json!(o.value.unwrap_or(0)),
        json!(o.global_default.unwrap_or(false)),
        json!(age),
        json!(o.preemption_policy.as_deref().unwrap_or("")),
    ]
}

pub fn lease(o: &Lease, age: &str) -> Vec<Value> {
    let holder = o.spec.as_ref().and_then(|s| s.holder_identity.as_deref()).unwrap_or("");
    vec![name(o), json!(holder), json!(age)]
}

pub fn binding(binding: &str, role: &RoleRef, subjects: Option<&[Subject]>, age: &str) -> Vec<Value> {
    let of = |kind: &str| {
        let named = subjects.unwrap_or_default().iter().filter(|s| s.kind == kind);
        let names = named.map(|s| match (kind, s.namespace.as_deref()) {
            ("ServiceAccount", Some(namespace)) => format!("{namespace}/{}", s.name),
            _ => s.name.clone(),
        });
        json!(names.collect::<Vec<_>>().join(", "))
    };
    vec![
        json!(binding),
        json!(format!("{}/{}", role.kind, role.name)),
        json!(age),
        of("User"),
        of("Group"),
        of("ServiceAccount"),
    ]
}
