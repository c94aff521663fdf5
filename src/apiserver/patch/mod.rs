//! The three kinds of patch: JSON patch, merge patch and strategic merge patch.

pub mod json;
pub mod merge;
pub mod strategic;

use super::ApiError;
use crate::object::Kind;
use serde_json::Value;

/// How a patch is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatchType {
    /// RFC 6902: a list of operations.
    Json,
    /// RFC 7386: what is there replaces, `null` removes.
    Merge,
    /// Lists are merged by their key.
    Strategic,
}

impl PatchType {
    /// The type that a `Content-Type` names.
    pub fn of(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or("").trim() {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            _ => None,
        }
    }
}

/// Applies a patch to an object of `kind`.
///
/// # Errors
/// 415 for an unknown content type, 400 for text that is no patch, 422 when it does not apply.
pub fn apply(kind: Kind, old: &Value, patch: &Value, content_type: &str) -> Result<Value, ApiError> {
    // A type that was defined has no merge keys.
    let defined = matches!(kind, Kind::Dynamic(_)) && !Kind::all_served().any(|k| k == kind);
    let known = PatchType::of(content_type);
    if defined && known == Some(PatchType::Strategic) {
        let message = "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
        return Err(ApiError::new(415, "UnsupportedMediaType", message));
    }
    let Some(patch_type) = known else {
        let message = "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";
        return Err(ApiError::new(415, "UnsupportedMediaType", message));
    };
    match patch_type {
        PatchType::Json => json::apply(old, patch),
        PatchType::Merge => {
            must_be_map(patch)?;
            Ok(merge::apply(old, patch))
        }
        PatchType::Strategic => {
            must_be_map(patch)?;
            strategic::merge(kind, old, patch)
        }
    }
}

fn must_be_map(patch: &Value) -> Result<(), ApiError> {
    let what = match patch {
        Value::Object(_) | Value::Null => return Ok(()),
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
    };
    Err(ApiError::bad_request(format!(
        "json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
    )))
}

/// A value as Go's `%+v` prints what JSON decodes to: `map[spec:map[replicas:3]]`.
pub fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => s.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", go_syntax(v))).collect();
            format!("map[{}]", pairs.join(" "))
        }
    }
}
