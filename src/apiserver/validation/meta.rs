//! Validation of `metadata`: names, labels, annotations, owners.

use super::{Errors, Path, names};
use crate::object::{Kind, Object, ObjectMeta, meta::MetaExt};
use std::collections::BTreeMap;

const ANNOTATION_LIMIT: usize = 256 * 1024;
const METADATA: Path = Path::new("metadata");

/// Metadata of a new object.
pub fn create(object: &Object, errors: &mut Errors) {
    let meta = object.meta();
    let path = METADATA;
    let name = object.name_str();
    if name.is_empty() {
        errors.required(path.child("name"), "name or generateName is required");
    } else {
        errors.all(path.child("name"), name, name_rule(object, name));
    }
    if object.kind().info().namespaced {
        let namespace = object.namespace_str();
        errors.all(path.child("namespace"), namespace, names::label(namespace));
    }
    common(meta, errors);
}

/// Metadata of a changed object.
pub fn update(object: &Object, errors: &mut Errors) {
    common(object.meta(), errors);
}

fn name_rule(object: &Object, name: &str) -> names::Wrong {
    match object.kind() {
        Kind::Namespace | Kind::Service => names::label(name),
        Kind::Role | Kind::RoleBinding | Kind::ClusterRole | Kind::ClusterRoleBinding => names::segment(name),
        Kind::Event => names::Wrong::new(),
        Kind::CronJob => {
            let mut wrong = names::subdomain(name);
            if name.len() > 52 {
                wrong.push("must be no more than 52 characters".to_owned());
            }
            wrong
        }
        _ => names::subdomain(name),
    }
}

fn common(meta: &ObjectMeta, errors: &mut Errors) {
    let path = METADATA;
    labels(meta.labels.as_ref(), path.child("labels"), errors);
    annotations(meta.annotations.as_ref(), path.child("annotations"), errors);
    for (index, owner) in meta.owner_references.iter().flatten().enumerate() {
        let list = path.child("ownerReferences");
        let path = list.index(index);
        for (field, value) in [
            ("apiVersion", &owner.api_version),
            ("kind", &owner.kind),
            ("name", &owner.name),
            ("uid", &owner.uid),
        ] {
            if value.is_empty() {
                errors.invalid(path.child(field), "", "must not be empty");
            }
        }
    }
    for finalizer in meta.finalizers.iter().flatten() {
        let path = path.child("finalizers");
        errors.all(path, finalizer, names::qualified(finalizer));
        let known = matches!(finalizer.as_str(), "orphan" | "foregroundDeletion" | "kubernetes");
        if !known && !finalizer.contains('/') && names::qualified(finalizer).is_empty() {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(path, finalizer.as_str(), why);
        }
    }
}

/// Labels of an object, a template or a selector.
pub fn labels(labels: Option<&BTreeMap<String, String>>, path: Path, errors: &mut Errors) {
    for (key, value) in labels.into_iter().flatten() {
        errors.all(path, key, names::qualified(key));
        errors.all(path, value, names::label_value(value));
    }
}

fn annotations(annotations: Option<&BTreeMap<String, String>>, path: Path, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        // Upper case is accepted in an annotation's prefix.
        let wrong = names::qualified(key);
        if !wrong.is_empty() {
            errors.all(path, key, names::qualified(&key.to_lowercase()));
        }
        size += key.len() + value.len();
    }
    if size > ANNOTATION_LIMIT {
        errors.too_long(path, ANNOTATION_LIMIT);
    }
}
