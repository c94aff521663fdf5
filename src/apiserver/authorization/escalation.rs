//! Nobody gives away what they do not have: writing roles needs their rules or the verb `escalate`, writing bindings
//! the role's rules or the verb `bind`.

use super::{Attributes, cover, policy, rbac};
use crate::apiserver::{ApiError, ApiServer, User};
use crate::object::{Kind, Object, meta::MetaExt};
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef};

/// Checks a role or binding that a user writes.
///
/// # Errors
/// 403 with the permissions that the user does not hold.
pub fn check(api: &ApiServer, user: &User, object: &Object, old: Option<&Object>) -> Result<(), ApiError> {
    let subject = match object {
        Object::Role(_) | Object::ClusterRole(_) | Object::RoleBinding(_) | Object::ClusterRoleBinding(_) => {
            object
        }
        _ => return Ok(()),
    };
    if user.is_in(rbac::MASTERS) || old.is_some_and(|old| only_collected(old, subject)) {
        return Ok(());
    }
    let namespace = object.namespace_str();
    match object {
        Object::Role(role) => {
            role_rules(api, user, object, (namespace, role.rules.as_deref().unwrap_or_default()))
        }
        Object::ClusterRole(role) => {
            role_rules(api, user, object, ("", role.rules.as_deref().unwrap_or_default()))?;
            if role.aggregation_rule.is_none() {
                return Ok(());
            }
            // Whoever writes an aggregation rule may come to any permission.
            let (held, _) = rbac::rules_for(&api.store, user, "");
            if cover::missing(&held, &[everything(), every_path()]).is_empty() {
                return Ok(());
            }
            let why = "must have cluster-admin privileges to use an aggregationRule";
            Err(ApiError::forbidden(Kind::ClusterRole, role.name_str(), why))
        }
        Object::RoleBinding(binding) => bound(api, user, object, &binding.role_ref),
        Object::ClusterRoleBinding(binding) => bound(api, user, object, &binding.role_ref),
        _ => Ok(()),
    }
}

fn role_rules(
    api: &ApiServer,
    user: &User,
    object: &Object,
    (namespace, rules): (&str, &[PolicyRule]),
) -> Result<(), ApiError> {
    let asked = Attributes {
        verb: "escalate",
        group: policy::GROUP,
        version: "*",
        namespace,
        resource: object.kind().info().plural,
        name: object.name_str(),
        ..Attributes::default()
    };
    if super::decide(api, user, &asked).allowed {
        return Ok(());
    }
    holds(api, user, object, (namespace, rules))
}

fn bound(api: &ApiServer, user: &User, object: &Object, role: &RoleRef) -> Result<(), ApiError> {
    let namespace = object.namespace_str();
    let asked = Attributes {
        verb: "bind",
        group: policy::GROUP,
        version: "*",
        namespace,
        resource: if role.kind == "Role" { "roles" } else { "clusterroles" },
        name: &role.name,
        ..Attributes::default()
    };
    if super::decide(api, user, &asked).allowed {
        return Ok(());
    }
    let rules = rbac::rules_of(&api.store, role, namespace).map_err(|_| {
        let kind = if role.kind == "Role" { Kind::Role } else { Kind::ClusterRole };
        ApiError::not_found(kind, &role.name)
    })?;
    holds(api, user, object, (namespace, rules))
}

/// Refuses when the user does not hold all these rules in the namespace.
fn holds(
    api: &ApiServer,
    user: &User,
    object: &Object,
    (namespace, rules): (&str, &[PolicyRule]),
) -> Result<(), ApiError> {
    let (held, errors) = rbac::rules_for(&api.store, user, namespace);
    let missing = cover::missing(&held, rules);
    if missing.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> = cover::compact(missing).iter().map(cover::shown).collect();
    lines.sort();
    lines.dedup();
    let mut why = format!(
        "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        cover::quoted(&user.groups),
        lines.join("\n")
    );
    if !errors.is_empty() {
        why.push_str(&format!("; resolution errors: [{}]", errors.join(", ")));
    }
    Err(ApiError::forbidden(object.kind(), object.name_str(), &why))
}

/// Whether only what the garbage collector may change differs.
fn only_collected(old: &Object, new: &Object) -> bool {
    let mut old = old.clone();
    let meta = old.meta_mut();
    meta.owner_references.clone_from(&new.meta().owner_references);
    meta.finalizers.clone_from(&new.meta().finalizers);
    meta.resource_version.clone_from(&new.meta().resource_version);
    meta.managed_fields.clone_from(&new.meta().managed_fields);
    old == *new
}

fn everything() -> PolicyRule {
    let all = || vec!["*".to_owned()];
    PolicyRule { verbs: all(), api_groups: Some(all()), resources: Some(all()), ..PolicyRule::default() }
}

fn every_path() -> PolicyRule {
    let all = || vec!["*".to_owned()];
    PolicyRule { verbs: all(), non_resource_urls: Some(all()), ..PolicyRule::default() }
}
