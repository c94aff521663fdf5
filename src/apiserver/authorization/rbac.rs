//! Role-based access control: whether a user's roles allow what is asked.
//!
//! Always holds: rules only ever allow; what no rule allows is refused. Bindings are looked through in the store's
//! order, cluster-wide ones first.

use super::{Attributes, Decision};
use crate::apiserver::{Store, User};
use crate::object::{Kind, meta::MetaExt};
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use std::ops::ControlFlow;

/// The group that may do everything, whatever roles there are.
pub const MASTERS: &str = "system:masters";

/// What RBAC says to a question.
pub fn authorize(store: &Store, user: &User, asked: &Attributes) -> Decision {
    let mut errors = Vec::new();
    let found = visit(store, user, asked.namespace, &mut |grant| match grant {
        Grant::Missing(error) => {
            errors.push(error);
            ControlFlow::Continue(())
        }
        Grant::Rules(rules, describe) => {
            if rules.iter().any(|rule| allows(rule, asked)) {
                ControlFlow::Break(describe())
            } else {
                ControlFlow::Continue(())
            }
        }
    });
    match found {
        ControlFlow::Break(by) => Decision { allowed: true, reason: format!("RBAC: allowed by {by}") },
        ControlFlow::Continue(()) if errors.is_empty() => Decision::default(),
        ControlFlow::Continue(()) => {
            let list =
                if let [one] = errors.as_slice() { one.clone() } else { format!("[{}]", errors.join(", ")) };
            Decision { allowed: false, reason: format!("RBAC: {list}") }
        }
    }
}

/// Every rule that a user has in a namespace (and cluster-wide), and which roles were not found.
pub fn rules_for(store: &Store, user: &User, namespace: &str) -> (Vec<PolicyRule>, Vec<String>) {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    let _ = visit(store, user, namespace, &mut |grant| -> ControlFlow<()> {
        match grant {
            Grant::Rules(rules, _) => all.extend(rules.iter().cloned()),
            Grant::Missing(error) => errors.push(error),
        }
        ControlFlow::Continue(())
    });
    (all, errors)
}

/// The rules of the role that a binding names, as seen from a namespace.
///
/// # Errors
/// That the role is not there.
pub fn rules_of<'a>(store: &'a Store, role: &RoleRef, namespace: &str) -> Result<&'a [PolicyRule], String> {
    let missing = |kind: Kind| format!("{} \"{}\" not found", kind.info().singular_resource(), role.name);
    match role.kind.as_str() {
        "Role" => {
            let found = store.find::<Role>(namespace, &role.name).ok_or_else(|| missing(Kind::Role))?;
            Ok(found.rules.as_deref().unwrap_or_default())
        }
        "ClusterRole" => {
            let found =
                store.find::<ClusterRole>("", &role.name).ok_or_else(|| missing(Kind::ClusterRole))?;
            Ok(found.rules.as_deref().unwrap_or_default())
        }
        kind => Err(format!("unsupported role reference kind: \"{kind}\"")),
    }
}

/// What a binding that is the user's gives.
enum Grant<'a> {
    /// Rules, and how to describe where they come from.
    Rules(&'a [PolicyRule], &'a dyn Fn() -> String),
    /// The role is not there.
    Missing(String),
}

fn visit<T>(
    store: &Store,
    user: &User,
    namespace: &str,
    visitor: &mut dyn FnMut(Grant) -> ControlFlow<T>,
) -> ControlFlow<T> {
    for binding in store.all::<ClusterRoleBinding>() {
        let Some(subject) = applies(user, binding.subjects.as_deref(), "") else { continue };
        let describe =
            || describe("ClusterRoleBinding", binding.name_str(), &binding.role_ref, (subject, ""));
        match rules_of(store, &binding.role_ref, "") {
            Ok(rules) => visitor(Grant::Rules(rules, &describe))?,
            Err(error) => visitor(Grant::Missing(error))?,
        }
    }
    if namespace.is_empty() {
        return ControlFlow::Continue(());
    }
    for binding in store.all_in::<RoleBinding>(namespace) {
        let Some(subject) = applies(user, binding.subjects.as_deref(), namespace) else { continue };
        let name = || format!("{}/{namespace}", binding.name_str());
        let describe = || describe("RoleBinding", &name(), &binding.role_ref, (subject, namespace));
        match rules_of(store, &binding.role_ref, namespace) {
            Ok(rules) => visitor(Grant::Rules(rules, &describe))?,
            Err(error) => visitor(Grant::Missing(error))?,
        }
    }
    ControlFlow::Continue(())
}

fn describe(kind: &str, name: &str, role: &RoleRef, (subject, namespace): (&Subject, &str)) -> String {
    let subject = if subject.kind == "ServiceAccount" {
        let namespace = subject.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or(namespace);
        format!("ServiceAccount \"{}/{namespace}\"", subject.name)
    } else {
        format!("{} \"{}\"", subject.kind, subject.name)
    };
    format!("{kind} \"{name}\" of {} \"{}\" to {subject}", role.kind, role.name)
}

/// The subject that means this user.
fn applies<'a>(user: &User, subjects: Option<&'a [Subject]>, namespace: &str) -> Option<&'a Subject> {
    subjects?.iter().find(|subject| match subject.kind.as_str() {
        "User" => *user.name == *subject.name,
        "Group" => user.groups.iter().any(|group| **group == *subject.name),
        "ServiceAccount" => {
            let namespace = subject.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or(namespace);
            let rest =
                user.name.strip_prefix("system:serviceaccount:").and_then(|r| r.strip_prefix(namespace));
            rest.and_then(|r| r.strip_prefix(':')) == Some(subject.name.as_str())
        }
        _ => false,
    })
}

/// Whether one rule allows what is asked.
pub fn allows(rule: &PolicyRule, asked: &Attributes) -> bool {
    let has = |list: &Option<Vec<String>>, value: &str| {
        list.iter().flatten().any(|entry| entry == "*" || entry == value)
    };
    if !rule.verbs.iter().any(|verb| verb == "*" || verb == asked.verb) {
        return false;
    }
    if !asked.is_resource() {
        return rule.non_resource_urls.iter().flatten().any(|pattern| path_matches(pattern, asked.path));
    }
    has(&rule.api_groups, asked.group)
        && rule.resources.iter().flatten().any(|entry| resource_matches(entry, asked))
        && names_match(rule.resource_names.as_deref(), asked.name)
}

/// `*`, the exact path, or a beginning with `*` at its end.
pub fn path_matches(pattern: &str, path: &str) -> bool {
    pattern == "*"
        || pattern == path
        || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

fn resource_matches(entry: &str, asked: &Attributes) -> bool {
    match entry.split_once('/') {
        None => entry == "*" || (asked.subresource.is_empty() && entry == asked.resource),
        Some((resource, subresource)) => {
            subresource == asked.subresource && (resource == "*" || resource == asked.resource)
        }
    }
}

fn names_match(names: Option<&[String]>, asked: &str) -> bool {
    names.is_none_or(|names| names.is_empty() || names.iter().any(|name| name == asked))
}
