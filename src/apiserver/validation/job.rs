//! Validation of Jobs and of the job templates in cron jobs.

use super::{Errors, Path, diff, names, pod};
use crate::object::selector::Selector;
use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicyRule,
};
use k8s_openapi::api::core::v1::{Affinity, PodTemplateSpec};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const SPEC: Path = Path::new("spec");
/// How many rules a policy may have.
const RULES: usize = 20;
/// How many pods of an indexed job may run at a time, and how many of its indexes may fail.
const INDEXED: i32 = 100_000;

pub fn job(o: &Job, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    self::spec(spec, SPEC, errors);
    if let Some(selector) = &spec.selector {
        super::workload::selector(selector, SPEC.child("selector"), errors);
        let empty = BTreeMap::new();
        let labels = spec.template.metadata.as_ref().and_then(|m| m.labels.as_ref()).unwrap_or(&empty);
        if !Selector::from_api(Some(selector)).matches(labels) {
            errors.invalid(
                SPEC.child("template").child("metadata").child("labels"),
                json!(labels),
                "`selector` does not match template `labels`",
            );
        }
    }
    let last = spec.completions.filter(|n| *n > 0 && spec.completion_mode.as_deref() == Some("Indexed"));
    if let Some(last) = last {
        let name = o.metadata.name.as_deref().unwrap_or("");
        let host = format!("{name}-{}", last - 1);
        if !names::label(&host).is_empty() {
            let why = format!("will not able to create pod with invalid DNS label: {host}");
            errors.invalid(Path::new("metadata").child("name"), name, why);
        }
    }
}

/// The spec of a job, by itself or in a template.
pub fn spec(spec: &JobSpec, path: Path, errors: &mut Errors) {
    for (field, value) in [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished.map(i64::from)),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index.map(i64::from)),
        ("maxFailedIndexes", spec.max_failed_indexes.map(i64::from)),
    ] {
        errors.not_negative(path.child(field), value);
    }
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        errors.required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    }
    indexes(spec, path, errors);
    if let Some(policy) = &spec.pod_failure_policy {
        let path = path.child("podFailurePolicy");
        let list = path.child("rules");
        if policy.rules.len() > RULES {
            errors.too_many(list, policy.rules.len(), RULES);
        }
        for (index, rule) in policy.rules.iter().enumerate() {
            failure_rule(spec, rule, list.index(index), errors);
        }
    }
    if let Some(policy) = &spec.success_policy {
        let path = path.child("successPolicy");
        if spec.completion_mode.as_deref() == Some("Indexed") {
            let list = path.child("rules");
            if policy.rules.is_empty() {
                let why = "at least one rules must be specified when the successPolicy is specified";
                errors.required(list, why);
            }
            if policy.rules.len() > RULES {
                errors.too_many(list, policy.rules.len(), RULES);
            }
            for (index, rule) in policy.rules.iter().enumerate() {
                success_rule(rule, spec.completions.unwrap_or(0), list.index(index), errors);
            }
        } else {
            errors.raw(path, &diff::success_policy(policy), "requires indexed completion mode");
        }
    }
    if let Some(when) = spec.pod_replacement_policy.as_deref() {
        let known: &[&str] =
            if spec.pod_failure_policy.is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
        errors.supported(path.child("podReplacementPolicy"), Some(when), known);
    }
    pod::template(&spec.template, path.child("template"), errors);
    restarts(spec, path, errors);
}

fn restarts(spec: &JobSpec, path: Path, errors: &mut Errors) {
    let template = path.child("template");
    let pods = template.child("spec");
    let path = pods.child("restartPolicy");
    let policy = spec.template.spec.as_ref().and_then(|s| s.restart_policy.as_deref()).unwrap_or("");
    match policy {
        "" | "Always" => errors.required(path, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if spec.pod_failure_policy.is_some() => {
            let why = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.invalid(path, policy, why);
        }
        _ => errors.supported(path, Some(policy), &["OnFailure", "Never"]),
    }
}

fn indexes(spec: &JobSpec, path: Path, errors: &mut Errors) {
    let mode = spec.completion_mode.as_deref().unwrap_or("NonIndexed");
    errors.supported(path.child("completionMode"), Some(mode), &["NonIndexed", "Indexed"]);
    let failed = path.child("maxFailedIndexes");
    if mode == "NonIndexed" {
        for (field, value) in [
            ("backoffLimitPerIndex", spec.backoff_limit_per_index),
            ("maxFailedIndexes", spec.max_failed_indexes),
        ] {
            if let Some(value) = value {
                errors.invalid(path.child(field), value, "requires indexed completion mode");
            }
        }
    }
    if mode != "Indexed" {
        return;
    }
    if spec.completions.is_none() {
        errors.required(path.child("completions"), "when completion mode is Indexed");
    }
    if let Some(many) = spec.parallelism.filter(|n| *n > INDEXED) {
        let why = format!("must be less than or equal to {INDEXED} when completion mode is Indexed");
        errors.invalid(path.child("parallelism"), many, why);
    }
    let Some(most) = spec.max_failed_indexes else { return };
    if spec.completions.is_some_and(|all| most > all) {
        errors.invalid(failed, most, "must be less than or equal to completions");
    }
    if most > INDEXED {
        errors.invalid(failed, most, format!("must be less than or equal to {INDEXED}"));
    }
}

fn failure_rule(spec: &JobSpec, rule: &PodFailurePolicyRule, path: Path, errors: &mut Errors) {
    let action = path.child("action");
    match rule.action.as_str() {
        "" => errors.required(action, "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"),
        "FailIndex" if spec.backoff_limit_per_index.is_none() => {
            errors.invalid(action, "FailIndex", "requires the backoffLimitPerIndex to be set");
        }
        other => errors.supported(action, Some(other), &["Count", "FailIndex", "FailJob", "Ignore"]),
    }
    if let Some(codes) = &rule.on_exit_codes {
        exit_codes(spec, codes, path.child("onExitCodes"), errors);
    }
    let conditions = rule.on_pod_conditions.as_deref().unwrap_or_default();
    let list = path.child("onPodConditions");
    if conditions.len() > RULES {
        errors.too_many(list, conditions.len(), RULES);
    }
    for (index, pattern) in conditions.iter().enumerate() {
        let path = list.index(index);
        errors.all(path.child("type"), &pattern.type_, names::qualified(&pattern.type_));
        match pattern.status.as_deref().unwrap_or("") {
            "" => errors.required(path.child("status"), "valid values: [\"False\" \"True\" \"Unknown\"]"),
            other => errors.supported(path.child("status"), Some(other), &["False", "True", "Unknown"]),
        }
    }
    match (rule.on_exit_codes.is_some(), conditions.is_empty()) {
        (true, false) => {
            errors.plain(path, "specifying both OnExitCodes and OnPodConditions is not supported");
        }
        (false, true) => errors.plain(path, "specifying one of OnExitCodes and OnPodConditions is required"),
        _ => {}
    }
}

fn exit_codes(
    spec: &JobSpec,
    codes: &PodFailurePolicyOnExitCodesRequirement,
    path: Path,
    errors: &mut Errors,
) {
    match codes.operator.as_str() {
        "" => errors.required(path.child("operator"), "valid values: [\"In\" \"NotIn\"]"),
        other => errors.supported(path.child("operator"), Some(other), &["In", "NotIn"]),
    }
    if let (Some(name), Some(pods)) = (codes.container_name.as_deref(), &spec.template.spec) {
        let mut all = pods.containers.iter().chain(pods.init_containers.iter().flatten());
        if !all.any(|c| c.name == name) {
            let why = "must be one of the container or initContainer names in the pod template";
            errors.invalid(path.child("containerName"), name, why);
        }
    }
    let list = path.child("values");
    if codes.values.is_empty() {
        errors.invalid(list, json!(codes.values), "at least one value is required");
    } else if codes.values.len() > 255 {
        errors.too_many(list, codes.values.len(), 255);
    }
    let mut seen = BTreeSet::new();
    for (index, code) in codes.values.iter().enumerate() {
        if codes.operator == "In" && *code == 0 {
            errors.invalid(list.index(index), *code, "must not be 0 for the In operator");
        }
        if !seen.insert(code) {
            errors.duplicate(list.index(index), *code);
        }
    }
    if !codes.values.is_sorted() {
        errors.invalid(list, json!(codes.values), "must be ordered");
    }
}

fn success_rule(rule: &SuccessPolicyRule, completions: i32, path: Path, errors: &mut Errors) {
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        let why = "at least one of succeededCount or succeededIndexes must be specified";
        errors.required(path, why);
    }
    let mut listed = None;
    if let Some(indexes) = rule.succeeded_indexes.as_deref() {
        match count_indexes(indexes, completions) {
            Ok(count) => listed = Some(count),
            Err(why) => {
                let why = format!("error parsing succeededIndexes: {why}");
                errors.invalid(path.child("succeededIndexes"), indexes, why);
            }
        }
    }
    let Some(count) = rule.succeeded_count else { return };
    let path = path.child("succeededCount");
    errors.not_negative(path, Some(i64::from(count)));
    if count > completions {
        let why =
            format!("must be less than or equal to {completions} (the number of specified completions)");
        errors.invalid(path, count, why);
    }
    if let Some(listed) = listed.filter(|listed| count > *listed) {
        let why = format!(
            "must be less than or equal to {listed} (the number of indexes in the specified succeededIndexes field)"
        );
        errors.invalid(path, count, why);
    }
}

/// How many indexes `0,2-4` names, of those below `completions`.
fn count_indexes(text: &str, completions: i32) -> Result<i32, String> {
    let (mut total, mut last) = (0, None);
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let ends: Vec<&str> = part.split('-').collect();
        if ends.len() > 2 {
            return Err(format!(
                "the fragment \"{part}\" violates the requirement that an index interval can have at most two parts separated by '-'"
            ));
        }
        let mut numbers = Vec::new();
        for end in ends {
            let number: i32 =
                end.parse().map_err(|_| format!("cannot convert string to integer for index: \"{end}\""))?;
            if number >= completions {
                return Err(format!("too large index: \"{end}\""));
            }
            numbers.push(number);
        }
        let (first, end) = (numbers[0], *numbers.last().unwrap_or(&0));
        if last.is_some_and(|last| last >= first) || first > end || (numbers.len() == 2 && first == end) {
            let before = last.map_or(first, |last| if last >= first { last } else { first });
            return Err(format!("non-increasing order, previous: {before}, current: {end}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

/// What may not change in a job, once it is there.
pub fn update(new: &Job, old: &Job, errors: &mut Errors) {
    let held = old.status.as_ref().is_none_or(|s| s.start_time.is_none());
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    let path = SPEC.child("completions");
    if new.completion_mode.as_deref() != Some("Indexed") {
        errors.immutable(path, &new.completions, &old.completions);
    } else if new.completions != old.completions && new.completions != new.parallelism {
        let why = "can only be modified in tandem with spec.parallelism";
        errors.invalid(path, json!(new.completions), why);
    }
    errors.immutable(SPEC.child("selector"), &new.selector, &old.selector);
    let mut before = old.template.clone();
    if old.suspend == Some(true) && held {
        schedulable(new, &mut before);
    }
    if new.template != before {
        errors.raw(SPEC.child("template"), &diff::template(&new.template), "field is immutable");
    }
    errors.immutable(SPEC.child("completionMode"), &new.completion_mode, &old.completion_mode);
    errors.immutable(SPEC.child("podFailurePolicy"), &new.pod_failure_policy, &old.pod_failure_policy);
    let (now, then) = (&new.backoff_limit_per_index, &old.backoff_limit_per_index);
    errors.immutable(SPEC.child("backoffLimitPerIndex"), now, then);
    errors.immutable(SPEC.child("successPolicy"), &new.success_policy, &old.success_policy);
}

/// Where a suspended job that has not begun will run may still change.
fn schedulable(new: &JobSpec, before: &mut PodTemplateSpec) {
    if let Some(meta) = &new.template.metadata {
        let own = before.metadata.get_or_insert_default();
        own.labels.clone_from(&meta.labels);
        own.annotations.clone_from(&meta.annotations);
    }
    let (Some(pods), Some(own)) = (&new.template.spec, &mut before.spec) else { return };
    own.node_selector.clone_from(&pods.node_selector);
    own.tolerations.clone_from(&pods.tolerations);
    own.scheduling_gates.clone_from(&pods.scheduling_gates);
    let affinity = pods.affinity.as_ref().and_then(|a| a.node_affinity.clone());
    if affinity.is_some() || own.affinity.is_some() {
        let mut kept = own.affinity.take().unwrap_or_default();
        kept.node_affinity = affinity;
        own.affinity = (pods.affinity.is_some() || kept != Affinity::default()).then_some(kept);
    }
}
