//! From JSON to typed objects, with the field validation and the error texts of the real server's decoder.
//!
//! Always holds: what is decoded has no `null`, no empty list or map, and no zero value that Go would leave out.
//! Does not: notice a field that is given twice (the JSON is parsed already).

use super::schema::{self, Shape, Type};
use super::{ApiError, FieldError, Request, convert};
use crate::object::{Kind, Object, quantity::Quantity};
use base64::Engine;
use serde_json::{Map, Value};
use std::fmt::Write;

/// What becomes of unknown fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped with a warning.
    Warn,
    /// They are an error.
    Strict,
}

impl FieldValidation {
    /// The `fieldValidation` parameter of a request; `Warn` without one.
    pub fn of(request: &Request) -> Self {
        match request.query_value("fieldValidation") {
            Some("Strict") => Self::Strict,
            Some("Ignore") => Self::Ignore,
            _ => Self::Warn,
        }
    }
}

/// A decoded object, and what to warn of.
#[derive(Debug)]
pub struct Decoded {
    /// The object.
    pub object: Object,
    /// Unknown fields, with [`FieldValidation::Warn`].
    pub warnings: Vec<String>,
}

/// Decodes the body of a request for `kind`.
///
/// # Errors
/// 400 with Go's words for what does not fit.
pub fn object(kind: Kind, body: Value, validation: FieldValidation) -> Result<Decoded, ApiError> {
    let prefix = prefix(kind);
    check_body(kind, &body)?;
    let Checked { value, unknown, error } = check(kind, body);
    if let Some(why) = error {
        return Err(ApiError::bad_request(format!("{prefix}: {why}")));
    }
    if validation == FieldValidation::Strict && !unknown.is_empty() {
        return Err(ApiError::bad_request(format!(
            "{prefix}: strict decoding error: {}",
            unknown.join(", ")
        )));
    }
    let object = Object::from_value(kind.stored(), convert::to_stored(kind, value))
        .map_err(|e| ApiError::bad_request(format!("{prefix}: json: {e}")))?;
    let warnings = if validation == FieldValidation::Warn { unknown } else { Vec::new() };
    Ok(Decoded { object, warnings })
}

/// What errors about the body of a kind begin with.
pub(super) fn prefix(kind: Kind) -> String {
    let info = kind.info();
    format!("{} in version \"{}\" cannot be handled as a {}", info.kind, info.version, info.kind)
}

/// Refuses a body that is no object, or of another kind.
pub(super) fn check_body(kind: Kind, body: &Value) -> Result<(), ApiError> {
    let Value::Object(_) = body else {
        let what = json_name(body);
        return Err(ApiError::bad_request(format!(
            "couldn't get version/kind; json parse error: json: cannot unmarshal {what} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
        )));
    };
    check_type(kind, body)
}

/// 422 about a patch.
pub(super) fn invalid_patch(shown: String, why: String) -> ApiError {
    let cause = FieldError::invalid("patch", &Value::String(shown), why);
    let message = format!(" \"\" is invalid: {}: {}", cause.field, cause.message);
    ApiError { causes: vec![cause], ..ApiError::new(422, "Invalid", message) }
}

/// Decodes what a patch made. Its errors show the patch (`shown`) instead.
///
/// # Errors
/// 422 about `patch`.
pub fn patched(
    kind: Kind,
    value: Value,
    shown: &dyn Fn() -> String,
    validation: FieldValidation,
) -> Result<Decoded, ApiError> {
    let Checked { value, unknown, error } = check(kind, value);
    let invalid = |why: String| invalid_patch(shown(), why);
    if let Some(why) = error {
        return Err(invalid(why));
    }
    if validation == FieldValidation::Strict && !unknown.is_empty() {
        return Err(invalid(format!("strict decoding error: {}", unknown.join(", "))));
    }
    let object = Object::from_value(kind.stored(), convert::to_stored(kind, value))
        .map_err(|e| invalid(e.to_string()))?;
    let warnings = if validation == FieldValidation::Warn { unknown } else { Vec::new() };
    Ok(Decoded { object, warnings })
}

fn check_type(kind: Kind, body: &Value) -> Result<(), ApiError> {
    let info = kind.info();
    let version = info.api_version();
    let (asked_version, asked_kind) = (body["apiVersion"].as_str(), body["kind"].as_str());
    if asked_version.is_some_and(|v| v != version) {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({version})",
            asked_version.unwrap_or("")
        )));
    }
    if asked_kind.is_some_and(|k| k != info.kind) {
        return Err(ApiError::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: converting (v1.{}) to (core.{}): unknown conversion",
            asked_kind.unwrap_or(""),
            info.version,
            info.kind,
            asked_kind.unwrap_or(""),
            info.kind
        )));
    }
    Ok(())
}

/// What a walk over the JSON found.
pub(super) struct Checked {
    /// What fits.
    pub value: Value,
    /// Fields that the type does not have.
    pub unknown: Vec<String>,
    /// The first thing that does not fit.
    pub error: Option<String>,
}

/// Walks over a body along the type of its kind.
pub(super) fn check(kind: Kind, body: Value) -> Checked {
    let mut walk = Walk::default();
    let root = schema::for_kind(kind);
    let value = match body {
        Value::Object(map) => Value::Object(walk.fields(map, root, true)),
        other => other,
    };
    Checked { value, unknown: walk.unknown, error: walk.error }
}

/// Walks a value along its type: keeps what fits, notes what does not.
#[derive(Default)]
struct Walk {
    /// `spec.containers[0]`, as strict decoding shows it.
    path: String,
    /// `spec.containers`, as Go's type errors show it: without indexes, with embedded types.
    go_path: Vec<String>,
    /// The innermost struct that the value stands in.
    holder: String,
    unknown: Vec<String>,
    error: Option<String>,
}

/// The fields that Go embeds from another struct: their path has that struct's name in it.
fn embedded(holder: &str, field: &str) -> Option<&'static str> {
    match (holder, field) {
        ("Probe", "exec" | "httpGet" | "tcpSocket" | "grpc") => Some("ProbeHandler"),
        ("Volume", f) if f != "name" => Some("VolumeSource"),
        ("PersistentVolumeSpec", f)
            if !matches!(
                f,
                "capacity"
                    | "accessModes"
                    | "claimRef"
                    | "persistentVolumeReclaimPolicy"
                    | "storageClassName"
                    | "mountOptions"
                    | "volumeMode"
                    | "nodeAffinity"
                    | "volumeAttributesClassName"
            ) =>
        {
            Some("PersistentVolumeSource")
        }
        ("EphemeralContainer", f) if f != "targetContainerName" => Some("EphemeralContainerCommon"),
        (
            "ConfigMapKeySelector"
            | "SecretKeySelector"
            | "ConfigMapEnvSource"
            | "SecretEnvSource"
            | "ConfigMapVolumeSource"
            | "ConfigMapProjection"
            | "SecretProjection",
            "name",
        ) => Some("LocalObjectReference"),
        _ => None,
    }
}

impl Walk {
    fn fields(&mut self, map: Map<String, Value>, of: &Type, root: bool) -> Map<String, Value> {
        let mut kept = Map::new();
        for (key, value) in map {
            if root && (key == "apiVersion" || key == "kind") {
                kept.insert(key, value);
                continue;
            }
            let length = self.path.len();
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(&key);
            if let Some(field) = of.fields.get(&key) {
                if !value.is_null() && key != "managedFields" {
                    let steps = self.go_path.len();
                    self.go_path.extend(embedded(&of.name, &key).map(str::to_owned));
                    self.go_path.push(key.clone());
                    let holder = std::mem::replace(&mut self.holder, of.name.clone());
                    if let Some(value) = self.value(value, &field.shape)
                        && !left_out(&of.name, &key, &value, &field.shape)
                    {
                        kept.insert(key, value);
                    }
                    self.holder = holder;
                    self.go_path.truncate(steps);
                }
            } else {
                self.unknown.push(format!("unknown field \"{}\"", self.path));
            }
            self.path.truncate(length);
        }
        kept
    }

    fn value(&mut self, value: Value, shape: &Shape) -> Option<Value> {
        match (shape, value) {
            (Shape::Struct(name), Value::Object(map)) => {
                let of = schema::find(name)?;
                let fields = self.fields(map, of, false);
                Some(Value::Object(fields))
            }
            (Shape::List(inner), Value::Array(items)) => {
                let mut kept = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    let length = self.path.len();
                    let _ = write!(self.path, "[{index}]");
                    kept.extend(self.element(item, inner));
                    self.path.truncate(length);
                }
                Some(Value::Array(kept))
            }
            (Shape::Map(inner), Value::Object(map)) => {
                let mut kept = Map::new();
                for (key, item) in map {
                    let length = self.path.len();
                    let _ = write!(self.path, ".{key}");
                    if let Some(item) = self.element(item, inner) {
                        kept.insert(key, item);
                    }
                    self.path.truncate(length);
                }
                Some(Value::Object(kept))
            }
            (shape, value) => self.scalar(value, shape),
        }
    }

    /// An element of a list or map: `null` becomes the zero value, as in Go.
    fn element(&mut self, value: Value, shape: &Shape) -> Option<Value> {
        if !value.is_null() {
            return self.value(value, shape);
        }
        match shape {
            Shape::Text => Some(Value::String(String::new())),
            Shape::Struct(_) => Some(Value::Object(Map::new())),
            _ => None,
        }
    }

    fn scalar(&mut self, value: Value, shape: &Shape) -> Option<Value> {
        match (shape, &value) {
            (Shape::Any, _)
            | (Shape::Text | Shape::IntOrString, Value::String(_))
            | (Shape::Bool, Value::Bool(_))
            | (Shape::Number, Value::Number(_)) => Some(value),
            (Shape::Int32, Value::Number(n)) => match whole(n) {
                Some(i) if i32::try_from(i).is_ok() => Some(Value::from(i)),
                _ => self.mismatch(&format!("number {n}"), shape),
            },
            (Shape::Int64, Value::Number(n)) => match whole(n) {
                Some(i) => Some(Value::from(i)),
                None => self.mismatch(&format!("number {n}"), shape),
            },
            (Shape::IntOrString, Value::Number(n)) if whole(n).is_some_and(|i| i32::try_from(i).is_ok()) => {
                Some(value)
            }
            (Shape::IntOrString, other) => {
                let what = json_name(other);
                self.fail(format!("json: cannot unmarshal {what} into Go value of type int32"))
            }
            (Shape::Quantity, Value::String(text)) => self.quantity(text),
            (Shape::Quantity, other) => self.quantity(&other.to_string()),
            (Shape::Bytes, Value::String(text)) => match base64_error(text) {
                None => Some(value),
                Some(at) => self.fail(format!("illegal base64 data at input byte {at}")),
            },
            (Shape::Time, Value::String(text)) => {
                if text.parse::<jiff::Timestamp>().is_ok() {
                    return Some(value);
                }
                self.fail(format!(
                    "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\""
                ))
            }
            (shape, other) => {
                let what = json_name(other).to_owned();
                self.mismatch(&what, shape)
            }
        }
    }

    fn quantity(&mut self, text: &str) -> Option<Value> {
        match Quantity::parse(text) {
            Some(quantity) => Some(Value::String(quantity.to_string())),
            None if text.is_empty() => Some(Value::String("0".to_owned())),
            None => self.fail(
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                    .to_owned(),
            ),
        }
    }

    fn mismatch(&mut self, what: &str, shape: &Shape) -> Option<Value> {
        let path = self.go_path.join(".");
        // A map's or list's element is shown by the field that holds it.
        self.fail(format!(
            "json: cannot unmarshal {what} into Go struct field {}.{path} of type {}",
            self.holder,
            shape.go_name()
        ))
    }

    fn fail(&mut self, why: String) -> Option<Value> {
        self.error.get_or_insert(why);
        None
    }
}

/// Text fields that Go keeps as pointers: empty text says something there.
const TEXT_POINTERS: &[&str] =
    &["storageClassName", "ingressClassName", "hostnameOverride", "volumeAttributesClassName", "nodeName"];
/// Truth values that Go leaves out when they are false.
const FALSE_OMITTED: &[&str] = &[
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "stdin",
    "stdinOnce",
    "tty",
    "paused",
    "publishNotReadyAddresses",
    "unschedulable",
    "globalDefault",
    "readOnly",
];
/// Numbers that Go leaves out when they are zero.
const ZERO_OMITTED: &[&str] = &[
    "initialDelaySeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
    "hostPort",
    "nodePort",
    "healthCheckNodePort",
    "minReadySeconds",
    "observedGeneration",
    "generation",
];

/// Whether Go's `omitempty` leaves the value out.
fn left_out(holder: &str, field: &str, value: &Value, shape: &Shape) -> bool {
    match (shape, value) {
        (Shape::List(_), Value::Array(items)) => items.is_empty(),
        (Shape::Map(_), Value::Object(map)) => map.is_empty(),
        (Shape::Text, Value::String(text)) => {
            let pointer = TEXT_POINTERS.contains(&field)
                && holder != "PersistentVolumeSpec"
                && (holder, field) != ("PodSpec", "nodeName");
            text.is_empty() && !pointer
        }
        (Shape::Bool, Value::Bool(false)) => FALSE_OMITTED.contains(&field) && !holder.starts_with("CSI"),
        (Shape::Int32 | Shape::Int64, Value::Number(n)) => {
            (ZERO_OMITTED.contains(&field) || (field == "timeoutSeconds" && holder == "Probe"))
                && n.as_i64() == Some(0)
        }
        _ => false,
    }
}

fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    })
}

fn json_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The byte at which Go's decoder gives up on base64 text.
fn base64_error(text: &str) -> Option<usize> {
    use base64::DecodeError;
    let clean: String = text.chars().filter(|c| *c != '\n' && *c != '\r').collect();
    match base64::engine::general_purpose::STANDARD.decode(&clean) {
        Ok(_) => None,
        Err(DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _)) => Some(at),
        Err(_) => Some(clean.len() / 4 * 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(kind: Kind, body: Value) -> String {
        object(kind, body, FieldValidation::Strict).map_or_else(|e| e.message, |_| "ok".to_owned())
    }

    #[test]
    fn what_does_not_fit() {
        let probe = json!({"httpGet": {"port": 80, "httpHeaders": [{"name": "X", "value": true}]}});
        for (kind, body, expected) in [
            (
                Kind::Pod,
                json!({"spec": {"containers": [{"livenessProb": {}}]}}),
                "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field \"spec.containers[0].livenessProb\"",
            ),
            (
                Kind::Pod,
                json!({"spec": {"containers": [{"readinessProbe": probe}]}}),
                "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal bool into Go struct field HTTPHeader.spec.containers.readinessProbe.ProbeHandler.httpGet.httpHeaders.value of type string",
            ),
            (
                Kind::Deployment,
                json!({"spec": {"template": {"metadata": {"labels": {"app": true}}}}}),
                "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal bool into Go struct field ObjectMeta.spec.template.metadata.labels of type string",
            ),
            (
                Kind::Deployment,
                json!({"spec": {"replicas": "3"}}),
                "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                Kind::Pod,
                json!({"spec": {"containers": "x"}}),
                "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container",
            ),
            (
                Kind::Secret,
                json!({"data": {"token": "not base64!"}}),
                "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input byte 3",
            ),
            (
                Kind::Pod,
                json!({"spec": {"containers": [{"resources": {"limits": {"cpu": "1x"}}}]}}),
                "Pod in version \"v1\" cannot be handled as a Pod: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ),
            (Kind::Pod, json!({"spec": {"containers": [{"name": "a", "env": null}]}}), "ok"),
        ] {
            assert_eq!(error(kind, body), expected);
        }
    }
}
