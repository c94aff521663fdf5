//! Completions, failures, deadlines, indexes.

use super::super::lab::{Lab, lab};
use super::*;
use serde_json::{Value, json};

fn job(lab: &mut Lab, more: &Value) {
    let mut value = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]
        }}}
    });
    for (key, field) in more.as_object().into_iter().flatten() {
        value["spec"][key] = field.clone();
    }
    lab.create(value);
    lab.advance(100);
}

fn end(lab: &mut Lab, phase: &str) {
    for pod in lab.all::<Pod>() {
        if !support::is_finished(&pod) {
            let name = pod.name_str().to_owned();
            lab.edit_status::<Pod>(&name, |p| p.status.phase = Some(phase.to_owned()));
        }
    }
    lab.advance(1100);
}

fn conditions(lab: &Lab) -> Vec<String> {
    let status = lab.get::<Job>("once").status.clone().unwrap_or_default();
    status
        .conditions
        .into_iter()
        .flatten()
        .map(|c| format!("{} {}", c.type_, c.reason.unwrap_or_default()))
        .collect()
}

#[test]
fn completes_after_enough_successes() {
    let mut lab = lab();
    job(&mut lab, &json!({"completions": 3, "parallelism": 2}));
    assert_eq!(lab.all::<Pod>().len(), 2);
    end(&mut lab, "Succeeded");
    end(&mut lab, "Succeeded");
    let status = lab.get::<Job>("once").status.clone().unwrap_or_default();
    assert_eq!((status.succeeded, status.active, status.failed), (Some(3), None, None));
    assert_eq!(conditions(&lab), ["SuccessCriteriaMet CompletionsReached", "Complete CompletionsReached"]);
    assert_eq!(lab.events("Job").last().map(String::as_str), Some("Completed: Job completed"));
    assert!(lab.all::<Pod>().iter().all(|p| !p.has_finalizer(FINALIZER)));
}

#[test]
fn fails_after_too_many_failures_or_too_long() {
    for (more, expected) in [
        (json!({"backoffLimit": 0}), "BackoffLimitExceeded"),
        (json!({"activeDeadlineSeconds": 5}), "DeadlineExceeded"),
    ] {
        let mut lab = lab();
        job(&mut lab, &more);
        if expected == "BackoffLimitExceeded" {
            end(&mut lab, "Failed");
        }
        lab.advance(8000);
        let all = conditions(&lab);
        assert_eq!(all, [format!("FailureTarget {expected}"), format!("Failed {expected}")]);
    }
}

#[test]
fn indexes_are_worked_off_and_a_finished_job_expires() {
    let mut lab = lab();
    let more = json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed", "ttlSecondsAfterFinished": 10});
    job(&mut lab, &more);
    let mut indexes: Vec<Option<i32>> = lab.all::<Pod>().iter().map(|p| indexes::of_pod(p)).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [Some(0), Some(1), Some(2)]);
    end(&mut lab, "Succeeded");
    let status = lab.get::<Job>("once").status.clone().unwrap_or_default();
    assert_eq!(status.completed_indexes.as_deref(), Some("0-2"));
    lab.advance(12_000);
    assert!(lab.try_get::<Job>("once").is_none());
}

#[test]
fn a_suspended_job_has_no_pods() {
    let mut lab = lab();
    job(&mut lab, &json!({"suspend": true}));
    assert!(lab.all::<Pod>().is_empty());
    assert_eq!(conditions(&lab), ["Suspended JobSuspended"]);
    lab.edit::<Job>("once", |j| j.spec.get_or_insert_default().suspend = Some(false)).advance(100);
    assert_eq!(lab.all::<Pod>().len(), 1);
}

fn end_with(lab: &mut Lab, name: &str, code: i32) {
    let now = lab.cluster.now();
    lab.edit_status::<Pod>(name, |p| {
        p.status.phase = Some(if code == 0 { "Succeeded" } else { "Failed" }.to_owned());
        let terminated = json!({"exitCode": code, "finishedAt": now.to_api(), "reason": "Error"});
        let status = json!({"name": "c", "image": "busybox", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": terminated}});
        p.status.container_statuses = serde_json::from_value(json!([status])).ok();
    });
    lab.advance(1100);
}

fn running(lab: &Lab) -> Vec<Arc<Pod>> {
    lab.all::<Pod>().into_iter().filter(|p| support::is_active(p)).collect()
}

#[test]
fn failed_pods_are_replaced_after_doubled_waits() {
    let mut lab = lab();
    job(&mut lab, &json!({"backoffLimit": 4}));
    for wait in [10, 20, 40, 80] {
        let first = running(&lab)[0].name_str().to_owned();
        end_with(&mut lab, &first, 1);
        lab.advance((wait - 2) * 1000);
        assert!(running(&lab).is_empty(), "after {wait} s");
        let status = lab.get::<Job>("once").status.clone().unwrap_or_default();
        assert_eq!((status.active, status.ready), (None, Some(0)));
        lab.advance(2000);
        assert_eq!(running(&lab).len(), 1, "after {wait} s");
    }
    let last = running(&lab)[0].name_str().to_owned();
    end_with(&mut lab, &last, 1);
    lab.advance(1100);
    assert_eq!(conditions(&lab), ["FailureTarget BackoffLimitExceeded", "Failed BackoffLimitExceeded"]);
    let status = lab.get::<Job>("once").status.clone().unwrap_or_default();
    assert_eq!(status.failed, Some(5));
}

#[test]
fn a_failure_policy_ignores_ends_or_counts() {
    for (action, code, expected, failed) in [
        ("Ignore", 7, "", None),
        ("FailJob", 7, "FailureTarget PodFailurePolicy,Failed PodFailurePolicy", Some(1)),
        ("FailJob", 8, "", Some(1)),
        ("Count", 7, "", Some(1)),
    ] {
        let mut lab = lab();
        let rule =
            json!({"action": action, "onExitCodes": {"containerName": "c", "operator": "In", "values": [7]}});
        job(&mut lab, &json!({"backoffLimit": 1, "podFailurePolicy": {"rules": [rule]}}));
        let first = running(&lab)[0].name_str().to_owned();
        end_with(&mut lab, &first, code);
        lab.advance(1100);
        assert_eq!(conditions(&lab).join(","), expected, "{action} {code}");
        let status = lab.get::<Job>("once").status.clone().unwrap_or_default();
        assert_eq!(status.failed, failed, "{action} {code}");
        if expected.contains("Policy") {
            let message = status.conditions.iter().flatten().next().and_then(|c| c.message.clone());
            let text = format!(
                "Container c for pod default/{first} failed with exit code 7 matching FailJob rule at index 0"
            );
            assert_eq!(message, Some(text));
        }
    }
}

#[test]
fn each_index_has_its_own_limit() {
    let mut lab = lab();
    let more =
        json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed", "backoffLimitPerIndex": 1});
    job(&mut lab, &more);
    for round in 0..2 {
        let pods = running(&lab);
        let failing = pods.iter().find(|p| indexes::of_pod(p) == Some(1)).map(|p| p.name_str().to_owned());
        end_with(&mut lab, failing.as_deref().unwrap_or(""), 3);
        lab.advance(12_000);
        let again =
            running(&lab).iter().find(|p| indexes::of_pod(p) == Some(1)).map(|p| indexes::failures_before(p));
        assert_eq!(again, (round == 0).then_some(1), "round {round}");
    }
    let status = lab.get::<Job>("once").status.clone().unwrap_or_default();
    assert_eq!(
        (status.failed_indexes.as_deref(), status.failed, status.active),
        (Some("1"), Some(2), Some(2))
    );
    end(&mut lab, "Succeeded");
    lab.advance(1100);
    assert_eq!(conditions(&lab), ["FailureTarget FailedIndexes", "Failed FailedIndexes"]);
}

#[test]
fn a_success_policy_ends_the_rest() {
    let mut lab = lab();
    let more = json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed",
        "successPolicy": {"rules": [{"succeededIndexes": "0"}]}});
    job(&mut lab, &more);
    let leader =
        running(&lab).iter().find(|p| indexes::of_pod(p) == Some(0)).map(|p| p.name_str().to_owned());
    end_with(&mut lab, leader.as_deref().unwrap_or(""), 0);
    lab.advance(2000);
    assert_eq!(conditions(&lab), ["SuccessCriteriaMet SuccessPolicy", "Complete SuccessPolicy"]);
    let status = lab.get::<Job>("once").status.clone().unwrap_or_default();
    assert_eq!((status.succeeded, status.failed, status.active), (Some(1), None, None));
}

#[test]
fn what_another_controller_manages_is_left_alone() {
    let mut lab = lab();
    job(&mut lab, &json!({"managedBy": "example.com/queue"}));
    assert!(lab.all::<Pod>().is_empty());
}

#[test]
fn pods_of_a_job_that_is_gone_can_go() {
    let mut lab = lab();
    job(&mut lab, &json!({}));
    lab.delete(Kind::Job, "once", &DeleteOptions::default());
    lab.advance(2000);
    assert!(lab.all::<Pod>().is_empty());
}
