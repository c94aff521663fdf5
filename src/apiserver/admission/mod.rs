//! Admission plugins, in the real server's order: what may be changed or refused before validation.

mod limit_ranger;
mod pod_security;
mod pods;
mod policy;
pub mod quota;
mod storage;

pub use quota::usage;

use policy::Admitted;

#[cfg(test)]
mod tests;

use super::{ApiError, ApiServer, FieldError, Origin, certificates};
use crate::object::{Kind, Object, meta::MetaExt};
use k8s_openapi::api::core::v1::{Namespace, Taint};
use k8s_openapi::api::networking::v1::IngressClass;
use std::sync::Arc;

/// Namespaces that a cluster cannot do without.
const PROTECTED: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Admission of a creation: may change the object.
///
/// # Errors
/// What a plugin refuses.
pub fn admit_create(api: &mut ApiServer, object: &mut Object, _origin: &Origin) -> Result<(), ApiError> {
    namespace_lifecycle(api, object)?;
    match object {
        Object::Pod(_) => {
            limit_ranger::pod(api, object)?;
            pods::service_account(api, object)?;
            pods::priority(api, object)?;
            pods::default_tolerations(object);
        }
        Object::PersistentVolumeClaim(_) => {
            limit_ranger::claim(api, object)?;
            storage::default_class(api, object);
            storage::protect(object);
        }
        Object::PersistentVolume(_) => storage::protect(object),
        Object::Node(_) => taint_node(object),
        Object::Ingress(_) => default_ingress_class(api, object),
        Object::Dynamic(_) => certificates::admit_create(object)?,
        _ => {}
    }
    Ok(())
}

/// Admission of a creation after validation: may only refuse.
///
/// # Errors
/// What a plugin refuses.
pub fn judge_create(api: &mut ApiServer, object: &Object, origin: &Origin) -> Result<(), ApiError> {
    pod_security::check(api, object)?;
    if let Object::Namespace(namespace) = object {
        pod_security::check_labels(namespace)?;
    }
    if origin.user.is_some() {
        let warning = pod_security::warning(api, object);
        api.told.extend(warning);
    }
    policy::check(api, &Admitted { operation: "CREATE", object, old: None }, origin)?;
    quota::check(api, object, None)
}

/// Admission of an update after validation: may only refuse.
///
/// # Errors
/// What a plugin refuses.
pub fn judge_update(
    api: &mut ApiServer,
    object: &Object,
    old: &Object,
    origin: &Origin,
) -> Result<(), ApiError> {
    match (object, old) {
        (Object::Namespace(new), Object::Namespace(old)) => {
            pod_security::check_labels(new)?;
            if origin.user.is_some() {
                let warnings = pod_security::existing_pods(api, new, old);
                api.told.extend(warnings);
            }
        }
        (Object::Pod(_), _) => {}
        _ if origin.user.is_some() && object != old => {
            let warning = pod_security::warning(api, object);
            api.told.extend(warning);
        }
        _ => {}
    }
    policy::check(api, &Admitted { operation: "UPDATE", object, old: Some(old) }, origin)?;
    match object {
        Object::Pod(_) | Object::Service(_) | Object::PersistentVolumeClaim(_) => {
            quota::check(api, object, Some(old))
        }
        _ => Ok(()),
    }
}

/// Admission of an update.
///
/// # Errors
/// What a plugin refuses.
pub fn admit_update(
    api: &mut ApiServer,
    object: &mut Object,
    old: &Object,
    _origin: &Origin,
) -> Result<(), ApiError> {
    match (&*object, old) {
        (Object::PersistentVolumeClaim(new), Object::PersistentVolumeClaim(old)) => {
            storage::check_resize(api, new, old)
        }
        _ => Ok(()),
    }
}

/// Admission of a deletion.
///
/// # Errors
/// What a plugin refuses.
pub fn admit_delete(api: &mut ApiServer, object: &Object, origin: &Origin) -> Result<(), ApiError> {
    let name = object.name_str();
    if object.kind() == Kind::Namespace && PROTECTED.contains(&name) {
        return Err(ApiError::forbidden(Kind::Namespace, name, "this namespace may not be deleted"));
    }
    policy::check(api, &Admitted { operation: "DELETE", object, old: None }, origin)
}

/// Nothing is made in a namespace that is not there or is going.
fn namespace_lifecycle(api: &ApiServer, object: &Object) -> Result<(), ApiError> {
    if !object.kind().info().namespaced {
        return Ok(());
    }
    let name = object.namespace_str();
    let Some(namespace) = api.store.find::<Namespace>("", name) else {
        return Err(ApiError::not_found(Kind::Namespace, name));
    };
    if !namespace.is_terminating() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {name} because it is being terminated");
    let cause = FieldError {
        field: "metadata.namespace".to_owned(),
        reason: "NamespaceTerminating",
        message: format!("namespace {name} is being terminated"),
    };
    let error = ApiError::forbidden(object.kind(), object.name_str(), &why);
    Err(ApiError { causes: vec![cause], ..error })
}

/// A node that does not say that it is ready starts with the taint that the node controller takes off.
fn taint_node(object: &mut Object) {
    const NOT_READY: &str = "node.kubernetes.io/not-ready";
    let Object::Node(node) = object else { return };
    let conditions = node.status.iter().flat_map(|s| s.conditions.iter().flatten());
    let ready = conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True");
    if ready {
        return;
    }
    let taints = Arc::make_mut(node).spec.get_or_insert_default().taints.get_or_insert_default();
    if !taints.iter().any(|t| t.key == NOT_READY && t.effect == "NoSchedule") {
        taints.push(Taint { key: NOT_READY.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() });
    }
}

/// An Ingress without a class gets the default one, if there is one.
fn default_ingress_class(api: &ApiServer, object: &mut Object) {
    let Object::Ingress(ingress) = object else { return };
    let has_class = ingress.spec.as_ref().is_some_and(|s| s.ingress_class_name.is_some());
    if has_class || ingress.annotation("kubernetes.io/ingress.class").is_some() {
        return;
    }
    let is_default =
        |c: &&Arc<IngressClass>| c.annotation("ingressclass.kubernetes.io/is-default-class") == Some("true");
    if let Some(class) = api.store.all::<IngressClass>().filter(is_default).max_by_key(|c| c.created()) {
        let spec = Arc::make_mut(ingress).spec.get_or_insert_default();
        spec.ingress_class_name.clone_from(&class.metadata.name);
    }
}
