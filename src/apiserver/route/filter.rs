//! Label and field selectors of a list or watch.

use super::Target;
use crate::apiserver::{ApiError, ApiServer, Request, convert};
use crate::object::{
    Kind, Object,
    event::{Event, Word},
    meta::MetaExt,
    selector::Selector,
};
use serde_json::Value;

/// Which objects a list, a watch or a collection's deletion is about.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    labels: Selector,
    fields: Vec<FieldTerm>,
    namespace: String,
    name: Option<String>,
}

/// One term of a field selector: `status.phase!=Running`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct FieldTerm {
    field: String,
    equal: bool,
    value: String,
}

impl ApiServer {
    /// The filter of a request for `target`, which may be of a defined kind.
    pub(super) fn filter(&self, request: &Request, target: &Target) -> Result<Filter, ApiError> {
        let fields = match (self.definitions.get(target.kind), target.asked) {
            (Some(definition), Kind::Dynamic(asked)) => {
                definition.version(asked).map(|v| v.selectable.as_slice())
            }
            _ => None,
        };
        Filter::with(request, target, fields)
    }
}

impl Filter {
    /// The filter of a request for `target`.
    pub fn of(request: &Request, target: &Target) -> Result<Self, ApiError> {
        Self::with(request, target, None)
    }

    /// As [`Filter::of`], of a defined kind whose objects can be selected by these fields too.
    pub fn with(request: &Request, target: &Target, defined: Option<&[String]>) -> Result<Self, ApiError> {
        let text = request.query_value("labelSelector").unwrap_or("");
        let labels = Selector::parse(text).map_err(ApiError::bad_request)?;
        let fields_text = request.query_value("fieldSelector").unwrap_or("");
        let fields = parse_fields(fields_text)
            .and_then(|fields| in_stored_version(fields, target))
            .and_then(|fields| match fields.iter().find(|t| !supported(target.kind, defined, &t.field)) {
                Some(term) if defined.is_some() => Err(format!("field label not supported: {}", term.field)),
                Some(term) => Err(not_supported(target.kind, &term.field)),
                None => Ok(fields),
            })
            .map_err(ApiError::bad_request)?;
        Ok(Self { labels, fields, namespace: target.namespace.clone(), name: target.name.clone() })
    }

    /// Whether it leaves nothing of a collection out.
    pub fn is_whole_collection(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the object is meant.
    pub fn matches(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || object.namespace_str() == self.namespace)
            && self.name.as_deref().is_none_or(|n| n == object.name_str())
            && self.labels.matches(object.labels_map())
            && self.fields.iter().all(|t| (field(object, &t.field) == t.value) == t.equal)
    }
}

/// The terms by the names that the stored version has for their fields.
fn in_stored_version(mut fields: Vec<FieldTerm>, target: &Target) -> Result<Vec<FieldTerm>, String> {
    if target.asked.info().group == "events.k8s.io" {
        for term in &mut fields {
            let stored = convert::event_field(&term.field);
            term.field = stored.ok_or_else(|| not_supported(target.kind, &term.field))?;
        }
    }
    Ok(fields)
}

fn parse_fields(text: &str) -> Result<Vec<FieldTerm>, String> {
    let mut terms = Vec::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let (field, equal, value) = if let Some((f, v)) = part.split_once("!=") {
            (f, false, v)
        } else if let Some((f, v)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (f, true, v)
        } else {
            return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
        };
        terms.push(FieldTerm { field: field.to_owned(), equal, value: value.to_owned() });
    }
    Ok(terms)
}

const POD: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];
const EVENT: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// The fields beside name and namespace that a kind can be selected by.
fn selectable(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Pod => POD,
        Kind::Event => EVENT,
        Kind::Node => &["spec.unschedulable"],
        Kind::Namespace => &["status.phase"],
        Kind::Secret => &["type"],
        Kind::Service => &["spec.clusterIP", "spec.type"],
        Kind::ReplicaSet | Kind::ReplicationController => &["status.replicas"],
        Kind::Job => &["status.successful"],
        _ => &[],
    }
}

fn supported(kind: Kind, defined: Option<&[String]>, field: &str) -> bool {
    let placeless =
        matches!(kind, Kind::Node | Kind::Namespace) || (defined.is_some() && !kind.info().namespaced);
    field == "metadata.name"
        || (field == "metadata.namespace" && !placeless)
        || defined.is_some_and(|all| all.iter().any(|f| f == field))
        || selectable(kind).contains(&field)
}

fn not_supported(kind: Kind, field: &str) -> String {
    match kind {
        Kind::Job => format!("field label \"{field}\" not supported for Job"),
        Kind::StatefulSet => format!("field label not supported for appsv1.StatefulSet: {field}"),
        _ if selectable(kind).is_empty() => {
            format!(
                "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
            )
        }
        _ => format!("field label not supported: {field}"),
    }
}

fn field(object: &Object, path: &str) -> String {
    match (path, object) {
        ("metadata.name", _) => object.name_str().to_owned(),
        ("metadata.namespace", _) => object.namespace_str().to_owned(),
        (_, Object::Pod(pod)) => match path {
            "spec.nodeName" => pod.spec.node_name.as_deref().unwrap_or("").to_owned(),
            "spec.restartPolicy" => text(pod.spec.restart_policy.as_ref()),
            "spec.schedulerName" => text(pod.spec.scheduler_name.as_ref()),
            "spec.serviceAccountName" => text(pod.spec.service_account_name.as_ref()),
            "spec.hostNetwork" => pod.spec.host_network.unwrap_or(false).to_string(),
            "status.phase" => text(pod.status.phase.as_ref()),
            "status.podIP" | "status.podIPs" => text(pod.status.pod_ip.as_ref()),
            "status.nominatedNodeName" => text(pod.status.nominated_node_name.as_ref()),
            _ => String::new(),
        },
        (_, Object::Node(node)) => {
            node.spec.as_ref().and_then(|s| s.unschedulable).unwrap_or(false).to_string()
        }
        (_, Object::Namespace(ns)) => text(ns.status.as_ref().and_then(|s| s.phase.as_ref())),
        (_, Object::Secret(secret)) => text(secret.type_.as_ref()),
        ("spec.clusterIP", Object::Service(s)) => text(s.spec.as_ref().and_then(|s| s.cluster_ip.as_ref())),
        ("spec.type", Object::Service(s)) => text(s.spec.as_ref().and_then(|s| s.type_.as_ref())),
        (_, Object::ReplicaSet(rs)) => rs.status.as_ref().map_or(0, |s| s.replicas).to_string(),
        (_, Object::ReplicationController(rc)) => rc.status.as_ref().map_or(0, |s| s.replicas).to_string(),
        (_, Object::Job(job)) => job.status.as_ref().and_then(|s| s.succeeded).unwrap_or(0).to_string(),
        (_, Object::Event(event)) => event_field(event, path),
        (_, Object::Dynamic(o)) => match o.at(path) {
            Some(Value::String(text)) => text.clone(),
            Some(plain @ (Value::Bool(_) | Value::Number(_))) => plain.to_string(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

fn event_field(event: &Event, path: &str) -> String {
    let object = &event.involved_object;
    match path {
        "involvedObject.kind" => text(object.kind.as_ref()),
        "involvedObject.namespace" => text(object.namespace.as_ref()),
        "involvedObject.name" => text(object.name.as_ref()),
        "involvedObject.uid" => text(object.uid.as_ref()),
        "involvedObject.apiVersion" => text(object.api_version.as_ref()),
        "involvedObject.resourceVersion" => text(object.resource_version.as_ref()),
        "involvedObject.fieldPath" => text(object.field_path.as_ref()),
        "reason" => word(event.reason.as_ref()),
        "reportingComponent" => word(event.reporting_component.as_ref()),
        "type" => word(event.type_.as_ref()),
        "source" => {
            let source = word(event.source.as_ref().and_then(|s| s.component.as_ref()));
            if source.is_empty() { word(event.reporting_component.as_ref()) } else { source }
        }
        _ => String::new(),
    }
}

fn word(value: Option<&Word>) -> String {
    value.map(|v| v.clone().into_owned()).unwrap_or_default()
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}
