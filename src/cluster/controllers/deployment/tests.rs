//! Rolling updates against figures worked out on paper.

use super::super::lab::{Lab, lab};
use super::*;
use serde_json::{Value, json};

pub(super) fn web(replicas: i32, strategy: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas, "strategy": strategy, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}
            }
        }
    })
}

fn rolling(surge: Value, unavailable: Value) -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
}

pub(super) fn set_image(lab: &mut Lab, image: &str) {
    lab.edit::<Deployment>("web", |d| {
        if let Some(spec) = d.spec.as_mut().and_then(|s| s.template.spec.as_mut()) {
            spec.containers[0].image = Some(image.to_owned());
        }
    });
}

fn settle(lab: &mut Lab) {
    for _ in 0..20 {
        lab.advance(200).pods_ready();
    }
}

/// `up 0 3` for each change of a replica set's size, oldest first. Events would not do: many alike are combined.
pub(super) fn steps(lab: &Lab) -> Vec<String> {
    let size = |object: &Option<Object>| {
        let set = object.as_ref().and_then(|o| o.cast::<ReplicaSet>());
        set.map_or(0, |set| set.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1))
    };
    let own = |c: &&Arc<Change>| {
        c.key.kind == Kind::ReplicaSet && c.new.is_some() && c.key.name.namespace() == "default"
    };
    let sets = lab.cluster.api.store.log().iter().filter(own);
    let sizes = sets.map(|change| (size(&change.old), size(&change.new)));
    let told = |(from, to): (i32, i32)| format!("{} {from} {to}", if to > from { "up" } else { "down" });
    sizes.filter(|(from, to)| from != to).map(told).collect()
}

fn progress(lab: &Lab) -> String {
    let deployment = lab.get::<Deployment>("web");
    let status = deployment.status.clone().unwrap_or_default();
    let condition = status.conditions.iter().flatten().find(|c| c.type_ == "Progressing").cloned();
    condition.map(|c| format!("{} {}", c.status, c.reason.unwrap_or_default())).unwrap_or_default()
}

#[test]
fn rolls_in_the_steps_that_surge_and_unavailability_allow() {
    for (replicas, surge, unavailable, expected) in [
        (10, json!(3), json!(2), "up 0 3,down 10 8,up 3 5,down 8 3,up 5 10,down 3 0"),
        (4, json!(1), json!(0), "up 0 1,down 4 3,up 1 2,down 3 2,up 2 3,down 2 1,up 3 4,down 1 0"),
        (4, json!("25%"), json!("25%"), "up 0 1,down 4 3,up 1 2,down 3 1,up 2 4,down 1 0"),
        (3, json!("100%"), json!(0), "up 0 3,down 3 0"),
        (2, json!(0), json!(2), "down 2 0,up 0 2"),
    ] {
        let mut lab = lab();
        lab.create(web(replicas, rolling(surge, unavailable)));
        settle(&mut lab);
        set_image(&mut lab, "nginx:2");
        settle(&mut lab);
        let all = steps(&lab);
        assert_eq!(all[0], format!("up 0 {replicas}"));
        assert_eq!(all[1..].join(","), expected, "{replicas} replicas");
        assert_eq!(progress(&lab), "True NewReplicaSetAvailable");
    }
}

#[test]
fn recreate_waits_for_the_last_pod() {
    let mut lab = lab();
    lab.create(web(2, json!({"type": "Recreate"})));
    settle(&mut lab);
    set_image(&mut lab, "nginx:2");
    settle(&mut lab);
    assert_eq!(steps(&lab), ["up 0 2", "down 2 0", "up 0 2"]);
}

#[test]
fn revisions_annotations_and_rolling_back() {
    let mut lab = lab();
    lab.create(web(1, rolling(json!(1), json!(0))));
    settle(&mut lab);
    set_image(&mut lab, "nginx:2");
    settle(&mut lab);
    set_image(&mut lab, "nginx:1");
    settle(&mut lab);
    let sets = lab.all::<ReplicaSet>();
    assert_eq!(sets.len(), 2);
    let mut seen: Vec<_> = sets
        .iter()
        .map(|s| {
            (s.annotation(REVISION), s.annotation(REVISION_HISTORY), s.annotation(DESIRED), s.annotation(MAX))
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen[0], (Some("2"), None, Some("1"), Some("2")));
    assert_eq!(seen[1], (Some("3"), Some("1"), Some("1"), Some("2")));
    assert_eq!(lab.get::<Deployment>("web").annotation(REVISION), Some("3"));
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll() {
    let mut lab = lab();
    lab.create(web(2, rolling(json!(1), json!(0))));
    settle(&mut lab);
    lab.edit::<Deployment>("web", |d| d.spec.get_or_insert_default().paused = Some(true));
    set_image(&mut lab, "nginx:2");
    settle(&mut lab);
    assert_eq!(progress(&lab), "Unknown DeploymentPaused");
    lab.edit::<Deployment>("web", |d| d.spec.get_or_insert_default().replicas = Some(3));
    settle(&mut lab);
    assert_eq!(steps(&lab), ["up 0 2", "up 2 3"]);
    lab.edit::<Deployment>("web", |d| d.spec.get_or_insert_default().paused = Some(false));
    settle(&mut lab);
    assert_eq!(lab.all::<ReplicaSet>().len(), 2);
    assert_eq!(progress(&lab), "True NewReplicaSetAvailable");
}

#[test]
fn scaling_in_the_middle_of_a_rollout_is_shared() {
    let mut lab = lab();
    lab.create(web(10, rolling(json!(3), json!(2))));
    settle(&mut lab);
    set_image(&mut lab, "nginx:2");
    lab.advance(500);
    lab.edit::<Deployment>("web", |d| d.spec.get_or_insert_default().replicas = Some(15));
    lab.advance(500);
    let mut sizes: Vec<i32> = lab.all::<ReplicaSet>().iter().map(|s| asked(s)).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [7, 11]);
}

#[test]
fn the_deadline_passes_without_progress() {
    let mut lab = lab();
    lab.create(web(1, rolling(json!(1), json!(0))));
    lab.advance(590_000);
    assert_eq!(progress(&lab), "True ReplicaSetUpdated");
    lab.advance(15_000);
    assert_eq!(progress(&lab), "False ProgressDeadlineExceeded");
}

#[test]
fn old_sets_beyond_the_history_go() {
    let mut lab = lab();
    let mut value = web(1, rolling(json!(1), json!(0)));
    value["spec"]["revisionHistoryLimit"] = json!(1);
    lab.create(value);
    for image in ["nginx:1", "nginx:2", "nginx:3", "nginx:4"] {
        set_image(&mut lab, image);
        settle(&mut lab);
    }
    assert_eq!(lab.all::<ReplicaSet>().len(), 2);
}
