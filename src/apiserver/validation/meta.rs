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
    if let Some(prefix) = meta.generate_name.as_deref().filter(|p| !p.is_empty()) {
        // A name goes on after the prefix: it may end in a dash.
        let mut begun = prefix.to_owned();
        if prefix.len() > 1 && prefix.ends_with('-') {
            begun.truncate(prefix.len() - 1);
            begun.pop();
            begun.push('a');
        }
        errors.all(path.child("generateName"), prefix, name_rule(object, &begun));
    }
    if name.is_empty() {
        errors.required(path.child("name"), "name or generateName is required");
    } else {
        errors.all(path.child("name"), name, name_rule(object, name));
    }
    if object.kind().info().namespaced {
        let namespace = object.namespace_str();
        errors.all(path.child("namespace"), namespace, names::label(namespace));
    }
    common(meta, is_core(object.kind()), errors);
}

/// Metadata of a changed object.
pub fn update(object: &Object, old: &Object, errors: &mut Errors) {
    let (meta, before) = (object.meta(), old.meta());
    if meta.deletion_timestamp.is_some() {
        let had = before.finalizers.as_deref().unwrap_or_default();
        let mut new: Vec<&String> = meta.finalizers.iter().flatten().filter(|f| !had.contains(f)).collect();
        new.sort();
        if !new.is_empty() {
            let shown = new.iter().map(|f| format!("{f:?}")).collect::<Vec<_>>().join(", ");
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{shown}}}"
            );
            errors.forbidden(METADATA.child("finalizers"), why);
        }
    }
    common(meta, is_core(object.kind()), errors);
}

fn name_rule(object: &Object, name: &str) -> names::Wrong {
    match object.kind() {
        Kind::Namespace | Kind::Service | Kind::StatefulSet => names::label(name),
        Kind::Role | Kind::RoleBinding | Kind::ClusterRole | Kind::ClusterRoleBinding => names::segment(name),
        Kind::Event => names::Wrong::new(),
        Kind::CronJob => {
            let mut wrong = names::subdomain(name);
            if name.len() > 52 && object.name_str() == name {
                wrong.push("must be no more than 52 characters".to_owned());
            }
            wrong
        }
        _ => names::subdomain(name),
    }
}

fn common(meta: &ObjectMeta, core: bool, errors: &mut Errors) {
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
    for (index, finalizer) in meta.finalizers.iter().flatten().enumerate() {
        let list = path.child("finalizers");
        let wrong = names::qualified(finalizer);
        if wrong.is_empty() && core && is_unqualified(finalizer) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(list.index(index), finalizer.as_str(), why);
        }
        errors.all(list, finalizer, wrong);
    }
}

/// Whether a finalizer is neither one of Kubernetes' own nor says whose it is.
pub fn is_unqualified(finalizer: &str) -> bool {
    !matches!(finalizer, "orphan" | "foregroundDeletion" | "kubernetes") && !finalizer.contains('/')
}

/// Whether the kind is validated by the core of Kubernetes; the others take any finalizer that is a name.
fn is_core(kind: Kind) -> bool {
    !matches!(kind, Kind::Dynamic(_) | Kind::CustomResourceDefinition)
        && !matches!(kind.info().group, "admissionregistration.k8s.io" | "apiregistration.k8s.io")
}

/// Labels of an object, a template or a selector.
pub fn labels(labels: Option<&BTreeMap<String, String>>, path: Path, errors: &mut Errors) {
    for (key, value) in labels.into_iter().flatten() {
        errors.all(path, key, names::qualified(key));
        errors.all(path, value, names::label_value(value));
    }
}

/// Annotations of an object or a template.
pub fn annotations(annotations: Option<&BTreeMap<String, String>>, path: Path, errors: &mut Errors) {
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
