//! Rows of nodes, namespaces and events.

use super::{AGE, Column, NAME, human_duration, name, none_if_empty, since, text, wide};
use crate::object::{Event, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const NODE: &[Column] = &[
    NAME,
    text("Status"),
    text("Roles"),
    AGE,
    text("Version"),
    wide("Internal-IP"),
    wide("External-IP"),
    wide("OS-Image"),
    wide("Kernel-Version"),
    wide("Container-Runtime"),
];
pub const NAMESPACE: &[Column] = &[NAME, text("Status"), AGE];
pub const EVENT: &[Column] = &[
    text("Last Seen"),
    text("Type"),
    text("Reason"),
    text("Object"),
    wide("Subobject"),
    wide("Source"),
    text("Message"),
    wide("First Seen"),
    wide("Count"),
    wide("Name"),
];

pub fn node(o: &Node, age: &str) -> Vec<Value> {
    let status = o.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().flatten().find(|c| c.type_ == "Ready");
    let mut words = vec![match ready.map(|c| c.status.as_str()) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }];
    if o.spec.as_ref().is_some_and(|s| s.unschedulable == Some(true)) {
        words.push("SchedulingDisabled");
    }
    let address = |type_: &str| {
        let found = status.addresses.iter().flatten().find(|a| a.type_ == type_);
        none_if_empty(found.map_or("", |a| a.address.as_str()))
    };
    let info = status.node_info.clone().unwrap_or_default();
    let known = |text: &str| json!(if text.is_empty() { "<unknown>" } else { text });
    vec![
        name(o),
        json!(words.join(",")),
        json!(roles(o)),
        json!(age),
        json!(info.kubelet_version),
        address("InternalIP"),
        address("ExternalIP"),
        known(&info.os_image),
        known(&info.kernel_version),
        known(&info.container_runtime_version),
    ]
}

fn roles(node: &Node) -> String {
    let mut roles = BTreeSet::new();
    for (key, value) in node.labels_map() {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/") {
            if !role.is_empty() {
                roles.insert(role);
            }
        } else if key == "kubernetes.io/role" && !value.is_empty() {
            roles.insert(value);
        }
    }
    if roles.is_empty() { "<none>".to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

pub fn namespace(o: &Namespace, age: &str) -> Vec<Value> {
    let phase = o.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or("");
    vec![name(o), json!(phase), json!(age)]
}

pub fn event(o: &Event, now: SimTime) -> Vec<Value> {
    let micro = |time: Option<&MicroTime>| {
        let at = time.and_then(|t| u64::try_from(t.0.as_nanosecond()).ok());
        at.map_or_else(|| "<unknown>".to_owned(), |at| human_duration(now.since(SimTime(at))))
    };
    let first = match &o.first_timestamp {
        Some(time) => since(Some(time), now),
        None => micro(o.event_time.as_ref()),
    };
    let mut last = o.last_timestamp.as_ref().map_or_else(|| first.clone(), |t| since(Some(t), now));
    let mut count = o.count.unwrap_or(0).max(1);
    if let Some(series) = &o.series {
        last = micro(series.last_observed_time.as_ref());
        count = series.count.unwrap_or(0);
    }
    let object = &o.involved_object;
    let kind = object.kind.as_deref().unwrap_or("").to_lowercase();
    let target = match object.name.as_deref() {
        None | Some("") => kind,
        Some(name) => format!("{kind}/{name}"),
    };
    vec![
        json!(last),
        json!(o.type_.as_deref().unwrap_or("")),
        json!(o.reason.as_deref().unwrap_or("")),
        json!(target),
        json!(object.field_path.as_deref().unwrap_or("")),
        json!(source(o)),
        json!(o.message.as_deref().unwrap_or("").trim()),
        json!(first),
        json!(count),
        name(o),
    ]
}

fn source(event: &Event) -> String {
    let given = event.source.clone().unwrap_or_default();
    let component = given.component.as_deref().filter(|t| !t.is_empty());
    let component = component.or(event.reporting_component.as_deref()).unwrap_or("");
    let host = given.host.as_deref().filter(|t| !t.is_empty());
    let host = host.or(event.reporting_instance.as_deref()).unwrap_or("");
    if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") }
}
