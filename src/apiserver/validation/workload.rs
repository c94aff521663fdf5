//! Validation of the workload kinds, autoscalers and disruption budgets.

use super::{Errors, Path, names, pod};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec};
use k8s_openapi::api::core::v1::{PodTemplateSpec, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;
use std::collections::BTreeMap;

const SPEC: Path = Path::new("spec");

/// A label selector.
pub fn selector(selector: &LabelSelector, path: Path, errors: &mut Errors) {
    super::meta::labels(selector.match_labels.as_ref(), path.child("matchLabels"), errors);
    for (index, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let list = path.child("matchExpressions");
        let path = list.index(index);
        let count = expression.values.as_ref().map_or(0, Vec::len);
        match expression.operator.as_str() {
            "In" | "NotIn" if count == 0 => {
                errors.required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if count > 0 => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.forbidden(path.child("values"), why);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.invalid(path.child("operator"), other, "not a valid selector operator"),
        }
        errors.all(path.child("key"), &expression.key, names::qualified(&expression.key));
    }
}

fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
}

/// The selector of a workload: there, not empty, and it selects the template's pods.
fn workload_selector(chosen: &LabelSelector, template: &PodTemplateSpec, errors: &mut Errors) {
    let path = SPEC.child("selector");
    if is_empty(chosen) {
        // The types cannot tell a missing selector from an empty one; a manifest nearly always lacks it.
        errors.required(path, "");
        errors.invalid(
            SPEC.child("template").child("metadata").child("labels"),
            labels_of(template),
            "`selector` does not match template `labels`",
        );
        return;
    }
    selector(chosen, path, errors);
    let empty = BTreeMap::new();
    let labels = template.metadata.as_ref().and_then(|m| m.labels.as_ref()).unwrap_or(&empty);
    if !crate::object::selector::Selector::from_api(Some(chosen)).matches(labels) {
        errors.invalid(
            SPEC.child("template").child("metadata").child("labels"),
            labels_of(template),
            "`selector` does not match template `labels`",
        );
    }
}

fn labels_of(template: &PodTemplateSpec) -> serde_json::Value {
    json!(template.metadata.as_ref().and_then(|m| m.labels.as_ref()))
}

/// The template of pods that run for ever.
fn template(template: &PodTemplateSpec, errors: &mut Errors) {
    pod::template(template, SPEC.child("template"), errors);
    runs_for_ever(template, "activeDeadlineSeconds in ReplicaSet is not Supported", errors);
}

fn runs_for_ever(template: &PodTemplateSpec, no_deadline: &str, errors: &mut Errors) {
    let spec = template.spec.as_ref();
    let path = SPEC.child("template");
    let path = path.child("spec");
    let policy = spec.and_then(|s| s.restart_policy.as_deref()).unwrap_or("Always");
    if matches!(policy, "OnFailure" | "Never") {
        errors.unsupported(path.child("restartPolicy"), policy, &["Always"]);
    }
    if spec.is_some_and(|s| s.active_deadline_seconds.is_some()) {
        errors.forbidden(path.child("activeDeadlineSeconds"), no_deadline);
    }
}

fn counts(list: &[(&str, Option<i32>)], errors: &mut Errors) {
    for (field, value) in list {
        errors.not_negative(SPEC.child(field), value.map(i64::from));
    }
}

pub fn deployment(o: &Deployment, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    counts(&[("replicas", spec.replicas)], errors);
    workload_selector(&spec.selector, &spec.template, errors);
    template(&spec.template, errors);
    if let Some(strategy) = &spec.strategy {
        let path = SPEC.child("strategy");
        match strategy.type_.as_deref().unwrap_or("") {
            "Recreate" if strategy.rolling_update.is_some() => errors.forbidden(
                path.child("rollingUpdate"),
                "may not be specified when strategy `type` is 'Recreate'",
            ),
            "Recreate" => {}
            "RollingUpdate" => match &strategy.rolling_update {
                None => {
                    errors.required(path.child("rollingUpdate"), "this should be defaulted and never be nil");
                }
                Some(rolling) => {
                    let path = path.child("rollingUpdate");
                    let (surge, unavailable) = (rolling.max_surge.as_ref(), rolling.max_unavailable.as_ref());
                    rolling_numbers(surge, unavailable, path, errors);
                    if is_zero(unavailable) && is_zero(surge) {
                        let why = "may not be 0 when `maxSurge` is 0";
                        errors.invalid(path.child("maxUnavailable"), json!(unavailable), why);
                    }
                    not_above_hundred(unavailable, path.child("maxUnavailable"), errors);
                }
            },
            other => errors.unsupported(path.child("type"), other, &["Recreate", "RollingUpdate"]),
        }
    }
    counts(
        &[("minReadySeconds", spec.min_ready_seconds), ("revisionHistoryLimit", spec.revision_history_limit)],
        errors,
    );
    if let Some(deadline) = spec.progress_deadline_seconds {
        let path = SPEC.child("progressDeadlineSeconds");
        errors.not_negative(path, Some(i64::from(deadline)));
        if deadline <= spec.min_ready_seconds.unwrap_or(0) {
            errors.invalid(path, deadline, "must be greater than minReadySeconds");
        }
    }
}

fn rolling_numbers(
    surge: Option<&IntOrString>,
    unavailable: Option<&IntOrString>,
    path: Path,
    errors: &mut Errors,
) {
    for (field, value) in [("maxUnavailable", unavailable), ("maxSurge", surge)] {
        if let Some(value) = value {
            count_or_percent(value, path.child(field), errors);
        }
    }
}

/// A number that is not negative, or a percentage.
fn count_or_percent(value: &IntOrString, path: Path, errors: &mut Errors) {
    match value {
        IntOrString::Int(number) => errors.not_negative(path, Some(i64::from(*number))),
        IntOrString::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or("");
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                let why = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
                errors.invalid(path, text.as_str(), why);
            }
        }
    }
}

fn not_above_hundred(value: Option<&IntOrString>, path: Path, errors: &mut Errors) {
    if let Some(IntOrString::String(text)) = value
        && text.strip_suffix('%').and_then(|d| d.parse::<u64>().ok()).is_some_and(|p| p > 100)
    {
        errors.invalid(path, text.as_str(), "must not be greater than 100%");
    }
}

fn is_zero(value: Option<&IntOrString>) -> bool {
    match value {
        None => true,
        Some(IntOrString::Int(number)) => *number == 0,
        Some(IntOrString::String(text)) => text.trim_end_matches('%').parse() == Ok(0),
    }
}

pub fn replica_set(o: &ReplicaSet, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    counts(&[("replicas", spec.replicas), ("minReadySeconds", spec.min_ready_seconds)], errors);
    let empty = PodTemplateSpec::default();
    let pods = spec.template.as_ref().unwrap_or(&empty);
    workload_selector(&spec.selector, pods, errors);
    template(pods, errors);
}

pub fn replication_controller(o: &ReplicationController, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    counts(&[("minReadySeconds", spec.min_ready_seconds)], errors);
    let empty = BTreeMap::new();
    let chosen = spec.selector.as_ref().unwrap_or(&empty);
    if chosen.is_empty() {
        errors.required(SPEC.child("selector"), "");
    }
    counts(&[("replicas", spec.replicas)], errors);
    let Some(pods) = &spec.template else {
        errors.required(SPEC.child("template"), "");
        return;
    };
    let labels = pods.metadata.as_ref().and_then(|m| m.labels.as_ref()).unwrap_or(&empty);
    if !crate::object::selector::Selector::from_map(chosen).matches(labels) {
        errors.invalid(
            SPEC.child("template").child("metadata").child("labels"),
            json!(labels),
            "`selector` does not match template `labels`",
        );
    }
    template(pods, errors);
}

pub fn daemon_set(o: &DaemonSet, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    workload_selector(&spec.selector, &spec.template, errors);
    template(&spec.template, errors);
    counts(&[("minReadySeconds", spec.min_ready_seconds)], errors);
    let path = SPEC.child("updateStrategy");
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    match strategy.type_.as_deref().unwrap_or("") {
        "OnDelete" => {}
        "RollingUpdate" => match &strategy.rolling_update {
            None => errors.required(path.child("rollingUpdate"), ""),
            Some(rolling) => {
                let path = path.child("rollingUpdate");
                let (surge, unavailable) = (rolling.max_surge.as_ref(), rolling.max_unavailable.as_ref());
                rolling_numbers(surge, unavailable, path, errors);
                not_above_hundred(unavailable, path.child("maxUnavailable"), errors);
                not_above_hundred(surge, path.child("maxSurge"), errors);
                match (is_zero(surge), is_zero(unavailable)) {
                    (true, true) => errors.invalid(
                        path.child("maxUnavailable"),
                        json!(unavailable),
                        "cannot be 0 when maxSurge is 0",
                    ),
                    (false, false) => errors.invalid(
                        path.child("maxSurge"),
                        json!(surge),
                        "may not be set when maxUnavailable is non-zero",
                    ),
                    _ => {}
                }
            }
        },
        other => errors.unsupported(path.child("type"), other, &["RollingUpdate", "OnDelete"]),
    }
    counts(&[("revisionHistoryLimit", spec.revision_history_limit)], errors);
}

pub fn stateful_set(o: &StatefulSet, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    errors.one_of(
        SPEC.child("podManagementPolicy"),
        spec.pod_management_policy.as_deref(),
        &["OrderedReady", "Parallel"],
    );
    let path = SPEC.child("updateStrategy");
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    match strategy.type_.as_deref().unwrap_or("") {
        "" => errors.required(path, ""),
        "OnDelete" if strategy.rolling_update.is_some() => errors.invalid(
            path.child("rollingUpdate"),
            json!(strategy.rolling_update),
            "only allowed for updateStrategy 'RollingUpdate'",
        ),
        "OnDelete" => {}
        "RollingUpdate" => {
            if let Some(rolling) = &strategy.rolling_update {
                let path = path.child("rollingUpdate");
                errors.not_negative(path.child("partition"), rolling.partition.map(i64::from));
                if let Some(value) = &rolling.max_unavailable {
                    count_or_percent(value, path.child("maxUnavailable"), errors);
                    if is_zero(Some(value)) {
                        errors.invalid(path.child("maxUnavailable"), json!(value), "cannot be 0");
                    }
                }
            }
        }
        other => {
            let why = "must be 'RollingUpdate' or 'OnDelete'";
            errors.invalid(path, json!({"type": other}), why);
        }
    }
    counts(
        &[
            ("replicas", spec.replicas),
            ("minReadySeconds", spec.min_ready_seconds),
            ("revisionHistoryLimit", spec.revision_history_limit),
        ],
        errors,
    );
    workload_selector(&spec.selector, &spec.template, errors);
    // The pod's own spec is validated with each pod: its mounts may name claims that are not among its volumes yet.
    runs_for_ever(&spec.template, "activeDeadlineSeconds in StatefulSet is not Supported", errors);
}

const STATEFUL_MUTABLE: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

pub fn stateful_set_update(new: &StatefulSet, old: &StatefulSet, errors: &mut Errors) {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    if new.selector != old.selector
        || new.service_name != old.service_name
        || new.pod_management_policy != old.pod_management_policy
        || new.volume_claim_templates != old.volume_claim_templates
    {
        errors.forbidden(SPEC, STATEFUL_MUTABLE);
    }
}

/// A selector may not change.
pub fn selector_stays(new: Option<&LabelSelector>, old: Option<&LabelSelector>, errors: &mut Errors) {
    errors.immutable(SPEC.child("selector"), &new, &old);
}

pub fn job(o: &Job, errors: &mut Errors) {
    if let Some(spec) = &o.spec {
        job_spec(spec, SPEC, errors);
    }
}

fn job_spec(spec: &JobSpec, path: Path, errors: &mut Errors) {
    for (field, value) in [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished.map(i64::from)),
    ] {
        errors.not_negative(path.child(field), value);
    }
    let mode = spec.completion_mode.as_deref().unwrap_or("NonIndexed");
    if !matches!(mode, "NonIndexed" | "Indexed") {
        errors.unsupported(path.child("completionMode"), mode, &["NonIndexed", "Indexed"]);
    }
    if mode == "Indexed" && spec.completions.is_none() {
        errors.required(path.child("completions"), "when completion mode is Indexed");
    }
    pod::template(&spec.template, path.child("template"), errors);
    let policy = spec.template.spec.as_ref().and_then(|s| s.restart_policy.as_deref()).unwrap_or("Always");
    if !matches!(policy, "OnFailure" | "Never") {
        let template = path.child("template");
        let pods = template.child("spec");
        errors.required(pods.child("restartPolicy"), "valid values: \"OnFailure\", \"Never\"");
    }
}

pub fn job_update(new: &Job, old: &Job, errors: &mut Errors) {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    if new.completion_mode.as_deref() != Some("Indexed") || new.completions != new.parallelism {
        errors.immutable(SPEC.child("completions"), &new.completions, &old.completions);
    }
    errors.immutable(SPEC.child("selector"), &new.selector, &old.selector);
    let suspended = old.suspend == Some(true);
    if !suspended {
        errors.immutable(SPEC.child("template"), &new.template, &old.template);
    }
    errors.immutable(SPEC.child("completionMode"), &new.completion_mode, &old.completion_mode);
    errors.immutable(SPEC.child("podFailurePolicy"), &new.pod_failure_policy, &old.pod_failure_policy);
}

pub fn cron_job(o: &CronJob, errors: &mut Errors) {
    let spec = &o.spec;
    if spec.schedule.is_empty() {
        errors.required(SPEC.child("schedule"), "");
    } else if let Some(why) = schedule_error(&spec.schedule) {
        errors.invalid(SPEC.child("schedule"), spec.schedule.as_str(), why);
    }
    errors.not_negative(SPEC.child("startingDeadlineSeconds"), spec.starting_deadline_seconds);
    errors.one_of(
        SPEC.child("concurrencyPolicy"),
        spec.concurrency_policy.as_deref(),
        &["Allow", "Forbid", "Replace"],
    );
    counts(
        &[
            ("successfulJobsHistoryLimit", spec.successful_jobs_history_limit),
            ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
        ],
        errors,
    );
    if let Some(job) = &spec.job_template.spec {
        let path = SPEC.child("jobTemplate");
        job_spec(job, path.child("spec"), errors);
    }
}

/// What the schedule's parser (`robfig/cron`) says.
fn schedule_error(schedule: &str) -> Option<String> {
    if let Some(word) = schedule.strip_prefix('@') {
        let known = ["yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"];
        let every = word.strip_prefix("every ").is_some();
        return (!known.contains(&word) && !every).then(|| format!("unrecognized descriptor: {schedule}"));
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != 5 {
        return Some(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    fields
        .iter()
        .zip(bounds)
        .find_map(|(field, (low, high))| field.split(',').find_map(|part| range_error(part, low, high)))
}

fn range_error(part: &str, low: u32, high: u32) -> Option<String> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if let Some(step) = step {
        match step.parse::<u32>() {
            Ok(0) => return Some(format!("step of range should be a positive number: {part}")),
            Ok(_) => {}
            Err(_) => {
                return Some(format!(
                    "failed to parse int from {step}: strconv.Atoi: parsing \"{step}\": invalid syntax"
                ));
            }
        }
    }
    if matches!(range, "*" | "?") {
        return None;
    }
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let named = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
    if named(from) && named(to) && low + high <= 13 {
        return None;
    }
    for end in [from, to] {
        let Ok(number) = end.parse::<u32>() else {
            return Some(format!(
                "failed to parse int from {end}: strconv.Atoi: parsing \"{end}\": invalid syntax"
            ));
        };
        if number < low {
            return Some(format!("beginning of range ({number}) below minimum ({low}): {part}"));
        }
        if number > high {
            return Some(format!("end of range ({number}) above maximum ({high}): {part}"));
        }
    }
    None
}

pub fn autoscaler(o: &HorizontalPodAutoscaler, errors: &mut Errors) {
    let spec = &o.spec;
    if let Some(min) = spec.min_replicas.filter(|n| *n < 1) {
        errors.invalid(SPEC.child("minReplicas"), min, "must be greater than or equal to 1");
    }
    if spec.max_replicas < 1 {
        errors.invalid(SPEC.child("maxReplicas"), spec.max_replicas, "must be greater than 0");
    }
    if spec.min_replicas.is_some_and(|min| min > spec.max_replicas) {
        let why = "must be greater than or equal to `minReplicas`";
        errors.invalid(SPEC.child("maxReplicas"), spec.max_replicas, why);
    }
    let path = SPEC.child("scaleTargetRef");
    for (field, value) in [("kind", &spec.scale_target_ref.kind), ("name", &spec.scale_target_ref.name)] {
        if value.is_empty() {
            errors.required(path.child(field), "");
        }
    }
    for (index, metric) in spec.metrics.iter().flatten().enumerate() {
        let list = SPEC.child("metrics");
        let path = list.index(index);
        if let Some(resource) = &metric.resource {
            let path = path.child("resource");
            if resource.name.is_empty() {
                errors.required(path.child("name"), "must specify a resource name");
            }
            if let Some(percent) = resource.target.average_utilization.filter(|p| *p < 1) {
                let path = path.child("target");
                errors.invalid(path.child("averageUtilization"), percent, "must be greater than 0");
            }
        }
    }
}

pub fn budget(o: &PodDisruptionBudget, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let shown = json!({
            "MinAvailable": spec.min_available, "Selector": spec.selector, "MaxUnavailable": spec.max_unavailable,
            "UnhealthyPodEvictionPolicy": spec.unhealthy_pod_eviction_policy,
        });
        errors.invalid(SPEC, shown, "minAvailable and maxUnavailable cannot be both set");
    }
    for (field, value) in [("minAvailable", &spec.min_available), ("maxUnavailable", &spec.max_unavailable)] {
        if let Some(value) = value {
            count_or_percent(value, SPEC.child(field), errors);
            not_above_hundred(Some(value), SPEC.child(field), errors);
        }
    }
    if let Some(policy) = spec.unhealthy_pod_eviction_policy.as_deref() {
        let all = ["AlwaysAllow", "IfHealthyBudget"];
        errors.one_of(SPEC.child("unhealthyPodEvictionPolicy"), Some(policy), &all);
    }
    if let Some(chosen) = &spec.selector {
        selector(chosen, SPEC.child("selector"), errors);
    }
}
