//! `x-kubernetes-validations`: rules in CEL over a value (`self`) and the value before (`oldSelf`).

use super::structural::{Additional, additional, items};
use crate::apiserver::FieldError;
use cel::{Context, Env, Value as Cel, extensions};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, ValidationRule};
use serde::{Serialize, Serializer, ser::SerializeMap, ser::SerializeSeq};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Neither can fail: they are added to a fresh environment, once each.
    env.add_extension(extensions::strings).ok();
    env.add_extension(extensions::lists).ok();
    Arc::new(env)
});

/// Whether a rule can be compiled.
///
/// # Errors
/// Why not, in CEL's words.
pub fn compiles(rule: &str) -> Result<(), String> {
    ENV.compile(rule).map(drop).map_err(|e| e.to_string())
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
    let why = match evaluate(&rule.rule, value, old) {
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
        && let Ok(Cel::String(text)) = evaluate(expression, value, old)
        && !text.trim().is_empty()
    {
        return text.to_string();
    }
    let plain = rule.message.clone().filter(|m| !m.is_empty());
    plain.unwrap_or_else(|| format!("failed rule: {}", rule.rule))
}

fn evaluate(expression: &str, value: &Value, old: Option<&Value>) -> Result<Cel, String> {
    let program = ENV.compile(expression).map_err(|e| e.to_string())?;
    let mut context = Context::with_env(ENV.clone());
    let convert = |v: &Value| cel::to_value(Whole(v)).map_err(|e| e.to_string());
    context.add_variable_from_value("self", convert(value)?);
    if let Some(old) = old {
        context.add_variable_from_value("oldSelf", convert(old)?);
    }
    program.execute(&context).map_err(|e| e.to_string())
}

/// JSON as CEL has it: whole numbers are `int`.
struct Whole<'a>(&'a Value);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Number(n) => match n.as_i64() {
                Some(whole) => serializer.serialize_i64(whole),
                None => serializer.serialize_f64(n.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(s) => serializer.serialize_str(s),
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Whole(item))?;
                }
                list.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, item) in fields {
                    map.serialize_entry(key, &Whole(item))?;
                }
                map.end()
            }
        }
    }
}
