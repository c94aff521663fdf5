//! What a quota counts, by its scopes.

use super::*;
use crate::object::Object;
use serde_json::{Value, json};

fn quota(spec: Value) -> ResourceQuota {
    serde_json::from_value(json!({"metadata": {"name": "q", "namespace": "default"}, "spec": spec}))
        .expect("a quota")
}

fn pod(spec: Value) -> Object {
    let mut whole = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole["spec"][key] = value.clone();
    }
    Object::from_value(Kind::Pod, whole).expect("a pod")
}

#[test]
fn a_scope_names_pods() {
    let asks = json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]});
    let far = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "k", "namespaceSelector": {}}]}}});
    for (scope, own, other) in [
        ("Terminating", json!({"activeDeadlineSeconds": 9}), json!({})),
        ("NotTerminating", json!({}), json!({"activeDeadlineSeconds": 9})),
        ("BestEffort", json!({}), asks.clone()),
        ("NotBestEffort", asks, json!({})),
        ("PriorityClass", json!({"priorityClassName": "high"}), json!({})),
        ("CrossNamespacePodAffinity", far, json!({})),
    ] {
        let quota = quota(json!({"hard": {"pods": "1"}, "scopes": [scope]}));
        assert!(scopes::matches(&quota, &pod(own)), "{scope}");
        assert!(!scopes::matches(&quota, &pod(other)), "{scope}");
    }
}

#[test]
fn a_selector_names_priority_classes() {
    for (operator, values, high, none) in [
        ("In", json!(["high", "low"]), true, false),
        ("In", json!(["low"]), false, false),
        ("NotIn", json!(["low"]), true, true),
        ("NotIn", json!(["high"]), false, true),
        ("Exists", json!(null), true, false),
        ("DoesNotExist", json!(null), false, true),
    ] {
        let term = json!({"scopeName": "PriorityClass", "operator": operator, "values": values});
        let quota = quota(json!({"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [term]}}));
        let with = pod(json!({"priorityClassName": "high"}));
        assert_eq!(scopes::matches(&quota, &with), high, "{operator} {values}");
        assert_eq!(scopes::matches(&quota, &pod(json!({}))), none, "{operator} {values}");
    }
}

#[test]
fn a_pod_costs_what_starting_or_running_it_takes() {
    let ask = |cpu: &str| json!({"requests": {"cpu": cpu}, "limits": {"memory": "64Mi"}});
    let of = |spec: &Value, name: &str| charge(&pod(spec.clone()), name, SimTime(0)).map(|q| q.to_string());
    let main = json!([{"name": "a", "resources": ask("300m")}, {"name": "b", "resources": ask("200m")}]);
    let plain = json!({"containers": main});
    assert_eq!(of(&plain, "requests.cpu").as_deref(), Some("500m"));
    assert_eq!(of(&plain, "limits.memory").as_deref(), Some("128Mi"));
    assert_eq!(of(&plain, "cpu").as_deref(), Some("500m"));
    assert_eq!(of(&plain, "requests.ephemeral-storage"), None);
    assert_eq!(of(&plain, "pods").as_deref(), Some("1"));
    let started = json!({"containers": main, "initContainers": [{"name": "i", "resources": ask("2")}]});
    assert_eq!(of(&started, "requests.cpu").as_deref(), Some("2"));
    let sidecar = json!({"containers": main,
        "initContainers": [{"name": "i", "restartPolicy": "Always", "resources": ask("2")}]});
    assert_eq!(of(&sidecar, "requests.cpu").as_deref(), Some("2500m"));
    let whole =
        json!({"containers": main, "resources": {"requests": {"cpu": "4"}}, "overhead": {"cpu": "10m"}});
    assert_eq!(of(&whole, "requests.cpu").as_deref(), Some("4010m"));
}

#[test]
fn claims_are_counted_by_their_class() {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
        "spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "5Gi"}}}});
    let claim = Object::from_value(Kind::PersistentVolumeClaim, claim).expect("a claim");
    let of = |name: &str| charge(&claim, name, SimTime(0)).map(|q| q.to_string());
    assert_eq!(of("gold.storageclass.storage.k8s.io/requests.storage").as_deref(), Some("5Gi"));
    assert_eq!(of("gold.storageclass.storage.k8s.io/persistentvolumeclaims").as_deref(), Some("1"));
    assert_eq!(of("tin.storageclass.storage.k8s.io/requests.storage"), None);
    assert_eq!(of("requests.storage").as_deref(), Some("5Gi"));
}
