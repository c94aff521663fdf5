//! Validation of configuration, secrets, quotas and permissions.

use super::{Errors, Path, names, resources};
use crate::object::meta::MetaExt;
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota, Secret};
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};
use serde_json::json;

/// What a ConfigMap or Secret may hold in all.
const SIZE_LIMIT: usize = 1024 * 1024;
const IMMUTABLE: &str = "field is immutable when `immutable` is set";

pub fn config_map(o: &ConfigMap, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in o.data.iter().flatten() {
        let path = Path::new("data");
        errors.all(path.key(key), key, names::config_key(key));
        if o.binary_data.as_ref().is_some_and(|b| b.contains_key(key)) {
            errors.invalid(path.key(key), key.as_str(), "duplicate of key present in binaryData");
        }
        size += value.len();
    }
    for (key, value) in o.binary_data.iter().flatten() {
        let path = Path::new("binaryData");
        errors.all(path.key(key), key, names::config_key(key));
        size += value.0.len();
    }
    if size > SIZE_LIMIT {
        errors.too_long(Path::new(""), SIZE_LIMIT);
    }
}

pub fn config_map_update(new: &ConfigMap, old: &ConfigMap, errors: &mut Errors) {
    if old.immutable != Some(true) {
        return;
    }
    if new.immutable != Some(true) {
        errors.forbidden(Path::new("immutable"), IMMUTABLE);
    }
    if new.data != old.data {
        errors.forbidden(Path::new("data"), IMMUTABLE);
    }
    if new.binary_data != old.binary_data {
        errors.forbidden(Path::new("binaryData"), IMMUTABLE);
    }
}

pub fn secret(o: &Secret, errors: &mut Errors) {
    let path = Path::new("data");
    let mut size = 0;
    for (key, value) in o.data.iter().flatten() {
        errors.all(path.key(key), key, names::config_key(key));
        size += value.0.len();
    }
    if size > SIZE_LIMIT {
        errors.too_long(path, SIZE_LIMIT);
    }
    let has = |key: &str| o.data.as_ref().is_some_and(|d| d.contains_key(key));
    let mut need = |key: &str| {
        if !has(key) {
            errors.required(path.key(key), "");
        }
    };
    match o.type_.as_deref().unwrap_or("") {
        "kubernetes.io/tls" => {
            need("tls.crt");
            need("tls.key");
        }
        "kubernetes.io/ssh-auth" => {
            let key = o.data.as_ref().and_then(|d| d.get("ssh-privatekey"));
            if key.is_none_or(|k| k.0.is_empty()) {
                errors.required(path.key("ssh-privatekey"), "");
            }
        }
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            need("username");
            need("password");
        }
        "kubernetes.io/dockerconfigjson" => {
            need(".dockerconfigjson");
            docker_config(o, ".dockerconfigjson", errors);
        }
        "kubernetes.io/dockercfg" => {
            need(".dockercfg");
            docker_config(o, ".dockercfg", errors);
        }
        "kubernetes.io/service-account-token" => {
            const ACCOUNT: &str = "kubernetes.io/service-account.name";
            if o.annotation(ACCOUNT).unwrap_or("").is_empty() {
                let path = Path::new("metadata");
                let path = path.child("annotations");
                errors.required(path.key(ACCOUNT), "");
            }
        }
        _ => {}
    }
}

fn docker_config(secret: &Secret, key: &str, errors: &mut Errors) {
    let Some(text) = secret.data.as_ref().and_then(|d| d.get(key)) else { return };
    if let Err(error) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&text.0) {
        let why = if error.is_eof() {
            "unexpected end of JSON input".to_owned()
        } else {
            let byte = text.0.iter().copied().find(|b| !b.is_ascii_whitespace()).unwrap_or(b' ');
            format!("invalid character '{}' looking for beginning of value", byte as char)
        };
        let path = Path::new("data");
        errors.invalid(path.key(key), "<secret contents redacted>", why);
    }
}

pub fn secret_update(new: &Secret, old: &Secret, errors: &mut Errors) {
    errors.immutable(Path::new("type"), &new.type_, &old.type_);
    if old.immutable != Some(true) {
        return;
    }
    if new.immutable != Some(true) {
        errors.forbidden(Path::new("immutable"), IMMUTABLE);
    }
    if new.data != old.data {
        errors.forbidden(Path::new("data"), IMMUTABLE);
    }
}

/// What a quota may look at, other than a priority class.
const SCOPES: &[&str] = &[
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];

/// Whether a resource is counted where a quota looks at a scope.
fn counted(scope: &str, resource: &str) -> bool {
    let compute = matches!(
        resource,
        "cpu"
            | "memory"
            | "ephemeral-storage"
            | "limits.cpu"
            | "limits.memory"
            | "limits.ephemeral-storage"
            | "requests.cpu"
            | "requests.memory"
            | "requests.ephemeral-storage"
    );
    match scope {
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" => resource == "pods" || compute,
        "CrossNamespacePodAffinity" => resource == "pods" || compute,
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    }
}

pub fn quota(o: &ResourceQuota, errors: &mut Errors) {
    let path = Path::new("spec");
    let list = path.child("hard");
    let Some(spec) = &o.spec else { return };
    for (name, amount) in spec.hard.iter().flatten() {
        resources::name(name, resources::Names::Quota, list.key(name), errors);
        resources::amount(name, amount, list.key(name), errors);
    }
    let scopes = spec.scopes.as_deref().unwrap_or_default();
    let list = path.child("scopes");
    let hard = || spec.hard.iter().flatten().map(|(name, _)| name);
    for scope in scopes {
        if !SCOPES.contains(&scope.as_str()) {
            errors.invalid(list, json!(scopes), "unsupported scope");
        }
        for _ in hard().filter(|name| !name.contains('/') && !counted(scope, name)) {
            errors.invalid(list, json!(scopes), "unsupported scope applied to resource");
        }
    }
    for (one, other) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")] {
        if [one, other].iter().all(|s| scopes.iter().any(|scope| scope == s)) {
            errors.invalid(list, json!(scopes), "conflicting scopes");
        }
    }
    let selector = path.child("scopeSelector");
    let list = selector.child("matchExpressions");
    for term in spec.scope_selector.iter().flat_map(|s| s.match_expressions.iter().flatten()) {
        let scope = term.scope_name.as_str();
        if !SCOPES.contains(&scope) {
            errors.invalid(list.child("scopeName"), scope, "unsupported scope");
        }
        let operator = term.operator.as_str();
        if operator != "Exists" && !matches!(scope, "PriorityClass" | "VolumeAttributesClass") {
            let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.invalid(list.child("operator"), operator, why);
        }
        let values = term.values.as_deref().unwrap_or_default();
        match operator {
            "In" | "NotIn" if values.is_empty() => {
                let why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                errors.required(list.child("values"), why);
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                errors.invalid(list.child("values"), json!(values), why);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.invalid(list.child("operator"), other, "not a valid selector operator"),
        }
    }
}

/// The scopes of a quota stay.
pub fn quota_update(new: &ResourceQuota, old: &ResourceQuota, errors: &mut Errors) {
    let scopes = |o: &ResourceQuota| o.spec.as_ref().and_then(|s| s.scopes.clone()).unwrap_or_default();
    let set = |o: &ResourceQuota| scopes(o).into_iter().collect::<std::collections::BTreeSet<_>>();
    if set(new) != set(old) {
        let path = Path::new("spec");
        errors.invalid(path.child("scopes"), json!(scopes(new)), "field is immutable");
    }
}

pub fn rules(rules: Option<&[PolicyRule]>, cluster: bool, errors: &mut Errors) {
    let list = Path::new("rules");
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        let path = list.index(index);
        let missing = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
        if rule.verbs.is_empty() {
            errors.required(path.child("verbs"), "verbs must contain at least one value");
        }
        if !missing(&rule.non_resource_urls) {
            if !cluster {
                let why = "namespaced rules cannot apply to non-resource URLs";
                errors.invalid(path.child("nonResourceURLs"), json!(rule.non_resource_urls), why);
            }
            if !missing(&rule.api_groups) || !missing(&rule.resources) {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                errors.invalid(path.child("nonResourceURLs"), json!(rule.non_resource_urls), why);
            }
            continue;
        }
        if missing(&rule.api_groups) {
            errors.required(path.child("apiGroups"), "resource rules must supply at least one api group");
        }
        if missing(&rule.resources) {
            errors.required(path.child("resources"), "resource rules must supply at least one resource");
        }
    }
}

pub fn binding(role: &RoleRef, subjects: Option<&[Subject]>, errors: &mut Errors) {
    let path = Path::new("roleRef");
    match role.api_group.as_deref().unwrap_or("") {
        "rbac.authorization.k8s.io" => {}
        other => errors.unsupported(path.child("apiGroup"), other, &["rbac.authorization.k8s.io"]),
    }
    if !matches!(role.kind.as_str(), "Role" | "ClusterRole") {
        errors.unsupported(path.child("kind"), &role.kind, &["ClusterRole", "Role"]);
    }
    errors.needed(path.child("name"), &role.name);
    errors.all(path.child("name"), &role.name, names::segment(&role.name));
    let list = Path::new("subjects");
    for (index, subject) in subjects.into_iter().flatten().enumerate() {
        let path = list.index(index);
        if subject.name.is_empty() {
            errors.required(path.child("name"), "");
        }
        let group = subject.api_group.as_deref().unwrap_or("");
        match subject.kind.as_str() {
            "ServiceAccount" => {
                if !subject.name.is_empty() {
                    errors.all(path.child("name"), &subject.name, names::subdomain(&subject.name));
                }
                errors.supported(path.child("apiGroup"), Some(group), &[""]);
                errors.needed(path.child("namespace"), subject.namespace.as_deref().unwrap_or(""));
            }
            "User" | "Group" => {
                errors.supported(path.child("apiGroup"), Some(group), &["rbac.authorization.k8s.io"]);
            }
            other => errors.unsupported(path.child("kind"), other, &["ServiceAccount", "User", "Group"]),
        }
    }
}

pub fn role_stays(new: &RoleRef, old: &RoleRef, errors: &mut Errors) {
    if new != old {
        let group = new.api_group.as_deref().unwrap_or("");
        let shown = json!({"APIGroup": group, "Kind": new.kind, "Name": new.name});
        errors.invalid(Path::new("roleRef"), shown, "cannot change roleRef");
    }
}
