//! metrics-server: answers `metrics.k8s.io/v1beta1` with what the kubelets measure.
//!
//! Always holds: it answers while the `APIService` that registers it is available, that is while its own pods are
//! ready; figures are worked out when they are asked for, and cover the newest whole window.
//! From `kubernetes-sigs/metrics-server`, `pkg/api`. Does not: scrape; a real one asks the kubelets every 15 seconds.

use super::Cluster;
use super::kubelet::metrics;
use super::workload::usage::{Usage, WINDOW};
use crate::apiserver::route::{Filter, Target};
use crate::apiserver::{Accept, ApiError, Method, Request, Response, aggregation};
use crate::object::quantity::{Format, Quantity};
use crate::object::{Kind, Object, ObjectMeta, SECOND, meta::MetaExt};
use serde_json::{Value, json};

const ROOT: &str = "/apis/metrics.k8s.io/v1beta1/";

/// Serves the resources of the metrics API. `None` for any other request, and while nobody has registered it.
pub fn serve(cluster: &Cluster, request: &Request) -> Option<Response> {
    let rest = request.path.strip_prefix(ROOT)?;
    let service = cluster.api.metrics_service()?;
    let (target, resource) = target(rest)?;
    if !aggregation::is_available(service) {
        return Some(Response::error(&unavailable(resource)));
    }
    let watching = request.flag("watch");
    if request.method != Method::Get || watching {
        let why = "the server does not allow this method on the requested resource";
        return Some(Response::error(&ApiError::new(405, "MethodNotAllowed", why)));
    }
    let answer = answer(cluster, request, &target);
    Some(answer.map_or_else(|error| Response::error(&error), Response::ok))
}

/// What a client makes of the aggregator's 503.
fn unavailable(resource: &str) -> ApiError {
    let group = aggregation::GROUP;
    let why = format!("the server is currently unable to handle the request (get {resource}.{group})");
    ApiError::new(503, "ServiceUnavailable", why)
}

/// Whose metrics a path below [`ROOT`] asks for: of the node or pod, or of all.
fn target(rest: &str) -> Option<(Target, &str)> {
    let parts: Vec<&str> = rest.split('/').collect();
    let (kind, namespace, name) = match parts.as_slice() {
        ["nodes"] => (Kind::Node, "", None),
        ["nodes", name] => (Kind::Node, "", Some(*name)),
        ["pods"] => (Kind::Pod, "", None),
        ["namespaces", namespace, "pods"] => (Kind::Pod, *namespace, None),
        ["namespaces", namespace, "pods", name] => (Kind::Pod, *namespace, Some(*name)),
        _ => return None,
    };
    let name = name.map(str::to_owned);
    let resource = kind.info().plural;
    Some((Target { kind, asked: kind, namespace: namespace.to_owned(), name, subresource: None }, resource))
}

/// What was measured of one node or pod.
struct Measured {
    metadata: ObjectMeta,
    total: Usage,
    content: Value,
}

fn answer(cluster: &Cluster, request: &Request, target: &Target) -> Result<Value, ApiError> {
    let filter = Filter::of(request, target)?;
    let objects = cluster.api.store.list(target.kind).filter(|o| filter.matches(o));
    let found: Vec<Measured> = objects.filter_map(|o| measure(cluster, o)).collect();
    let kind = if target.kind == Kind::Node { "NodeMetrics" } else { "PodMetrics" };
    if request.accept == Accept::Table {
        return Ok(table(&found));
    }
    let Some(name) = &target.name else {
        let items: Vec<Value> = found.iter().map(shown).collect();
        return Ok(json!({
            "kind": format!("{kind}List"), "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items,
        }));
    };
    let Some(one) = found.first() else {
        let (resource, name) = match target.kind {
            Kind::Node => ("nodemetrics", name.clone()),
            _ => ("podmetrics", format!("{}/{name}", target.namespace)),
        };
        let why = format!("{resource}.{} \"{name}\" not found", aggregation::GROUP);
        return Err(ApiError::new(404, "NotFound", why));
    };
    let mut value = shown(one);
    value["kind"] = json!(kind);
    value["apiVersion"] = json!("metrics.k8s.io/v1beta1");
    Ok(value)
}

fn measure(cluster: &Cluster, object: &Object) -> Option<Measured> {
    let (total, content) = match object {
        Object::Node(node) => {
            let usage = metrics::of_node(cluster, node.name_str())?;
            (usage, json!({"usage": amounts(usage)}))
        }
        Object::Pod(pod) => {
            let list = metrics::of_pod(cluster, pod)?;
            let of = |c: &metrics::ContainerUsage| json!({"name": c.name, "usage": amounts(c.usage)});
            let containers: Vec<Value> = list.iter().map(of).collect();
            (list.iter().map(|c| c.usage).sum(), json!({"containers": containers}))
        }
        _ => return None,
    };
    let meta = object.meta();
    let metadata = ObjectMeta {
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        labels: meta.labels.clone(),
        creation_timestamp: Some(cluster.now().to_api()),
        ..ObjectMeta::default()
    };
    let mut content = content;
    content["timestamp"] = json!(metrics::measured_at(cluster.now()).to_api());
    content["window"] = json!(window());
    Some(Measured { metadata, total, content })
}

fn window() -> String {
    format!("{}s", WINDOW / SECOND)
}

fn shown(one: &Measured) -> Value {
    let mut value = one.content.clone();
    value["metadata"] = json!(one.metadata);
    value
}

/// CPU in the greatest unit that needs no fraction, memory in whole kibibytes.
fn amounts(usage: Usage) -> Value {
    let cpu = Quantity { nano: i128::from(usage.cpu_nano), format: Format::DecimalSi };
    let kibibytes = i64::try_from(usage.memory >> 10).unwrap_or(i64::MAX >> 10);
    let memory = Quantity::from_units(kibibytes << 10, Format::BinarySi);
    json!({"cpu": cpu.to_string(), "memory": memory.to_string()})
}

fn table(found: &[Measured]) -> Value {
    let column = |name: &str, format: &str| json!({"name": name, "type": "string", "format": format, "description": "", "priority": 0});
    let columns =
        [column("Name", "name"), column("cpu", ""), column("memory", ""), column("Window", "duration")];
    let rows: Vec<Value> = found
        .iter()
        .map(|one| {
            let usage = amounts(one.total);
            json!({
                "cells": [one.metadata.name, usage["cpu"], usage["memory"], window()],
                "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": one.metadata},
            })
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows,
    })
}
