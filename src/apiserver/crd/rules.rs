//! `x-kubernetes-validations`: rules in CEL over a value (`self`) and the value before (`oldSelf`).

use super::structural::{Additional, additional, items};
use crate::apiserver::FieldError;
use crate::apiserver::cel::{self, Type};
use ::cel::{Context, Value as Cel};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, ValidationRule};
use serde_json::{Value, json};

/// Whether a rule over values of a schema makes sense, and comes to a truth value.
///
/// # Errors
/// Why not, in CEL's words.
pub fn compiles(rule: &ValidationRule, schema: &JSONSchemaProps, root: bool) -> Result<(), String> {
    match cel::check(&rule.rule, &variables(rule, schema, root)) {
        Err(why) => Err(format!("compilation failed: {why}")),
        Ok(Type::Bool | Type::Dyn) => Ok(()),
        Ok(_) => Err("cel expression must evaluate to a bool".to_owned()),
    }
}

/// As [`compiles`], for the expression that makes a rule's message.
///
/// # Errors
/// Why not, in CEL's words.
pub fn message_compiles(rule: &ValidationRule, schema: &JSONSchemaProps, root: bool) -> Result<(), String> {
    let Some(expression) = &rule.message_expression else { return Ok(()) };
    match cel::check(expression, &variables(rule, schema, root)) {
        Err(why) => Err(format!("messageExpression compilation failed: {why}")),
        Ok(Type::Text | Type::Dyn) => Ok(()),
        Ok(_) => Err("messageExpression must evaluate to a string".to_owned()),
    }
}

fn variables<'s>(
    rule: &ValidationRule,
    schema: &'s JSONSchemaProps,
    root: bool,
) -> [(&'static str, Type<'s>); 2] {
    let this = match Type::of(schema) {
        Type::Object(schema) if root => Type::Resource(schema),
        of => of,
    };
    // With optionalOldSelf it is a value that may not be there.
    let before = if rule.optional_old_self == Some(true) { Type::Dyn } else { this.clone() };
    [("self", this), ("oldSelf", before)]
}

/// The rules that a value breaks.
pub fn check(value: &Value, old: Option<&Value>, schema: &JSONSchemaProps, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    walk(value, old, schema, path, &mut errors);
    errors
}

fn walk(
    value: &Value,
    old: Option<&Value>,
    schema: &JSONSchemaProps,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        let transition = rule.rule.contains("oldSelf");
        if transition && old.is_none() && rule.optional_old_self != Some(true) {
            continue;
        }
        errors.extend(broken(rule, value, old, schema, path));
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let known = schema.properties.as_ref().and_then(|p| p.get(key));
                let known = known.or(match additional(schema) {
                    Additional::Schema(schema) => Some(schema),
                    _ => None,
                });
                if let Some(known) = known {
                    walk(inner, old.and_then(|o| o.get(key)), known, &below(key), errors);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = items(schema) else { return };
            for (index, item) in list.iter().enumerate() {
                let before = old.and_then(|old| counterpart(item, old, schema));
                walk(item, before, items, &format!("{path}[{index}]"), errors);
            }
        }
        _ => {}
    }
}

/// The item that stood for this one before: only a list with keys can tell.
fn counterpart<'a>(item: &Value, old: &'a Value, schema: &JSONSchemaProps) -> Option<&'a Value> {
    if schema.x_kubernetes_list_type.as_deref() != Some("map") {
        return None;
    }
    let keys = schema.x_kubernetes_list_map_keys.as_ref()?;
    old.as_array()?.iter().find(|o| keys.iter().all(|k| o.get(k) == item.get(k)))
}

fn broken(
    rule: &ValidationRule,
    value: &Value,
    old: Option<&Value>,
    schema: &JSONSchemaProps,
    path: &str,
) -> Option<FieldError> {
    let kind = schema.type_.clone().unwrap_or_else(|| "object".to_owned());
    let why = match evaluate(rule, &rule.rule, value, old) {
        Ok(Cel::Bool(true)) => return None,
        Ok(Cel::Bool(false)) => message(rule, value, old),
        Ok(_) => format!("rule did not evaluate to a bool: {}", rule.rule),
        Err(why) => format!("rule evaluation error: {why}: {}", rule.rule),
    };
    let field = rule.field_path.as_ref().map_or_else(|| path.to_owned(), |f| format!("{path}{f}"));
    let field = if field.is_empty() { "<nil>".to_owned() } else { field.trim_start_matches('.').to_owned() };
    let error = FieldError::invalid(field.clone(), &json!(kind), &why);
    Some(match rule.reason.as_deref() {
        Some("FieldValueForbidden") => FieldError::forbidden(field, why),
        Some("FieldValueRequired") => FieldError::required(field, &why),
        Some("FieldValueDuplicate") => FieldError::duplicate(field, &json!(kind)),
        _ => error,
    })
}

fn message(rule: &ValidationRule, value: &Value, old: Option<&Value>) -> String {
    if let Some(expression) = &rule.message_expression
        && let Ok(Cel::String(text)) = evaluate(rule, expression, value, old)
        && !text.trim().is_empty()
    {
        return text.to_string();
    }
    let plain = rule.message.clone().filter(|m| !m.is_empty());
    plain.unwrap_or_else(|| format!("failed rule: {}", rule.rule))
}

fn evaluate(
    rule: &ValidationRule,
    expression: &str,
    value: &Value,
    old: Option<&Value>,
) -> Result<Cel, String> {
    let env = cel::env();
    let program = env.compile(expression).map_err(|e| e.to_string())?;
    let mut context = Context::with_env(env);
    context.add_variable_from_value("self", cel::value(value)?);
    if rule.optional_old_self == Some(true) {
        context.add_variable_from_value("oldSelf", optional(old)?);
    } else if let Some(old) = old {
        context.add_variable_from_value("oldSelf", cel::value(old)?);
    }
    program.execute(&context).map_err(|e| e.to_string())
}

/// A value that may not be there, as CEL has it.
fn optional(value: Option<&Value>) -> Result<Cel, String> {
    match value {
        Some(value) => cel::evaluate("optional.of(value)", &[("value", value)]),
        None => cel::evaluate("optional.none()", &[]),
    }
}
