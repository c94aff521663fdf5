//! Whether a `CustomResourceDefinition` is itself right: names, versions, and a structural schema.

use super::structural::{Additional, additional, items};
use super::{facets, rules};
use crate::apiserver::FieldError;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use serde_json::json;

/// The errors of a definition, and of a change of one.
pub fn definition(new: &CustomResourceDefinition, old: Option<&CustomResourceDefinition>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &new.spec;
    let (plural, group) = (&spec.names.plural, &spec.group);
    let name = new.metadata.name.as_deref().unwrap_or("");
    if name != format!("{plural}.{group}") {
        let why = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", &json!(name), why));
    }
    let mut require = |field: &str, value: &str| {
        if value.is_empty() {
            errors.push(FieldError::required(field, ""));
        }
    };
    require("spec.group", group);
    require("spec.scope", &spec.scope);
    require("spec.names.plural", plural);
    require("spec.names.kind", &spec.names.kind);
    if !group.is_empty() && group.split('.').count() < 2 {
        errors.push(FieldError::invalid(
            "spec.group",
            &json!(group),
            "should be a domain with at least one dot",
        ));
    }
    if !matches!(spec.scope.as_str(), "" | "Cluster" | "Namespaced") {
        let known = ["Cluster", "Namespaced"];
        errors.push(FieldError::unsupported("spec.scope", &json!(spec.scope), &known));
    }
    labels(new, &mut errors);
    facets::check(new, old.is_none(), &mut errors);
    versions(new, &mut errors);
    if let Some(old) = old {
        unchanged(new, old, &mut errors);
    }
    errors
}

/// Names that must be DNS labels.
fn labels(definition: &CustomResourceDefinition, errors: &mut Vec<FieldError>) {
    const WHY: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    let names = &definition.spec.names;
    let lower = names.kind.to_lowercase();
    let fields = [
        ("spec.names.plural".to_owned(), names.plural.as_str(), names.plural.as_str()),
        (
            "spec.names.singular".to_owned(),
            names.singular.as_deref().unwrap_or(""),
            names.singular.as_deref().unwrap_or(""),
        ),
        ("spec.names.kind".to_owned(), lower.as_str(), names.kind.as_str()),
    ];
    let short = names.short_names.iter().flatten().enumerate();
    let short = short.map(|(i, s)| (format!("spec.names.shortNames[{i}]"), s.as_str(), s.as_str()));
    for (field, text, given) in fields.into_iter().chain(short) {
        let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.chars().all(rest);
        if !text.is_empty() && !fits {
            let why = if field.ends_with("kind") {
                format!("may have mixed case, but should otherwise match: {WHY}")
            } else {
                WHY.to_owned()
            };
            errors.push(FieldError::invalid(field, &json!(given), why));
        }
    }
}

fn versions(definition: &CustomResourceDefinition, errors: &mut Vec<FieldError>) {
    let versions = &definition.spec.versions;
    let mut seen: Vec<&str> = Vec::new();
    if versions.iter().filter(|v| v.storage).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", &json!(versions), why));
    }
    let schemas: Vec<_> =
        versions.iter().map(|v| v.schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref())).collect();
    // What every version says alike is checked once, under the name that it once had.
    let shared = schemas.windows(2).all(|pair| pair[0] == pair[1]);
    for (index, version) in versions.iter().enumerate() {
        if seen.contains(&version.name.as_str()) {
            errors.push(FieldError::invalid(
                "spec.versions",
                &json!(versions),
                "must contain unique version names",
            ));
        }
        seen.push(&version.name);
        let Some(schema) = schemas[index] else {
            let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
            errors.push(FieldError::required(field, "schemas are required"));
            continue;
        };
        if shared && index > 0 {
            continue;
        }
        let path = if shared {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("spec.versions[{index}].schema.openAPIV3Schema")
        };
        root(schema, &path, errors);
    }
}

fn root(schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    match schema.type_.as_deref().unwrap_or("") {
        "" => errors.push(FieldError::required(format!("{path}.type"), "must not be empty at the root")),
        "object" => {}
        other => errors.push(FieldError::invalid(
            format!("{path}.type"),
            &json!(other),
            "must be object at the root",
        )),
    }
    structural(schema, path, errors, 0);
}

/// How deep a schema may be.
const DEEPEST: usize = 64;

/// A schema is structural when every value in it has a type.
fn structural(schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let typed = |inner: &JSONSchemaProps| {
        !inner.type_.as_deref().unwrap_or("").is_empty()
            || inner.x_kubernetes_int_or_string == Some(true)
            || inner.x_kubernetes_preserve_unknown_fields == Some(true)
    };
    for (index, rule) in schema.x_kubernetes_validations.iter().flatten().enumerate() {
        let field = format!("{path}.x-kubernetes-validations[{index}]");
        if let Err(why) = rules::compiles(rule, schema, depth == 0) {
            errors.push(FieldError::invalid(format!("{field}.rule"), &json!(rule.rule), why));
        }
        if let Err(why) = rules::message_compiles(rule, schema, depth == 0) {
            let shown = json!(rule.message_expression);
            errors.push(FieldError::invalid(format!("{field}.messageExpression"), &shown, why));
        }
    }
    if let Some(pattern) = &schema.pattern
        && regex::Regex::new(pattern).is_err()
    {
        let why = format!("must be a valid regular expression, but isn't: error parsing regexp: {pattern}");
        errors.push(FieldError::invalid(format!("{path}.pattern"), &json!(pattern), why));
    }
    if let Some(default) = &schema.default {
        for error in super::check::check(&default.0, schema, "") {
            let field = if error.field.is_empty() {
                format!("{path}.default")
            } else {
                format!("{path}.default.{}", error.field)
            };
            errors.push(FieldError { field, ..error });
        }
    }
    if schema.type_.as_deref() == Some("array") && schema.items.is_none() {
        errors.push(FieldError::required(format!("{path}.items"), "must be specified"));
    }
    if depth == 0 || schema.x_kubernetes_embedded_resource == Some(true) {
        facets::metadata(schema, path, errors);
    }
    facets::forbidden(schema, path, errors);
    list_keys(schema, path, errors);
    for (name, inner) in schema.properties.iter().flatten() {
        let here = format!("{path}.properties[{name}]");
        if !typed(inner) {
            let why = "must not be empty for specified object fields";
            errors.push(FieldError::required(format!("{here}.type"), why));
        }
        structural(inner, &here, errors, depth + 1);
    }
    if let Some(inner) = items(schema) {
        let here = format!("{path}.items");
        if !typed(inner) {
            errors.push(FieldError::required(
                format!("{here}.type"),
                "must not be empty for specified array items",
            ));
        }
        structural(inner, &here, errors, depth + 1);
    }
    if let Additional::Schema(inner) = additional(schema) {
        let here = format!("{path}.additionalProperties");
        if schema.properties.is_some() {
            let why = "additionalProperties and properties are mutual exclusive";
            errors.push(FieldError::forbidden(here.clone(), why));
        }
        if !typed(inner) {
            let why = "must not be empty for specified object fields";
            errors.push(FieldError::required(format!("{here}.type"), why));
        }
        structural(inner, &here, errors, depth + 1);
    }
}

fn list_keys(schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let keys = schema.x_kubernetes_list_map_keys.as_ref();
    if schema.x_kubernetes_list_type.as_deref() != Some("map") {
        return;
    }
    let Some(keys) = keys.filter(|k| !k.is_empty()) else {
        let why = "must not be empty if x-kubernetes-list-type is map";
        errors.push(FieldError::required(format!("{path}.x-kubernetes-list-map-keys"), why));
        return;
    };
    let Some(inner) = items(schema) else { return };
    for (index, key) in keys.iter().enumerate() {
        match inner.properties.as_ref().and_then(|p| p.get(key)) {
            None => {
                let why = "entries must all be names of item properties";
                let field = format!("{path}.x-kubernetes-list-map-keys[{index}]");
                errors.push(FieldError::invalid(field, &json!(key), why));
            }
            Some(property) => {
                let required = inner.required.as_ref().is_some_and(|r| r.contains(key));
                if !required && property.default.is_none() {
                    let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                    errors.push(FieldError::required(format!("{path}.items.properties[{key}].default"), why));
                }
            }
        }
    }
}

fn unchanged(new: &CustomResourceDefinition, old: &CustomResourceDefinition, errors: &mut Vec<FieldError>) {
    const WHY: &str = "field is immutable";
    let (now, before) = (&new.spec, &old.spec);
    for (field, now, before) in [
        ("spec.group", &now.group, &before.group),
        ("spec.names.plural", &now.names.plural, &before.names.plural),
        ("spec.names.kind", &now.names.kind, &before.names.kind),
        ("spec.scope", &now.scope, &before.scope),
    ] {
        if now != before {
            errors.push(FieldError::invalid(field, &json!(now), WHY));
        }
    }
    let stored = old.status.as_ref().and_then(|s| s.stored_versions.as_deref()).unwrap_or_default();
    for (index, version) in stored.iter().enumerate() {
        if !now.versions.iter().any(|v| v.name == *version) {
            let why = format!(
                "missing from spec.versions; {version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {version} and removes {version} from status.storedVersions"
            );
            errors.push(FieldError::invalid(format!("status.storedVersions[{index}]"), &json!(version), why));
        }
    }
}
