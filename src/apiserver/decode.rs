//! From JSON to typed objects, with the field validation and the error texts of the real server's decoder.
//!
//! Always holds: what is decoded has no `null`, no empty list or map, and no zero value that Go would leave out.

use super::schema::{self, Shape, Type};
use super::strict::{self, Reading, Text};
use super::{ApiError, FieldError, convert};
use crate::object::{Kind, Object, quantity::Quantity};
use base64::Engine;
use serde_json::{Map, Value};
use std::fmt::Write;

/// A decoded object, and what to warn of.
#[derive(Debug)]
pub struct Decoded {
    /// The object.
    pub object: Object,
    /// Unknown and repeated fields, where they are warned of.
    pub warnings: Vec<String>,
}

/// Decodes the body of a request for `kind`.
///
/// # Errors
/// 400 with Go's words for what does not fit.
pub fn object(kind: Kind, body: Value, reading: Reading) -> Result<Decoded, ApiError> {
    let body = if body.is_null() { Value::Object(Map::new()) } else { body };
    check_body(kind, &body)?;
    check_type(kind, &body)?;
    let refuse = |why: String| refused(kind, &why);
    let Checked { value, unknown, error } = walk(kind, body, true);
    if let Some(why) = error {
        return Err(refuse(why));
    }
    let warnings = reading.settle(&reading.typed(unknown), &refuse)?;
    let object = Object::from_value(kind.stored(), convert::to_stored(kind, value))
        .map_err(|e| refuse(format!("json: {e}")))?;
    Ok(Decoded { object, warnings })
}

/// 400 about the content of a body.
pub(super) fn refused(kind: Kind, why: &str) -> ApiError {
    let info = kind.info();
    let message =
        format!("{0} in version \"{1}\" cannot be handled as a {0}: {why}", info.kind, info.version);
    ApiError::bad_request(message)
}

/// 400 about a body whose kind cannot be told; `shown` is how it begins.
pub(super) fn unrecognized(kind: Kind, why: &str, shown: &str) -> ApiError {
    let kind = kind.info().kind;
    ApiError::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {why} ({shown})"
    ))
}

/// Refuses a body whose text could not be read.
///
/// # Errors
/// 400.
pub fn check_text(kind: Kind, text: &Text) -> Result<(), ApiError> {
    match text {
        Text::Broken { why, shown } => Err(unrecognized(kind, why, shown)),
        _ => Ok(()),
    }
}

/// Refuses a body that is no object.
pub(super) fn check_body(kind: Kind, body: &Value) -> Result<(), ApiError> {
    if body.is_object() {
        return Ok(());
    }
    let what = json_name(body);
    let why = format!(
        "couldn't get version/kind; json parse error: json: cannot unmarshal {what} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
    );
    Err(unrecognized(kind, &why, &strict::summary(body.to_string().as_bytes())))
}

/// 422 about a patch.
pub(super) fn invalid_patch(shown: String, why: String) -> ApiError {
    let cause = FieldError::invalid("patch", &Value::String(shown), why);
    let message = format!(" \"\" is invalid: {}: {}", cause.field, cause.message);
    ApiError { causes: vec![cause], ..ApiError::new(422, "Invalid", message) }
}

/// Decodes what a patch made. Its errors show the patch (`shown`) instead; `found` is what is said of the patch itself.
///
/// # Errors
/// 422 about `patch`.
pub fn patched(
    kind: Kind,
    value: Value,
    shown: &dyn Fn() -> String,
    (reading, mut found): (Reading, Vec<String>),
) -> Result<Decoded, ApiError> {
    let Checked { value, unknown, error } = walk(kind, value, true);
    let invalid = |why: String| invalid_patch(shown(), why);
    if let Some(why) = error {
        return Err(invalid(why));
    }
    found.extend(reading.made().typed(unknown));
    let warnings = reading.settle(&found, &invalid)?;
    let object = Object::from_value(kind.stored(), convert::to_stored(kind, value))
        .map_err(|e| invalid(e.to_string()))?;
    Ok(Decoded { object, warnings })
}

/// Refuses a body of another kind or version.
pub(super) fn check_type(kind: Kind, body: &Value) -> Result<(), ApiError> {
    let info = kind.info();
    let expected = info.api_version();
    let text = |key: &str| body[key].as_str().filter(|t| !t.is_empty());
    let (version, name) = (text("apiVersion").unwrap_or(&expected), text("kind").unwrap_or(info.kind));
    if version == expected && name == info.kind {
        return Ok(());
    }
    let (group, bare) = version.split_once('/').unwrap_or(("", version));
    let refuse = |why: String| {
        let place = format!("{name} in version \"{bare}\" cannot be handled as a {}", info.kind);
        Err(ApiError::bad_request(format!("{place}: {why}")))
    };
    let given = Kind::all_served().find(|k| {
        let other = k.info();
        other.kind == name && other.group == group && other.version == bare
    });
    match given {
        None => refuse(format!(
            "no kind \"{name}\" is registered for version \"{version}\" in scheme \"pkg/api/legacyscheme/scheme.go:30\""
        )),
        Some(given) if given.stored() == kind.stored() => Err(ApiError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        ))),
        Some(_) => {
            let package = info.group.split('.').next().filter(|g| !g.is_empty()).unwrap_or("core");
            refuse(format!("converting ({bare}.{name}) to ({package}.{}): unknown conversion", info.kind))
        }
    }
}

/// What a walk over the JSON found.
pub(super) struct Checked {
    /// What fits.
    pub value: Value,
    /// The paths of fields that the type does not have.
    pub unknown: Vec<String>,
    /// The first thing that does not fit.
    pub error: Option<String>,
}

/// Walks over a body along the type of its kind.
pub(super) fn check(kind: Kind, body: Value) -> Checked {
    walk(kind, body, false)
}

/// As [`check`]; `whole` puts in what a Go struct always has and the Rust one has no value for.
fn walk(kind: Kind, body: Value, whole: bool) -> Checked {
    let mut walk = Walk { whole, ..Walk::default() };
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
    whole: bool,
}

/// Go's zero moment.
const NEVER: &str = "0001-01-01T00:00:00Z";

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
                self.unknown.push(self.path.clone());
            }
            self.path.truncate(length);
        }
        for moment in of.moments.iter().filter(|_| self.whole) {
            if !kept.contains_key(moment) {
                kept.insert(moment.clone(), Value::String(NEVER.to_owned()));
            }
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
        let request = crate::apiserver::Request::default().param("fieldValidation", "Strict");
        object(kind, body, Reading::of(&request)).map_or_else(|e| e.message, |_| "ok".to_owned())
    }

    #[test]
    fn a_moment_left_out_is_gos_zero() {
        let condition = json!({"type": "X", "status": "True", "reason": "E2E", "message": "", "lastTransitionTime": null});
        let body = json!({"status": {"conditions": [condition]}});
        let read = object(Kind::Service, body, Reading::of(&crate::apiserver::Request::default()));
        let read = read.unwrap().object.to_value();
        assert_eq!(read["status"]["conditions"][0]["lastTransitionTime"], NEVER);
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
