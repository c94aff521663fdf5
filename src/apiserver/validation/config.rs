//! Validation of configuration, secrets, limits, quotas and permissions.

use super::{Errors, Path, names};
use crate::object::{meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, ResourceQuota, Secret};
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
        "kubernetes.io/ssh-auth" => need("ssh-privatekey"),
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

pub fn limit_range(o: &LimitRange, errors: &mut Errors) {
    let path = Path::new("spec");
    let list = path.child("limits");
    for (index, item) in o.spec.iter().flat_map(|s| s.limits.iter()).enumerate() {
        let path = list.index(index);
        if !matches!(item.type_.as_str(), "Container" | "Pod" | "PersistentVolumeClaim")
            && !item.type_.contains('/')
        {
            errors.invalid(
                path.child("type"),
                item.type_.as_str(),
                "must be a standard limit type or fully qualified",
            );
        }
        if item.type_ == "Pod" {
            for (field, there) in
                [("default", item.default.is_some()), ("defaultRequest", item.default_request.is_some())]
            {
                if there {
                    errors.forbidden(path.child(field), "may not be specified when `type` is 'Pod'");
                }
            }
        }
        let empty = std::collections::BTreeMap::new();
        let max = item.max.as_ref().unwrap_or(&empty);
        for (name, min) in item.min.iter().flatten() {
            if let Some(max) = max.get(name).filter(|max| quantity::of(max).nano < quantity::of(min).nano) {
                let list = path.child("min");
                let why = format!("min value {} is greater than max value {}", min.0, max.0);
                errors.invalid(list.key(name), min.0.as_str(), why);
            }
        }
        for (name, default) in item.default.iter().flatten() {
            if let Some(max) = max.get(name).filter(|max| quantity::of(max).nano < quantity::of(default).nano)
            {
                let list = path.child("default");
                let why = format!("default value {} is greater than max value {}", default.0, max.0);
                errors.invalid(list.key(name), default.0.as_str(), why);
            }
        }
        for (name, request) in item.default_request.iter().flatten() {
            let limit = item.default.as_ref().and_then(|d| d.get(name));
            if let Some(limit) = limit.filter(|l| quantity::of(l).nano < quantity::of(request).nano) {
                let list = path.child("defaultRequest");
                let why = format!(
                    "default request value {} is greater than default limit value {}",
                    request.0, limit.0
                );
                errors.invalid(list.key(name), request.0.as_str(), why);
            }
        }
    }
}

pub fn quota(o: &ResourceQuota, errors: &mut Errors) {
    const STANDARD: &[&str] = &[
        "configmaps",
        "cpu",
        "ephemeral-storage",
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "memory",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
        "requests.storage",
        "resourcequotas",
        "secrets",
        "services",
        "services.loadbalancers",
        "services.nodeports",
    ];
    let path = Path::new("spec");
    let path = path.child("hard");
    for (name, amount) in o.spec.iter().flat_map(|s| s.hard.iter().flatten()) {
        let wrong = names::qualified(name);
        if !wrong.is_empty() {
            errors.all(path.key(name), name, wrong);
        } else if !name.contains('/') && !STANDARD.contains(&name.as_str()) && !name.contains("hugepages-") {
            errors.invalid(path.key(name), name.as_str(), "must be a standard resource for quota");
        }
        if quantity::of(amount).nano < 0 {
            errors.invalid(path.key(name), amount.0.as_str(), "must be greater than or equal to 0");
        }
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
    if role.name.is_empty() {
        errors.required(path.child("name"), "");
    }
    let list = Path::new("subjects");
    for (index, subject) in subjects.into_iter().flatten().enumerate() {
        let path = list.index(index);
        if subject.name.is_empty() {
            errors.required(path.child("name"), "");
        }
        match subject.kind.as_str() {
            "ServiceAccount" => {
                if subject.namespace.as_deref().unwrap_or("").is_empty() {
                    errors.required(path.child("namespace"), "");
                }
            }
            "User" | "Group" => {}
            other => errors.unsupported(path.child("kind"), other, &["Group", "ServiceAccount", "User"]),
        }
    }
}

pub fn role_stays(new: &RoleRef, old: &RoleRef, errors: &mut Errors) {
    if new != old {
        let group = new.api_group.as_deref().unwrap_or("");
        let shown = json!({"apiGroup": group, "kind": new.kind, "name": new.name});
        errors.invalid(Path::new("roleRef"), shown, "cannot change roleRef");
    }
}
