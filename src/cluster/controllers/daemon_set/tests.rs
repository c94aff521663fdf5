//! A pod a node, where it suits, and updates one after the other.

use super::super::lab::{Lab, lab};
use super::*;
use serde_json::{Value, json};

fn node(lab: &mut Lab, name: &str, taints: Value) {
    lab.create(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"n": name}},
        "spec": {}
    }));
    // A new node is tainted as not ready until its kubelet has spoken; here the test speaks.
    lab.edit_status::<Node>(name, |node| {
        node.status.get_or_insert_default().conditions =
            serde_json::from_value(json!([{"type": "Ready", "status": "True"}])).expect("conditions");
    });
    let taints = serde_json::from_value(taints).expect("taints");
    lab.edit::<Node>(name, |node| node.spec.get_or_insert_default().taints = taints);
}

fn agent(lab: &mut Lab, strategy: Value) {
    lab.create(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "updateStrategy": strategy,
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "c", "image": "fluentd:1"}]}
            }
        }
    }));
}

fn four_nodes() -> Lab {
    let mut lab = lab();
    node(&mut lab, "cp", json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]));
    for name in ["w1", "w2", "w3"] {
        node(&mut lab, name, json!([]));
    }
    lab
}

fn counts(lab: &Lab) -> (i32, i32, i32, i32) {
    let status = lab.get::<DaemonSet>("agent").status.clone().unwrap_or_default();
    (
        status.desired_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled.unwrap_or(0),
        status.number_misscheduled,
    )
}

#[test]
fn one_pod_on_each_node_that_suits() {
    let mut lab = four_nodes();
    agent(&mut lab, json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}));
    lab.advance(100).pods_ready().advance(100);
    assert_eq!(counts(&lab), (3, 3, 3, 0));
    let pod = &lab.all::<Pod>()[0];
    assert!(pod.label(HASH_LABEL).is_some_and(|h| !h.is_empty()));
    assert_eq!(pod.spec.tolerations.as_ref().map(Vec::len), Some(6));
    lab.edit::<DaemonSet>("agent", |set| {
        let template = &mut set.spec.get_or_insert_default().template;
        template.spec.get_or_insert_default().node_selector =
            Some(BTreeMap::from([("n".to_owned(), "w1".to_owned())]));
    });
    for _ in 0..4 {
        lab.advance(100).pods_ready();
    }
    assert_eq!(counts(&lab), (1, 1, 1, 0));
}

#[test]
fn updates_go_node_by_node() {
    for (strategy, steps) in [
        (
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}),
            vec![1, 2, 3],
        ),
        (
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2, "maxSurge": 0}}),
            vec![2, 3, 3],
        ),
        (
            // While two pods stand on a node the older one counts.
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}),
            vec![0, 1, 2],
        ),
        (json!({"type": "OnDelete"}), vec![0, 0, 0]),
    ] {
        let mut lab = four_nodes();
        agent(&mut lab, strategy.clone());
        lab.advance(100).pods_ready().advance(2000);
        lab.edit::<DaemonSet>("agent", |set| {
            let template = &mut set.spec.get_or_insert_default().template;
            template.spec.get_or_insert_default().containers[0].image = Some("fluentd:2".to_owned());
        });
        let mut seen = Vec::new();
        for _ in 0..3 {
            lab.advance(100);
            seen.push(counts(&lab).2);
            lab.pods_ready();
        }
        assert_eq!(seen, steps, "{strategy}");
        lab.advance(100);
        assert!(lab.all::<k8s_openapi::api::apps::v1::ControllerRevision>().len() == 2);
    }
}

#[test]
fn a_surging_pod_is_waited_for_until_it_is_available() {
    let mut lab = four_nodes();
    agent(&mut lab, json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}));
    lab.edit::<DaemonSet>("agent", |set| {
        set.spec.get_or_insert_default().min_ready_seconds = Some(5);
    });
    lab.advance(100).pods_ready().advance(6000);
    lab.edit::<DaemonSet>("agent", |set| {
        let template = &mut set.spec.get_or_insert_default().template;
        template.spec.get_or_insert_default().containers[0].image = Some("fluentd:2".to_owned());
    });
    // Nothing happens to a pod between its being ready and its being available.
    for _ in 0..3 {
        lab.advance(100).pods_ready().advance(7000);
    }
    assert_eq!(counts(&lab), (3, 3, 3, 0));
    assert_eq!(lab.all::<Pod>().len(), 3);
}

#[test]
fn failed_pods_are_replaced_more_and_more_slowly() {
    let mut lab = lab();
    node(&mut lab, "w1", json!([]));
    agent(&mut lab, json!({"type": "OnDelete"}));
    lab.advance(100);
    // How long each failed pod stayed, in tenths of a second.
    let mut stayed = Vec::new();
    for _ in 0..5 {
        let name = lab.all::<Pod>()[0].name_str().to_owned();
        lab.edit_status::<Pod>(&name, |pod| pod.status.phase = Some("Failed".to_owned()));
        let mut tenths = 0;
        while lab.try_get::<Pod>(&name).is_some() {
            lab.advance(100);
            tenths += 1;
        }
        lab.advance(100);
        stayed.push(tenths);
    }
    assert_eq!(stayed.len(), 5);
    assert!(stayed[0] <= 1, "{stayed:?}");
    for (n, pair) in stayed.windows(2).enumerate().skip(1) {
        assert!(pair[1] > pair[0] + (1 << n), "{stayed:?}");
    }
    let events = lab.events("DaemonSet");
    assert_eq!(lab.all::<Pod>().len(), 1);
    assert!(
        events.iter().any(|e| e.starts_with("FailedDaemonPod: Found failed daemon pod default/agent-")),
        "{events:?}"
    );
    assert!(events.iter().any(|e| e.ends_with(" on node w1, will try to kill it")), "{events:?}");
}
