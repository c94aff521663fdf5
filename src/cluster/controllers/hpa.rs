//! The horizontal pod autoscaler in a cluster without a metrics server: it keeps the target within its bounds, and says
//! that it cannot measure.
//!
//! From `pkg/controller/podautoscaler`. Does not: measure anything.

use super::support::transition;
use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, Resource, SECOND, SimTime};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerSpec, MetricSpec,
};
use std::sync::Arc;

/// `horizontal-pod-autoscaler` in the table.
pub const CONTROLLER: Controller = Controller { name: "horizontal-pod-autoscaler", watch, reconcile };

/// How often it looks (`--horizontal-pod-autoscaler-sync-period`).
const PERIOD: u64 = 15 * SECOND;
const NO_SERVER: &str = "the server could not find the requested resource";

fn watch(change: &Change, _: &View, keys: &mut Keys) {
    // Its own status writes do not count; a new one waits for a period, too.
    if change.key.kind == Kind::HorizontalPodAutoscaler && change.old.is_none() {
        keys.push_after(change.key.clone(), PERIOD);
    }
}

/// What is scaled.
struct Target {
    object: Object,
    replicas: i32,
}

fn target(view: &View, namespace: &str, spec: &HorizontalPodAutoscalerSpec) -> Result<Target, String> {
    let reference = &spec.scale_target_ref;
    let kind = Kind::find(reference.api_version.as_deref().unwrap_or("v1"), &reference.kind);
    let kind = kind.ok_or_else(|| format!("no matches for kind \"{}\" in group \"\"", reference.kind))?;
    let missing = || format!("{} \"{}\" not found", kind.info().resource(), reference.name);
    let object =
        view.store.get(&ObjectKey::new(kind, namespace, reference.name.as_str())).ok_or_else(missing)?;
    let replicas = match object {
        Object::Deployment(d) => d.spec.as_ref().and_then(|s| s.replicas),
        Object::ReplicaSet(r) => r.spec.as_ref().and_then(|s| s.replicas),
        Object::StatefulSet(s) => s.spec.as_ref().and_then(|s| s.replicas),
        _ => return Err(NO_SERVER.to_owned()),
    };
    Ok(Target { object: object.clone(), replicas: replicas.unwrap_or(1) })
}

fn resized(object: &Object, replicas: i32) -> Option<Object> {
    Some(match object {
        Object::Deployment(d) => {
            let mut d = Deployment::clone(d);
            d.spec.get_or_insert_default().replicas = Some(replicas);
            d.into_object()
        }
        Object::ReplicaSet(r) => {
            let mut r = ReplicaSet::clone(r);
            r.spec.get_or_insert_default().replicas = Some(replicas);
            r.into_object()
        }
        Object::StatefulSet(s) => {
            let mut s = StatefulSet::clone(s);
            s.spec.get_or_insert_default().replicas = Some(replicas);
            s.into_object()
        }
        _ => return None,
    })
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::HorizontalPodAutoscaler(stored)) = view.store.get(key) else { return Vec::new() };
    let spec = &stored.spec;
    let mut changed = HorizontalPodAutoscaler::clone(stored);
    let mut writes = vec![Write::Again(PERIOD)];
    match target(view, &key.name.namespace, spec) {
        Err(text) => {
            writes.push(warn(stored, "FailedGetScale", text.clone()));
            let text = format!("the HPA controller was unable to get the target's current scale: {text}");
            condition(&mut changed, "AbleToScale", "False", ("FailedGetScale", text), view.now);
        }
        Ok(target) => {
            let text = "the HPA controller was able to get the target's current scale".to_owned();
            condition(&mut changed, "AbleToScale", "True", ("SucceededGetScale", text), view.now);
            scale(view, stored, &mut changed, &target, &mut writes);
        }
    }
    if changed.status != stored.status {
        writes.push(Write::UpdateStatus(changed.into_object()));
    }
    writes
}

fn warn(hpa: &Arc<HorizontalPodAutoscaler>, reason: &'static str, text: String) -> Write {
    let about = Object::HorizontalPodAutoscaler(hpa.clone());
    Write::Event(Note::warning(&about, CONTROLLER.name, reason, text))
}

fn scale(
    view: &View,
    stored: &Arc<HorizontalPodAutoscaler>,
    changed: &mut HorizontalPodAutoscaler,
    target: &Target,
    writes: &mut Vec<Write>,
) {
    let spec = &stored.spec;
    let (least, most) = (spec.min_replicas.unwrap_or(1), spec.max_replicas);
    changed.status.get_or_insert_default().current_replicas = Some(target.replicas);
    let bounded = match target.replicas {
        0 if least != 0 => {
            let text = "scaling is disabled since the replica count of the target is zero".to_owned();
            condition(changed, "ScalingActive", "False", ("ScalingDisabled", text), view.now);
            return;
        }
        n if n > most => Some((most, "Current number of replicas above Spec.MaxReplicas")),
        n if n < least => Some((least, "Current number of replicas below Spec.MinReplicas")),
        _ => None,
    };
    if let Some((replicas, why)) = bounded {
        writes.extend(resized(&target.object, replicas).map(Write::Update));
        let about = Object::HorizontalPodAutoscaler(stored.clone());
        let text = format!("New size: {replicas}; reason: {why}");
        writes.push(Write::Event(Note::normal(&about, CONTROLLER.name, "SuccessfulRescale", text)));
        let text = format!("the HPA controller was able to update the target scale to {replicas}");
        condition(changed, "AbleToScale", "True", ("SucceededRescale", text), view.now);
        let status = changed.status.get_or_insert_default();
        status.desired_replicas = replicas;
        status.last_scale_time = Some(view.now.to_api());
        return;
    }
    let metrics = spec.metrics.as_deref().unwrap_or_default();
    for metric in metrics {
        let (reason, why, _) = unmeasured(metric);
        writes.push(warn(stored, reason, why));
    }
    let Some((reason, why, value)) = metrics.first().map(unmeasured) else { return };
    let n = metrics.len();
    let text = format!("invalid metrics ({n} invalid out of {n}), first error is: {value}: {why}");
    writes.push(warn(stored, "FailedComputeMetricsReplicas", text));
    let text = format!("the HPA was unable to compute the replica count: {why}");
    condition(changed, "ScalingActive", "False", (reason, text), view.now);
}

/// Why a metric cannot be had: reason, text, and what was being got.
fn unmeasured(metric: &MetricSpec) -> (&'static str, String, String) {
    if let Some(resource) = &metric.resource {
        let (name, what) =
            (&resource.name, if resource.target.type_ == "Utilization" { "utilization" } else { "usage" });
        let got = format!(
            "unable to get metrics for resource {name}: unable to fetch metrics from resource metrics API: {NO_SERVER} \
             (get pods.metrics.k8s.io)"
        );
        let why = format!("failed to get {name} {what}: {got}");
        return ("FailedGetResourceMetric", why, format!("failed to get {name} resource metric value"));
    }
    let (reason, name) = match metric.type_.as_str() {
        "Pods" => ("FailedGetPodsMetric", metric.pods.as_ref().map(|p| p.metric.name.clone())),
        "Object" => ("FailedGetObjectMetric", metric.object.as_ref().map(|o| o.metric.name.clone())),
        "External" => ("FailedGetExternalMetric", metric.external.as_ref().map(|e| e.metric.name.clone())),
        _ => ("FailedGetContainerResourceMetric", metric.container_resource.as_ref().map(|c| c.name.clone())),
    };
    let name = name.unwrap_or_default();
    let why = format!(
        "unable to get metric {name}: unable to fetch metrics from custom metrics API: no custom metrics API \
         (custom.metrics.k8s.io) registered"
    );
    (reason, why, format!("failed to get {} metric value", metric.type_.to_lowercase()))
}

fn condition(
    hpa: &mut HorizontalPodAutoscaler,
    type_: &str,
    status: &str,
    (reason, message): (&str, String),
    now: SimTime,
) {
    let conditions = hpa.status.get_or_insert_default().conditions.get_or_insert_default();
    let place = conditions.iter().position(|c| c.type_ == type_);
    let earlier = place.map(|i| (conditions[i].status.as_str(), conditions[i].last_transition_time.as_ref()));
    let condition = HorizontalPodAutoscalerCondition {
        last_transition_time: transition(earlier, status, now),
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
    };
    match place {
        Some(i) => conditions[i] = condition,
        None => conditions.push(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds_hold_and_metrics_are_missing() {
        let mut lab = lab();
        lab.create_all([
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {
                    "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                    "template": {
                        "metadata": {"labels": {"app": "web"}},
                        "spec": {"containers": [{"name": "c", "image": "nginx"}]}
                    }
                }
            }),
            json!({
                "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
                "spec": {
                    "minReplicas": 2, "maxReplicas": 5,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                    "metrics": [{"type": "Resource", "resource": {
                        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}
                    }}]
                }
            }),
        ]);
        lab.advance(35_000);
        assert_eq!(lab.get::<Deployment>("web").spec.as_ref().and_then(|s| s.replicas), Some(2));
        let events = lab.events("HorizontalPodAutoscaler");
        assert_eq!(
            events[0],
            "SuccessfulRescale: New size: 2; reason: Current number of replicas below Spec.MinReplicas"
        );
        assert_eq!(
            events[1],
            "FailedGetResourceMetric: failed to get cpu utilization: unable to get metrics for resource cpu: unable to \
             fetch metrics from resource metrics API: the server could not find the requested resource (get \
             pods.metrics.k8s.io)"
        );
    }
}
