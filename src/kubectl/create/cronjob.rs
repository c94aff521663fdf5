//! `kubectl create cronjob`.

use super::{Generated, Options, job, named};
use serde_json::json;

/// The `CronJob` of `--image`, `--schedule`, `--restart` and the command after `--`.
pub fn generate(options: &Options) -> Generated {
    let restart = options.text("restart");
    let restart = if restart.is_empty() { "OnFailure" } else { restart };
    let mut cron_job = named("batch/v1", "CronJob", options);
    cron_job["spec"] = json!({
        "schedule": options.text("schedule"),
        "jobTemplate": {
            "metadata": {"name": options.name},
            "spec": {"template": job::pod_template(options, restart)},
        },
    });
    cron_job["status"] = json!({});
    Ok(cron_job)
}
