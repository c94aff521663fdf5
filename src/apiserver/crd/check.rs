//! Whether a value follows a schema, in the words of the real server's validator.

use super::structural::{Additional, additional, items};
use crate::apiserver::FieldError;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use regex::Regex;
use serde_json::{Value, json};

/// How many errors are told of one object.
const LIMIT: usize = 200;

/// The errors of a value at a path.
pub fn check(value: &Value, schema: &JSONSchemaProps, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    walk(value, schema, path, &mut errors);
    errors
}

fn walk(value: &Value, schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    if errors.len() >= LIMIT || (value.is_null() && schema.nullable == Some(true)) {
        return;
    }
    if !has_type(value, schema) {
        let (wanted, is) = (schema.type_.as_deref().unwrap_or(""), type_name(value));
        let wanted = if schema.x_kubernetes_int_or_string == Some(true) { "integer,string" } else { wanted };
        let why = format!("{} in body must be of type {wanted}: \"{is}\"", shown(path));
        errors.push(FieldError {
            reason: "FieldValueTypeInvalid",
            ..FieldError::invalid(path, &json!(is), why)
        });
        return;
    }
    if let Some(allowed) = schema.enum_.as_ref().filter(|list| !list.iter().any(|v| v.0 == *value)) {
        let texts: Vec<String> =
            allowed.iter().map(|v| v.0.as_str().map_or_else(|| v.0.to_string(), str::to_owned)).collect();
        let known: Vec<&str> = texts.iter().map(String::as_str).collect();
        errors.push(FieldError::unsupported(path, value, &known));
    }
    match value {
        Value::String(text) => check_text(text, schema, path, errors),
        Value::Number(number) => check_number(number.as_f64().unwrap_or(0.0), value, schema, path, errors),
        Value::Array(list) => check_list(list, value, schema, path, errors),
        Value::Object(_) => check_map(value, schema, path, errors),
        _ => {}
    }
    combine(value, schema, path, errors);
}

fn shown(path: &str) -> String {
    // The validator knows a list's item by its list and a number after a dot.
    path.replace('[', ".").replace(']', "")
}

fn say(errors: &mut Vec<FieldError>, path: &str, value: &Value, why: &str) {
    errors.push(FieldError::invalid(path, value, format!("{} in body {why}", shown(path))));
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if is_whole(n) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_whole(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|f| f.fract() == 0.0)
}

fn has_type(value: &Value, schema: &JSONSchemaProps) -> bool {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return matches!(type_name(value), "integer" | "string");
    }
    match (schema.type_.as_deref(), type_name(value)) {
        (None | Some(""), _) => true,
        (Some("number"), "integer") => true,
        (Some(wanted), is) => wanted == is,
    }
}

fn check_text(text: &str, schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let length = text.chars().count() as i64;
    let value = json!(text);
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        errors.push(FieldError::too_long(path, usize::try_from(most).unwrap_or(0)));
    }
    if let Some(least) = schema.min_length.filter(|least| length < *least) {
        say(errors, path, &value, &format!("should be at least {least} chars long"));
    }
    if let Some(pattern) = &schema.pattern
        && Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text))
    {
        say(errors, path, &value, &format!("should match '{pattern}'"));
    }
    let format = schema.format.as_deref().unwrap_or("");
    let fits = match format {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => true,
    };
    if !fits {
        say(errors, path, &value, &format!("must be of type {format}: \"{text}\""));
    }
}

fn check_number(
    number: f64,
    value: &Value,
    schema: &JSONSchemaProps,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    if let Some(most) = schema.maximum {
        let exclusive = schema.exclusive_maximum == Some(true);
        if number > most || (exclusive && number >= most) {
            let or_equal = if exclusive { "" } else { " or equal to" };
            say(errors, path, value, &format!("should be less than{or_equal} {most}"));
        }
    }
    if let Some(least) = schema.minimum {
        let exclusive = schema.exclusive_minimum == Some(true);
        if number < least || (exclusive && number <= least) {
            let or_equal = if exclusive { "" } else { " or equal to" };
            say(errors, path, value, &format!("should be greater than{or_equal} {least}"));
        }
    }
    if let Some(unit) = schema.multiple_of.filter(|unit| *unit != 0.0 && (number / unit).fract() != 0.0) {
        say(errors, path, value, &format!("should be a multiple of {unit}"));
    }
}

fn too_many(path: &str, is: usize, most: i64) -> FieldError {
    let message = format!("Too many: {is}: must have at most {most} items");
    FieldError { field: path.to_owned(), reason: "FieldValueTooMany", message }
}

fn check_list(
    list: &[Value],
    value: &Value,
    schema: &JSONSchemaProps,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    let length = list.len() as i64;
    if let Some(most) = schema.max_items.filter(|most| length > *most) {
        errors.push(too_many(path, list.len(), most));
    }
    if let Some(least) = schema.min_items.filter(|least| length < *least) {
        say(errors, path, value, &format!("should have at least {least} items"));
    }
    let identity = |item: &Value| -> Option<Value> {
        match schema.x_kubernetes_list_type.as_deref() {
            Some("set") => Some(item.clone()),
            Some("map") => {
                let keys = schema.x_kubernetes_list_map_keys.iter().flatten();
                Some(Value::Object(keys.map(|k| (k.clone(), item[k].clone())).collect()))
            }
            _ => None,
        }
    };
    let mut seen: Vec<Value> = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let here = format!("{path}[{index}]");
        if let Some(identity) = identity(item) {
            if seen.contains(&identity) {
                errors.push(FieldError::duplicate(here.clone(), &identity));
            }
            seen.push(identity);
        }
        if let Some(items) = items(schema) {
            walk(item, items, &here, errors);
        }
    }
}

fn check_map(value: &Value, schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let Value::Object(map) = value else { return };
    let length = map.len() as i64;
    if let Some(most) = schema.max_properties.filter(|most| length > *most) {
        errors.push(too_many(path, map.len(), most));
    }
    if let Some(least) = schema.min_properties.filter(|least| length < *least) {
        say(errors, path, value, &format!("should have at least {least} properties"));
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for key in schema.required.iter().flatten().filter(|key| !map.contains_key(*key)) {
        errors.push(FieldError::required(below(key), ""));
    }
    for (key, inner) in map {
        if path.is_empty() && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let known = schema.properties.as_ref().and_then(|p| p.get(key));
        let known = known.or(match additional(schema) {
            Additional::Schema(schema) => Some(schema),
            _ => None,
        });
        if let Some(known) = known {
            walk(inner, known, &below(key), errors);
        }
    }
}

/// `allOf`, `anyOf`, `oneOf` and `not`.
fn combine(value: &Value, schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let fits = |schema: &JSONSchemaProps| check(value, schema, path).is_empty();
    let mut fail = |why: String| errors.push(FieldError::invalid("<nil>", &json!(""), why));
    for part in schema.all_of.iter().flatten() {
        if !fits(part) {
            fail(format!("\"{path}\" must validate all the schemas (allOf)"));
            break;
        }
    }
    if schema.any_of.as_ref().is_some_and(|list| !list.iter().any(fits)) {
        fail(format!("\"{path}\" must validate at least one schema (anyOf)"));
    }
    if let Some(list) = &schema.one_of {
        let count = list.iter().filter(|schema| fits(schema)).count();
        if count != 1 {
            let found =
                if count == 0 { "none valid".to_owned() } else { format!("{count} valid alternatives") };
            fail(format!("\"{path}\" must validate one and only one schema (oneOf). Found {found}"));
        }
    }
    if schema.not.as_ref().is_some_and(|schema| fits(schema)) {
        fail(format!("\"{path}\" must not validate the schema (not)"));
    }
    for part in schema.all_of.iter().flatten() {
        walk(value, part, path, errors);
    }
}
