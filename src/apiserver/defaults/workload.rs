//! Defaults of the workload kinds, autoscalers and disruption budgets.

use super::{count, percent, pod, text};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec};
use k8s_openapi::api::core::v1::{PodTemplateSpec, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

/// A template. It has a spec even when the manifest names none: validation then says what is missing.
pub fn template(template: &mut PodTemplateSpec) {
    template.metadata.get_or_insert_default();
    pod::pod_spec(template.spec.get_or_insert_default());
}

pub fn deployment(object: &mut Deployment) {
    let spec = object.spec.get_or_insert_default();
    spec.replicas.get_or_insert(1);
    spec.revision_history_limit.get_or_insert(10);
    spec.progress_deadline_seconds.get_or_insert(600);
    let strategy = spec.strategy.get_or_insert_default();
    text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        let rolling = strategy.rolling_update.get_or_insert_default();
        percent(&mut rolling.max_unavailable, "25%");
        percent(&mut rolling.max_surge, "25%");
    }
    template(&mut spec.template);
    object.status.get_or_insert_default();
}

pub fn replica_set(object: &mut ReplicaSet) {
    let spec = object.spec.get_or_insert_default();
    spec.replicas.get_or_insert(1);
    template(spec.template.get_or_insert_default());
    object.status.get_or_insert_default();
}

pub fn replication_controller(object: &mut ReplicationController) {
    let spec = object.spec.get_or_insert_default();
    spec.replicas.get_or_insert(1);
    let pods = spec.template.get_or_insert_default();
    template(pods);
    if let Some(labels) = pods.metadata.as_ref().and_then(|m| m.labels.as_ref()) {
        if spec.selector.as_ref().is_none_or(std::collections::BTreeMap::is_empty) {
            spec.selector = Some(labels.clone());
        }
        if object.metadata.labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty) {
            object.metadata.labels = Some(labels.clone());
        }
    }
    object.status.get_or_insert_default();
}

pub fn daemon_set(object: &mut DaemonSet) {
    let spec = object.spec.get_or_insert_default();
    spec.revision_history_limit.get_or_insert(10);
    let strategy = spec.update_strategy.get_or_insert_default();
    text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        let rolling = strategy.rolling_update.get_or_insert_default();
        count(&mut rolling.max_unavailable, 1);
        count(&mut rolling.max_surge, 0);
    }
    template(&mut spec.template);
    object.status.get_or_insert_default();
}

pub fn stateful_set(object: &mut StatefulSet) {
    let spec = object.spec.get_or_insert_default();
    spec.replicas.get_or_insert(1);
    spec.revision_history_limit.get_or_insert(10);
    text(&mut spec.pod_management_policy, "OrderedReady");
    let strategy = spec.update_strategy.get_or_insert_default();
    if strategy.type_.is_none() {
        text(&mut strategy.type_, "RollingUpdate");
        strategy.rolling_update.get_or_insert_default();
    }
    if strategy.type_.as_deref() == Some("RollingUpdate")
        && let Some(rolling) = &mut strategy.rolling_update
    {
        rolling.partition.get_or_insert(0);
    }
    let retention = spec.persistent_volume_claim_retention_policy.get_or_insert_default();
    text(&mut retention.when_deleted, "Retain");
    text(&mut retention.when_scaled, "Retain");
    for claim in spec.volume_claim_templates.iter_mut().flatten() {
        super::storage::claim_spec(claim.spec.get_or_insert_default());
        text(&mut claim.status.get_or_insert_default().phase, "Pending");
    }
    template(&mut spec.template);
    let status = object.status.get_or_insert_default();
    status.available_replicas.get_or_insert(0);
}

pub fn job(object: &mut Job) {
    let spec = object.spec.get_or_insert_default();
    job_spec(spec);
    if object.metadata.labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty) {
        object.metadata.labels = spec.template.metadata.as_ref().and_then(|m| m.labels.clone());
    }
    object.status.get_or_insert_default();
}

fn job_spec(spec: &mut JobSpec) {
    if spec.completions.is_none() && spec.parallelism.is_none() {
        spec.completions = Some(1);
    }
    spec.parallelism.get_or_insert(1);
    let limit = if spec.backoff_limit_per_index.is_some() { i32::MAX } else { 6 };
    spec.backoff_limit.get_or_insert(limit);
    text(&mut spec.completion_mode, "NonIndexed");
    spec.suspend.get_or_insert(false);
    spec.manual_selector.get_or_insert(false);
    let replacement = if spec.pod_failure_policy.is_some() { "Failed" } else { "TerminatingOrFailed" };
    text(&mut spec.pod_replacement_policy, replacement);
    failure_policy(spec);
    template(&mut spec.template);
}

/// A pattern that names a condition means that it is true.
fn failure_policy(spec: &mut JobSpec) {
    let rules = spec.pod_failure_policy.iter_mut().flat_map(|policy| &mut policy.rules);
    for pattern in rules.flat_map(|rule| rule.on_pod_conditions.iter_mut().flatten()) {
        text(&mut pattern.status, "True");
    }
}

pub fn cron_job(object: &mut CronJob) {
    let spec = &mut object.spec;
    text(&mut spec.concurrency_policy, "Allow");
    spec.suspend.get_or_insert(false);
    spec.successful_jobs_history_limit.get_or_insert(3);
    spec.failed_jobs_history_limit.get_or_insert(1);
    spec.job_template.metadata.get_or_insert_default();
    let job = spec.job_template.spec.get_or_insert_default();
    failure_policy(job);
    template(&mut job.template);
    object.status.get_or_insert_default();
}

pub fn autoscaler(object: &mut HorizontalPodAutoscaler) {
    let spec = &mut object.spec;
    spec.min_replicas.get_or_insert(1);
    if spec.metrics.as_ref().is_none_or(Vec::is_empty) {
        let target = MetricTarget {
            type_: "Utilization".to_owned(),
            average_utilization: Some(80),
            ..MetricTarget::default()
        };
        let resource = ResourceMetricSource { name: "cpu".to_owned(), target };
        spec.metrics = Some(vec![MetricSpec {
            type_: "Resource".to_owned(),
            resource: Some(resource),
            ..MetricSpec::default()
        }]);
    }
    if let Some(behavior) = &mut spec.behavior {
        let up = [("Pods", 4), ("Percent", 100)];
        rules(behavior.scale_up.get_or_insert_default(), Some(0), &up);
        rules(behavior.scale_down.get_or_insert_default(), None, &[("Percent", 100)]);
    }
    object.status.get_or_insert_default();
}

/// Rules of an autoscaler: what is not said of them is as without rules, 15 seconds at a time.
fn rules(rules: &mut HPAScalingRules, window: Option<i32>, policies: &[(&str, i32)]) {
    rules.stabilization_window_seconds = rules.stabilization_window_seconds.or(window);
    text(&mut rules.select_policy, "Max");
    rules.policies.get_or_insert_with(|| {
        let policy = |(type_, value): &(&str, i32)| HPAScalingPolicy {
            period_seconds: 15,
            type_: (*type_).to_owned(),
            value: *value,
        };
        policies.iter().map(policy).collect()
    });
}

pub fn budget(object: &mut PodDisruptionBudget) {
    let status = object.status.get_or_insert_default();
    for number in [
        &mut status.current_healthy,
        &mut status.desired_healthy,
        &mut status.disruptions_allowed,
        &mut status.expected_pods,
    ] {
        number.get_or_insert(0);
    }
}
