//! Validation of environment variables and of the references to fields that volumes share with them.

use super::{Errors, Path, names};
use crate::object::quantity;
use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector};

const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields of a pod that the downward API knows, though not everywhere.
const OTHER_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.host",
    "status.phase",
];

const RESOURCE_FIELDS: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// One variable.
pub fn variable(var: &EnvVar, path: Path, errors: &mut Errors) {
    if var.name.is_empty() {
        errors.required(path.child("name"), "");
    } else {
        errors.all(path.child("name"), &var.name, names::env_name(&var.name));
    }
    let Some(source) = &var.value_from else { return };
    let path = path.child("valueFrom");
    let mut sources = 0;
    if let Some(field) = &source.field_ref {
        sources += 1;
        field_ref(field, ENV_FIELDS, path.child("fieldRef"), errors);
    }
    if let Some(resource) = &source.resource_field_ref {
        sources += 1;
        resource_ref(resource, false, path.child("resourceFieldRef"), errors);
    }
    for (field, there) in [
        ("configMapKeyRef", source.config_map_key_ref.as_ref().map(|r| (&r.name, &r.key))),
        ("secretKeyRef", source.secret_key_ref.as_ref().map(|r| (&r.name, &r.key))),
    ] {
        let Some((name, key)) = there else { continue };
        sources += 1;
        let path = path.child(field);
        errors.all(path.child("name"), name, names::subdomain(name));
        if key.is_empty() {
            errors.required(path.child("key"), "");
        } else {
            errors.all(path.child("key"), key, names::config_key(key));
        }
    }
    sources += usize::from(source.file_key_ref.is_some());
    if sources == 0 {
        errors.invalid(
            path,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        );
    } else if var.value.as_deref().is_some_and(|v| !v.is_empty()) {
        errors.invalid(path, "", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        errors.invalid(path, "", "may not have more than one field specified at a time");
    }
}

/// The sources that give many variables at once.
pub fn from(sources: &[EnvFromSource], path: Path, errors: &mut Errors) {
    for (index, source) in sources.iter().enumerate() {
        let at = path.index(index);
        if let Some(prefix) = source.prefix.as_deref().filter(|p| !p.is_empty()) {
            errors.all(at.child("prefix"), prefix, names::env_name(prefix));
        }
        let mut count = 0;
        for (field, name) in [
            ("configMapRef", source.config_map_ref.as_ref().map(|r| &r.name)),
            ("secretRef", source.secret_ref.as_ref().map(|r| &r.name)),
        ] {
            let Some(name) = name else { continue };
            count += 1;
            let at = at.child(field);
            if name.is_empty() {
                errors.required(at.child("name"), "");
            } else {
                errors.all(at.child("name"), name, names::subdomain(name));
            }
        }
        match count {
            0 => errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => errors.invalid(path, "", "may not have more than one field specified at a time"),
        }
    }
}

/// A reference to a field of the pod; `known` are those that may stand there.
pub fn field_ref(source: &ObjectFieldSelector, known: &[&str], path: Path, errors: &mut Errors) {
    let field = source.field_path.as_str();
    if field.is_empty() {
        errors.required(path.child("fieldPath"), "");
        return;
    }
    if let Some((map, key)) = field.strip_suffix("']").and_then(|rest| rest.split_once("['")) {
        match map {
            "metadata.annotations" => {
                errors.all(path, &key.to_lowercase(), names::qualified(&key.to_lowercase()));
            }
            "metadata.labels" => errors.all(path, key, names::qualified(key)),
            _ => {
                let why =
                    format!("error converting fieldPath: field label does not support subscript: {field}");
                errors.invalid(path.child("fieldPath"), field, why);
            }
        }
    } else if known.contains(&field) {
    } else if ENV_FIELDS.contains(&field) || OTHER_FIELDS.contains(&field) {
        errors.unsupported(path.child("fieldPath"), field, known);
    } else {
        let why = format!("error converting fieldPath: field label not supported: {field}");
        errors.invalid(path.child("fieldPath"), field, why);
    }
}

/// A reference to what a container asks for; in a volume the container must be named.
pub fn resource_ref(source: &ResourceFieldSelector, volume: bool, path: Path, errors: &mut Errors) {
    let resource = source.resource.as_str();
    let pages = resource.starts_with("requests.hugepages-") || resource.starts_with("limits.hugepages-");
    if volume && source.container_name.as_deref().unwrap_or("").is_empty() {
        errors.required(path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(path.child("resource"), "");
    } else if !pages && !RESOURCE_FIELDS.contains(&resource) {
        errors.unsupported(path.child("resource"), resource, RESOURCE_FIELDS);
    }
    let Some(divisor) = source.divisor.as_ref().filter(|d| quantity::of(d).nano != 0) else { return };
    let units = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    let (legal, name) = match resource.split_once('.').map_or("", |(_, name)| name) {
        "cpu" => ("1m and 1", "cpu"),
        "memory" => (units, "memory"),
        "ephemeral-storage" => (units, "local ephemeral storage"),
        _ if pages => (units, "hugepages"),
        _ => return,
    };
    if !legal.split([',', ' ']).any(|unit| unit == divisor.0) {
        let why = format!("only divisor's values {legal} are supported with the {name} resource");
        errors.invalid(path.child("divisor"), resource, why);
    }
}
