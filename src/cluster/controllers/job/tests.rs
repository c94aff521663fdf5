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
    lab.advance(100);
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
