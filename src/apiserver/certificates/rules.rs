//! Validation of signing requests.

use super::{DECISIONS, LEGACY, SigningRequest, conditions, invalid, pem, text};
use crate::apiserver::FieldError;
use crate::apiserver::validation::names;
use crate::object::DynamicObject;
use serde_json::{Value, json};

/// The shortest life that can be asked for, in seconds.
const SHORTEST: i64 = 600;

/// Every usage that there is.
const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// What is wrong with a new request.
pub fn check(o: &DynamicObject) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Err(why) = SigningRequest::read(&pem(o)) {
        errors.push(invalid("spec.request", &json!(text(o, "spec.request")), why));
    }
    let usages = o.at("spec.usages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if usages.is_empty() {
        errors.push(FieldError::required("spec.usages", ""));
    }
    for (index, usage) in usages.iter().enumerate() {
        let field = format!("spec.usages[{index}]");
        if !USAGES.iter().any(|known| usage == known) {
            errors.push(FieldError::unsupported(field, usage, USAGES));
        } else if usages[..index].contains(usage) {
            errors.push(FieldError::duplicate(field, usage));
        }
    }
    signer(text(o, "spec.signerName"), &mut errors);
    if let Some(seconds) = o.at("spec.expirationSeconds").and_then(Value::as_i64).filter(|s| *s < SHORTEST) {
        let why = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(invalid("spec.expirationSeconds", &json!(seconds), why));
    }
    errors.extend(decisions(o, &[]));
    errors
}

/// The name of a signer: a domain and a path.
fn signer(name: &str, errors: &mut Vec<FieldError>) {
    const FIELD: &str = "spec.signerName";
    let mut wrong = |value: &str, why: String| errors.push(invalid(FIELD, &json!(value), why));
    if name == LEGACY {
        return wrong(name, "the legacy signerName is not allowed via this API version".to_owned());
    }
    if name.is_empty() {
        return errors.push(FieldError::required(FIELD, ""));
    }
    let Some((domain, path)) = name.split_once('/').filter(|(_, path)| !path.contains('/')) else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return wrong(name, why.to_owned());
    };
    for part in [domain, path] {
        for label in part.split('.') {
            for why in names::label(label) {
                wrong(part, format!("validating label {label:?}: {why}"));
            }
        }
    }
    if !domain.contains('.') {
        wrong(domain, "should be a domain with at least two segments separated by dots".to_owned());
    }
}

/// Decisions are `True`, are one or the other, and stay.
pub fn decisions(o: &DynamicObject, was: &[Value]) -> Vec<FieldError> {
    const FIELD: &str = "status.conditions";
    let mut errors = Vec::new();
    let now = conditions(o);
    for (index, condition) in now.iter().enumerate() {
        let kind = condition["type"].as_str().unwrap_or("");
        let status = condition["status"].as_str().unwrap_or("");
        let field = |name: &str| format!("{FIELD}[{index}].{name}");
        if kind.is_empty() {
            errors.push(FieldError::required(field("type"), ""));
        }
        let known: &[&str] = if DECISIONS.contains(&kind) || kind == "Failed" {
            &["True"]
        } else {
            &["False", "True", "Unknown"]
        };
        if status.is_empty() {
            errors.push(FieldError::required(field("status"), ""));
        } else if !known.contains(&status) {
            errors.push(FieldError::unsupported(field("status"), &json!(status), known));
        }
        if now[..index].iter().any(|c| c["type"] == kind) {
            errors.push(FieldError::duplicate(field("type"), &json!(kind)));
        }
    }
    if DECISIONS.iter().all(|d| now.iter().any(|c| c["type"] == *d)) {
        errors.push(invalid(
            FIELD,
            &json!("Denied"),
            "Approved and Denied conditions are mutually exclusive",
        ));
    }
    for condition in was.iter().filter(|c| DECISIONS.iter().chain(&["Failed"]).any(|d| c["type"] == *d)) {
        let kind = condition["type"].as_str().unwrap_or("");
        match now.iter().find(|c| c["type"] == kind) {
            None => {
                let why = format!("updates may not remove a condition of type {kind:?}");
                errors.push(FieldError::forbidden(FIELD, why));
            }
            Some(new) if new["status"] != condition["status"] => {
                let why = format!("updates may not change a condition of type {kind:?}");
                errors.push(FieldError::forbidden(FIELD, why));
            }
            Some(_) => {}
        }
    }
    errors
}
