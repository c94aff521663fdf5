//! The kubelet's events about pods, with the texts of 1.36.

use super::Context;
use super::run::{Role, spec_of};
use crate::cluster::events::{self, Note};
use crate::object::{Object, Resource};

/// Who writes.
const COMPONENT: &str = "kubelet";

/// Records an event about the pod.
pub fn of_pod(cx: &mut Context, warning: bool, reason: &'static str, message: impl Into<String>) {
    record(cx, None, warning, reason, message.into());
}

/// Records an event about the container with this number.
pub fn of_container(
    cx: &mut Context,
    index: usize,
    warning: bool,
    reason: &'static str,
    message: impl Into<String>,
) {
    let field = spec_of(&cx.pod, index).map(|(container, role)| {
        let list = match role {
            Role::Init | Role::Sidecar => "initContainers",
            Role::Main => "containers",
            Role::Ephemeral => "ephemeralContainers",
        };
        format!("spec.{list}{{{}}}", container.name)
    });
    record(cx, field, warning, reason, message.into());
}

fn record(cx: &mut Context, field: Option<String>, warning: bool, reason: &'static str, message: String) {
    let object = Object::Pod(cx.pod.clone());
    let make = if warning { Note::warning } else { Note::normal };
    let mut note = make(&object, COMPONENT, reason, message).on(&cx.node);
    if let Some(field) = field {
        note = note.of_field(field);
    }
    let origin = cx.origin();
    events::record(cx.cluster, &note, &origin);
}

/// Records an event about the node.
pub fn of_node(
    cluster: &mut crate::cluster::Cluster,
    node: &std::sync::Arc<str>,
    warning: bool,
    reason: &'static str,
    message: impl Into<String>,
) {
    let key = crate::object::ObjectName::new("", node.clone());
    let Some(object) = cluster.api.store.fetch::<k8s_openapi::api::core::v1::Node>(&key) else { return };
    let object = k8s_openapi::api::core::v1::Node::clone(object).into_object();
    let make = if warning { Note::warning } else { Note::normal };
    let note = make(&object, COMPONENT, reason, message).on(node);
    let origin = super::node_origin(node);
    events::record(cluster, &note, &origin);
}
