//! One object through two versions.

use super::{from_stored, to_stored};
use crate::apiserver::{Accept, ApiServer, Cause, Method, Request, User};
use crate::object::{Kind, SECOND, SimTime};
use serde_json::{Value, json};

const V1: &str = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
const V2: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
const CORE: &str = "/api/v1/namespaces/default/events";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

fn server() -> ApiServer {
    let mut api = ApiServer::new(1, SimTime(1_000_000 * SECOND));
    send(&mut api, Method::Post, "/api/v1/namespaces", json!({"metadata": {"name": "default"}}));
    api
}

fn ask(api: &mut ApiServer, request: &Request) -> Value {
    api.serve(request, &User::admin(), Cause::Command(1)).value().clone()
}

fn send(api: &mut ApiServer, method: Method, path: &str, body: Value) -> Value {
    ask(api, &Request::with_body(method, path, body))
}

fn autoscaler(metrics: &Value) -> Value {
    json!({"metadata": {"name": "web", "annotations": {"note": "x"}}, "spec": {
        "maxReplicas": 3, "metrics": metrics,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}})
}

#[test]
fn what_v1_has_no_field_for_is_kept_in_annotations() {
    let memory = json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "100Mi"}}});
    let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}});
    let mut api = server();
    let made = send(&mut api, Method::Post, V2, autoscaler(&json!([memory, cpu])));
    assert_eq!(made["apiVersion"], "autoscaling/v2", "{made}");
    let shown = ask(&mut api, &Request::get(format!("{V1}/web")));
    assert_eq!(shown["apiVersion"], "autoscaling/v1");
    assert_eq!(shown["spec"]["targetCPUUtilizationPercentage"], 70);
    assert_eq!((&shown["spec"]["metrics"], &shown["spec"]["behavior"]), (&Value::Null, &Value::Null));
    let annotations = &shown["metadata"]["annotations"];
    assert_eq!(
        annotations["autoscaling.alpha.kubernetes.io/metrics"],
        r#"[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"100Mi"}}]"#
    );
    assert_eq!(
        annotations["autoscaling.alpha.kubernetes.io/behavior"],
        r#"{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15},{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":{"StabilizationWindowSeconds":60,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}"#
    );
    // Written back as it was read, nothing has changed.
    let kept = send(&mut api, Method::Put, &format!("{V1}/web"), shown.clone());
    assert_eq!(kept["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"], "{kept}");
    let again = ask(&mut api, &Request::get(format!("{V2}/web")));
    assert_eq!(again["metadata"]["annotations"], json!({"note": "x"}));
    assert_eq!(again["spec"]["metrics"].as_array().map(Vec::len), Some(2));
}

#[test]
fn every_source_of_a_metric_goes_there_and_back() {
    let target = |kind: &str, value: &str| json!({"type": kind, value: "5"});
    let metrics = json!([
        {"type": "Pods", "pods": {"metric": {"name": "a"}, "target": target("AverageValue", "averageValue")}},
        {"type": "Object", "object": {"metric": {"name": "b"}, "target": target("Value", "value"),
            "describedObject": {"kind": "Ingress", "name": "i", "apiVersion": "networking.k8s.io/v1"}}},
        {"type": "External", "external": {"metric": {"name": "c", "selector": {"matchLabels": {"q": "1"}}},
            "target": target("Value", "value")}},
        {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "main",
            "target": {"type": "Utilization", "averageUtilization": 40}}},
    ]);
    let kind = Kind::HorizontalPodAutoscaler.in_version("autoscaling/v1");
    let stored = json!({"metadata": {"name": "web"}, "spec": {"metrics": metrics}});
    let back = to_stored(kind, from_stored(kind, stored.clone()));
    assert_eq!(back["spec"]["metrics"], stored["spec"]["metrics"]);
    assert_eq!(back["apiVersion"], "autoscaling/v2");
}

#[test]
fn an_autoscaler_is_made_patched_applied_and_watched_by_v1() {
    let mut api = server();
    let spec = json!({"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}});
    send(&mut api, Method::Post, V1, json!({"metadata": {"name": "web"}, "spec": spec}));
    let made = ask(&mut api, &Request::get(format!("{V2}/web")));
    assert_eq!(made["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
    let body = json!({"spec": {"targetCPUUtilizationPercentage": 50}});
    let request = Request::with_body(Method::Patch, format!("{V1}/web"), body);
    let content_type = "application/strategic-merge-patch+json".to_owned();
    let patched = ask(&mut api, &Request { content_type, ..request });
    assert_eq!(patched["spec"]["targetCPUUtilizationPercentage"], 50, "{patched}");
    let body = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
        "spec": {"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}});
    let request = Request::with_body(Method::Patch, format!("{V1}/web"), body).param("fieldManager", "me");
    let content_type = "application/apply-patch+yaml".to_owned();
    let refused = ask(&mut api, &Request { content_type: content_type.clone(), ..request.clone() });
    assert_eq!(refused["reason"], "Conflict", "{refused}");
    let applied = ask(&mut api, &Request { content_type, ..request.param("force", "true") });
    assert_eq!(applied["spec"]["maxReplicas"], 5, "{applied}");
    let managers = applied["metadata"]["managedFields"].as_array().unwrap();
    let by_clients = managers.iter().filter(|m| m["subresource"].is_null());
    assert!(by_clients.clone().count() == 2, "{managers:?}");
    assert!(by_clients.clone().all(|m| m["apiVersion"] == "autoscaling/v1"), "{managers:?}");
    let batch = ask(&mut api, &Request::get(V1).param("watch", "true").param("resourceVersion", "2"));
    let (last, seen) = (batch["events"].as_array().unwrap().last().unwrap(), "autoscaling/v1");
    assert_eq!((&last["type"], &last["object"]["apiVersion"]), (&json!("MODIFIED"), &json!(seen)));
    let table = ask(&mut api, &Request { accept: Accept::Table, ..Request::get(V1) });
    assert_eq!(table["columnDefinitions"][2]["name"], "Targets");
}

#[test]
fn events_have_two_names_for_their_fields() {
    let mut api = server();
    let of = json!({"kind": "Pod", "name": "a", "namespace": "default"});
    let body = json!({"metadata": {"name": "a.1"}, "involvedObject": of, "message": "hello", "reason": "Said",
        "source": {"component": "me"}, "type": "Normal", "count": 2});
    send(&mut api, Method::Post, CORE, body);
    let shown = ask(&mut api, &Request::get(format!("{EVENTS}/a.1")));
    assert_eq!(shown["apiVersion"], "events.k8s.io/v1");
    assert_eq!((&shown["note"], &shown["regarding"]["name"]), (&json!("hello"), &json!("a")));
    assert_eq!((&shown["deprecatedCount"], &shown["message"]), (&json!(2), &Value::Null));
    for (selector, expected) in [("regarding.name=a", 1), ("reportingController=x", 0)] {
        let list = ask(&mut api, &Request::get(EVENTS).param("fieldSelector", selector));
        assert_eq!(list["items"].as_array().map(Vec::len), Some(expected), "{selector}");
    }
    let list = ask(&mut api, &Request::get(EVENTS).param("fieldSelector", "involvedObject.name=a"));
    assert_eq!(list["message"], "field label not supported: involvedObject.name");
}

#[test]
fn a_new_event_is_held_to_the_newer_rules() {
    let mut api = server();
    let of = json!({"kind": "Pod", "name": "a", "namespace": "default"});
    let bad = json!({"metadata": {"name": "a.1"}, "regarding": of, "note": "hello", "deprecatedCount": 3});
    let refused = send(&mut api, Method::Post, EVENTS, bad);
    assert_eq!(
        refused["message"],
        "Event \"a.1\" is invalid: [eventTime: Required value, type: Invalid value: \"\": has invalid value: , count: Invalid value: \"\": needs to be unset]"
    );
    let good = json!({"metadata": {"name": "a.2"}, "regarding": of, "note": "hello", "reason": "Said", "action": "Say",
        "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reportingController": "me",
        "reportingInstance": "me-1"});
    let mut made = send(&mut api, Method::Post, EVENTS, good);
    assert_eq!(made["note"], "hello", "{made}");
    made["note"] = json!("other");
    let refused = send(&mut api, Method::Put, &format!("{EVENTS}/a.2"), made);
    assert_eq!(
        refused["message"],
        "Event \"a.2\" is invalid: message: Invalid value: \"other\": field is immutable"
    );
    let core = ask(&mut api, &Request::get(format!("{CORE}/a.2")));
    assert_eq!((&core["message"], &core["reportingComponent"]), (&json!("hello"), &json!("me")));
}
