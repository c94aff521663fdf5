//! `ValidatingAdmissionPolicy`: conditions in CEL that a cluster's owner puts before every write.
//!
//! Always holds: a policy does nothing without a binding; policies and bindings themselves are never judged by one.
//! Does not: `authorizer` in expressions, and the cost limits.

mod matching;

pub use matching::Admitted;

use crate::apiserver::authorization::reviews;
use crate::apiserver::{ApiError, ApiServer, FieldError, Origin, User, cel};
use crate::object::selector::Selector;
use crate::object::{Kind, Object, ObjectKey, meta::MetaExt};
use k8s_openapi::api::core::v1::Namespace;
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};

const GROUP: &str = "admissionregistration.k8s.io";

/// What an expression sees.
struct Scope {
    object: Value,
    old: Value,
    request: Value,
    namespace: Value,
}

/// One validation that did not hold, or could not be evaluated.
struct Failure {
    message: String,
    reason: String,
}

/// Judges a write by the policies that are bound. Warnings are left in `api.told`.
///
/// # Errors
/// The first denial, with the reason and the words that its policy gives.
pub fn check(api: &mut ApiServer, admitted: &Admitted, origin: &Origin) -> Result<(), ApiError> {
    let Some((policies, bindings)) = *KINDS else { return Ok(()) };
    if api.store.count(bindings) == 0 || admitted.object.kind().info().group == GROUP {
        return Ok(());
    }
    let mut scope = None;
    let mut warnings = Vec::new();
    let mut denied = None;
    for binding in api.store.list(bindings) {
        let spec = spec_of(binding);
        let policy_name = spec["policyName"].as_str().unwrap_or("");
        let key = ObjectKey::new(policies, "", policy_name);
        let Some(policy) = api.store.get(&key).map(spec_of) else { continue };
        if !matching::matches(api, &policy["matchConstraints"], admitted)
            || !matching::matches(api, &spec["matchResources"], admitted)
        {
            continue;
        }
        let scope = scope.get_or_insert_with(|| Scope::new(api, admitted, origin));
        for failure in judge(api, &policy, &spec, admitted, scope) {
            let (binding, message) = (binding.name_str(), &failure.message);
            let acts = |action: &str| {
                spec["validationActions"].as_array().into_iter().flatten().any(|a| a == action)
            };
            if acts("Warn") {
                warnings.push(format!(
                    "Validation failed for ValidatingAdmissionPolicy '{policy_name}' with binding '{binding}': {message}"
                ));
            }
            if acts("Deny") && denied.is_none() {
                let text = format!(
                    "ValidatingAdmissionPolicy '{policy_name}' with binding '{binding}' denied request: {message}"
                );
                denied = Some(denial(admitted.object, text, &failure.reason));
            }
        }
    }
    if origin.user.is_some() {
        api.told.extend(warnings);
    }
    denied.map_or(Ok(()), Err)
}

/// Policies and bindings.
static KINDS: LazyLock<Option<(Kind, Kind)>> = LazyLock::new(|| {
    let kind = |plural| Kind::find_resource(GROUP, "v1", plural);
    Some((kind("validatingadmissionpolicies")?, kind("validatingadmissionpolicybindings")?))
});

fn spec_of(object: &Object) -> Value {
    match object {
        Object::Dynamic(o) => o.content.get("spec").cloned().unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

fn denial(object: &Object, message: String, reason: &str) -> ApiError {
    let (code, reason) = match reason {
        "Unauthorized" => (401, "Unauthorized"),
        "Forbidden" => (403, "Forbidden"),
        "RequestEntityTooLarge" => (413, "RequestEntityTooLarge"),
        _ => (422, "Invalid"),
    };
    let error = ApiError::forbidden(object.kind(), object.name_str(), &message);
    let cause = FieldError { field: String::new(), reason: "", message };
    ApiError { code, reason, causes: vec![cause], ..error }
}

/// What a policy has to say against a write, for each of the parameters that the binding names.
fn judge(
    api: &ApiServer,
    policy: &Value,
    binding: &Value,
    admitted: &Admitted,
    scope: &Scope,
) -> Vec<Failure> {
    let fails = policy["failurePolicy"] != "Ignore";
    let error = |message: String| {
        let failure = Failure { message, reason: String::new() };
        if fails { vec![failure] } else { Vec::new() }
    };
    let all = match parameters(api, policy, binding, admitted) {
        Ok(all) => all,
        Err(why) => return error(why),
    };
    let mut failures = Vec::new();
    for params in all {
        match conditions_hold(policy, scope, &params) {
            Ok(true) => failures.extend(validate(policy, scope, &params, fails)),
            Ok(false) => {}
            Err(why) => failures.extend(error(why)),
        }
    }
    failures
}

fn conditions_hold(policy: &Value, scope: &Scope, params: &Value) -> Result<bool, String> {
    for condition in policy["matchConditions"].as_array().into_iter().flatten() {
        let expression = condition["expression"].as_str().unwrap_or("");
        match scope.evaluate(expression, params, &Value::Null) {
            Ok(::cel::Value::Bool(true)) => {}
            Ok(_) => return Ok(false),
            Err(why) => return Err(format!("expression '{expression}' resulted in error: {why}")),
        }
    }
    Ok(true)
}

fn validate(policy: &Value, scope: &Scope, params: &Value, fails: bool) -> Vec<Failure> {
    let mut variables = json!({});
    for variable in policy["variables"].as_array().into_iter().flatten() {
        let (name, expression) =
            (variable["name"].as_str().unwrap_or(""), variable["expression"].as_str().unwrap_or(""));
        // One that has no value is missed by whoever asks for it.
        let value = scope.evaluate(expression, params, &variables).ok().and_then(|v| v.json().ok());
        if let Some(value) = value {
            variables[name] = value;
        }
    }
    let mut failures = Vec::new();
    for validation in policy["validations"].as_array().into_iter().flatten() {
        let text = |key: &str| validation[key].as_str().unwrap_or("").trim();
        let expression = text("expression");
        let reason = text("reason").to_owned();
        match scope.evaluate(expression, params, &variables) {
            Ok(::cel::Value::Bool(true)) => {}
            Ok(_) => {
                let computed = match scope.evaluate(text("messageExpression"), params, &variables) {
                    Ok(::cel::Value::String(words)) => Some(words.trim().to_owned()),
                    _ => None,
                };
                let message = computed.filter(|m| !m.is_empty() && !m.contains('\n')).unwrap_or_else(|| {
                    let message = text("message");
                    if message.is_empty() {
                        format!("failed expression: {expression}")
                    } else {
                        message.to_owned()
                    }
                });
                failures.push(Failure { message, reason });
            }
            Err(why) if fails => {
                let message = format!("expression '{expression}' resulted in error: {why}");
                failures.push(Failure { message, reason: String::new() });
            }
            Err(_) => {}
        }
    }
    failures
}

/// The objects that a binding gives as parameters; one `null` when the policy takes none.
fn parameters(
    api: &ApiServer,
    policy: &Value,
    binding: &Value,
    admitted: &Admitted,
) -> Result<Vec<Value>, String> {
    let wanted = &policy["paramKind"];
    let reference = &binding["paramRef"];
    if !wanted.is_object() || !reference.is_object() {
        return Ok(vec![Value::Null]);
    }
    let text = |of: &'_ Value, key: &str| -> String { of[key].as_str().unwrap_or("").to_owned() };
    let (version, name) = (text(wanted, "apiVersion"), text(wanted, "kind"));
    let kind = api.store.kinds().find(&version, &name).ok_or_else(|| {
        format!("failed to configure policy: failed to find resource referenced by paramKind: '{version}, Kind={name}'")
    })?;
    let mut namespace = String::new();
    if kind.info().namespaced {
        namespace = text(reference, "namespace");
        if namespace.is_empty() {
            admitted.object.namespace_str().clone_into(&mut namespace);
        }
    }
    let found: Vec<Value> = match reference["name"].as_str().filter(|n| !n.is_empty()) {
        Some(name) => api
            .store
            .get(&ObjectKey::new(kind, namespace.as_str(), name))
            .map(Object::to_value)
            .into_iter()
            .collect(),
        None => {
            let selector = serde_json::from_value(reference["selector"].clone()).unwrap_or_default();
            let selector = Selector::from_api(Some(&selector));
            let all = api.store.list(kind).filter(|o| namespace.is_empty() || o.namespace_str() == namespace);
            all.filter(|o| selector.matches(o.labels_map())).map(Object::to_value).collect()
        }
    };
    if found.is_empty() && reference["parameterNotFoundAction"] != "Allow" {
        return Err(
            "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction".to_owned()
        );
    }
    Ok(found)
}

impl Scope {
    fn new(api: &ApiServer, admitted: &Admitted, origin: &Origin) -> Self {
        let object = admitted.object;
        let info = object.kind().info();
        let author = User { name: Arc::clone(&origin.author), ..User::default() };
        let user = origin.user.as_deref().unwrap_or(&author);
        let named = |key: &str, value: &str| {
            let mut map = Map::new();
            map.insert("group".to_owned(), json!(info.group));
            map.insert("version".to_owned(), json!(info.version));
            map.insert(key.to_owned(), json!(value));
            Value::Object(map)
        };
        let request = json!({
            "kind": named("kind", info.kind), "resource": named("resource", info.plural), "subResource": "",
            "requestKind": named("kind", info.kind), "requestResource": named("resource", info.plural),
            "requestSubResource": "", "name": object.name_str(), "namespace": object.namespace_str(),
            "operation": admitted.operation, "userInfo": reviews::info(user), "dryRun": false,
        });
        let namespace = api.store.find::<Namespace>("", object.namespace_str());
        let deleted = admitted.operation == "DELETE";
        let shown = |o: Option<&Object>| o.map_or(Value::Null, Object::to_value);
        Self {
            object: shown((!deleted).then_some(object)),
            old: shown(if deleted { Some(object) } else { admitted.old }),
            request,
            namespace: namespace.and_then(|n| serde_json::to_value(&**n).ok()).unwrap_or(Value::Null),
        }
    }

    fn evaluate(&self, expression: &str, params: &Value, variables: &Value) -> Result<::cel::Value, String> {
        let known = [
            ("object", &self.object),
            ("oldObject", &self.old),
            ("request", &self.request),
            ("namespaceObject", &self.namespace),
            ("params", params),
            ("variables", variables),
        ];
        cel::evaluate(expression, &known)
    }
}
