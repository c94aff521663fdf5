//! Validation of admission registration: policies, their bindings, and webhook configurations. From
//! `pkg/apis/admissionregistration/validation`.

use super::{Errors, Path, names, workload};
use crate::apiserver::cel::{self, Type};
use crate::object::dynamic::DynamicObject;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The group.
pub const GROUP: &str = "admissionregistration.k8s.io";

const POLICIES: &[&str] = &["Fail", "Ignore"];
const MATCHES: &[&str] = &["Equivalent", "Exact"];
const REASONS: &[&str] = &["Forbidden", "Invalid", "RequestEntityTooLarge"];
const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
/// How many match conditions there may be.
const CONDITIONS: usize = 64;
/// The versions of `AdmissionReview` that the server can send.
const VERSIONS: &[&str] = &["v1", "v1beta1"];

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or("")
}

fn list<'v>(value: &'v Value, name: &str) -> Vec<&'v str> {
    value[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn each<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    value[name].as_array().into_iter().flatten().enumerate()
}

/// An object of this group.
pub fn check(o: &DynamicObject, errors: &mut Errors) {
    let kind = o.kind.info().kind;
    let spec = o.content.get("spec").unwrap_or(&Value::Null);
    let path = Path::new("spec");
    match kind {
        "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy" => policy(kind, spec, path, errors),
        "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding" => {
            binding(kind, spec, path, errors);
        }
        _ => {
            let hooks = Path::new("webhooks");
            let mut seen = BTreeSet::new();
            for (index, hook) in
                o.content.get("webhooks").and_then(Value::as_array).into_iter().flatten().enumerate()
            {
                let path = hooks.index(index);
                webhook(kind, hook, path, errors);
                let name = text(hook, "name");
                if !name.is_empty() && !seen.insert(name) {
                    errors.duplicate(path.child("name"), name);
                }
            }
        }
    }
}

fn policy(kind: &str, spec: &Value, path: Path, errors: &mut Errors) {
    errors.one_of(path.child("failurePolicy"), spec["failurePolicy"].as_str(), POLICIES);
    let params = !spec["paramKind"].is_null();
    if params {
        param_kind(&spec["paramKind"], path.child("paramKind"), errors);
    }
    let constraints = path.child("matchConstraints");
    if spec["matchConstraints"].is_null() {
        errors.required(constraints, "");
    } else {
        match_resources(&spec["matchConstraints"], constraints, errors);
        if each(&spec["matchConstraints"], "resourceRules").next().is_none() {
            errors.required(constraints.child("resourceRules"), "");
        }
    }
    match_conditions(spec, params, path.child("matchConditions"), errors);
    let names: Vec<&str> = if params { vec!["params"] } else { Vec::new() };
    variables(spec, &names, path.child("variables"), errors);
    let seen = [names.as_slice(), &["variables"]].concat();
    if kind == "MutatingAdmissionPolicy" {
        mutations(spec, &seen, path, errors);
    } else {
        validations(spec, &seen, path, errors);
    }
}

fn validations(spec: &Value, names: &[&str], path: Path, errors: &mut Errors) {
    let none = |field| each(spec, field).next().is_none();
    if none("validations") && none("auditAnnotations") {
        let why = "validations or auditAnnotations must contain at least one item";
        errors.required(path.child("validations"), why);
        errors.required(path.child("auditAnnotations"), why);
        return;
    }
    for (index, one) in each(spec, "validations") {
        let all = path.child("validations");
        let path = all.index(index);
        if text(one, "expression").trim().is_empty() {
            errors.required(path.child("expression"), "expression is not specified");
        } else {
            expression(one, ("expression", &Type::Bool), (names, true), path, errors);
        }
        let (given, message) = (text(one, "messageExpression"), text(one, "message"));
        if !given.is_empty() && given.trim().is_empty() {
            errors.invalid(path.child("messageExpression"), given, "must be non-empty if specified");
        } else if !given.is_empty() {
            expression(one, ("messageExpression", &Type::Text), (names, false), path, errors);
        }
        if !message.is_empty() && message.trim().is_empty() {
            errors.invalid(path.child("message"), message, "message must be non-empty if specified");
        } else if message.trim().contains(['\n', '\r']) {
            errors.invalid(path.child("message"), message, "message must not contain line breaks");
        }
        errors.supported(path.child("reason"), one["reason"].as_str(), REASONS);
    }
    let mut keys = BTreeSet::new();
    for (index, one) in each(spec, "auditAnnotations") {
        let all = path.child("auditAnnotations");
        let path = all.index(index);
        if text(one, "valueExpression").trim().is_empty() {
            errors.required(path.child("valueExpression"), "valueExpression is not specified");
        } else {
            expression(one, ("valueExpression", &Type::Dyn), (names, true), path, errors);
        }
        let key = text(one, "key");
        errors.all(path.child("key"), key, names::qualified(key));
        if !keys.insert(key) {
            errors.duplicate(path.child("key"), key);
        }
    }
}

fn mutations(spec: &Value, names: &[&str], path: Path, errors: &mut Errors) {
    let all = path.child("mutations");
    if each(spec, "mutations").next().is_none() {
        errors.required(all, "mutations must contain at least one item");
    }
    for (index, one) in each(spec, "mutations") {
        let path = all.index(index);
        errors.one_of(
            path.child("patchType"),
            one["patchType"].as_str(),
            &["ApplyConfiguration", "JSONPatch"],
        );
        let field = match text(one, "patchType") {
            "ApplyConfiguration" => "applyConfiguration",
            "JSONPatch" => "jsonPatch",
            _ => continue,
        };
        let path = path.child(field);
        if text(&one[field], "expression").trim().is_empty() {
            errors.required(path.child("expression"), "expression is not specified");
        } else if let Err(why) = cel::syntax(text(&one[field], "expression")) {
            let shown = text(&one[field], "expression");
            errors.invalid(path.child("expression"), shown, format!("compilation failed: {why}"));
        }
    }
    let _ = names;
    errors.one_of(
        path.child("reinvocationPolicy"),
        spec["reinvocationPolicy"].as_str(),
        &["IfNeeded", "Never"],
    );
}

fn binding(kind: &str, spec: &Value, path: Path, errors: &mut Errors) {
    match text(spec, "policyName") {
        "" => errors.required(path.child("policyName"), ""),
        name => errors.all(path.child("policyName"), name, names::subdomain(name)),
    }
    if !spec["paramRef"].is_null() {
        param_ref(&spec["paramRef"], path.child("paramRef"), errors);
    }
    if !spec["matchResources"].is_null() {
        // The server spells it so.
        match_resources(&spec["matchResources"], path.child("matchResouces"), errors);
    }
    if kind == "ValidatingAdmissionPolicyBinding" {
        actions(spec, path.child("validationActions"), errors);
    }
}

fn actions(spec: &Value, path: Path, errors: &mut Errors) {
    let given = list(spec, "validationActions");
    let mut seen = BTreeSet::new();
    for (index, action) in given.iter().enumerate() {
        errors.supported(path.index(index), Some(action), &["Audit", "Deny", "Warn"]);
        if !seen.insert(*action) {
            errors.duplicate(path.index(index), *action);
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        errors.invalid(path, json!(given), why);
    }
    if seen.is_empty() {
        errors.required(path, "at least one validation action is required");
    }
}

fn param_ref(of: &Value, path: Path, errors: &mut Errors) {
    const WHY: &str = "name and selector are mutually exclusive";
    let (name, selector) = (text(of, "name"), !of["selector"].is_null());
    if !name.is_empty() {
        errors.all(path.child("name"), name, names::segment(name));
        if selector {
            errors.forbidden(path.child("name"), WHY);
        }
    }
    if selector {
        label_selector(&of["selector"], path.child("selector"), errors);
        if !name.is_empty() {
            errors.forbidden(path.child("selector"), WHY);
        }
    }
    if name.is_empty() && !selector {
        errors.required(path, "one of name or selector must be specified");
    }
    let action = of["parameterNotFoundAction"].as_str();
    errors.one_of(path.child("parameterNotFoundAction"), action, &["Deny", "Allow"]);
}

fn param_kind(of: &Value, path: Path, errors: &mut Errors) {
    let version = text(of, "apiVersion");
    let place = path.child("apiVersion");
    match version.split('/').collect::<Vec<_>>().as_slice() {
        _ if version.is_empty() => errors.required(place, ""),
        [only] => joined(place, only, &names::label_1035(only), errors),
        [group, number] => {
            if !group.is_empty() {
                joined(place, group, &names::subdomain(group), errors);
            }
            if number.is_empty() {
                errors.invalid(place, version, "version must be specified");
            } else {
                joined(place, number, &names::label_1035(number), errors);
            }
        }
        _ => errors.invalid(place, version, format!("unexpected GroupVersion string: {version}")),
    }
    match text(of, "kind") {
        "" => errors.required(path.child("kind"), ""),
        kind => {
            let wrong = names::label_1035(&kind.to_lowercase());
            if !wrong.is_empty() {
                let why = format!("may have mixed case, but should otherwise match: {}", wrong.join(","));
                errors.invalid(path.child("kind"), kind, why);
            }
        }
    }
}

/// All that is wrong with a value, as one error.
fn joined(path: Path, value: &str, wrong: &[String], errors: &mut Errors) {
    if !wrong.is_empty() {
        errors.invalid(path, value, wrong.join(","));
    }
}

fn match_resources(of: &Value, path: Path, errors: &mut Errors) {
    errors.one_of(path.child("matchPolicy"), of["matchPolicy"].as_str(), MATCHES);
    for field in ["namespaceSelector", "objectSelector"] {
        if of[field].is_null() {
            errors.required(path.child(field), "");
        } else {
            label_selector(&of[field], path.child(field), errors);
        }
    }
    for field in ["resourceRules", "excludeResourceRules"] {
        for (index, one) in each(of, field) {
            let all = path.child(field);
            let path = all.index(index);
            let mut seen = BTreeSet::new();
            for (index, name) in list(one, "resourceNames").into_iter().enumerate() {
                let all = path.child("resourceNames");
                errors.all(all.index(index), name, names::segment(name));
                if !seen.insert(name) {
                    errors.duplicate(all.index(index), name);
                }
            }
            rule(one, path, errors);
        }
    }
}

fn label_selector(of: &Value, path: Path, errors: &mut Errors) {
    // It was read as one before.
    if let Ok(selector) = serde_json::from_value(of.clone()) {
        workload::selector(&selector, path, errors);
    }
}

/// Operations and what they are done to.
fn rule(of: &Value, path: Path, errors: &mut Errors) {
    let alone = |field: &str, what: &str, errors: &mut Errors| {
        let all = list(of, field);
        if all.len() > 1 && all.contains(&"*") {
            errors.invalid(
                path.child(field),
                json!(all),
                format!("if '*' is present, must not specify other {what}"),
            );
        }
    };
    for field in ["operations", "apiGroups", "apiVersions", "resources"] {
        if each(of, field).next().is_none() {
            errors.required(path.child(field), "");
        }
        match field {
            "operations" => {
                alone(field, "operations", errors);
                for (index, operation) in list(of, field).into_iter().enumerate() {
                    errors.supported(path.child(field).index(index), Some(operation), OPERATIONS);
                }
            }
            "apiGroups" => alone(field, "API groups", errors),
            "apiVersions" => {
                alone(field, "API versions", errors);
                for (index, version) in list(of, field).into_iter().enumerate() {
                    errors.needed(path.child(field).index(index), version);
                }
            }
            _ => resources(&list(of, field), path.child(field), errors),
        }
    }
    errors.supported(path.child("scope"), of["scope"].as_str(), &["*", "Cluster", "Namespaced"]);
}

fn resources(all: &[&str], path: Path, errors: &mut Errors) {
    let (mut whole, mut parts) = (BTreeSet::new(), BTreeSet::new());
    let mut plain = false;
    for (index, resource) in all.iter().enumerate() {
        let Some((name, part)) = resource.split_once('/') else {
            errors.needed(path.index(index), resource);
            plain = !matches!(*resource, "*" | "");
            continue;
        };
        if whole.contains(name) {
            let why = format!("if '{name}/*' is present, must not specify {resource}");
            errors.invalid(path.index(index), *resource, why);
        }
        if parts.contains(part) {
            let why = format!("if '*/{part}' is present, must not specify {resource}");
            errors.invalid(path.index(index), *resource, why);
        }
        if part == "*" {
            whole.insert(name);
        }
        if name == "*" {
            parts.insert(part);
        }
    }
    if all.len() > 1 && all.contains(&"*/*") {
        errors.invalid(path, json!(all), "if '*/*' is present, must not specify other resources");
    }
    if all.contains(&"*") && plain {
        let why = "if '*' is present, must not specify other resources without subresources";
        errors.invalid(path, json!(all), why);
    }
}

fn match_conditions(of: &Value, params: bool, path: Path, errors: &mut Errors) {
    let there = each(of, "matchConditions").count();
    if there > CONDITIONS {
        errors.too_many(path, there, CONDITIONS);
    }
    let mut seen = BTreeSet::new();
    let names: &[&str] = if params { &["params"] } else { &[] };
    for (index, one) in each(of, "matchConditions") {
        let path = path.index(index);
        if text(one, "expression").trim().is_empty() {
            errors.required(path.child("expression"), "");
        } else {
            expression(one, ("expression", &Type::Bool), (names, true), path, errors);
        }
        let name = text(one, "name");
        if name.is_empty() {
            errors.required(path.child("name"), "");
        } else {
            errors.all(path.child("name"), name, names::qualified(name));
            if !seen.insert(name) {
                errors.duplicate(path.child("name"), name);
            }
        }
    }
}

fn variables(spec: &Value, names: &[&str], path: Path, errors: &mut Errors) {
    const RESERVED: &[&str] = &[
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ];
    let known = [names, &["variables"]].concat();
    for (index, one) in each(spec, "variables") {
        let path = path.index(index);
        let name = text(one, "name");
        let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
        if name.trim().is_empty() {
            errors.required(path.child("name"), "name is not specified");
        } else if RESERVED.contains(&name)
            || name.starts_with(|c: char| c.is_ascii_digit())
            || !name.chars().all(is_word)
        {
            errors.invalid(path.child("name"), name, "name is not a valid CEL identifier");
        }
        if text(one, "expression").trim().is_empty() {
            errors.required(path.child("expression"), "expression is not specified");
        } else {
            expression(one, ("expression", &Type::Dyn), (&known, true), path, errors);
        }
    }
}

/// An expression that sees the request, and `names` beside it; the authorizer only where it may (`asks`).
fn expression(
    of: &Value,
    (field, wanted): (&str, &Type),
    (names, asks): (&[&str], bool),
    path: Path,
    errors: &mut Errors,
) {
    let shown = text(of, field);
    let always = ["object", "oldObject", "request", "namespaceObject"];
    let mut known: Vec<(&str, Type)> =
        always.into_iter().chain(names.iter().copied()).map(|name| (name, Type::Dyn)).collect();
    if asks {
        known.push(("authorizer", Type::Dyn));
    }
    match cel::check(shown, &known) {
        Err(why) => errors.invalid(path.child(field), shown, format!("compilation failed: {why}")),
        Ok(is) if is != *wanted && !matches!((&is, wanted), (Type::Dyn, _) | (_, Type::Dyn)) => {
            errors.invalid(path.child(field), shown, format!("must evaluate to {wanted}"));
        }
        Ok(_) => {}
    }
}

fn webhook(kind: &str, hook: &Value, path: Path, errors: &mut Errors) {
    let name = text(hook, "name");
    if name.is_empty() {
        errors.required(path.child("name"), "");
    } else if names::subdomain(name).is_empty() {
        if name.split('.').count() < 3 {
            let why = "should be a domain with at least three segments separated by dots";
            errors.invalid(path.child("name"), name, why);
        }
    } else {
        joined(path.child("name"), name, &names::subdomain(name), errors);
    }
    let rules = path.child("rules");
    for (index, one) in each(hook, "rules") {
        rule(one, rules.index(index), errors);
    }
    errors.supported(path.child("failurePolicy"), hook["failurePolicy"].as_str(), POLICIES);
    errors.supported(path.child("matchPolicy"), hook["matchPolicy"].as_str(), MATCHES);
    let effects = ["None", "NoneOnDryRun"];
    match hook["sideEffects"].as_str() {
        None => errors.required(path.child("sideEffects"), "must specify one of None, NoneOnDryRun"),
        given => errors.supported(path.child("sideEffects"), given, &effects),
    }
    if let Some(seconds) = hook["timeoutSeconds"].as_i64().filter(|s| !(1..=30).contains(s)) {
        let why = "the timeout value must be between 1 and 30 seconds";
        errors.invalid(path.child("timeoutSeconds"), seconds, why);
    }
    for field in ["namespaceSelector", "objectSelector"] {
        if !hook[field].is_null() {
            label_selector(&hook[field], path.child(field), errors);
        }
    }
    if kind == "MutatingWebhookConfiguration" {
        let policy = hook["reinvocationPolicy"].as_str();
        errors.supported(path.child("reinvocationPolicy"), policy, &["IfNeeded", "Never"]);
    }
    client_config(&hook["clientConfig"], path.child("clientConfig"), errors);
    match_conditions(hook, false, path.child("matchConditions"), errors);
    review_versions(hook, path.child("admissionReviewVersions"), errors);
}

fn client_config(of: &Value, path: Path, errors: &mut Errors) {
    match (of["url"].as_str(), of["service"].is_null()) {
        (Some(url), true) => about_url(url, path.child("url"), errors),
        (None, false) => {
            let (service, path) = (&of["service"], path.child("service"));
            for field in ["name", "namespace"] {
                if text(service, field).is_empty() {
                    errors.required(path.child(field), &format!("service {field} is required"));
                }
            }
            let port = service["port"].as_i64().unwrap_or(443);
            let wrong = names::port(port);
            if !wrong.is_empty() {
                errors.invalid(path.child("port"), port, format!("port is not valid: {}", wrong.join(",")));
            }
            let url = text(service, "path");
            if !url.is_empty() && !url.starts_with('/') {
                errors.invalid(path.child("path"), url, "must start with a '/'");
            }
        }
        _ => errors.required(path, "exactly one of url or service is required"),
    }
}

fn about_url(url: &str, path: Path, errors: &mut Errors) {
    const FORM: &str = "; desired format: https://host[/path]";
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = if scheme.is_empty() { "" } else { rest.split('/').next().unwrap_or("") };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if scheme != "https" {
        errors.invalid(path, scheme, format!("'https' is the only allowed URL scheme{FORM}"));
    }
    if host.is_empty() {
        errors.invalid(path, host, format!("host must be specified{FORM}"));
    }
    for (part, what) in
        [(user, "user information is"), (fragment, "fragments are"), (query, "query parameters are")]
    {
        if !part.is_empty() {
            errors.invalid(path, part, format!("{what} not permitted in the URL"));
        }
    }
}

fn review_versions(hook: &Value, path: Path, errors: &mut Errors) {
    let given = list(hook, "admissionReviewVersions");
    if given.is_empty() {
        errors.required(path, &format!("must specify one of {}", VERSIONS.join(", ")));
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, version) in given.iter().enumerate() {
        if !seen.insert(*version) {
            errors.invalid(path.index(index), *version, "duplicate version");
            continue;
        }
        errors.all(path.index(index), version, names::label_1035(version));
    }
    if !given.iter().any(|v| VERSIONS.contains(v)) {
        errors.invalid(path, json!(given), format!("must include at least one of {}", VERSIONS.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Kind, Object};

    fn wrong(plural: &str, content: Value) -> Vec<String> {
        let kind = Kind::find_resource(GROUP, "v1", plural).unwrap();
        let mut content = content;
        content["metadata"] = json!({"name": "a"});
        let mut object = Object::from_value(kind, content).unwrap();
        crate::apiserver::defaults::apply(&mut object);
        let found = super::super::create(&object);
        found
            .into_iter()
            .map(|e| format!("{}: {}", e.field, e.message.lines().next().unwrap_or("")))
            .collect()
    }

    #[test]
    fn policies() {
        let rules = json!({"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]});
        let plural = "validatingadmissionpolicies";
        assert_eq!(
            wrong(
                plural,
                json!({"spec": {"matchConstraints": rules, "validations": [{"expression": "object.x == 1"}]}})
            ),
            [""; 0]
        );
        assert_eq!(
            wrong(
                plural,
                json!({"spec": {"failurePolicy": "X", "paramKind": {"kind": "ConfigMap"}, "variables": [{"name": "a-b", "expression": "1"}],
                "validations": [{"expression": "1", "reason": "Zoo"}, {"expression": "foo.bar"}, {"expression": "params.x"}]}})
            ),
            [
                "spec.failurePolicy: Unsupported value: \"X\": supported values: \"Fail\", \"Ignore\"",
                "spec.paramKind.apiVersion: Required value",
                "spec.matchConstraints: Required value",
                "spec.variables[0].name: Invalid value: \"a-b\": name is not a valid CEL identifier",
                "spec.validations[0].expression: Invalid value: \"1\": must evaluate to bool",
                "spec.validations[0].reason: Unsupported value: \"Zoo\": supported values: \"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\"",
                "spec.validations[1].expression: Invalid value: \"foo.bar\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')",
            ]
        );
        assert_eq!(
            wrong(
                "validatingadmissionpolicybindings",
                json!({"spec": {"policyName": "p", "validationActions": ["Deny", "Warn", "Foo", "Deny"],
                "paramRef": {"name": "x", "selector": {}, "parameterNotFoundAction": "Deny"}}})
            ),
            [
                "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
                "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
                "spec.validationActions[2]: Unsupported value: \"Foo\": supported values: \"Audit\", \"Deny\", \"Warn\"",
                "spec.validationActions[3]: Duplicate value: \"Deny\"",
                "spec.validationActions: Invalid value: [\"Deny\",\"Warn\",\"Foo\",\"Deny\"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
            ]
        );
    }

    #[test]
    fn webhooks() {
        let plural = "validatingwebhookconfigurations";
        let hook = json!({"name": "a", "clientConfig": {"url": "http://x"}, "admissionReviewVersions": [], "timeoutSeconds": 40,
            "matchConditions": [{"name": "x", "expression": "... [], bad expression"}],
            "rules": [{"operations": ["*", "CREATE"], "apiGroups": ["*"], "apiVersions": ["v1"], "resources": ["pods"]}]});
        let found = wrong(plural, json!({"webhooks": [hook]}));
        for part in [
            "webhooks[0].name: Invalid value: \"a\": should be a domain with at least three segments separated by dots",
            "webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is present, must not specify other operations",
            "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun",
            "webhooks[0].timeoutSeconds: Invalid value: 40: the timeout value must be between 1 and 30 seconds",
            "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
            "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1",
        ] {
            assert!(found.iter().any(|f| f == part), "{part}: {found:#?}");
        }
        assert!(
            found
                .iter()
                .any(|f| f.contains("matchConditions[0].expression") && f.contains("compilation failed: "))
        );
    }
}
