//! Validation of horizontal autoscalers of pods.

use super::{Errors, Path, names};
use crate::object::quantity;
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingRules, HorizontalPodAutoscaler, MetricIdentifier, MetricSpec,
    MetricTarget,
};

const SPEC: Path = Path::new("spec");
const TYPES: &[&str] = &["ContainerResource", "External", "Object", "Pods", "Resource"];

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
    reference(&spec.scale_target_ref, SPEC.child("scaleTargetRef"), errors);
    for (index, metric) in spec.metrics.iter().flatten().enumerate() {
        let list = SPEC.child("metrics");
        self::metric(metric, list.index(index), errors);
    }
    if let Some(behavior) = &spec.behavior {
        let path = SPEC.child("behavior");
        for (field, rules) in [("scaleUp", &behavior.scale_up), ("scaleDown", &behavior.scale_down)] {
            if let Some(rules) = rules {
                self::rules(rules, path.child(field), errors);
            }
        }
    }
}

fn reference(target: &CrossVersionObjectReference, path: Path, errors: &mut Errors) {
    for (field, value) in [("kind", &target.kind), ("name", &target.name)] {
        errors.needed(path.child(field), value);
        errors.all(path.child(field), value, names::segment(value));
    }
}

fn metric(metric: &MetricSpec, path: Path, errors: &mut Errors) {
    let kind = metric.type_.as_str();
    if kind.is_empty() {
        errors.required(path.child("type"), "must specify a metric source type");
    }
    errors.supported(path.child("type"), Some(kind), TYPES);
    let mut there = Vec::new();
    if let Some(source) = &metric.object {
        there.push("object");
        let path = path.child("object");
        reference(&source.described_object, path.child("describedObject"), errors);
        identifier(&source.metric, path.child("metric"), errors);
        target(&source.target, path.child("target"), errors);
        if source.target.value.is_none() && source.target.average_value.is_none() {
            let why = "must set either a target value or averageValue";
            errors.required(path.child("target").child("averageValue"), why);
        }
    }
    if let Some(source) = &metric.external {
        there.push("external");
        let path = path.child("external");
        identifier(&source.metric, path.child("metric"), errors);
        target(&source.target, path.child("target"), errors);
        match (&source.target.value, &source.target.average_value) {
            (None, None) => {
                let why = "must set either a target value for metric or a per-pod target";
                errors.required(path.child("target").child("averageValue"), why);
            }
            (Some(_), Some(_)) => {
                let why = "may not set both a target value for metric and a per-pod target";
                errors.forbidden(path.child("target").child("value"), why);
            }
            _ => {}
        }
    }
    if let Some(source) = &metric.pods {
        there.push("pods");
        let path = path.child("pods");
        identifier(&source.metric, path.child("metric"), errors);
        target(&source.target, path.child("target"), errors);
        if source.target.average_value.is_none() {
            let why = "must specify a positive target averageValue";
            errors.required(path.child("target").child("averageValue"), why);
        }
    }
    if let Some(source) = &metric.resource {
        there.push("resource");
        resource(&source.name, &source.target, path.child("resource"), errors);
    }
    if let Some(source) = &metric.container_resource {
        there.push("containerResource");
        let path = path.child("containerResource");
        if source.container.is_empty() {
            errors.required(path.child("container"), "must specify a container");
        }
        resource(&source.name, &source.target, path, errors);
    }
    let mut own = kind.to_owned();
    if let Some(first) = own.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    if TYPES.contains(&kind) && !there.contains(&own.as_str()) {
        errors.required(path.child(&own), "must populate information for the given metric source");
    }
    if there.len() > 1 {
        for other in there.iter().filter(|t| **t != own) {
            errors.forbidden(path.child(other), "must populate the given metric source only");
        }
    }
}

fn identifier(metric: &MetricIdentifier, path: Path, errors: &mut Errors) {
    if metric.name.is_empty() {
        errors.required(path.child("name"), "must specify a metric name");
    }
    errors.all(path.child("name"), &metric.name, names::segment(&metric.name));
}

fn resource(name: &str, aim: &MetricTarget, path: Path, errors: &mut Errors) {
    if name.is_empty() {
        errors.required(path.child("name"), "must specify a resource name");
    }
    target(aim, path.child("target"), errors);
    match (&aim.average_utilization, &aim.average_value) {
        (None, None) => {
            let why = "must set either a target raw value or a target utilization";
            errors.required(path.child("target").child("averageUtilization"), why);
        }
        (Some(_), Some(_)) => {
            let why = "may not set both a target raw value and a target utilization";
            errors.forbidden(path.child("target").child("averageValue"), why);
        }
        _ => {}
    }
}

fn target(aim: &MetricTarget, path: Path, errors: &mut Errors) {
    let kind = aim.type_.as_str();
    if kind.is_empty() {
        errors.required(path.child("type"), "must specify a metric target type");
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        let why = "must be either Utilization, Value, or AverageValue";
        errors.invalid(path.child("type"), kind, why);
    }
    for (field, value) in [("value", &aim.value), ("averageValue", &aim.average_value)] {
        if let Some(value) = value.as_ref().filter(|v| quantity::of(v).nano <= 0) {
            errors.invalid(path.child(field), value.0.as_str(), "must be positive");
        }
    }
    if let Some(percent) = aim.average_utilization.filter(|p| *p < 1) {
        errors.invalid(path.child("averageUtilization"), percent, "must be greater than 0");
    }
}

fn rules(rules: &HPAScalingRules, path: Path, errors: &mut Errors) {
    if let Some(seconds) = rules.stabilization_window_seconds {
        let path = path.child("stabilizationWindowSeconds");
        if seconds < 0 {
            errors.invalid(path, seconds, "must be greater than or equal to zero");
        } else if seconds > 3600 {
            errors.invalid(path, seconds, "must be less than or equal to 3600");
        }
    }
    let select = rules.select_policy.as_deref();
    errors.supported(path.child("selectPolicy"), select, &["Disabled", "Max", "Min"]);
    let list = path.child("policies");
    let policies = rules.policies.as_deref().unwrap_or_default();
    if policies.is_empty() {
        errors.required(list, "must specify at least one Policy");
    }
    for (index, policy) in policies.iter().enumerate() {
        let path = list.index(index);
        errors.supported(path.child("type"), Some(&policy.type_), &["Percent", "Pods"]);
        for (field, value) in [("value", policy.value), ("periodSeconds", policy.period_seconds)] {
            if value <= 0 {
                errors.invalid(path.child(field), value, "must be greater than zero");
            }
        }
        if policy.period_seconds > 1800 {
            let why = "must be less than or equal to 1800";
            errors.invalid(path.child("periodSeconds"), policy.period_seconds, why);
        }
    }
}
