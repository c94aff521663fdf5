//! Pods against nodes, by table: where they go, and the very words when they go nowhere.

use super::*;
use crate::apiserver::Cause;
use crate::cluster::Config;
use crate::object::Event as ApiEvent;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

struct Lab {
    cluster: Cluster,
}

impl Lab {
    /// The recorded cluster: a tainted control plane node and three workers of 1 CPU and 3840Mi.
    fn new() -> Self {
        let mut lab = Self::empty();
        for name in ["control-plane", "worker-1", "worker-2", "worker-3"] {
            let taints = if name == "control-plane" {
                json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}])
            } else {
                json!([])
            };
            lab.node(name, &json!({"taints": taints}), &json!({}));
        }
        lab
    }

    fn empty() -> Self {
        let mut cluster = Cluster::new(Config { nodes: Vec::new(), ..Config::default() });
        let origin = Origin::component("test", Cause::Time);
        for kind in [Kind::Deployment, Kind::DaemonSet, Kind::ReplicaSet, Kind::Pod] {
            let keys: Vec<ObjectKey> = cluster.api.store.list(kind).map(Object::key).collect();
            for key in keys {
                cluster.api.delete(&key, &DeleteOptions::default(), &origin).ok();
            }
        }
        Self { cluster }
    }

    fn node(&mut self, name: &str, spec: &Value, labels: &Value) {
        let mut labels = labels.clone();
        labels["kubernetes.io/hostname"] = json!(name);
        let amounts = json!({"cpu": "1", "memory": "3840Mi", "pods": "110", "ephemeral-storage": "10Gi"});
        let node = json!({
            "metadata": {"name": name, "labels": labels}, "spec": spec,
            "status": {"capacity": amounts, "allocatable": amounts,
                "conditions": [{"type": "Ready", "status": "True"}]},
        });
        self.create(Kind::Node, node);
        // Admission taints a new node as not ready.
        self.change(Kind::Node, name, |node| node["spec"] = spec.clone());
    }

    fn create(&mut self, kind: Kind, value: Value) -> Object {
        let origin = Origin::component("test", Cause::Time);
        let object = Object::from_value(kind, value).unwrap();
        self.cluster.api.create(object, &origin, false).unwrap()
    }

    fn change(&mut self, kind: Kind, name: &str, change: impl FnOnce(&mut Value)) {
        let origin = Origin::component("test", Cause::Time);
        let namespace = if kind.info().namespaced { "default" } else { "" };
        let mut value =
            self.cluster.api.store.get(&ObjectKey::new(kind, namespace, name)).unwrap().to_value();
        change(&mut value);
        let object = Object::from_value(kind, value).unwrap();
        self.cluster.api.update(object, Part::Spec, &origin, false).unwrap();
    }

    fn pod(&mut self, name: &str, spec: Value) {
        self.labelled(name, &json!({}), spec);
    }

    fn labelled(&mut self, name: &str, labels: &Value, mut spec: Value) {
        if spec["containers"].is_null() {
            spec["containers"] = json!([{"name": "c", "image": "nginx"}]);
        }
        let metadata = json!({"name": name, "namespace": "default", "labels": labels});
        self.create(Kind::Pod, json!({"metadata": metadata, "spec": spec}));
    }

    fn settle(&mut self, millis: u64) {
        let until = self.cluster.now().plus_millis(millis);
        self.cluster.advance(until, usize::MAX);
    }

    fn node_of(&self, pod: &str) -> Option<String> {
        let pod = self.cluster.api.store.find::<Pod>("default", pod)?;
        pod.spec.node_name.as_deref().map(str::to_owned)
    }

    /// The newest event about the pod.
    fn said(&self, pod: &str) -> String {
        let about = |e: &&Arc<ApiEvent>| e.involved_object.name.as_deref() == Some(pod);
        let mut events: Vec<_> = self.cluster.api.store.all::<ApiEvent>().filter(about).collect();
        events.sort_by_key(|e| e.event_time.clone().map(|t| t.0));
        events.last().map_or(String::new(), |e| {
            format!("{} {}", e.reason.as_deref().unwrap_or(""), e.message.as_deref().unwrap_or(""))
        })
    }
}

fn cpu(amount: &str) -> Value {
    json!({"containers": [{"name": "c", "image": "nginx", "resources": {"requests": {"cpu": amount}}}]})
}

fn volume(claim: &str) -> Value {
    json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": claim}}]})
}

#[test]
fn why_nothing_fits() {
    let cases: [(Value, Expect); 9] = [
        (
            cpu("500"),
            expect![
                "FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient cpu. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
            ],
        ),
        (
            json!({"nodeSelector": {"disk": "nvme"}}),
            expect![
                "FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
            ],
        ),
        (
            json!({"containers": [{"name": "c", "image": "n", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}),
            expect![
                "FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
            ],
        ),
        (
            volume("nosuch"),
            expect![[
                r#"FailedScheduling 0/4 nodes are available: persistentvolumeclaim "nosuch" not found. not found"#
            ]],
        ),
        (
            volume("unbound"),
            expect![
                "FailedScheduling 0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
            ],
        ),
        (
            volume("far"),
            expect![
                "FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't match PersistentVolume's node affinity. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
            ],
        ),
        (
            json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            [{"labelSelector": {"matchLabels": {"app": "none"}}, "topologyKey": "kubernetes.io/hostname"}]}}}),
            expect![
                "FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't match pod affinity rules. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
            ],
        ),
        (
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "none"}}}]}),
            expect![
                "FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't match pod topology spread constraints (missing required label). no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
            ],
        ),
        (
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
            [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["control-plane"]}]}]}}}}),
            expect![
                "FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't satisfy plugin(s) [NodeAffinity]. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
            ],
        ),
    ];
    let mut lab = Lab::new();
    let ask = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    lab.create(
        Kind::PersistentVolumeClaim,
        json!({"metadata": {"name": "unbound", "namespace": "default"}, "spec": ask}),
    );
    let mut bound = ask.clone();
    bound["volumeName"] = json!("far");
    let metadata = json!({"name": "far", "namespace": "default", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}});
    lab.create(Kind::PersistentVolumeClaim, json!({"metadata": metadata, "spec": bound}));
    let terms = json!([{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["mars"]}]}]);
    lab.create(
        Kind::PersistentVolume,
        json!({"metadata": {"name": "far"}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}}),
    );
    for (at, (spec, expected)) in cases.into_iter().enumerate() {
        let name = format!("pod-{at}");
        lab.pod(&name, spec);
        lab.settle(500);
        expected.assert_eq(&lab.said(&name));
        assert_eq!(lab.node_of(&name), None);
    }
}

#[test]
fn cordoned_and_tainted_nodes_are_told_apart() {
    let mut lab = Lab::new();
    lab.change(Kind::Node, "worker-1", |n| n["spec"]["unschedulable"] = json!(true));
    lab.change(Kind::Node, "worker-2", |n| {
        n["spec"]["taints"] = json!([{"key": "x", "value": "y", "effect": "NoSchedule"}]);
    });
    lab.pod("late", json!({"nodeSelector": {"disk": "hdd"}}));
    lab.settle(100);
    expect!["FailedScheduling 0/4 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable, 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."]
        .assert_eq(&lab.said("late"));
    lab.change(Kind::Node, "worker-3", |n| n["metadata"]["labels"]["disk"] = json!("hdd"));
    lab.settle(2000);
    assert_eq!(lab.node_of("late").as_deref(), Some("worker-3"));
    expect!["Scheduled Successfully assigned default/late to worker-3"].assert_eq(&lab.said("late"));
}

#[test]
fn pods_spread_and_fill() {
    let mut lab = Lab::new();
    for at in 0..9 {
        lab.pod(&format!("p{at}"), cpu("300m"));
    }
    lab.pod("over", cpu("300m"));
    lab.settle(500);
    let mut nodes: Vec<_> = (0..9).filter_map(|at| lab.node_of(&format!("p{at}"))).collect();
    nodes.sort();
    assert_eq!(
        nodes.join(" "),
        "worker-1 worker-1 worker-1 worker-2 worker-2 worker-2 worker-3 worker-3 worker-3"
    );
    expect!["FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient cpu. no new claims to deallocate, preemption: 0/4 nodes are available: 1 Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod."]
        .assert_eq(&lab.said("over"));
    let origin = Origin::component("test", Cause::Time);
    let now = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
    lab.cluster.api.delete(&ObjectKey::new(Kind::Pod, "default", "p4"), &now, &origin).unwrap();
    lab.settle(2000);
    assert!(lab.node_of("over").is_some(), "the place of a deleted pod is taken");
}

#[test]
fn a_more_important_pod_pushes_others_out() {
    let mut lab = Lab::new();
    for at in 0..3 {
        lab.pod(&format!("p{at}"), cpu("800m"));
    }
    lab.settle(100);
    lab.create(Kind::PriorityClass, json!({"metadata": {"name": "high"}, "value": 1000}));
    let mut spec = cpu("500m");
    spec["priorityClassName"] = json!("high");
    lab.pod("urgent", spec);
    lab.settle(100);
    expect![
        "FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient cpu."
    ]
    .assert_eq(&lab.said("urgent"));
    let pod = lab.cluster.api.store.find::<Pod>("default", "urgent").unwrap();
    let node = pod.status.nominated_node_name.clone().unwrap();
    let going: Vec<_> = lab.cluster.api.store.pods_on(&node).filter(|p| p.is_terminating()).collect();
    assert_eq!(going.len(), 1);
}

#[test]
fn a_claim_waits_for_its_consumer() {
    let mut lab = Lab::new();
    lab.create(
        Kind::StorageClass,
        json!({"metadata": {"name": "slow"}, "provisioner": "example.com/disk",
        "volumeBindingMode": "WaitForFirstConsumer"}),
    );
    lab.create(Kind::PersistentVolumeClaim, json!({"metadata": {"name": "late", "namespace": "default"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "slow", "resources": {"requests": {"storage": "1Gi"}}}}));
    lab.pod("web", volume("late"));
    lab.settle(100);
    assert_eq!(lab.node_of("web"), None);
    let claim = lab
        .cluster
        .api
        .store
        .find::<k8s_openapi::api::core::v1::PersistentVolumeClaim>("default", "late")
        .unwrap();
    let node = claim.annotation(volume_binding::SELECTED_NODE).unwrap().to_owned();
    lab.change(Kind::PersistentVolumeClaim, "late", |c| {
        c["spec"]["volumeName"] = json!("pvc-1");
        c["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = json!("yes");
    });
    lab.settle(100);
    assert_eq!(lab.node_of("web"), Some(node));
}

#[test]
fn anti_affinity_keeps_apart() {
    let mut lab = Lab::new();
    let apart = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        [{"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}]}}});
    for at in 0..4 {
        lab.labelled(&format!("web-{at}"), &json!({"app": "web"}), apart.clone());
    }
    lab.settle(200);
    let mut nodes: Vec<_> = (0..3).filter_map(|at| lab.node_of(&format!("web-{at}"))).collect();
    nodes.sort();
    assert_eq!(nodes.join(" "), "worker-1 worker-2 worker-3");
    expect!["FailedScheduling 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't match pod anti-affinity rules. no new claims to deallocate, preemption: 0/4 nodes are available: 1 Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod."]
        .assert_eq(&lab.said("web-3"));
    lab.labelled("plain", &json!({"app": "web"}), json!({}));
    lab.settle(200);
    assert!(lab.said("plain").contains("3 node(s) didn't satisfy existing pods anti-affinity rules"));
}

#[test]
fn spreading_is_kept() {
    let mut lab = Lab::empty();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        lab.node(name, &json!({}), &json!({"zone": zone}));
    }
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]});
    for at in 0..6 {
        lab.labelled(&format!("web-{at}"), &json!({"app": "web"}), spread.clone());
    }
    lab.settle(200);
    let on_b = (0..6).filter(|at| lab.node_of(&format!("web-{at}")).as_deref() == Some("b1")).count();
    assert_eq!(on_b, 3);
}

#[test]
fn a_repeated_failure_is_a_series() {
    let mut lab = Lab::new();
    lab.pod("picky", json!({"nodeSelector": {"disk": "nvme"}}));
    lab.settle(100);
    for attempt in 0..3 {
        lab.change(Kind::Node, "worker-1", |n| n["metadata"]["labels"]["disk"] = json!("nvme"));
        lab.change(Kind::Node, "worker-1", |n| n["spec"]["unschedulable"] = json!(true));
        lab.settle(20_000);
        assert_eq!(lab.node_of("picky"), None, "attempt {attempt}");
        lab.change(Kind::Node, "worker-1", |n| n["metadata"]["labels"]["disk"] = json!("hdd"));
        lab.change(Kind::Node, "worker-1", |n| n["spec"]["unschedulable"] = json!(false));
    }
    let failed = |e: &&Arc<ApiEvent>| e.reason.as_deref() == Some("FailedScheduling");
    let events: Vec<_> = lab.cluster.api.store.all::<ApiEvent>().filter(failed).collect();
    assert!(events.iter().any(|e| e.series.as_ref().is_some_and(|s| s.count == Some(2))), "{}", events.len());
}

#[test]
fn scores_are_those_of_kubernetes() {
    use plugins::{balanced_allocation, node_resources_fit};
    let mut lab = Lab::empty();
    for (name, cpu) in [("small", "4"), ("large", "6")] {
        lab.node(name, &json!({}), &json!({}));
        let key = ObjectKey::new(Kind::Node, "", name);
        let mut node = lab.cluster.api.store.get(&key).unwrap().to_value();
        node["status"]["allocatable"] = json!({"cpu": cpu, "memory": "10000", "pods": "110"});
        let origin = Origin::component("test", Cause::Time);
        let node = Object::from_value(Kind::Node, node).unwrap();
        lab.cluster.api.update(node, Part::Status, &origin, false).unwrap();
    }
    lab.settle(10);
    let resources = json!({"requests": {"cpu": "3", "memory": "5000"}});
    let pod =
        json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "resources": resources}]}});
    let Object::Pod(pod) = Object::from_value(Kind::Pod, pod).unwrap() else { panic!() };
    let nodes = &lab.cluster.scheduler.nodes;
    let facts = Facts::of(&pod.spec);
    let cycle = cycle::prepare(nodes, &lab.cluster.api.store, &pod, &facts).unwrap();
    let of = |score: fn(&plugins::Cycle, &nodes::NodeInfo) -> i64| {
        ["small", "large"].map(|name| score(&cycle, nodes.get(name).unwrap()))
    };
    // The figures of kube-scheduler's own tests: "nothing scheduled, resources requested, differently sized nodes".
    assert_eq!(of(node_resources_fit::score), [37, 50]);
    assert_eq!(of(balanced_allocation::score), [87, 100]);
}
