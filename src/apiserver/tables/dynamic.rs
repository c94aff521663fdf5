//! Printer columns of kinds without a Rust type.

use super::{AGE, Column, NAME, age, config, created_at, name, number, text};
use crate::object::{DynamicKind, DynamicObject, Kind, Object, SimTime, meta::MetaExt};
use serde_json::{Value, json};

/// What makes the cells of a kind, from an object and its age.
type Cells = fn(&DynamicObject, &str) -> Vec<Value>;

/// A kind by group and plural name, its columns, and its cells.
type Row = ((&'static str, &'static str), &'static [Column], Cells);

const ADMISSION: &str = "admissionregistration.k8s.io";
const WEBHOOKS: &[Column] = &[NAME, number("Webhooks"), AGE];
const BINDING: &[Column] = &[NAME, text("PolicyName"), text("ParamRef"), AGE];
const PLAIN: &[Column] = &[NAME, AGE];

/// The kinds whose columns are more than name and creation time.
#[rustfmt::skip]
const BUILT_IN: &[Row] = &[
    (("", "componentstatuses"), &[NAME, text("Status"), text("Message"), text("Error")], component),
    (("node.k8s.io", "runtimeclasses"), &[NAME, text("Handler"), AGE], |o, age| vec![at(o, "handler"), json!(age)]),
    ((ADMISSION, "validatingwebhookconfigurations"), WEBHOOKS, |o, age| vec![count(o, "webhooks"), json!(age)]),
    ((ADMISSION, "mutatingwebhookconfigurations"), WEBHOOKS, |o, age| vec![count(o, "webhooks"), json!(age)]),
    ((ADMISSION, "validatingadmissionpolicies"), &[NAME, number("Validations"), text("ParamKind"), AGE],
        |o, age| vec![count(o, "spec.validations"), param_kind(o), json!(age)]),
    ((ADMISSION, "mutatingadmissionpolicies"), &[NAME, number("Mutations"), text("ParamKind"), AGE],
        |o, age| vec![count(o, "spec.mutations"), param_kind(o), json!(age)]),
    ((ADMISSION, "validatingadmissionpolicybindings"), BINDING, binding),
    ((ADMISSION, "mutatingadmissionpolicybindings"), BINDING, binding),
    (("apiregistration.k8s.io", "apiservices"), &[NAME, text("Service"), text("Available"), AGE], api_service),
    (("certificates.k8s.io", "certificatesigningrequests"),
        &[NAME, AGE, text("SignerName"), text("Requestor"), text("RequestedDuration"), text("Condition")], signing_request),
    (("flowcontrol.apiserver.k8s.io", "flowschemas"),
        &[NAME, text("PriorityLevel"), number("MatchingPrecedence"), text("DistinguisherMethod"), AGE, text("MissingPL")],
        flow_schema),
    (("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
        &[NAME, text("Type"), text("NominalConcurrencyShares"), text("Queues"), text("HandSize"), text("QueueLengthLimit"), AGE],
        priority_level),
    (("networking.k8s.io", "ipaddresses"), &[NAME, text("ParentRef"), AGE], ip_address),
    (("networking.k8s.io", "servicecidrs"), &[NAME, text("CIDRs"), AGE],
        |o, age| vec![json!(texts(o, "spec.cidrs").join(",")), json!(age)]),
    (("resource.k8s.io", "deviceclasses"), PLAIN, |_, age| vec![json!(age)]),
    (("resource.k8s.io", "resourceclaimtemplates"), PLAIN, |_, age| vec![json!(age)]),
    (("resource.k8s.io", "resourceclaims"), &[NAME, text("State"), AGE], |o, age| vec![json!(claim_state(o)), json!(age)]),
    (("resource.k8s.io", "resourceslices"), &[NAME, text("Node"), text("Driver"), text("Pool"), AGE],
        |o, age| vec![at(o, "spec.nodeName"), at(o, "spec.driver"), at(o, "spec.pool.name"), json!(age)]),
    (("storage.k8s.io", "csistoragecapacities"), &[NAME, text("StorageClassName"), text("Capacity"), AGE],
        |o, age| vec![at(o, "storageClassName"), at(o, "capacity"), json!(age)]),
    (("storage.k8s.io", "volumeattributesclasses"), &[NAME, text("DriverName"), AGE],
        |o, age| vec![at(o, "driverName"), json!(age)]),
];

fn find(kind: DynamicKind) -> Option<&'static Row> {
    let info = kind.info();
    BUILT_IN.iter().find(|((group, plural), ..)| *group == info.group && *plural == info.plural)
}

/// The columns of a built-in kind; of any other, its name and when it was created.
pub fn columns(kind: DynamicKind) -> &'static [Column] {
    find(kind).map_or(config::CREATED, |(_, columns, _)| columns)
}

/// The cells for [`columns`].
pub fn cells(dynamic: &DynamicObject, object: &Object, now: SimTime) -> Vec<Value> {
    let Some((_, _, rest)) = find(dynamic.kind) else { return vec![name(object), created_at(object)] };
    let mut cells = vec![json!(object.name_str())];
    cells.extend(rest(dynamic, &age(object, now)));
    cells
}

/// Puts the rows of a kind in the order that its printer has: schemas of flows as they are tried.
pub fn arrange(kind: Kind, objects: &mut [&Object]) {
    if !matches!(kind, Kind::Dynamic(kind) if kind.info().kind == "FlowSchema") {
        return;
    }
    objects.sort_by_key(|object| match object {
        Object::Dynamic(schema) => schema.number_at("spec.matchingPrecedence").unwrap_or(0),
        _ => 0,
    });
}

/// The text at a path; empty when there is none.
fn at(o: &DynamicObject, path: &str) -> Value {
    o.at(path).cloned().unwrap_or_else(|| json!(""))
}

fn or(o: &DynamicObject, path: &str, none: &str) -> String {
    match o.at(path) {
        None | Some(Value::Null) => none.to_owned(),
        Some(Value::String(text)) if text.is_empty() => none.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn count(o: &DynamicObject, path: &str) -> Value {
    json!(o.at(path).and_then(Value::as_array).map_or(0, Vec::len))
}

fn texts<'a>(o: &'a DynamicObject, path: &str) -> Vec<&'a str> {
    o.at(path).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn param_kind(o: &DynamicObject) -> Value {
    if o.at("spec.paramKind").is_none() {
        return json!("<unset>");
    }
    json!(format!("{}/{}", or(o, "spec.paramKind.apiVersion", ""), or(o, "spec.paramKind.kind", "")))
}

fn binding(o: &DynamicObject, age: &str) -> Vec<Value> {
    let name = or(o, "spec.paramRef.name", "");
    let reference = match (o.at("spec.paramRef").is_some(), or(o, "spec.paramRef.namespace", "")) {
        (false, _) => "<unset>".to_owned(),
        (true, namespace) if namespace.is_empty() => name,
        (true, namespace) => format!("{namespace}/{name}"),
    };
    vec![at(o, "spec.policyName"), json!(reference), json!(age)]
}

fn api_service(o: &DynamicObject, age: &str) -> Vec<Value> {
    let service = if o.at("spec.service").is_some_and(Value::is_object) {
        format!("{}/{}", or(o, "spec.service.namespace", ""), or(o, "spec.service.name", ""))
    } else {
        "Local".to_owned()
    };
    let conditions = o.at("status.conditions").and_then(Value::as_array);
    let condition = conditions.into_iter().flatten().find(|c| c["type"] == "Available");
    let available = match condition.map(|c| (c["status"].as_str(), c["reason"].as_str())) {
        None => "Unknown".to_owned(),
        Some((Some("True"), _)) => "True".to_owned(),
        Some((status, reason)) => format!("{} ({})", status.unwrap_or(""), reason.unwrap_or("")),
    };
    vec![json!(service), json!(available), json!(age)]
}

fn signing_request(o: &DynamicObject, age: &str) -> Vec<Value> {
    let seconds = o.at("spec.expirationSeconds").and_then(Value::as_i64);
    let duration = seconds
        .map_or("<none>".to_owned(), |s| super::human_duration(s.unsigned_abs() * crate::object::SECOND));
    let signer = or(o, "spec.signerName", "<none>");
    vec![json!(age), json!(signer), at(o, "spec.username"), json!(duration), json!(signing_state(o))]
}

/// `Pending`, or what was decided, and whether there is a certificate.
pub fn signing_state(o: &DynamicObject) -> String {
    let conditions = o.at("status.conditions").and_then(Value::as_array);
    let has = |kind: &str| conditions.into_iter().flatten().any(|c| c["type"] == kind);
    let mut words = Vec::new();
    if has("Denied") {
        words.push("Denied");
    } else if has("Approved") {
        words.push("Approved");
    } else {
        words.push("Pending");
    }
    if has("Failed") {
        words.push("Failed");
    }
    if !or(o, "status.certificate", "").is_empty() {
        words.push("Issued");
    }
    words.join(",")
}

fn component(o: &DynamicObject, _: &str) -> Vec<Value> {
    let conditions = o.at("conditions").and_then(Value::as_array);
    let healthy = conditions.into_iter().flatten().find(|c| c["type"] == "Healthy").unwrap_or(&Value::Null);
    let state = match healthy["status"].as_str() {
        Some("True") => "Healthy",
        Some("False") => "Unhealthy",
        _ => "Unknown",
    };
    let text = |key: &str| json!(healthy[key].as_str().unwrap_or(""));
    vec![json!(state), text("message"), text("error")]
}

fn flow_schema(o: &DynamicObject, age: &str) -> Vec<Value> {
    let precedence = o.number_at("spec.matchingPrecedence").unwrap_or(0);
    let method = or(o, "spec.distinguisherMethod.type", "<none>");
    let conditions = o.at("status.conditions").and_then(Value::as_array);
    let dangling = conditions.into_iter().flatten().find(|c| c["type"] == "Dangling");
    let missing = dangling.and_then(|c| c["status"].as_str()).unwrap_or("?");
    vec![
        at(o, "spec.priorityLevelConfiguration.name"),
        json!(precedence),
        json!(method),
        json!(age),
        json!(missing),
    ]
}

fn priority_level(o: &DynamicObject, age: &str) -> Vec<Value> {
    let limited = |path: &str| json!(or(o, &format!("spec.limited.{path}"), "<none>"));
    let shares = match o.at("spec.exempt.nominalConcurrencyShares") {
        Some(shares) => json!(shares.to_string()),
        None => limited("nominalConcurrencyShares"),
    };
    let queuing = |field: &str| limited(&format!("limitResponse.queuing.{field}"));
    vec![
        at(o, "spec.type"),
        shares,
        queuing("queues"),
        queuing("handSize"),
        queuing("queueLengthLimit"),
        json!(age),
    ]
}

fn ip_address(o: &DynamicObject, age: &str) -> Vec<Value> {
    let (group, resource) = (or(o, "spec.parentRef.group", ""), or(o, "spec.parentRef.resource", ""));
    let resource = if group.is_empty() { resource } else { format!("{resource}.{group}") };
    let parts = [resource, or(o, "spec.parentRef.namespace", ""), or(o, "spec.parentRef.name", "")];
    vec![json!(parts.iter().filter(|p| !p.is_empty()).cloned().collect::<Vec<_>>().join("/")), json!(age)]
}

fn claim_state(o: &DynamicObject) -> String {
    let mut words = Vec::new();
    if o.metadata.deletion_timestamp.is_some() {
        words.push("deleted");
    }
    if o.at("status.allocation").is_some() {
        words.push("allocated");
        if o.at("status.reservedFor").and_then(Value::as_array).is_some_and(|r| !r.is_empty()) {
            words.push("reserved");
        }
    } else {
        words.push("pending");
    }
    words.join(",")
}
