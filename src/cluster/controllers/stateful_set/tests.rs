//! Order, identity, claims, partitions.

use super::super::lab::{Lab, lab};
use super::*;
use serde_json::{Value, json};

fn db(lab: &mut Lab, more: &Value) {
    let mut value = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {
            "serviceName": "db", "replicas": 3, "podManagementPolicy": "OrderedReady",
            "selector": {"matchLabels": {"app": "db"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "db", "image": "postgres:16"}]}
            }
        }
    });
    for (key, field) in more.as_object().into_iter().flatten() {
        value["spec"][key] = field.clone();
    }
    lab.create(value);
}

fn names(lab: &Lab) -> Vec<String> {
    lab.all::<Pod>().iter().map(|p| p.name_str().to_owned()).collect()
}

fn images(lab: &Lab) -> Vec<String> {
    let image = |p: &Arc<Pod>| p.spec.containers[0].image.clone().unwrap_or_default();
    lab.all::<Pod>().iter().map(image).collect()
}

fn settle(lab: &mut Lab) {
    for _ in 0..12 {
        lab.advance(100).pods_ready();
    }
}

fn upgrade(lab: &mut Lab) {
    lab.edit::<StatefulSet>("db", |set| {
        let template = &mut set.spec.get_or_insert_default().template;
        template.spec.get_or_insert_default().containers[0].image = Some("postgres:17".to_owned());
    });
}

#[test]
fn one_after_the_other() {
    let mut lab = lab();
    db(&mut lab, &json!({}));
    lab.advance(100);
    assert_eq!(names(&lab), ["db-0"]);
    lab.pods_ready().advance(100);
    assert_eq!(names(&lab), ["db-0", "db-1"]);
    settle(&mut lab);
    assert_eq!(names(&lab), ["db-0", "db-1", "db-2"]);
    let events = lab.events("StatefulSet");
    assert_eq!(events[0], "SuccessfulCreate: Create Pod db-0 in StatefulSet db successful");
    lab.edit::<StatefulSet>("db", |s| s.spec.get_or_insert_default().replicas = Some(1));
    settle(&mut lab);
    assert_eq!(names(&lab), ["db-0"]);
    let last = lab.events("StatefulSet").pop();
    assert_eq!(last.as_deref(), Some("SuccessfulDelete: Delete Pod db-1 in StatefulSet db successful"));
    let status = lab.get::<StatefulSet>("db").status.clone().unwrap_or_default();
    assert_eq!(
        (status.replicas, status.ready_replicas, status.current_revision),
        (1, Some(1), status.update_revision)
    );
}

#[test]
fn in_parallel_all_at_once() {
    let mut lab = lab();
    db(&mut lab, &json!({"podManagementPolicy": "Parallel", "ordinals": {"start": 5}}));
    lab.advance(100);
    assert_eq!(names(&lab), ["db-5", "db-6", "db-7"]);
}

#[test]
fn identity_and_claims() {
    let mut lab = lab();
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    db(&mut lab, &json!({"replicas": 1, "volumeClaimTemplates": [claim]}));
    lab.advance(100);
    let pod = lab.get::<Pod>("db-0");
    assert_eq!(pod.label("apps.kubernetes.io/pod-index"), Some("0"));
    assert_eq!(pod.label("statefulset.kubernetes.io/pod-name"), Some("db-0"));
    assert_eq!((pod.spec.hostname.as_deref(), pod.spec.subdomain.as_deref()), (Some("db-0"), Some("db")));
    assert!(lab.try_get::<PersistentVolumeClaim>("data-db-0").is_some());
    assert_eq!(
        lab.events("StatefulSet")[0],
        "SuccessfulCreate: Create Claim data-db-0 Pod db-0 in StatefulSet db success"
    );
}

#[test]
fn updates_from_the_highest_down_to_the_partition() {
    for (strategy, expected) in [
        (json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}), ["17", "17", "17"]),
        (json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}), ["16", "16", "17"]),
        (json!({"type": "OnDelete"}), ["16", "16", "16"]),
    ] {
        let mut lab = lab();
        db(&mut lab, &json!({"updateStrategy": strategy}));
        settle(&mut lab);
        upgrade(&mut lab);
        settle(&mut lab);
        let expected: Vec<String> = expected.iter().map(|v| format!("postgres:{v}")).collect();
        assert_eq!(images(&lab), expected, "{strategy}");
        lab.delete(Kind::Pod, "db-0", &DeleteOptions::default());
        settle(&mut lab);
        let first = if strategy["type"] == "OnDelete" { "postgres:17" } else { expected[0].as_str() };
        assert_eq!(images(&lab)[0], first, "{strategy}");
    }
}

#[test]
fn claims_go_or_stay_as_the_policy_says() {
    for (scaled, deleted, after_scaling, after_deletion) in [
        ("Retain", "Retain", 2, 2),
        ("Delete", "Retain", 1, 1),
        ("Retain", "Delete", 2, 0),
        ("Delete", "Delete", 1, 0),
    ] {
        let mut lab = lab();
        let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}});
        let policy = json!({"whenScaled": scaled, "whenDeleted": deleted});
        db(
            &mut lab,
            &json!({"replicas": 2, "volumeClaimTemplates": [claim],
            "persistentVolumeClaimRetentionPolicy": policy}),
        );
        settle(&mut lab);
        assert_eq!(lab.all::<PersistentVolumeClaim>().len(), 2);
        lab.edit::<StatefulSet>("db", |s| s.spec.get_or_insert_default().replicas = Some(1));
        settle(&mut lab);
        let left = || lab.all::<PersistentVolumeClaim>().len();
        assert_eq!(left(), after_scaling, "scaled {scaled}, deleted {deleted}");
        lab.delete(Kind::StatefulSet, "db", &DeleteOptions::default());
        settle(&mut lab);
        assert_eq!(
            lab.all::<PersistentVolumeClaim>().len(),
            after_deletion,
            "scaled {scaled}, deleted {deleted}"
        );
    }
}
