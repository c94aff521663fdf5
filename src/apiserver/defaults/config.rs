//! Defaults of namespaces, secrets, limits, bindings and custom resource definitions.

use super::text;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, Namespace, Secret};
use k8s_openapi::api::rbac::v1::{RoleRef, Subject};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// The label that every namespace carries.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";
const RBAC: &str = "rbac.authorization.k8s.io";

pub fn namespace(object: &mut Namespace) {
    if let Some(name) = &object.metadata.name {
        let labels = object.metadata.labels.get_or_insert_default();
        labels.insert(NAMESPACE_LABEL.to_owned(), name.clone());
    }
    text(&mut object.status.get_or_insert_default().phase, "Active");
    object.spec.get_or_insert_default();
}

pub fn secret(object: &mut Secret) {
    text(&mut object.type_, "Opaque");
    if let Some(texts) = object.string_data.take() {
        let data = object.data.get_or_insert_default();
        data.extend(texts.into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))));
    }
}

pub fn limit_range(object: &mut LimitRange) {
    let limits = object.spec.iter_mut().flat_map(|s| s.limits.iter_mut());
    limits.filter(|l| l.type_ == "Container").for_each(container_limits);
}

/// A limit defaults to the maximum; a request to the limit, or else to the minimum.
fn container_limits(item: &mut LimitRangeItem) {
    let missing = |into: &mut Option<_>, from: &Option<std::collections::BTreeMap<String, _>>| {
        if let Some(from) = from {
            let into: &mut std::collections::BTreeMap<String, _> = into.get_or_insert_default();
            for (name, value) in from {
                into.entry(name.clone()).or_insert_with(|| Clone::clone(value));
            }
        }
    };
    let LimitRangeItem { default, default_request, max, min, .. } = item;
    missing(default, max);
    missing(default_request, default);
    missing(default_request, min);
}

pub fn binding(role: &mut RoleRef, subjects: Option<&mut Vec<Subject>>) {
    text(&mut role.api_group, RBAC);
    for subject in subjects.into_iter().flatten() {
        if matches!(subject.kind.as_str(), "User" | "Group") {
            text(&mut subject.api_group, RBAC);
        }
    }
}

pub fn definition(object: &mut CustomResourceDefinition) {
    let names = &mut object.spec.names;
    let (kind, list) = (names.kind.to_lowercase(), format!("{}List", names.kind));
    text(&mut names.singular, &kind);
    text(&mut names.list_kind, &list);
    let conversion = object.spec.conversion.get_or_insert_default();
    if conversion.strategy.is_empty() {
        "None".clone_into(&mut conversion.strategy);
    }
}
