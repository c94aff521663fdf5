//! Validation of the workload kinds that run for ever, and of disruption budgets.

use super::{Errors, Path, names, pod};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
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
        let values = expression.values.as_deref().unwrap_or_default();
        operator(&expression.operator, values, path, errors);
        errors.all(path.child("key"), &expression.key, names::qualified(&expression.key));
        for (index, value) in values.iter().enumerate() {
            let list = path.child("values");
            errors.all(list.index(index), value, names::label_value(value));
        }
    }
}

/// An operator of a selector, and whether it has the values that it needs.
pub fn operator(operator: &str, values: &[String], path: Path, errors: &mut Errors) {
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.forbidden(path.child("values"), why);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.invalid(path.child("operator"), other, "not a valid selector operator"),
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
    match spec.pod_management_policy.as_deref().unwrap_or("") {
        "" => errors.required(SPEC.child("podManagementPolicy"), ""),
        "OrderedReady" | "Parallel" => {}
        other => {
            let why = "must be 'OrderedReady' or 'Parallel'";
            errors.invalid(SPEC.child("podManagementPolicy"), other, why);
        }
    }
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
            errors.raw(path, &format!("{{\"Type\":{},\"RollingUpdate\":null}}", json!(other)), why);
        }
    }
    if let Some(policy) = &spec.persistent_volume_claim_retention_policy {
        let path = SPEC.child("persistentVolumeClaimRetentionPolicy");
        for (field, policy) in [("whenDeleted", &policy.when_deleted), ("whenScaled", &policy.when_scaled)] {
            errors.supported(path.child(field), policy.as_deref(), &["Retain", "Delete"]);
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
    if let Some(start) = spec.ordinals.as_ref().and_then(|o| o.start) {
        errors.not_negative(SPEC.child("ordinals.start"), Some(i64::from(start)));
    }
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

pub fn budget(o: &PodDisruptionBudget, errors: &mut Errors) {
    let Some(spec) = &o.spec else { return };
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        errors.raw(SPEC, &super::diff::budget(spec), "minAvailable and maxUnavailable cannot be both set");
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
