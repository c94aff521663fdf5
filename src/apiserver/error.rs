//! The API's errors: `metav1.Status`, with the texts that a real server answers.

use crate::object::Kind;
use serde_json::{Value, json};
use std::borrow::Cow;

/// One wrong field of an object: a cause of an `Invalid` error.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldError {
    /// `spec.containers[0].image`.
    pub field: String,
    /// `FieldValueRequired`, `FieldValueInvalid`, …
    pub reason: &'static str,
    /// `Required value`, `Invalid value: 99999: must be between 1 and 65535, inclusive`, …
    pub message: String,
}

impl FieldError {
    /// `Required value[: detail]`.
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueRequired",
            message: with_detail("Required value", detail),
        }
    }

    /// `Invalid value: <value>: detail`. The value is shown as JSON.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: impl AsRef<str>) -> Self {
        let message = with_detail(&format!("Invalid value: {value}"), detail.as_ref());
        Self { field: field.into(), reason: "FieldValueInvalid", message }
    }

    /// `Forbidden: detail`.
    pub fn forbidden(field: impl Into<String>, detail: impl AsRef<str>) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueForbidden",
            message: with_detail("Forbidden", detail.as_ref()),
        }
    }

    /// `Duplicate value: <value>`.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueDuplicate",
            message: format!("Duplicate value: {value}"),
        }
    }

    /// `Not found: <value>`.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self { field: field.into(), reason: "FieldValueNotFound", message: format!("Not found: {value}") }
    }

    /// `Unsupported value: <value>: supported values: …`, in the order given.
    pub fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|s| format!("\"{s}\"")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        Self { field: field.into(), reason: "FieldValueNotSupported", message }
    }

    /// `Too long: may not be more than <limit> bytes`.
    pub fn too_long(field: impl Into<String>, limit: usize) -> Self {
        let message = format!("Too long: may not be more than {limit} bytes");
        Self { field: field.into(), reason: "FieldValueTooLong", message }
    }
}

fn with_detail(text: &str, detail: &str) -> String {
    if detail.is_empty() { text.to_owned() } else { format!("{text}: {detail}") }
}

/// An answer that is not a success.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiError {
    /// HTTP status.
    pub code: u16,
    /// `NotFound`, `Invalid`, …; empty when the server had no word for it.
    pub reason: &'static str,
    /// The text that kubectl prints.
    pub message: String,
    /// The object's name, for `details`.
    pub name: String,
    /// `details.group`.
    pub group: Cow<'static, str>,
    /// `details.kind`: the resource (`pods`) or, for `Invalid`, the kind (`Pod`).
    pub kind: Cow<'static, str>,
    /// The wrong fields, or other causes (`reason`, `message`, `field`).
    pub causes: Vec<FieldError>,
    /// Seconds after which to try again (`details.retryAfterSeconds`).
    pub retry_after: Option<u32>,
    /// The token that goes on with a list all the same (`metadata.continue`).
    pub following: Option<String>,
}

impl ApiError {
    /// An error of any code and reason.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            name: String::new(),
            group: Cow::Borrowed(""),
            kind: Cow::Borrowed(""),
            causes: Vec::new(),
            retry_after: None,
            following: None,
        }
    }

    fn about(code: u16, reason: &'static str, kind: Kind, name: &str, message: String) -> Self {
        let info = kind.info();
        Self {
            name: name.to_owned(),
            group: info.group.into(),
            kind: info.plural.into(),
            ..Self::new(code, reason, message)
        }
    }

    /// 404 `pods "web" not found`.
    pub fn not_found(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.info().resource());
        Self::about(404, "NotFound", kind, name, message)
    }

    /// 404 for a path that nothing serves.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 409 `pods "web" already exists`.
    pub fn already_exists(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.info().resource());
        Self::about(409, "AlreadyExists", kind, name, message)
    }

    /// 409 `Operation cannot be fulfilled on pods "web": …`.
    pub fn conflict(kind: Kind, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.info().resource());
        Self::about(409, "Conflict", kind, name, message)
    }

    /// 409, as [`ApiError::conflict`], for a stale `resourceVersion`.
    pub fn stale(kind: Kind, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// 403 `pods "web" is forbidden: …`.
    pub fn forbidden(kind: Kind, name: &str, why: &str) -> Self {
        let info = kind.info();
        Self::forbidden_resource((info.group, info.plural), name, why)
    }

    /// As [`ApiError::forbidden`], for any group and resource; without a name, about the collection.
    pub fn forbidden_resource((group, resource): (&str, &str), name: &str, why: &str) -> Self {
        let qualified = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
        let message = match (resource, name) {
            ("", _) => format!("forbidden: {why}"),
            (_, "") => format!("{qualified} is forbidden: {why}"),
            _ => format!("{qualified} \"{name}\" is forbidden: {why}"),
        };
        let (group, kind) = (Cow::Owned(group.to_owned()), Cow::Owned(resource.to_owned()));
        Self { name: name.to_owned(), group, kind, ..Self::new(403, "Forbidden", message) }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 422 with every wrong field: `Pod "web" is invalid: …`, or a bulleted list when they are several.
    pub fn invalid(kind: Kind, name: &str, causes: Vec<FieldError>) -> Self {
        let info = kind.info();
        Self::invalid_of((info.group, info.kind), name, causes)
    }

    /// As [`ApiError::invalid`], for any group and kind.
    pub fn invalid_of((group, kind): (&str, &str), name: &str, causes: Vec<FieldError>) -> Self {
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let mut texts: Vec<String> = Vec::new();
        for cause in &causes {
            let text = format!("{}: {}", cause.field, cause.message);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let list = if let [one] = texts.as_slice() { one.clone() } else { format!("[{}]", texts.join(", ")) };
        let message = format!("{qualified} \"{name}\" is invalid: {list}");
        let error = Self::new(422, "Invalid", message);
        let (group, kind) = (Cow::Owned(group.to_owned()), Cow::Owned(kind.to_owned()));
        Self { name: name.to_owned(), group, kind, causes, ..error }
    }

    /// The `metav1.Status` that goes over the wire.
    pub fn to_value(&self) -> Value {
        let mut details = serde_json::Map::new();
        let mut put = |key: &str, value: Value, there: bool| {
            if there {
                details.insert(key.to_owned(), value);
            }
        };
        put("name", json!(self.name), !self.name.is_empty());
        put("group", json!(self.group), !self.group.is_empty());
        put("kind", json!(self.kind), !self.kind.is_empty());
        put("retryAfterSeconds", json!(self.retry_after), self.retry_after.is_some());
        let cause = |c: &FieldError| json!({"reason": c.reason, "message": c.message, "field": c.field});
        put("causes", self.causes.iter().map(cause).collect(), !self.causes.is_empty());
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(following) = &self.following {
            status["metadata"] = json!({"continue": following});
        }
        if !details.is_empty() {
            status["details"] = Value::Object(details);
        }
        status
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}
