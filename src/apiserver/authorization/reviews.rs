//! Review kinds: questions about who one is and what somebody may do. Nothing of them is stored.

use super::{Attributes, decide, rbac};
use crate::apiserver::authentication::token;
use crate::apiserver::{ApiError, ApiServer, FieldError, Method, Request, Response, User};
use serde_json::{Map, Value, json};

const AUTHORIZATION: &str = "authorization.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// Answers a review. `None` for any other request.
pub fn serve(api: &ApiServer, request: &Request, user: &User) -> Option<Result<Response, ApiError>> {
    let asked = Attributes::of(request);
    if request.method != Method::Post || asked.version != "v1" || !asked.name.is_empty() {
        return None;
    }
    let body = request.body.as_ref().unwrap_or(&Value::Null);
    let (kind, status) = match (asked.group, asked.resource) {
        (AUTHORIZATION, "selfsubjectaccessreviews") => {
            ("SelfSubjectAccessReview", access(api, user, body, "SelfSubjectAccessReview"))
        }
        (AUTHORIZATION, "subjectaccessreviews") => (
            "SubjectAccessReview",
            subject(body, "SubjectAccessReview")
                .and_then(|user| access(api, &user, body, "SubjectAccessReview")),
        ),
        (AUTHORIZATION, "localsubjectaccessreviews") => {
            ("LocalSubjectAccessReview", local(api, asked.namespace, body))
        }
        (AUTHORIZATION, "selfsubjectrulesreviews") => ("SelfSubjectRulesReview", rules(api, user, body)),
        (AUTHENTICATION, "selfsubjectreviews") => ("SelfSubjectReview", Ok(json!({"userInfo": info(user)}))),
        (AUTHENTICATION, "tokenreviews") => ("TokenReview", token_review(api, body)),
        _ => return None,
    };
    let answer = |status: Value| {
        let mut value = if body.is_object() { body.clone() } else { json!({}) };
        value["kind"] = json!(kind);
        value["apiVersion"] = json!(format!("{}/v1", asked.group));
        if !value["metadata"].is_object() {
            value["metadata"] = json!({});
        }
        if kind == "SelfSubjectReview" {
            value["metadata"]["creationTimestamp"] = json!(api.now.to_api());
        }
        value["status"] = status;
        Response { status: 201, ..Response::ok(value) }
    };
    Some(status.map(answer))
}

/// A user as reviews show it.
pub fn info(user: &User) -> Value {
    let mut value = json!({"username": &*user.name});
    if !user.uid.is_empty() {
        value["uid"] = json!(&*user.uid);
    }
    if !user.groups.is_empty() {
        value["groups"] = user.groups.iter().map(|g| Value::from(&**g)).collect();
    }
    if !user.extra.is_empty() {
        let extra: Map<String, Value> = user.extra.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        value["extra"] = Value::Object(extra);
    }
    value
}

fn access(api: &ApiServer, user: &User, body: &Value, kind: &str) -> Result<Value, ApiError> {
    let spec = &body["spec"];
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let refuse = |field: &str, value: &Value, why: &str| {
        Err(ApiError::invalid_of((AUTHORIZATION, kind), "", vec![FieldError::invalid(field, value, why)]))
    };
    let local = kind == "LocalSubjectAccessReview";
    let metadata = body["metadata"].as_object().into_iter().flatten();
    let given = metadata.filter(|(key, value)| {
        // Protobuf writes the number of a generation that is not there.
        let nothing = value.is_null() || *value == "" || *value == 0;
        let empty = nothing || matches!(key.as_str(), "creationTimestamp" | "managedFields");
        !(empty || local && key.as_str() == "namespace")
    });
    if given.count() > 0 {
        let why = if local { "must be empty except for namespace" } else { "must be empty" };
        return refuse("metadata", &body["metadata"], why);
    }
    let fields = &resource["fieldSelector"];
    if fields["rawSelector"].as_str().is_some_and(|s| !s.is_empty()) && fields["requirements"].is_array() {
        let why = "may not specified at the same time as requirements";
        return refuse("spec.resourceAttributes.fieldSelector.rawSelector", &fields["rawSelector"], why);
    }
    let text = |of: &'_ Value, key: &str| -> String { of[key].as_str().unwrap_or("").to_owned() };
    let decision = match (resource.is_object(), path.is_object()) {
        (true, true) => {
            let why = "cannot be specified in combination with resourceAttributes";
            return refuse("spec.nonResourceAttributes", path, why);
        }
        (false, false) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            return refuse("spec.resourceAttributes", &Value::Null, why);
        }
        (true, false) => {
            let get = |key: &str| text(resource, key);
            let (verb, namespace, group, version) =
                (get("verb"), get("namespace"), get("group"), get("version"));
            let (resource, subresource, name) = (get("resource"), get("subresource"), get("name"));
            let asked = Attributes {
                verb: &verb,
                namespace: &namespace,
                group: &group,
                version: &version,
                resource: &resource,
                subresource: &subresource,
                name: &name,
                path: "",
            };
            decide(api, user, &asked)
        }
        (false, true) => {
            let (verb, path) = (text(path, "verb"), text(path, "path"));
            decide(api, user, &Attributes { verb: &verb, path: &path, ..Attributes::default() })
        }
    };
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = json!(decision.reason);
    }
    Ok(status)
}

/// The user that a review is about.
fn subject(body: &Value, kind: &str) -> Result<User, ApiError> {
    let spec = &body["spec"];
    let name = spec["user"].as_str().unwrap_or("");
    let groups: Vec<&str> =
        spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if name.is_empty() && groups.is_empty() {
        let why = "at least one of user or group must be specified";
        let cause = FieldError::invalid("spec.user", &json!(name), why);
        return Err(ApiError::invalid_of((AUTHORIZATION, kind), "", vec![cause]));
    }
    Ok(User::new(name, &groups))
}

fn local(api: &ApiServer, namespace: &str, body: &Value) -> Result<Value, ApiError> {
    const KIND: &str = "LocalSubjectAccessReview";
    let user = subject(body, KIND)?;
    let attributes = &body["spec"]["resourceAttributes"];
    if !attributes.is_object() {
        return access(api, &user, body, KIND);
    }
    let asked = attributes["namespace"].as_str().unwrap_or("");
    if asked != namespace {
        let why = format!("must match metadata.namespace: {namespace}");
        let cause = FieldError::invalid("spec.resourceAttributes.namespace", &json!(asked), why);
        return Err(ApiError::invalid_of((AUTHORIZATION, KIND), "", vec![cause]));
    }
    access(api, &user, body, KIND)
}

fn rules(api: &ApiServer, user: &User, body: &Value) -> Result<Value, ApiError> {
    let namespace = body["spec"]["namespace"].as_str().unwrap_or("");
    if namespace.is_empty() {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    let (mut resources, mut urls) = (Vec::new(), Vec::new());
    let all = json!(["*"]);
    if user.is_in(rbac::MASTERS) {
        resources.push(json!({"verbs": all, "apiGroups": all, "resources": all}));
        urls.push(json!({"verbs": all, "nonResourceURLs": all}));
    }
    let (found, errors) = rbac::rules_for(&api.store, user, namespace);
    for rule in found {
        if rule.resources.as_ref().is_some_and(|r| !r.is_empty()) {
            let mut value =
                json!({"verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources});
            if let Some(names) = rule.resource_names.filter(|n| !n.is_empty()) {
                value["resourceNames"] = json!(names);
            }
            resources.push(value);
        } else if let Some(paths) = rule.non_resource_urls.filter(|u| !u.is_empty()) {
            urls.push(json!({"verbs": rule.verbs, "nonResourceURLs": paths}));
        }
    }
    let mut status =
        json!({"resourceRules": resources, "nonResourceRules": urls, "incomplete": !errors.is_empty()});
    if !errors.is_empty() {
        status["evaluationError"] = json!(errors.join(", "));
    }
    Ok(status)
}

fn token_review(api: &ApiServer, body: &Value) -> Result<Value, ApiError> {
    let spec = &body["spec"];
    let text = spec["token"].as_str().unwrap_or("");
    if text.is_empty() {
        return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
    }
    let listed = spec["audiences"].as_array().into_iter().flatten();
    let asked: Vec<&str> = listed.filter_map(Value::as_str).collect();
    let audiences = if asked.is_empty() { vec![token::AUDIENCE] } else { asked };
    if let Some(user) = api.static_tokens.get(text) {
        return Ok(json!({"authenticated": true, "user": info(user), "audiences": audiences}));
    }
    Ok(match token::verify(api, text, &audiences) {
        Ok(good) => json!({"authenticated": true, "user": info(&good.user), "audiences": good.audiences}),
        Err(why) => json!({"user": {}, "error": why}),
    })
}
