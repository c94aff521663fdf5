//! Whether what a `CustomResourceDefinition` says beside its schemas is right: columns, scale, selectable fields,
//! conversion, and groups that are Kubernetes' own.
//!
//! Always holds: what every version says alike is checked once, under the name that it has for all of them. From
//! `apiextensions-apiserver/pkg/apis/apiextensions/validation`.

use super::structural::Additional;
use crate::apiserver::FieldError;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionVersion,
    CustomResourceSubresourceScale, JSONSchemaProps, SelectableField,
};
use serde_json::json;

/// The annotation that says who has approved a definition in a group of Kubernetes' own.
const APPROVED: &str = "api-approved.kubernetes.io";
/// How many fields a version's objects can be selected by.
const SELECTABLE: usize = 8;

const TYPES: &[&str] = &["boolean", "date", "integer", "number", "string"];
const FORMATS: &[&str] = &["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/// What is wrong with a definition beside its schemas; `fresh` when it was not there before.
pub fn check(definition: &CustomResourceDefinition, fresh: bool, errors: &mut Vec<FieldError>) {
    let spec = &definition.spec;
    if spec.preserve_unknown_fields == Some(true) {
        let why = "must be false";
        errors.push(FieldError::invalid("spec.preserveUnknownFields", &json!(true), why));
    }
    if fresh {
        approval(definition, errors);
    }
    for (index, version) in spec.versions.iter().enumerate() {
        if let Some(warning) =
            version.deprecation_warning.as_ref().filter(|_| version.deprecated != Some(true))
        {
            let field = format!("spec.versions[{index}].deprecationWarning");
            let why = "can only be set for deprecated versions";
            errors.push(FieldError::invalid(field, &json!(warning), why));
        }
    }
    for (path, version) in places(&spec.versions, |v| &v.additional_printer_columns) {
        for (index, one) in version.additional_printer_columns.iter().flatten().enumerate() {
            column(one, &format!("{path}.additionalPrinterColumns[{index}]"), errors);
        }
    }
    for (path, version) in places(&spec.versions, |v| &v.subresources) {
        if let Some(of) = version.subresources.as_ref().and_then(|s| s.scale.as_ref()) {
            scale(of, &format!("{path}.subresources.scale"), errors);
        }
    }
    for (path, version) in places(&spec.versions, |v| &v.selectable_fields) {
        let schema = version.schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref());
        if let (Some(fields), Some(schema)) = (&version.selectable_fields, schema) {
            selectable(fields, schema, &format!("{path}.selectableFields"), errors);
        }
    }
    if let Some(conversion) = &spec.conversion {
        let field = "spec.conversion.strategy";
        match conversion.strategy.as_str() {
            "None" | "" => {}
            "Webhook" if conversion.webhook.as_ref().is_none_or(|w| w.client_config.is_none()) => {
                let why = "required when strategy is set to Webhook";
                errors.push(FieldError::required("spec.conversion.webhookClientConfig", why));
            }
            "Webhook" => {}
            other => errors.push(FieldError::unsupported(field, &json!(other), &["None", "Webhook"])),
        }
    }
}

/// The versions to look at for one of their parts, with the path that errors name: when all are alike, one for all.
fn places<T: PartialEq>(
    versions: &[CustomResourceDefinitionVersion],
    part: impl Fn(&CustomResourceDefinitionVersion) -> &T,
) -> Vec<(String, &CustomResourceDefinitionVersion)> {
    match versions {
        [first, rest @ ..] if rest.iter().all(|v| part(v) == part(first)) => vec![("spec".to_owned(), first)],
        _ => versions.iter().enumerate().map(|(i, v)| (format!("spec.versions[{i}]"), v)).collect(),
    }
}

fn approval(definition: &CustomResourceDefinition, errors: &mut Vec<FieldError>) {
    const MORE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";
    let group = definition.spec.group.as_str();
    let own = |domain: &str| group == domain || group.ends_with(&format!(".{domain}"));
    if !own("k8s.io") && !own("kubernetes.io") {
        return;
    }
    let field = format!("metadata.annotations[{APPROVED}]");
    let given =
        definition.metadata.annotations.as_ref().and_then(|a| a.get(APPROVED)).map_or("", String::as_str);
    let must = format!("protected groups must have approval annotation \"{APPROVED}\"");
    if given.is_empty() {
        errors.push(FieldError::required(field, &format!("{must}, {MORE}")));
    } else if !given.starts_with("unapproved") && !given.contains("://") {
        let why = format!("{must} with either a URL or a reason starting with \"unapproved\", {MORE}");
        errors.push(FieldError::invalid(field, &json!(given), why));
    }
}

fn column(column: &CustomResourceColumnDefinition, path: &str, errors: &mut Vec<FieldError>) {
    if column.name.is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    }
    let kinds = format!("must be one of {}", TYPES.join(","));
    if column.type_.is_empty() {
        errors.push(FieldError::required(format!("{path}.type"), &kinds));
    } else if !TYPES.contains(&column.type_.as_str()) {
        errors.push(FieldError::invalid(format!("{path}.type"), &json!(column.type_), kinds));
    }
    if let Some(format) = column.format.as_deref().filter(|f| !f.is_empty() && !FORMATS.contains(f)) {
        let why = format!("must be one of {}", FORMATS.join(","));
        errors.push(FieldError::invalid(format!("{path}.format"), &json!(format), why));
    }
    if column.json_path.is_empty() {
        errors.push(FieldError::required(format!("{path}.JSONPath"), ""));
    } else {
        simple(&column.json_path, &format!("{path}.JSONPath"), errors);
    }
}

/// Whether a path begins as one; it answers so.
fn simple(text: &str, path: &str, errors: &mut Vec<FieldError>) -> bool {
    if text.starts_with('.') {
        return true;
    }
    errors.push(FieldError::invalid(path, &json!(text), "must be a simple json path starting with ."));
    false
}

fn scale(scale: &CustomResourceSubresourceScale, path: &str, errors: &mut Vec<FieldError>) {
    let selector = scale.label_selector_path.as_deref().unwrap_or("");
    for (field, text, below, why) in [
        (
            "specReplicasPath",
            scale.spec_replicas_path.as_str(),
            &[".spec."][..],
            "should be a json path under .spec",
        ),
        (
            "statusReplicasPath",
            scale.status_replicas_path.as_str(),
            &[".status."],
            "should be a json path under .status",
        ),
        (
            "labelSelectorPath",
            selector,
            &[".spec.", ".status."],
            "should be a json path under either .status or .spec",
        ),
    ] {
        let path = format!("{path}.{field}");
        if text.is_empty() {
            if field != "labelSelectorPath" {
                errors.push(FieldError::required(path, ""));
            }
            continue;
        }
        simple(text, &path, errors);
        if !below.iter().any(|start| text.starts_with(start)) {
            errors.push(FieldError::invalid(path, &json!(text), why));
        }
    }
}

fn selectable(
    fields: &[SelectableField],
    schema: &JSONSchemaProps,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    if fields.len() > SELECTABLE {
        let message = format!("Too many: {}: must have at most {SELECTABLE} items", fields.len());
        errors.push(FieldError { field: path.to_owned(), reason: "FieldValueTooMany", message });
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let (place, text) = (format!("{path}[{index}].jsonPath"), field.json_path.as_str());
        if text.is_empty() {
            errors.push(FieldError::required(place, ""));
            continue;
        }
        let found = match find(schema, text) {
            Ok(found) => found,
            Err(why) => {
                errors.push(FieldError::invalid(place, &json!(text), format!("is an invalid path: {why}")));
                continue;
            }
        };
        if text.starts_with(".metadata.") || text == ".metadata" {
            let why = "must not point to fields in metadata";
            errors.push(FieldError::invalid(place.clone(), &json!(text), why));
        }
        if !matches!(found.type_.as_deref(), Some("string" | "boolean" | "integer")) {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            errors.push(FieldError::invalid(place.clone(), &json!(text), why));
        }
        if seen.contains(&text) {
            errors.push(FieldError::duplicate(place, &json!(text)));
        }
        seen.push(text);
    }
}

/// The schema of the field at a path.
fn find<'s>(schema: &'s JSONSchemaProps, path: &str) -> Result<&'s JSONSchemaProps, String> {
    let Some(steps) = path.strip_prefix('.') else {
        let given: String = path.split(['.', '[']).next().unwrap_or("").to_owned();
        return Err(format!("expected [ or . but got: {given}"));
    };
    steps.split('.').try_fold(schema, |at, step| {
        let named = at.properties.as_ref().and_then(|p| p.get(step));
        let inner = named.or(match super::structural::additional(at) {
            Additional::Schema(inner) => Some(inner),
            _ => None,
        });
        inner.ok_or_else(|| "does not refer to a valid field".to_owned())
    })
}

/// What one schema of a definition may not say.
pub fn forbidden(schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let mut forbid =
        |field: &str, why: &str| errors.push(FieldError::forbidden(format!("{path}.{field}"), why));
    if schema.ref_path.as_deref().is_some_and(|r| !r.is_empty()) {
        forbid("$ref", "$ref is not supported");
    }
    if schema.unique_items == Some(true) {
        let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        forbid("uniqueItems", why);
    }
    let lists = [("allOf", &schema.all_of), ("anyOf", &schema.any_of), ("oneOf", &schema.one_of)];
    let union = schema.x_kubernetes_int_or_string == Some(true);
    for (name, list) in lists {
        for (index, inner) in list.iter().flatten().enumerate() {
            // A number or text may say so once more.
            if union && matches!(name, "anyOf" | "allOf") {
                continue;
            }
            if inner.type_.as_deref().is_some_and(|t| !t.is_empty()) {
                forbid(&format!("{name}[{index}].type"), "must be empty to be structural");
            }
        }
    }
    if schema.not.as_ref().and_then(|n| n.type_.as_deref()).is_some_and(|t| !t.is_empty()) {
        forbid("not.type", "must be empty to be structural");
    }
}

/// What a schema may say of the metadata of an object: no more than a rule for its name.
pub fn metadata(schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let Some(metadata) = schema.properties.as_ref().and_then(|p| p.get("metadata")) else { return };
    let mut rest = metadata.clone();
    if let Some(properties) = &mut rest.properties {
        properties.retain(|name, _| !matches!(name.as_str(), "name" | "generateName"));
        if properties.is_empty() {
            rest.properties = None;
        }
    }
    rest.type_ = None;
    if rest != JSONSchemaProps::default() {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(format!("{path}.properties[metadata]"), why));
    }
}
