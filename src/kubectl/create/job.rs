//! `kubectl create job`: from an image, or from the template of a `CronJob`.

use super::{Generated, Options, named};
use serde_json::{Value, json};

/// The Job of `--image` and the command after `--`.
pub fn generate(options: &Options) -> Generated {
    let mut job = named("batch/v1", "Job", options);
    job["spec"] = json!({"template": pod_template(options, "Never")});
    job["status"] = json!({});
    Ok(job)
}

/// The pod template that jobs and cron jobs are made with.
pub fn pod_template(options: &Options, restart_policy: &str) -> Value {
    let mut container = json!({"name": options.name, "image": options.text("image"), "resources": {}});
    if !options.command().is_empty() {
        container["command"] = json!(options.command());
    }
    json!({"metadata": {}, "spec": {"containers": [container], "restartPolicy": restart_policy}})
}

/// The Job that `--from=cronjob/…` makes: the `CronJob`'s template, owned by it, and marked as made by hand.
pub fn from_cron_job(options: &Options, cron_job: &Value) -> Value {
    let template = &cron_job["spec"]["jobTemplate"];
    let mut job = named("batch/v1", "Job", options);
    let mut annotations = template["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.insert("cronjob.kubernetes.io/instantiate".to_owned(), json!("manual"));
    let meta = &mut job["metadata"];
    meta["annotations"] = Value::Object(annotations);
    if template["metadata"]["labels"].is_object() {
        meta["labels"] = template["metadata"]["labels"].clone();
    }
    meta["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "CronJob", "controller": true,
        "name": cron_job["metadata"]["name"], "uid": cron_job["metadata"]["uid"],
    }]);
    job["spec"] = template["spec"].clone();
    job["status"] = json!({});
    job
}
