//! The options of a request: who manages, what is only tried, how strictly bodies are read. From
//! `apimachinery/pkg/apis/meta/v1/validation` and the handlers.

use crate::apiserver::{Accept, ApiError, FieldError, Method, Request};
use serde_json::{Value, json};

/// The longest name of a manager, in bytes.
const MANAGER: usize = 128;

/// Refuses options that cannot be meant.
///
/// # Errors
/// 422 with each wrong option, 400 for what cannot be read.
pub fn check(request: &Request) -> Result<(), ApiError> {
    if request.query.is_empty() && request.method != Method::Delete {
        return Ok(());
    }
    if request.query_value("timeout").is_some_and(|t| !t.is_empty() && !is_duration(t)) {
        return Err(ApiError::bad_request("invalid timeout specified in the request URL"));
    }
    let mut wrong = Vec::new();
    let kind = match request.method {
        Method::Get => return tables(request),
        Method::Post => "CreateOptions",
        Method::Put => "UpdateOptions",
        Method::Patch => {
            force(request, &mut wrong);
            "PatchOptions"
        }
        Method::Delete => {
            deletion(request, &mut wrong)?;
            "DeleteOptions"
        }
    };
    if request.method != Method::Delete {
        manager(request, &mut wrong);
    }
    let tried: Vec<&str> = match &request.body {
        Some(body) if request.method == Method::Delete && body.is_object() => {
            body["dryRun"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        }
        _ => request.query.iter().filter(|(k, _)| k == "dryRun").map(|(_, v)| v.as_str()).collect(),
    };
    if tried.iter().any(|value| *value != "All") {
        wrong.push(FieldError::unsupported("dryRun", &json!(tried), &["All"]));
    }
    let strict = request.query_value("fieldValidation").filter(|_| request.method != Method::Delete);
    if let Some(given) = strict.filter(|v| !matches!(*v, "" | "Ignore" | "Warn" | "Strict")) {
        let known = ["", "Ignore", "Strict", "Warn"];
        wrong.push(FieldError::unsupported("fieldValidation", &json!(given), &known));
    }
    if wrong.is_empty() { Ok(()) } else { Err(ApiError::invalid_of(("meta.k8s.io", kind), "", wrong)) }
}

fn force(request: &Request, wrong: &mut Vec<FieldError>) {
    if !request.content_type.starts_with("application/apply-patch") {
        if request.query_value("force").is_some() {
            wrong.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
    } else if request.query_value("fieldManager").is_none_or(str::is_empty) {
        wrong.push(FieldError::required("fieldManager", "is required for apply patch"));
    }
}

fn manager(request: &Request, wrong: &mut Vec<FieldError>) {
    let Some(name) = request.query_value("fieldManager") else { return };
    if name.len() > MANAGER {
        wrong.push(FieldError::too_long("fieldManager", MANAGER));
    }
    for (at, character) in name.char_indices().filter(|(_, c)| c.is_control()) {
        let why = format!("invalid character U+{:04X} (at position {at})", u32::from(character));
        wrong.push(FieldError::invalid("fieldManager", &json!(name), why));
    }
}

/// Options of a deletion that contradict each other or that do not exist.
fn deletion(request: &Request, wrong: &mut Vec<FieldError>) -> Result<(), ApiError> {
    let body = request.body.as_ref().unwrap_or(&Value::Null);
    if body.is_null()
        && let Some(seconds) = request.query_value("gracePeriodSeconds")
        && seconds.parse::<i64>().is_err()
    {
        return Err(ApiError::bad_request(format!("strconv.ParseInt: parsing {seconds:?}: invalid syntax")));
    }
    let policy = body["propagationPolicy"].as_str().or_else(|| request.query_value("propagationPolicy"));
    let orphan = body["orphanDependents"].is_boolean() || request.query_value("orphanDependents").is_some();
    if let Some(policy) = policy.filter(|_| orphan) {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        wrong.push(FieldError::invalid("propagationPolicy", &json!(policy), why));
    }
    if let Some(other) = policy.filter(|p| !matches!(*p, "Foreground" | "Background" | "Orphan")) {
        let known = ["Foreground", "Background", "Orphan", "nil"];
        wrong.push(FieldError::unsupported("propagationPolicy", &json!(other), &known));
    }
    Ok(())
}

fn tables(request: &Request) -> Result<(), ApiError> {
    let given = request.query_value("includeObject").filter(|_| request.accept == Accept::Table);
    match given {
        Some(other) if !matches!(other, "" | "None" | "Metadata" | "Object") => {
            let why = "must be 'Metadata', 'Object', 'None', or empty";
            let cause = FieldError::invalid("includeObject", &json!(other), why);
            Err(ApiError::bad_request(format!(
                "Unable to convert to Table as requested: {}: {}",
                cause.field, cause.message
            )))
        }
        _ => Ok(()),
    }
}

/// Whether Go reads it as a length of time: `1m30s`, `0`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let units = ["ns", "us", "µs", "ms", "s", "m", "h"];
        let Some(unit) = units.iter().find(|u| number.starts_with(**u)) else { return false };
        if number.len() == rest.len() {
            return false;
        }
        rest = &number[unit.len()..];
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_be_meant() {
        let ask = |method, key: &str, value: &str| {
            let request = Request::with_body(method, "/", Value::Null).param(key, value);
            check(&request).map_or_else(|e| (e.code, e.message), |()| (200, String::new()))
        };
        let long = "x".repeat(130);
        for (method, key, value, code, expected) in [
            (
                Method::Post,
                "fieldValidation",
                "Foo",
                422,
                "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Foo\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
            ),
            (
                Method::Put,
                "dryRun",
                "foo",
                422,
                "UpdateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"foo\"]: supported values: \"All\"",
            ),
            (
                Method::Post,
                "fieldManager",
                &long,
                422,
                "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes",
            ),
            (
                Method::Post,
                "fieldManager",
                "\u{7}",
                422,
                "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"\\u0007\": invalid character U+0007 (at position 0)",
            ),
            (
                Method::Delete,
                "gracePeriodSeconds",
                "x",
                400,
                "strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (Method::Get, "timeout", "invalid", 400, "invalid timeout specified in the request URL"),
            (Method::Get, "timeout", "1m30s", 200, ""),
            (
                Method::Patch,
                "force",
                "true",
                422,
                "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
            ),
        ] {
            assert_eq!(ask(method, key, value), (code, expected.to_owned()));
        }
        let table = Request { accept: Accept::Table, ..Request::get("/") }.param("includeObject", "Foo");
        assert_eq!(
            check(&table).unwrap_err().message,
            "Unable to convert to Table as requested: includeObject: Invalid value: \"Foo\": must be 'Metadata', 'Object', 'None', or empty"
        );
    }
}
