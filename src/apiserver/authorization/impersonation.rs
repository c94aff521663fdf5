//! Acting as somebody else: every part of the other identity must be granted with the verb `impersonate`.

use super::{Attributes, decide, forbidden};
use crate::apiserver::authentication::{account_groups, service_account_of};
use crate::apiserver::{ApiError, ApiServer, Impersonation, User};
use std::sync::Arc;

const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const ANONYMOUS: &str = "system:anonymous";

/// The user that a request acts as.
///
/// # Errors
/// 403 for what the asker may not impersonate; 500 for parts of an identity without a user.
pub fn apply(api: &ApiServer, user: &User, path: &str, wanted: &Impersonation) -> Result<User, ApiError> {
    if wanted.user.is_empty() {
        let message = format!(
            "Internal Server Error: {path:?}: requested {} without impersonating a user",
            parts(wanted)
        );
        return Err(ApiError::new(500, "InternalError", message));
    }
    let account = service_account_of(&wanted.user);
    match account {
        Some((namespace, name)) => allow(api, user, ("", "serviceaccounts", ""), (namespace, name))?,
        None => allow(api, user, ("", "users", ""), ("", &wanted.user))?,
    }
    for group in &wanted.groups {
        allow(api, user, ("", "groups", ""), ("", group))?;
    }
    for (key, value) in &wanted.extra {
        allow(api, user, ("authentication.k8s.io", "userextras", key), ("", value))?;
    }
    if !wanted.uid.is_empty() {
        allow(api, user, ("authentication.k8s.io", "uids", ""), ("", &wanted.uid))?;
    }
    let mut groups: Vec<Arc<str>> = wanted.groups.iter().map(|g| Arc::from(g.as_str())).collect();
    if groups.is_empty()
        && let Some((namespace, _)) = account
    {
        groups = account_groups(namespace);
    }
    let known = |g: &Arc<str>| matches!(&**g, AUTHENTICATED | UNAUTHENTICATED);
    if !groups.iter().any(known) {
        let anonymous = wanted.user == ANONYMOUS;
        groups.push(Arc::from(if anonymous { UNAUTHENTICATED } else { AUTHENTICATED }));
    }
    let mut extra: Vec<(String, Vec<String>)> = Vec::new();
    for (key, value) in &wanted.extra {
        match extra.iter_mut().find(|(k, _)| k == key) {
            Some((_, values)) => values.push(value.clone()),
            None => extra.push((key.clone(), vec![value.clone()])),
        }
    }
    let name = Arc::from(wanted.user.as_str());
    Ok(User { name, uid: Arc::from(wanted.uid.as_str()), groups, extra })
}

fn allow(
    api: &ApiServer,
    user: &User,
    (group, resource, subresource): (&str, &str, &str),
    (namespace, name): (&str, &str),
) -> Result<(), ApiError> {
    let asked = Attributes {
        verb: "impersonate",
        namespace,
        group,
        version: "v1",
        resource,
        subresource,
        name,
        path: "",
    };
    let decision = decide(api, user, &asked);
    if decision.allowed { Ok(()) } else { Err(forbidden(user, &asked, &decision)) }
}

/// The parts asked for, as Go prints a list of object references.
fn parts(wanted: &Impersonation) -> String {
    let groups = wanted.groups.iter().map(|name| format!("{{Group  {name}    }}"));
    let extra = wanted
        .extra
        .iter()
        .map(|(key, value)| format!("{{UserExtra  {value}  authentication.k8s.io/v1  {key}}}"));
    let uid =
        (!wanted.uid.is_empty()).then(|| format!("{{UID  {}  authentication.k8s.io/v1  }}", wanted.uid));
    format!("[{}]", groups.chain(extra).chain(uid).collect::<Vec<_>>().join(" "))
}
