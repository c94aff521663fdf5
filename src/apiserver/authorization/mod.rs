//! Authorisation: whether an authenticated user may do what a request asks.
//!
//! Always holds: only requests of clients come here. The components inside the cluster write through the typed calls
//! under their own names and are trusted, as what they may do is fixed by their code.
//! Does not: the node authoriser; a kubelet outside this program would need a role of its own.

mod attributes;
pub mod cover;
pub mod escalation;
mod impersonation;
pub mod policy;
pub mod rbac;
pub mod reviews;

#[cfg(test)]
mod tests;

pub use attributes::Attributes;

use super::{
    ApiError, ApiServer, Cause, Method, Origin, Request, User, addresses, aggregation, flow_control,
};
use crate::object::hash::Stream;
use std::sync::Arc;

/// Whether something may be done, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether.
    pub allowed: bool,
    /// Why, if there is something to say.
    pub reason: String,
}

/// What the authorisers say, in their order: the privileged group first, then RBAC.
pub fn decide(api: &ApiServer, user: &User, asked: &Attributes) -> Decision {
    if user.is_in(rbac::MASTERS) {
        return Decision { allowed: true, reason: String::new() };
    }
    rbac::authorize(&api.store, user, asked)
}

/// 403, in the words of the real server.
pub fn forbidden(user: &User, asked: &Attributes, decision: &Decision) -> ApiError {
    let name = &user.name;
    let mut why = if asked.is_resource() {
        let place = if asked.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", asked.namespace)
        };
        let (verb, resource, group) = (asked.verb, asked.full_resource(), asked.group);
        format!("User {name:?} cannot {verb} resource {resource:?} in API group {group:?} {place}")
    } else {
        format!("User {name:?} cannot {} path {:?}", asked.verb, asked.path)
    };
    if !decision.reason.is_empty() {
        why = format!("{why}: {}", decision.reason);
    }
    ApiError::forbidden_resource((asked.group, asked.resource), asked.name, &why)
}

impl ApiServer {
    /// Who a request acts as, if they may do what it asks.
    ///
    /// # Errors
    /// 403 with the real text.
    pub fn authorize(&self, request: &Request, user: &User) -> Result<User, ApiError> {
        let user = match &request.impersonate {
            Some(wanted) => impersonation::apply(self, user, &request.path, wanted)?,
            None => user.clone(),
        };
        let asked = Attributes::of(request);
        let check = |asked: &Attributes| {
            let decision = decide(self, &user, asked);
            if decision.allowed { Ok(()) } else { Err(forbidden(&user, asked, &decision)) }
        };
        check(&asked)?;
        let opens_a_stream = matches!(asked.subresource, "exec" | "attach" | "portforward");
        if request.method == Method::Get && asked.resource == "pods" && opens_a_stream {
            // Whichever way the connection is made, running something in a pod is more than reading.
            check(&Attributes { verb: "create", ..asked })?;
        }
        Ok(user)
    }

    /// Makes sure of the objects that every API server begins with: roles and bindings, flow control, the `APIServices` of
    /// what is built in, the network of cluster addresses.
    pub fn bootstrap_policy(&mut self) {
        // Their uids come from a stream of their own, so that they decide no other name.
        let mut names = Stream::new(self.seed, "apiserver", "policy");
        let origin = Origin::component("system:apiserver", Cause::Bootstrap);
        let objects = policy::objects().into_iter().chain(flow_control::objects());
        for mut object in objects.chain(aggregation::built_in()).chain(addresses::service_cidr()) {
            super::defaults::apply(&mut object);
            let uid = names.uuid();
            self.stamp(&mut object, uid);
            self.store.commit(object.key(), Some(object), &origin, self.now);
        }
    }
}

impl User {
    /// Whether the user is in this group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|g| **g == *group)
    }

    /// A user of this name in these groups.
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|g| Arc::from(*g)).collect();
        Self { name: Arc::from(name), groups, ..Self::default() }
    }
}
